//! Summaries made anew from the rows: what every step-by-step change must agree with, and the repair when it does not.

use diesel::result::Error::NotFound;

use super::NewRows;
use super::facets::{FacetChange, delete_facets, write_facets};
use super::graph::recount;
use super::lineage::resolve_all;
use super::load::{load_content, load_trace_spans};
use super::prepare::preview_of_content;
use super::summary::summarize;
use crate::store::Failure;
use crate::store::connection::AnyConnection;
use crate::store::dialect;
use crate::store::rows::{SpanRow, TraceRow};

/// Makes a trace's summary, its facets and its spans' counters anew from its rows; the summary.
pub(super) fn recompute(
    connection: &mut AnyConnection,
    before: Option<&TraceRow>,
    trace_id: &[u8],
) -> Result<TraceRow, Failure> {
    let stored = load_trace_spans(connection, trace_id)?;
    let mut rows = stored.clone();
    recount(&mut rows);
    resolve_all(&mut rows);
    let changed: Vec<&SpanRow> =
        rows.iter().zip(&stored).filter(|(row, stored)| row != stored).map(|(row, _)| row).collect();
    dialect::put(connection, &changed)?;
    let (mut trace, counts) = summarize(&rows).ok_or(NotFound)?;
    let named = rows.iter().find(|row| row.span_id == trace.root_span_id);
    if let Some(named) = named {
        (trace.input_preview, trace.output_preview) = preview_of_content(named, load_content(connection, named)?)?;
    }
    trace.joined_to = before.and_then(|before| before.joined_to.clone());
    dialect::put(connection, &[&trace])?;
    delete_facets(connection, trace_id)?;
    let facets = FacetChange { before: None, after: &trace, counts: &counts };
    write_facets(connection, &[facets], NewRows::Add)?;
    Ok(trace)
}
