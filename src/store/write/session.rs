//! Session summaries: the sums of their traces.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::any_of::KEYS_A_QUERY;
use super::summary::tokens_of_trace;
use crate::model::TraceStatus;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::convert::Facet;
use crate::store::dialect;
use crate::store::rows::{SessionRow, TraceRow};
use crate::store::schema::{sessions, trace_facets, traces};

/// Carries the changes of traces (before, after) over to their sessions.
pub(super) fn update(connection: &mut AnyConnection, changes: &[(Option<&TraceRow>, TraceRow)]) -> QueryResult<()> {
    let mut anew = BTreeSet::new();
    let mut grown: BTreeMap<&str, Vec<(Option<&TraceRow>, &TraceRow)>> = BTreeMap::new();
    // A fragment of a torn run counts with the trace that it is joined to.
    let changes = changes.iter().filter(|(_, after)| after.joined_to.is_none());
    for (before, after) in changes.filter(|(before, after)| *before != Some(after)) {
        let session_before = before.and_then(|before| before.session_id.as_deref());
        if let Some(left) = session_before.filter(|left| after.session_id.as_deref() != Some(left)) {
            anew.insert(left.to_owned());
        }
        if let Some(session) = &after.session_id {
            let before = before.filter(|_| session_before == Some(session));
            grown.entry(session).or_default().push((before, after));
        }
    }
    let touched = grown.keys().map(|session| (*session).to_owned()).chain(anew.iter().cloned()).collect();
    lock_sessions(connection, &touched)?;
    grown.retain(|session, _| !anew.contains(*session));
    let mut rows = load(connection, &grown.keys().copied().collect::<Vec<_>>())?;
    let mut summaries = Vec::with_capacity(grown.len());
    for (session, changes) in grown {
        let stored = rows.remove(session);
        let is_stored = stored.is_some();
        let mut row = stored.unwrap_or_else(|| SessionRow::placeholder(session));
        let mut is_told = true;
        for (before, after) in changes {
            is_told &= before.is_none_or(|before| is_stored && !is_lost(&row, before, after));
            add(&mut row, before, after);
        }
        if is_told {
            summaries.push(row);
        } else {
            anew.insert(session.to_owned());
        }
    }
    dialect::put(connection, &summaries.iter().collect::<Vec<_>>())?;
    recompute_sessions(connection, &anew)
}

/// Holds these sessions' summaries until the transaction ends.
pub(crate) fn lock_sessions(connection: &mut AnyConnection, keys: &BTreeSet<String>) -> QueryResult<()> {
    dialect::lock_sessions(connection, &keys.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Makes the summaries of these sessions, which the transaction must [hold](lock_sessions), anew from their traces; a session without traces
/// goes.
pub(crate) fn recompute_sessions(connection: &mut AnyConnection, keys: &BTreeSet<String>) -> QueryResult<()> {
    for session in keys {
        let members: Vec<TraceRow> = dispatch!(connection, concrete => {
            traces::table
                .inner_join(trace_facets::table.on(trace_facets::trace_id.eq(traces::trace_id)))
                .filter(trace_facets::field.eq(Facet::Session.as_str()))
                .filter(trace_facets::value.eq(session))
                .filter(traces::session_id.eq(session))
                .select(TraceRow::as_select())
                .load(concrete)
        })?;
        if members.is_empty() {
            dispatch!(connection, concrete => {
                diesel::delete(sessions::table.find(session)).execute(concrete)
            })?;
            continue;
        }
        let mut row = SessionRow::placeholder(session);
        for trace in &members {
            add(&mut row, None, trace);
        }
        dialect::put(connection, &[&row])?;
    }
    Ok(())
}

/// The summaries of these sessions, as far as there are any; what [`lock_sessions`] made is none.
fn load(connection: &mut AnyConnection, keys: &[&str]) -> QueryResult<BTreeMap<String, SessionRow>> {
    let mut rows = BTreeMap::new();
    for keys in keys.chunks(KEYS_A_QUERY) {
        let found: Vec<SessionRow> = dispatch!(connection, concrete => {
            sessions::table
                .filter(sessions::session_id.eq_any(keys.iter().copied()))
                .filter(sessions::trace_count.gt(0))
                .select(SessionRow::as_select())
                .load(concrete)
        })?;
        rows.extend(found.into_iter().map(|row| (row.session_id.clone(), row)));
    }
    Ok(rows)
}

/// Whether something is gone that the session's summary stands on, so that it cannot be told from the change alone.
fn is_lost(session: &SessionRow, before: &TraceRow, after: &TraceRow) -> bool {
    let lost_tokens = tokens_of_trace(before)
        .into_iter()
        .zip(tokens_of_trace(after))
        .any(|(before, after)| before.is_some() && after.is_none());
    let was_first = before.start_ns == session.start_ns && after.start_ns > before.start_ns;
    let was_last = last(before) == session.last_ns && last(after) < last(before);
    let (user_before, user) = ((before.user_first_ns, &before.user_id), (after.user_first_ns, &after.user_id));
    let had_first_user = before.user_id.is_some()
        && user_before == (session.user_first_ns, &session.user_id)
        && (after.user_id.is_none() || user > user_before);
    lost_tokens || was_first || was_last || had_first_user || is_full(session)
}

/// Whether a sum is at its limit, and no longer tells what it was made of.
fn is_full(session: &SessionRow) -> bool {
    [
        session.input_tokens,
        session.output_tokens,
        session.total_tokens,
        session.cache_read_tokens,
        session.cache_write_tokens,
        session.reasoning_tokens,
        session.cost_nano_usd,
    ]
    .contains(&Some(i64::MAX))
}

fn last(trace: &TraceRow) -> i64 {
    trace.end_ns.unwrap_or(trace.start_ns).max(trace.start_ns)
}

fn add(session: &mut SessionRow, before: Option<&TraceRow>, after: &TraceRow) {
    let has_error = |trace: &TraceRow| i64::from(trace.status == TraceStatus::Error.as_str());
    session.trace_count += i64::from(before.is_none());
    session.error_trace_count += has_error(after) - before.map_or(0, has_error);
    session.span_count += after.span_count - before.map_or(0, |before| before.span_count);
    session.unpriced_count += after.unpriced_count - before.map_or(0, |before| before.unpriced_count);
    session.start_ns = session.start_ns.min(after.start_ns);
    session.last_ns = session.last_ns.max(last(after));
    if let (Some(user), Some(first_ns)) = (&after.user_id, after.user_first_ns) {
        let is_first = match (&session.user_id, session.user_first_ns) {
            (Some(known), Some(known_ns)) => (first_ns, user) < (known_ns, known),
            _ => true,
        };
        if is_first {
            session.user_id = Some(user.clone());
            session.user_first_ns = Some(first_ns);
        }
    }
    let before = before.map(tokens_of_trace).unwrap_or_default();
    for ((sum, before), after) in [
        &mut session.input_tokens,
        &mut session.output_tokens,
        &mut session.total_tokens,
        &mut session.cache_read_tokens,
        &mut session.cache_write_tokens,
        &mut session.reasoning_tokens,
        &mut session.cost_nano_usd,
    ]
    .into_iter()
    .zip(before)
    .zip(tokens_of_trace(after))
    {
        if let Some(after) = after {
            *sum = Some(sum.unwrap_or(0).saturating_sub(before.unwrap_or(0)).saturating_add(after));
        }
    }
}
