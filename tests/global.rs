//! With the layer as the program's global subscriber, as `AgentTracing::init` makes it: a process of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tracing::Instrument as _;
use tracing_agents::{AgentTracing, ErrorKind, TraceFilter, agent_span, field, model_span, tool_span};

const RUNS: u64 = 50;
const PATIENCE: Duration = Duration::from_secs(60);

/// Three model calls, and a tool call that outlives the agent.
async fn run(run: u64) {
    for _ in 0..3 {
        async { tokio::task::yield_now().await }.instrument(model_span!("m", run)).await;
    }
    tokio::spawn(async { tokio::task::yield_now().await }.instrument(tool_span!("late", run)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_concurrent_runs_never_mix() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("traces.db").display());
    let tracing = AgentTracing::init(&url).unwrap();
    assert_eq!(
        AgentTracing::init("sqlite::memory:").unwrap_err().kind(),
        ErrorKind::InvalidInput,
        "only one can be global"
    );

    let mut runs = tokio::task::JoinSet::new();
    for number in 0..RUNS {
        runs.spawn(run(number).instrument(agent_span!("Worker", { field::SESSION_ID } = format!("session-{number}"))));
    }
    while runs.join_next().await.is_some() {}
    let started = Instant::now();
    while tracing.health().offered < RUNS * 5 {
        assert!(started.elapsed() < PATIENCE, "spans that never ended: {:?}", tracing.health());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tracing.force_flush(PATIENCE).unwrap();

    let repository = tracing.repository();
    let traces = repository.traces(&TraceFilter::new().limit(1000)).unwrap().items;
    assert_eq!(traces.len() as u64, RUNS);
    let mut sessions = BTreeSet::new();
    for trace in traces {
        let tree = repository.trace(trace.trace_id).unwrap();
        assert_eq!((tree.spans.len(), tree.orphans.len()), (5, 0));
        let of_spans: BTreeSet<_> = tree.spans.iter().map(|span| span.identity.session().unwrap().to_owned()).collect();
        assert_eq!(of_spans.len(), 1, "sessions in one trace: {of_spans:?}");
        sessions.extend(of_spans);
    }
    assert_eq!(sessions.len() as u64, RUNS);
    for session in sessions {
        assert_eq!(repository.traces(&TraceFilter::new().session(session)).unwrap().items.len(), 1);
    }
}
