//! What is fuzzed: one plain function for each parser of outside data. It must return, whatever the bytes are; and what it accepts must
//! hold what the parser promises of it.
//!
//! `fuzz/run` gives these functions to libFuzzer, and `tests/fuzz_corpus.rs` replays what that found. To add one, write the function, name
//! it in [`TARGETS`], and put a few small inputs into `fuzz/corpus/NAME`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a fuzz target fails by panicking")]

#[path = "../src/cli/framing.rs"]
#[allow(dead_code, reason = "the other half writes")]
mod framing;

use std::fmt::Debug;
use std::io::BufReader;
use std::str::FromStr;
use std::sync::Arc;

use tracing_agents::model::{Attributes, Callsite, Cursor, Event, SpanId, SpanRecord, TraceId, Traceparent, Value};
use tracing_agents::propagation::TraceContext;
use tracing_agents::semconv::interpret;
use tracing_agents::{__private, PriceTable, SessionFilter, SpanFilter, TraceFilter, wire};

/// Reads whatever the bytes are.
pub(crate) type Target = fn(&[u8]);

/// All targets, by name.
pub(crate) const TARGETS: &[(&str, Target)] = &[
    ("otlp", otlp),
    ("otlp_json", otlp_json),
    ("logs", logs),
    ("logs_json", logs_json),
    ("own_spans", own_spans),
    ("filter", filter),
    ("cursor", cursor),
    ("propagation", propagation),
    ("content", content),
    ("debug_text", debug_text),
    ("import", import),
    ("prices", prices),
    ("database_url", database_url),
    ("spool_segment", spool_segment),
];

/// OTLP in protobuf, of other programs. What is read is understood, and leaves as it came.
fn otlp(data: &[u8]) {
    let Ok(spans) = wire::decode_foreign(data) else { return };
    again(spans.records);
}

/// OTLP in JSON.
fn otlp_json(data: &[u8]) {
    let Ok(spans) = wire::decode_json(data) else { return };
    again(spans.records);
}

/// OTLP logs in protobuf.
fn logs(data: &[u8]) {
    let _ = wire::decode_logs(data);
}

/// OTLP logs in JSON.
fn logs_json(data: &[u8]) {
    let _ = wire::decode_logs_json(data);
}

/// Spans in the form that the spool and other processes of this crate hand over.
fn own_spans(data: &[u8]) {
    let Ok(records) = wire::decode(data) else { return };
    let bytes = wire::encode(&records);
    assert!(wire::encode(&wire::decode(&bytes).unwrap()) == bytes, "what was read is not what is written");
}

/// The filter language. What is understood is shown as text that means the same.
fn filter(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    shown_is_read::<TraceFilter>(text);
    shown_is_read::<SpanFilter>(text);
    shown_is_read::<SessionFilter>(text);
}

fn shown_is_read<T: FromStr + ToString>(text: &str) {
    let Ok(read) = text.parse::<T>() else { return };
    let shown = read.to_string();
    match shown.parse::<T>() {
        Ok(again) => assert_eq!(again.to_string(), shown, "of {text:?}"),
        Err(_) => panic!("{text:?} is shown as {shown:?}, which is not understood"),
    }
}

/// Places in lists.
fn cursor(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    round_trip::<Cursor>(text);
}

/// W3C trace context and baggage in headers, and in MCP's `_meta`.
fn propagation(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    round_trip::<Traceparent>(text);
    let (parent, rest) = text.split_once('\n').unwrap_or((text, ""));
    let (state, baggage) = rest.split_once('\n').unwrap_or((rest, ""));
    let context = TraceContext::read(|name| match name {
        "traceparent" => Some(parent),
        "tracestate" => Some(state),
        "baggage" => Some(baggage),
        _ => None,
    });
    let _ = (context.has_span(), context.headers().count(), context.env().count());
    let Ok(serde_json::Value::Object(mut meta)) = serde_json::from_str(text) else { return };
    TraceContext::from_meta(&meta).write_meta(&mut meta);
}

fn round_trip<T: FromStr + ToString + PartialEq + Debug>(text: &str) {
    let Ok(read) = text.parse::<T>() else { return };
    let again = read.to_string().parse::<T>();
    assert!(again.is_ok_and(|again| again == read), "{text:?} is shown as {:?}", read.to_string());
}

/// Messages, usage and all else that is read from attributes and events. A line is `key=value`; `@name` begins an event, `!target` names where
/// the span comes from.
fn content(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut record = SpanRecord::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]), "chat", 1);
    record.end_ns = Some(2);
    for line in text.split('\n') {
        if let Some(name) = line.strip_prefix('@') {
            let (name, attributes) = (name.to_owned(), Attributes::new());
            record.events.push(Event {
                name,
                time_ns: 1,
                attributes,
                dropped_attributes: 0,
                callsite: record.callsite.clone(),
            });
        } else if let Some(target) = line.strip_prefix('!') {
            // Which profile reads it.
            let (name, target, level) = (record.name.clone(), target.to_owned(), "INFO".to_owned());
            record.callsite =
                Some(Arc::new(Callsite { name, target, level, file: None, line: None, fields: Vec::new() }));
        } else if let Some((key, value)) = line.split_once('=') {
            let value = value.parse().map_or_else(|_| Value::from(value), |number: i64| Value::from(number));
            let attributes: &mut Attributes =
                record.events.last_mut().map_or(&mut record.attributes, |event| &mut event.attributes);
            attributes.push(key.to_owned(), value);
        }
    }
    let _ = interpret(record);
}

/// Rust's `Debug` text, as frameworks log it.
fn debug_text(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data) {
        let _ = __private::debug_text(text);
    }
}

/// Files that `agent-traces import` reads.
fn import(data: &[u8]) {
    let mut input = BufReader::with_capacity(64, data);
    let Ok(Some(format)) = framing::Format::of(&mut input) else { return };
    while let Ok(Some(message)) = format.read(&mut input) {
        let _ = match format {
            framing::Format::Json => wire::decode_json(&message),
            framing::Format::Protobuf => wire::decode_foreign(&message),
        };
    }
}

/// Tables of prices.
fn prices(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data) {
        let _ = PriceTable::from_json(text);
    }
}

/// Database URLs: a password is in no message.
fn database_url(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let _ = __private::database_url(text);
}

/// What came from elsewhere is understood, and goes out and comes in again as it was.
fn again(records: Vec<SpanRecord>) {
    let bytes = wire::encode_export(&records);
    let read = wire::decode_foreign(&bytes).unwrap();
    assert!(wire::encode_export(&read.records) == bytes, "what was read is not what is sent on");
    for record in records {
        let _ = interpret(record);
    }
}

/// A segment of a spool, as a crash, a full disk or somebody else left it.
fn spool_segment(data: &[u8]) {
    let _ = __private::spool_segment(data);
}
