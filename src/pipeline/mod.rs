//! Between capture and store: a bounded queue and one worker thread.
//!
//! ```text
//! layers, exporters ── Inlet::accept ──▶ queue ──▶ worker: read · interpret ──▶ store
//!  (their threads)      never waits    (bounded)    (one thread)               │ (Sink)
//!                                                                               └─▶ a queue and a thread for each other Sink
//! ```
//!
//! Nothing is lost silently: a span that was offered is refused, or accepted and then stored, waiting, dead-lettered or dropped,
//! and [`Health`] counts each, with sums that hold at every instant. An outage of the store loses nothing but what no longer fits
//! into the queue; a span that the store cannot take does not take others with it. The other sinks are handed what the store has had,
//! and never delay it: each has a queue and a thread of its own, tries again what failed within bounds, and has [counters](SinkHealth)
//! of its own.
//!
//! The worker is a thread of its own and needs no async runtime; it works in any. Waiting calls ([`Pipeline::force_flush`],
//! [`Pipeline::shutdown`], dropping a pipeline) block the calling thread until their deadline at most.

mod backoff;
mod block_on;
pub(crate) mod companion;
mod delivery;
mod flow;
mod flush;
mod health;
mod inlet;
mod intake;
mod isolation;
mod journaling;
mod letters;
mod line;
mod live;
mod losses;
mod preparing;
mod queue;
mod reading;
mod receipt;
mod report;
mod selection;
mod settings;
mod side;
mod side_worker;
mod sides;
mod sink;
mod spool;
mod spooler;
mod spooling;
#[cfg(test)]
mod tests;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use block_on::block_on;
pub use health::{
    DeadLettered, Discarded, Dropped, Health, HiddenContent, KeptTraces, Rejected, SinkDropped, SinkHealth,
};
pub use inlet::{Inlet, LiveSpans, OpenSpan, PendingSpan, Refused};
pub use receipt::{LeftOut, Receipt};
pub use report::OnError;
pub use selection::TailSampling;
pub use settings::Settings;
pub use sink::Sink;
pub(crate) use spool::spans_of_segment;
pub use spool::{
    Durability, Fsync, SegmentState, SpoolDatabase, SpoolHealth, SpoolSegment, SpoolSettings, WhenFull, segments,
};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{InterpretedSpan, ProcessId, SpanRecord};
use delivery::Delivery;
use flow::Flow;
use intake::Intake;
use live::WrittenVersions;
use preparing::Preparing;
pub(crate) use preparing::Protect;
use queue::Queue;
use reading::Reading;
use report::Reporter;
use selection::Selection;
use sides::Sides;
use spool::{Leftovers, Spool};
use worker::Worker;

/// How long dropping a pipeline waits for its spans to be stored.
const DROP_DEADLINE: Duration = Duration::from_secs(5);

/// A running pipeline. Dropping it is a [`shutdown`](Self::shutdown) with a deadline of 5 s, or the
/// [given one](Self::with_drop_deadline), whose failure goes to the error callback. Dropped on its own worker thread, by a sink or a
/// callback, it waits for nothing: the shutdown goes on after that returns.
pub struct Pipeline {
    flow: Arc<Flow>,
    on_error: Option<OnError>,
    drop_deadline: Duration,
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("health", &self.health()).finish()
    }
}

impl Pipeline {
    /// Starts the worker thread, and one for each of `others`.
    ///
    /// Spans go to `store`, whose answers decide what [`Health`] says; then they are handed to each of `others`, whatever came of it.
    /// `interpret` reads a record, on the worker or on a thread beside it; a record on which it panics is dead-lettered. `process` stands,
    /// with a number, on each span.
    ///
    /// # Errors
    /// [`ErrorKind::Thread`] when the system gives no thread.
    pub fn start(
        settings: Settings,
        store: Box<dyn Sink>,
        others: Vec<Box<dyn Sink>>,
        interpret: impl Fn(SpanRecord) -> InterpretedSpan + Send + Sync + 'static,
        on_error: Option<OnError>,
        process: ProcessId,
    ) -> Result<Self> {
        Self::start_protected(settings, store, others, None, interpret, on_error, process)
    }

