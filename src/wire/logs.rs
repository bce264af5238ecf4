//! OTLP log records to the events of spans that they stand for.

use std::fmt;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Otlp;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::LogRecord;

use super::values::ValueReader;
use crate::model::{Attributes, Event, LoggedEvent, SpanId, TraceId};

/// What the names of the events begin with that are kept.
const GEN_AI: &str = "gen_ai.";
/// Where a record's name stood before records had a field for it.
const EVENT_NAME: &str = "event.name";
/// What a body that is no map stands under among the attributes.
const BODY: &str = "body";
/// Characters of a name that an answer repeats.
const MAX_NAME_CHARS: usize = 80;

/// The events of a payload with log records.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct LoggedEvents {
    /// The events, in the payload's order.
    pub events: Vec<LoggedEvent>,
    /// The records that are not kept, in the payload's order.
    pub rejected: Vec<RejectedRecord>,
}

/// A log record that is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RejectedRecord {
    /// The record's place in the payload, from 0, over all its resources and scopes.
    pub index: usize,
    /// The event's name, its first 80 characters; empty for a record that is no event.
    pub name: String,
    /// Why.
    pub reason: RecordReason,
}

/// Why a log record is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordReason {
    /// It is an ordinary log record: its event name does not begin with `gen_ai.`.
    NotGenAi,
    /// It names no trace: the trace id is not 16 bytes, or all zeros.
    NoTrace,
    /// It names no span: the span id is not 8 bytes, or all zeros.
    NoSpan,
}

impl fmt::Display for RejectedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "log record {} ({:?}): {}", self.index, self.name, self.reason)
    }
}

impl fmt::Display for RecordReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotGenAi => "only events whose name begins with \"gen_ai.\" are kept",
            Self::NoTrace => "it names no trace: log it while its span is the current one",
            Self::NoSpan => "it names no span: log it while its span is the current one",
        })
    }
}

pub(super) fn read(request: ExportLogsServiceRequest) -> LoggedEvents {
    let scopes = request.resource_logs.into_iter().flat_map(|group| group.scope_logs);
    let records = scopes.flat_map(|group| group.log_records);
    let mut read = LoggedEvents::default();
    for (index, record) in records.enumerate() {
        let name = name(&record).unwrap_or_default().to_owned();
        match ids(&record, &name) {
            Ok((trace_id, span_id)) => {
                read.events.push(LoggedEvent::new(trace_id, span_id, event(record, name)));
            }
            Err(reason) => {
                let name = name.chars().take(MAX_NAME_CHARS).collect();
                read.rejected.push(RejectedRecord { index, name, reason });
            }
        }
    }
    read
}

/// The name of the event that a record is, if it is one.
fn name(record: &LogRecord) -> Option<&str> {
    if !record.event_name.is_empty() {
        return Some(&record.event_name);
    }
    let attribute = record.attributes.iter().find(|attribute| attribute.key == EVENT_NAME)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Otlp::StringValue(name) => Some(name),
        _ => None,
    }
}

/// The span that a record belongs to.
fn ids(record: &LogRecord, name: &str) -> Result<(TraceId, SpanId), RecordReason> {
    if !name.starts_with(GEN_AI) {
        return Err(RecordReason::NotGenAi);
    }
    let trace_id = TraceId::from_slice(&record.trace_id).filter(|id| id.to_bytes() != [0; 16]);
    let span_id = SpanId::from_slice(&record.span_id).filter(|id| id.to_bytes() != [0; 8]);
    Ok((trace_id.ok_or(RecordReason::NoTrace)?, span_id.ok_or(RecordReason::NoSpan)?))
}

