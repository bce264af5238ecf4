//! Spans that a process left open. What becomes of them does not depend on the way of asking.

use std::time::{Duration, Instant};

use tracing_agents::model::{Kind, SpanState, TraceStatus};
use tracing_agents::store::Store;
use tracing_agents::{AgentTracing, TraceFilter, TraceRepository};

use crate::sketch::{Sketch, callsite, span, span_id, trace_id};
use crate::tables::{assert_same, dump};
use crate::world::{PATIENCE, World, Writer};

crate::cases!(
    what_a_process_left_open_is_interrupted_by_another,
    any_number_of_processes_may_find_it_at_once,
    a_late_end_closes_what_was_interrupted,
    what_an_interrupted_span_said_last_may_come_late,
    of_two_open_versions_the_one_that_says_more_stays,
    a_torn_and_a_synthetic_run_are_interrupted_as_a_whole,
    what_other_processes_have_open_goes_on,
);

/// A process that looks at the others ten times a second.
fn watcher(world: &World) -> AgentTracing {
    world.builder().heartbeat(Duration::from_millis(100)).open().unwrap()
}

fn count(repository: &TraceRepository, status: &str) -> u64 {
    repository.count_traces(&format!("status:{status}").parse().unwrap()).unwrap()
}

#[track_caller]
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until all processes are settled that have ended.
fn settled(tracing: &AgentTracing) {
    let repository = tracing.repository();
    eventually("who ended is settled", || {
        repository.processes().unwrap().iter().all(|process| process.ended_ns.is_none() || process.settled_ns.is_some())
    });
}

/// Writes spans in a process of their own, which ends.
fn left_by_a_process(world: &World, spans: impl IntoIterator<Item = Sketch>) {
    world.writer().write(spans);
}

/// Asserts that all that is made from the spans is what a new making gives.
#[track_caller]
fn expect_consistent(world: &World) {
    let found = dump(&world.database);
    let repository = TraceRepository::open(world.database.url()).unwrap();
    let store = Store::open(world.database.url()).unwrap();
    for trace in repository.traces(&TraceFilter::new().limit(1_000)).unwrap().items {
        assert!(store.recompute_trace(trace.trace_id).unwrap());
    }
    assert_same(&found, &dump(&world.database), "step by step and anew");
}

fn what_a_process_left_open_is_interrupted_by_another(world: &World) {
    left_by_a_process(
        world,
        [
            span(0, 0).running().kind(Kind::Agent).agent("A").session("s"),
            span(0, 1).running().model("m").tokens(5, 2),
            span(0, 2).tool("t"),
            span(1, 0).session("s"),
            span(2, 0).failing("no"),
            span(2, 1).running(),
        ],
    );
    let tracing = watcher(world);
    let repository = tracing.repository();
    settled(&tracing);
    assert_eq!((count(&repository, "running"), count(&repository, "interrupted")), (0, 2));
    let tree = repository.trace(trace_id(0)).unwrap();
    let states: Vec<_> = tree.spans.iter().map(|span| span.state).collect();
    assert_eq!(states, [SpanState::Interrupted, SpanState::Interrupted, SpanState::Closed]);
    assert_eq!((tree.trace.status, tree.trace.open_count), (TraceStatus::Interrupted, 0));
    assert_eq!((tree.trace.interrupted_count, tree.trace.usage.input), (2, Some(5)));
    assert!(tree.tree().to_string().contains("interrupted"));
    assert!(repository.trace(trace_id(2)).unwrap().trace.status == TraceStatus::Error, "it failed, whatever came then");
    assert_eq!(repository.session("s").unwrap().span_count, 4);
    // What leaves the database says so too.
    let records = repository.records(trace_id(0)).unwrap();
    assert_eq!(records.iter().filter(|record| record.state == SpanState::Interrupted).count(), 2);
    drop(tracing);
    expect_consistent(world);
}

fn any_number_of_processes_may_find_it_at_once(world: &World) {
    // More traces, and more spans, than one transaction takes.
    let spans = (0..120).flat_map(|trace| (0..6).map(move |number| span(trace, number).running().session("s")));
    left_by_a_process(world, spans);
    let watchers: Vec<_> = (0..4).map(|_| watcher(world)).collect();
    watchers.iter().for_each(settled);
    let repository = watchers[0].repository();
    assert_eq!((count(&repository, "running"), count(&repository, "interrupted")), (0, 120));
    for watcher in &watchers {
        assert_eq!(watcher.health().last_error, None);
    }
    drop(watchers);
    expect_consistent(world);
}

