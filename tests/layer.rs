//! Under a global subscriber, as in a real program: there, code that runs inside a callback of the layer reaches the layer again. A
//! binary of its own, since a global subscriber is for the whole process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fmt;
use std::time::Duration;

use tracing::{Span, info, info_span};
use tracing_agents::model::{SpanDetail, Value};
use tracing_agents::{AgentTracing, SpanExt, TraceFilter};

const PATIENCE: Duration = Duration::from_secs(60);

/// Traces while it is formatted: a span, an event, and fields of the span around it.
struct Traces;

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Span::current().record_attribute("within", true);
        info_span!("formatting", value = ?"nested").in_scope(|| info!("formatting {}", 1));
        f.write_str("formatted")
    }
}

/// A trace made on four threads, with values that trace.
fn program() {
    let agent = tracing_agents::agent_span!("Global", { tracing_agents::field::SESSION_ID } = "s1");
    agent.in_scope(|| {
        let tool = tracing_agents::tool_span!("tool", value = ?Traces, late = tracing::field::Empty);
        tool.in_scope(|| {
            Span::current().record("late", tracing::field::debug(Traces));
            info!(value = ?Traces, "event");
        });
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let agent = &agent;
                scope.spawn(move || agent.in_scope(|| drop(info_span!("worker", worker))));
            }
        });
    });
}

#[test]
fn values_that_trace_and_threads_that_share_a_span() {
    let folder = tempfile::tempdir().unwrap();
    let tracing = AgentTracing::init(&format!("sqlite://{}", folder.path().join("traces.db").display())).unwrap();
    program();
    tracing.force_flush(PATIENCE).unwrap();

    let repository = tracing.repository();
    let traces = repository.traces(&TraceFilter::new().agent("Global")).unwrap().items;
    assert_eq!(traces.len(), 1, "{traces:#?}");
    let tree = repository.trace(traces[0].trace_id).unwrap();
    let named = |name: &str| -> Vec<SpanDetail> {
        let spans = tree.spans.iter().filter(|span| span.name == name);
        spans.map(|span| repository.span(span.trace_id, span.span_id).unwrap()).collect()
    };
    let [agent] = named("invoke_agent").try_into().unwrap();
    let [tool] = named("execute_tool").try_into().unwrap();
    assert_eq!(tool.span.parent_span_id, Some(agent.span.span_id));
    assert_eq!(tool.content.attributes.get("value"), Some(&Value::Debug("formatted".to_owned())));
    assert_eq!(tool.content.attributes.get("late"), Some(&Value::Debug("formatted".to_owned())));
    assert_eq!(tool.content.attributes.get("within"), Some(&Value::Bool(true)));
    let event = tool.content.events.iter().find(|event| event.name == "event").unwrap();
    assert_eq!(event.attributes.get("value"), Some(&Value::Debug("formatted".to_owned())));

    // While the tool's first fields are formatted, the agent is current; afterwards the tool is.
    let mut parents: Vec<_> = named("formatting").iter().map(|nested| nested.span.parent_span_id.unwrap()).collect();
    parents.sort_unstable();
    let mut expected = [agent.span.span_id, tool.span.span_id, tool.span.span_id];
    expected.sort_unstable();
    assert_eq!(parents, expected);

    let workers = named("worker");
    assert_eq!(workers.len(), 4);
    for span in &tree.spans {
        assert_eq!(span.identity.session(), Some("s1"), "{}", span.name);
    }
    assert!(workers.iter().all(|worker| worker.span.parent_span_id == Some(agent.span.span_id)));
    assert!(tracing.health().adds_up());
}
