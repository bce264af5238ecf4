//! Where copies are replayed, and what becomes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_sdk::trace::{SimpleSpanProcessor, SpanData, SpanProcessor as _};
use tracing::Dispatch;
use tracing_agents::AgentTracing;
use tracing_agents::model::{InterpretedSpan, Kind, SpanId, TraceId, Value};
use tracing_agents::otel::StoreExporter;
use tracing_agents::pipeline::Sink;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;

use super::{frameworks, lines, recording, spans};

/// One database, which holds a copy at a time.
pub(super) struct Stage {
    tracing: AgentTracing,
    dispatch: Dispatch,
    seen: Seen,
}

/// What a replayed copy is in the database.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Played {
    /// Name, kind and evidence of each recorded span, by its number in the recording.
    pub(super) kinds: BTreeMap<u64, (String, Kind, String)>,
    /// The traces as lines.
    pub(super) tree: String,
}

impl Stage {
    pub(super) fn new() -> Self {
        let seen = Seen::default();
        let builder = AgentTracing::builder("sqlite::memory:").trace_payloads(true).sink(seen.clone());
        let tracing = builder.open().unwrap();
        let dispatch = Dispatch::new(Registry::default().with(tracing.layer()));
        Self { tracing, dispatch, seen }
    }

    pub(super) fn play_lines(&self, copy: &frameworks::Scenario) -> Played {
        tracing::dispatcher::with_default(&self.dispatch, || frameworks::replay(copy)).unwrap();
        self.played()
    }

    pub(super) fn play_spans(&self, copy: Vec<SpanData>) -> Played {
        let processor = SimpleSpanProcessor::new(StoreExporter::new(&self.tracing));
        copy.into_iter().for_each(|span| processor.on_end(span));
        self.played()
    }

    /// Reads what was replayed, and takes it away.
    fn played(&self) -> Played {
        self.tracing.force_flush(Duration::from_secs(30)).unwrap();
        let health = self.tracing.health();
        assert_eq!(health.stored, health.offered, "every span is stored: {health:?}");
        let seen = std::mem::take(&mut *self.seen.0.lock().unwrap());
        let ids: BTreeSet<TraceId> = seen.keys().map(|(trace, _)| *trace).collect();
        let repository = self.tracing.repository();
        let trees = recording::trees(&repository, ids.clone()).unwrap();
        let mut kinds = BTreeMap::new();
        for span in trees.iter().flat_map(|tree| &tree.spans).filter(|span| !span.is_synthetic()) {
            let number = seen[&(span.trace_id, span.span_id)];
            let again = kinds.insert(number, (span.name.clone(), span.kind, span.kind_source.clone()));
            assert!(again.is_none(), "span {number} is stored once");
        }
        let tree = recording::text(&repository, &trees).unwrap();
        repository.delete_traces(&Vec::from_iter(ids)).unwrap();
        Played { kinds, tree }
    }
}

/// The numbers of the spans that were stored.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<(TraceId, SpanId), u64>>>);

impl Sink for Seen {
    fn name(&self) -> &'static str {
        "seen"
    }

    fn write(&mut self, batch: &[InterpretedSpan]) -> tracing_agents::Result<()> {
        let numbers = batch.iter().map(|InterpretedSpan { record, .. }| {
            let number = match record.attributes.get(lines::NUMBER) {
                Some(Value::U64(number)) => *number,
                Some(Value::I64(number)) => u64::try_from(*number).unwrap(),
                _ => spans::number(record.span_id.to_bytes()),
            };
            ((record.trace_id, record.span_id), number)
        });
        self.0.lock().unwrap().extend(numbers);
        Ok(())
    }

    fn probe(&mut self) -> tracing_agents::Result<()> {
        Ok(())
    }
}
