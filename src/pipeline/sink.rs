//! The one seam between the pipeline and where spans end up.

use crate::error::Result;
use crate::model::{DeadLetter, InterpretedSpan, Loss};

/// Where batches of spans go: the store, an exporter, a test's list.
///
/// The store's runs on the worker thread, each other one on a thread of its own, with tracing disabled there. It may block; it must not
/// panic (a panic is caught and counted). Batches can be repeated after a failure, in any order, so writing must be idempotent: a span
/// is known by (trace id, span id), and of two versions the one of higher [rank](crate::model::SpanState::rank) stays. A sink is dropped
/// on its thread too, before [`shutdown`](super::Pipeline::shutdown) returns in time.
pub trait Sink: Send {
    /// The name in health reports and error messages.
    fn name(&self) -> &str;

    /// Writes a batch, all of it or nothing.
    ///
    /// # Errors
    /// Any. The pipeline then [probes](Self::probe) the store to tell an outage from a span that cannot be written. A sink beside the
    /// store is probed and given the same batch again, for a limited time, unless the error is
    /// [permanent](crate::Error::permanent) or [partial](crate::Error::partial); it may say [when](crate::Error::retry_after).
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

    /// Keeps a span that the store refused, or that could not be read, with the reason. Only the store is asked; it may be asked again
    /// with the same.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn dead_letter(&mut self, letter: &DeadLetter) -> Result<()> {
        let _ = letter;
        Ok(())
    }

    /// Keeps what was refused and lost since it was told before. Only the store is asked; it may be asked again with the same.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn report_losses(&mut self, losses: &[Loss]) -> Result<()> {
        let _ = losses;
        Ok(())
    }

    /// Called about once a second between batches, while the sink is not known to be out: what is to be done without spans, in
    /// some ten milliseconds at most, since spans wait. Only the store is asked.
    ///
    /// # Errors
    /// Any; it is reported, and called again.
    fn tick(&mut self) -> Result<()> {
        Ok(())
    }

    /// Whether spans that are still open are to be written too, as they stand: of each, later versions follow. Of no interest where only
    /// spans that ended are known.
    fn takes_open_spans(&self) -> bool {
        true
    }
}