    /// The same, where each record first loses what may not leave the process.
    pub(crate) fn start_protected(
        settings: Settings,
        store: Box<dyn Sink>,
        others: Vec<Box<dyn Sink>>,
        protect: Option<Arc<dyn Protect>>,
        interpret: impl Fn(SpanRecord) -> InterpretedSpan + Send + Sync + 'static,
        on_error: Option<OnError>,
        process: ProcessId,
    ) -> Result<Self> {
        let settings = settings.clamped();
        let sides = Sides::of(&others, &settings);
        let preparing = Preparing { process, protect };
        let leftovers = settings.spool.as_ref().map(|spool| Leftovers::new(spool, process));
        let own = settings.spool.clone().filter(|spool| spool.durability != Durability::Memory);
        let spool = own.map(|spool| Spool::new(spool, process));
        let flow = Arc::new(Flow::new(Queue::new(&settings), sides, spool, preparing.clone()));
        Sides::start(&flow, others, &settings, on_error.as_ref())?;
        let reading = Reading { interpret: Arc::new(interpret), preparing };
        let worker = Worker {
            intake: Intake::new(Arc::clone(&flow), reading, Reporter::new(on_error.clone()), Selection::new(&settings)),
            store: Delivery::new(store, &settings),
            written: WrittenVersions::default(),
            leftovers,
            losses: Vec::new(),
            settings,
        };
        let start = |name: &str, run: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(|error| {
                flow.give_up_start();
                Error::with_source(ErrorKind::Thread, "the pipeline's threads could not be started", error)
            })
        };
        if worker.settings.durability() == Durability::Spool {
            let flow = Arc::clone(&flow);
            start("tracing-agents-spool", Box::new(move || spooler::run(&flow)))?;
        }
        start("tracing-agents", Box::new(move || worker.run()))?;
        Ok(Self { flow, on_error, drop_deadline: DROP_DEADLINE })
    }

    /// The same, whose drop waits for as long at most.
    #[must_use]
    pub fn with_drop_deadline(mut self, deadline: Duration) -> Self {
        self.drop_deadline = deadline;
        self
    }

    /// The door for spans: layers and exporters hold clones of it.
    #[must_use]
    pub fn inlet(&self) -> Inlet {
        Inlet::new(Arc::clone(&self.flow))
    }

    /// The counters, all of one instant.
    #[must_use]
    pub fn health(&self) -> Health {
        self.flow.health()
    }

    /// As [`Inlet::force_flush`].
    ///
    /// # Errors
    /// As [`Inlet::force_flush`].
    pub fn force_flush(&self, deadline: Duration) -> Result<()> {
        self.flow.force_flush(deadline)
    }

    /// As [`force_flush`](Self::force_flush), and spans that are still open are written as such: for the case that it was the last time.
    ///
    /// # Errors
    /// As [`Inlet::force_flush`].
    pub fn force_flush_with_open(&self, deadline: Duration) -> Result<()> {
        self.flow.live.want();
        self.flow.force_flush(deadline)
    }

    /// Whether the calling thread is one of the pipeline's own, which cannot wait for it.
    pub(crate) fn is_own_thread(&self) -> bool {
        self.flow.is_worker()
    }

    /// As [`Inlet::register_live`].
    pub fn register_live(&self, source: Arc<dyn LiveSpans>) {
        self.flow.live.register(&source);
    }

    /// Refuses new spans from now on, writes what waits and the spans that are still open (as open), flushes and closes the sinks.
    ///
    /// Returns when that is done, or at the deadline: then what still waits is counted as dropped, and the worker is left to
    /// itself, since a sink may hang; so are the threads of other sinks. A second call is `Ok` at once when the pipeline is shut down.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] at the deadline, and at once when called on the worker thread or another sink's (by a sink or an error
    /// callback): the shutdown then goes on after that returns. [`ErrorKind::Write`] when a sink's last flush failed, or it lost spans since the one before.
    pub fn shutdown(&self, deadline: Duration) -> Result<()> {
        self.flow.shutdown(deadline)
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        if self.flow.is_forked() {
            // The process that this one was forked from writes what there is.
            return;
        }
        let outcome = self.shutdown(self.drop_deadline);
        // A callback that drops the pipeline must not be called from within itself.
        if let (Err(error), false) = (outcome, self.flow.is_worker()) {
            Reporter::new(self.on_error.take()).report(&error);
        }
    }
}
