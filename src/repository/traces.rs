//! Traces: lists, counts, and one with all its spans.

use super::candidates::{SCAN_BUDGET, Search};
use super::filter::TraceFilter;
use super::statements::{TraceKey, ask};
use crate::error::Result;
use crate::model::{Cursor, Page, Span, Trace, TraceId, TraceTree};
use crate::repository::filter::Range;
use crate::store::rows::{SpanRow, TraceRow};
use crate::store::{AnyConnection, Facet, Failure, fragment_id};

/// A page of traces. Ends when it is full, at the end of the list, or when the scan budget is spent: then with a cursor to the last trace
/// that was looked at.
pub(super) async fn list(connection: &mut AnyConnection, filter: &TraceFilter) -> Result<Page<Trace>, Failure> {
    let conditions = filter.conditions();
    let limit = conditions.limit();
    let mut search = Search::new(conditions, connection).await?;
    let mut items = Vec::with_capacity(limit);
    let mut examined = 0;
    let mut last: Option<TraceKey> = None;
    loop {
        // One more than wanted tells whether there is a next page.
        let candidates = search.next(connection, limit - items.len() + 1).await?;
        if candidates.is_empty() {
            return Ok(Page { items, next: None });
        }
        for (key, row) in candidates {
            if items.len() == limit || examined == SCAN_BUDGET {
                return Ok(Page { items, next: last.map(|(time_ns, id)| Cursor { time_ns, id }) });
            }
            examined += 1;
            items.extend(row.map(Trace::try_from).transpose()?);
            last = Some(key);
        }
    }
}

/// The number of traces that pass a filter.
pub(super) async fn count(connection: &mut AnyConnection, filter: &TraceFilter) -> Result<u64, Failure> {
    Search::new(filter.conditions(), connection).await?.count(connection).await
}

async fn summary(connection: &mut AnyConnection, id: Vec<u8>) -> Result<Option<TraceRow>, Failure> {
    let (ids, any) = (vec![id], Range::default());
    Ok(ask!(connection, statements => statements::traces::rows(ids, any, any))?.pop())
}

/// These traces and the fragments that are joined to them.
pub(super) async fn with_fragments(
    connection: &mut AnyConnection,
    mut ids: Vec<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, Failure> {
    let of = ids.clone();
    let fragments: Vec<(Vec<u8>, String)> =
        ask!(connection, statements => statements::traces::facet_values(of, Facet::Fragment))?;
    ids.extend(fragments.iter().filter_map(|(_, word)| fragment_id(word)));
    Ok(ids)
}

/// A trace with its spans and those of its fragments, without their payloads. A fragment's is that of the run that it belongs to.
pub(super) async fn tree(connection: &mut AnyConnection, id: TraceId) -> Result<Option<TraceTree>, Failure> {
    let Some((trace, rows)) = with_spans(connection, id).await? else { return Ok(None) };
    let spans = rows.into_iter().map(Span::try_from).collect::<Result<Vec<_>>>()?;
    Ok(Some(TraceTree::new(Trace::try_from(trace)?, spans)))
}

/// The rows of a trace and of its spans, in no order, those of its fragments among them.
pub(super) async fn with_spans(
    connection: &mut AnyConnection,
    id: TraceId,
) -> Result<Option<(TraceRow, Vec<SpanRow>)>, Failure> {
    let Some(mut trace) = summary(connection, id.as_bytes().to_vec()).await? else { return Ok(None) };
    if let Some(main) = &trace.joined_to {
        let Some(main) = summary(connection, main.clone()).await? else { return Ok(None) };
        trace = main;
    }
    let ids = with_fragments(connection, vec![trace.trace_id.clone()]).await?;
    let mut rows: Vec<SpanRow> = Vec::new();
    for id in ids {
        rows.append(&mut ask!(connection, statements => statements::spans::of_trace(id))?);
    }
    Ok(Some((trace, rows)))
}
