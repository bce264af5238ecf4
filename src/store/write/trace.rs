//! One trace's part of a batch: loads what it touches, merges versions, writes rows, facets and the summary.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::graph::{Graph, SpanKey, recount};
use super::lineage::resolve_all;
use super::summary::{Change, FacetCounts, status_facets, summarize};
use super::{Prepared, preview_of_content, previews};
use crate::store::Failure;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::convert::Facet;
use crate::store::dialect;
use crate::store::rows::{ContentRow, FacetRow, SpanRow, TraceRow};
use crate::store::schema::{span_contents, spans, trace_facets};

/// Keys in one `IN (…)`: SQLite allows 32,766 variables, but long lists are slow to prepare.
const KEYS_A_QUERY: usize = 500;

/// Writes the spans of one trace; the trace's new summary.
pub(super) fn write(
    connection: &mut AnyConnection,
    before: Option<&TraceRow>,
    batch: BTreeMap<SpanKey, &Prepared<'_>>,
) -> Result<TraceRow, Failure> {
    let mut graph = match before {
        Some(before) => load_touched(connection, &before.trace_id, &batch)?,
        None => Graph::default(),
    };
    let applied: Vec<&Prepared<'_>> =
        batch.values().copied().filter(|prepared| graph.apply(prepared.row.clone())).collect();
    if !graph.is_cyclic {
        let changed = applied.iter().map(|prepared| prepared.row.span_id.clone()).collect();
        pass_ids_down(connection, &mut graph, before, changed)?;
    }
    let Some(mut change) = Change::of(before, &graph) else {
        // Nothing is newer than what is stored: a replay.
        return before.cloned().ok_or_else(|| diesel::result::Error::NotFound.into());
    };
    for prepared in applied {
        dialect::put_content(connection, &prepared.content)?;
    }
    for node in graph.changed() {
        if let Some(moved) = node.stored.as_ref().filter(|stored| stored.start_day != node.row.start_day) {
            delete_span(connection, moved)?;
        }
        dialect::put_span(connection, &node.row)?;
    }
    if change.needs_recompute {
        return recompute(connection, before, &change.trace.trace_id);
    }
    if let Some(prepared) = change.named_by.as_ref().and_then(|span| batch.get(span)) {
        (change.trace.input_preview, change.trace.output_preview) = previews(prepared.item);
    }
    write_facets(connection, before, &change.trace, &change.facets)?;
    dialect::put_trace(connection, &change.trace)?;
    Ok(change.trace)
}

/// Gives the spans of `changed` and all that stands below them their ancestors' ids, as far down as that changes anything.
fn pass_ids_down(
    connection: &mut AnyConnection,
    graph: &mut Graph,
    before: Option<&TraceRow>,
    mut changed: BTreeSet<SpanKey>,
) -> QueryResult<()> {
    let mut asked = BTreeSet::new();
    while !changed.is_empty() {
        let other_ids = graph.resolve_ids(&changed);
        let Some(before) = before else { return Ok(()) };
        let parents: Vec<SpanKey> = other_ids.into_iter().filter(|span| asked.insert(span.clone())).collect();
        changed.clear();
        for row in load_children(connection, &before.trace_id, &parents)? {
            if !graph.contains(&row.span_id) {
                changed.insert(row.span_id.clone());
                graph.add_stored(row);
            }
        }
    }
    Ok(())
}

