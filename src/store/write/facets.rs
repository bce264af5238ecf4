//! The values by which traces are found: how many spans of each trace have each of them.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::NewRows;
use super::any_of::{AnyOf, KEYS_A_QUERY, pieces};
use super::summary::{FacetCounts, status_facets};
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::convert::Facet;
use crate::store::dialect;
use crate::store::rows::{FacetRow, TraceRow};
use crate::store::schema::{trace_facets, traces};

/// How the facets of one trace change.
pub(super) struct FacetChange<'a> {
    /// The summary that the stored facets belong to; without one there are none.
    pub(super) before: Option<&'a TraceRow>,
    /// The summary that is stored now.
    pub(super) after: &'a TraceRow,
    /// How many more or fewer spans have a value.
    pub(super) counts: &'a FacetCounts<'a>,
}

/// Values by trace and field.
type Values<'a> = BTreeMap<(&'a [u8], &'static str), Vec<&'a str>>;

/// The numbers of spans that have a value, in the order of trace, field and value.
struct StoredCounts(Vec<(Vec<u8>, String, String, i64)>);

impl StoredCounts {
    fn get(&self, trace_id: &[u8], field: &str, value: &str) -> i64 {
        let key = (trace_id, field, value);
        let place = self.0.binary_search_by(|row| (row.0.as_slice(), row.1.as_str(), row.2.as_str()).cmp(&key)).ok();
        place.and_then(|place| self.0.get(place)).map_or(0, |row| row.3)
    }
}

/// Writes what changes; the summaries must be stored already, for the start that each facet repeats.
pub(super) fn write_facets(
    connection: &mut AnyConnection,
    changes: &[FacetChange<'_>],
    new: NewRows,
) -> QueryResult<()> {
    move_starts(connection, changes)?;
    let stored = load_falling(connection, changes)?;
    // Of new traces; of others, whose values more spans have than did; and of those that fewer have.
    let (mut added, mut grown, mut left) = (Vec::new(), Vec::new(), Vec::new());
    let mut gone: Values<'_> = BTreeMap::new();
    for change in changes {
        let (trace_id, start_ns) = (change.after.trace_id.as_slice(), change.after.start_ns);
        let row = |facet: Facet, value: &str, count| FacetRow::new(trace_id, facet, value, start_ns, count);
        let more = if change.before.is_none() { &mut added } else { &mut grown };
        for ((facet, value), difference) in change.counts {
            match *difference {
                0 => {}
                1.. => more.push(row(*facet, value, *difference)),
                _ => match stored.get(trace_id, facet.as_str(), value) + difference {
                    count @ 1.. => left.push(row(*facet, value, count)),
                    _ => gone.entry((trace_id, facet.as_str())).or_default().push(value),
                },
            }
        }
        let (was, is) = (change.before.map(status_facets).unwrap_or_default(), status_facets(change.after));
        more.extend(is.difference(&was).map(|(facet, value)| row(*facet, value, 1)));
        for (facet, value) in was.difference(&is) {
            gone.entry((trace_id, facet.as_str())).or_default().push(value);
        }
    }
    delete(connection, gone)?;
    new.write(connection, &sorted(&added))?;
    dialect::add_up(connection, &sorted(&grown))?;
    dialect::put(connection, &sorted(&left))
}

/// In the order of the key.
fn sorted(rows: &[FacetRow]) -> Vec<&FacetRow> {
    let mut rows: Vec<&FacetRow> = rows.iter().collect();
    rows.sort_unstable_by_key(|row| (&row.trace_id, &row.field, &row.value));
    rows
}

/// Deletes all facets of a trace.
pub(super) fn delete_facets(connection: &mut AnyConnection, trace_id: &[u8]) -> QueryResult<()> {
    dispatch!(connection, concrete => {
        diesel::delete(trace_facets::table.filter(trace_facets::trace_id.eq(trace_id))).execute(concrete)
    })
    .map(drop)
}

/// Takes the start over from the summaries that have another one now.
fn move_starts(connection: &mut AnyConnection, changes: &[FacetChange<'_>]) -> QueryResult<()> {
    let moved: Vec<&[u8]> = changes
        .iter()
        .filter(|change| change.before.is_some_and(|before| before.start_ns != change.after.start_ns))
        .map(|change| change.after.trace_id.as_slice())
        .collect();
    for moved in moved.chunks(KEYS_A_QUERY) {
        let start_ns = traces::table
            .filter(traces::trace_id.eq(trace_facets::trace_id))
            .select(traces::start_ns)
            .single_value()
            .assume_not_null();
        dispatch!(connection, concrete => {
            diesel::update(trace_facets::table.filter(trace_facets::trace_id.eq_any(moved.iter().copied())))
                .set(trace_facets::start_ns.eq(start_ns))
                .execute(concrete)
        })?;
    }
    Ok(())
}

/// The stored counts of the facets that fewer spans have than did; a new trace has none.
fn load_falling(connection: &mut AnyConnection, changes: &[FacetChange<'_>]) -> QueryResult<StoredCounts> {
    let mut changing: Values<'_> = BTreeMap::new();
    for change in changes.iter().filter(|change| change.before.is_some()) {
        for ((facet, value), _) in change.counts.iter().filter(|(_, difference)| **difference < 0) {
            changing.entry((&change.after.trace_id, facet.as_str())).or_default().push(value);
        }
    }
    let mut rows = Vec::new();
    for piece in pieces(changing) {
        let these: AnyOf<_> = piece
            .iter()
            .map(|((trace_id, field), values)| {
                trace_facets::trace_id
                    .eq(*trace_id)
                    .and(trace_facets::field.eq(*field))
                    .and(trace_facets::value.eq_any(values.iter().copied()))
            })
            .collect();
        rows.append(&mut dispatch!(connection, concrete => {
            trace_facets::table
                .filter(these)
                .select((
                    trace_facets::trace_id,
                    trace_facets::field,
                    trace_facets::value,
                    trace_facets::span_count,
                ))
                .load(concrete)
        })?);
    }
    rows.sort_unstable();
    Ok(StoredCounts(rows))
}

fn delete(connection: &mut AnyConnection, gone: Values<'_>) -> QueryResult<()> {
    for piece in pieces(gone) {
        let these: AnyOf<_> = piece
            .iter()
            .map(|((trace_id, field), values)| {
                trace_facets::trace_id
                    .eq(*trace_id)
                    .and(trace_facets::field.eq(*field))
                    .and(trace_facets::value.eq_any(values.iter().copied()))
            })
            .collect();
        dispatch!(connection, concrete => diesel::delete(trace_facets::table.filter(these)).execute(concrete))?;
    }
    Ok(())
}
