//! Slots of spans that are read, for later spans: a span then takes no memory from the allocator.

use std::sync::{Arc, Mutex, PoisonError};

use super::shared::{Capture, Shared};
use super::slot::Slot;
use super::trace::Trace;

/// Slots that are kept at most: those of some batches, since a worker that is busy gives back a batch at a time.
const MAX_SLOTS: usize = 2048;

/// Bytes of theirs, at most.
const MAX_BYTES: usize = 4 << 20;

/// Empty slots that nobody else has.
pub(super) struct Spares {
    kept: Mutex<Kept>,
    /// Stands for the trace of a slot that has none. It holds no spares: these would hold themselves.
    no_trace: Arc<Trace>,
}

#[derive(Default)]
struct Kept {
    /// With the bytes that each holds.
    slots: Vec<(Arc<Slot>, usize)>,
    bytes: usize,
}

impl Spares {
    pub(super) fn new() -> Self {
        let no_trace = Trace::start(Arc::new(Shared::without_spares(Capture::default())));
        Self { kept: Mutex::default(), no_trace: Arc::new(no_trace) }
    }

    /// A slot to start a span in.
    pub(super) fn take(&self) -> Option<Arc<Slot>> {
        // Waiting for another thread costs more than an allocation.
        let mut kept = self.kept.try_lock().ok()?;
        let (slot, bytes) = kept.slots.pop()?;
        kept.bytes -= bytes;
        Some(slot)
    }

    /// Empties a slot and keeps it, if nobody else has it: somebody may look at the span just now, or a child may not have been read. Then
    /// the last of them frees it; so is one that is too large, or one too many.
    pub(super) fn give_back(&self, mut slot: Arc<Slot>) {
        let Some(bytes) = Arc::get_mut(&mut slot).and_then(|slot| slot.empty(&self.no_trace)) else { return };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.slots.len() < MAX_SLOTS && kept.bytes + bytes <= MAX_BYTES {
            kept.bytes += bytes;
            kept.slots.push((slot, bytes));
        }
    }
}
