//! Failures that frameworks tell by an event, by a field, on another span, or not at all.

use tracing::field::Empty;
use tracing::{debug, error, info, info_span, instrument, warn};
use tracing_agents::model::{self, Kind, StatusCode, TraceStatus};
use tracing_agents::{SpanExt, field, tool_span};

use super::frameworks::{adk, rig};
use super::support::{Stored, in_and_out, tokens};

/// Case 5: on a 429 rig records nothing; the span just ends. Swiftide's `complete` never records an answer on its span, and so the
/// lack of one says nothing there.
#[test]
fn a_model_call_that_ends_without_an_answer_has_failed_where_its_framework_would_record_one() {
    let stored = Stored::of(|| {
        rig::run("calculator").in_scope(|| rig::ask(&rig::chat("calculator"), "Add 2 and 2"));
        drop(info_span!(target: "swiftide_integrations::openai::chat_completion", "complete"));
    });
    assert_eq!(stored.outline(), ["✗ agent invoke_agent calculator", "  ✗ model chat gpt-4o", "model complete"]);
    let [failed, fine] = stored.trees().try_into().unwrap();
    assert_eq!((failed.trace.status, fine.trace.status), (TraceStatus::Error, TraceStatus::Ok));
    let call = stored.only("call of rig's", |span| span.kind == Kind::Model && span.is_error()).span;
    assert_eq!(call.error_type.as_deref(), Some("no_answer"));
    assert_eq!(call.usage, None, "tokens are absent, and not 0");
}

#[instrument(err)]
fn look_up(question: &str) -> Result<(), String> {
    Err(format!("no answer to {question}"))
}

/// Case 10: langchain-rust has a field for errors, `#[instrument(err)]` emits an event, and adk logs one.
#[test]
fn an_error_that_is_only_a_field_or_only_an_event_fails_its_span() {
    let stored = Stored::of(|| {
        let call = info_span!(
            target: "langchain_rust::observability",
            "llm.generate",
            model = "gpt-4o",
            error = Empty,
        );
        call.record("error", "429 Too Many Requests");
        drop(call);
        look_up("why").unwrap_err();
        info_span!(target: "adk_agent::llm_agent", "call_llm")
            .in_scope(|| error!(target: "adk_agent::llm_agent", error = "connection refused", "Failed to generate"));
        info_span!("patient").in_scope(|| warn!(error = "connection refused", "trying again"));
    });
    let status = |name: &str| stored.named(name).span.status;
    for (name, message) in
        [("llm.generate", "429 Too Many Requests"), ("look_up", "no answer to why"), ("call_llm", "connection refused")]
    {
        assert_eq!((status(name).code, status(name).message.as_str()), (StatusCode::Error, message), "{name}");
    }
    assert_eq!(status("patient").code, StatusCode::Unset, "a warning is no failure");
}

/// Case 20: who drops a stream leaves a span that lacks what had not come yet, and nothing else.
#[test]
fn a_stream_that_was_dropped_has_what_came_before_and_nothing_made_up() {
    let stored = Stored::of(|| {
        let chat = rig::chat("calculator");
        rig::ask(&chat, "Add 2 and 2");
        chat.record("gen_ai.response.id", "chatcmpl-1");
        chat.record("gen_ai.response.model", "gpt-4o-2024-08-06");
    });
    let call = stored.the(Kind::Model);
    assert_eq!(in_and_out(&call.content), (Some("Add 2 and 2"), None));
    assert_eq!((call.span.status.code, call.span.usage), (StatusCode::Unset, None), "it may have been cancelled");
    assert_eq!(call.span.model(), Some("gpt-4o-2024-08-06"));
    assert_eq!(tokens(&stored.tree().trace.usage), (None, None));
}

/// Swiftide's, as it shows itself in its events.
#[derive(Debug)]
#[expect(dead_code, reason = "read by `Debug`")]
struct ToolCall {
    id: &'static str,
    name: &'static str,
    args: Option<&'static str>,
}

