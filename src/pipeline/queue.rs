//! The bounded queue and its accounts: plain state, kept under one lock so that the sums in [`Health`] hold at every instant.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::health::{DeadLettered, Discarded, Dropped, Health, HiddenContent, Rejected};
use super::inlet::{PendingSpan, Refused};
use super::selection::Selected;
use super::settings::Settings;
use crate::model::SpanRecord;

/// A span as it waits. The record is boxed to keep the slots small: the worker moves them under the lock.
pub(super) enum Entry {
    Record(Box<SpanRecord>),
    Pending(Arc<dyn PendingSpan>),
}

/// An entry and the bytes it counts for.
pub(super) struct Slot {
    pub(super) entry: Entry,
    size: usize,
}

impl Slot {
    pub(super) fn new(record: SpanRecord) -> Self {
        let size = record.size();
        Self { entry: Entry::Record(Box::new(record)), size }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("size", &self.size).finish_non_exhaustive()
    }
}

/// How far a pipeline has come in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Spans are accepted.
    Open,
    /// No more spans are accepted; the worker writes what is left.
    Closing,
    /// The worker is done, or was given up. The accounts are closed.
    Over,
}

/// The queue, and what became of everything that was ever offered to it.
///
/// Spans are numbered as they are accepted, from 0; the queue holds the last of them, in order. So the number of accepted spans
/// is also the next span's number, and numbers below `settled` have met their fate.
#[derive(Debug)]
pub(super) struct Queue {
    slots: VecDeque<Slot>,
    bytes: usize,
    max_slots: usize,
    max_bytes: usize,
    batch_slots: usize,
    batch_bytes: usize,
    /// 1 in immediate mode, else `batch_slots`: so many spans are worth waking the worker.
    wake_slots: usize,
    pub(super) phase: Phase,
    /// Whether the worker sleeps and no one has woken it yet.
    pub(super) parked: bool,
    /// All spans below this number are to be written without waiting for a full batch.
    drain_to: u64,
    /// All spans below this number are stored or accounted as lost, and the other sinks were offered them.
    settled: u64,
    accepted: u64,
    stored: u64,
    in_flight: u64,
    held: u64,
    pub(super) discarded: Discarded,
    live_written: u64,
    pub(super) rejected: Rejected,
    pub(super) dead_lettered: DeadLettered,
    pub(super) dropped: Dropped,
    pub(super) degraded: bool,
    pub(super) last_error: Option<String>,
    hidden_content: Vec<HiddenContent>,
}

