//! Tool calls that a model asked for and that no span tells of.

use tracing_agents::model::TraceId;
use tracing_agents::{SpanExt, model_span};

use super::frameworks::rig;
use super::support::Stored;

/// A model's answer that asks for tools, by id and name.
fn asking(calls: &[(&str, &str)]) -> String {
    let part =
        |(id, name): &(&str, &str)| format!(r#"{{"type":"tool_call","id":"{id}","name":"{name}","arguments":{{}}}}"#);
    let parts: Vec<String> = calls.iter().map(part).collect();
    format!(r#"[{{"role":"assistant","parts":[{}]}}]"#, parts.join(","))
}

/// A request that carries a tool's answer.
fn answering(id: &str) -> String {
    format!(r#"[{{"role":"user","parts":[{{"type":"tool_call_response","id":"{id}","response":"no such tool"}}]}}]"#)
}

/// `tool`, or `tool answered`, of what was asked for in the only trace and has no span.
fn left(stored: &Stored) -> Vec<String> {
    let trace: TraceId = stored.tree().trace.trace_id;
    let calls = stored.repository().requested_tool_calls(trace).unwrap();
    let show = |call: &tracing_agents::model::RequestedToolCall| {
        format!("{}{}", call.tool_name, if call.is_answered { " answered" } else { "" })
    };
    calls.iter().map(show).collect()
}

/// rig answers the call of an unknown tool by itself, without a span; what waits for a human is never answered.
#[test]
fn an_unknown_tool_is_answered_without_a_span_and_one_that_nobody_approved_is_not_executed() {
    let stored = Stored::of(|| {
        rig::run("calculator").in_scope(|| {
            let chat = rig::chat("calculator");
            chat.record("gen_ai.output.messages", asking(&[("call_1", "add"), ("call_2", "guess")]).as_str());
            drop(chat);
            drop(rig::tool("add"));
            let chat = rig::chat("calculator");
            chat.record("gen_ai.input.messages", answering("call_2").as_str());
            chat.record("gen_ai.output.messages", asking(&[("call_3", "delete_all")]).as_str());
        });
    });
    assert_eq!(left(&stored), ["guess answered", "delete_all"]);
}

/// The program asks the model and runs its tools itself, with no span but the model's: nothing is known to be missing where content is
/// not recorded, and nothing was left undone where it is.
#[test]
fn a_loop_of_the_programs_own_executes_its_tools_without_spans() {
    for is_recorded in [false, true] {
        let stored = Stored::of(|| {
            tracing::info_span!("loop").in_scope(|| {
                for turn in 0..3 {
                    let call = model_span!("gpt-4o");
                    if is_recorded {
                        let id = |turn: i32| format!("call_{turn}");
                        call.record_attribute("gen_ai.input.messages", answering(&id(turn - 1)));
                        call.record_attribute("gen_ai.output.messages", asking(&[(&id(turn), "search")]));
                    }
                }
            });
        });
        let expected: &[&str] = if is_recorded { &["search answered", "search answered", "search"] } else { &[] };
        assert_eq!(left(&stored), expected);
    }
}
