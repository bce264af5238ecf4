//! Sessions: lists, and one.

use std::collections::{HashMap, HashSet, VecDeque};

use super::cursor;
use super::filter::{Conditions, Field, SessionFilter, TimeRange};
use super::statements::{SessionKey, ask};
use crate::error::Result;
use crate::model::{Cursor, Page, Session};
use crate::store::rows::SessionRow;
use crate::store::{AnyConnection, Failure, key_text};

/// Sessions that one call looks at, at most.
const SCAN_BUDGET: usize = 2_000;
/// Sessions that are checked at once.
const PIECE: usize = 100;

/// A page of sessions. Ends when it is full, at the end of the list, or when the scan budget is spent.
pub(super) async fn list(connection: &mut AnyConnection, filter: &SessionFilter) -> Result<Page<Session>, Failure> {
    let conditions = filter.conditions();
    conditions.check()?;
    let limit = conditions.limit();
    let mut walk = Walk::new(connection, conditions).await?;
    let mut items = Vec::with_capacity(limit);
    let mut examined = 0;
    let mut last: Option<SessionKey> = None;
    loop {
        let keys = walk.next(connection, limit - items.len() + 1).await?;
        if keys.is_empty() {
            return Ok(Page { items, next: None });
        }
        let mut rows = walk.holding(connection, &keys).await?;
        for key in keys {
            if items.len() == limit || examined == SCAN_BUDGET {
                let next = last.map(|(time_ns, id)| Cursor { time_ns, id: id.into_bytes() });
                return Ok(Page { items, next });
            }
            examined += 1;
            items.extend(rows.remove(&key.1).map(Session::from));
            last = Some(key);
        }
    }
}

/// A session by its id.
pub(super) async fn find(connection: &mut AnyConnection, id: &str) -> Result<Option<Session>, Failure> {
    let ids = vec![key_text(id)];
    let time = TimeRange::ALL;
    let mut rows: Vec<SessionRow> = ask!(connection, statements => statements::sessions::rows(ids, time))?;
    Ok(rows.pop().map(Session::from))
}

/// A walk over the sessions, the latest activity first.
struct Walk<'a> {
    conditions: &'a Conditions,
    time: TimeRange,
    /// The last session that was read.
    after: Option<SessionKey>,
    /// The keys of named sessions, looked up beforehand.
    listed: Option<VecDeque<SessionKey>>,
}

impl<'a> Walk<'a> {
    async fn new(connection: &mut AnyConnection, conditions: &'a Conditions) -> Result<Self, Failure> {
        let time = conditions.time_range();
        let after = conditions.after.as_ref().map(key_of).transpose()?;
        let ids = conditions.keys(Field::Session);
        let listed = if ids.is_empty() {
            None
        } else {
            let mut keys: Vec<SessionKey> = ask!(connection, statements => statements::sessions::by_id(ids))?;
            keys.retain(|key| key.0 >= time.since_ns && after.as_ref().is_none_or(|after| key < after));
            keys.sort_unstable_by(|a, b| b.cmp(a));
            Some(keys.into())
        };
        Ok(Self { conditions, time, after, listed })
    }

    /// Whether each session on the way holds by itself, so that no more need be read than are wanted.
    fn is_direct(&self) -> bool {
        self.time.until_ns == i64::MAX
            && self.conditions.excluded.is_empty()
            && self.conditions.values.keys().all(|field| *field == Field::Session)
    }

    /// The next keys, about `wanted` of them or a larger piece where they have to be checked; none at the end.
    async fn next(&mut self, connection: &mut AnyConnection, wanted: usize) -> Result<Vec<SessionKey>, Failure> {
        let count = if self.is_direct() { wanted } else { wanted.max(PIECE) };
        if let Some(listed) = &mut self.listed {
            return Ok(listed.drain(..count.min(listed.len())).collect());
        }
        let limit = i64::try_from(count).unwrap_or(i64::MAX);
        let keys: Vec<SessionKey> = ask!(connection, statements => {
            statements::sessions::by_last(self.time, self.after.as_ref(), limit)
        })?;
        self.after = keys.last().cloned();
        Ok(keys)
    }

    /// The summaries of those sessions that pass the other conditions, by id.
    async fn holding(
        &self,
        connection: &mut AnyConnection,
        keys: &[SessionKey],
    ) -> Result<HashMap<String, SessionRow>, Failure> {
        let mut ids: Vec<String> = keys.iter().map(|(_, id)| id.clone()).collect();
        let conditions = self.conditions;
        let named = conditions.values.keys().filter(|field| **field != Field::Session);
        let asked = named.map(|field| (*field, conditions.keys(*field), true));
        let excluded = conditions.excluded_keys().map(|(field, values)| (field, values, false));
        for (field, values, must_occur) in asked.chain(excluded) {
            if field == Field::Session {
                ids.retain(|id| !values.contains(id));
                continue;
            }
            let Some(facet) = field.facet() else { continue };
            let among = ids.clone();
            let with: Vec<String> =
                ask!(connection, statements => statements::sessions::with_facet(among, facet, values))?;
            let with: HashSet<String> = with.into_iter().collect();
            ids.retain(|id| with.contains(id) == must_occur);
        }
        let rows: Vec<SessionRow> = ask!(connection, statements => statements::sessions::rows(ids, self.time))?;
        Ok(rows.into_iter().map(|row| (row.session_id.clone(), row)).collect())
    }
}

/// The place that a cursor names, if it is one of a list of sessions.
fn key_of(after: &Cursor) -> Result<SessionKey> {
    match String::from_utf8(after.id.clone()) {
        Ok(id) if !id.contains('\0') => Ok((after.time_ns, id)),
        _ => Err(cursor::refused()),
    }
}
