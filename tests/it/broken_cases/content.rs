//! What producers say in other places and other words than the conventions now have.

use tracing::{info, info_span};
use tracing_agents::model::{Kind, Message, Part, Role, Value};
use tracing_agents::{SpanExt as _, TraceFilter, agent_span, model_span};

use super::support::{Stored, in_and_out, sent, tokens};

/// langfuse#14930: producers that follow OpenTelemetry 1.28 to 1.36 tell messages as events.
#[test]
fn messages_that_are_told_as_events_are_the_calls_messages() {
    let by_tracing = Stored::of(|| {
        model_span!("m").in_scope(|| {
            info!(name: "gen_ai.system.message", content = "You are a calculator.");
            info!(name: "gen_ai.user.message", content = "Add 2 and 2");
            info!(name: "gen_ai.choice", index = 0, finish_reason = "stop", message = r#"{"content":"It is 4."}"#);
        });
    });
    let call = sent(1, "chat m").with("gen_ai.operation.name", "chat");
    let by_otlp = Stored::sent([call
        .event("gen_ai.system.message", &[("content", "You are a calculator.")])
        .event("gen_ai.user.message", &[("content", "Add 2 and 2")])
        .event("gen_ai.choice", &[("finish_reason", "stop"), ("message", r#"{"content":"It is 4."}"#)])]);
    for (stored, way) in [(by_tracing, "tracing"), (by_otlp, "OTLP")] {
        let content = stored.the(Kind::Model).content;
        let asked = [Message::text(Role::System, "You are a calculator."), Message::text(Role::User, "Add 2 and 2")];
        assert_eq!(content.input_messages, asked, "{way}");
        let answer = Message { finish_reason: Some("stop".to_owned()), ..Message::text(Role::Assistant, "It is 4.") };
        assert_eq!(content.output_messages, [answer], "{way}");
        assert_eq!(in_and_out(&content), (Some("Add 2 and 2"), Some("It is 4.")), "{way}");
    }
}

/// The same since 1.37, where one event has them all.
#[test]
fn messages_in_one_event_of_details_are_the_calls_messages() {
    let call = sent(1, "chat m").with("gen_ai.operation.name", "chat").event(
        "gen_ai.client.inference.operation.details",
        &[
            ("gen_ai.input.messages", r#"[{"role":"user","parts":[{"type":"text","content":"Add 2 and 2"}]}]"#),
            ("gen_ai.output.messages", r#"[{"role":"assistant","parts":[{"type":"text","content":"It is 4."}]}]"#),
        ],
    );
    let content = Stored::sent([call]).the(Kind::Model).content;
    assert_eq!(in_and_out(&content), (Some("Add 2 and 2"), Some("It is 4.")));
}

/// ai-gateway#2051, agentgateway#2060: a long conversation of one attribute a leaf makes SDKs drop what comes after the 128th, which
/// are the tokens and the session.
#[test]
fn what_comes_after_hundreds_of_attributes_is_there() {
    const MESSAGES: usize = 200;
    let stored = Stored::of(|| {
        let call = model_span!("m");
        for place in 0..MESSAGES {
            let role = if place % 2 == 0 { "user" } else { "assistant" };
            call.record_attribute(format!("llm.input_messages.{place}.message.role"), role);
            call.record_attribute(format!("llm.input_messages.{place}.message.content"), format!("turn {place}"));
        }
        call.record_attribute("llm.token_count.prompt", 17);
        call.record_attribute("session.id", "s1");
    });
    let call = stored.the(Kind::Model);
    assert_eq!(call.span.dropped_count, 0);
    assert_eq!(tokens(&call.span.usage.unwrap()), (Some(17), None));
    assert_eq!(stored.repository().traces(&TraceFilter::new().session("s1")).unwrap().len(), 1);
    let messages = call.content.input_messages;
    assert_eq!(messages.len(), MESSAGES);
    assert_eq!(messages.last(), Some(&Message::text(Role::Assistant, "turn 199")));
}

/// overdeck#2443: the conventions were reshaped twice without a release, and instrumentors write two of them on one span.
#[test]
fn where_conventions_disagree_the_current_name_counts_and_all_are_kept() {
    let names = [
        ("gen_ai.usage.prompt_tokens", 1_i64),
        ("llm.token_count.prompt", 2),
        ("gen_ai.usage.input_tokens", 3),
        ("prompt_tokens", 4),
    ];
    let stored = Stored::of(|| {
        let call = info_span!(
            "call",
            gen_ai.operation.name = "chat",
            openinference.span.kind = "LLM",
            gen_ai.system = "az.ai.openai",
            gen_ai.provider.name = "anthropic",
            llm.model_name = "of OpenInference",
            gen_ai.request.model = "of OpenTelemetry",
            gen_ai.response.model = "the one that answered",
        );
        for (name, count) in names {
            call.record_attribute(name, count);
        }
    });
    let call = stored.the(Kind::Model);
    assert_eq!(tokens(&call.span.usage.unwrap()), (Some(3), None));
    assert_eq!(call.span.provider.as_deref(), Some("anthropic"));
    assert_eq!(call.span.request_model.as_deref(), Some("of OpenTelemetry"));
    for (name, count) in names {
        assert_eq!(call.content.attributes.get(name), Some(&Value::I64(count)), "{name}");
    }
}

/// The same: old names alone give what the new ones give.
#[test]
fn old_names_mean_what_the_new_ones_mean() {
    let old = sent(1, "chat")
        .with("gen_ai.operation.name", "chat")
        .with("gen_ai.system", "openai")
        .with("gen_ai.request.model", "gpt-4o")
        .with("gen_ai.usage.prompt_tokens", 1210_i64)
        .with("gen_ai.usage.completion_tokens", 5_i64)
        .with("gen_ai.usage.cache_creation_input_tokens", 200_i64)
        .with("gen_ai.prompt.0.role", "user")
        .with("gen_ai.prompt.0.content", "Add 2 and 2");
    let new = sent(1, "chat")
        .with("gen_ai.operation.name", "chat")
        .with("gen_ai.provider.name", "openai")
        .with("gen_ai.request.model", "gpt-4o")
        .with("gen_ai.usage.input_tokens", 1210_i64)
        .with("gen_ai.usage.output_tokens", 5_i64)
        .with("gen_ai.usage.cache_write.input_tokens", 200_i64)
        .with("gen_ai.input.messages", r#"[{"role":"user","parts":[{"type":"text","content":"Add 2 and 2"}]}]"#);
    let read = |span| {
        let call = Stored::sent([span]).the(Kind::Model);
        (call.span.provider, call.span.request_model, call.span.usage, call.content.input_messages, call.content.input)
    };
    let old = read(old);
    assert_eq!(old.4.as_deref(), Some("Add 2 and 2"));
    assert_eq!(old.2.and_then(|usage| usage.cache_write), Some(200));
    assert_eq!(old, read(new));
}

/// A tool that a model asked for and nobody ran is in the model's answer, and is no call of a tool.
#[test]
fn a_tool_that_was_asked_for_and_never_run_is_in_the_answer_alone() {
    let messages =
        r#"[{"role":"assistant","parts":[{"type":"tool_call","id":"call_1","name":"unknown","arguments":{"x":2}}]}]"#;
    let stored = Stored::of(|| {
        agent_span!("Writer").in_scope(|| drop(model_span!("m", "gen_ai.output.messages" = messages)));
    });
    assert_eq!(stored.outline(), ["agent invoke_agent Writer", "  model chat m"]);
    let asked = Part::ToolCall {
        id: Some("call_1".to_owned()),
        name: "unknown".to_owned(),
        arguments: Some(serde_json::json!({"x": 2})),
    };
    assert_eq!(stored.the(Kind::Model).content.output_messages[0].parts, [asked]);
    assert!(stored.repository().traces(&TraceFilter::new().tool("unknown")).unwrap().is_empty());
}
