//! Summaries made anew from the rows: what every step-by-step change must agree with, and the repair when it does not.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::result::Error::NotFound;

use super::NewRows;
use super::facets::{FacetChange, delete_facets, write_facets};
use super::graph::SpanKey;
use super::graph::recount;
use super::join::fragments_of;
use super::lineage::resolve_all;
use super::load::{load_content, load_trace_spans};
use super::logged::events_of;
use super::prepare::preview_of_content;
use super::pricing::price_told;
use super::structure::{Notes, Structured, load_notes, structure};
use super::summary::summarize;
use crate::semconv::Prices;
use crate::store::Failure;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::convert::{Facet, fragment_word};
use crate::store::derived::Derived;
use crate::store::dialect;
use crate::store::rollup;
use crate::store::rows::{ContentRow, SpanRow, TraceRow};
use crate::store::schema::{span_contents, spans};

/// A trace with the fragments that are joined to it.
pub(super) struct Whole<'a> {
    pub(super) main: &'a [u8],
    pub(super) fragments: &'a BTreeSet<Vec<u8>>,
    /// The roots of fragments, and the spans that they stand under now, as far as that is new.
    pub(super) hosts: &'a BTreeMap<SpanKey, Option<SpanKey>>,
}

/// Makes a trace's summary, its facets and its spans' counters anew from its rows; the summary. The transaction must hold the trace. Of a
/// trace that has fragments or is one, it writes what is its own; [`regroup`](super::join::regroup) does the rest.
pub(super) fn recompute(
    connection: &mut AnyConnection,
    before: Option<&TraceRow>,
    trace_id: &[u8],
    prices: &Prices,
) -> Result<TraceRow, Failure> {
    let ids = [trace_id.to_vec()];
    let fragments: BTreeSet<Vec<u8>> = fragments_of(connection, &ids)?.into_iter().collect();
    let whole = Whole { main: trace_id, fragments: &fragments, hosts: &BTreeMap::new() };
    let shown = write_rows_of(connection, &whole, prices, |row| row.trace_id == trace_id)?;
    write_summary(connection, &whole, &shown, before)
}

/// The same for all rows and summaries of a trace and its fragments, which the transaction must hold.
pub(super) fn write_whole(
    connection: &mut AnyConnection,
    whole: &Whole<'_>,
    prices: &Prices,
) -> Result<TraceRow, Failure> {
    let shown = write_rows_of(connection, whole, prices, |_| true)?;
    // It may have been a fragment before.
    let trace = write_summary(connection, whole, &shown, None)?;
    for fragment in whole.fragments {
        let own: Vec<SpanRow> = shown.rows.iter().filter(|row| row.trace_id == *fragment).cloned().collect();
        let (mut summary, _) = summarize(&own).ok_or(NotFound)?;
        summary.joined_to = Some(whole.main.to_vec());
        summary.structured_count = Some(summary.span_count);
        dialect::put(connection, &[&summary])?;
        delete_facets(connection, fragment)?;
    }
    Ok(trace)
}

fn load_whole(connection: &mut AnyConnection, whole: &Whole<'_>) -> Result<(Vec<SpanRow>, Notes), Failure> {
    let mut stored = load_trace_spans(connection, whole.main)?;
    let mut notes = load_notes(connection, whole.main)??;
    for fragment in whole.fragments {
        stored.append(&mut load_trace_spans(connection, fragment)?);
        notes.add(load_notes(connection, fragment)??);
    }
    Ok((stored, notes))
}

/// Reads the rows of a trace and its fragments together, and writes those that are others now and that `is_held` tells.
fn write_rows_of(
    connection: &mut AnyConnection,
    whole: &Whole<'_>,
    prices: &Prices,
    is_held: impl Fn(&SpanRow) -> bool,
) -> Result<Structured, Failure> {
    let (mut stored, notes) = load_whole(connection, whole)?;
    let mut shown = structure(&stored, &notes, whole.hosts);
    price_told(connection, &mut shown, &stored, &notes, prices)?;
    recount(&mut shown.rows);
    resolve_all(&mut shown.rows);
    stored.retain(|row| is_held(row));
    let held: Vec<&SpanRow> = shown.rows.iter().filter(|row| is_held(row)).collect();
    write_rows(connection, &stored, &held, &shown.derived)?;
    let traces = stored.iter().chain(held).map(|row| (&row.span_id, row.trace_id.as_slice())).collect();
    write_derived(connection, &traces, &notes.derived, &shown.derived)?;
    Ok(shown)
}

/// Writes the summary of a trace and its fragments, and its facets; a fragment has none.
fn write_summary(
    connection: &mut AnyConnection,
    whole: &Whole<'_>,
    shown: &Structured,
    before: Option<&TraceRow>,
) -> Result<TraceRow, Failure> {
    let Structured { rows, derived, is_structured } = shown;
    let (mut trace, mut counts) = summarize(rows).ok_or(NotFound)?;
    trace.trace_id = whole.main.to_vec();
    if let Some(named) = rows.iter().find(|row| row.span_id == trace.root_span_id) {
        (trace.input_preview, trace.output_preview) = previews(connection, rows, named, derived)?;
    }
    trace.structured_count = is_structured.then_some(trace.span_count);
    trace.joined_to = before.and_then(|before| before.joined_to.clone());
    dialect::put(connection, &[&trace])?;
    delete_facets(connection, whole.main)?;
    if trace.joined_to.is_none() {
        let words: Vec<String> = whole.fragments.iter().map(|id| fragment_word(id)).collect();
        counts.extend(words.iter().map(|word| ((Facet::Fragment, word.as_str()), 1)));
        let facets = FacetChange { before: None, after: &trace, counts: &counts };
        write_facets(connection, &[facets], NewRows::Add)?;
    }
    Ok(trace)
}

