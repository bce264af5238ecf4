//! Records to OTLP messages.

use std::collections::HashMap;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Otlp;
use opentelemetry_proto::tonic::common::v1::{EntityRef as OtlpEntityRef, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource as OtlpResource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status as OtlpStatus, span};
use prost::Message as _;

use super::reserved::{self, Tail};
use super::values::{ValueWriter, integer};
use super::{FLAG_HAS_IS_REMOTE, FLAG_IS_REMOTE, is_remote, verbatim};
use crate::model::{Attributes, EntityRef, Event, Link, Resource, Scope, SpanRecord, SpanState, Status};

/// Whom the messages are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// This crate: all of the record, in its order.
    Own,
    /// Anyone: what was recorded, and not who stored it.
    Anyone,
}

/// The records, grouped by resource and scope in the order in which these are seen first.
pub(super) fn request(records: &[SpanRecord], reader: Reader) -> ExportTraceServiceRequest {
    let mut groups = Groups::new(reader);
    let places: Vec<_> = records.iter().map(|record| groups.place(record)).collect();
    let reordered = reader == Reader::Own && !places.is_sorted();
    for (position, (record, place)) in records.iter().zip(places).enumerate() {
        let span = match reader {
            Reader::Own => own_span(record, reordered.then_some(position)),
            Reader::Anyone => verbatim::span(record).unwrap_or_else(|| span(record)),
        };
        groups.push(place, span);
    }
    ExportTraceServiceRequest { resource_spans: groups.resources }
}

/// The message's groups, and where each resource and scope has its own. Equality is that of the encoded bytes, because values that
/// are equal to Rust (0.0 and -0.0) need not be the same. Pointers only save the encoding of what was seen before.
struct Groups {
    reader: Reader,
    resources: Vec<ResourceSpans>,
    resource_places: HashMap<Vec<u8>, usize>,
    resource_pointers: HashMap<*const Resource, usize>,
    scope_places: HashMap<(usize, Vec<u8>), usize>,
    scope_pointers: HashMap<(usize, *const Scope), usize>,
}

impl Groups {
    fn new(reader: Reader) -> Self {
        Self {
            reader,
            resources: Vec::new(),
            resource_places: HashMap::new(),
            resource_pointers: HashMap::new(),
            scope_places: HashMap::new(),
            scope_pointers: HashMap::new(),
        }
    }

    /// The places of the record's resource and, in it, of its scope.
    fn place(&mut self, record: &SpanRecord) -> (usize, usize) {
        let resource = self.resource_place(&record.resource);
        (resource, self.scope_place(resource, &record.scope))
    }

    fn resource_place(&mut self, resource: &Arc<Resource>) -> usize {
        let pointer = Arc::as_ptr(resource);
        if let Some(&place) = self.resource_pointers.get(&pointer) {
            return place;
        }
        let group = match self.reader {
            Reader::Own => own_resource(resource),
            Reader::Anyone => verbatim::resource(resource).unwrap_or_else(|| self::resource(resource)),
        };
        let resources = &mut self.resources;
        let place = *self.resource_places.entry(group.encode_to_vec()).or_insert_with(|| {
            resources.push(group);
            resources.len() - 1
        });
        self.resource_pointers.insert(pointer, place);
        place
    }

    fn scope_place(&mut self, resource: usize, scope: &Arc<Scope>) -> usize {
        let pointer = (resource, Arc::as_ptr(scope));
        if let Some(&place) = self.scope_pointers.get(&pointer) {
            return place;
        }
        let group = match self.reader {
            Reader::Own => own_scope(scope),
            Reader::Anyone => verbatim::scope(scope).unwrap_or_else(|| self::scope(scope)),
        };
        let Some(groups) = self.resources.get_mut(resource).map(|resource| &mut resource.scope_spans) else { return 0 };
        let place = *self.scope_places.entry((resource, group.encode_to_vec())).or_insert_with(|| {
            groups.push(group);
            groups.len() - 1
        });
        self.scope_pointers.insert(pointer, place);
        place
    }

