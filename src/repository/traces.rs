//! Traces: lists, counts, and one with all its spans.

use super::candidates::{SCAN_BUDGET, Search};
use super::filter::TraceFilter;
use super::statements::{TraceKey, ask};
use crate::error::Result;
use crate::model::{Cursor, Page, Span, Trace, TraceId, TraceTree};
use crate::repository::filter::Range;
use crate::store::rows::{SpanRow, TraceRow};
use crate::store::{AnyConnection, Failure};

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

/// A trace with its spans, without their payloads.
pub(super) async fn tree(connection: &mut AnyConnection, id: TraceId) -> Result<Option<TraceTree>, Failure> {
    let bytes = id.as_bytes().to_vec();
    let (ids, any) = (vec![bytes.clone()], Range::default());
    let trace: Option<TraceRow> = ask!(connection, statements => statements::traces::rows(ids, any, any))?.pop();
    let Some(trace) = trace else { return Ok(None) };
    let rows: Vec<SpanRow> = ask!(connection, statements => statements::spans::of_trace(bytes))?;
    let spans = rows.into_iter().map(Span::try_from).collect::<Result<Vec<_>>>()?;
    Ok(Some(TraceTree::new(Trace::try_from(trace)?, spans)))
}
