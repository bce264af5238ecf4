//! SIGKILL of the receiver while clients export to it and retry: what was answered 200 is there, and nothing is there twice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "serve/export.rs"]
mod export;
#[path = "serve/server.rs"]
#[allow(dead_code, reason = "shared with the receiver's other tests")]
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use tracing_agents::TraceFilter;
use tracing_agents::model::{SpanId, TraceId};

use export::{Program, choose_tls, export};
use server::{Server, database, repository};

const KILLS: u64 = 50;
const CLIENTS: usize = 4;

/// The spans that were answered 200, by trace.
type Answered = Mutex<BTreeMap<TraceId, BTreeSet<SpanId>>>;

/// Exports runs of different lengths until it is to stop, each again and again until it is taken.
fn export_and_retry(endpoint: &str, stop: &AtomicBool, answered: &Answered, failures: &AtomicU64) {
    let retry = RetryPolicy::default().with_max_retries(2).with_initial_delay(Duration::from_millis(2));
    let retry = retry.with_max_delay(Duration::from_millis(20)).with_max_jitter(Duration::from_millis(5));
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint)
        .with_timeout(Duration::from_secs(5))
        .with_retry_policy(retry)
        .build()
        .unwrap();
    let program = Program::new();
    while !stop.load(Ordering::Relaxed) {
        let spans = program.run(fastrand::usize(1..40));
        // A run comes in two parts, the end of it first.
        for part in spans.rchunks(spans.len().div_ceil(2)) {
            while export(&exporter, part.to_vec()).is_err() {
                failures.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(fastrand::u64(1..20)));
            }
            let mut answered = answered.lock().unwrap();
            for span in part {
                let trace = TraceId::from_bytes(span.span_context.trace_id().to_bytes());
                let span = SpanId::from_bytes(span.span_context.span_id().to_bytes());
                assert!(answered.entry(trace).or_default().insert(span));
            }
        }
    }
}

/// The spans that are stored, by trace; none of them may be there twice.
fn stored(file: &Path) -> BTreeMap<TraceId, BTreeSet<SpanId>> {
    let repository = repository(file);
    let mut filter = TraceFilter::new().limit(1000);
    let mut stored = BTreeMap::new();
    loop {
        let page = repository.traces(&filter).unwrap();
        for trace in &page {
            let tree = repository.trace(trace.trace_id).unwrap();
            let spans: BTreeSet<_> = tree.spans.iter().map(|span| span.span_id).collect();
            assert_eq!(spans.len(), tree.spans.len(), "a span of {} is there twice", trace.trace_id);
            assert_eq!(trace.span_count, tree.spans.len() as u64, "the summary of {}", trace.trace_id);
            assert!(stored.insert(trace.trace_id, spans).is_none(), "{} is there twice", trace.trace_id);
        }
        match page.next {
            Some(next) => filter = filter.after(next),
            None => return stored,
        }
    }
}

#[test]
fn killed_fifty_times_under_load_nothing_answered_is_missing_and_nothing_is_twice() {
    choose_tls();
    let (_folder, file) = database();
    let server = Server::start(&file, &[]);
    let (http, grpc, endpoint) = (server.http.to_string(), server.grpc.to_string(), server.endpoint());
    let (answered, failures, stop) = (Answered::default(), AtomicU64::new(0), AtomicBool::new(false));
    let server = std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| export_and_retry(&endpoint, &stop, &answered, &failures));
        }
        let mut server = server;
        for _ in 0..KILLS {
            std::thread::sleep(Duration::from_micros(fastrand::u64(5_000..250_000)));
            server.signal("KILL");
            server.wait();
            server = Server::start_at(&file, [&http, &grpc], &[]);
        }
        // The last one stays until all that was refused is taken.
        stop.store(true, Ordering::Relaxed);
        server
    });
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    let answered = answered.into_inner().unwrap();
    let spans: usize = answered.values().map(BTreeSet::len).sum();
    assert!(failures.into_inner() >= KILLS / 5, "the kills met no requests");
    assert!(spans > 500, "only {spans} spans were exported");
    assert_eq!(stored(&file), answered);
}