    fn push(&mut self, (resource, scope): (usize, usize), span: Span) {
        let resource = self.resources.get_mut(resource);
        if let Some(group) = resource.and_then(|resource| resource.scope_spans.get_mut(scope)) {
            group.spans.push(span);
        }
    }
}

/// A list of attributes with its tail; adds to `cut_bytes` what was nested too deep.
fn list(attributes: &Attributes, mut tail: Tail, cut_bytes: &mut u64) -> Vec<KeyValue> {
    let mut values = ValueWriter::default();
    let mut list = values.attributes(attributes);
    *cut_bytes = cut_bytes.saturating_add(values.cut_bytes);
    if let Some(types) = values.tags.finish() {
        tail.push(reserved::TYPES, Otlp::StringValue(types));
    }
    tail.finish(&mut list);
    list
}

/// The tail of what this crate reads again: the kept message, if there is one.
fn kept(verbatim: Option<&Vec<u8>>) -> Tail {
    let mut tail = Tail::default();
    if let Some(bytes) = verbatim {
        tail.push(reserved::VERBATIM, Otlp::BytesValue(bytes.clone()));
    }
    tail
}

/// A resource's group, without spans, as the fields say it.
pub(super) fn resource(resource: &Resource) -> ResourceSpans {
    resource_with(resource, Tail::default())
}

fn own_resource(resource: &Resource) -> ResourceSpans {
    resource_with(resource, kept(resource.verbatim.as_ref()))
}

fn resource_with(resource: &Resource, tail: Tail) -> ResourceSpans {
    ResourceSpans {
        resource: Some(OtlpResource {
            attributes: list(&resource.attributes, tail, &mut 0),
            dropped_attributes_count: resource.dropped_attributes,
            entity_refs: resource.entity_refs.iter().map(entity_ref).collect(),
        }),
        scope_spans: Vec::new(),
        schema_url: resource.schema_url.clone(),
    }
}

fn entity_ref(entity: &EntityRef) -> OtlpEntityRef {
    OtlpEntityRef {
        schema_url: entity.schema_url.clone(),
        r#type: entity.kind.clone(),
        id_keys: entity.id_keys.clone(),
        description_keys: entity.description_keys.clone(),
    }
}

/// A scope's group, without spans, as the fields say it.
pub(super) fn scope(scope: &Scope) -> ScopeSpans {
    scope_with(scope, Tail::default())
}

fn own_scope(scope: &Scope) -> ScopeSpans {
    scope_with(scope, kept(scope.verbatim.as_ref()))
}

fn scope_with(scope: &Scope, tail: Tail) -> ScopeSpans {
    ScopeSpans {
        scope: Some(InstrumentationScope {
            name: scope.name.clone(),
            version: scope.version.clone(),
            attributes: list(&scope.attributes, tail, &mut 0),
            dropped_attributes_count: scope.dropped_attributes,
        }),
        spans: Vec::new(),
        schema_url: scope.schema_url.clone(),
    }
}

/// A span as the fields say it, for anyone.
pub(super) fn span(record: &SpanRecord) -> Span {
    span_with(record, Tail::default())
}

/// A span with all that only this crate is to know.
fn own_span(record: &SpanRecord, position: Option<usize>) -> Span {
    let mut tail = kept(record.verbatim.as_ref());
    if let Some(origin) = &record.origin {
        tail.push(reserved::PROCESS, Otlp::BytesValue(origin.process.as_bytes().to_vec()));
        tail.push(reserved::SEQUENCE, integer(origin.sequence));
    }
    if let Some(position) = position {
        tail.push(reserved::POSITION, integer(position));
    }
    span_with(record, tail)
}

