//! The layer beside, inside and around other layers.

use std::sync::{Arc, Mutex};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use tracing::{Subscriber, info, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use super::{Collector, event_names, layer};
use crate::layer::{AgentFilter, AgentLayer, Limits, SpanExt};
use crate::model::Value;

/// A span, a child, an event, and each way to reach the layer.
fn program() {
    let agent = info_span!(target: "app", "agent").entered();
    info_span!(target: "app", "tool").in_scope(|| info!(target: "app", "working"));
    agent.record_attribute("extra", 1_u64);
    assert!(agent.traceparent().is_some());
}

fn check(subscriber: impl Subscriber + Send + Sync, collector: &Collector) {
    tracing::subscriber::with_default(subscriber, program);
    let records = collector.records();
    assert_eq!(records.names(), ["tool", "agent"]);
    let (agent, tool) = (records.named("agent"), records.named("tool"));
    assert_eq!(tool.parent_span_id, Some(agent.span_id));
    assert_eq!(event_names(tool), ["working"]);
    assert_eq!(agent.attributes.get("extra"), Some(&Value::U64(1)));
}

fn agents<S: tracing::Subscriber>() -> (AgentLayer<S>, Collector) {
    layer(Limits::default())
}

#[test]
fn plain() {
    let (layer, collector) = agents();
    check(tracing_subscriber::registry().with(layer), &collector);
}

#[test]
fn boxed_optional_and_in_a_list() {
    let (layer, collector) = agents();
    let boxed: Box<dyn Layer<Registry> + Send + Sync> = layer.boxed();
    check(tracing_subscriber::registry().with(boxed), &collector);

    let (layer, collector) = agents();
    check(tracing_subscriber::registry().with(Some(layer)), &collector);

    let (layer, collector) = agents::<Registry>();
    check(tracing_subscriber::registry().with(vec![layer]), &collector);
}

#[test]
fn filtered_by_its_own_filter_and_by_others() {
    let (layer, collector) = agents();
    check(tracing_subscriber::registry().with(layer.with_filter(AgentFilter::new())), &collector);

    let (layer, collector) = agents();
    check(tracing_subscriber::registry().with(layer.with_filter(LevelFilter::INFO)), &collector);

    let (layer, collector) = agents();
    check(tracing_subscriber::registry().with(layer.with_filter(EnvFilter::new("app=info"))), &collector);

    let (layer, collector) = agents();
    check(tracing_subscriber::registry().with(Some(layer.with_filter(AgentFilter::new()).boxed())), &collector);

    let (layer, collector) = agents();
    check(tracing_subscriber::registry().with(layer.behind(AgentFilter::new())), &collector);

    let (layer, collector) = agents();
    check(tracing_subscriber::registry().with(vec![layer.behind(AgentFilter::new()).boxed()]), &collector);

    let (layer, collector) = agents();
    let twice = layer.behind(AgentFilter::new()).with_filter(EnvFilter::new("app=info"));
    check(tracing_subscriber::registry().with(twice), &collector);
}

#[test]
fn combined_with_and_then() {
    let (layer, collector) = agents();
    let fmt = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
    check(tracing_subscriber::registry().with(layer.and_then(fmt)), &collector);

    let (layer, collector) = agents();
    let fmt = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
    check(tracing_subscriber::registry().with(layer.behind(AgentFilter::new()).and_then(fmt)), &collector);
}

#[test]
fn the_layer_itself_can_be_found_behind_a_filter() {
    let (layer, _) = agents::<Registry>();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer.behind(AgentFilter::new())));
    assert!(format!("{:?}", dispatch.downcast_ref::<AgentLayer<Registry>>().unwrap()).contains("Limits"));
    assert!(dispatch.downcast_ref::<String>().is_none());
}

/// Keeps what `fmt` prints.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn beside_fmt_above_and_below_without_changing_what_it_prints() {
    let printed_by = |with_agents: bool| {
        let printed = Printed::default();
        if with_agents {
            let (below, below_records) = agents();
            let (above, above_records) = agents();
            let subscriber = tracing_subscriber::registry()
                .with(below.with_filter(AgentFilter::new()))
                .with(print_to(&printed))
                .with(above.behind(AgentFilter::new()));
            tracing::subscriber::with_default(subscriber, loud);
            assert_eq!(below_records.records().names(), ["span"]);
            assert_eq!(above_records.records().names(), ["span"]);
        } else {
            tracing::subscriber::with_default(tracing_subscriber::registry().with(print_to(&printed)), loud);
        }
        String::from_utf8(std::mem::take(&mut printed.0.lock().unwrap())).unwrap()
    };
    fn print_to<S>(printed: &Printed) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    {
        let printed = printed.clone();
        tracing_subscriber::fmt::layer()
            .without_time()
            .with_writer(move || printed.clone())
            .with_filter(EnvFilter::new("app=debug"))
    }
    fn loud() {
        let _span = info_span!(target: "app", "span").entered();
        tracing::debug!(target: "app", "debug");
        tracing::trace!(target: "app", "trace");
        tracing::debug!(target: "noise", "debug elsewhere");
        info!(target: "noise", "info elsewhere");
    }
    let alone = printed_by(false);
    assert!(alone.contains("debug") && !alone.contains("elsewhere"), "{alone}");
    assert_eq!(printed_by(true), alone);
}

#[test]
fn beside_tracing_opentelemetry_with_both_extension_traits() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let otel = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let (layer, collector) = agents();
    let subscriber = tracing_subscriber::registry().with(otel).with(layer.behind(AgentFilter::new()));
    tracing::subscriber::with_default(subscriber, || {
        let span = info_span!(target: "app", "both");
        span.set_attribute("theirs", 1);
        span.record_attribute("ours", 2);
        let _ = span.context();
        assert!(span.trace_id().is_some());
    });
    let records = collector.records();
    assert_eq!(super::pairs(&records.named("both").attributes), [("ours", Value::I64(2))]);
    let exported = exporter.get_finished_spans().unwrap();
    assert_eq!(exported.len(), 1);
    assert!(exported[0].attributes.iter().any(|attribute| attribute.key.as_str() == "theirs"));
    assert!(exported[0].attributes.iter().all(|attribute| attribute.key.as_str() != "ours"));
}
