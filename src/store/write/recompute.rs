//! Summaries made anew from the rows: what every step-by-step change must agree with, and the repair when it does not.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::result::Error::NotFound;

use super::NewRows;
use super::facets::{FacetChange, delete_facets, write_facets};
use super::graph::SpanKey;
use super::graph::recount;
use super::lineage::resolve_all;
use super::load::{load_content, load_trace_spans};
use super::prepare::preview_of_content;
use super::structure::{Structured, load_notes, structure};
use super::summary::summarize;
use crate::store::Failure;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::derived::Derived;
use crate::store::dialect;
use crate::store::rows::{ContentRow, SpanRow, TraceRow};
use crate::store::schema::{span_contents, spans};

/// Makes a trace's summary, its facets and its spans' counters anew from its rows; the summary.
pub(super) fn recompute(
    connection: &mut AnyConnection,
    before: Option<&TraceRow>,
    trace_id: &[u8],
) -> Result<TraceRow, Failure> {
    let stored = load_trace_spans(connection, trace_id)?;
    let notes = load_notes(connection, trace_id)??;
    let Structured { mut rows, derived, is_structured } = structure(&stored, &notes);
    recount(&mut rows);
    resolve_all(&mut rows);
    write_rows(connection, &stored, &rows, &derived)?;
    write_derived(connection, trace_id, &notes.derived, &derived)?;
    let (mut trace, counts) = summarize(&rows).ok_or(NotFound)?;
    let named = rows.iter().find(|row| row.span_id == trace.root_span_id);
    if let Some(named) = named {
        (trace.input_preview, trace.output_preview) = previews(connection, &rows, named, derived.get(&named.span_id))?;
    }
    trace.structured_count = is_structured.then_some(trace.span_count);
    trace.joined_to = before.and_then(|before| before.joined_to.clone());
    dialect::put(connection, &[&trace])?;
    delete_facets(connection, trace_id)?;
    let facets = FacetChange { before: None, after: &trace, counts: &counts };
    write_facets(connection, &[facets], NewRows::Add)?;
    Ok(trace)
}

/// Writes the rows that are others now; synthetic ones come with an empty content, and go with it.
fn write_rows(
    connection: &mut AnyConnection,
    stored: &[SpanRow],
    rows: &[SpanRow],
    derived: &BTreeMap<SpanKey, Derived>,
) -> Result<(), Failure> {
    let before: BTreeMap<&[u8], &SpanRow> = stored.iter().map(|row| (row.span_id.as_slice(), row)).collect();
    let after: BTreeMap<&[u8], &SpanRow> = rows.iter().map(|row| (row.span_id.as_slice(), row)).collect();
    let gone = |row: &&SpanRow| {
        row.is_synthetic() && after.get(row.span_id.as_slice()).is_none_or(|now| now.start_day != row.start_day)
    };
    for row in stored.iter().filter(gone) {
        let key = (&row.trace_id, &row.span_id, row.start_day);
        dispatch!(connection, concrete => {
            diesel::delete(spans::table.find(key)).execute(concrete)?;
            diesel::delete(span_contents::table.find(key)).execute(concrete)?;
        });
    }
    let changed = after.values().filter(|row| before.get(row.span_id.as_slice()) != Some(*row));
    let changed: Vec<&SpanRow> = changed.copied().collect();
    let contents = changed.iter().filter(|row| row.is_synthetic()).map(|row| {
        let derived = derived.get(&row.span_id).map(Derived::encode).transpose()?.flatten();
        ContentRow::of_synthetic(row, derived)
    });
    let contents = contents.collect::<crate::error::Result<Vec<_>>>()?;
    dialect::put(connection, &contents.iter().collect::<Vec<_>>())?;
    Ok(dialect::put(connection, &changed)?)
}

/// Writes what is derived of recorded spans, where that has changed.
fn write_derived(
    connection: &mut AnyConnection,
    trace_id: &[u8],
    before: &BTreeMap<SpanKey, Derived>,
    after: &BTreeMap<SpanKey, Derived>,
) -> Result<(), Failure> {
    let none = Derived::default();
    let spans: std::collections::BTreeSet<&SpanKey> = before.keys().chain(after.keys()).collect();
    for span in spans {
        let (was, is) = (before.get(span).unwrap_or(&none), after.get(span).unwrap_or(&none));
        if was == is {
            continue;
        }
        let is = is.encode()?;
        let row =
            span_contents::table.filter(span_contents::trace_id.eq(trace_id)).filter(span_contents::span_id.eq(span));
        dispatch!(connection, concrete => {
            diesel::update(row).set(span_contents::derived.eq(is)).execute(concrete).map(drop)
        })?;
    }
    Ok(())
}

/// The previews of the naming span; a synthetic one's are of the first and the last span of its run.
fn previews(
    connection: &mut AnyConnection,
    rows: &[SpanRow],
    named: &SpanRow,
    derived: Option<&Derived>,
) -> Result<(Option<String>, Option<String>), Failure> {
    let mut of = |row: &SpanRow| -> Result<_, Failure> { Ok(preview_of_content(row, load_content(connection, row)?)?) };
    let Some((first, last)) = derived.and_then(|derived| derived.content_of.as_ref()) else { return of(named) };
    let row = |span: Vec<u8>| rows.iter().find(|row| row.span_id == span);
    let input = row(first.span_id()).map(&mut of).transpose()?.and_then(|(input, _)| input);
    let output = row(last.span_id()).map(&mut of).transpose()?.and_then(|(_, output)| output);
    Ok((input, output))
}
