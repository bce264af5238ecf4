//! A process that others take for dead, and that comes back.

use tracing_agents::model::{SpanState, TraceStatus};
use tracing_agents::{TraceFilter, agent_span};
use tracing_subscriber::prelude::*;

use crate::child::{self, Victim, url_in};
use crate::eventually;

fn run() {
    let tracing = child::tracing();
    tracing_subscriber::registry().with(tracing.layer()).init();
    let ends = agent_span!("Ends");
    let goes_on = agent_span!("Goes on");
    eventually("both are written", || tracing.health().live_written >= 2);
    child::say_and_wait("open");
    drop(ends);
    tracing.force_flush(crate::PATIENCE).unwrap();
    child::say_and_wait("back");
    drop(goes_on);
}

#[test]
fn a_process_that_was_frozen_takes_its_spans_back() {
    if child::role().is_some() {
        return run();
    }
    let folder = tempfile::tempdir().unwrap();
    let mut process = Victim::start("frozen::a_process_that_was_frozen_takes_its_spans_back", "run", &url_in(&folder));
    process.expect("open");
    let tracing = child::open(&url_in(&folder));
    let repository = tracing.repository();
    let count = |status: &str| {
        let filter: TraceFilter = format!("status:{status}").parse().unwrap();
        repository.count_traces(&filter).unwrap()
    };
    assert_eq!((count("running"), count("interrupted")), (2, 0));
    process.signal("STOP");
    eventually("both are interrupted", || count("interrupted") == 2);
    process.signal("CONT");
    eventually("both are running again", || count("running") == 2);
    process.answer();
    process.expect("back");
    assert_eq!((count("running"), count("ok"), count("interrupted")), (1, 1, 0));
    process.answer();
    assert!(process.end().success());
    let traces = repository.traces(&TraceFilter::new()).unwrap().items;
    assert!(traces.iter().all(|trace| trace.status == TraceStatus::Ok));
    let tree = repository.trace(traces[0].trace_id).unwrap();
    assert_eq!(tree.spans[0].state, SpanState::Closed);
}
