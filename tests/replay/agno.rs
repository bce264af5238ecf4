//! The replay of Agno's recordings is faithful: what the exporter gets is what the file holds.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, Status};
use opentelemetry::{KeyValue, Value as OtelValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use serde_json::{Value, json};

use super::agno;
use super::expected::texts_in;

/// Keeps what it gets.
#[derive(Clone, Debug, Default)]
struct Kept {
    spans: Arc<Mutex<Vec<SpanData>>>,
    resource: Arc<Mutex<Option<Resource>>>,
}

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.spans.lock().unwrap().extend(batch);
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        *self.resource.lock().unwrap() = Some(resource.clone());
    }
}

fn nanos(time: SystemTime) -> u128 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos()
}

fn value(value: &OtelValue) -> Value {
    match value {
        OtelValue::Bool(value) => json!(value),
        OtelValue::I64(value) => json!(value),
        OtelValue::F64(value) => json!(value),
        OtelValue::String(value) => json!(value.as_str()),
        OtelValue::Array(opentelemetry::Array::String(items)) => {
            items.iter().map(opentelemetry::StringValue::as_str).collect()
        }
        other => panic!("no recording has {other:?}"),
    }
}

fn object(attributes: &[KeyValue]) -> Value {
    let object: Value = attributes.iter().map(|item| (item.key.as_str().to_owned(), value(&item.value))).collect();
    assert_eq!(object.as_object().unwrap().len(), attributes.len(), "no key twice");
    object
}

fn context(context: &SpanContext) -> Value {
    assert!(context.is_sampled() && !context.is_remote());
    json!({
        "trace_id": format!("0x{}", context.trace_id()), "span_id": format!("0x{}", context.span_id()), "trace_state": "[]",
    })
}

/// The span in the form of the recording, without the texts of its times.
fn recorded(span: &SpanData, resource: &Resource) -> Value {
    let resource_attributes: Vec<KeyValue> =
        resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
    let status = match &span.status {
        Status::Unset => json!({"status_code": "UNSET"}),
        Status::Ok => json!({"status_code": "OK"}),
        Status::Error { description } => json!({"status_code": "ERROR", "description": description}),
    };
    let events: Vec<Value> =
        span.events.iter().map(|event| json!({"name": event.name, "attributes": object(&event.attributes)})).collect();
    json!({
        "name": span.name,
        "context": context(&span.span_context),
        "kind": format!("SpanKind.{:?}", span.span_kind).to_uppercase().replace("SPANKIND", "SpanKind"),
        "parent_id": (span.parent_span_id != SpanId::INVALID).then(|| format!("0x{}", span.parent_span_id)),
        "start_time_ns": u64::try_from(nanos(span.start_time)).unwrap(),
        "end_time_ns": u64::try_from(nanos(span.end_time)).unwrap(),
        "status": status,
        "attributes": object(&span.attributes),
        "events": events,
        "links": span.links.iter().map(|link| context(&link.span_context)).collect::<Vec<_>>(),
        "resource": {"attributes": object(&resource_attributes), "schema_url": resource.schema_url().unwrap_or_default()},
        "scope": {
            "name": span.instrumentation_scope.name(), "version": span.instrumentation_scope.version(),
        },
    })
}

#[test]
fn every_recording_reaches_the_exporter_whole() {
    let mut count = 0;
    for (path, text) in texts_in("agno") {
        let exporter = Kept::default();
        let case = agno::read(&text).unwrap();
        agno::replay(&case, exporter.clone()).unwrap();
        let (spans, resource) = (exporter.spans.lock().unwrap(), exporter.resource.lock().unwrap());
        let resource = resource.as_ref().unwrap();

        let file: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(file["case"], case.case.as_str());
        let names: Vec<&str> = spans.iter().map(|span| span.name.as_ref()).collect();
        assert_eq!(json!(names), file["end_order"], "{}", path.display());
        let mut left = file["otel_spans"].as_array().unwrap().clone();
        for span in spans.iter() {
            let again = recorded(span, resource);
            let at = left.iter().position(|line| line["context"]["span_id"] == again["context"]["span_id"]).unwrap();
            let mut line = left.remove(at);
            let times: Vec<Value> = line["events"].as_array().unwrap().iter().map(|e| e["timestamp"].clone()).collect();
            for event in line["events"].as_array_mut().unwrap() {
                event.as_object_mut().unwrap().remove("timestamp");
            }
            line.as_object_mut().unwrap().retain(|key, _| !matches!(key.as_str(), "start_time" | "end_time"));
            assert_eq!(again, line, "{}", path.display());
            assert_eq!(span.events.iter().map(|event| json!(time_text(event.timestamp))).collect::<Vec<_>>(), times);
            count += 1;
        }
        assert!(left.is_empty(), "{}: all spans were exported", path.display());
    }
    assert_eq!(count, 183, "spans in all recordings");
}

