//! Deleting traces, in transactions small enough that writers need not wait long.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::connection::{AnyConnection, dispatch};
use super::schema::{span_contents, span_events, spans, trace_facets, traces};
use super::{Store, dialect, write};
use crate::error::Result;
use crate::model::TraceId;

/// Traces deleted in one transaction, at most.
const MAX_TRACES: usize = 200;
/// Spans deleted in one transaction, at most: 200 traces of usual size. Deleting so many takes some tens of milliseconds.
const MAX_SPANS: usize = 2_000;

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// Traces.
    pub traces: u64,
    /// Spans.
    pub spans: u64,
}

impl Pruned {
    fn add(&mut self, more: Self) {
        self.traces += more.traces;
        self.spans += more.spans;
    }
}

/// A trace that may be deleted.
#[derive(Queryable)]
struct Candidate {
    start_ns: i64,
    trace_id: Vec<u8>,
    end_ns: Option<i64>,
    span_count: i64,
    open_count: i64,
}

impl Candidate {
    fn size(&self) -> usize {
        usize::try_from(self.span_count).unwrap_or(0)
    }

    /// Whether all that happened in the trace, the start of a span that still runs too, lies before a time.
    fn is_older_than(&self, time_ns: i64, connection: &mut AnyConnection) -> QueryResult<bool> {
        if self.start_ns.max(self.end_ns.unwrap_or(self.start_ns)) >= time_ns {
            return Ok(false);
        }
        Ok(self.open_count == 0 || !has_started_since(connection, &self.trace_id, time_ns)?)
    }
}

/// What one transaction did.
struct Step {
    deleted: Pruned,
    /// The next trace, when it is too large for a transaction.
    large: Option<Vec<u8>>,
    /// The last trace that was dealt with; `None` when there are no more.
    last: Option<(i64, Vec<u8>)>,
}

impl Store {
    /// Deletes these traces; returns how many there were.
    pub(crate) fn delete_traces(&self, ids: &[TraceId]) -> Result<u64> {
        let mut deleted = Pruned::default();
        for ids in ids.chunks(MAX_TRACES) {
            let mut ids: Vec<Vec<u8>> = ids.iter().map(|id| id.as_bytes().to_vec()).collect();
            // A torn run goes with its fragments.
            ids.append(&mut self.read(|connection| Ok(write::fragments_of(connection, &ids)?))?);
            let candidates: Vec<Candidate> = self.read(|connection| Ok(by_id(connection, &ids)?))?;
            // Of a trace that is not stored there may be logged events.
            let logged = self.read(|connection| Ok(with_events(connection, &ids)?))?;
            let is_stored = |id: &Vec<u8>| candidates.iter().any(|candidate| candidate.trace_id == *id);
            let mut piece: Vec<Vec<u8>> = logged.into_iter().filter(|id| !is_stored(id)).collect();
            let mut size = 0;
            for candidate in candidates {
                if size + candidate.size() > MAX_SPANS {
                    deleted.add(self.delete_piece(std::mem::take(&mut piece))?);
                    size = 0;
                }
                if candidate.size() > MAX_SPANS {
                    deleted.add(self.delete_large(&candidate.trace_id)?);
                } else {
                    size += candidate.size();
                    piece.push(candidate.trace_id);
                }
            }
            deleted.add(self.delete_piece(piece)?);
        }
        Ok(deleted.traces)
    }

    fn delete_piece(&self, mut ids: Vec<Vec<u8>>) -> Result<Pruned> {
        ids.sort_unstable();
        self.write(|connection| {
            lock(connection, &ids)?;
            Ok(delete(connection, &ids)?)
        })
    }

    /// Deletes the traces whose last activity lies before a time in nanoseconds since 1970, and gives space back.
    pub(crate) fn prune(&self, before_ns: i64) -> Result<Pruned> {
        let mut deleted = Pruned::default();
        // Where a whole day cannot go at once, because somebody reads it, its rows go one by one.
        deleted.spans += self.maintain(|connection| dialect::drop_days(connection, before_ns)).unwrap_or(0);
        let mut after = None;
        loop {
            let step = self.write(|connection| Ok(prune_step(connection, before_ns, after.as_ref())?))?;
            deleted.add(step.deleted);
            if let Some(large) = step.large {
                deleted.add(self.delete_large(&large)?);
            }
            match step.last {
                Some(last) => after = Some(last),
                None => break,
            }
        }
        while self.write(|connection| Ok(prune_lost_events(connection, before_ns)?))? {}
        self.prune_lost(before_ns)?;
        while self.write(|connection| Ok(dialect::release_space(connection)?))? {}
        Ok(deleted)
    }