/// The event that a record is. The conventions had the content in the body before they had it in attributes, under the same names as
/// a span's event has it in attributes: so that is where a body's entries go.
fn event(record: LogRecord, name: String) -> Event {
    let time = if record.time_unix_nano == 0 { record.observed_time_unix_nano } else { record.time_unix_nano };
    let mut attributes = Attributes::new();
    let mut reader = ValueReader::default();
    reader.attributes(record.attributes, &mut attributes);
    match record.body {
        Some(AnyValue { value: Some(Otlp::KvlistValue(KeyValueList { values })) }) => {
            reader.attributes(values, &mut attributes);
        }
        Some(AnyValue { value: Some(value) }) => {
            let value = Some(AnyValue { value: Some(value) });
            reader.attributes(vec![KeyValue { key: BODY.to_owned(), value, key_strindex: 0 }], &mut attributes);
        }
        _ => {}
    }
    Event {
        name,
        time_ns: i64::try_from(time).unwrap_or(i64::MAX),
        attributes,
        dropped_attributes: record.dropped_attributes_count,
        callsite: None,
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs};
    use prost::Message as _;

    use super::*;
    use crate::model::Value;
    use crate::wire;

    fn text(text: &str) -> Option<AnyValue> {
        Some(AnyValue { value: Some(Otlp::StringValue(text.to_owned())) })
    }

    fn entry(key: &str, value: Option<AnyValue>) -> KeyValue {
        KeyValue { key: key.to_owned(), value, key_strindex: 0 }
    }

    fn map(entries: Vec<KeyValue>) -> Option<AnyValue> {
        Some(AnyValue { value: Some(Otlp::KvlistValue(KeyValueList { values: entries })) })
    }

    fn record(event_name: &str) -> LogRecord {
        LogRecord {
            event_name: event_name.to_owned(),
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            time_unix_nano: 5,
            observed_time_unix_nano: 6,
            ..LogRecord::default()
        }
    }

    fn decoded(records: Vec<LogRecord>) -> LoggedEvents {
        let scope_logs = vec![ScopeLogs { log_records: records, ..ScopeLogs::default() }];
        let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
        wire::decode_logs(&ExportLogsServiceRequest { resource_logs }.encode_to_vec()).unwrap()
    }

    #[test]
    fn a_record_is_the_event_of_its_span_whether_the_content_is_in_attributes_or_in_the_body() {
        let choice = || map(vec![entry("role", text("assistant"))]);
        let mut by_field = record("gen_ai.choice");
        by_field.body = map(vec![entry("message", choice())]);
        let mut by_attribute = record("");
        by_attribute.attributes = vec![entry("event.name", text("gen_ai.choice")), entry("message", choice())];
        by_attribute.time_unix_nano = 0;
        by_attribute.dropped_attributes_count = 3;
        let mut plain = record("gen_ai.user.message");
        plain.body = text("words");
        plain.time_unix_nano = u64::MAX;

        let LoggedEvents { events, rejected } = decoded(vec![by_field, by_attribute, plain]);
        assert_eq!(rejected, []);
        let message = Value::Map(vec![("role".to_owned(), Value::from("assistant"))]);
        for (event, time_ns) in events.iter().zip([5, 6, i64::MAX]) {
            assert_eq!((event.trace_id, event.span_id), (TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8])));
            assert_eq!(event.event.time_ns, time_ns);
        }
        assert_eq!(events[0].event.name, "gen_ai.choice");
        assert_eq!(events[0].event.attributes.get("message"), Some(&message));
        assert_eq!((events[1].event.name.as_str(), events[1].event.dropped_attributes), ("gen_ai.choice", 3));
        assert_eq!(events[1].event.attributes.get("message"), Some(&message));
        assert_eq!(events[2].event.attributes.get("body"), Some(&Value::from("words")));
    }

    #[test]
    fn what_is_no_event_of_a_span_is_named_with_its_reason() {
        let log = LogRecord { body: text("started"), ..record("") };
        let without_trace = LogRecord { trace_id: vec![0; 16], ..record("gen_ai.choice") };
        let without_span = LogRecord { span_id: Vec::new(), ..record("gen_ai.choice") };
        let long = record(&"é".repeat(500));
        let LoggedEvents { events, rejected } =
            decoded(vec![log, record("gen_ai.choice"), without_trace, without_span, long]);
        assert_eq!(events.len(), 1);
        let reasons: Vec<_> = rejected.iter().map(|rejected| (rejected.index, rejected.reason)).collect();
        let no_event = RecordReason::NotGenAi;
        assert_eq!(reasons, [(0, no_event), (2, RecordReason::NoTrace), (3, RecordReason::NoSpan), (4, no_event)]);
        assert_eq!(
            rejected[0].to_string(),
            "log record 0 (\"\"): only events whose name begins with \"gen_ai.\" are kept"
        );
        assert_eq!(rejected[3].name.chars().count(), 80);
    }

    #[test]
    fn json_says_the_same_as_protobuf() {
        let json = br#"{"resourceLogs": [{"resource": {}, "schemaUrl": "x", "scopeLogs": [{"scope": {"name": "i"}, "logRecords": [{
            "timeUnixNano": "5", "observedTimeUnixNano": 6, "severityNumber": 9, "severityText": "INFO", "flags": 1,
            "traceId": "01010101010101010101010101010101", "spanId": "0202020202020202", "eventName": "gen_ai.choice",
            "droppedAttributesCount": 1,
            "attributes": [{"key": "gen_ai.system", "value": {"stringValue": "openai"}}],
            "body": {"kvlistValue": {"values": [
                {"key": "index", "value": {"intValue": "0"}},
                {"key": "message", "value": {"kvlistValue": {"values": [{"key": "content", "value": {"stringValue": "Hi"}}]}}}
            ]}}
        }, {"body": {"stringValue": "a line"}}]}]}]}"#;
        let mut same = record("gen_ai.choice");
        same.dropped_attributes_count = 1;
        same.attributes = vec![entry("gen_ai.system", text("openai"))];
        let index = Some(AnyValue { value: Some(Otlp::IntValue(0)) });
        same.body = map(vec![entry("index", index), entry("message", map(vec![entry("content", text("Hi"))]))]);
        let line = LogRecord { body: text("a line"), ..LogRecord::default() };
        assert_eq!(wire::decode_logs_json(json).unwrap(), decoded(vec![same, line]));
    }

    #[test]
    fn what_is_no_payload_is_refused_whole() {
        for bytes in [&b"no protobuf at all"[..], b"\xff"] {
            let error = wire::decode_logs(bytes).unwrap_err();
            assert!(error.to_string().contains("this is no OTLP logs payload"), "{error}");
        }
        for json in ["{", r#"{"resourceLogs": 7}"#, &format!(r#"{{"x": {}"#, "[".repeat(1_000))] {
            assert!(wire::decode_logs_json(json.as_bytes()).is_err(), "{json}");
        }
        assert_eq!(wire::decode_logs_json(b"{}").unwrap(), LoggedEvents::default());
    }
}
