//! Many threads, many runs at once: nothing is lost, nothing is mixed up.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use tracing_agents::schema::spans;
use tracing_agents::{AgentTracing, agent_span, field, model_span};
use tracing_subscriber::prelude::*;

use crate::support::{connect, url_in};

const THREADS: usize = 8;
const RUNS: usize = 50;
/// Spans of one run: the agent and its model calls.
const SPANS_A_RUN: usize = 250;
const SPANS: u64 = (THREADS * RUNS * SPANS_A_RUN) as u64;

/// Waits while the queue is more than half full, as a producer does that would rather wait than lose.
fn pace(tracing: &AgentTracing) {
    let started = Instant::now();
    while tracing.health().queued > 1024 {
        assert!(started.elapsed() < Duration::from_secs(120), "the queue does not empty: {:?}", tracing.health());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// 50 runs of one thread side by side: every step adds one call to each of them.
fn runs_of_a_thread(tracing: &AgentTracing, thread: usize) {
    let runs: Vec<_> =
        (0..RUNS).map(|run| agent_span!("Worker", { field::SESSION_ID } = format!("{thread}/{run}"), run)).collect();
    for call in 1..SPANS_A_RUN {
        for run in &runs {
            run.in_scope(|| drop(model_span!("m", call)));
        }
        pace(tracing);
    }
}

#[test]
fn a_hundred_thousand_spans_from_eight_threads() {
    let folder = tempfile::tempdir().unwrap();
    let tracing = AgentTracing::open(&url_in(&folder)).unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(tracing.layer()));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (dispatch, tracing) = (&dispatch, &tracing);
            scope.spawn(move || tracing::dispatcher::with_default(dispatch, || runs_of_a_thread(tracing, thread)));
        }
    });
    tracing.force_flush(Duration::from_secs(300)).unwrap();

    let health = tracing.health();
    assert_eq!((health.offered, health.accepted, health.stored), (SPANS, SPANS, SPANS), "{health:?}");
    assert_eq!((health.rejected.total(), health.dropped.total(), health.dead_lettered.total()), (0, 0, 0));
    assert!(health.adds_up());

    let mut connection = connect(&folder.path().join("traces.db"));
    type Row = (Vec<u8>, Vec<u8>, Option<Vec<u8>>, Option<String>, String, Option<i64>);
    let rows: Vec<Row> = spans::table
        .select((
            spans::trace_id,
            spans::span_id,
            spans::parent_span_id,
            spans::session_id,
            spans::kind,
            spans::sequence,
        ))
        .load(&mut connection)
        .unwrap();
    assert_eq!(rows.len() as u64, SPANS);

    // One trace a run, one session a trace, each call under its own run's agent span.
    let agents: HashMap<&[u8], (&[u8], &str)> = rows
        .iter()
        .filter(|row| row.4 == "agent")
        .map(|row| (row.0.as_slice(), (row.1.as_slice(), row.3.as_deref().unwrap())))
        .collect();
    assert_eq!(agents.len(), THREADS * RUNS);
    let sessions: std::collections::HashSet<&str> = agents.values().map(|(_, session)| *session).collect();
    assert_eq!(sessions.len(), THREADS * RUNS);
    for row in rows.iter().filter(|row| row.4 == "model") {
        let (agent, session) = agents[row.0.as_slice()];
        assert_eq!(row.2.as_deref(), Some(agent));
        assert_eq!(row.3.as_deref(), Some(session));
    }
    let mut sequence: Vec<i64> = rows.iter().map(|row| row.5.unwrap()).collect();
    sequence.sort_unstable();
    assert!(sequence.iter().zip(0..).all(|(found, expected)| *found == expected), "holes in the sequence");
}
