//! The SDK's spans as records, and records as the SDK's spans.
//!
//! Into a record goes all that the SDK says. The way back loses what the SDK has no place for: integers that do not fit 64 signed
//! bits, bytes, maps, nulls and mixed arrays become text; callsites, origins, the count of truncated bytes, OTLP's flag bits above 9
//! and the text of a status that is no error are left out. A span that has not ended ends when it started and says so in the
//! attribute `agent_traces.state`; the ids and names that it has from its ancestors stand in `agent_traces.inherited.…`, as on the
//! [wire](crate::wire).

use std::sync::Arc;

use opentelemetry::trace::{
    Event as OtelEvent, Link as OtelLink, SpanContext, SpanId as OtelSpanId, SpanKind, Status as OtelStatus,
    TraceFlags, TraceId as OtelTraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource as OtelResource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::values::{to_attributes, to_key_values, to_value};
use crate::model::time::{system_time, unix_ns};
use crate::model::{
    Event, Link, OtelKind, Resource, Scope, SpanId, SpanRecord, SpanState, Status, StatusCode, TraceId,
};
use crate::wire::reserved::{INHERITED, PREFIX, STATE};
use crate::wire::{FLAG_HAS_IS_REMOTE, FLAG_IS_REMOTE, is_remote};

/// A finished span of the SDK as a record. The SDK keeps the resource apart, see [`to_resource`].
///
/// Links without valid ids lead nowhere and are counted as dropped. Times that do not fit 64 signed bits of nanoseconds (before
/// 1677, after 2262) become the nearest that do.
#[must_use]
pub fn to_record(span: SpanData, resource: &Arc<Resource>) -> SpanRecord {
    let scope = Arc::new(to_scope(&span.instrumentation_scope));
    to_record_in_scope(span, resource, &scope)
}

/// [`to_record`] for spans whose scope is converted already.
pub(super) fn to_record_in_scope(span: SpanData, resource: &Arc<Resource>, scope: &Arc<Scope>) -> SpanRecord {
    let context = &span.span_context;
    let mut record =
        SpanRecord::new(to_trace_id(context), to_span_id(context), span.name.into_owned(), unix_ns(span.start_time));
    record.parent_span_id =
        (span.parent_span_id != OtelSpanId::INVALID).then(|| SpanId::from_bytes(span.parent_span_id.to_bytes()));
    record.parent_is_remote = span.parent_span_is_remote;
    record.trace_state = context.trace_state().header();
    record.flags = flags(context.trace_flags(), span.parent_span_is_remote);
    record.otel_kind = to_kind(&span.span_kind);
    record.state = SpanState::Closed;
    record.end_ns = Some(unix_ns(span.end_time));
    record.status = to_status(span.status);
    record.attributes = to_attributes(span.attributes);
    record.dropped_attributes = span.dropped_attributes_count;
    record.dropped_events = span.events.dropped_count;
    record.events = span.events.into_iter().map(to_event).collect();
    let all_links = span.links.len();
    record.dropped_links = span.links.dropped_count;
    record.links = span.links.into_iter().filter(|link| link.span_context.is_valid()).map(to_link).collect();
    let nowhere = u32::try_from(all_links - record.links.len()).unwrap_or(u32::MAX);
    record.dropped_links = record.dropped_links.saturating_add(nowhere);
    record.scope = Arc::clone(scope);
    record.resource = Arc::clone(resource);
    record
}

/// The SDK's resource. Its attributes have no order there; here they are sorted by key.
#[must_use]
pub fn to_resource(resource: &OtelResource) -> Resource {
    let mut entries: Vec<_> = resource.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    Resource {
        attributes: entries
            .into_iter()
            .map(|(key, value)| (key.as_str().to_owned().into(), to_value(value.clone())))
            .collect(),
        schema_url: resource.schema_url().unwrap_or_default().to_owned(),
        ..Resource::default()
    }
}

pub(super) fn to_scope(scope: &InstrumentationScope) -> Scope {
    Scope {
        name: scope.name().to_owned(),
        version: scope.version().unwrap_or_default().to_owned(),
        attributes: to_attributes(scope.attributes().cloned().collect()),
        schema_url: scope.schema_url().unwrap_or_default().to_owned(),
        ..Scope::default()
    }
}

/// A record as a span of the SDK, for its exporters. Their resource is set apart, see [`to_otel_resource`].
///
/// Attributes keep their order and their duplicates; of the same key, the SDK's exporters send all. What is lost, and what is added,
/// stands in the [module's description](self).
#[must_use]
pub fn to_span_data(record: &SpanRecord) -> SpanData {
    let mut attributes = to_key_values(&record.attributes);
    let inherited = record.inherited.iter();
    attributes.extend(
        inherited
            .map(|(field, value)| KeyValue::new(format!("{PREFIX}{INHERITED}{}", field.as_str()), value.to_owned())),
    );
    if record.state != SpanState::Closed {
        attributes.push(KeyValue::new(format!("{PREFIX}{STATE}"), record.state.as_str()));
    }

    let mut events = SpanEvents::default();
    events.events = record.events.iter().map(to_otel_event).collect();
    events.dropped_count = record.dropped_events;
    let mut links = SpanLinks::default();
    links.links = record.links.iter().map(to_otel_link).collect();
    links.dropped_count = record.dropped_links;

    SpanData {
        span_context: span_context(record.trace_id, record.span_id, record.flags, false, &record.trace_state),
        parent_span_id: record.parent_span_id.map_or(OtelSpanId::INVALID, |id| OtelSpanId::from_bytes(id.to_bytes())),
        parent_span_is_remote: record.parent_is_remote,
        span_kind: to_otel_kind(record.otel_kind),
        name: record.name.clone().into(),
        start_time: system_time(record.start_ns),
        end_time: system_time(record.end_ns.unwrap_or(record.start_ns)),
        attributes,
        dropped_attributes_count: record.dropped_attributes,
        events,
        links,
        status: to_otel_status(&record.status),
        instrumentation_scope: to_otel_scope(&record.scope),
    }
}

/// A resource of the SDK. Of attributes with the same key the last one stays, as the SDK has it.
#[must_use]
pub fn to_otel_resource(resource: &Resource) -> OtelResource {
    let attributes = to_key_values(&resource.attributes);
    let builder = OtelResource::builder_empty();
    if resource.schema_url.is_empty() {
        builder.with_attributes(attributes).build()
    } else {
        builder.with_schema_url(attributes, resource.schema_url.clone()).build()
    }
}

fn to_otel_scope(scope: &Scope) -> InstrumentationScope {
    let mut builder =
        InstrumentationScope::builder(scope.name.clone()).with_attributes(to_key_values(&scope.attributes));
    if !scope.version.is_empty() {
        builder = builder.with_version(scope.version.clone());
    }
    if !scope.schema_url.is_empty() {
        builder = builder.with_schema_url(scope.schema_url.clone());
    }
    builder.build()
}

pub(super) fn to_event(event: OtelEvent) -> Event {
    Event {
        name: event.name.into_owned(),
        time_ns: unix_ns(event.timestamp),
        attributes: to_attributes(event.attributes),
        dropped_attributes: event.dropped_attributes_count,
        callsite: None,
    }
}

pub(super) fn to_otel_event(event: &Event) -> OtelEvent {
    OtelEvent::new(
        event.name.clone(),
        system_time(event.time_ns),
        to_key_values(&event.attributes),
        event.dropped_attributes,
    )
}

pub(super) fn to_link(link: OtelLink) -> Link {
    let context = &link.span_context;
    Link {
        trace_id: to_trace_id(context),
        span_id: to_span_id(context),
        trace_state: context.trace_state().header(),
        flags: flags(context.trace_flags(), context.is_remote()),
        attributes: to_attributes(link.attributes),
        dropped_attributes: link.dropped_attributes_count,
    }
}

pub(super) fn to_otel_link(link: &Link) -> OtelLink {
    let context = span_context(link.trace_id, link.span_id, link.flags, is_remote(link.flags), &link.trace_state);
    OtelLink::new(context, to_key_values(&link.attributes), link.dropped_attributes)
}

pub(super) fn to_trace_id(context: &SpanContext) -> TraceId {
    TraceId::from_bytes(context.trace_id().to_bytes())
}

pub(super) fn to_span_id(context: &SpanContext) -> SpanId {
    SpanId::from_bytes(context.span_id().to_bytes())
}

/// A trace state that breaks W3C's rules is left out: the SDK cannot hold it.
pub(crate) fn span_context(
    trace_id: TraceId,
    span_id: SpanId,
    flags: u32,
    is_remote: bool,
    trace_state: &str,
) -> SpanContext {
    let [w3c_flags, ..] = flags.to_le_bytes();
    SpanContext::new(
        OtelTraceId::from_bytes(trace_id.to_bytes()),
        OtelSpanId::from_bytes(span_id.to_bytes()),
        TraceFlags::new(w3c_flags),
        is_remote,
        trace_state.parse::<TraceState>().unwrap_or_default(),
    )
}

/// W3C's flags and OTLP's bits above them: the SDK always knows whether the other span is remote.
fn flags(w3c: TraceFlags, is_remote: bool) -> u32 {
    let remote = if is_remote { FLAG_IS_REMOTE } else { 0 };
    u32::from(w3c.to_u8()) | FLAG_HAS_IS_REMOTE | remote
}

const fn to_kind(kind: &SpanKind) -> OtelKind {
    match kind {
        SpanKind::Client => OtelKind::Client,
        SpanKind::Server => OtelKind::Server,
        SpanKind::Producer => OtelKind::Producer,
        SpanKind::Consumer => OtelKind::Consumer,
        SpanKind::Internal => OtelKind::Internal,
    }
}

const fn to_otel_kind(kind: OtelKind) -> SpanKind {
    match kind {
        OtelKind::Client => SpanKind::Client,
        OtelKind::Server => SpanKind::Server,
        OtelKind::Producer => SpanKind::Producer,
        OtelKind::Consumer => SpanKind::Consumer,
        OtelKind::Internal => SpanKind::Internal,
    }
}

pub(super) fn to_status(status: OtelStatus) -> Status {
    match status {
        OtelStatus::Unset => Status::default(),
        OtelStatus::Ok => Status { code: StatusCode::Ok, message: String::new() },
        OtelStatus::Error { description } => Status { code: StatusCode::Error, message: description.into_owned() },
    }
}

fn to_otel_status(status: &Status) -> OtelStatus {
    match status.code {
        StatusCode::Unset => OtelStatus::Unset,
        StatusCode::Ok => OtelStatus::Ok,
        StatusCode::Error => OtelStatus::error(status.message.clone()),
    }
}