/// Case 27: adk tells what a tool answered on the agent's span, swiftide how one failed on the step's.
#[test]
fn results_and_failures_that_are_told_on_the_parent_are_the_tools() {
    let stored = Stored::of(|| {
        adk::execute("calculator").in_scope(|| {
            drop(adk::tool("add", r#"{"x":2,"y":2}"#));
            debug!(target: "adk_agent::llm_agent", { tool.name = "add", tool.result = %"4" }, "tool_result");
            drop(adk::tool("save", r#"{"x":4}"#));
            warn!(target: "adk_agent::llm_agent", { tool.name = "save", error = %"the disk is full" }, "tool_error");
        });
        info_span!(target: "swiftide_agents::agent", "step", otel.name = "step-0").in_scope(|| {
            drop(info_span!(target: "swiftide_agents::agent", "tool", otel.name = "tool.broken"));
            let tool_call = ToolCall { id: "call_1", name: "broken", args: Some(r#"{"x":2}"#) };
            let error = "the disk is on fire";
            warn!(target: "swiftide_agents::agent", %error, ?tool_call, "Tool call failed, retrying");
        });
    });
    assert_eq!(
        stored.outline(),
        [
            "agent invoke_agent calculator",
            "  tool execute_tool add",
            "  ✗ tool execute_tool save",
            "step step-0",
            "  ✗ tool execute_tool broken",
        ]
    );
    let tool = |name| stored.only(name, |span| span.tool_name.as_deref() == Some(name));
    let (add, save, broken) = (tool("add"), tool("save"), tool("broken"));
    assert_eq!(in_and_out(&add.content), (Some(r#"{"x":2,"y":2}"#), Some("4")));
    assert_eq!(in_and_out(&save.content), (Some(r#"{"x":4}"#), None));
    assert_eq!(save.span.status.message, "the disk is full");
    assert_eq!(in_and_out(&broken.content), (Some(r#"{"x":2}"#), None));
    assert_eq!(broken.span.status.message, "the disk is on fire");
    assert_eq!(broken.span.tool_call_id.as_deref(), Some("call_1"));
}

/// rig 0.35: a hook refused the call, and the model is told why in place of a result. The tool did not run, so it did not fail.
#[test]
fn the_reason_why_a_tools_call_was_refused_is_its_result() {
    let stored = Stored::of(|| {
        rig::tool("add").in_scope(|| {
            info!(target: "rig::agent::prompt_request", tool_name = "add", reason = "not on weekends", "Tool call rejected");
        });
    });
    let tool = stored.the(Kind::Tool);
    assert_eq!(
        (in_and_out(&tool.content), tool.span.status.code),
        ((None, Some("not on weekends")), StatusCode::Unset)
    );
}

/// rmcp's, as `#[instrument(ret)]` on a tool's function shows it.
#[derive(Debug)]
#[expect(dead_code, reason = "read by `Debug`")]
struct CallToolResult {
    content: Vec<ContentBlock>,
    structured_content: Option<&'static str>,
    is_error: Option<bool>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "read by `Debug`")]
enum ContentBlock {
    Text(TextContent),
}

#[derive(Debug)]
#[expect(dead_code, reason = "read by `Debug`")]
struct TextContent {
    text: &'static str,
    meta: Option<&'static str>,
}

#[instrument(ret, fields({ field::OPERATION } = "execute_tool"))]
fn save(is_error: bool) -> Result<CallToolResult, String> {
    let text = "the disk is on fire";
    Ok(CallToolResult {
        content: vec![ContentBlock::Text(TextContent { text, meta: None })],
        structured_content: None,
        is_error: Some(is_error),
    })
}

/// rmcp 3.11: the protocol went well, and the tool did not; only its result tells, in the client as JSON and in the server as `Debug`.
#[test]
fn a_tools_result_that_says_that_the_tool_failed_fails_its_call() {
    let stored = Stored::of(|| {
        let failed = r#"{"content":[{"type":"text","text":"the disk is full"}],"isError":true}"#;
        let fine = r#"{"content":[{"type":"text","text":"\"isError\":true"}],"isError":false}"#;
        for (tool, result) in [("failed", failed), ("fine", fine)] {
            tool_span!(tool).record_output(result);
        }
        for is_error in [true, false] {
            save(is_error).unwrap();
        }
        info_span!("step", output = failed).in_scope(|| ());
    });
    assert_eq!(
        stored.outline(),
        [
            "✗ tool execute_tool failed",
            "tool execute_tool fine",
            "✗ tool execute_tool save",
            "tool execute_tool save",
            "span step"
        ]
    );
    let told = |tool: &str| {
        let is = |span: &model::Span| span.is_error() && span.tool_name.as_deref() == Some(tool);
        let span = stored.only(tool, is).span;
        (span.status.message, span.error_type)
    };
    assert_eq!(told("failed"), ("the disk is full".to_owned(), Some("tool_error".to_owned())));
    assert_eq!(told("save"), ("the disk is on fire".to_owned(), Some("tool_error".to_owned())));
}
