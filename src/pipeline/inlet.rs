//! The door into the pipeline.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::flow::Flow;
use super::health::{Health, HiddenContent};
use super::line::{Entry, Slot};
use super::receipt::Receipt;
use crate::error::Result;
use crate::model::{SpanId, SpanRecord, TraceId};

/// A span on its way to the worker, cheap to make on the caller's thread; the worker turns it into a record.
pub trait PendingSpan: Send + Sync {
    /// The span as it stands now. Called on the worker, once for a closed span, any number of times for a running one.
    fn record(&self) -> SpanRecord;

    /// Bytes held, roughly: what the queue's byte limit counts.
    fn size(&self) -> usize;

    /// The span's record is made, and nobody will ask for it again: what it took can be used for another one. Called on the worker.
    fn release(self: Arc<Self>) {}
}

/// A record is its own pending span: for doors that have records at hand.
impl PendingSpan for SpanRecord {
    fn record(&self) -> SpanRecord {
        self.clone()
    }

    fn size(&self) -> usize {
        Self::size(self)
    }
}

/// A span that is open, told without making its record: most have not changed since they were last written.
#[derive(Clone)]
#[non_exhaustive]
pub struct OpenSpan {
    /// Its trace.
    pub trace_id: TraceId,
    /// Its id.
    pub span_id: SpanId,
    /// A number that grows when the span's record becomes another one. Read before the record is made, it may be too low, never too high.
    pub changes: u64,
    /// Makes the record, as far as the span has come by then.
    pub span: Arc<dyn PendingSpan>,
}

impl OpenSpan {
    /// A span that is open.
    #[must_use]
    pub fn new(trace_id: TraceId, span_id: SpanId, changes: u64, span: Arc<dyn PendingSpan>) -> Self {
        Self { trace_id, span_id, changes, span }
    }
}

impl fmt::Debug for OpenSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("OpenSpan");
        f.field("trace_id", &self.trace_id).field("span_id", &self.span_id).field("changes", &self.changes);
        f.finish_non_exhaustive()
    }
}

/// Who can tell which spans are running: a layer.
pub trait LiveSpans: Send + Sync {
    /// The spans that have been open for `min_age`, in the order in which they began. Asked about once a second, so it is to be cheap.
    ///
    /// `None` asks for all that are open, at the end: no more will be known of them. Before it, spans that have just begun may still
    /// change whose child they are.
    fn open(&self, min_age: Option<Duration>) -> Vec<OpenSpan>;

    /// Content that does not come with the spans because a filter hides it, as far as that is certain. Asked now and then; an answer
    /// may be repeated.
    fn hidden_content(&self) -> Vec<HiddenContent> {
        Vec::new()
    }
}

/// Why a span was not taken over. Nothing waits: the span is counted in [`Health::rejected`] and gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refused {
    /// The queue holds as many spans or bytes as it may.
    QueueFull,
    /// The spool has as many bytes as it may, or its disk fails, and memory is full too.
    DiskFull,
    /// The span is larger than one [may be](super::Settings::max_span_bytes).
    TooLarge,
    /// The pipeline is shut down, or on its way.
    AfterShutdown,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => "the queue is full",
            Self::DiskFull => "the spool is full or its disk fails, and the queue is full",
            Self::TooLarge => "the span is larger than a span may be",
            Self::AfterShutdown => "the pipeline is shut down",
        })
    }
}

impl std::error::Error for Refused {}

/// The door into a pipeline: what layers and exporters hold. Cheap to clone; all clones are the same door.
///
/// A span that was accepted is counted in [`Health`] until it is stored or its loss is. The pipeline stays open and shut by its
/// owner: an inlet neither keeps it running nor ends it.
#[derive(Clone)]
pub struct Inlet(Arc<Flow>);

impl fmt::Debug for Inlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inlet").field("health", &self.health()).finish()
    }
}

impl Inlet {
    pub(super) const fn new(flow: Arc<Flow>) -> Self {
        Self(flow)
    }

