//! A span as it was recorded: values, not yet interpreted.

use std::sync::Arc;

use super::{Attributes, Identity, OtelKind, ProcessId, SpanId, SpanState, StatusCode, TraceId};

/// Where in the program a `tracing` span or event was written down.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Callsite {
    /// The callsite's name: a span's name, or `event FILE:LINE`.
    pub name: String,
    /// The target, by default the module's path.
    pub target: String,
    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    pub level: String,
    /// The source file.
    pub file: Option<String>,
    /// The line in it.
    pub line: Option<u32>,
    /// The names of the fields that the callsite declares: a field that is declared and never recorded is evidence too.
    pub fields: Vec<String>,
}

/// An event inside a span.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The event's name: OpenTelemetry's, or the `message` of a `tracing` event.
    pub name: String,
    /// Nanoseconds since 1970.
    pub time_ns: i64,
    /// What was recorded, in order.
    pub attributes: Attributes,
    /// Attributes that were dropped by a limit.
    pub dropped_attributes: u32,
    /// The `tracing` callsite, when there is one.
    pub callsite: Option<Arc<Callsite>>,
}

/// A link to another span, of the same trace or another.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The other span's trace.
    pub trace_id: TraceId,
    /// The other span.
    pub span_id: SpanId,
    /// W3C trace state.
    pub trace_state: String,
    /// W3C trace flags and OTLP's bits above them.
    pub flags: u32,
    /// What was recorded on the link.
    pub attributes: Attributes,
    /// Attributes that were dropped by a limit.
    pub dropped_attributes: u32,
}

impl Link {
    /// A link without attributes.
    #[must_use]
    pub const fn new(trace_id: TraceId, span_id: SpanId) -> Self {
        Self {
            trace_id,
            span_id,
            trace_state: String::new(),
            flags: 0,
            attributes: Attributes::new(),
            dropped_attributes: 0,
        }
    }
}

/// OpenTelemetry's status: a code, and a text for errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Unset, ok or error.
    pub code: StatusCode,
    /// What went wrong; empty unless the code is error.
    pub message: String,
}

impl Default for Status {
    fn default() -> Self {
        Self { code: StatusCode::Unset, message: String::new() }
    }
}

/// OpenTelemetry's instrumentation scope: the library that made the span.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    /// The library's name.
    pub name: String,
    /// Its version; may be empty.
    pub version: String,
    /// Its attributes.
    pub attributes: Attributes,
    /// The schema of the attributes; may be empty.
    pub schema_url: String,
    /// Attributes that were dropped by a limit.
    pub dropped_attributes: u32,
    /// The OTLP message, as far as the fields above do not say it: see [`SpanRecord::verbatim`].
    pub verbatim: Option<Vec<u8>>,
}

/// OpenTelemetry's resource: the process, service or machine that the span comes from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resource {
    /// Its attributes, `service.name` among them.
    pub attributes: Attributes,
    /// The schema of the attributes; may be empty.
    pub schema_url: String,
    /// Attributes that were dropped by a limit.
    pub dropped_attributes: u32,
    /// The entities that the resource's attributes describe.
    pub entity_refs: Vec<EntityRef>,
    /// The OTLP message, as far as the fields above do not say it: see [`SpanRecord::verbatim`].
    pub verbatim: Option<Vec<u8>>,
}

/// An entity that a resource belongs to, such as a service or a host: which of the resource's attributes name and describe it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntityRef {
    /// The schema of the entity's attributes; may be empty.
    pub schema_url: String,
    /// What it is: `service`, `host`, `process` …
    pub kind: String,
    /// The keys of the attributes that identify it.
    pub id_keys: Vec<String>,
    /// The keys of the attributes that describe it.
    pub description_keys: Vec<String>,
}

/// Who wrote a span: the process and the span's number in it. A gap in the numbers proves a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The process.
    pub process: ProcessId,
    /// Counts the spans that the process accepted, from 0.
    pub sequence: u64,
}

/// A span as it was recorded, whole: the worker interprets it, `wire` carries it, the store keeps it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SpanRecord {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// The parent; `None` for a root.
    pub parent_span_id: Option<SpanId>,
    /// Whether the parent belongs to another process.
    pub parent_is_remote: bool,
    /// W3C trace state.
    pub trace_state: String,
    /// W3C trace flags (the lowest 8 bits), as OTLP carries them.
    pub flags: u32,
    /// The name at the callsite, or OpenTelemetry's. May be empty.
    pub name: String,
    /// OpenTelemetry's span kind, as given; `otel.kind` may say otherwise.
    pub otel_kind: OtelKind,
    /// How far the span has come.
    pub state: SpanState,
    /// Nanoseconds since 1970.
    pub start_ns: i64,
    /// Nanoseconds since 1970; `None` while the span runs.
    pub end_ns: Option<i64>,
    /// The status as given; interpretation also reads events and attributes.
    pub status: Status,
    /// What was recorded, in order, duplicates kept.
    pub attributes: Attributes,
    /// The events, in order.
    pub events: Vec<Event>,
    /// The links, in order.
    pub links: Vec<Link>,
    /// Attributes that were dropped by a limit.
    pub dropped_attributes: u32,
    /// Events that were dropped by a limit.
    pub dropped_events: u32,
    /// Links that were dropped by a limit.
    pub dropped_links: u32,
    /// Bytes that were cut from values by the length limit.
    pub truncated_bytes: u64,
    /// Ids and names that the span has from its ancestors.
    pub inherited: Identity,
    /// The `tracing` callsite, when there is one.
    pub callsite: Option<Arc<Callsite>>,
    /// The library that made the span.
    pub scope: Arc<Scope>,
    /// The process, service or machine that it comes from.
    pub resource: Arc<Resource>,
    /// Who wrote it; set when the pipeline accepts the span.
    pub origin: Option<Origin>,
    /// Where another program sent what no field above can say (an unknown kind, a time after 2262, a key without a value), the OTLP
    /// message that it sent, in the form that [`wire`](crate::wire) describes. It is what goes out again in place of the record, as
    /// long as the record still says what the message does. It holds content: what redacts a record sets this to `None`.
    pub verbatim: Option<Vec<u8>>,
}

impl SpanRecord {
    /// An empty record: an open, internal span without parent.
    #[must_use]
    pub fn new(trace_id: TraceId, span_id: SpanId, name: impl Into<String>, start_ns: i64) -> Self {
        Self {
            trace_id,
            span_id,
            parent_span_id: None,
            parent_is_remote: false,
            trace_state: String::new(),
            flags: 1,
            name: name.into(),
            otel_kind: OtelKind::Internal,
            state: SpanState::Open,
            start_ns,
            end_ns: None,
            status: Status::default(),
            attributes: Attributes::new(),
            events: Vec::new(),
            links: Vec::new(),
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
            truncated_bytes: 0,
            inherited: Identity::default(),
            callsite: None,
            scope: Arc::default(),
            resource: Arc::default(),
            origin: None,
            verbatim: None,
        }
    }

    /// Bytes that the record holds, roughly: what the queue's byte limit counts.
    #[must_use]
    pub fn size(&self) -> usize {
        let events: usize = self.events.iter().map(|event| event.name.len() + event.attributes.size() + 64).sum();
        let links: usize = self.links.iter().map(|link| link.trace_state.len() + link.attributes.size() + 64).sum();
        256 + self.name.len()
            + self.trace_state.len()
            + self.status.message.len()
            + self.attributes.size()
            + self.inherited.size()
            + self.verbatim.as_ref().map_or(0, Vec::len)
            + events
            + links
    }
}
