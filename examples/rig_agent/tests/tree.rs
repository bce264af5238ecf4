//! The example's own code, in process: what the database has on a unary and a streaming run, to the last span and token.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helper functions too"
)]

use rig_agent::assistant::{self, Delivery};
use rig_agent::fake_openai::CALLS;
use rig_agent::provider::Provider;
use rig_agent::tokens::Tokens;
use rig_agent::{QUESTION, Run};
use tracing_agents::model::{Identity, IdentityField, Kind, Span, StatusCode, TraceStatus, TraceTree};
use tracing_agents::{AgentTracing, TraceFilter};
use tracing_subscriber::prelude::*;

/// The scripted answer, made of both tools' results.
const ANSWER: &str = "In Oslo: 7 °C with light rain, 14:05 local time.";

#[tokio::test]
async fn a_unary_run() {
    a_run_is_traced(Delivery::Unary).await;
}

#[tokio::test]
async fn a_streaming_run() {
    a_run_is_traced(Delivery::Streaming).await;
}

async fn a_run_is_traced(delivery: Delivery) {
    let folder = tempfile::tempdir().unwrap();
    let tracing = AgentTracing::open(&format!("sqlite://{}/rig_agent.db", folder.path().display())).unwrap();
    let _registered = tracing_subscriber::registry().with(tracing.layer()).set_default();
    let provider = Provider::fake().await.unwrap();

    let run = rig_agent::run(&tracing, &provider, delivery).await.unwrap();

    assert_eq!(run.answer, ANSWER);
    it_is_one_trace(&tracing, &run);
    the_tree_is_agent_model_tools_model(&run.trace);
    the_tokens_are_the_servers(&run);
    the_content_is_kept(&tracing, &run.trace);
}

fn it_is_one_trace(tracing: &AgentTracing, run: &Run) {
    let all = tracing.repository().traces(&TraceFilter::new().limit(10)).unwrap();
    let ids: Vec<_> = all.into_iter().map(|trace| trace.trace_id).collect();
    assert_eq!(ids, [run.trace.trace.trace_id]);
    assert_eq!(agent_name(&run.trace.trace.identity), Some(assistant::NAME));
    assert_eq!(run.trace.trace.status, TraceStatus::Ok);
}

fn the_tree_is_agent_model_tools_model(trace: &TraceTree) {
    let [root] = trace.roots[..] else { panic!("one root, not {:?}", trace.roots) };
    assert!(trace.orphans.is_empty(), "every parent is stored");
    let mut outline = vec![line(0, &trace.spans[root])];
    for &child in &trace.children[root] {
        outline.push(line(1, &trace.spans[child]));
        assert!(trace.children[child].is_empty(), "nothing is below {}", trace.spans[child].display_name);
    }
    let [(first_tool, _), (second_tool, _)] = CALLS;
    assert_eq!(
        outline,
        [
            (0, Kind::Agent, Some(assistant::NAME)),
            (1, Kind::Model, Some(assistant::MODEL)),
            (1, Kind::Tool, Some(first_tool)),
            (1, Kind::Tool, Some(second_tool)),
            (1, Kind::Model, Some(assistant::MODEL)),
        ]
    );
    assert_eq!(trace.spans.len(), outline.len());
    for span in &trace.spans {
        assert_ne!(span.status.code, StatusCode::Error, "{}", span.display_name);
        assert_eq!(agent_name(&span.identity), Some(assistant::NAME), "{}", span.display_name);
    }
}

/// A span's depth, its kind, and the name that goes with the kind.
fn line(depth: usize, span: &Span) -> (usize, Kind, Option<&str>) {
    let name = match span.kind {
        Kind::Agent => agent_name(&span.identity),
        Kind::Model => span.model(),
        Kind::Tool => span.tool_name.as_deref(),
        _ => Some(span.name.as_str()),
    };
    (depth, span.kind, name)
}

fn agent_name(identity: &Identity) -> Option<&str> {
    identity.get(IdentityField::AgentName)
}

fn the_tokens_are_the_servers(run: &Run) {
    assert_eq!(run.served, Some(Tokens { input: 34, cached: 8, output: 18, reasoning: 6 }));
    assert_eq!(run.traced(), run.served);
    for model in run.trace.spans.iter().filter(|span| span.kind == Kind::Model) {
        let usage = model.usage.expect("each model call has its own usage");
        assert_eq!(Tokens::reported(&usage), Some(Tokens::PER_ANSWER));
    }
}

fn the_content_is_kept(tracing: &AgentTracing, trace: &TraceTree) {
    let repository = tracing.repository();
    let content = |span: &Span| {
        let content = repository.span(span.trace_id, span.span_id).unwrap().content;
        (content.input.unwrap(), content.output.unwrap())
    };
    let agent = trace.spans.iter().find(|span| span.kind == Kind::Agent).unwrap();
    assert_eq!(content(agent), (QUESTION.to_owned(), ANSWER.to_owned()));

    let tools: Vec<_> = trace.spans.iter().filter(|span| span.kind == Kind::Tool).collect();
    for (tool, (name, arguments)) in tools.iter().zip(CALLS) {
        let (input, output) = content(tool);
        assert_eq!(input, arguments, "{name}");
        assert!(ANSWER.contains(&output), "{name} answered {output:?}");
        let call_id = tool.tool_call_id.as_deref().unwrap();
        assert!(call_id.ends_with(name), "{name} was called as {call_id:?}");
    }
}
