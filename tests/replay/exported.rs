//! Recordings of frameworks, as their spans leave for other backends: ids, kinds and tokens are the store's.

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry::Value as Otel;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SpanData};
use tracing_agents::model::{Kind, Span, SpanId, TraceId};
use tracing_agents::otel::StoreExporter;
use tracing_agents::{AgentTracing, SpanFilter};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;

use super::expected::texts_in;
use super::{agno, frameworks};

type Key = (TraceId, SpanId);

fn key(span: &SpanData) -> Key {
    let context = &span.span_context;
    (TraceId::from_bytes(context.trace_id().to_bytes()), SpanId::from_bytes(context.span_id().to_bytes()))
}

/// What `program` has recorded, as it is stored and as it left.
fn both(program: impl FnOnce(&AgentTracing)) -> (HashMap<Key, Span>, Vec<SpanData>) {
    let exporter = InMemorySpanExporter::default();
    let tracing = AgentTracing::builder("sqlite::memory:")
        .max_queue_size(100_000)
        .trace_payloads(true)
        .exporter(exporter.clone())
        .open()
        .unwrap();
    program(&tracing);
    tracing.force_flush(Duration::from_secs(60)).unwrap();
    let mut stored = HashMap::new();
    let mut filter = SpanFilter::new().limit(1000);
    loop {
        let page = tracing.repository().spans(&filter).unwrap();
        let recorded = page.items.into_iter().filter(|span| !span.is_synthetic());
        stored.extend(recorded.map(|span| ((span.trace_id, span.span_id), span)));
        match page.next {
            Some(next) => filter = filter.after(next),
            None => break,
        }
    }
    (stored, exporter.get_finished_spans().unwrap())
}

/// Whether the span's kind is its own; others follow from the whole trace, which nobody knows when a span leaves.
fn is_own_kind(span: &Span) -> bool {
    span.kind_source != "structure"
}

fn check(name: &str, stored: &HashMap<Key, Span>, out: &[SpanData]) {
    assert_eq!(out.len(), stored.len(), "{name}");
    for left in out {
        let span = stored.get(&key(left)).unwrap_or_else(|| panic!("{name}: {} is not stored", left.name));
        let attributes: HashMap<&str, &Otel> =
            left.attributes.iter().map(|entry| (entry.key.as_str(), &entry.value)).collect();
        assert_eq!(attributes.len(), left.attributes.len(), "{name}: keys of {} are unique", left.name);
        if is_own_kind(span) {
            let kind = attributes.get("agent_traces.kind").map(|kind| kind.to_string());
            assert_eq!(kind.as_deref().unwrap_or("span"), span.kind.as_str(), "{name}: {}", left.name);
            assert_eq!(attributes.contains_key("openinference.span.kind"), span.kind != Kind::Span, "{name}");
        }
        let count = |key: &str| match attributes.get(key) {
            Some(Otel::I64(count)) => u64::try_from(*count).ok(),
            None => None,
            Some(other) => panic!("{name}: {key} is no integer: {other:?}"),
        };
        // What is told by events on another span is only known when both are stored.
        if let (true, Some(input)) = (span.kind.is_model_call(), count("llm.token_count.prompt")) {
            let usage = span.usage.unwrap();
            assert_eq!(Some(input), usage.input, "{name}: {}", left.name);
            assert_eq!(count("llm.token_count.completion"), usage.output, "{name}: {}", left.name);
        }
        if let (true, Some(tool)) = (span.kind == Kind::Tool, &span.tool_name) {
            assert_eq!(attributes.get("tool.name").map(|name| name.to_string()).as_ref(), Some(tool), "{name}");
        }
    }
}

#[test]
fn rust_frameworks_leave_with_the_stores_ids_kinds_and_tokens() {
    let mut calls = 0;
    for (path, text) in texts_in("frameworks") {
        let name = path.display().to_string();
        for scenario in frameworks::read(&text).unwrap() {
            let (stored, out) = both(|tracing| {
                let subscriber = Registry::default().with(tracing.layer());
                tracing::subscriber::with_default(subscriber, || frameworks::replay(&scenario)).unwrap();
            });
            check(&name, &stored, &out);
            calls += out
                .iter()
                .filter(|span| span.attributes.iter().any(|it| it.key.as_str() == "llm.token_count.prompt"))
                .count();
        }
    }
    assert!(calls > 10, "{calls} calls with tokens");
}

#[test]
fn agnos_spans_leave_with_the_stores_ids_kinds_and_tokens() {
    for (path, text) in texts_in("agno") {
        let name = path.display().to_string();
        let case = agno::read(&text).unwrap();
        let (stored, out) = both(|tracing| agno::replay(&case, StoreExporter::new(tracing)).unwrap());
        check(&name, &stored, &out);
    }
}
