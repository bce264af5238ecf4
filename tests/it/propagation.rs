//! One trace across processes.

use std::process::Command;

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator as _};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use tracing_agents::model::{IdentityField, TraceTree};
use tracing_agents::propagation::TraceContext;
use tracing_agents::{AgentTracing, SpanExt as _, TraceFilter, agent_span, field, tool_span};
use tracing_subscriber::prelude::*;

use crate::support::{Bench, PATIENCE, url_in};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const SESSION_AND_USER: [&str; 2] = [field::SESSION_ID, field::USER_ID];

fn only_tree(tracing: &AgentTracing) -> TraceTree {
    let repository = tracing.repository();
    let traces = repository.traces(&TraceFilter::new()).unwrap().items;
    assert_eq!(traces.len(), 1, "{traces:#?}");
    repository.trace(traces[0].trace_id).unwrap()
}

/// The tree without durations.
fn shape(tree: &TraceTree) -> Vec<String> {
    let text = tree.tree().to_string();
    text.lines().map(|line| line.rsplit_once("  ").map_or(line, |(shape, _)| shape).trim_end().to_owned()).collect()
}

/// A process of its own in all but the name: tracing of its own, current while `work` runs; nothing is written before it is flushed.
fn process<T>(url: &str, work: impl FnOnce() -> T) -> (AgentTracing, T) {
    let tracing = AgentTracing::builder(url).baggage(SESSION_AND_USER).open().unwrap();
    let result = tracing::subscriber::with_default(tracing_subscriber::registry().with(tracing.layer()), work);
    (tracing, result)
}

#[test]
fn parts_of_three_processes_are_one_tree_in_any_order() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let folder = tempfile::tempdir().unwrap();
        let url = url_in(&folder);
        let (first, to_second) = process(&url, || {
            let run = agent_span!("Planner");
            run.record_session("s-1").record_user("ada");
            run.in_scope(|| tool_span!("ask_researcher").in_scope(|| TraceContext::current().headers().collect::<Vec<_>>()))
        });
        let (second, to_third) = process(&url, || {
            let header = |name| to_second.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
            let run = agent_span!("Researcher");
            TraceContext::read(header).set_on(&run).unwrap();
            run.in_scope(|| TraceContext::of(&tool_span!("ask_reader")).headers().collect::<Vec<_>>())
        });
        let (third, ()) = process(&url, || {
            let header = |name| to_third.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
            let run = agent_span!("Reader");
            TraceContext::read(header).set_on(&run).unwrap();
        });

        let processes = [first, second, third];
        for (place, which) in order.into_iter().enumerate() {
            processes[which].force_flush(PATIENCE).unwrap();
            let tree = only_tree(&processes[0]);
            assert_eq!(tree.trace.error_count, 0);
            let here = &order[..=place];
            let lacks_a_parent = (1..3).any(|part| here.contains(&part) && !here.contains(&(part - 1)));
            let says_so = tree.tree().to_string().contains("(parent in another process)");
            assert_eq!(says_so, lacks_a_parent, "{order:?} {place}:\n{}", tree.tree());
            assert!(!tree.tree().to_string().contains("not stored"), "{}", tree.tree());
        }
        let tree = only_tree(&processes[0]);
        assert_eq!(
            shape(&tree)[..5],
            [
                "agent  invoke_agent Planner",
                "└─ tool  execute_tool ask_researcher",
                "   └─ agent  invoke_agent Researcher",
                "      └─ tool  execute_tool ask_reader",
                "         └─ agent  invoke_agent Reader",
            ],
            "{order:?}"
        );
        for span in &tree.spans {
            assert_eq!((span.identity.get(IdentityField::SessionId), span.identity.get(IdentityField::UserId)), (Some("s-1"), Some("ada")), "{order:?}");
        }
    }
}

/// Names the database in a process that an agent started.
const STARTED: &str = "TRACING_AGENTS_TEST_STARTED";

#[test]
fn agents_that_start_agents_are_one_tree() {
    let started = std::env::var(STARTED).ok();
    let folder = tempfile::tempdir().unwrap();
    let (url, generation) = match &started {
        Some(told) => {
            let (generation, url) = told.split_once(' ').unwrap();
            (url.to_owned(), generation.parse().unwrap())
        }
        None => (url_in(&folder), 0),
    };
    let (tracing, ()) = process(&url, || {
        let run = agent_span!(format!("agent {generation}"));
        if generation == 0 {
            run.record_session("s-1");
        } else {
            TraceContext::from_env().set_on(&run).unwrap();
        }
        let _entered = run.enter();
        if generation < 2 {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--exact", "propagation::agents_that_start_agents_are_one_tree"]);
            child.env(STARTED, format!("{} {url}", generation + 1)).envs(TraceContext::current().env());
            let ended = child.output().unwrap();
            assert!(ended.status.success(), "{ended:?}");
        }
    });
    tracing.shutdown(PATIENCE).unwrap();
    if generation == 0 {
        let tree = only_tree(&tracing);
        assert_eq!(
            shape(&tree)[..3],
            ["agent  invoke_agent agent 0", "└─ agent  invoke_agent agent 1", "   └─ agent  invoke_agent agent 2"]
        );
        assert_eq!(tree.spans.iter().map(|span| span.identity.get(IdentityField::SessionId)).collect::<Vec<_>>(), [Some("s-1"); 3]);
        assert_eq!(tree.spans.iter().map(|span| span.parent_is_remote).collect::<Vec<_>>(), [false, true, true]);
    }
}

