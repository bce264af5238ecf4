//! Whether the spans of a process that have not ended are running or interrupted: found by others, and not by a version of the span.
//!
//! The summaries follow by the difference, as they do for a batch. Running spans are found by the status of their traces, which is an index
//! range: no column and no index of `spans` is there for them.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::load::{forget_missing, load_traces};
use super::trace::{Part, Parts};
use super::{NewRows, torn_among, write_parts};
use crate::model::{SYNTHETIC, SpanState, TraceStatus};
use crate::semconv::Prices;
use crate::store::Failure;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::convert::{Facet, fragment_id};
use crate::store::dialect;
use crate::store::rows::SpanRow;
use crate::store::schema::{spans, trace_facets};

/// Traces and spans in one transaction, at most: what writers wait for.
const MAX_TRACES: i64 = 100;
const MAX_SPANS: i64 = 500;

/// What was done in a transaction.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    /// There may be more to do.
    pub(crate) is_more: bool,
    /// Traces that may be torn and have changed.
    pub(crate) torn: BTreeSet<Vec<u8>>,
}

/// Moves some spans of a process from the one state that is not closed to the other, in the transaction that `connection` is in.
pub(crate) fn move_state(
    connection: &mut AnyConnection,
    process: &[u8],
    from: SpanState,
    to: SpanState,
    prices: &Prices,
) -> Result<Moved, Failure> {
    let ids = traces_with(connection, process, from)?;
    if ids.is_empty() {
        return Ok(Moved::default());
    }
    let ids: Vec<&[u8]> = ids.iter().map(Vec::as_slice).collect();
    dialect::lock_traces(connection, &ids)?;
    let mut parts: Parts<'_> = BTreeMap::new();
    for before in load_traces(connection, &ids)? {
        if let Some(trace_id) = ids.iter().find(|id| **id == before.trace_id) {
            parts.insert(*trace_id, Part::of_stored(trace_id, before));
        }
    }
    if parts.len() < ids.len() {
        forget_missing(connection, &ids)?;
    }
    for row in spans_of(connection, &ids, process, from)? {
        if let Some(part) = parts.get_mut(row.trace_id.as_slice()) {
            let span = row.span_id.clone();
            part.graph.add_stored(row);
            part.graph.set_state(&span, to);
        }
    }
    write_parts(connection, &parts, NewRows::Put, prices)?;
    Ok(Moved { is_more: true, torn: torn_among(&parts) })
}

/// Some traces, in the order of their ids, in which spans of a process have that state; none when there are none.
fn traces_with(connection: &mut AnyConnection, process: &[u8], state: SpanState) -> QueryResult<BTreeSet<Vec<u8>>> {
    let status = if state == SpanState::Open { TraceStatus::Running } else { TraceStatus::Interrupted }.as_str();
    let in_lists: Vec<Vec<u8>> = dispatch!(connection, concrete => {
        trace_facets::table
            .inner_join(spans::table.on(spans::trace_id.eq(trace_facets::trace_id)))
            .filter(trace_facets::field.eq(Facet::Status.as_str()))
            .filter(trace_facets::value.eq(status))
            .filter(spans::process_id.eq(process))
            .filter(spans::state.eq(state.rank()))
            .filter(spans::kind_source.ne(SYNTHETIC))
            // One with a number came as it is, and is nobody's finding.
            .filter(spans::state.eq(SpanState::Open.rank()).or(spans::sequence.is_null()))
            .select(spans::trace_id)
            .distinct()
            .limit(MAX_TRACES)
            .load(concrete)
    })?;
    if !in_lists.is_empty() {
        return Ok(in_lists.into_iter().collect());
    }
    // A fragment is in no list: the trace that it belongs to is, by the spans of both.
    let words: Vec<String> = dispatch!(connection, concrete => {
        let statuses = diesel::alias!(trace_facets as statuses);
        let listed = statuses
            .filter(statuses.field(trace_facets::field).eq(Facet::Status.as_str()))
            .filter(statuses.field(trace_facets::value).eq(status))
            .select(statuses.field(trace_facets::trace_id));
        trace_facets::table
            .filter(trace_facets::field.eq(Facet::Fragment.as_str()))
            .filter(trace_facets::trace_id.eq_any(listed))
            .select(trace_facets::value)
            .load(concrete)
    })?;
    let fragments: Vec<Vec<u8>> = words.iter().filter_map(|word| fragment_id(word)).collect();
    let mut found = BTreeSet::new();
    for ids in fragments.chunks(usize::try_from(MAX_TRACES).unwrap_or(1)) {
        let ids: Vec<&[u8]> = ids.iter().map(Vec::as_slice).collect();
        found.extend(spans_of(connection, &ids, process, state)?.into_iter().map(|row| row.trace_id));
        if !found.is_empty() {
            break;
        }
    }
    Ok(found)
}

/// The spans of a process in these traces that have that state, as many as are moved at once.
fn spans_of(
    connection: &mut AnyConnection,
    ids: &[&[u8]],
    process: &[u8],
    state: SpanState,
) -> QueryResult<Vec<SpanRow>> {
    dispatch!(connection, concrete => {
        spans::table
            .filter(spans::trace_id.eq_any(ids.iter().copied()))
            .filter(spans::process_id.eq(process))
            .filter(spans::state.eq(state.rank()))
            .filter(spans::kind_source.ne(SYNTHETIC))
            // One with a number came as it is, and is nobody's finding.
            .filter(spans::state.eq(SpanState::Open.rank()).or(spans::sequence.is_null()))
            .order((spans::trace_id, spans::span_id))
            .limit(MAX_SPANS)
            .select(SpanRow::as_select())
            .load(concrete)
    })
}