/// Makes a trace's summary and its spans' counters anew from its rows. What every change must agree with, and the repair when it
/// does not.
pub(super) fn recompute(
    connection: &mut AnyConnection,
    before: Option<&TraceRow>,
    trace_id: &[u8],
) -> Result<TraceRow, Failure> {
    let stored: Vec<SpanRow> = dispatch!(connection, concrete => {
        spans::table
            .filter(spans::trace_id.eq(trace_id))
            .order((spans::span_id, spans::start_day))
            .select(SpanRow::as_select())
            .load(concrete)
    })?;
    let mut rows = stored.clone();
    recount(&mut rows);
    resolve_all(&mut rows);
    for (row, _) in rows.iter().zip(&stored).filter(|(row, stored)| row != stored) {
        dialect::put_span(connection, row)?;
    }
    let (mut trace, facets) = summarize(&rows).ok_or(diesel::result::Error::NotFound)?;
    let named = rows.iter().find(|row| row.span_id == trace.root_span_id);
    if let Some(named) = named {
        (trace.input_preview, trace.output_preview) = preview_of_content(named, load_content(connection, named)?)?;
    }
    trace.joined_to = before.and_then(|before| before.joined_to.clone());
    dispatch!(connection, concrete => {
        diesel::delete(trace_facets::table.filter(trace_facets::trace_id.eq(trace_id))).execute(concrete)
    })?;
    write_facets(connection, None, &trace, &facets)?;
    dialect::put_trace(connection, &trace)?;
    Ok(trace)
}

/// The stored rows that the batch can change: older versions of its spans, all their ancestors, and the children of spans that are
/// not stored yet.
fn load_touched(
    connection: &mut AnyConnection,
    trace_id: &[u8],
    batch: &BTreeMap<SpanKey, &Prepared<'_>>,
) -> QueryResult<Graph> {
    let mut graph = Graph::default();
    let own: Vec<SpanKey> = batch.keys().cloned().collect();
    let mut parents: BTreeSet<SpanKey> =
        batch.values().filter_map(|prepared| prepared.row.parent_span_id.clone()).collect();
    for row in load_spans(connection, trace_id, &own)? {
        parents.extend(row.parent_span_id.clone());
        graph.add_stored(row);
    }
    let new: Vec<SpanKey> = own.into_iter().filter(|span| !graph.contains(span)).collect();
    for row in load_children(connection, trace_id, &new)? {
        graph.add_stored(row);
    }
    let mut asked = BTreeSet::new();
    loop {
        let next: Vec<SpanKey> = parents
            .iter()
            .filter(|parent| !graph.contains(parent) && !asked.contains(*parent) && !new.contains(parent))
            .cloned()
            .collect();
        if next.is_empty() {
            return Ok(graph);
        }
        asked.extend(next.iter().cloned());
        parents.clear();
        for row in load_spans(connection, trace_id, &next)? {
            parents.extend(row.parent_span_id.clone());
            graph.add_stored(row);
        }
    }
}

fn load_spans(connection: &mut AnyConnection, trace_id: &[u8], keys: &[SpanKey]) -> QueryResult<Vec<SpanRow>> {
    let mut rows = Vec::new();
    for keys in keys.chunks(KEYS_A_QUERY) {
        rows.append(&mut dispatch!(connection, concrete => {
            spans::table
                .filter(spans::trace_id.eq(trace_id))
                .filter(spans::span_id.eq_any(keys))
                .select(SpanRow::as_select())
                .load(concrete)
        })?);
    }
    Ok(rows)
}

fn load_children(connection: &mut AnyConnection, trace_id: &[u8], keys: &[SpanKey]) -> QueryResult<Vec<SpanRow>> {
    let mut rows = Vec::new();
    for keys in keys.chunks(KEYS_A_QUERY) {
        rows.append(&mut dispatch!(connection, concrete => {
            spans::table
                .filter(spans::trace_id.eq(trace_id))
                .filter(spans::parent_span_id.eq_any(keys.iter().map(Some)))
                .select(SpanRow::as_select())
                .load(concrete)
        })?);
    }
    Ok(rows)
}

fn load_content(connection: &mut AnyConnection, row: &SpanRow) -> QueryResult<Option<ContentRow>> {
    dispatch!(connection, concrete => {
        span_contents::table
            .find((&row.trace_id, &row.span_id, row.start_day))
            .select(ContentRow::as_select())
            .first(concrete)
            .optional()
    })
}