#[test]
fn any_carrier_brings_what_was_sent() {
    let bench = Bench::new();
    let run = agent_span!("Sender");
    let sent = TraceContext::of(&run);
    let traceparent = run.traceparent().unwrap();
    assert_eq!(sent.headers().collect::<Vec<_>>(), [("traceparent", traceparent.clone())]);
    assert_eq!(sent.env().collect::<Vec<_>>(), [("TRACEPARENT".to_owned(), traceparent.clone())]);

    let mut meta = serde_json::Map::from_iter([("progressToken".to_owned(), 7.into())]);
    sent.write_meta(&mut meta);
    assert_eq!(meta.len(), 2);
    let from_meta = TraceContext::from_meta(&meta);

    let mut carrier = std::collections::HashMap::new();
    sent.inject(&mut carrier);
    for received in [from_meta, TraceContext::extract(&carrier), TraceContext::from(&Context::from(&sent))] {
        let below = agent_span!("Receiver");
        received.set_on(&below).unwrap();
        assert_eq!(below.trace_id(), run.trace_id());
    }
    drop(run);
    assert_eq!(bench.tree().spans.len(), 4);
}

#[test]
fn what_any_opentelemetry_propagator_extracts_is_continued_and_handed_on() {
    let bench = Bench::new();
    let propagator = TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ]);
    let request = std::collections::HashMap::from([
        ("traceparent".to_owned(), TRACEPARENT.to_owned()),
        ("tracestate".to_owned(), "vendor=1".to_owned()),
        ("baggage".to_owned(), "tenant=blue%20green".to_owned()),
    ]);
    let run = agent_span!("Receiver");
    let received = TraceContext::from(&propagator.extract(&request));
    assert!(received.has_span());
    received.set_on(&run).unwrap();

    // The same span, as a context to be injected by any propagator.
    let onwards = Context::from(&TraceContext::of(&run));
    assert_eq!(onwards.span().span_context().trace_id().to_string(), TRACEPARENT[3..35]);
    assert_eq!(onwards.span().span_context().trace_state().header(), "vendor=1");
    assert!(onwards.baggage().is_empty(), "baggage goes on only where somebody attaches it");

    let _attached = Context::current_with_baggage([KeyValue::new("tenant", "blue green")]).attach();
    let headers: Vec<_> = TraceContext::of(&run).headers().collect();
    assert_eq!(headers[1..], [("tracestate", "vendor=1".to_owned()), ("baggage", "tenant=blue%20green".to_owned())]);
    drop(run);
    assert_eq!(bench.tree().spans[0].parent_span_id.unwrap().to_string(), "00f067aa0ba902b7");
}

#[test]
fn a_header_that_cannot_be_read_counts_as_not_sent() {
    let bench = Bench::new();
    for bad in ["", "00", "00-zz-00f067aa0ba902b7-01", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"] {
        let received = TraceContext::read(|name| (name == "traceparent").then_some(bad));
        assert!(!received.has_span(), "{bad}");
        received.set_on(&agent_span!("Receiver")).unwrap();
    }
    assert_eq!(bench.traces().len(), 4, "each is a trace of its own");
    assert_eq!(TraceContext::default().headers().count(), 0);
}

#[test]
fn ids_in_baggage_count_only_where_they_are_allowed_and_nothing_else_names_them() {
    let baggage = "session.id=from%20afar,user.id=mallory,run.id=r-9";
    let fields = |name| match name {
        "traceparent" => Some(TRACEPARENT),
        "baggage" => Some(baggage),
        _ => None,
    };
    let folder = tempfile::tempdir().unwrap();
    let (tracing, ()) = process(&url_in(&folder), || {
        let run = agent_span!("Receiver");
        run.record_user("ada");
        TraceContext::read(fields).set_on(&run).unwrap();
        run.in_scope(|| drop(tool_span!("below")));
        let headers: Vec<_> = TraceContext::of(&run).headers().collect();
        let (_, sent) = headers.iter().find(|(name, _)| *name == "baggage").unwrap();
        assert!(sent.contains("session.id=from%20afar") && sent.contains("user.id=ada") && !sent.contains("run"), "{sent}");
    });
    tracing.force_flush(PATIENCE).unwrap();
    for span in only_tree(&tracing).spans {
        assert_eq!((span.identity.get(IdentityField::SessionId), span.identity.get(IdentityField::UserId)), (Some("from afar"), Some("ada")));
        assert_eq!(span.identity.get(IdentityField::RunId), None);
    }

    let (closed, ()) = (Bench::new(), ());
    let run = agent_span!("Receiver");
    TraceContext::read(fields).set_on(&run).unwrap();
    assert_eq!(TraceContext::of(&run).headers().count(), 1, "nothing was allowed, so nothing is handed on");
    drop(run);
    assert_eq!(closed.tree().spans[0].identity.get(IdentityField::SessionId), None);
}

#[test]
fn a_span_that_has_begun_its_work_cannot_be_moved_to_another_trace() {
    let bench = Bench::new();
    let received = TraceContext::read(|name| (name == "traceparent").then_some(TRACEPARENT));
    let run = agent_span!("Receiver");
    run.in_scope(|| drop(tool_span!("below")));
    let error = received.set_on(&run).unwrap_err().to_string();
    assert!(error.contains("before"), "{error}");
    drop(run);
    assert_eq!(bench.tree().spans.len(), 2);
}
