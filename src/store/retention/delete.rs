//! Deleting traces, in transactions small enough that writers need not wait long.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::candidate::Candidate;
use super::{MAX_SPANS, MAX_TRACES, Pruned};
use crate::error::Result;
use crate::model::TraceId;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::content::{PartSweep, note_leftovers};
use crate::store::rollup::{Change, SpanFacts};
use crate::store::schema::{span_contents, span_events, spans, trace_facets, traces};
use crate::store::{Store, dialect, write};

impl Store {
    /// Deletes these traces, and what only they had of contents; returns how many there were.
    pub(crate) fn delete_traces(&self, ids: &[TraceId]) -> Result<u64> {
        let mut deleted = Pruned::default();
        let mut days = BTreeSet::new();
        for ids in ids.chunks(MAX_TRACES) {
            let mut ids: Vec<Vec<u8>> = ids.iter().map(|id| id.as_bytes().to_vec()).collect();
            // A torn run goes with its fragments.
            ids.append(&mut self.read(|connection| Ok(write::fragments_of(connection, &ids)?))?);
            days.extend(note_leftovers(self, &ids, &days)?);
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
        PartSweep::of(days).run(self)?;
        Ok(deleted.traces)
    }

    fn delete_piece(&self, mut ids: Vec<Vec<u8>>) -> Result<Pruned> {
        ids.sort_unstable();
        self.write(|connection| {
            lock(connection, &ids)?;
            Ok(delete(connection, &ids)?)
        })
    }

    /// Deletes a trace of many spans piece by piece.
    fn delete_large(&self, trace_id: &[u8]) -> Result<Pruned> {
        let mut deleted = Pruned::default();
        loop {
            let (piece, is_last) = self.delete_spans(trace_id, MAX_SPANS)?;
            deleted.add(piece);
            if is_last {
                return Ok(deleted);
            }
        }
    }

    /// Deletes some spans of a trace, and with the last of them its summary: a deletion that is interrupted leaves a trace that the next
    /// one finds. Whether it is gone.
    pub(super) fn delete_spans(&self, trace_id: &[u8], at_most: usize) -> Result<(Pruned, bool)> {
        let ids = [trace_id.to_vec()];
        self.write(|connection| {
            lock(connection, &ids)?;
            let spans = delete_some_spans(connection, trace_id, at_most)?;
            let mut piece = Pruned { spans: spans as u64, ..Pruned::default() };
            let is_last = spans < at_most;
            if is_last {
                piece.add(delete(connection, &ids)?);
            }
            Ok((piece, is_last))
        })
    }
}

/// Holds these traces, which are in order, until the transaction ends.
pub(super) fn lock(connection: &mut AnyConnection, ids: &[Vec<u8>]) -> QueryResult<()> {
    dialect::lock_traces(connection, &ids.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

pub(super) fn by_id(connection: &mut AnyConnection, ids: &[Vec<u8>]) -> QueryResult<Vec<Candidate>> {
    dispatch!(connection, concrete => {
        traces::table
            .select(Candidate::columns())
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

/// Deletes whole traces, which the transaction must [hold](lock), and takes them out of their sessions. What they share with others,
/// resources and scopes, stays.
pub(super) fn delete(connection: &mut AnyConnection, ids: &[Vec<u8>]) -> QueryResult<Pruned> {
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
    let facts: Vec<SpanFacts> = dispatch!(connection, concrete => {
        spans::table.filter(spans::trace_id.eq_any(ids)).select(SpanFacts::as_select()).load(concrete)
    })?;
    take_out_of_rollups(connection, &facts)?;
    let spans = dispatch!(connection, concrete => {
        diesel::delete(span_contents::table.filter(span_contents::trace_id.eq_any(ids))).execute(concrete)?;
        let spans = diesel::delete(spans::table.filter(spans::trace_id.eq_any(ids))).execute(concrete)?;
        diesel::delete(span_events::table.filter(span_events::trace_id.eq_any(ids))).execute(concrete)?;
        diesel::delete(trace_facets::table.filter(trace_facets::trace_id.eq_any(ids))).execute(concrete)?;
        diesel::delete(traces::table.filter(traces::trace_id.eq_any(ids))).execute(concrete)?;
        spans as u64
    });
    write::recompute_sessions(connection, &sessions)?;
    Ok(Pruned { traces, spans, ..Pruned::default() })
}

/// Deletes some of a trace's spans; returns how many.
fn delete_some_spans(connection: &mut AnyConnection, trace_id: &[u8], at_most: usize) -> QueryResult<usize> {
    let (ids, facts): (Vec<Vec<u8>>, Vec<SpanFacts>) = dispatch!(connection, concrete => {
        spans::table
            .select((spans::span_id, SpanFacts::as_select()))
            .filter(spans::trace_id.eq(trace_id))
            .limit(i64::try_from(at_most).unwrap_or(i64::MAX))
            .load::<(Vec<u8>, SpanFacts)>(concrete)
    })?
    .into_iter()
    .unzip();
    take_out_of_rollups(connection, &facts)?;
    dispatch!(connection, concrete => {
        let of_trace = span_contents::table.filter(span_contents::trace_id.eq(trace_id));
        diesel::delete(of_trace.filter(span_contents::span_id.eq_any(&ids))).execute(concrete)?;
        let of_trace = spans::table.filter(spans::trace_id.eq(trace_id));
        diesel::delete(of_trace.filter(spans::span_id.eq_any(&ids))).execute(concrete)
    })
}

fn take_out_of_rollups(connection: &mut AnyConnection, facts: &[SpanFacts]) -> QueryResult<()> {
    let mut change = Change::default();
    facts.iter().for_each(|span| change.remove(span));
    change.write(connection)
}
