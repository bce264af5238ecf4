//! Capture levels, seen through the repository.

use tracing_agents::model::{Attributes, Event, Kind, LoggedEvent, SpanContent};
use tracing_agents::{
    AgentTracing, CaptureLevel, CapturePolicy, ContentClass, SpanExt, TraceFilter, agent_span, field, tool_span,
};
use tracing_subscriber::prelude::*;

use crate::support::{PATIENCE, only};

/// The contents of an agent's and a tool's span under a policy.
fn stored(policy: CapturePolicy) -> [SpanContent; 2] {
    let tracing = AgentTracing::builder("sqlite::memory:").capture(policy).open().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(tracing.layer()), || {
        let agent = agent_span!("Researcher");
        agent.record_attribute(field::INPUT, "where is ann?");
        agent.in_scope(|| {
            let tool = tool_span!("find");
            tool.record_attribute(field::TOOL_ARGUMENTS, r#"{"who":"ann"}"#);
            tool.record_attribute(field::TOOL_RESULT, "in the garden");
        });
        agent.record_attribute(field::OUTPUT, "she is in the garden");
    });
    tracing.force_flush(PATIENCE).unwrap();
    let repository = tracing.repository();
    let trace = &repository.traces(&TraceFilter::new()).unwrap().items[0];
    let tree = repository.trace(trace.trace_id).unwrap();
    [Kind::Agent, Kind::Tool].map(|kind| {
        let span = only(&tree, kind);
        assert!(!span.name.is_empty(), "what a span is, is no content");
        repository.span(span.trace_id, span.span_id).unwrap().content
    })
}

fn texts(content: &SpanContent) -> [Option<&str>; 2] {
    [content.input.as_deref(), content.output.as_deref()]
}

#[test]
fn levels_decide_what_a_reader_sees() {
    let [agent, tool] = stored(CapturePolicy::full());
    assert_eq!(texts(&agent), [Some("where is ann?"), Some("she is in the garden")]);
    assert_eq!(texts(&tool), [Some(r#"{"who":"ann"}"#), Some("in the garden")]);

    let [agent, tool] = stored(CapturePolicy::metadata());
    assert_eq!(texts(&agent), [Some("[withheld 13 bytes]"), Some("[withheld 20 bytes]")]);
    assert_eq!(texts(&tool), [Some("\"[withheld 13 bytes]\""), Some("[withheld 13 bytes]")]);

    let [agent, tool] = stored(CapturePolicy::off());
    assert_eq!((texts(&agent), texts(&tool)), ([None; 2], [None; 2]));
    assert_eq!(tool.attributes.get(field::WITHHELD).unwrap().as_str(), Some("tool_arguments,tool_results"));

    let [agent, tool] = stored(CapturePolicy::full().with(ContentClass::ToolResults, CaptureLevel::Off));
    assert_eq!(texts(&agent), [Some("where is ann?"), Some("she is in the garden")]);
    assert_eq!(texts(&tool), [Some(r#"{"who":"ann"}"#), None]);
}

#[test]
fn logged_events_are_under_the_same_policy() {
    let policy = CapturePolicy::full().with(ContentClass::Prompts, CaptureLevel::Off);
    let tracing = AgentTracing::builder("sqlite::memory:").capture(policy).open().unwrap();
    let mut id = None;
    tracing::subscriber::with_default(tracing_subscriber::registry().with(tracing.layer()), || {
        let agent = agent_span!("Researcher");
        id = agent.trace_id().zip(agent.span_id());
    });
    tracing.force_flush(PATIENCE).unwrap();
    let (trace_id, span_id) = id.unwrap();
    let said = |name: &str, text: &str| {
        let mut attributes = Attributes::new();
        attributes.push("content", text);
        let event = Event { name: name.to_owned(), time_ns: 1, attributes, dropped_attributes: 0, callsite: None };
        LoggedEvent::new(trace_id, span_id, event)
    };
    tracing.write_events(&[said("gen_ai.user.message", "a question"), said("gen_ai.choice", "an answer")]).unwrap();
    let content = tracing.repository().span(trace_id, span_id).unwrap().content;
    assert_eq!(texts(&content), [None, Some("an answer")]);
}

#[test]
fn long_json_is_cut_so_that_it_can_be_read() {
    let tracing = AgentTracing::builder("sqlite::memory:").max_value_bytes(200).open().unwrap();
    let messages = format!(r#"[{{"role":"user","content":"{}"}}]"#, "a word ".repeat(100));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(tracing.layer()), || {
        agent_span!("Researcher").record_attribute(field::INPUT_MESSAGES, messages.as_str());
    });
    tracing.force_flush(PATIENCE).unwrap();
    let repository = tracing.repository();
    let trace = &repository.traces(&TraceFilter::new()).unwrap().items[0];
    let span = &repository.trace(trace.trace_id).unwrap().spans[0];
    let content = repository.span(span.trace_id, span.span_id).unwrap().content;
    assert_eq!(content.input_messages.len(), 1, "{:?}", content.attributes);
    let said = content.input_messages[0].joined_text();
    assert!(said.starts_with("a word a word") && said.ends_with(" bytes]"), "{said}");
    let kept = content.attributes.get(field::INPUT_MESSAGES).unwrap().as_str().unwrap().len();
    assert_eq!(span.truncated_bytes, (messages.len() - kept) as u64);
}