    /// Takes over a span that ended. Never waits for the worker or for I/O: it holds a lock for the time of a push.
    ///
    /// The worker sets the record's `origin`.
    ///
    /// # Errors
    /// [`Refused`] when the queue is full or the pipeline shut down.
    pub fn accept(&self, record: SpanRecord) -> Result<(), Refused> {
        let size = record.size();
        self.0.offer(Entry::Record(Box::new(record)), size)
    }

    /// Takes over a span whose record the worker makes. As [`accept`](Self::accept), without any allocation.
    ///
    /// # Errors
    /// [`Refused`] when the queue is full or the pipeline shut down.
    pub fn accept_pending(&self, span: Arc<dyn PendingSpan>) -> Result<(), Refused> {
        let size = span.size();
        self.0.offer(Entry::Pending(span), size)
    }

    /// Takes over spans that ended, all or none, and tells when they are stored: for a server that must not answer before. Never waits
    /// for the worker or for I/O.
    ///
    /// They are written as soon as the worker is free, with what else has come by then: deliveries that come at the same time share a
    /// transaction. `on_receipt` is called once: when each of the spans is stored or [left out](Receipt::left_out), or when a
    /// shutdown gives them up. It runs on the worker thread (of spans given up, on the one that shuts down), with tracing disabled, and
    /// spans wait meanwhile, so it is to pass the receipt on: send it into a channel, wake a task. A panic in it is caught.
    ///
    /// While the store is out, that can take long. Who waits no longer, or is asked to deliver the same spans again, may: a span is known
    /// by its ids, and stored once.
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use tracing_agents::AgentTracing;
    /// use tracing_agents::model::{SpanId, SpanRecord, TraceId};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tracing = AgentTracing::open("sqlite::memory:")?;
    /// let record = SpanRecord::new(TraceId::generate(1), SpanId::generate(), "chat", 1_000_000);
    ///
    /// let (sender, receiver) = channel();
    /// tracing.inlet().deliver(vec![record], move |receipt| drop(sender.send(receipt)))?;
    /// assert_eq!(receiver.recv()?.stored, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Refused`] when the queue is full or the pipeline shut down; then `on_receipt` is dropped, and nothing of the spans is kept.
    pub fn deliver(
        &self,
        records: Vec<SpanRecord>,
        on_receipt: impl FnOnce(Receipt) + Send + 'static,
    ) -> Result<(), Refused> {
        if records.is_empty() {
            on_receipt(Receipt::default());
            return Ok(());
        }
        self.0.deliver(records.into_iter().map(Slot::new).collect(), Box::new(on_receipt))
    }

    /// Counts a span that a sampler left out: it is offered and rejected.
    pub fn sampled_out(&self) {
        self.0.sampled_out();
    }

    /// The counters, all of one instant. Takes the queue's lock: ask a few times a second, not once a span.
    #[must_use]
    pub fn health(&self) -> Health {
        self.0.health()
    }

    /// Waits until every span that was accepted before the call is stored (or dead-lettered, which is counted), every other sink
    /// has taken it (or lost it, which is counted), and all sinks have flushed.
    ///
    /// # Errors
    /// [`Timeout`](crate::error::ErrorKind::Timeout) when `deadline` passes first, with the number of spans that wait and the
    /// store's or sink's last error; also, at once, when called on the worker thread or another sink's (by a sink or an error
    /// callback), which cannot wait for itself. [`Write`](crate::error::ErrorKind::Write) when a sink's flush failed, or one beside the
    /// store lost spans since the flush before.
    /// [`Shutdown`](crate::error::ErrorKind::Shutdown) when a shutdown dropped spans; one that got everything out is no error.
    pub fn force_flush(&self, deadline: Duration) -> Result<()> {
        self.0.force_flush(deadline)
    }

    /// Makes open spans known to the worker, which asks for them when it writes open spans. Holds only a weak reference.
    pub fn register_live(&self, source: Arc<dyn LiveSpans>) {
        self.0.live.register(&source);
    }
}
