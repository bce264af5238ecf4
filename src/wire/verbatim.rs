//! What others sent, where a record cannot say all of it.
//!
//! The rule needs no list of oddities: what was read is written again, and where that is not the message that came, the message is
//! kept (`of_span`). It goes out in place of the record as long as reading it gives that very record (`span`): a record that was
//! changed since, cut or redacted, is never undone by what was kept of it.
//!
//! A span's lists, which hold most of its bytes, are kept only where they differ themselves: [`Lists`] in the first byte says which
//! ones are the record's.

use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use super::{reader, writer};
use crate::model::{Resource, Scope, SpanRecord};

/// The lists of a span that the record says itself, as bits.
struct Lists;

impl Lists {
    const ATTRIBUTES: u8 = 1;
    const EVENTS: u8 = 2;
    const LINKS: u8 = 4;
}

/// What is to be kept of the span that `record` was read from.
pub(super) fn of_span(mut original: Span, record: &SpanRecord) -> Option<Vec<u8>> {
    let said = writer::span(record);
    if same(&original, &said) {
        return None;
    }
    let mut lists = 0;
    if all_same(&original.attributes, &said.attributes) {
        lists |= Lists::ATTRIBUTES;
        original.attributes.clear();
    }
    if all_same(&original.events, &said.events) {
        lists |= Lists::EVENTS;
        original.events.clear();
    }
    if all_same(&original.links, &said.links) {
        lists |= Lists::LINKS;
        original.links.clear();
    }
    let mut kept = Vec::with_capacity(1 + original.encoded_len());
    kept.push(lists);
    kept.append(&mut original.encode_to_vec());
    Some(kept)
}

/// The span that was kept, if the record still says what it does.
pub(super) fn span(record: &SpanRecord) -> Option<Span> {
    let (lists, message) = record.verbatim.as_deref()?.split_first()?;
    let said = writer::span(record);
    let mut kept = Span::decode(message).ok()?;
    if lists & Lists::ATTRIBUTES != 0 {
        kept.attributes.clone_from(&said.attributes);
    }
    if lists & Lists::EVENTS != 0 {
        kept.events.clone_from(&said.events);
    }
    if lists & Lists::LINKS != 0 {
        kept.links.clone_from(&said.links);
    }
    let again = reader::foreign_span(kept.clone())?;
    same(&writer::span(&again), &said).then_some(kept)
}

/// What is to be kept of the group, without spans, that `resource` was read from.
pub(super) fn of_resource(original: &ResourceSpans, resource: &Resource) -> Option<Vec<u8>> {
    (!same(original, &writer::resource(resource))).then(|| original.encode_to_vec())
}

/// The resource's group that was kept, if the resource still says what it does.
pub(super) fn resource(resource: &Resource) -> Option<ResourceSpans> {
    let kept = ResourceSpans::decode(resource.verbatim.as_deref()?).ok()?;
    let again = reader::foreign_resource(kept.clone());
    same(&writer::resource(&again), &writer::resource(resource)).then_some(kept)
}

/// What is to be kept of the group, without spans, that `scope` was read from.
pub(super) fn of_scope(original: &ScopeSpans, scope: &Scope) -> Option<Vec<u8>> {
    (!same(original, &writer::scope(scope))).then(|| original.encode_to_vec())
}

/// The scope's group that was kept, if the scope still says what it does.
pub(super) fn scope(scope: &Scope) -> Option<ScopeSpans> {
    let kept = ScopeSpans::decode(scope.verbatim.as_deref()?).ok()?;
    let again = reader::foreign_scope(kept.clone());
    same(&writer::scope(&again), &writer::scope(scope)).then_some(kept)
}

/// Whether two messages are the same to the bit: `==` would call two NaNs different, and 0.0 the same as -0.0.
fn same<M: Message>(a: &M, b: &M) -> bool {
    a.encoded_len() == b.encoded_len() && a.encode_to_vec() == b.encode_to_vec()
}

fn all_same<M: Message>(a: &[M], b: &[M]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}
