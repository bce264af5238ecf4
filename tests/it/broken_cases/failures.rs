//! Failures that frameworks tell by an event, by a field, on another span, or not at all.

use tracing::field::Empty;
use tracing::{debug, error, info, info_span, instrument, warn};
use tracing_agents::model::{Kind, StatusCode, TraceStatus};

use super::frameworks::{adk, rig};
use super::support::{Stored, in_and_out, sent, tokens};

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

/// A turn that rig tries again has its question and its counts, but not its answer, and so has a stream that was dropped late. Nothing
/// tells the two apart, and the first is a run like any other.
#[test]
fn a_call_with_counts_and_without_its_answer_is_neither_failed_nor_cancelled() {
    let stored = Stored::of(|| {
        let chat = rig::chat("calculator");
        rig::ask(&chat, "Add 2 and 2");
        rig::count(&chat, 17, 9);
    });
    let call = stored.the(Kind::Model);
    assert_eq!(in_and_out(&call.content), (Some("Add 2 and 2"), None));
    assert_eq!((call.span.status.code, call.span.error_type), (StatusCode::Unset, None));
    assert_eq!(tokens(&stored.tree().trace.usage), (Some(17), Some(9)), "it was billed");
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

/// MCP's result of a tool call as a server in Rust has it.
#[derive(Debug)]
#[expect(dead_code, reason = "read by `Debug`")]
struct CallToolResult {
    content: Vec<&'static str>,
    is_error: Option<bool>,
}

#[instrument(ret, fields(gen_ai.operation.name = "execute_tool"))]
fn read_file(is_error: bool) -> CallToolResult {
    CallToolResult { content: vec!["permission denied"], is_error: Some(is_error) }
}

/// The call went well: a failure is what the tool answered, for the model to read.
#[test]
fn a_tool_whose_result_says_that_it_failed_has_failed_although_the_call_went_well() {
    let stored = Stored::of(|| {
        let run = rig::run("calculator");
        rig::count(&run, 34, 18);
        run.in_scope(|| {
            let result = r#"{"content":[{"type":"text","text":"no such city"}],"isError":true}"#;
            rig::tool("weather").record("gen_ai.tool.call.result", result);
            rig::tool("add").record("gen_ai.tool.call.result", r#"{"data":{"content":[],"isError":true}}"#);
            rig::tool("multiply").record("gen_ai.tool.call.result", r#"{"content":[{"type":"text","text":"4…"#);
            read_file(true);
            read_file(false);
        });
    });
    let failed = |span: &tracing_agents::model::Span| {
        span.is_error().then(|| (span.status.message.clone(), span.error_type.clone().unwrap_or_default()))
    };
    let tree = stored.tree();
    let tools: Vec<_> = tree.spans.iter().filter(|span| span.kind == Kind::Tool).map(failed).collect();
    let error = |message: &str| Some((message.to_owned(), "tool_error".to_owned()));
    assert_eq!(tools, [error("no such city"), None, None, error("permission denied"), None]);
    assert_eq!((tree.trace.status, tree.trace.error_count), (TraceStatus::Error, 2));

    let call = |number, result: &'static str| {
        sent(number, "tools/call").with("mcp.method.name", "tools/call").with("gen_ai.tool.call.result", result)
    };
    let stored = Stored::sent([call(1, "4"), call(2, "no such file").with("error.type", "tool_error")]);
    let tools: Vec<_> = stored.tree().spans.iter().map(failed).collect();
    assert_eq!(tools, [None, error("no such file")]);
}

/// The same where the result is told on the span above, as adk tells it.
#[test]
fn a_failed_result_that_is_told_on_the_parent_is_the_tools() {
    let stored = Stored::of(|| {
        adk::execute("calculator").in_scope(|| {
            for (name, result) in [("add", "4"), ("save", r#"{"content":[],"isError":true}"#)] {
                drop(adk::tool(name, "{}"));
                debug!(target: "adk_agent::llm_agent", { tool.name = name, tool.result = %result }, "tool_result");
            }
        });
    });
    let expected = ["agent invoke_agent calculator", "  tool execute_tool add", "  ✗ tool execute_tool save"];
    assert_eq!(stored.outline(), expected);
}
