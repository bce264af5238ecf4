//! The same spans through tracing-agents: from the first `Inlet::accept` to the end of `force_flush`.

use std::time::Duration;

use anyhow::Result;
use tracing_agents::model::{InterpretedSpan, ProcessId, SpanRecord};
use tracing_agents::pipeline::{Health, Inlet, Pipeline, Settings, Sink};
use tracing_agents::{AgentTracing, Error, semconv, store};

use crate::BATCH;
use crate::clock::{Clock, Measure};

/// Only a hang takes it all.
const PATIENCE: Duration = Duration::from_secs(600);
/// No wait for a batch to fill: the last one is written by the flush.
const DELAY: Duration = Duration::from_secs(60);

/// An open database, ready to be written.
pub(crate) struct Store(AgentTracing);

impl Store {
    /// Opens the database and makes its tables.
    pub(crate) fn open(url: &str, spans: usize) -> Result<Self> {
        let tracing = AgentTracing::builder(url)
            .max_queue_size(spans)
            .max_queue_bytes(usize::MAX)
            .max_export_batch_size(BATCH)
            .scheduled_delay(DELAY)
            .on_error(|error| eprintln!("tracing-agents: {error}"))
            .open()?;
        Ok(Self(tracing))
    }

    /// Writes the spans: interpretation, JSON, statements, summaries, facets and sessions, all of it.
    pub(crate) fn write(&self, records: Vec<SpanRecord>) -> Result<Measure> {
        pass(&self.0.inlet(), records)
    }
}

/// The store alone: spans that are interpreted already, in batches of [`BATCH`].
pub(crate) fn store_alone(url: &str, spans: &[InterpretedSpan], process: ProcessId) -> Result<Measure> {
    let store = store::Store::open(url)?;
    let mut sink = store.sink(process, "bench");
    // The connection is there when the clock starts, as it is for the others.
    sink.probe()?;
    let clock = Clock::start();
    for batch in spans.chunks(BATCH) {
        sink.write(batch)?;
    }
    Ok(clock.stop())
}

/// The work before the database: the same pipeline with the same interpretation, whose sink keeps nothing.
pub(crate) fn interpret(records: Vec<SpanRecord>) -> Result<Measure> {
    let settings = settings(records.len());
    let process = ProcessId::generate();
    let pipeline = Pipeline::start(settings, Box::new(Nowhere), Vec::new(), semconv::interpret, None, process)?;
    pass(&pipeline.inlet(), records)
}

fn settings(spans: usize) -> Settings {
    let mut settings = Settings::default();
    settings.max_queue_size = spans;
    settings.max_queue_bytes = usize::MAX;
    settings.max_export_batch_size = BATCH;
    settings.scheduled_delay = DELAY;
    settings
}

fn pass(inlet: &Inlet, records: Vec<SpanRecord>) -> Result<Measure> {
    let spans = u64::try_from(records.len())?;
    let clock = Clock::start();
    for record in records {
        inlet.accept(record)?;
    }
    inlet.force_flush(PATIENCE)?;
    let measure = clock.stop();
    let Health { accepted, stored, .. } = inlet.health();
    anyhow::ensure!((accepted, stored) == (spans, spans), "of {spans} spans {accepted} were accepted, {stored} stored");
    Ok(measure)
}

struct Nowhere;

impl Sink for Nowhere {
    fn name(&self) -> &str {
        "nowhere"
    }

    fn write(&mut self, _batch: &[InterpretedSpan]) -> Result<(), Error> {
        Ok(())
    }

    fn probe(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
