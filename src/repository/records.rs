//! Spans as they were recorded, whole: what is exported.

use std::collections::HashMap;
use std::sync::Arc;

use super::filter::SpanFilter;
use super::spans;
use super::statements::ask;
use super::traces::with_spans;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Page, Resource, Scope, SpanId, SpanRecord, TraceId};
use crate::store::rows::{ContentRow, ResourceRow, ScopeRow, SpanRow};
use crate::store::{AnyConnection, Failure, make_whole, record_of};

/// Contents that are read at once: each can have as many bytes as a row may.
const READ_AT_ONCE: usize = 16;
/// Bytes of content after which a page ends.
const PAGE_BYTES: usize = 16 * 1024 * 1024;

/// The records of a trace and of the fragments joined to it, the earliest start first, if it is stored.
pub(super) async fn of_trace(connection: &mut AnyConnection, id: TraceId) -> Result<Option<Vec<SpanRecord>>, Failure> {
    let Some((_, mut rows)) = with_spans(connection, id).await? else { return Ok(None) };
    rows.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    let mut reader = Reader::default();
    for rows in rows.chunks(READ_AT_ONCE) {
        reader.read(connection, rows).await?;
    }
    Ok(Some(reader.records))
}

/// A page of records, in the order of the list of spans.
pub(super) async fn list(connection: &mut AnyConnection, filter: &SpanFilter) -> Result<Page<SpanRecord>, Failure> {
    let page = spans::rows(connection, filter).await?;
    let mut reader = Reader::default();
    let mut rest = page.items.as_slice();
    while let Some((rows, others)) = rest.split_at_checked(READ_AT_ONCE.min(rest.len()))
        && let Some(last) = rows.last()
    {
        reader.read(connection, rows).await?;
        if reader.bytes > PAGE_BYTES && !others.is_empty() {
            return Ok(Page { items: reader.records, next: Some(spans::after(last)) });
        }
        rest = others;
    }
    Ok(Page { items: reader.records, next: page.next })
}

fn key(row: &SpanRow) -> (i64, &[u8], &[u8]) {
    (row.start_ns, &row.trace_id, &row.span_id)
}

/// Collects records. Scopes and resources are read once, and shared.
#[derive(Default)]
struct Reader {
    records: Vec<SpanRecord>,
    /// Bytes of their contents.
    bytes: usize,
    scopes: HashMap<Vec<u8>, Arc<Scope>>,
    resources: HashMap<Vec<u8>, Arc<Resource>>,
}

impl Reader {
    /// Adds the records of some rows, in their order.
    async fn read(&mut self, connection: &mut AnyConnection, rows: &[SpanRow]) -> Result<(), Failure> {
        let recorded: Vec<&SpanRow> = rows.iter().filter(|row| !row.is_synthetic()).collect();
        let mut contents = contents(connection, &recorded).await?;
        for row in recorded {
            let content = contents.remove(&(row.trace_id.clone(), row.span_id.clone(), row.start_day));
            let content = content.ok_or_else(|| without_content(row))?;
            self.bytes += [&content.attributes, &content.events, &content.links, &content.extra]
                .into_iter()
                .chain(&content.verbatim)
                .map(Vec::len)
                .sum::<usize>();
            let scope = self.scope(connection, &row.scope_id).await?;
            let resource = self.resource(connection, &row.resource_id).await?;
            self.records.push(record_of(row, content, scope, resource)?);
        }
        Ok(())
    }

    async fn scope(&mut self, connection: &mut AnyConnection, id: &[u8]) -> Result<Arc<Scope>, Failure> {
        if let Some(scope) = self.scopes.get(id) {
            return Ok(Arc::clone(scope));
        }
        let wanted = id.to_vec();
        let mut rows: Vec<ScopeRow> = ask!(connection, statements => statements::details::scope(wanted))?;
        let scope = Arc::new(rows.pop().map(Scope::try_from).transpose()?.unwrap_or_default());
        self.scopes.insert(id.to_vec(), Arc::clone(&scope));
        Ok(scope)
    }

    async fn resource(&mut self, connection: &mut AnyConnection, id: &[u8]) -> Result<Arc<Resource>, Failure> {
        if let Some(resource) = self.resources.get(id) {
            return Ok(Arc::clone(resource));
        }
        let wanted = id.to_vec();
        let mut rows: Vec<ResourceRow> = ask!(connection, statements => statements::details::resource(wanted))?;
        let resource = Arc::new(rows.pop().map(Resource::try_from).transpose()?.unwrap_or_default());
        self.resources.insert(id.to_vec(), Arc::clone(&resource));
        Ok(resource)
    }
}

/// The key of a payload.
type ContentKey = (Vec<u8>, Vec<u8>, i32);

/// The payloads of some rows: one statement for each of their traces.
async fn contents(
    connection: &mut AnyConnection,
    rows: &[&SpanRow],
) -> Result<HashMap<ContentKey, ContentRow>, Failure> {
    let mut wanted: HashMap<&[u8], Vec<Vec<u8>>> = HashMap::new();
    for row in rows {
        wanted.entry(&row.trace_id).or_default().push(row.span_id.clone());
    }
    let mut contents = HashMap::new();
    for (trace, spans) in wanted {
        let trace = trace.to_vec();
        let mut found: Vec<ContentRow> =
            ask!(connection, statements => statements::details::contents_of(trace, spans))?;
        make_whole(connection, &mut found).await?;
        contents.extend(found.into_iter().map(|row| ((row.trace_id.clone(), row.span_id.clone(), row.start_day), row)));
    }
    Ok(contents)
}

fn without_content(row: &SpanRow) -> Error {
    let [trace, span] = [
        TraceId::from_slice(&row.trace_id).map(|id| id.to_string()),
        SpanId::from_slice(&row.span_id).map(|id| id.to_string()),
    ]
    .map(Option::unwrap_or_default);
    Error::new(ErrorKind::Decode, format!("span {span} of trace {trace} is stored without its content"))
}
