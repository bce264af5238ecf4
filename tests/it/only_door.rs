//! A program with an OpenTelemetry provider and without `tracing`.

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_agents::model::Kind;
use tracing_agents::otel::StoreExporter;
use tracing_agents::{AgentTracing, Price, PriceTable, TraceFilter, TraceRepository};

use crate::support::{PATIENCE, only, url_in};

fn run(provider: &SdkTracerProvider) {
    let tracer = provider.tracer("agents");
    tracer.in_span("invoke_agent Planner", |context| {
        let span = context.span();
        span.set_attribute(KeyValue::new("gen_ai.operation.name", "invoke_agent"));
        span.set_attribute(KeyValue::new("gen_ai.agent.name", "Planner"));
        span.set_attribute(KeyValue::new("gen_ai.conversation.id", "c-1"));
        let call = tracer.span_builder("chat gpt-4o").with_kind(SpanKind::Client).with_attributes([
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new("gen_ai.provider.name", "openai"),
            KeyValue::new("gen_ai.request.model", "gpt-4o"),
            KeyValue::new("gen_ai.usage.input_tokens", 1_000_000),
            KeyValue::new("gen_ai.usage.output_tokens", 500_000),
        ]);
        drop(tracer.build_with_context(call, &context));
    });
}

#[test]
fn the_end_of_the_provider_writes_everything_and_closes_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let url = url_in(&folder);
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("planner").build())
        .with_batch_exporter(StoreExporter::open(&url).unwrap())
        .build();
    run(&provider);
    provider.shutdown().unwrap();
    let repository = TraceRepository::open(&url).unwrap();
    let traces = repository.traces(&TraceFilter::new().agent("Planner")).unwrap().items;
    assert_eq!(traces.len(), 1);
    let tree = repository.trace(traces[0].trace_id).unwrap();
    let model = only(&tree, Kind::Model);
    assert_eq!((tree.trace.usage.input, tree.trace.usage.output), (Some(1_000_000), Some(500_000)));
    assert_eq!((model.provider.as_deref(), model.identity.session()), (Some("openai"), Some("c-1")));
}

#[test]
fn options_hold_for_it_too_and_what_it_stores_has_tokens_and_cost() {
    let prices = PriceTable::new("ours 1", [Price::new("gpt-4o").input(1.0).output(2.0)]).unwrap();
    let tracing = AgentTracing::builder("sqlite::memory:").prices(prices).open().unwrap();
    let provider = SdkTracerProvider::builder().with_simple_exporter(tracing.clone().into_exporter()).build();
    run(&provider);
    provider.force_flush().unwrap();
    tracing.force_flush(PATIENCE).unwrap();
    let traces = tracing.repository().traces(&TraceFilter::new()).unwrap().items;
    assert_eq!(traces[0].cost_nano_usd, Some(2_000_000_000));
    provider.shutdown().unwrap();
    run(&provider);
    let health = tracing.health();
    assert_eq!((health.stored, health.offered), (2, 2), "it is over with the provider");
}
