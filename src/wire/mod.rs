//! A recorded span as OTLP, protobuf or JSON, and back, without loss.
//!
//! | | writes | reads |
//! |---|---|---|
//! | for this crate | [`encode`] | [`decode`] |
//! | for other programs | [`encode_export`], [`encode_json`] | [`decode_foreign`], [`decode_json`] |
//! | events of spans as log records | | [`decode_logs`], [`decode_logs_json`] |
//!
//! [`encode`] writes an `ExportTraceServiceRequest` (the bytes of a `TracesData` are the same) that any OTLP reader understands:
//! ids, times, kind, status, attributes, events and links stand where OpenTelemetry's readers look for them. [`decode`] reads such
//! a payload back into records that are equal to the written ones, to the bit of a NaN. [`decode_foreign`] and [`decode_json`] read
//! what any other program sent, and [`encode_export`] and [`encode_json`] send it on as it came; grouping may change.
//!
//! # What a record has no place for
//! Others may send what no field of a [`SpanRecord`] can say: a kind or status code that OTLP has no name for, no status at all, a
//! parent id of zeros, times after the year 2262, a link whose ids have a wrong length, a key without a value, nesting beyond
//! [`MAX_DEPTH`](crate::model::MAX_DEPTH). The rule is not a list of these. What was read is written again, and where that is not the
//! message that came, the message is kept in [`verbatim`](SpanRecord::verbatim), which resources and scopes have too. Spans in which
//! nothing can be odd are told by a walk over them, and are not written again.
//!
//! The message goes out in place of the record as long as reading it gives this very record. One that was changed since (cut, redacted)
//! goes out as its fields say, and nothing of the message with it. Whoever takes content out of a record sets `verbatim` to `None`
//! besides: it holds content, and it is stored.
//!
//! Of a span it is one byte, and the protobuf message `Span`. The bits 1, 2 and 4 of the byte say that the attributes, the events or
//! the links are left out of the message, since the record says them. Of a resource or scope it is the message `ResourceSpans` or
//! `ScopeSpans` without spans, since a resource that is absent is not an empty one.
//!
//! Two things are lost: fields that a later OTLP will have, which protobuf readers of this one pass over, and payloads that are nested
//! deeper than protobuf readers take (100 messages), which are refused whole.
//!
//! # For other programs
//! Who stored a span is no part of what was recorded: an origin is never sent on. What came from others has no reserved attribute but
//! those that came with it. What this crate's layer recorded keeps its tail, so that the records are the same again when they are read
//! back; the order among groups is not kept.
//!
//! JSON is OTLP's: ids in hexadecimal, 64-bit integers as text, enums as numbers, bytes in base64. It says all that protobuf does, but
//! for a NaN whose bits are not the usual ones. These travel beside it in `agentTracesBits`, a field that others pass over.
//!
//! # What OTLP has no place for
//! It travels in reserved attributes, appended to the list of the span, event, link, scope or resource that it belongs to. The last
//! of them is always `agent_traces.reserved`, the number of reserved attributes before it. Only this tail is read as ours: an
//! attribute of the same name that was recorded by the program stands before the tail and stays what it is. A reserved attribute
//! that this version does not know stays as an ordinary attribute, so that nothing of a newer version is lost.
//!
//! | attribute | on | type | written when | is |
//! |---|---|---|---|---|
//! | `agent_traces.types` | all | text | a value has a type that OTLP lacks | [type list](#the-type-list) |
//! | `agent_traces.callsite` | span, event | map | there is one | `name`, `target`, `level`, `file`, `line`, `fields` of the `tracing` callsite |
//! | `agent_traces.time_ns` | event | int | before 1970 | the event's time; OTLP's field is 0 |
//! | `agent_traces.start_ns` | span | int | before 1970 | the start; OTLP's field is 0 |
//! | `agent_traces.end_ns` | span | int | in 1970's first instant or before | the end; OTLP's field is 0, which OTLP reads as "none" |
//! | `agent_traces.state` | span | text | it does not follow from the end | `open`, `interrupted` or `closed`; without it, a span with an end is closed, one without is open |
//! | `agent_traces.flags` | span | int | OTLP's field differs | the recorded flags |
//! | `agent_traces.parent_is_remote` | span | bool | OTLP's flags say otherwise | whether the parent belongs to another process |
//! | `agent_traces.truncated_bytes` | span | int or text | not 0 | bytes cut from values |
//! | `agent_traces.inherited.<field>` | span | text | it is set | an id or name from an ancestor; the fields are those of [`IdentityField`](crate::model::IdentityField) |
//! | `agent_traces.process`, `agent_traces.sequence` | span | bytes; int or text | the span has an origin | who wrote it |
//! | `agent_traces.verbatim` | span, resource, scope | bytes | there is one | [what was kept](#what-a-record-has-no-place-for) of another program's message |
//! | `agent_traces.position` | span | int | grouping changed the order | the span's place among the encoded records |
//!
//! Only [`encode`] writes the last three rows, and only [`decode`] believes them.
//!
//! Numbers above `i64::MAX` are decimal text, also as attribute values.
//!
//! # The type list
//! The values of a list, nested ones after the one that holds them, are counted from the first; a decimal number says how many to
//! skip, a letter what the next one is: `u` u64, `i` i128, `n` u128, `d` debug text, `e` error text, `p` an array or a map that is
//! packed into bytes (an `AnyValue` message of its own: protobuf readers refuse to nest as deep as records may). `2ud` is: two
//! values as OTLP has them, a u64, a debug text, and all others as OTLP has them.
//!
//! Arrays and maps nested deeper than [`MAX_DEPTH`](crate::model::MAX_DEPTH) are cut, as they would be in the store; the bytes are
//! added to the span's `truncated_bytes`.
//!
//! # Flags
//! Bits 0–7 are W3C's, bit 8 (`0x100`) says that bit 9 (`0x200`, the parent is remote) means something. A record's flags are written
//! as they are, and a remote parent sets both bits. A reader without bit 8 does not know, and is told "not remote" by
//! [`SpanRecord::parent_is_remote`]; its flags still show that nobody said so, also when the span is sent on.

