//! One span with its payload.

use super::statements::ask;
use crate::error::{Error, ErrorKind, Result};
use crate::model::canonical::{Extra, decode};
use crate::model::{
    Attributes, Event, Message, Process, ProcessId, Resource, Scope, Span, SpanContent, SpanDetail, SpanId, TraceId,
    Value,
};
use crate::semconv::{Content, read_content};
use crate::store::rows::{ContentRow, EventRow, ProcessRow, ResourceRow, ScopeRow, SpanRow};
use crate::store::{AnyConnection, Derived, Failure, Teller, expect_readable, make_whole};

/// A span with its payload, its scope and its resource, if it is stored.
pub(super) async fn span(
    connection: &mut AnyConnection,
    trace_id: TraceId,
    span_id: SpanId,
) -> Result<Option<SpanDetail>, Failure> {
    let (trace, span) = (trace_id.as_bytes().to_vec(), span_id.as_bytes().to_vec());
    let mut spans: Vec<SpanRow> = ask!(connection, statements => statements::details::span(trace, span))?;
    let Some(row) = spans.pop() else { return Ok(None) };
    let (scope_id, resource_id) = (row.scope_id.clone(), row.resource_id.clone());
    let mut contents: Vec<ContentRow> = ask!(connection, statements => statements::details::content(&row))?;
    make_whole(connection, &mut contents).await?;
    let mut scopes: Vec<ScopeRow> = ask!(connection, statements => statements::details::scope(scope_id))?;
    let mut resources: Vec<ResourceRow> = ask!(connection, statements => statements::details::resource(resource_id))?;
    let span = Span::try_from(row)?;
    let content = contents.pop().ok_or_else(|| {
        Error::new(ErrorKind::Decode, format!("span {span_id} of trace {trace_id} is stored without its content"))
    })?;
    let derived = Derived::decode(content.derived.as_deref())?;
    let told = told_elsewhere(connection, &content.trace_id, &derived).await?;
    let logged = logged(connection, &content.trace_id, vec![content.span_id.clone()]).await?;
    let mut content = read(&span, &content, told, &logged, scopes.pop(), resources.pop())?;
    if let Some((first, last)) = &derived.content_of {
        content.input = content_of(connection, &trace_id, first).await?.and_then(|content| content.input);
        content.output = content_of(connection, &trace_id, last).await?.and_then(|content| content.output);
    }
    Ok(Some(SpanDetail { span, content }))
}

/// The messages that went into a model call and came out of it. `logged` are its events that came as log records.
pub(super) async fn messages(
    connection: &mut AnyConnection,
    span: &Span,
    content: &ContentRow,
    logged: &[EventRow],
) -> Result<(Vec<Message>, Vec<Message>), Failure> {
    let derived = Derived::decode(content.derived.as_deref())?;
    let told = told_elsewhere(connection, &content.trace_id, &derived).await?;
    let content = read(span, content, told, logged, None, None)?;
    Ok((content.input_messages, content.output_messages))
}

/// What other spans tell of a span's content, with the attributes that it stands for.
async fn told_elsewhere(
    connection: &mut AnyConnection,
    trace_id: &[u8],
    derived: &Derived,
) -> Result<Vec<(String, Value)>, Failure> {
    let mut told = Vec::new();
    for (teller, lifts) in &derived.lifts {
        let (trace, span) = (trace_id.to_vec(), teller.span_id());
        let mut contents: Vec<ContentRow> =
            ask!(connection, statements => statements::details::content_of(trace, span))?;
        make_whole(connection, &mut contents).await?;
        if let Some(content) = contents.pop() {
            told.append(&mut content.tells(lifts)?);
        }
    }
    Ok(told)
}

/// The events of some spans of a trace that came as log records, each span's by time.
pub(super) async fn logged(
    connection: &mut AnyConnection,
    trace_id: &[u8],
    spans: Vec<Vec<u8>>,
) -> Result<Vec<EventRow>, Failure> {
    let trace = trace_id.to_vec();
    Ok(ask!(connection, statements => statements::details::events_of(trace, spans))?)
}

/// What went in and came out of a span that is no run.
async fn content_of(
    connection: &mut AnyConnection,
    trace_id: &TraceId,
    span: &Teller,
) -> Result<Option<SpanContent>, Failure> {
    let (trace, span) = (trace_id.as_bytes().to_vec(), span.span_id());
    let mut spans: Vec<SpanRow> = ask!(connection, statements => statements::details::span(trace, span))?;
    let Some(row) = spans.pop() else { return Ok(None) };
    let mut contents: Vec<ContentRow> = ask!(connection, statements => statements::details::content(&row))?;
    make_whole(connection, &mut contents).await?;
    let span = Span::try_from(row)?;
    let Some(content) = contents.pop() else { return Ok(None) };
    let derived = Derived::decode(content.derived.as_deref())?;
    let told = told_elsewhere(connection, &content.trace_id, &derived).await?;
    let logged = logged(connection, &content.trace_id, vec![content.span_id.clone()]).await?;
    Ok(Some(read(&span, &content, told, &logged, None, None)?))
}

/// The payload as it was recorded, and what `semconv` finds in it: input, output and messages are not stored a second time.
/// `told` is what other spans tell of it, `logged` what came as log records.
fn read(
    span: &Span,
    row: &ContentRow,
    told: Vec<(String, Value)>,
    logged: &[EventRow],
    scope: Option<ScopeRow>,
    resource: Option<ResourceRow>,
) -> Result<SpanContent> {
    expect_readable(row)?;
    let attributes: Attributes = decode("attributes", &row.attributes)?;
    let mut events: Vec<Event> = decode("events", &row.events)?;
    for logged in logged {
        events.push(logged.decode()?);
    }
    let extra: Extra = decode("particulars", &row.extra)?;
    let mut all = attributes.clone();
    told.into_iter().filter(|(key, _)| attributes.get(key).is_none()).for_each(|(key, value)| all.push(key, value));
    let Content { input, output, input_messages, output_messages } =
        read_content(&all, &events, &extra.lifts, span.kind);
    Ok(SpanContent {
        attributes,
        events,
        links: decode("links", &row.links)?,
        trace_state: extra.trace_state,
        flags: extra.flags,
        callsite: extra.callsite.map(Into::into),
        scope: scope.map(Scope::try_from).transpose()?.unwrap_or_default(),
        resource: resource.map(Resource::try_from).transpose()?.unwrap_or_default(),
        input,
        output,
        input_messages,
        output_messages,
    })
}

/// All processes, the latest start first.
pub(super) async fn processes(connection: &mut AnyConnection) -> Result<Vec<Process>, Failure> {
    let rows: Vec<ProcessRow> = ask!(connection, statements => statements::details::processes())?;
    Ok(rows.into_iter().map(read_process).collect::<Result<_>>()?)
}

pub(super) fn read_process(row: ProcessRow) -> Result<Process> {
    let process_id = ProcessId::from_slice(&row.process_id)
        .ok_or_else(|| Error::new(ErrorKind::Decode, "the database holds a process id that is not 16 bytes long"))?;
    Ok(Process {
        process_id,
        pid: u64::try_from(row.pid).unwrap_or(0),
        host: row.host,
        started_ns: row.started_ns,
        heartbeat_ns: row.heartbeat_ns,
        ended_ns: row.ended_ns,
        interval_ns: row.interval_ns.and_then(|interval| u64::try_from(interval).ok()),
        settled_ns: row.settled_ns.filter(|settled| *settled > 0),
    })
}
