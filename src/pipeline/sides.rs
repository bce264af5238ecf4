//! All sinks beside the store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::flow::Flow;
use super::health::SinkHealth;
use super::reading::Batch;
use super::report::{OnError, Reporter};
use super::settings::Settings;
use super::side::{Side, Waited};
use super::side_worker::SideWorker;
use super::sink::Sink;
use crate::error::{Error, ErrorKind, Result};

/// The sinks beside the store, in the order in which they were added; often none.
#[derive(Debug, Default)]
pub(super) struct Sides(Vec<Arc<Side>>);

impl Sides {
    pub(super) fn of(sinks: &[Box<dyn Sink>], settings: &Settings) -> Self {
        let sides = sinks.iter().map(|sink| Side::new(sink.name().to_owned(), sink.takes_open_spans(), settings));
        Self(sides.map(Arc::new).collect())
    }

    /// Starts a thread for each of the `sinks` that `flow`'s sides were made of.
    pub(super) fn start(
        flow: &Arc<Flow>,
        sinks: Vec<Box<dyn Sink>>,
        settings: &Settings,
        on_error: Option<&OnError>,
    ) -> Result<()> {
        for (side, sink) in flow.sides.0.iter().zip(sinks) {
            let reporter = Reporter::new(on_error.cloned());
            let worker = SideWorker::new(Arc::clone(flow), Arc::clone(side), sink, settings.clone(), reporter);
            let thread = std::thread::Builder::new().name("tracing-agents-sink".to_owned());
            if let Err(error) = thread.spawn(move || worker.run()) {
                // Those that have started end again.
                flow.sides.close(None);
                let message = format!("the thread of sink {} could not be started", side.name());
                return Err(Error::with_source(ErrorKind::Thread, message, error));
            }
        }
        Ok(())
    }

    pub(super) fn health(&self) -> Vec<SinkHealth> {
        self.0.iter().map(|side| side.health()).collect()
    }

    pub(super) fn hand_over(&self, batch: &Arc<Batch>) {
        if !batch.spans.is_empty() {
            self.0.iter().for_each(|side| side.hand_over(batch));
        }
    }

    pub(super) fn hand_over_open(&self, batch: &Arc<Batch>) {
        self.0.iter().for_each(|side| side.hand_over_open(batch));
    }

    /// What is to be told of spans that were dropped since the last time, one message for each sink.
    pub(super) fn news_of_drops(&self) -> Vec<String> {
        let news = |side: &Arc<Side>| match side.news_of_drops() {
            0 => None,
            spans => Some(format!("{spans} spans were not handed to sink {} because its queue was full", side.name())),
        };
        self.0.iter().filter_map(news).collect()
    }

    /// Whether the calling thread is one of the sinks'.
    pub(super) fn is_own_thread(&self) -> bool {
        self.0.iter().any(|side| side.is_own_thread())
    }

    /// Waits until each sink has flushed what it was handed, after `store`, which says how the store's flush went.
    pub(super) fn force_flush(&self, store: Result<()>, until: Option<Instant>, deadline: Duration) -> Result<()> {
        let tickets: Vec<_> = self.0.iter().map(|side| (side, side.request_flush())).collect();
        let waited = tickets.into_iter().map(|(side, ticket)| side.await_flush(ticket, until));
        together(store, waited.collect(), "force_flush", deadline)
    }

    /// Tells each sink that no more batches come, and when to give up.
    pub(super) fn close(&self, give_up_at: Option<Instant>) {
        self.0.iter().for_each(|side| side.close(give_up_at));
    }

    pub(super) fn are_over(&self) -> bool {
        self.0.iter().all(|side| side.is_over())
    }

    /// Waits until each sink is closed, after `store`, which says how the store ended.
    pub(super) fn shutdown(&self, store: Result<()>, until: Option<Instant>, deadline: Duration) -> Result<()> {
        // The worker has closed them, unless it was given up.
        self.close(until);
        let waited = self.0.iter().map(|side| side.await_end(until));
        together(store, waited.collect(), "shutdown", deadline)
    }
}

/// What became of all of it: the store's error first, and which sink failed or is late.
fn together(store: Result<()>, sinks: Vec<Waited>, what: &str, deadline: Duration) -> Result<()> {
    let (mut failures, mut late) = (Vec::new(), Vec::new());
    // Where the store took all the time, the sinks had none.
    let had_time = store.as_ref().err().is_none_or(|error| error.kind() != ErrorKind::Timeout);
    for waited in sinks {
        match waited {
            Waited::Done(outcome) => failures.extend(outcome.err()),
            Waited::Late(state) if had_time => late.push(state),
            Waited::Late(_) => {}
        }
    }
    let failure = if late.is_empty() {
        (!failures.is_empty()).then(|| Error::new(ErrorKind::Write, failures.join("; ")))
    } else {
        late.append(&mut failures);
        let message = format!("{what} ran out of time after {deadline:?}: {}", late.join("; "));
        Some(Error::new(ErrorKind::Timeout, message))
    };
    match (store, failure) {
        (store, None) => store,
        (Ok(()), Some(failure)) => Err(failure),
        (Err(error), Some(failure)) => Err(Error::new(error.kind(), format!("{error}; {failure}"))),
    }
}
