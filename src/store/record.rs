//! Rows back to the record that was stored.
//!
//! A row shows what was understood: names, status and kind by what attributes say, ids that flowed down, what other spans tell. What was
//! recorded stands in the content, and that is what comes back here; of the row only what nothing changes.

use std::sync::Arc;

use super::column::from_count;
use super::convert::{ENCODING, span_id, trace_id, word};
use super::rows::{ContentRow, SpanRow};
use crate::error::{Error, ErrorKind, Result};
use crate::model::canonical::{Extra, decode};
use crate::model::{Origin, OtelKind, ProcessId, Resource, Scope, SpanRecord, SpanState, Status, StatusCode};

/// The record of a span that was recorded: synthetic rows have none.
pub(crate) fn record_of(
    row: &SpanRow,
    content: ContentRow,
    scope: Arc<Scope>,
    resource: Arc<Resource>,
) -> Result<SpanRecord> {
    expect_readable(&content)?;
    let extra: Extra = decode("particulars", &content.extra)?;
    let span_id = span_id(&row.span_id)?;
    let parent = row.parent_span_id.as_deref().map(self::span_id).transpose()?;
    let mut record = SpanRecord::new(trace_id(&row.trace_id)?, span_id, extra.name.as_str(), row.start_ns);
    record.parent_span_id = if extra.is_own_parent { Some(span_id) } else { parent };
    record.parent_is_remote = row.parent_is_remote;
    record.otel_kind = OtelKind::from_otlp(extra.otel_kind);
    record.end_ns = row.end_ns;
    record.state = match &extra.state {
        Some(state) => word("a span's state", state)?,
        // Found by others, since the record was written.
        None if row.state == SpanState::Interrupted.rank() => SpanState::Interrupted,
        None => SpanState::by_end(row.end_ns),
    };
    record.status =
        Status { code: StatusCode::from_otlp(extra.status_code.into()), message: extra.status_message.clone() };
    record.attributes = decode("attributes", &content.attributes)?;
    record.events = decode("events", &content.events)?;
    record.links = decode("links", &content.links)?;
    record.inherited = extra.identity();
    record.flags = extra.flags;
    record.dropped_attributes = extra.dropped_attributes;
    record.dropped_events = extra.dropped_events;
    record.dropped_links = extra.dropped_links;
    record.truncated_bytes = extra.truncated_bytes;
    record.trace_state = extra.trace_state;
    record.callsite = extra.callsite.map(Arc::new);
    record.scope = scope;
    record.resource = resource;
    record.origin = row
        .process_id
        .as_deref()
        .and_then(ProcessId::from_slice)
        .zip(row.sequence)
        .map(|(process, sequence)| Origin { process, sequence: from_count(sequence) });
    record.verbatim = content.verbatim;
    Ok(record)
}

/// Refuses a content of a form that a newer version writes.
pub(crate) fn expect_readable(content: &ContentRow) -> Result<()> {
    if content.encoding == ENCODING {
        return Ok(());
    }
    let span = span_id(&content.span_id)?;
    Err(Error::new(
        ErrorKind::Decode,
        format!(
            "the content of span {span} is stored as {:?}, which this version cannot read; update this program",
            content.encoding
        ),
    ))
}
