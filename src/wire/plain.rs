//! Which messages of others a record says wholly, so that nothing of them needs to be kept beside it.
//!
//! A walk over the message without any copy: ordinary spans pay no more. Whatever is plain comes out as it came in, which the
//! property tests hold this module to. What is not plain is only looked at more closely (`verbatim.rs`), so "no" is always right.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Otlp;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, span};

use super::reserved;
use super::values::PACKED_DEPTH;

const ZERO_SPAN_ID: [u8; 8] = [0; 8];

/// Whether a record says all of a span that is not rejected.
pub(super) fn span(span: &Span) -> bool {
    let has_plain_parent =
        span.parent_span_id.is_empty() || (span.parent_span_id.len() == 8 && span.parent_span_id != ZERO_SPAN_ID);
    has_plain_parent
        && (1..=5).contains(&span.kind)
        && span.status.as_ref().is_some_and(|status| (0..=2).contains(&status.code))
        && is_time(span.start_time_unix_nano)
        && is_time(span.end_time_unix_nano)
        && list(&span.attributes)
        && span.events.iter().all(event)
        && span.links.iter().all(link)
}

/// Whether a record says all of a resource and its schema.
pub(super) fn resource(group: &ResourceSpans) -> bool {
    group.resource.as_ref().is_some_and(|resource| list(&resource.attributes))
}

/// Whether a record says all of a scope and its schema.
pub(super) fn scope(group: &ScopeSpans) -> bool {
    group.scope.as_ref().is_some_and(|scope| list(&scope.attributes))
}

fn event(event: &span::Event) -> bool {
    is_time(event.time_unix_nano) && list(&event.attributes)
}

fn link(link: &span::Link) -> bool {
    link.trace_id.len() == 16 && link.span_id.len() == 8 && list(&link.attributes)
}

fn is_time(unix_nano: u64) -> bool {
    i64::try_from(unix_nano).is_ok()
}

/// A list whose end could be taken for reserved attributes is not plain.
fn list(entries: &[KeyValue]) -> bool {
    let looks_reserved = entries.last().is_some_and(|last| reserved::reserved_name(last) == Some(reserved::COUNT));
    !looks_reserved && entries.iter().all(|entry| self::entry(entry, 0))
}

fn entry(entry: &KeyValue, depth: usize) -> bool {
    entry.key_strindex == 0 && entry.value.as_ref().is_some_and(|value| any(value, depth))
}

fn any(value: &AnyValue, depth: usize) -> bool {
    match &value.value {
        Some(Otlp::ArrayValue(array)) => depth < PACKED_DEPTH && array.values.iter().all(|item| any(item, depth + 1)),
        Some(Otlp::KvlistValue(list)) => depth < PACKED_DEPTH && list.values.iter().all(|item| entry(item, depth + 1)),
        Some(Otlp::StringValueStrindex(_)) => false,
        _ => true,
    }
}
