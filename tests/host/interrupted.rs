//! Spans of a process that died.

use std::os::unix::process::ExitStatusExt as _;

use tracing::Span;
use tracing_agents::model::{SpanState, TraceStatus};
use tracing_agents::{TraceFilter, agent_span, field};
use tracing_subscriber::prelude::*;

use crate::child::{self, Victim, url_in};
use crate::eventually;

const RUNS: usize = 10;
/// Below each run.
const SPANS: usize = 99;

/// Opens a thousand spans, and dies when it is told to.
fn die(how: &str) {
    let tracing = child::tracing();
    tracing_subscriber::registry().with(tracing.layer()).init();
    let mut open: Vec<Span> = Vec::new();
    for run in 0..RUNS {
        let agent = agent_span!("Victim", { field::SESSION_ID } = "s1", run);
        let mut parent = agent.clone();
        open.push(agent);
        for depth in 0..SPANS {
            // A chain of threes, so that there are parents of every kind.
            let span = tracing::info_span!(parent: &parent, "step", depth);
            if depth % 3 == 0 {
                parent = span.clone();
            }
            open.push(span);
        }
    }
    eventually("all are written", || tracing.health().live_written >= (RUNS * (SPANS + 1)) as u64);
    child::say_and_wait("open");
    if how == "abort" {
        std::process::abort();
    }
    drop(open);
}

#[test]
fn a_thousand_spans_open_at_an_abort_are_there_as_interrupted() {
    if let Some(how) = child::role() {
        return die(&how);
    }
    for (how, signal) in [("abort", 6), ("kill", 9)] {
        let folder = tempfile::tempdir().unwrap();
        let test = "interrupted::a_thousand_spans_open_at_an_abort_are_there_as_interrupted";
        let mut victim = Victim::start(test, how, &url_in(&folder));
        victim.expect("open");
        if how == "abort" {
            victim.answer()
        } else {
            victim.signal("KILL")
        }
        assert_eq!(victim.end().signal(), Some(signal));

        let tracing = child::open(&url_in(&folder));
        let repository = tracing.repository();
        let running: TraceFilter = "status:running".parse().unwrap();
        assert_eq!(repository.count_traces(&running).unwrap(), RUNS as u64, "{how}: it was not watched yet");
        eventually("nothing is running", || repository.count_traces(&running).unwrap() == 0);

        let traces = repository.traces(&"status:interrupted".parse::<TraceFilter>().unwrap()).unwrap().items;
        assert_eq!(traces.len(), RUNS, "{how}");
        for trace in &traces {
            assert_eq!((trace.status, trace.open_count), (TraceStatus::Interrupted, 0), "{how}");
            let tree = repository.trace(trace.trace_id).unwrap();
            assert_eq!(tree.spans.len(), SPANS + 1);
            assert!(tree.spans.iter().all(|span| span.state == SpanState::Interrupted && span.end_ns.is_none()));
            assert!(tree.orphans.is_empty() && tree.roots.len() == 1, "parents are intact");
            let text = tree.tree().to_string();
            assert_eq!(text.matches("  interrupted").count(), SPANS + 1, "{text}");
            assert!(text.ends_with("100 spans, 100 interrupted"), "{text}");
        }
        eventually("the process is settled", || {
            repository.processes().unwrap().iter().any(|it| it.settled_ns.is_some())
        });
        assert!(repository.processes().unwrap().iter().all(|process| process.ended_ns.is_none()));
        drop(tracing);
        let store = tracing_agents::store::Store::open(&url_in(&folder)).unwrap();
        assert!(store.recompute_trace(traces[0].trace_id).unwrap());
        assert_eq!(repository.trace(traces[0].trace_id).unwrap().trace, traces[0], "the summary agrees with its spans");
    }
}