    /// Deletes a trace of many spans piece by piece, its summary last: a deletion that is interrupted leaves a trace that the next one finds.
    fn delete_large(&self, trace_id: &[u8]) -> Result<Pruned> {
        let ids = [trace_id.to_vec()];
        let mut deleted = Pruned::default();
        loop {
            let (piece, is_last) = self.write(|connection| {
                lock(connection, &ids)?;
                let spans = delete_some_spans(connection, trace_id)?;
                let mut piece = Pruned { traces: 0, spans: spans as u64 };
                let is_last = spans < MAX_SPANS;
                if is_last {
                    piece.add(delete(connection, &ids)?);
                }
                Ok((piece, is_last))
            })?;
            deleted.add(piece);
            if is_last {
                return Ok(deleted);
            }
        }
    }
}

/// Holds these traces, which are in order, until the transaction ends.
fn lock(connection: &mut AnyConnection, ids: &[Vec<u8>]) -> QueryResult<()> {
    dialect::lock_traces(connection, &ids.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn by_id(connection: &mut AnyConnection, ids: &[Vec<u8>]) -> QueryResult<Vec<Candidate>> {
    dispatch!(connection, concrete => {
        traces::table
            .select((traces::start_ns, traces::trace_id, traces::end_ns, traces::span_count, traces::open_count))
            .filter(traces::trace_id.eq_any(ids))
            .filter(traces::span_count.gt(0))
            .load(concrete)
    })
}

/// Those of the traces that have logged events.
fn with_events(connection: &mut AnyConnection, ids: &[Vec<u8>]) -> QueryResult<Vec<Vec<u8>>> {
    dispatch!(connection, concrete => {
        span_events::table
            .select(span_events::trace_id)
            .filter(span_events::trace_id.eq_any(ids))
            .distinct()
            .load(concrete)
    })
}

/// Deletes the next old events whose traces never came; whether there may be more.
fn prune_lost_events(connection: &mut AnyConnection, before_ns: i64) -> QueryResult<bool> {
    let mut ids: Vec<Vec<u8>> = dispatch!(connection, concrete => {
        let stored = traces::table.filter(traces::trace_id.eq(span_events::trace_id)).filter(traces::span_count.gt(0));
        span_events::table
            .select(span_events::trace_id)
            .filter(span_events::time_ns.lt(before_ns))
            .filter(span_events::created_ns.lt(before_ns))
            .filter(diesel::dsl::not(diesel::dsl::exists(stored)))
            .distinct()
            .limit(i64::try_from(MAX_TRACES).unwrap_or(i64::MAX))
            .load(concrete)
    })?;
    if ids.is_empty() {
        return Ok(false);
    }
    ids.sort_unstable();
    lock(connection, &ids)?;
    // One that has come since is kept, with its events.
    let stored = by_id(connection, &ids)?;
    ids.retain(|id| !stored.iter().any(|candidate| candidate.trace_id == *id));
    dispatch!(connection, concrete => {
        let events = span_events::table.filter(span_events::trace_id.eq_any(&ids));
        let old = events.filter(span_events::time_ns.lt(before_ns)).filter(span_events::created_ns.lt(before_ns));
        diesel::delete(old).execute(concrete)?;
        let places = traces::table.filter(traces::trace_id.eq_any(&ids)).filter(traces::span_count.eq(0));
        diesel::delete(places).execute(concrete)?;
    });
    Ok(true)
}

/// Deletes the next old traces, from the oldest on: as many as fit in one transaction.
fn prune_step(connection: &mut AnyConnection, before_ns: i64, after: Option<&(i64, Vec<u8>)>) -> QueryResult<Step> {
    let keys = next_by_start(connection, before_ns, after)?;
    let mut ids: Vec<Vec<u8>> = keys.iter().map(|(_, trace_id)| trace_id.clone()).collect();
    ids.sort_unstable();
    lock(connection, &ids)?;
    // What they are like counts from here on, when nobody can change them.
    let candidates = by_id(connection, &ids)?.into_iter().map(|candidate| (candidate.trace_id.clone(), candidate));
    let mut candidates: BTreeMap<Vec<u8>, Candidate> = candidates.collect();
    let mut step = Step { deleted: Pruned::default(), large: None, last: None };
    // Those that another has deleted since: what was locked in their place goes too.
    let mut piece: Vec<Vec<u8>> = ids.into_iter().filter(|id| !candidates.contains_key(id)).collect();
    let mut size = 0;
    for (start_ns, trace_id) in keys {
        let Some(candidate) = candidates.remove(&trace_id) else {
            step.last = Some((start_ns, trace_id));
            continue;
        };
        let is_old = candidate.is_older_than(before_ns, connection)?;
        let is_large = candidate.size() > MAX_SPANS;
        if is_old && !is_large && size + candidate.size() > MAX_SPANS {
            break;
        }
        step.last = Some((start_ns, trace_id));
        if is_old && is_large {
            step.large = Some(candidate.trace_id);
            break;
        }
        if is_old {
            size += candidate.size();
            piece.push(candidate.trace_id);
        }
    }
    step.deleted = delete(connection, &piece)?;
    Ok(step)
}

fn next_by_start(
    connection: &mut AnyConnection,
    before_ns: i64,
    after: Option<&(i64, Vec<u8>)>,
) -> QueryResult<Vec<(i64, Vec<u8>)>> {
    let (start_ns, trace_id) = after.cloned().unwrap_or((i64::MIN, Vec::new()));
    dispatch!(connection, concrete => {
        traces::table
            .select((traces::start_ns, traces::trace_id))
            .filter(traces::start_ns.lt(before_ns))
            .filter(traces::start_ns.ge(start_ns))
            .filter(traces::start_ns.gt(start_ns).or(traces::trace_id.gt(trace_id)))
            .order((traces::start_ns.asc(), traces::trace_id.asc()))
            .limit(i64::try_from(MAX_TRACES).unwrap_or(i64::MAX))
            .load(concrete)
    })
}

/// Whether a span of the trace started at or after a time.
fn has_started_since(connection: &mut AnyConnection, trace_id: &[u8], time_ns: i64) -> QueryResult<bool> {
    let later = spans::table.filter(spans::trace_id.eq(trace_id)).filter(spans::start_ns.ge(time_ns));
    dispatch!(connection, concrete => diesel::select(diesel::dsl::exists(later)).get_result(concrete))
}

/// Deletes whole traces, which the transaction must [hold](lock), and takes them out of their sessions. What they share with others,
/// resources and scopes, stays.
fn delete(connection: &mut AnyConnection, ids: &[Vec<u8>]) -> QueryResult<Pruned> {
    if ids.is_empty() {
        return Ok(Pruned::default());
    }
    let sessions: Vec<Option<String>> = dispatch!(connection, concrete => {
        traces::table
            .select(traces::session_id)
            .filter(traces::trace_id.eq_any(ids))
            .filter(traces::span_count.gt(0))
            .load(concrete)
    })?;
    let traces = sessions.len() as u64;
    let sessions: BTreeSet<String> = sessions.into_iter().flatten().collect();
    write::lock_sessions(connection, &sessions)?;
    let spans = dispatch!(connection, concrete => {
        diesel::delete(span_contents::table.filter(span_contents::trace_id.eq_any(ids))).execute(concrete)?;
        let spans = diesel::delete(spans::table.filter(spans::trace_id.eq_any(ids))).execute(concrete)?;
        diesel::delete(span_events::table.filter(span_events::trace_id.eq_any(ids))).execute(concrete)?;
        diesel::delete(trace_facets::table.filter(trace_facets::trace_id.eq_any(ids))).execute(concrete)?;
        diesel::delete(traces::table.filter(traces::trace_id.eq_any(ids))).execute(concrete)?;
        spans as u64
    });
    write::recompute_sessions(connection, &sessions)?;
    Ok(Pruned { traces, spans })
}

/// Deletes some of a trace's spans; returns how many.
fn delete_some_spans(connection: &mut AnyConnection, trace_id: &[u8]) -> QueryResult<usize> {
    dispatch!(connection, concrete => {
        let ids: Vec<Vec<u8>> = spans::table
            .select(spans::span_id)
            .filter(spans::trace_id.eq(trace_id))
            .limit(i64::try_from(MAX_SPANS).unwrap_or(i64::MAX))
            .load(concrete)?;
        let of_trace = span_contents::table.filter(span_contents::trace_id.eq(trace_id));
        diesel::delete(of_trace.filter(span_contents::span_id.eq_any(&ids))).execute(concrete)?;
        let of_trace = spans::table.filter(spans::trace_id.eq(trace_id));
        diesel::delete(of_trace.filter(spans::span_id.eq_any(&ids))).execute(concrete)
    })
}
