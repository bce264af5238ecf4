//! Values that come twice, wrapped, cut or in a form of their own.

use tracing::field::Empty;
use tracing::info_span;
use tracing_agents::TraceFilter;
use tracing_agents::model::{Cost, CostSource, Kind, Message, Part, Role, Value};

use super::frameworks::rig;
use super::support::{Stored, in_and_out, tokens};

/// Case 6: rig records the counts of a streamed answer twice.
#[test]
fn a_count_that_is_recorded_twice_counts_once() {
    let stored = Stored::of(|| {
        let chat = rig::chat("calculator");
        rig::answer(&chat, "It is 4.");
        rig::count(&chat, 17, 9);
    });
    assert_eq!(stored.the(Kind::Model).span.usage.map(|usage| tokens(&usage)), Some((Some(17), Some(9))));
    assert_eq!(tokens(&stored.tree().trace.usage), (Some(17), Some(9)));
}

/// Case 7: rig records a completion as the empty text first; other code empties a field at the end.
#[test]
fn an_empty_text_neither_stands_for_an_answer_nor_erases_one() {
    for writes in [&["", "It is 4."][..], &["It is 4.", ""], &["It is 5.", "It is 4."]] {
        let stored = Stored::of(|| {
            let run = rig::run("calculator");
            for text in writes {
                run.record("gen_ai.completion", text);
            }
        });
        let run = stored.the(Kind::Agent);
        assert_eq!(run.content.output.as_deref(), Some("It is 4."), "{writes:?}");
        assert!(!run.span.is_error(), "{writes:?}");
    }
    let stored = Stored::of(|| {
        rig::run("calculator").record("gen_ai.completion", "");
    });
    assert_eq!(stored.the(Kind::Agent).content.output, None);
}

/// Case 13: ids recorded with `?id` arrive in quotes, optional ones as `Some("…")`, optional numbers as `Some(17)`.
#[test]
fn values_that_debug_has_wrapped_are_what_they_wrap() {
    let nothing: Option<u64> = None;
    let stored = Stored::of(|| {
        drop(info_span!(
            "answer",
            gen_ai.operation.name = ?"chat",
            gen_ai.agent.id = ?"agent-1",
            session.id = ?Some("s1"),
            user.id = ?Some(Some("alice")),
            gen_ai.request.temperature = ?Some(0.5),
            gen_ai.usage.input_tokens = ?Some(17),
            gen_ai.usage.output_tokens = ?nothing,
            gen_ai.usage.cost = ?Some(0.5),
        ));
    });
    let found = TraceFilter::new().session("s1").user("alice").agent("agent-1");
    assert_eq!(stored.repository().traces(&found).unwrap().len(), 1);
    let call = stored.the(Kind::Model);
    assert_eq!(tokens(&call.span.usage.unwrap()), (Some(17), None), "none is absent, and not 0");
    assert_eq!(call.span.cost, Cost::from_usd(0.5, CostSource::Provider));
    let temperature = call.content.attributes.get("gen_ai.request.temperature");
    assert_eq!(temperature, Some(&Value::Debug("Some(0.5)".to_owned())), "kept as it was recorded");
}

/// Case 14: adk cuts long requests, and says so in a suffix that makes them no JSON any more.
#[test]
fn a_request_that_was_cut_is_read_up_to_the_cut_and_kept_as_it_is() {
    let request = concat!(
        r#"{"model":"gpt-4o","contents":[{"role":"user","parts":[{"text":"Add 2 and 2"}]},"#,
        r#"{"role":"model","parts":[{"text":"First I w"#,
        "…[truncated 812 bytes]",
    );
    let stored = Stored::of(|| {
        drop(info_span!(
            target: "adk_agent::llm_agent",
            "call_llm",
            gcp.vertex.agent.llm_request = %request,
        ));
    });
    let call = stored.the(Kind::Model);
    assert_eq!(call.span.request_model.as_deref(), Some("gpt-4o"));
    assert_eq!(call.content.input_messages, [Message::text(Role::User, "Add 2 and 2")]);
    assert_eq!(call.content.input.as_deref(), Some(request));
}

/// Case 24: up to 0.40 rig records the system prompt as plain text under the name that is for JSON parts now.
#[test]
fn system_instructions_are_the_first_message_as_text_and_as_json() {
    for instructions in ["You are a calculator.", r#"[{"type":"text","content":"You are a calculator."}]"#] {
        let stored = Stored::of(|| {
            drop(info_span!(
                target: "rig::agent_chat",
                "chat",
                gen_ai.operation.name = "chat",
                gen_ai.system_instructions = instructions,
                gen_ai.input.messages = r#"[{"role":"user","parts":[{"type":"text","content":"Add 2 and 2"}]}]"#,
                gen_ai.response.id = "chatcmpl-1",
            ));
        });
        assert_eq!(
            stored.the(Kind::Model).content.input_messages,
            [Message::text(Role::System, "You are a calculator."), Message::text(Role::User, "Add 2 and 2")],
            "{instructions}"
        );
    }
}

/// Case 25: rig's tools answer with any text, and it hands their results to the model in the user's name.
#[test]
fn a_tools_result_is_any_text_and_is_not_taken_for_the_users_words() {
    let messages = r#"[
        {"role":"user","parts":[{"type":"text","content":"How warm is it?"}]},
        {"role":"assistant","parts":[{"type":"tool_call","id":"call_1","name":"weather","arguments":{}}]},
        {"role":"user","parts":[{"type":"tool_call_response","id":"call_1","response":"21 °C, {sunny"}]}
    ]"#;
    let stored = Stored::of(|| {
        let tool = rig::tool("weather");
        tool.record("gen_ai.tool.call.result", "21 °C, {sunny");
        drop(tool);
        let chat = rig::chat("forecaster");
        chat.record("gen_ai.input.messages", messages);
        rig::answer(&chat, "It is warm.");
    });
    assert_eq!(stored.the(Kind::Tool).content.output.as_deref(), Some("21 °C, {sunny"));
    let call = stored.the(Kind::Model).content;
    assert_eq!(in_and_out(&call), (Some("How warm is it?"), Some("It is warm.")));
    let response = Part::ToolCallResponse { id: Some("call_1".to_owned()), response: "21 °C, {sunny".into() };
    assert_eq!(call.input_messages.last().map(|message| message.parts.as_slice()), Some(&[response][..]));
}

/// A field that is declared and never recorded is no value.
#[test]
fn a_count_that_was_never_recorded_is_absent_and_not_0() {
    let stored = Stored::of(|| {
        drop(info_span!(
            "call",
            gen_ai.operation.name = "chat",
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = 0_u64,
        ));
    });
    let trace = stored.tree().trace;
    assert_eq!(tokens(&trace.usage), (None, Some(0)), "and a 0 that was recorded is one");
}
