//! The one seam between the pipeline and where spans end up.

use crate::error::Result;
use crate::model::InterpretedSpan;

/// Where batches of spans go: the store, an exporter, a test's list.
///
/// A sink runs on the worker thread, with tracing disabled there. It may block; it must not panic (a panic is caught and counted).
/// Batches can be repeated after a failure, in any order, so writing must be idempotent: a span is known by (trace id, span id),
/// and of two versions the one of higher [rank](crate::model::SpanState::rank) stays. A sink is dropped on the worker thread too,
/// before [`shutdown`](super::Pipeline::shutdown) returns in time.
pub trait Sink: Send {
    /// The name in health reports and error messages.
    fn name(&self) -> &str;

    /// Writes a batch, all of it or nothing.
    ///
    /// # Errors
    /// Any. The pipeline then [probes](Self::probe) the sink to tell an outage from a span that cannot be written.
    fn write(&mut self, batch: &[InterpretedSpan]) -> Result<()>;

    /// Checks whether the sink can write at all, after dropping whatever connection a failed write may have left broken.
    ///
    /// # Errors
    /// When it cannot: the pipeline then waits and tries the same batch again.
    fn probe(&mut self) -> Result<()>;

    /// Called when a flush or the end of the process wants everything out; after the last [`write`](Self::write).
    ///
    /// # Errors
    /// When something written before could not be passed on.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