impl Queue {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            slots: VecDeque::new(),
            bytes: 0,
            max_slots: settings.max_queue_size,
            max_bytes: settings.max_queue_bytes,
            batch_slots: settings.max_export_batch_size,
            batch_bytes: settings.max_batch_bytes,
            wake_slots: if settings.immediate { 1 } else { settings.max_export_batch_size },
            phase: Phase::Open,
            parked: false,
            drain_to: 0,
            settled: 0,
            accepted: 0,
            stored: 0,
            in_flight: 0,
            held: 0,
            discarded: Discarded::default(),
            live_written: 0,
            rejected: Rejected::default(),
            dead_lettered: DeadLettered::default(),
            dropped: Dropped::default(),
            degraded: false,
            last_error: None,
            hidden_content: Vec::new(),
        }
    }

    /// Puts a span at the end, and says whether the worker is to be woken: once when a batch is full, not once a span.
    ///
    /// A refused entry is left in `entry`, so that its owner drops it outside the lock.
    pub(super) fn push(&mut self, entry: &mut Option<Entry>, size: usize) -> Result<bool, Refused> {
        if self.phase != Phase::Open {
            self.rejected.after_shutdown += 1;
            return Err(Refused::AfterShutdown);
        }
        let bytes = self.bytes.saturating_add(size);
        if self.slots.len() >= self.max_slots || (bytes > self.max_bytes && !self.slots.is_empty()) {
            self.rejected.queue_full += 1;
            return Err(Refused::QueueFull);
        }
        if let Some(entry) = entry.take() {
            self.slots.push_back(Slot { entry, size });
            self.bytes = bytes;
            self.accepted += 1;
        }
        Ok(self.parked && self.threshold_is_crossed())
    }

    /// Puts spans at the end, to be written without waiting for a full batch; returns their numbers.
    ///
    /// All or none, and then they are left in `slots`. As an empty queue takes a span of any size, it takes them whatever their number.
    pub(super) fn push_all(&mut self, slots: &mut Vec<Slot>) -> Result<Range<u64>, Refused> {
        let offered = count(slots.len());
        if self.phase != Phase::Open {
            self.rejected.after_shutdown += offered;
            return Err(Refused::AfterShutdown);
        }
        let bytes = slots.iter().fold(self.bytes, |bytes, slot| bytes.saturating_add(slot.size));
        let is_over = self.slots.len().saturating_add(slots.len()) > self.max_slots || bytes > self.max_bytes;
        if is_over && !self.slots.is_empty() {
            self.rejected.queue_full += offered;
            return Err(Refused::QueueFull);
        }
        let first = self.accepted;
        self.slots.extend(slots.drain(..));
        self.bytes = bytes;
        self.accepted += offered;
        self.drain_to = self.accepted;
        Ok(first..self.accepted)
    }

    /// A span was left out by a sampler.
    pub(super) fn sampled_out(&mut self) {
        self.rejected.sampled_out += 1;
    }

    fn threshold_is_crossed(&self) -> bool {
        self.slots.len() >= self.wake_slots || self.bytes >= self.batch_bytes
    }

    /// Asks for all that is queued now to be written without waiting for a full batch; returns the number after the last of it.
    pub(super) fn drain(&mut self) -> u64 {
        self.drain_to = self.accepted;
        self.accepted
    }

    /// Whether there is something to write, and reason to write it now.
    pub(super) fn batch_is_due(&self) -> bool {
        !self.slots.is_empty()
            && (self.phase == Phase::Closing || self.threshold_is_crossed() || self.first_number() < self.drain_to)
    }

    /// The number of the first span in the queue.
    fn first_number(&self) -> u64 {
        self.accepted - count(self.slots.len())
    }

    /// Moves the next batch into `batch`, which is empty, and into flight; returns the first span's number.
    pub(super) fn take(&mut self, batch: &mut VecDeque<Slot>) -> u64 {
        let first = self.first_number();
        if self.slots.len() <= self.batch_slots && self.bytes <= self.batch_bytes {
            // The two buffers change places, so both keep their capacity.
            std::mem::swap(&mut self.slots, batch);
            self.bytes = 0;
        } else {
            let mut bytes: usize = 0;
            while let Some(size) = self.slots.front().map(|slot| slot.size) {
                bytes = bytes.saturating_add(size);
                if batch.len() >= self.batch_slots || (bytes > self.batch_bytes && !batch.is_empty()) {
                    break;
                }
                batch.extend(self.slots.pop_front());
                self.bytes -= size;
            }
        }
        self.in_flight += count(batch.len());
        first
    }

    /// Moves `spans` out of flight. `false` once the accounts are closed: then they are counted as dropped already.
    fn land(&mut self, spans: usize) -> bool {
        let open = self.phase != Phase::Over;
        if open {
            self.in_flight -= count(spans);
        }
        open
    }

    /// The store has committed `spans` of those in flight.
    pub(super) fn stored(&mut self, spans: usize) {
        if self.land(spans) {
            self.stored += count(spans);
            self.degraded = false;
        }
    }

    /// The store refused a span alone, while it is well.
    pub(super) fn poisoned(&mut self) {
        if self.land(1) {
            self.dead_lettered.poison += 1;
        }
    }

    /// Reading a span panicked.
    pub(super) fn panicked(&mut self) {
        if self.land(1) {
            self.dead_lettered.panic += 1;
        }
    }

    /// Taking out of a span what may not leave the process failed.
    pub(super) fn redaction_failed(&mut self) {
        if self.land(1) {
            self.dropped.redaction_failed += 1;
        }
    }

    /// Of `came` spans in flight some are kept, with those that were held before; others are held or discarded.
    pub(super) fn select(&mut self, came: usize, selected: &Selected) {
        if self.land(came) {
            self.in_flight += count(selected.keep.len());
            self.held = self.held.saturating_add_signed(selected.held);
            self.discarded.by_kind += selected.by_kind;
            self.discarded.by_trace += selected.by_trace;
        }
    }

    /// Nothing below `number` waits any longer for the store, or to be offered to another sink.
    pub(super) fn settle(&mut self, number: u64) {
        self.settled = self.settled.max(number);
    }

    pub(super) const fn settled(&self) -> u64 {
        self.settled
    }

    pub(super) fn live_written(&mut self, spans: usize) {
        self.live_written += count(spans);
    }

    /// Content is hidden: whether that is news of its framework.
    pub(super) fn is_news(&mut self, hidden: &HiddenContent) -> bool {
        let is_news = self.hidden_content.iter().all(|known| known.profile != hidden.profile);
        if is_news {
            self.hidden_content.push(hidden.clone());
        }
        is_news
    }

    /// Closes the accounts: what waits or is in flight is dropped. Returns it, to be freed outside the lock.
    pub(super) fn close(&mut self) -> VecDeque<Slot> {
        self.dropped.shutdown_timeout += count(self.slots.len()) + self.in_flight + self.held;
        self.in_flight = 0;
        self.held = 0;
        self.bytes = 0;
        self.phase = Phase::Over;
        std::mem::take(&mut self.slots)
    }

    /// Whether nothing is queued.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many spans the next batch has, unless their bytes make it fewer.
    pub(super) fn next_len(&self) -> usize {
        self.slots.len().min(self.batch_slots)
    }

    /// All counters, as they stand; the other sinks keep their own.
    pub(super) fn health(&self) -> Health {
        Health {
            offered: self.accepted + self.rejected.total(),
            accepted: self.accepted,
            rejected: self.rejected,
            stored: self.stored,
            queued: count(self.slots.len()),
            queued_bytes: count(self.bytes),
            in_flight: self.in_flight,
            held: self.held,
            discarded: self.discarded,
            dead_lettered: self.dead_lettered,
            dropped: self.dropped,
            sinks: Vec::new(),
            live_written: self.live_written,
            degraded: self.degraded,
            last_error: self.last_error.clone(),
            hidden_content: self.hidden_content.clone(),
        }
    }
}

