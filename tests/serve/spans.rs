//! Payloads.

use tracing_agents::model::{SpanId, SpanRecord, SpanState, TraceId};
use tracing_agents::wire;

pub(crate) const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// A closed span of a trace of its own.
pub(crate) fn span(name: &str) -> SpanRecord {
    let mut record =
        SpanRecord::new(TraceId::generate(1_780_000_000_000), SpanId::generate(), name, 1_780_000_000_000_000_000);
    (record.state, record.end_ns) = (SpanState::Closed, Some(record.start_ns + 1_000_000));
    record
}

/// A payload of one span, and its trace.
pub(crate) fn payload(name: &str) -> (TraceId, Vec<u8>) {
    let span = span(name);
    (span.trace_id, wire::encode(&[span]))
}

/// The same in JSON, as another program writes it.
pub(crate) fn json_payload(name: &str) -> (TraceId, Vec<u8>) {
    let span = span(name);
    let json = serde_json::json!({ "resourceSpans": [{
        "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "test" } }] },
        "scopeSpans": [{ "scope": { "name": "test" }, "spans": [{
            "traceId": span.trace_id.to_string(),
            "spanId": span.span_id.to_string(),
            "name": name,
            "kind": 3,
            "startTimeUnixNano": span.start_ns.to_string(),
            "endTimeUnixNano": span.end_ns.unwrap().to_string(),
            "attributes": [
                { "key": "gen_ai.operation.name", "value": { "stringValue": "chat" } },
                { "key": "gen_ai.usage.input_tokens", "value": { "intValue": "812" } },
            ],
        }] }],
    }] });
    (span.trace_id, json.to_string().into_bytes())
}
