//! OTLP messages to records.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Otlp;
use opentelemetry_proto::tonic::common::v1::{EntityRef as OtlpEntityRef, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status as OtlpStatus, span};

use super::foreign::{ForeignSpans, RejectReason, Rejected};
use super::types::TagReader;
use super::values::{ValueReader, read_integer};
use super::{is_remote, plain, reserved, verbatim};
use crate::model::{
    Attributes, EntityRef, Event, IdentityField, Link, Origin, OtelKind, ProcessId, Resource, Scope, SpanId,
    SpanRecord, SpanState, Status, StatusCode, TraceId,
};

pub(super) fn own(request: ExportTraceServiceRequest) -> Result<Vec<SpanRecord>, String> {
    let mut decoder = Decoder { trusts: true, ..Decoder::default() };
    decoder.request(request);
    if let Some(rejected) = decoder.rejected.first() {
        return Err(rejected.to_string());
    }
    if let Some(unreadable) = decoder.unreadable {
        return Err(unreadable);
    }
    // Stable: where grouping kept the order, no span has a position.
    decoder.spans.sort_by_key(|(position, _)| *position);
    Ok(decoder.spans.into_iter().map(|(_, record)| record).collect())
}

pub(super) fn foreign(request: ExportTraceServiceRequest) -> ForeignSpans {
    let mut decoder = Decoder::default();
    decoder.request(request);
    ForeignSpans { records: decoder.spans.into_iter().map(|(_, record)| record).collect(), rejected: decoder.rejected }
}

/// What the message of one span says, but for its scope and resource. `None` when such a span is rejected.
pub(super) fn foreign_span(span: Span) -> Option<SpanRecord> {
    let mut decoder = Decoder::default();
    let ids = decoder.ids(&span).ok()?;
    Some(decoder.record(span, ids).1)
}

/// What a resource's group says.
pub(super) fn foreign_resource(group: ResourceSpans) -> Resource {
    Decoder::default().resource(group)
}

/// What a scope's group says.
pub(super) fn foreign_scope(group: ScopeSpans) -> Scope {
    Decoder::default().scope(group)
}

/// What a reserved attribute turned out to be. All but the first stay ordinary attributes, so that nothing is lost.
enum Reserved {
    Taken,
    /// Not of this version.
    Unknown,
    /// Not what this version writes.
    Unreadable,
}

impl From<Option<()>> for Reserved {
    fn from(taken: Option<()>) -> Self {
        taken.map_or(Self::Unreadable, |()| Self::Taken)
    }
}

#[derive(Default)]
struct Decoder {
    /// Whether the payload is our own: any id is right, and origins are believed.
    trusts: bool,
    /// The spans with their positions.
    spans: Vec<(u64, SpanRecord)>,
    rejected: Vec<Rejected>,
    /// The first part that is not as this crate writes it: an error in our own payload, to be expected in others.
    unreadable: Option<String>,
    /// Bytes of the values that were nested too deep, of the span that is being read.
    cut_bytes: u64,
}

/// A span's own id in its trace, and its parent's.
type Ids = (TraceId, SpanId, Option<SpanId>);

impl Decoder {
    fn request(&mut self, request: ExportTraceServiceRequest) {
        for mut group in request.resource_spans {
            let scopes = std::mem::take(&mut group.scope_spans);
            let original = (!self.trusts && !plain::resource(&group)).then(|| group.clone());
            let mut resource = self.resource(group);
            if let Some(original) = original {
                resource.verbatim = verbatim::of_resource(&original, &resource);
            }
            let resource = Arc::new(resource);
            for mut group in scopes {
                let spans = std::mem::take(&mut group.spans);
                let original = (!self.trusts && !plain::scope(&group)).then(|| group.clone());
                let mut scope = self.scope(group);
                if let Some(original) = original {
                    scope.verbatim = verbatim::of_scope(&original, &scope);
                }
                let scope = Arc::new(scope);
                for span in spans {
                    self.span(span, &scope, &resource);
                }
            }
        }
    }

    fn resource(&mut self, group: ResourceSpans) -> Resource {
        let resource = group.resource.unwrap_or_default();
        let mut verbatim = None;
        let attributes = self.attributes(resource.attributes, kept_in(self.trusts, &mut verbatim));
        Resource {
            attributes,
            schema_url: group.schema_url,
            dropped_attributes: resource.dropped_attributes_count,
            entity_refs: resource.entity_refs.into_iter().map(entity_ref).collect(),
            verbatim,
        }
    }

    fn scope(&mut self, group: ScopeSpans) -> Scope {
        let scope = group.scope.unwrap_or_default();
        let mut verbatim = None;
        let attributes = self.attributes(scope.attributes, kept_in(self.trusts, &mut verbatim));
        Scope {
            name: scope.name,
            version: scope.version,
            attributes,
            schema_url: group.schema_url,
            dropped_attributes: scope.dropped_attributes_count,
            verbatim,
        }
    }

