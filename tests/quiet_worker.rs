//! Under a global subscriber: what sinks and callbacks trace is not seen, and one warning of each is. A binary of its own, since a global
//! subscriber is for the whole process.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span;
use tracing_agents::error::{Error, Result};
use tracing_agents::model::{InterpretedSpan, ProcessId, Span, SpanId, SpanRecord, TraceId};
use tracing_agents::pipeline::{OnError, Pipeline, Settings, Sink};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Seen {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        self.0.lock().unwrap().push(format!("span {}", attributes.metadata().name()));
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        struct Message(String);
        impl Visit for Message {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        self.0.lock().unwrap().push(format!(
            "{} {} {}",
            event.metadata().level(),
            event.metadata().target(),
            message.0
        ));
    }
}

/// A sink that traces all it does, and refuses spans named `poison`.
struct ChattySink;

impl ChattySink {
    fn chat(&self, what: &str) {
        let _entered = tracing::info_span!("chatty").entered();
        tracing::error!("{what}");
    }
}

impl Sink for ChattySink {
    fn name(&self) -> &'static str {
        "chatty"
    }

    fn write(&mut self, batch: &[InterpretedSpan]) -> Result<()> {
        self.chat("write");
        if batch.iter().any(|span| span.record.name == "poison") { Err(Error::permanent("no")) } else { Ok(()) }
    }

    fn probe(&mut self) -> Result<()> {
        self.chat("probe");
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.chat("flush");
        Ok(())
    }
}

impl Drop for ChattySink {
    fn drop(&mut self) {
        self.chat("drop");
    }
}

fn interpret(record: SpanRecord) -> InterpretedSpan {
    tracing::info!("interpreting");
    let span = Span::as_recorded(&record);
    InterpretedSpan::new(record, span)
}

#[test]
fn telemetry_does_not_trace_itself_and_the_store_and_a_sink_warn_once_each() {
    let seen = Seen::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(seen.clone())).unwrap();
    let heard: Arc<Mutex<usize>> = Arc::default();
    let on_error: OnError = {
        let heard = Arc::clone(&heard);
        Arc::new(move |error| {
            tracing::error!("callback: {error}");
            *heard.lock().unwrap() += 1;
        })
    };
    let process = ProcessId::generate();
    let pipeline = Pipeline::start(
        Settings::default(),
        Box::new(ChattySink),
        vec![Box::new(ChattySink)],
        interpret,
        Some(on_error),
        process,
    )
    .unwrap();
    for name in ["good", "poison", "good", "poison"] {
        pipeline.inlet().accept(SpanRecord::new(TraceId::generate(1), SpanId::generate(), name, 1)).unwrap();
    }
    let failure = pipeline.shutdown(Duration::from_secs(60)).unwrap_err().to_string();
    assert_eq!(failure, "sink chatty misses 4 spans: no");
    let health = pipeline.health();
    assert_eq!((health.stored, health.dead_lettered.poison), (2, 2));
    assert_eq!(*heard.lock().unwrap(), 3, "two dead letters, and the other sink's batch");
    tracing::info!(target: "host", "still heard");
    let seen = seen.0.lock().unwrap();
    let [warnings @ .., own] = seen.as_slice() else { panic!("{seen:#?}") };
    assert_eq!(own, "INFO host still heard");
    // Of two dead letters one; and one of the other sink, on whose thread it may come first.
    let of = |what: &str| warnings.iter().filter(|warning| warning.starts_with(what)).count();
    assert_eq!(warnings.len(), 2, "{warnings:#?}");
    assert_eq!(of("WARN tracing_agents agent traces: span "), 1, "{warnings:#?}");
    assert_eq!(of("WARN tracing_agents agent traces: sink chatty "), 1, "{warnings:#?}");
}