/// The time as the recordings write it: they were made on 2026-11-22, which began at second 1,795,305,600, and the day after.
fn time_text(time: SystemTime) -> String {
    let since = Duration::from_nanos(u64::try_from(nanos(time)).unwrap()) - Duration::from_secs(1_795_305_600);
    let (seconds, micros) = (since.as_secs(), since.subsec_micros());
    let (day, hour, minute) = (22 + seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    format!("2026-11-{day}T{hour:02}:{minute:02}:{:02}.{micros:06}Z", seconds % 60)
}

#[test]
fn attributes_keep_the_order_of_the_file() {
    let (_, text) = texts_in("agno").into_iter().find(|(path, _)| path.ends_with("spans_agent_basic.json")).unwrap();
    let spans = agno::spans(&agno::read(&text).unwrap()).unwrap();
    let root = spans.iter().find(|span| span.name == "My_Agent.run").unwrap();
    let keys: Vec<&str> = root.attributes.iter().map(|attribute| attribute.key.as_str()).take(4).collect();
    assert_eq!(keys, ["graph.node.id", "input.value", "graph.node.name", "agent.name"]);
}

#[test]
fn a_contradiction_is_an_error_that_names_the_span() {
    let (_, text) = texts_in("agno").into_iter().find(|(path, _)| path.ends_with("spans_agent_basic.json")).unwrap();
    for (right, wrong, message) in [
        ("\"end_order\": [", "\"end_order\": [\"Ghost.run\", ", r#"a span "Ghost.run" ended that is not recorded"#),
        ("SpanKind.INTERNAL", "SpanKind.NONE", r#": "SpanKind.NONE" is no span kind"#),
        ("\"trace_state\": \"[]\"", "\"trace_state\": \"[a]\"", r#": "[a]" is no trace state"#),
        ("\"status_code\": \"OK\"", "\"status_code\": \"FINE\"", r#": "FINE" is no status code"#),
    ] {
        assert!(text.contains(right), "{right}");
        let error = agno::spans(&agno::read(&text.replace(right, wrong)).unwrap()).unwrap_err().to_string();
        assert!(error.ends_with(message), "{error}");
    }
}

#[test]
fn only_the_essential_keys_have_to_be_there() {
    let text = json!({"case": "short", "made_by": "hand", "otel_spans": [
        {"name": "late", "context": {"trace_id": "0x1f", "span_id": "0x2", "more": 1}, "parent_id": "0x1",
            "start_time_ns": 2, "end_time_ns": 9},
        {"name": "root", "context": {"trace_id": "0x1f", "span_id": "0x1", "trace_state": "['{key=a, value=1}', '{key=b, value=x y}']"},
            "parent_id": null, "start_time_ns": 1, "end_time_ns": 5, "status": {"status_code": "ERROR", "description": null},
            "scope": {"name": "fastapi", "version": null}, "resource": {"attributes": {}, "schema_url": null}, "attributes": {
            "mixed": [1, "a", null], "floats": [1, 2.5], "map": {"k": [true]}, "none": null, "flags": [true, false], "empty": []}},
        {"name": "abandoned", "context": {"trace_id": "0x1f", "span_id": "0x3"}, "start_time_ns": 2, "end_time_ns": null},
    ]});
    let spans = agno::spans(&agno::read(&text.to_string()).unwrap()).unwrap();
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!(names, ["root", "late"], "by their ends, and only what ended");
    assert_eq!(spans[0].span_context.trace_state().header(), "a=1,b=x y");
    assert_eq!(spans[0].status, Status::error(""));
    assert_eq!(spans[1].status, Status::Unset);
    // `json!` sorts its keys or not, as the features of other packages in the build have it.
    let mut attributes: Vec<(&str, String)> =
        spans[0].attributes.iter().map(|item| (item.key.as_str(), item.value.to_string())).collect();
    attributes.sort_unstable();
    let expected = [
        ("empty", "[]"),
        ("flags", "[true,false]"),
        ("floats", "[1,2.5]"),
        ("map", r#"{"k":[true]}"#),
        ("mixed", r#"[1,"a",null]"#),
    ];
    assert_eq!(attributes, expected.map(|(key, value)| (key, value.to_owned())));
}
