//! Spans that wait, in order.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::inlet::PendingSpan;
use crate::model::SpanRecord;

/// A span as it came. Records are boxed to keep the slots small: they are moved under a lock.
pub(super) enum Entry {
    Record(Box<SpanRecord>),
    Pending(Arc<dyn PendingSpan>),
}

/// A span as it waits, the bytes it counts for, and how far it has come.
pub(super) struct Slot {
    pub(super) entry: Entry,
    size: usize,
    /// It is a record with its number, and without what must not leave the process.
    pub(super) is_prepared: bool,
    /// It is in a file too.
    on_disk: bool,
}

impl Slot {
    pub(super) fn new(record: SpanRecord) -> Self {
        let size = record.size();
        Self::of(Entry::Record(Box::new(record)), size)
    }

    pub(super) const fn of(entry: Entry, size: usize) -> Self {
        Self { entry, size, is_prepared: false, on_disk: false }
    }

    /// Of a record that has its number.
    pub(super) fn prepared(record: SpanRecord) -> Self {
        Self { is_prepared: true, ..Self::new(record) }
    }

    /// The same, which is in a file too or not.
    pub(super) fn on_disk(self, on_disk: bool) -> Self {
        Self { on_disk, ..self }
    }

    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// The span's number, where it has one already.
    pub(super) fn number(&self) -> Option<u64> {
        match &self.entry {
            Entry::Record(record) if self.is_prepared => record.origin.map(|origin| origin.sequence),
            Entry::Record(_) | Entry::Pending(_) => None,
        }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("size", &self.size).field("on_disk", &self.on_disk).finish_non_exhaustive()
    }
}

/// Slots, and what they count for together.
#[derive(Debug, Default)]
pub(super) struct Line {
    slots: VecDeque<Slot>,
    bytes: usize,
    on_disk: usize,
}

impl Line {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many are in files too.
    pub(super) const fn on_disk(&self) -> usize {
        self.on_disk
    }

    /// The number of the first span, where it has one already.
    pub(super) fn first_number(&self) -> Option<u64> {
        self.slots.front().and_then(Slot::number)
    }

    pub(super) fn push(&mut self, slot: Slot) {
        self.bytes = self.bytes.saturating_add(slot.size);
        self.on_disk += usize::from(slot.on_disk);
        self.slots.push_back(slot);
    }

    /// Moves all into `into`, which is empty. The two buffers change places, so both keep their capacity.
    pub(super) fn take_all(&mut self, into: &mut VecDeque<Slot>) {
        std::mem::swap(&mut self.slots, into);
        (self.bytes, self.on_disk) = (0, 0);
    }

    /// Moves the first into `into`, which is empty: so many, or fewer where they have more bytes; one at least.
    pub(super) fn take(&mut self, max_slots: usize, max_bytes: usize, into: &mut VecDeque<Slot>) {
        if self.slots.len() <= max_slots && self.bytes <= max_bytes {
            return self.take_all(into);
        }
        let mut bytes: usize = 0;
        while let Some(size) = self.slots.front().map(Slot::size) {
            bytes = bytes.saturating_add(size);
            if into.len() >= max_slots || (bytes > max_bytes && !into.is_empty()) {
                break;
            }
            let Some(slot) = self.slots.pop_front() else { break };
            self.bytes -= size;
            self.on_disk -= usize::from(slot.on_disk);
            into.push_back(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_four_words_at_most() {
        assert!(size_of::<Slot>() <= 4 * size_of::<usize>());
    }
}
