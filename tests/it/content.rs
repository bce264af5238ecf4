//! What was recorded comes back as it was, or says what was cut.

use tracing::info_span;
use tracing_agents::model::{Kind, Value};
use tracing_agents::{AgentTracing, SpanExt, TraceFilter};
use tracing_subscriber::prelude::*;

use crate::support::{Bench, only};

/// The attributes of the only span.
fn stored(bench: &Bench) -> tracing_agents::model::Attributes {
    let tree = bench.tree();
    let span = only(&tree, Kind::Span);
    bench.flush().span(span.trace_id, span.span_id).unwrap().content.attributes
}

#[test]
fn any_text() {
    let texts = [
        "",
        "\0",
        "a\0b\0",
        "🦀 Zoë",
        "\u{202e}drawkcab",
        r#"{"broken": "\ud800"}"#,
        "' OR 1=1; --",
        "\u{fffd}",
        "\r\n\t\u{7f}",
    ];
    let bench = Bench::new();
    let span = info_span!("texts");
    for text in texts {
        span.record_attribute(text.to_owned(), text);
    }
    drop(span);
    let attributes = stored(&bench);
    let back: Vec<(&str, &Value)> = attributes.iter().collect();
    let expected: Vec<Value> = texts.iter().map(|text| Value::from(*text)).collect();
    assert_eq!(back, texts.into_iter().zip(&expected).collect::<Vec<_>>());
}

#[test]
fn ten_megabytes() {
    let bench = Bench::new();
    let long = "0123456789".repeat(1024 * 1024);
    info_span!("long").record_attribute("text", long.as_str());
    assert_eq!(stored(&bench).get("text").unwrap().as_str(), Some(long.as_str()));
}

#[test]
fn beyond_the_limit_the_row_says_what_is_missing() {
    let mut limits = tracing_agents::Limits::default();
    limits.value_bytes = 10;
    limits.attributes = 2;
    let tracing = AgentTracing::builder("sqlite::memory:").limits(limits).open().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(tracing.layer()), || {
        info_span!("cut", a = "0123456789ABCDEF", b = 1, c = 2);
    });
    tracing.force_flush(crate::support::PATIENCE).unwrap();
    let repository = tracing.repository();
    let trace = &repository.traces(&TraceFilter::new()).unwrap().items[0];
    let span = &repository.trace(trace.trace_id).unwrap().spans[0];
    assert_eq!((span.truncated_bytes, span.dropped_count), (6, 1));
    let content = repository.span(span.trace_id, span.span_id).unwrap().content;
    assert_eq!(content.attributes.get("a").unwrap().as_str(), Some("0123456789…[+6 bytes]"));
}

#[test]
fn values_keep_their_types_order_and_duplicates() {
    let bench = Bench::new();
    let span = info_span!("typed");
    let values = [
        Value::U64(u64::MAX),
        Value::I64(i64::MIN),
        Value::F64(f64::INFINITY),
        Value::F64(0.1),
        Value::Bool(false),
        Value::Bytes(vec![0, 255]),
        Value::Array(vec![
            Value::Null,
            Value::Map(vec![("k".to_owned(), Value::I64(1)), ("k".to_owned(), Value::I64(2))]),
        ]),
    ];
    for value in &values {
        span.record_attribute("same key", value.clone());
    }
    drop(span);
    let attributes = stored(&bench);
    assert_eq!(attributes.iter().map(|(_, value)| value).collect::<Vec<_>>(), values.iter().collect::<Vec<_>>());
}

#[test]
fn long_and_odd_ids_are_found_by_what_they_are() {
    let bench = Bench::new();
    let ids =
        ["x".repeat(5000), format!("{}y", "x".repeat(4999)), "a\0b".to_owned(), "Ünïcödé 🦀 \"quoted\"".to_owned()];
    for id in &ids {
        tracing_agents::agent_span!("A", { tracing_agents::field::SESSION_ID } = id.as_str());
    }
    let repository = bench.flush();
    for id in &ids {
        assert_eq!(repository.traces(&TraceFilter::new().session(id.as_str())).unwrap().items.len(), 1);
    }
}
