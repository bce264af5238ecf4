//! Spans that come over OpenTelemetry's bridge and SDK.

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::field::Empty;
use tracing::{Dispatch, info_span};
use tracing_agents::AgentTracing;
use tracing_agents::model::{IdentityField, Kind, Value};
use tracing_agents::otel::StoreExporter;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::prelude::*;

use super::frameworks::rig;
use super::support::{Stored, tokens};

fn provider(tracing: &AgentTracing) -> SdkTracerProvider {
    SdkTracerProvider::builder().with_simple_exporter(StoreExporter::new(tracing)).build()
}

/// `tracing-opentelemetry` alone, with the store behind it.
fn bridged(tracing: &AgentTracing) -> Dispatch {
    let layer = tracing_opentelemetry::layer().with_tracer(provider(tracing).tracer("bridge"));
    tracing_subscriber::registry().with(layer).into()
}

/// Case 21: autoagents and the builders of `OpenInference` put what they know on OpenTelemetry's span, where no layer sees it.
#[test]
fn what_is_only_set_on_opentelemetrys_span_comes_over_the_bridge_and_its_kind_without() {
    let program = || {
        let task = info_span!(target: "autoagents_telemetry::runner::mapper", "autoagents.task");
        task.set_attribute("actor_name", "calculator");
        task.in_scope(|| {
            let llm = info_span!(target: "openinference_instrumentation::builders", "llm");
            llm.set_attribute("openinference.span.kind", "LLM");
            llm.set_attribute("llm.model_name", "gpt-4o");
            llm.set_attribute("llm.token_count.prompt", 17_i64);
        });
    };
    let plain = Stored::of(program);
    assert_eq!(plain.outline(), ["agent autoagents.task", "  model llm"]);
    let over_the_bridge = Stored::under(bridged, program);
    assert_eq!(over_the_bridge.outline(), ["agent invoke_agent calculator", "  model chat gpt-4o"]);
    let call = over_the_bridge.the(Kind::Model).span;
    assert_eq!(call.identity.get(IdentityField::AgentName), Some("calculator"));
    assert_eq!(tokens(&call.usage.unwrap()), (Some(17), None));
}

/// Case 22: `tracing-opentelemetry` appends a field that is recorded again.
#[test]
fn of_a_key_that_comes_twice_the_last_value_counts_and_both_are_kept() {
    let stored = Stored::under(bridged, || {
        let call = info_span!("call", gen_ai.operation.name = "chat", gen_ai.usage.input_tokens = Empty);
        call.record("gen_ai.usage.input_tokens", 1_i64);
        call.record("gen_ai.usage.input_tokens", 17_i64);
    });
    let call = stored.the(Kind::Model);
    assert_eq!(tokens(&call.span.usage.unwrap()), (Some(17), None));
    let attributes = call.content.attributes;
    let counts = attributes.iter().filter(|(key, _)| *key == "gen_ai.usage.input_tokens").map(|(_, value)| value);
    assert_eq!(counts.collect::<Vec<_>>(), [&Value::I64(1), &Value::I64(17)]);
}

/// Case 22: rig's spans arrive over the bridge as they are, with the target as an attribute.
#[test]
fn a_bridged_run_has_the_tree_that_the_layer_gives_it() {
    let program = || {
        let run = info_span!(target: "rig_agent::agent::completion", "chat", agent_name = "calculator");
        run.in_scope(|| rig::turns("calculator"));
    };
    let (layered, over_the_bridge) = (Stored::of(program), Stored::under(bridged, program));
    assert_eq!(over_the_bridge.outline(), layered.outline());
    assert_eq!(tokens(&over_the_bridge.tree().trace.usage), (Some(34), Some(18)));
}

/// openinference#3527, litellm#34828: the SDK drops what comes after the 128th attribute, in silence.
#[test]
fn attributes_that_the_sdk_dropped_are_counted() {
    let stored = Stored::under(
        |tracing| {
            let mut span = provider(tracing).tracer("sdk").start("chat");
            for place in 0..300_i64 {
                span.set_attribute(KeyValue::new(format!("llm.input_messages.{place}.message.content"), "hello"));
            }
            span.set_attribute(KeyValue::new("session.id", "s1"));
            span.end();
            Dispatch::none()
        },
        || (),
    );
    let span = stored.named("chat");
    assert_eq!((span.content.attributes.len(), span.span.dropped_count), (128, 173));
    assert_eq!(span.span.identity.session(), None, "that it is lost is to be seen");
}
