//! Content that frameworks tell below `INFO`, and what filters do to it.

use tracing::{Dispatch, debug, info_span, trace};
use tracing_agents::AgentTracing;
use tracing_agents::model::{Kind, Message, Role};
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

use super::frameworks::rig;
use super::support::{Stored, in_and_out, tokens};

/// A query of swiftide's without its feature `langfuse`: the tool's call is an event at `DEBUG`, the model's at `TRACE`.
fn swiftide() {
    info_span!(target: "swiftide_agents::agent", "agent.query").in_scope(|| {
        const LLM: &str = "swiftide_integrations::openai::chat_completion";
        info_span!(target: LLM, "complete").in_scope(|| {
            let request = concat!(
                "CreateChatCompletionRequest { messages: [User(ChatCompletionRequestUserMessage { ",
                r#"content: Text("Add 2 and 2"), name: None })], model: "gpt-4o" }"#,
            );
            let response = concat!(
                r#"CreateChatCompletionResponse { id: "chatcmpl-1", choices: [ChatChoice { index: 0, message: "#,
                r#"ChatCompletionResponseMessage { content: Some("It is 4."), role: Assistant }, finish_reason: Some(Stop) }], "#,
                r#"usage: Some(CompletionUsage { prompt_tokens: 17, completion_tokens: 9 }) }"#,
            );
            trace!(target: LLM, model = "gpt-4o", request, "Sending request to OpenAI");
            trace!(target: LLM, response, "[ChatCompletion] Full response from OpenAI");
        });
        info_span!(target: "swiftide_agents::agent", "tool", otel.name = "tool.add").in_scope(|| {
            let args = Some(r#"{"x":2,"y":2}"#);
            debug!(target: "swiftide_agents::agent", output = "4", ?args, tool_name = "add", "Completed tool call");
        });
    });
}

const TREE: [&str; 3] = ["agent agent.query", "  model complete", "  tool execute_tool add"];
const CALL: (Option<&str>, Option<&str>) = (Some(r#"{"x":2,"y":2}"#), Some("4"));

/// Case 15: what swiftide says to its model is told at `TRACE` alone, what it says to its tools at `DEBUG`.
#[test]
fn content_at_debug_is_there_by_default_and_content_at_trace_on_request() {
    let stored = Stored::of(swiftide);
    assert_eq!(stored.outline(), TREE);
    assert_eq!(in_and_out(&stored.the(Kind::Tool).content), CALL);
    let call = stored.the(Kind::Model);
    assert_eq!((call.span.request_model, call.span.usage, call.content.input), (None, None, None));

    let deep = Stored::with_trace_payloads(swiftide);
    assert_eq!(in_and_out(&deep.the(Kind::Tool).content), CALL);
    let call = deep.the(Kind::Model);
    assert_eq!(call.span.request_model.as_deref(), Some("gpt-4o"));
    assert_eq!(tokens(&call.span.usage.unwrap()), (Some(17), Some(9)));
    assert_eq!(call.content.input_messages, [Message::text(Role::User, "Add 2 and 2")]);
    assert_eq!(call.content.output.as_deref(), Some("It is 4."));
}

/// The layer below a filter for the whole program.
fn under_a_global_filter(tracing: &AgentTracing) -> Dispatch {
    tracing_subscriber::registry().with(EnvFilter::new("info")).with(tracing.layer()).into()
}

/// The layer beside logs that have a filter of their own.
fn beside_filtered_logs(tracing: &AgentTracing) -> Dispatch {
    let logs = fmt::layer().with_writer(std::io::sink).with_filter(EnvFilter::new("info"));
    tracing_subscriber::registry().with(logs).with(tracing.layer()).into()
}

/// Case 28: under a filter for `INFO` swiftide keeps its spans and loses all it says.
#[test]
fn a_global_info_filter_takes_content_and_no_span_and_a_layers_own_filter_takes_nothing() {
    let global = Stored::under(under_a_global_filter, swiftide);
    assert_eq!(global.outline(), TREE);
    assert_eq!(in_and_out(&global.the(Kind::Tool).content), (None, None));

    let beside = Stored::under(beside_filtered_logs, swiftide);
    assert_eq!(beside.outline(), TREE);
    assert_eq!(in_and_out(&beside.the(Kind::Tool).content), CALL);
}

/// Case 28: rig records everything at `INFO`.
#[test]
fn an_info_filter_costs_rig_nothing() {
    let program = || rig::run("calculator").in_scope(|| rig::turns("calculator"));
    let (all, filtered) = (Stored::of(program), Stored::under(under_a_global_filter, program));
    assert_eq!(filtered.outline(), all.outline());
    let contents = |stored: &Stored| -> Vec<_> {
        let spans = stored.tree().spans;
        spans
            .iter()
            .map(|span| stored.repository().span(span.trace_id, span.span_id).unwrap().content.attributes)
            .collect()
    };
    assert_eq!(contents(&filtered), contents(&all));
}