    fn span(&mut self, span: Span, scope: &Arc<Scope>, resource: &Arc<Resource>) {
        let ids = match self.ids(&span) {
            Ok(ids) => ids,
            Err(reason) => {
                let index = self.spans.len() + self.rejected.len();
                self.rejected.push(Rejected { index, name: span.name.chars().take(80).collect(), reason });
                return;
            }
        };
        let original = (!self.trusts && !plain::span(&span)).then(|| span.clone());
        let (position, mut record) = self.record(span, ids);
        if let Some(original) = original {
            record.verbatim = verbatim::of_span(original, &record);
        }
        record.scope = Arc::clone(scope);
        record.resource = Arc::clone(resource);
        self.spans.push((position, record));
    }

    /// What a span's message says, but for its scope and resource, and its position.
    fn record(&mut self, span: Span, (trace_id, span_id, parent_span_id): Ids) -> (u64, SpanRecord) {
        let mut record = SpanRecord::new(trace_id, span_id, span.name, time_ns(span.start_time_unix_nano));
        record.parent_span_id = parent_span_id;
        record.parent_is_remote = is_remote(span.flags);
        record.trace_state = span.trace_state;
        record.flags = span.flags;
        record.otel_kind = OtelKind::from_otlp(span.kind);
        record.end_ns = (span.end_time_unix_nano > 0).then(|| time_ns(span.end_time_unix_nano));
        record.status = span.status.map(status).unwrap_or_default();
        record.dropped_attributes = span.dropped_attributes_count;
        record.dropped_events = span.dropped_events_count;
        record.dropped_links = span.dropped_links_count;

        self.cut_bytes = 0;
        let mut extra = SpanExtra { trusts: self.trusts, ..SpanExtra::default() };
        record.attributes = self.attributes(span.attributes, |name, value| extra.take(&mut record, name, value));
        record.state = extra.state.unwrap_or_else(|| SpanState::by_end(record.end_ns));
        record.origin = extra.process.zip(extra.sequence).map(|(process, sequence)| Origin { process, sequence });
        record.events = span.events.into_iter().map(|event| self.event(event)).collect();
        for link in span.links {
            match self.link(link) {
                Some(link) => record.links.push(link),
                None => record.dropped_links = record.dropped_links.saturating_add(1),
            }
        }
        record.truncated_bytes = record.truncated_bytes.saturating_add(self.cut_bytes);
        (extra.position, record)
    }

    fn ids(&self, span: &Span) -> Result<Ids, RejectReason> {
        let trace_id = TraceId::from_slice(&span.trace_id).ok_or(RejectReason::TraceIdLength(span.trace_id.len()))?;
        let span_id = SpanId::from_slice(&span.span_id).ok_or(RejectReason::SpanIdLength(span.span_id.len()))?;
        let parent = SpanId::from_slice(&span.parent_span_id);
        if self.trusts {
            return match (parent, span.parent_span_id.len()) {
                (None, length @ 1..) => Err(RejectReason::ParentIdLength(length)),
                _ => Ok((trace_id, span_id, parent)),
            };
        }
        if trace_id.is_invalid() {
            return Err(RejectReason::TraceIdZero);
        }
        if span_id.is_invalid() {
            return Err(RejectReason::SpanIdZero);
        }
        // Some programs write a root's missing parent as zeros. What is no id stays in the message that is kept beside the record.
        Ok((trace_id, span_id, parent.filter(|id| !id.is_invalid())))
    }

    fn event(&mut self, event: span::Event) -> Event {
        let mut time_ns = time_ns(event.time_unix_nano);
        let mut callsite = None;
        let attributes = self.attributes(event.attributes, |name, value| match name {
            reserved::TIME_NS => read_integer(value).map(|time| time_ns = time).into(),
            reserved::CALLSITE => reserved::read_callsite(value).map(|read| callsite = Some(Arc::new(read))).into(),
            _ => Reserved::Unknown,
        });
        Event { name: event.name, time_ns, attributes, dropped_attributes: event.dropped_attributes_count, callsite }
    }

    /// `None` when a link's ids have the wrong length. Zeros lead nowhere, but what such a link says is the program's.
    fn link(&mut self, link: span::Link) -> Option<Link> {
        Some(Link {
            trace_id: TraceId::from_slice(&link.trace_id)?,
            span_id: SpanId::from_slice(&link.span_id)?,
            trace_state: link.trace_state,
            flags: link.flags,
            attributes: self.attributes(link.attributes, |_, _| Reserved::Unknown),
            dropped_attributes: link.dropped_attributes_count,
        })
    }