mod foreign;
mod json;
mod logs;
#[cfg(test)]
pub(crate) mod payloads;
mod plain;
mod reader;
pub(crate) mod reserved;
#[cfg(test)]
pub(crate) mod strategy;
#[cfg(test)]
mod tests;
mod types;
mod values;
mod verbatim;
mod writer;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

pub use foreign::{ForeignSpans, RejectReason, Rejected};
pub use logs::{LoggedEvents, RecordReason, RejectedRecord};

use self::writer::Reader;
use crate::error::{Error, ErrorKind, Result};
use crate::model::SpanRecord;

/// OTLP's flag bit 8: bit 9 means something (`SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK`).
pub(crate) const FLAG_HAS_IS_REMOTE: u32 = 0x100;
/// OTLP's flag bit 9: the parent, or the linked span, belongs to another process (`SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`).
pub(crate) const FLAG_IS_REMOTE: u32 = 0x200;

/// Whether OTLP's flags say that the parent, or the linked span, belongs to another process.
pub(crate) const fn is_remote(flags: u32) -> bool {
    let mask = FLAG_HAS_IS_REMOTE | FLAG_IS_REMOTE;
    flags & mask == mask
}

/// The records as an OTLP `ExportTraceServiceRequest`, grouped by resource and scope.
///
/// [`decode`] gives them back in the same order. The same records always make the same bytes.
///
/// # Examples
/// ```
/// use tracing_agents::model::{SpanId, SpanRecord, TraceId};
/// use tracing_agents::wire;
///
/// let now_ns = 1_780_000_000_000_000_000;
/// let mut record = SpanRecord::new(TraceId::generate(now_ns / 1_000_000), SpanId::generate(), "chat", now_ns as i64);
/// record.attributes.push("gen_ai.usage.input_tokens", u64::MAX);
///
/// let bytes = wire::encode(std::slice::from_ref(&record));
/// assert_eq!(wire::decode(&bytes)?, [record]);
/// # Ok::<(), tracing_agents::error::Error>(())
/// ```
#[must_use]
pub fn encode(records: &[SpanRecord]) -> Vec<u8> {
    writer::request(records, Reader::Own).encode_to_vec()
}

/// [`encode_export`]'s message, for transports that encode it themselves.
#[cfg(feature = "otlp")]
pub(crate) fn request(records: &[SpanRecord]) -> ExportTraceServiceRequest {
    writer::request(records, Reader::Anyone)
}

/// The records that [`encode`] was given.
///
/// Reads payloads of this crate, which it believes: origins and ids come back as they were, whatever they are.
///
/// # Errors
/// [`ErrorKind::Decode`] when the bytes are no such payload, or a part of it cannot be read; then there are no records at all.
pub fn decode(bytes: &[u8]) -> Result<Vec<SpanRecord>> {
    reader::own(parse(bytes)?)
        .map_err(|reason| Error::new(ErrorKind::Decode, format!("the encoded spans cannot be read: {reason}")))
}

/// The spans of an OTLP payload that came from anywhere: an SDK, a Collector, this crate in another process.
///
/// A span without valid ids of its own is rejected and the others are kept. Reserved attributes that are not what this module writes
/// stay ordinary attributes, and so does an origin: numbers that prove a loss are not taken from others.
///
/// Unknown span kinds are read as internal, unknown status codes as unset, times after the year 2262 as its end, a parent's id that is
/// none as no parent; links whose ids have a wrong length are counted as dropped, and values nested too deep are cut. Of all this, the
/// original is [kept](self#what-a-record-has-no-place-for). A span without an end is open.
///
/// # Examples
/// ```
/// use tracing_agents::model::{SpanId, SpanRecord, TraceId};
/// use tracing_agents::wire;
///
/// let named = |name, id| SpanRecord::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([id; 8]), name, 0);
/// let payload = wire::encode(&[named("good", 7), named("bad", 0)]);
///
/// let spans = wire::decode_foreign(&payload)?;
/// assert_eq!(spans.records[0].name, "good");
/// assert_eq!(spans.rejected[0].to_string(), "span 1 (\"bad\"): the span id is all zeros");
/// # Ok::<(), tracing_agents::error::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Decode`] when the bytes are no OTLP trace payload. Compression is the transport's business and must be gone.
pub fn decode_foreign(bytes: &[u8]) -> Result<ForeignSpans> {
    Ok(reader::foreign(parse(bytes)?))
}

