//! Reading what a batch can change, for all its traces at once: the number of statements follows the depth of the trees, not the
//! number of traces and spans.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::any_of::{AnyOf, KEYS_A_QUERY, pieces};
use super::graph::SpanKey;
use super::trace::Parts;
use crate::store::Failure;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::content::make_whole_if_possible;
use crate::store::rows::{ContentRow, SpanRow, TraceRow};
use crate::store::schema::{span_contents, spans, traces};

/// Spans by their trace.
pub(super) type Wanted<'a> = BTreeMap<&'a [u8], Vec<SpanKey>>;

/// The summaries of these traces, as far as there are any; what [`lock_traces`](crate::store::dialect::lock_traces) made is none.
pub(super) fn load_traces(connection: &mut AnyConnection, keys: &[&[u8]]) -> QueryResult<Vec<TraceRow>> {
    let mut rows = Vec::new();
    for keys in keys.chunks(KEYS_A_QUERY) {
        rows.append(&mut dispatch!(connection, concrete => {
            traces::table
                .filter(traces::trace_id.eq_any(keys.iter().copied()))
                .filter(traces::span_count.gt(0))
                .select(TraceRow::as_select())
                .load(concrete)
        })?);
    }
    Ok(rows)
}

/// Takes away what was locked in the place of traces that are not stored any more.
pub(super) fn forget_missing(connection: &mut AnyConnection, ids: &[&[u8]]) -> QueryResult<usize> {
    let missing = traces::table.filter(traces::trace_id.eq_any(ids.iter().copied())).filter(traces::span_count.eq(0));
    dispatch!(connection, concrete => diesel::delete(missing).execute(concrete))
}

/// The stored rows that the batch can change: older versions of its spans, all their ancestors, and the children of spans that are
/// not stored yet. A new trace has none.
pub(super) fn load_touched(connection: &mut AnyConnection, parts: &mut Parts<'_>) -> QueryResult<()> {
    let mut asked: BTreeMap<&[u8], BTreeSet<SpanKey>> = BTreeMap::new();
    for part in parts.values().filter(|part| part.before.is_some()) {
        let parents = part.spans.values().filter_map(|prepared| prepared.row.parent_span_id.as_ref());
        asked.insert(part.trace_id, part.spans.keys().chain(parents).cloned().collect());
    }
    load_lines(connection, parts, asked)?;
    let new = parts.values().filter(|part| part.before.is_some()).map(|part| {
        let new = part.spans.keys().filter(|span| !part.graph.contains(span));
        (part.trace_id, new.cloned().collect())
    });
    for row in load_children(connection, new.collect())? {
        if let Some(part) = parts.get_mut(row.trace_id.as_slice()) {
            part.graph.add_stored(row);
        }
    }
    Ok(())
}

/// These stored rows, and all their ancestors.
pub(super) fn load_lines<'a>(
    connection: &mut AnyConnection,
    parts: &mut Parts<'a>,
    mut asked: BTreeMap<&'a [u8], BTreeSet<SpanKey>>,
) -> QueryResult<()> {
    let mut wanted: Wanted<'_> = asked.iter().map(|(trace, keys)| (*trace, keys.iter().cloned().collect())).collect();
    while !wanted.is_empty() {
        for row in load_spans(connection, std::mem::take(&mut wanted))? {
            let Some(part) = parts.get_mut(row.trace_id.as_slice()) else { continue };
            if let (Some(parent), Some(asked)) = (&row.parent_span_id, asked.get_mut(part.trace_id))
                && asked.insert(parent.clone())
            {
                wanted.entry(part.trace_id).or_default().push(parent.clone());
            }
            part.graph.add_stored(row);
        }
    }
    Ok(())
}

/// Gives the spans that the batch changed, and all that stands below them, their ancestors' ids, as far down as that changes anything.
pub(super) fn pass_ids_down(connection: &mut AnyConnection, parts: &mut Parts<'_>) -> QueryResult<()> {
    // In a circle of parents there is no above and below; the recompute sorts that out.
    let mut changed: BTreeMap<&[u8], BTreeSet<SpanKey>> = parts
        .values()
        .filter(|part| !part.graph.is_cyclic)
        .map(|part| (part.trace_id, part.applied.iter().map(|applied| applied.span.clone()).collect()))
        .collect();
    let mut asked: BTreeSet<(&[u8], SpanKey)> = BTreeSet::new();
    while !changed.is_empty() {
        let mut parents: Wanted<'_> = BTreeMap::new();
        for (trace_id, changed) in std::mem::take(&mut changed) {
            let Some(part) = parts.get_mut(trace_id) else { continue };
            let other_ids = part.graph.resolve_ids(&changed);
            if part.before.is_some() {
                let new = other_ids.into_iter().filter(|span| asked.insert((trace_id, span.clone())));
                parents.insert(trace_id, new.collect());
            }
        }
        for row in load_children(connection, parents)? {
            let Some(part) = parts.get_mut(row.trace_id.as_slice()) else { continue };
            if !part.graph.contains(&row.span_id) {
                changed.entry(part.trace_id).or_default().insert(row.span_id.clone());
                part.graph.add_stored(row);
            }
        }
    }
    Ok(())
}

/// These stored rows.
pub(super) fn load_spans(connection: &mut AnyConnection, wanted: Wanted<'_>) -> QueryResult<Vec<SpanRow>> {
    let mut rows = Vec::new();
    for piece in pieces(wanted) {
        let these: AnyOf<_> = piece
            .iter()
            .map(|(trace_id, keys)| spans::trace_id.eq(*trace_id).and(spans::span_id.eq_any(keys)))
            .collect();
        rows.append(&mut dispatch!(connection, concrete => {
            spans::table.filter(these).select(SpanRow::as_select()).load(concrete)
        })?);
    }
    Ok(rows)
}

fn load_children(connection: &mut AnyConnection, parents: Wanted<'_>) -> QueryResult<Vec<SpanRow>> {
    let mut rows = Vec::new();
    for piece in pieces(parents) {
        let these: AnyOf<_> = piece
            .iter()
            .map(|(trace_id, keys)| {
                spans::trace_id.eq(*trace_id).and(spans::parent_span_id.eq_any(keys.iter().map(Some)))
            })
            .collect();
        rows.append(&mut dispatch!(connection, concrete => {
            spans::table.filter(these).select(SpanRow::as_select()).load(concrete)
        })?);
    }
    Ok(rows)
}

/// All spans of a trace, in the order of their ids.
pub(super) fn load_trace_spans(connection: &mut AnyConnection, trace_id: &[u8]) -> QueryResult<Vec<SpanRow>> {
    dispatch!(connection, concrete => {
        spans::table
            .filter(spans::trace_id.eq(trace_id))
            .order((spans::span_id, spans::start_day))
            .select(SpanRow::as_select())
            .load(concrete)
    })
}

/// A span's payload, whole. One that cannot be put together tells nothing here: it must not keep others from being written.
pub(super) fn load_content(connection: &mut AnyConnection, row: &SpanRow) -> Result<Option<ContentRow>, Failure> {
    let mut found: Vec<ContentRow> = dispatch!(connection, concrete => {
        span_contents::table
            .find((&row.trace_id, &row.span_id, row.start_day))
            .select(ContentRow::as_select())
            .load(concrete)
    })?;
    connection.wait(async |connection| make_whole_if_possible(connection, &mut found).await)?;
    Ok(found.pop())
}