    /// A list of attributes; `take` is asked about each reserved one but the types.
    fn attributes(&mut self, mut list: Vec<KeyValue>, mut take: impl FnMut(&str, &Otlp) -> Reserved) -> Attributes {
        let mut types = TagReader::default();
        let mut kept = reserved::take_tail(&mut list);
        kept.retain(|entry| {
            let read = match (reserved::reserved_name(entry), reserved::value(entry)) {
                (Some(reserved::TYPES), Some(Otlp::StringValue(text))) => {
                    TagReader::parse(text).map(|read| types = read).into()
                }
                (Some(reserved::TYPES), _) => Reserved::Unreadable,
                (Some(name), Some(value)) => take(name, value),
                _ => Reserved::Unknown,
            };
            if matches!(read, Reserved::Unreadable) {
                self.unreadable.get_or_insert_with(|| format!("the attribute {} is not as it was written", entry.key));
            }
            !matches!(read, Reserved::Taken)
        });
        let mut attributes = Attributes::with_capacity(list.len() + kept.len());
        let mut values = ValueReader::new(types);
        values.attributes(list, &mut attributes);
        self.cut_bytes = self.cut_bytes.saturating_add(values.cut_bytes);
        if !values.all_tags_fit() {
            self.unreadable.get_or_insert_with(|| "a list of types does not fit its values".to_owned());
        }
        let mut values = ValueReader::default();
        values.attributes(kept, &mut attributes);
        self.cut_bytes = self.cut_bytes.saturating_add(values.cut_bytes);
        attributes
    }
}

/// What a span's reserved attributes say beside the record.
#[derive(Default)]
struct SpanExtra {
    trusts: bool,
    state: Option<SpanState>,
    process: Option<ProcessId>,
    sequence: Option<u64>,
    position: u64,
}

impl SpanExtra {
    fn take(&mut self, record: &mut SpanRecord, name: &str, value: &Otlp) -> Reserved {
        if let Some(field) = name.strip_prefix(reserved::INHERITED) {
            return match (IdentityField::ALL.into_iter().find(|known| known.as_str() == field), value) {
                (None, _) => Reserved::Unknown,
                (Some(field), Otlp::StringValue(text)) if !text.is_empty() => {
                    record.inherited.set(field, text.as_str());
                    Reserved::Taken
                }
                _ => Reserved::Unreadable,
            };
        }
        match name {
            reserved::PROCESS | reserved::SEQUENCE | reserved::VERBATIM if !self.trusts => return Reserved::Unreadable,
            reserved::START_NS => read_integer(value).map(|time| record.start_ns = time),
            reserved::END_NS => read_integer(value).map(|time| record.end_ns = Some(time)),
            reserved::STATE => text(value).and_then(|text| text.parse().ok()).map(|state| self.state = Some(state)),
            reserved::FLAGS => read_integer(value).map(|flags| record.flags = flags),
            reserved::PARENT_IS_REMOTE => match value {
                Otlp::BoolValue(remote) => {
                    record.parent_is_remote = *remote;
                    Some(())
                }
                _ => None,
            },
            reserved::TRUNCATED_BYTES => read_integer(value).map(|bytes| record.truncated_bytes = bytes),
            reserved::CALLSITE => {
                reserved::read_callsite(value).map(|callsite| record.callsite = Some(Arc::new(callsite)))
            }
            reserved::PROCESS => match value {
                Otlp::BytesValue(bytes) => ProcessId::from_slice(bytes).map(|id| self.process = Some(id)),
                _ => None,
            },
            reserved::VERBATIM => bytes(value).map(|bytes| record.verbatim = Some(bytes)),
            reserved::SEQUENCE => read_integer(value).map(|sequence| self.sequence = Some(sequence)),
            reserved::POSITION => read_integer(value).map(|position| self.position = position),
            _ => return Reserved::Unknown,
        }
        .into()
    }
}

/// Takes the message that is kept of a resource or a scope, from payloads that are believed.
fn kept_in(trusts: bool, verbatim: &mut Option<Vec<u8>>) -> impl FnMut(&str, &Otlp) -> Reserved {
    move |name, value| match (name, trusts) {
        (reserved::VERBATIM, true) => bytes(value).map(|bytes| *verbatim = Some(bytes)).into(),
        (reserved::VERBATIM, false) => Reserved::Unreadable,
        _ => Reserved::Unknown,
    }
}

fn entity_ref(entity: OtlpEntityRef) -> EntityRef {
    EntityRef {
        schema_url: entity.schema_url,
        kind: entity.r#type,
        id_keys: entity.id_keys,
        description_keys: entity.description_keys,
    }
}

fn bytes(value: &Otlp) -> Option<Vec<u8>> {
    match value {
        Otlp::BytesValue(bytes) => Some(bytes.clone()),
        _ => None,
    }
}

fn text(value: &Otlp) -> Option<&str> {
    match value {
        Otlp::StringValue(text) => Some(text),
        _ => None,
    }
}

fn status(status: OtlpStatus) -> Status {
    Status { code: StatusCode::from_otlp(status.code), message: status.message }
}

/// OTLP's unsigned time; the last time that 64 signed bits can say (in the year 2262) for later ones.
fn time_ns(unix_nano: u64) -> i64 {
    i64::try_from(unix_nano).unwrap_or(i64::MAX)
}