/// Writes the rows that are others now; synthetic ones come with an empty content, and go with it.
fn write_rows(
    connection: &mut AnyConnection,
    stored: &[SpanRow],
    rows: &[&SpanRow],
    derived: &BTreeMap<SpanKey, Derived>,
) -> Result<(), Failure> {
    let before: BTreeMap<&[u8], &SpanRow> = stored.iter().map(|row| (row.span_id.as_slice(), row)).collect();
    let after: BTreeMap<&[u8], &SpanRow> = rows.iter().map(|row| (row.span_id.as_slice(), *row)).collect();
    let gone = |row: &&SpanRow| {
        row.is_synthetic() && after.get(row.span_id.as_slice()).is_none_or(|now| now.start_day != row.start_day)
    };
    let mut change = rollup::Change::default();
    for row in stored.iter().filter(gone) {
        change.remove(row);
        dispatch!(connection, concrete => {
            diesel::delete(spans::table.find(key(row))).execute(concrete)?;
            diesel::delete(span_contents::table.find(key(row))).execute(concrete)?;
        });
    }
    let changed = after.values().filter(|row| before.get(row.span_id.as_slice()) != Some(*row));
    let changed: Vec<&SpanRow> = changed.copied().collect();
    let contents = changed.iter().filter(|row| row.is_synthetic()).map(|row| {
        let derived = derived.get(&row.span_id).map(Derived::encode).transpose()?.flatten();
        ContentRow::of_synthetic(row, derived)
    });
    let contents = contents.collect::<crate::error::Result<Vec<_>>>()?;
    let replaced: BTreeMap<_, &SpanRow> = stored.iter().map(|row| (key(row), row)).collect();
    for row in &changed {
        if let Some(replaced) = replaced.get(&key(row)) {
            change.remove(*replaced);
        }
        change.add(*row);
    }
    change.write(connection)?;
    dialect::put(connection, &contents.iter().collect::<Vec<_>>())?;
    Ok(dialect::put(connection, &changed)?)
}

const fn key(row: &SpanRow) -> (&Vec<u8>, &Vec<u8>, i32) {
    (&row.trace_id, &row.span_id, row.start_day)
}

/// Writes what is derived of the spans of these traces, where that has changed.
fn write_derived(
    connection: &mut AnyConnection,
    traces: &BTreeMap<&SpanKey, &[u8]>,
    before: &BTreeMap<SpanKey, Derived>,
    after: &BTreeMap<SpanKey, Derived>,
) -> Result<(), Failure> {
    let none = Derived::default();
    let spans: BTreeSet<&SpanKey> = before.keys().chain(after.keys()).collect();
    for span in spans {
        let Some(trace_id) = traces.get(span) else { continue };
        let (was, is) = (before.get(span).unwrap_or(&none), after.get(span).unwrap_or(&none));
        if was == is {
            continue;
        }
        let is = is.encode()?;
        let row =
            span_contents::table.filter(span_contents::trace_id.eq(*trace_id)).filter(span_contents::span_id.eq(span));
        dispatch!(connection, concrete => {
            diesel::update(row).set(span_contents::derived.eq(is)).execute(concrete).map(drop)
        })?;
    }
    Ok(())
}

/// The previews of the naming span; a synthetic run's are of its first and its last span.
pub(super) fn previews(
    connection: &mut AnyConnection,
    rows: &[SpanRow],
    named: &SpanRow,
    derived: &BTreeMap<SpanKey, Derived>,
) -> Result<(Option<String>, Option<String>), Failure> {
    let content_of = derived.get(&named.span_id).and_then(|derived| derived.content_of.as_ref());
    let mut of = |row| preview(connection, rows, row, derived);
    let Some((first, last)) = content_of else { return of(named) };
    let row = |span: Vec<u8>| rows.iter().find(|row| row.span_id == span);
    let input = row(first.span_id()).map(&mut of).transpose()?.and_then(|(input, _)| input);
    let output = row(last.span_id()).map(&mut of).transpose()?.and_then(|(_, output)| output);
    Ok((input, output))
}

/// The starts of a span's input and output, as it tells them itself and as others tell them.
fn preview(
    connection: &mut AnyConnection,
    rows: &[SpanRow],
    row: &SpanRow,
    derived: &BTreeMap<SpanKey, Derived>,
) -> Result<(Option<String>, Option<String>), Failure> {
    let mut told = Vec::new();
    for (teller, lifts) in derived.get(&row.span_id).iter().flat_map(|derived| &derived.lifts) {
        let teller = teller.span_id();
        let Some(teller) = rows.iter().find(|row| row.span_id == teller) else { continue };
        let Some(content) = load_content(connection, teller)? else { continue };
        told.append(&mut content.tells(lifts)?);
    }
    let content = load_content(connection, row)?;
    let logged = events_of(connection, &row.trace_id, &row.span_id)?;
    Ok(preview_of_content(row, content, told, logged)?)
}
