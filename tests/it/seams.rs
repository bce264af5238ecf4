//! Where later work plugs in: another sink, running spans, a second door, poison.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use tracing_agents::model::{InterpretedSpan, SpanId, SpanRecord, SpanState, TraceId, TraceStatus};
use tracing_agents::pipeline::Sink;
use tracing_agents::{AgentTracing, Error, TraceFilter, agent_span, model_span, wire};
use tracing_subscriber::prelude::*;

use crate::support::{Bench, PATIENCE, connect, url_in};

/// Keeps what it gets; refuses while told to.
#[derive(Clone, Default)]
struct Collector {
    spans: Arc<Mutex<Vec<InterpretedSpan>>>,
    refuses: bool,
}

impl Sink for Collector {
    fn name(&self) -> &str {
        "collector"
    }

    fn write(&mut self, batch: &[InterpretedSpan]) -> Result<(), Error> {
        if self.refuses {
            return Err(Error::permanent("the collector refuses"));
        }
        self.spans.lock().unwrap().extend_from_slice(batch);
        Ok(())
    }

    fn probe(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

fn trace_two_spans(tracing: &AgentTracing) {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(tracing.layer()), || {
        agent_span!("A").in_scope(|| drop(model_span!("m")));
    });
}

#[test]
fn a_second_sink_gets_every_span_and_its_failures_stay_its_own() {
    let (good, bad) = (Collector::default(), Collector { refuses: true, ..Collector::default() });
    let tracing = AgentTracing::builder("sqlite::memory:").sink(bad).sink(good.clone()).open().unwrap();
    trace_two_spans(&tracing);
    let failure = tracing.force_flush(PATIENCE).unwrap_err().to_string();
    assert_eq!(failure, "sink collector misses 2 spans: the collector refuses");
    let names: Vec<String> = good.spans.lock().unwrap().iter().map(|item| item.span.display_name.clone()).collect();
    assert_eq!(names, ["chat m", "invoke_agent A"]);
    let health = tracing.health();
    assert_eq!(health.stored, 2);
    assert_eq!(health.sinks.iter().map(|sink| (sink.written, sink.failed)).collect::<Vec<_>>(), [(0, 2), (2, 0)]);
}

#[test]
fn spans_that_are_still_open_at_the_end_are_there_as_running() {
    let bench = Bench::new();
    let agent = agent_span!("Long run");
    agent.in_scope(|| drop(model_span!("m")));
    bench.tracing.shutdown(PATIENCE).unwrap();
    let repository = bench.tracing.repository();
    let traces = repository.traces(&"status:running".parse::<TraceFilter>().unwrap()).unwrap().items;
    assert_eq!((traces.len(), traces[0].status), (1, TraceStatus::Running));
    let tree = repository.trace(traces[0].trace_id).unwrap();
    let open: Vec<_> = tree.spans.iter().filter(|span| span.state == SpanState::Open).collect();
    assert_eq!((open.len(), open[0].end_ns, open[0].display_name.as_str()), (1, None, "invoke_agent Long run"));
    assert!(tree.tree().to_string().contains("running"));
    drop(agent);
}

#[test]
fn a_long_run_is_visible_while_it_runs() {
    let tracing =
        AgentTracing::builder("sqlite::memory:").live(true).scheduled_delay(Duration::from_millis(20)).open().unwrap();
    let _guard = tracing_subscriber::registry().with(tracing.layer()).set_default();
    let agent = agent_span!("Long run");
    let repository = tracing.repository();
    let started = std::time::Instant::now();
    while repository.traces(&TraceFilter::new().agent("Long run")).unwrap().items.is_empty() {
        assert!(started.elapsed() < PATIENCE, "never visible");
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(agent);
    tracing.force_flush(PATIENCE).unwrap();
    let traces = repository.traces(&TraceFilter::new()).unwrap().items;
    assert_eq!((traces.len(), traces[0].span_count, traces[0].status), (1, 1, TraceStatus::Ok));
}

#[test]
fn a_record_survives_the_wire_byte_for_byte() {
    let seen = Collector::default();
    let tracing = AgentTracing::builder("sqlite::memory:").sink(seen.clone()).open().unwrap();
    trace_two_spans(&tracing);
    tracing.force_flush(PATIENCE).unwrap();
    let records: Vec<SpanRecord> = seen.spans.lock().unwrap().iter().map(|item| item.record.clone()).collect();
    let bytes = wire::encode(&records);
    let back = wire::decode(&bytes).unwrap();
    assert_eq!(back, records);
    assert_eq!(wire::encode(&back), bytes);
}

#[test]
fn spans_come_in_without_tracing_too_and_again() {
    let tracing = AgentTracing::open("sqlite::memory:").unwrap();
    let id = TraceId::from_bytes([7; 16]);
    let mut record = SpanRecord::new(id, SpanId::from_bytes([1; 8]), "agent.run", 1_000_000_000);
    record.state = SpanState::Closed;
    record.end_ns = Some(3_500_000_000);
    record.attributes.push("openinference.span.kind", "AGENT");
    for _ in 0..3 {
        tracing.inlet().accept(record.clone()).unwrap();
    }
    tracing.force_flush(PATIENCE).unwrap();
    let tree = tracing.repository().trace(id).unwrap();
    assert_eq!((tree.spans.len(), tree.trace.duration_ms()), (1, 2500));
}

#[test]
fn one_poison_row_does_not_lose_its_batch() {
    let folder = tempfile::tempdir().unwrap();
    let errors = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&errors);
    let tracing = AgentTracing::builder(&url_in(&folder))
        .on_error(move |error| sink.lock().unwrap().push(error.to_string()))
        .open()
        .unwrap();
    let mut connection = connect(&folder.path().join("traces.db"));
    connection
        .batch_execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON spans WHEN NEW.name = 'poison' BEGIN SELECT RAISE(ABORT, 'refused'); END",
        )
        .unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(tracing.layer()), || {
        for place in 0..100 {
            if place == 57 { drop(tracing::info_span!("poison")) } else { drop(tracing::info_span!("fine", place)) }
        }
    });
    tracing.force_flush(PATIENCE).unwrap();
    let health = tracing.health();
    assert_eq!((health.stored, health.dead_lettered.poison), (99, 1), "{health:?}");
    assert!(health.adds_up());
    assert!(errors.lock().unwrap().iter().any(|error| error.contains("refused")), "{errors:?}");
}

#[test]
fn a_store_that_fails_later_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let tracing = AgentTracing::builder(&url_in(&folder)).immediate().open().unwrap();
    let mut other = connect(&folder.path().join("traces.db"));
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    trace_two_spans(&tracing);
    let error = tracing.force_flush(Duration::from_millis(200)).unwrap_err();
    assert_eq!(error.kind(), tracing_agents::ErrorKind::Timeout);
    assert!(tracing.health().adds_up());
    other.batch_execute("COMMIT").unwrap();
    tracing.force_flush(PATIENCE).unwrap();
    assert_eq!(tracing.health().stored, 2);
}