/// A length as the counters count.
pub(super) fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SpanId, TraceId};

    fn queue(settings: Settings) -> Queue {
        Queue::new(&settings.clamped())
    }

    fn push(queue: &mut Queue, size: usize) -> Result<bool, Refused> {
        let record = SpanRecord::new(TraceId::generate(0), SpanId::generate(), "span", 0);
        queue.push(&mut Some(Entry::Record(Box::new(record))), size)
    }

    fn take(queue: &mut Queue) -> (u64, usize) {
        let mut batch = VecDeque::new();
        let first = queue.take(&mut batch);
        (first, batch.len())
    }

    #[test]
    fn a_slot_is_four_words_at_most() {
        assert!(size_of::<Slot>() <= 4 * size_of::<usize>());
    }

    #[test]
    fn only_a_full_batch_wakes_a_sleeping_worker() {
        let mut queue = queue(Settings { max_export_batch_size: 3, max_batch_bytes: 100, ..Settings::default() });
        queue.parked = true;
        assert_eq!([1, 1, 1].map(|size| push(&mut queue, size)), [Ok(false), Ok(false), Ok(true)]);
        queue.parked = false;
        assert_eq!(push(&mut queue, 1), Ok(false), "it is awake already");
        assert_eq!(take(&mut queue), (0, 3));
        assert_eq!(take(&mut queue), (3, 1));
        queue.parked = true;
        assert_eq!(
            [50, 49, 1].map(|size| push(&mut queue, size)),
            [Ok(false), Ok(false), Ok(true)],
            "bytes fill it too"
        );
    }

    #[test]
    fn immediate_mode_wakes_at_the_first_span() {
        let mut queue = queue(Settings { immediate: true, ..Settings::default() });
        queue.parked = true;
        assert_eq!(push(&mut queue, 1), Ok(true));
        assert!(queue.batch_is_due());
    }

    #[test]
    fn count_and_bytes_bound_the_queue_and_refused_spans_take_no_number() {
        let mut queue = queue(Settings { max_queue_size: 3, max_queue_bytes: 100, ..Settings::default() });
        assert_eq!(push(&mut queue, 101), Ok(false), "an empty queue takes any size");
        assert_eq!(push(&mut queue, 1), Err(Refused::QueueFull));
        assert_eq!(take(&mut queue), (0, 1));
        for size in [40, 40, 20] {
            push(&mut queue, size).unwrap();
        }
        assert_eq!(push(&mut queue, 0), Err(Refused::QueueFull), "three spans");
        let health = queue.health();
        assert_eq!((health.queued, health.queued_bytes, health.in_flight), (3, 100, 1));
        assert_eq!((health.accepted, health.rejected.queue_full, health.offered), (4, 2, 6));
        assert!(health.adds_up());
        assert_eq!(queue.take(&mut VecDeque::new()), 1, "no hole");
    }

    #[test]
    fn spans_that_come_together_are_taken_all_or_none_and_written_soon() {
        let slots = |number| -> Vec<Slot> {
            let record = || SpanRecord::new(TraceId::generate(0), SpanId::generate(), "span", 0);
            (0..number).map(|_| Slot::new(record())).collect()
        };
        let mut queue = queue(Settings { max_queue_size: 3, max_export_batch_size: 3, ..Settings::default() });
        assert_eq!(queue.push_all(&mut slots(2)), Ok(0..2));
        assert!(queue.batch_is_due());
        let mut refused = slots(2);
        assert_eq!(queue.push_all(&mut refused), Err(Refused::QueueFull));
        assert_eq!(refused.len(), 2, "its owner drops them outside the lock");
        assert_eq!(queue.push_all(&mut slots(1)), Ok(2..3));
        assert_eq!(take(&mut queue), (0, 3));
        assert_eq!(queue.push_all(&mut slots(7)), Ok(3..10), "an empty queue takes any number");
        let health = queue.health();
        assert_eq!((health.accepted, health.rejected.queue_full, health.queued), (10, 2, 7));
        assert!(health.adds_up());
        queue.close();
        assert_eq!(queue.push_all(&mut slots(1)), Err(Refused::AfterShutdown));
        assert!(queue.health().adds_up());
    }

    #[test]
    fn a_batch_is_bounded_by_bytes_and_never_empty() {
        let mut queue = queue(Settings { max_batch_bytes: 10, ..Settings::default() });
        for size in [4, 4, 4, 30, 1] {
            push(&mut queue, size).unwrap();
        }
        let batches: Vec<_> = (0..4).map(|_| take(&mut queue)).collect();
        assert_eq!(batches, [(0, 2), (2, 1), (3, 1), (4, 1)]);
        assert_eq!(queue.health().queued_bytes, 0);
    }

    #[test]
    fn closed_accounts_stay_as_they_are() {
        let mut queue = queue(Settings::default());
        for _ in 0..5 {
            push(&mut queue, 1).unwrap();
        }
        take(&mut queue);
        push(&mut queue, 1).unwrap();
        queue.stored(2);
        assert_eq!(queue.close().len(), 1);
        let closed = queue.health();
        assert_eq!((closed.stored, closed.dropped.shutdown_timeout, closed.queued, closed.in_flight), (2, 4, 0, 0));
        assert!(closed.adds_up());
        queue.stored(3);
        queue.poisoned();
        queue.panicked();
        assert_eq!(queue.health(), closed, "a sink that comes back late changes nothing");
        assert_eq!(push(&mut queue, 1), Err(Refused::AfterShutdown));
        assert!(queue.health().adds_up());
    }
}