fn a_late_end_closes_what_was_interrupted(world: &World) {
    left_by_a_process(world, [span(0, 0).running(), span(0, 1).running()]);
    let tracing = watcher(world);
    settled(&tracing);
    let repository = tracing.repository();
    Writer(tracing).write([span(0, 0), span(0, 1).running()]);
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!((tree.spans[0].state, tree.spans[1].state), (SpanState::Closed, SpanState::Interrupted));
    assert_eq!((tree.trace.status, tree.trace.interrupted_count), (TraceStatus::Interrupted, 1));
    world.writer().write([span(0, 1)]);
    assert_eq!(repository.trace(trace_id(0)).unwrap().trace.status, TraceStatus::Ok);
    expect_consistent(world);
}

fn what_an_interrupted_span_said_last_may_come_late(world: &World) {
    let (early, late) = (
        |trace| span(trace, 0).running().with("said", 1),
        |trace| span(trace, 0).running().with("said", 1).with("last", 2),
    );
    left_by_a_process(world, [early(0), late(1)]);
    let tracing = watcher(world);
    settled(&tracing);
    let repository = tracing.repository();
    Writer(tracing).write([late(0), early(1)]);
    for trace in 0..2 {
        let detail = repository.span(trace_id(trace), span_id(0)).unwrap();
        assert_eq!(detail.span.state, SpanState::Interrupted, "{trace}");
        assert_eq!(detail.content.attributes.get("last"), Some(&2.into()), "{trace}");
    }
}

fn of_two_open_versions_the_one_that_says_more_stays(world: &World) {
    let version = |trace: u64, says: i64| {
        (0..says).fold(span(trace, 0).running(), |span, number| span.with(&format!("key {number}"), number))
    };
    let writer = world.writer();
    // Each order of three, by the trace's number.
    for says in [[1, 1, 2, 2, 3, 3], [2, 3, 1, 3, 1, 2], [3, 2, 3, 1, 2, 1]] {
        writer.write((0..60).map(|trace| version(trace, says[usize::try_from(trace).unwrap() % 6])));
    }
    let repository = world.repository();
    for trace in 0..60 {
        let detail = repository.span(trace_id(trace), span_id(0)).unwrap();
        assert_eq!(detail.content.attributes.get("key 2"), Some(&2.into()), "{trace}");
    }
}

fn a_torn_and_a_synthetic_run_are_interrupted_as_a_whole(world: &World) {
    let root = |trace: u64, name: &str, target: &str| {
        let mut root = span(trace, 0).named(name).running();
        root.0.span_id = span_id(trace * 100 + 100);
        root.0.callsite = Some(callsite(name, target));
        root
    };
    let run = root(0, "invoke_agent", "rig::agent::prompt_request").kind(Kind::Agent).agent("a");
    let fragment = root(1, "chat", "rig::agent_chat").model("m").agent("a");
    // An agent whose framework opened no span inside the host's.
    let host = span(5, 0).running();
    let call = span(5, 1).running().model("m").agent("b");
    left_by_a_process(world, [fragment, run, host, call]);
    let tracing = watcher(world);
    settled(&tracing);
    let repository = tracing.repository();
    assert_eq!(count(&repository, "running"), 0);
    for trace in repository.traces(&TraceFilter::new()).unwrap().items {
        let tree = repository.trace(trace.trace_id).unwrap();
        assert_eq!((tree.trace.status, tree.trace.open_count), (TraceStatus::Interrupted, 0));
        assert!(tree.spans.iter().all(|span| span.state == SpanState::Interrupted), "{}", tree.tree());
    }
    assert_eq!(count(&repository, "interrupted"), 2, "the torn run is one");
    drop(tracing);
    expect_consistent(world);
}

fn what_other_processes_have_open_goes_on(world: &World) {
    let writer = Writer(watcher(world));
    writer.write([span(0, 0).running()]);
    left_by_a_process(world, [span(0, 1).running(), span(1, 0).running()]);
    let tracing = watcher(world);
    settled(&tracing);
    // Longer than a process may be silent.
    std::thread::sleep(Duration::from_millis(1_000));
    let repository = tracing.repository();
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!((tree.spans[0].state, tree.spans[1].state), (SpanState::Open, SpanState::Interrupted));
    assert_eq!((count(&repository, "running"), count(&repository, "interrupted")), (1, 2));
}
