//! Content that frameworks tell below `INFO`, and what filters do to it.

use std::sync::{Arc, Mutex};

use tracing::{Dispatch, debug, info_span, trace};
use tracing_agents::model::{Kind, Message, Role};
use tracing_agents::{AgentTracing, ErrorKind};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

use super::frameworks::rig;
use super::support::{Stored, in_and_out, tokens};
use crate::support::PATIENCE;

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

/// A connection of rmcp's on which a request came in, and which is still open.
fn rmcp() -> tracing::Span {
    let connection = info_span!(target: "rmcp::service", "serve_inner");
    connection.in_scope(|| debug!(target: "rmcp::service", request = "CallToolRequest(add)", "received request"));
    connection
}

/// What is noticed while `program` runs under a subscriber: frameworks with a level, and what the operator is told.
fn noticed<T>(
    trace_payloads: bool,
    subscriber: impl FnOnce(&AgentTracing) -> Dispatch,
    program: impl Fn() -> T,
) -> (Vec<String>, Vec<(ErrorKind, String)>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let tracing = AgentTracing::builder("sqlite::memory:")
        .trace_payloads(trace_payloads)
        .on_error(move |error| tell.lock().unwrap().push((error.kind(), error.to_string())))
        .open()
        .unwrap();
    tracing::dispatcher::with_default(&subscriber(&tracing), || {
        let open = [program(), program()];
        // Once to store what ended, once to look at it, once to hear of it again.
        (0..3).for_each(|_| tracing.force_flush(PATIENCE).unwrap());
        drop(open);
    });
    let hidden = tracing.health().hidden_content;
    let told = told.lock().unwrap().clone();
    (hidden.into_iter().map(|hidden| format!("{} {}", hidden.profile, hidden.level)).collect(), told)
}

fn below(filter: &'static str) -> impl Fn(&AgentTracing) -> Dispatch {
    move |tracing| tracing_subscriber::registry().with(EnvFilter::new(filter)).with(tracing.layer()).into()
}

/// Case 28: content that a filter for the whole program hides is gone, and nobody would know.
#[test]
fn content_that_a_global_filter_hides_is_told_of_once_for_each_framework() {
    let program = || {
        swiftide();
        rmcp()
    };
    let (hidden, told) = noticed(false, under_a_global_filter, program);
    assert_eq!(hidden.len(), 2, "{hidden:?}");
    assert!(hidden.iter().any(|hidden| hidden.starts_with("swiftide") && hidden.ends_with("DEBUG")), "{hidden:?}");
    assert!(hidden.iter().any(|hidden| hidden.starts_with("rmcp")), "its span is still open: {hidden:?}");
    let texts: String = told.iter().map(|(_, text)| text.as_str()).collect();
    assert!(told.iter().all(|(kind, _)| *kind == ErrorKind::Hidden), "{told:?}");
    for said in ["events of swiftide_agents::agent at DEBUG", "events of rmcp::service at DEBUG", "with_filter"] {
        assert_eq!(texts.matches(said).count(), 1, "{said}: {told:?}");
    }
}

/// The most verbose level of the program says nothing of a filter for single targets.
#[test]
fn a_filter_that_hides_one_framework_alone_is_told_of_with_that() {
    let program = || {
        swiftide();
        rmcp()
    };
    let (hidden, told) = noticed(false, below("debug,swiftide_agents=info"), program);
    assert_eq!((hidden.len(), told.len()), (1, 1), "{hidden:?} {told:?}");
    assert!(hidden[0].starts_with("swiftide") && hidden[0].ends_with("DEBUG"), "{hidden:?}");

    let (hidden, _) = noticed(true, below("debug"), swiftide);
    assert_eq!(hidden.len(), 1, "{hidden:?}");
    assert!(hidden[0].starts_with("swiftide") && hidden[0].ends_with("TRACE"), "{hidden:?}");
}

#[test]
fn no_filter_is_told_of_that_hides_nothing() {
    fn of_its_own(tracing: &AgentTracing) -> Dispatch {
        let layer = tracing.unfiltered_layer().with_filter(LevelFilter::INFO);
        tracing_subscriber::registry().with(layer).into()
    }
    let nothing = (Vec::new(), Vec::new());
    assert_eq!(
        noticed(false, |tracing| tracing_subscriber::registry().with(tracing.layer()).into(), swiftide),
        nothing
    );
    assert_eq!(noticed(false, beside_filtered_logs, swiftide), nothing);
    assert_eq!(
        noticed(false, below("info,swiftide_agents=debug"), swiftide),
        nothing,
        "what it lets through is all there is"
    );
    assert_eq!(noticed(false, below("info,[agent.query]=debug"), swiftide), nothing, "it looks at the spans around");
    let chosen = || {
        swiftide();
        info_span!(target: "swiftide_agents::tools", "tool")
            .in_scope(|| debug!(target: "swiftide_agents::tools", "idle"));
    };
    assert_eq!(noticed(false, below("info,swiftide_agents::agent=debug"), chosen), nothing, "the rest is no loss");
    assert_eq!(noticed(false, of_its_own, swiftide), nothing, "somebody chose what the layer gets");
    let rig = || rig::run("calculator").in_scope(|| rig::turns("calculator"));
    assert_eq!(noticed(false, under_a_global_filter, rig), nothing, "it tells everything at INFO");
    let outside = || debug!(target: "rmcp::service", "no span is recorded that would miss it");
    assert_eq!(noticed(false, under_a_global_filter, outside), nothing);
}