fn span_with(record: &SpanRecord, tail: Tail) -> Span {
    let mut truncated_bytes = record.truncated_bytes;
    let events = record.events.iter().map(|event| self::event(event, &mut truncated_bytes)).collect();
    let links = record.links.iter().map(|link| self::link(link, &mut truncated_bytes)).collect();
    let remote = if record.parent_is_remote { FLAG_HAS_IS_REMOTE | FLAG_IS_REMOTE } else { 0 };
    let flags = record.flags | remote;
    Span {
        trace_id: record.trace_id.as_bytes().to_vec(),
        span_id: record.span_id.as_bytes().to_vec(),
        trace_state: record.trace_state.clone(),
        parent_span_id: record.parent_span_id.map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
        flags,
        name: record.name.clone(),
        kind: record.otel_kind.otlp(),
        start_time_unix_nano: unix_nano(record.start_ns),
        end_time_unix_nano: record.end_ns.map_or(0, unix_nano),
        attributes: span_list(record, flags, tail, truncated_bytes),
        dropped_attributes_count: record.dropped_attributes,
        events,
        dropped_events_count: record.dropped_events,
        links,
        dropped_links_count: record.dropped_links,
        // Also an unset one: that is how most programs send it, and so it needs no message beside the record.
        status: Some(status(&record.status)),
    }
}

/// The span's attributes, and in their tail all that has no place elsewhere.
fn span_list(record: &SpanRecord, flags: u32, mut tail: Tail, mut truncated_bytes: u64) -> Vec<KeyValue> {
    let mut values = ValueWriter::default();
    let mut list = values.attributes(&record.attributes);
    truncated_bytes = truncated_bytes.saturating_add(values.cut_bytes);

    for (field, value) in record.inherited.iter() {
        let name = format!("{}{}", reserved::INHERITED, field.as_str());
        tail.push(&name, Otlp::StringValue(value.to_owned()));
    }
    if record.start_ns < 0 {
        tail.push(reserved::START_NS, Otlp::IntValue(record.start_ns));
    }
    if let Some(end @ ..=0) = record.end_ns {
        tail.push(reserved::END_NS, Otlp::IntValue(end));
    }
    if record.state != SpanState::by_end(record.end_ns) {
        tail.push(reserved::STATE, Otlp::StringValue(record.state.as_str().to_owned()));
    }
    if record.flags != flags {
        tail.push(reserved::FLAGS, Otlp::IntValue(record.flags.into()));
    }
    if record.parent_is_remote != is_remote(flags) {
        tail.push(reserved::PARENT_IS_REMOTE, Otlp::BoolValue(record.parent_is_remote));
    }
    if truncated_bytes > 0 {
        tail.push(reserved::TRUNCATED_BYTES, integer(truncated_bytes));
    }
    if let Some(callsite) = &record.callsite {
        tail.push(reserved::CALLSITE, reserved::write_callsite(callsite));
    }
    if let Some(types) = values.tags.finish() {
        tail.push(reserved::TYPES, Otlp::StringValue(types));
    }
    tail.finish(&mut list);
    list
}

fn event(event: &Event, cut_bytes: &mut u64) -> span::Event {
    let mut tail = Tail::default();
    if event.time_ns < 0 {
        tail.push(reserved::TIME_NS, Otlp::IntValue(event.time_ns));
    }
    if let Some(callsite) = &event.callsite {
        tail.push(reserved::CALLSITE, reserved::write_callsite(callsite));
    }
    span::Event {
        time_unix_nano: unix_nano(event.time_ns),
        name: event.name.clone(),
        attributes: list(&event.attributes, tail, cut_bytes),
        dropped_attributes_count: event.dropped_attributes,
    }
}

fn link(link: &Link, cut_bytes: &mut u64) -> span::Link {
    span::Link {
        trace_id: link.trace_id.as_bytes().to_vec(),
        span_id: link.span_id.as_bytes().to_vec(),
        trace_state: link.trace_state.clone(),
        attributes: list(&link.attributes, Tail::default(), cut_bytes),
        dropped_attributes_count: link.dropped_attributes,
        flags: link.flags,
    }
}

fn status(status: &Status) -> OtlpStatus {
    OtlpStatus { message: status.message.clone(), code: status.code.otlp().into() }
}

/// OTLP's unsigned time; 0 for times before 1970.
fn unix_nano(time_ns: i64) -> u64 {
    u64::try_from(time_ns).unwrap_or(0)
}
