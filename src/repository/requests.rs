//! Tool calls that models asked for and that have no span.

use std::collections::{BTreeMap, HashMap};

use super::statements::ask;
use super::{details, traces};
use crate::model::{Kind, RequestedToolCall, Requests, Span, TraceId};
use crate::store::rows::{ContentRow, EventRow};
use crate::store::{AnyConnection, Failure, make_whole};

/// Model calls whose content is read at once: a row holds up to 15 MiB.
const READ_AT_ONCE: usize = 20;

/// The calls of a trace, if it is stored. Reads the content of its model calls, some at a time.
pub(super) async fn of_trace(
    connection: &mut AnyConnection,
    id: TraceId,
) -> Result<Option<Vec<RequestedToolCall>>, Failure> {
    let Some(tree) = traces::tree(connection, id).await? else { return Ok(None) };
    let mut requests = Requests::new(&tree);
    let calls: Vec<(usize, &Span)> =
        tree.spans.iter().enumerate().filter(|(_, span)| span.kind == Kind::Model).collect();
    for calls in calls.chunks(READ_AT_ONCE) {
        let (mut contents, mut logged) = contents(connection, calls.iter().map(|(_, span)| *span)).await?;
        for (place, span) in calls {
            let Some(content) = contents.remove(&key_of(span)) else { continue };
            let logged = logged.remove(&(content.trace_id.clone(), content.span_id.clone())).unwrap_or_default();
            let (input, output) = details::messages(connection, span, &content, &logged).await?;
            requests.read(*place, &input, output);
        }
    }
    Ok(Some(requests.without_span()))
}

/// Trace, span and day: what tells payloads apart.
type Key = (Vec<u8>, Vec<u8>, i32);

fn key_of(span: &Span) -> Key {
    (span.trace_id.as_bytes().to_vec(), span.span_id.as_bytes().to_vec(), span.start_day())
}

/// Events that came as log records, by trace and span.
type Logged = HashMap<(Vec<u8>, Vec<u8>), Vec<EventRow>>;

/// The payloads of spans, which may stand in several traces: a run's, and those of its fragments.
async fn contents(
    connection: &mut AnyConnection,
    spans: impl Iterator<Item = &Span>,
) -> Result<(HashMap<Key, ContentRow>, Logged), Failure> {
    let mut by_trace: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    for span in spans {
        by_trace.entry(span.trace_id.as_bytes().to_vec()).or_default().push(span.span_id.as_bytes().to_vec());
    }
    let (mut found, mut logged) = (HashMap::new(), Logged::new());
    for (trace, spans) in by_trace {
        for row in details::logged(connection, &trace, spans.clone()).await? {
            logged.entry((row.trace_id.clone(), row.span_id.clone())).or_default().push(row);
        }
        let mut rows: Vec<ContentRow> = ask!(connection, statements => statements::details::contents_of(trace, spans))?;
        make_whole(connection, &mut rows).await?;
        found.extend(rows.into_iter().map(|row| ((row.trace_id.clone(), row.span_id.clone(), row.start_day), row)));
    }
    Ok((found, logged))
}
