//! The door into the pipeline.

use crate::model::SpanRecord;

/// A span on its way to the worker, cheap to make on the caller's thread; the worker turns it into a record.
pub trait PendingSpan: Send + Sync {
    /// The span as it stands now. Called on the worker, once for a closed span, any number of times for a running one.
    fn record(&self) -> SpanRecord;

    /// Bytes held, roughly: what the queue's byte limit counts.
    fn size(&self) -> usize;
}

/// Who can tell which spans are running: a layer.
pub trait LiveSpans: Send + Sync {
    /// Records of the spans that are open now, as far as they have come.
    fn snapshot(&self) -> Vec<SpanRecord>;
}
