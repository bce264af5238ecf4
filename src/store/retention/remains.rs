//! What traces leave behind: events of traces that never came, and senders that no span names.

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::{MAX_TRACES, delete};
use crate::error::Result;
use crate::model::DAY_NS;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::convert::Facet;
use crate::store::schema::{resources, scopes, span_events, trace_facets, traces};
use crate::store::{Failure, Store, dialect};

/// How much earlier than the first span of all a process must have ended to be sure of having none: clocks are set back by less.
const SLACK_NS: i64 = DAY_NS;

/// Deletes the next events that are older than a time, were written before it, and whose traces never came; whether there may be more.
pub(super) fn delete_lost_events(store: &Store, before_ns: i64) -> Result<bool> {
    let mut ids: Vec<Vec<u8>> = store.read(|connection| Ok(lost_traces(connection, before_ns)?))?;
    if ids.is_empty() {
        return Ok(false);
    }
    ids.sort_unstable();
    store.write(|connection| Ok(delete_events_of(connection, ids, before_ns)?))?;
    Ok(true)
}

fn lost_traces(connection: &mut AnyConnection, before_ns: i64) -> QueryResult<Vec<Vec<u8>>> {
    dispatch!(connection, concrete => {
        let stored = traces::table.filter(traces::trace_id.eq(span_events::trace_id)).filter(traces::span_count.gt(0));
        span_events::table
            .select(span_events::trace_id)
            .filter(span_events::time_ns.lt(before_ns))
            .filter(span_events::created_ns.lt(before_ns))
            .filter(diesel::dsl::not(diesel::dsl::exists(stored)))
            .distinct()
            .limit(i64::try_from(MAX_TRACES).unwrap_or(i64::MAX))
            .load(concrete)
    })
}

fn delete_events_of(connection: &mut AnyConnection, mut ids: Vec<Vec<u8>>, before_ns: i64) -> QueryResult<()> {
    delete::lock(connection, &ids)?;
    // One that has come since is kept, with its events.
    let stored = delete::by_id(connection, &ids)?;
    ids.retain(|id| !stored.iter().any(|candidate| candidate.trace_id == *id));
    dispatch!(connection, concrete => {
        let events = span_events::table.filter(span_events::trace_id.eq_any(&ids));
        let old = events.filter(span_events::time_ns.lt(before_ns)).filter(span_events::created_ns.lt(before_ns));
        diesel::delete(old).execute(concrete)?;
        let places = traces::table.filter(traces::trace_id.eq_any(&ids)).filter(traces::span_count.eq(0));
        diesel::delete(places).execute(concrete)?;
    });
    Ok(())
}

/// A process that was last heard of before this time, in nanoseconds since 1970, wrote before the first stored trace began: none of its spans
/// can be left.
pub(super) fn silent_before_ns(store: &Store, present_ns: i64) -> Result<i64> {
    let first: Option<i64> = store.read(|connection| {
        Ok(dispatch!(connection, concrete => {
            traces::table
                .select(traces::start_ns)
                .filter(traces::span_count.gt(0))
                .order((traces::start_ns.asc(), traces::trace_id.asc()))
                .first(concrete)
                .optional()
        })?)
    })?;
    Ok(first.unwrap_or(present_ns).min(present_ns).saturating_sub(SLACK_NS))
}

/// Deletes resources of services of which no trace is left, and all resources and scopes when there is no trace at all. Where writers cannot
/// be held off for it now, they stay until the next time.
pub(super) fn delete_senders(store: &Store) {
    // All that failing means here is that some small rows stay.
    let _ = store.write(|connection| {
        if dialect::hold_senders(connection)? {
            delete_unnamed(connection)?;
        }
        Ok::<(), Failure>(())
    });
}

fn delete_unnamed(connection: &mut AnyConnection) -> QueryResult<()> {
    dispatch!(connection, concrete => {
        let is_used: bool = diesel::select(diesel::dsl::exists(traces::table.filter(traces::span_count.gt(0)))).get_result(concrete)?;
        if !is_used {
            diesel::delete(resources::table).execute(concrete)?;
            diesel::delete(scopes::table).execute(concrete)?;
            return Ok(());
        }
        // Every span of a service with a name says so among its trace's facets: an index tells whether there is one.
        let named = trace_facets::table
            .filter(trace_facets::field.eq(Facet::Service.as_str()))
            .filter(trace_facets::value.nullable().eq(resources::service_name));
        let dead = resources::table
            .filter(resources::service_name.is_not_null())
            .filter(diesel::dsl::not(diesel::dsl::exists(named)));
        diesel::delete(dead).execute(concrete)?;
        Ok(())
    })
}
