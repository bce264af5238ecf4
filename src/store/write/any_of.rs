//! Rows by keys of several parts, as one condition that every database answers from an index.
//!
//! `trace_id IN (…) AND span_id IN (…)` would be shorter, but is looked up for each trace with each span: 500 spans of 500 traces are
//! 250,000 look-ups, which took 71 ms instead of 3 on SQLite and 37 instead of 10 on PostgreSQL 15. So each trace stands with its own
//! keys, and the alternatives are joined by `OR`.

use diesel::backend::Backend;
use diesel::expression::{Expression, ValidGrouping, is_aggregate};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

/// Keys in one statement: long lists are slow to prepare, and SQLite allows a thousand alternatives.
pub(super) const KEYS_A_QUERY: usize = 500;

/// One of these conditions; there must be one at least.
pub(crate) struct AnyOf<E>(Vec<E>);

impl<E> FromIterator<E> for AnyOf<E> {
    fn from_iter<I: IntoIterator<Item = E>>(conditions: I) -> Self {
        Self(conditions.into_iter().collect())
    }
}

impl<E: Expression> Expression for AnyOf<E> {
    type SqlType = E::SqlType;
}

impl<E: AppearsOnTable<QS>, QS> AppearsOnTable<QS> for AnyOf<E> {}

impl<E: SelectableExpression<QS>, QS> SelectableExpression<QS> for AnyOf<E> {}

impl<E> ValidGrouping<()> for AnyOf<E> {
    type IsAggregate = is_aggregate::No;
}

impl<E> QueryId for AnyOf<E> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<E: QueryFragment<DB>, DB: Backend> QueryFragment<DB> for AnyOf<E> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        // Each length is another statement: kept prepared, they would only take memory.
        out.unsafe_to_cache_prepared();
        for (place, condition) in self.0.iter().enumerate() {
            // Nothing binds less than `OR`, so a condition needs no parentheses of its own.
            out.push_sql(if place == 0 { "(" } else { " OR " });
            condition.walk_ast(out.reborrow())?;
        }
        out.push_sql(")");
        Ok(())
    }
}

/// Groups of keys, in pieces of at most [`KEYS_A_QUERY`] keys each. A large group may go on in the next piece.
pub(super) fn pieces<G: Copy, K>(groups: impl IntoIterator<Item = (G, Vec<K>)>) -> Vec<Vec<(G, Vec<K>)>> {
    let mut pieces = Vec::new();
    let mut piece = Vec::new();
    let mut room = KEYS_A_QUERY;
    for (group, mut keys) in groups {
        while !keys.is_empty() {
            let rest = keys.split_off(room.min(keys.len()));
            room -= keys.len();
            piece.push((group, keys));
            keys = rest;
            if room == 0 {
                pieces.push(std::mem::take(&mut piece));
                room = KEYS_A_QUERY;
            }
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_piece_has_too_many_keys_and_no_key_is_missing() {
        let groups = [("a", 0), ("b", 3), ("c", 1_200), ("d", 0), ("e", 297), ("f", 1)];
        let found = pieces(groups.map(|(group, count)| (group, (0..count).collect::<Vec<_>>())));
        let sizes: Vec<usize> = found.iter().map(|piece| piece.iter().map(|(_, keys)| keys.len()).sum()).collect();
        assert_eq!(sizes, [500, 500, 500, 1]);
        let keys = |name| -> Vec<i32> {
            found.iter().flatten().filter(|(group, _)| *group == name).flat_map(|(_, keys)| keys.clone()).collect()
        };
        assert_eq!(groups.map(|(group, _)| keys(group)), groups.map(|(_, count)| (0..count).collect::<Vec<_>>()));
        assert!(found.iter().flatten().all(|(_, keys)| !keys.is_empty()));
    }
}