fn delete_span(connection: &mut AnyConnection, row: &SpanRow) -> QueryResult<()> {
    dispatch!(connection, concrete => {
        diesel::delete(spans::table.find((&row.trace_id, &row.span_id, row.start_day))).execute(concrete)?;
        diesel::delete(span_contents::table.find((&row.trace_id, &row.span_id, row.start_day))).execute(concrete)?;
    });
    Ok(())
}

/// Writes the facets of `trace`: all of them when there are none `before`, else by the difference that `counts` are.
fn write_facets(
    connection: &mut AnyConnection,
    before: Option<&TraceRow>,
    trace: &TraceRow,
    counts: &FacetCounts,
) -> QueryResult<()> {
    let Some(before) = before else {
        for ((facet, value), count) in counts {
            put_facet(connection, trace, *facet, value, *count)?;
        }
        return status_facets(trace)
            .iter()
            .try_for_each(|(facet, value)| put_facet(connection, trace, *facet, value, 1));
    };
    if before.start_ns != trace.start_ns {
        dispatch!(connection, concrete => {
            diesel::update(trace_facets::table.filter(trace_facets::trace_id.eq(&trace.trace_id)))
                .set(trace_facets::start_ns.eq(trace.start_ns))
                .execute(concrete)
        })?;
    }
    let changed: Vec<(&(Facet, String), &i64)> = counts.iter().filter(|(_, difference)| **difference != 0).collect();
    let stored = load_facets(connection, trace, changed.iter().map(|(key, _)| *key))?;
    for ((facet, value), difference) in changed {
        let count = stored.get(&(facet.as_str(), value.as_str())).copied().unwrap_or(0) + difference;
        if count > 0 {
            put_facet(connection, trace, *facet, value, count)?;
        } else {
            delete_facet(connection, trace, *facet, value)?;
        }
    }
    let (old, new) = (status_facets(before), status_facets(trace));
    for (facet, value) in old.difference(&new) {
        delete_facet(connection, trace, *facet, value)?;
    }
    new.difference(&old).try_for_each(|(facet, value)| put_facet(connection, trace, *facet, value, 1))
}

/// The stored counts of these facets, by field and value.
fn load_facets<'a>(
    connection: &mut AnyConnection,
    trace: &TraceRow,
    keys: impl Iterator<Item = &'a (Facet, String)>,
) -> QueryResult<BTreeMap<(&'a str, &'a str), i64>> {
    let mut by_field: BTreeMap<Facet, Vec<&'a str>> = BTreeMap::new();
    for (facet, value) in keys {
        by_field.entry(*facet).or_default().push(value);
    }
    let mut counts = BTreeMap::new();
    for (facet, values) in by_field {
        for chunk in values.chunks(KEYS_A_QUERY) {
            let rows: Vec<(String, i64)> = dispatch!(connection, concrete => {
                trace_facets::table
                    .filter(trace_facets::trace_id.eq(&trace.trace_id))
                    .filter(trace_facets::field.eq(facet.as_str()))
                    .filter(trace_facets::value.eq_any(chunk.iter().copied()))
                    .select((trace_facets::value, trace_facets::span_count))
                    .load(concrete)
            })?;
            let known: BTreeMap<String, i64> = rows.into_iter().collect();
            counts.extend(
                chunk.iter().filter_map(|value| known.get(*value).map(|count| ((facet.as_str(), *value), *count))),
            );
        }
    }
    Ok(counts)
}

fn put_facet(
    connection: &mut AnyConnection,
    trace: &TraceRow,
    facet: Facet,
    value: &str,
    count: i64,
) -> QueryResult<()> {
    dialect::put_facet(connection, &FacetRow::new(&trace.trace_id, facet, value, trace.start_ns, count))
}

fn delete_facet(connection: &mut AnyConnection, trace: &TraceRow, facet: Facet, value: &str) -> QueryResult<()> {
    dispatch!(connection, concrete => {
        diesel::delete(trace_facets::table.find((&trace.trace_id, facet.as_str(), value))).execute(concrete)
    })
    .map(drop)
}