/// The records as an OTLP `ExportTraceServiceRequest` for other programs, grouped by resource and scope.
///
/// What came in through [`decode_foreign`] or [`decode_json`] goes out as it came: the same `Span`, resource, scope and schema URLs, to
/// the bit. What the layer recorded keeps the reserved attributes that OTLP needs to say all of it, so [`decode_foreign`] gives equal
/// records back, but for their [`origin`](SpanRecord::origin): who stored a span is no part of what was recorded.
///
/// # Examples
/// ```
/// use tracing_agents::wire;
///
/// let json = br#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{"name":"sdk"},"spans":[{
///     "traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","name":"chat","kind":77,"status":{}}]}]}]}"#;
/// let spans = wire::decode_json(json)?;
///
/// // No record knows a kind of this number, and yet it is not lost.
/// let sent_on = wire::encode_json(&spans.records)?;
/// assert!(String::from_utf8_lossy(&sent_on).contains(r#""kind":77"#));
/// assert_eq!(wire::decode_foreign(&wire::encode_export(&spans.records))?, spans);
/// # Ok::<(), tracing_agents::error::Error>(())
/// ```
#[must_use]
pub fn encode_export(records: &[SpanRecord]) -> Vec<u8> {
    writer::request(records, Reader::Anyone).encode_to_vec()
}

/// The same as [`encode_export`], as OTLP JSON on one line.
///
/// # Errors
/// Never for records; the signature allows for the serializer's.
pub fn encode_json(records: &[SpanRecord]) -> Result<Vec<u8>> {
    json::encode(&writer::request(records, Reader::Anyone))
}

/// The spans of an OTLP JSON payload that came from anywhere: as [`decode_foreign`], with the same answers for the same spans.
///
/// Takes more than OTLP asks for: field names as protobuf has them, 64-bit integers as numbers, enums by name, base64 of either alphabet.
/// Unknown fields are passed over.
///
/// # Errors
/// [`ErrorKind::Decode`] when the text is no OTLP trace payload as JSON, or nested deeper than protobuf readers take.
pub fn decode_json(json: &[u8]) -> Result<ForeignSpans> {
    Ok(reader::foreign(json::decode(json, "this is no OTLP trace payload as JSON")?))
}

/// The events of spans that an OTLP payload with log records brings (`ExportLogsServiceRequest`): those of the conventions for generative
/// AI, which tell prompts and answers.
///
/// An event is a record that has a name, as a field of its own or in the attribute `event.name`. The entries of its body become attributes
/// behind its own, and a body that is no map the attribute `body`; a record without a time has the time at which it was observed. Records that
/// are other events or none, or that name no span, are rejected, and the others are kept. Severity, resource and scope are passed over.
///
/// # Errors
/// [`ErrorKind::Decode`] when the bytes are no OTLP logs payload. Compression is the transport's business and must be gone.
pub fn decode_logs(bytes: &[u8]) -> Result<LoggedEvents> {
    let request = ExportLogsServiceRequest::decode(bytes)
        .map_err(|error| Error::with_source(ErrorKind::Decode, "this is no OTLP logs payload", error))?;
    Ok(logs::read(request))
}

/// The same as [`decode_logs`] of an OTLP JSON payload.
///
/// # Examples
/// ```
/// use tracing_agents::wire;
///
/// let json = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[
///     {"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","eventName":"gen_ai.user.message",
///      "body":{"kvlistValue":{"values":[{"key":"content","value":{"stringValue":"Hello"}}]}}},
///     {"body":{"stringValue":"a line in a log"}}]}]}]}"#;
/// let logged = wire::decode_logs_json(json)?;
/// assert_eq!(logged.events[0].event.attributes.get("content"), Some(&"Hello".into()));
/// assert_eq!(logged.rejected[0].index, 1);
/// # Ok::<(), tracing_agents::error::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Decode`] when the text is no OTLP logs payload as JSON, or nested deeper than protobuf readers take.
pub fn decode_logs_json(json: &[u8]) -> Result<LoggedEvents> {
    Ok(logs::read(json::decode(json, "this is no OTLP logs payload as JSON")?))
}

fn parse(bytes: &[u8]) -> Result<ExportTraceServiceRequest> {
    ExportTraceServiceRequest::decode(bytes)
        .map_err(|error| Error::with_source(ErrorKind::Decode, "this is no OTLP trace payload", error))
}
