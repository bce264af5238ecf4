//! The bounded queue and its accounts: plain state, kept under one lock so that the sums in [`Health`] hold at every instant.

mod spooled;

use std::collections::VecDeque;
use std::ops::Range;

use super::health::{DeadLettered, Discarded, Dropped, Health, HiddenContent, Rejected};
use super::inlet::Refused;
use super::line::{Line, Slot};
use super::selection::Selected;
use super::settings::Settings;
use super::spool::{Durability, SpoolHealth};

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

/// What the thread that writes to the spool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spooler {
    /// It sleeps until somebody wakes it.
    Parked,
    /// It lets some spans gather, for some milliseconds.
    Gathering,
    /// It is at work, or about to be.
    Awake,
    /// There is none, or it is done.
    Over,
}

/// Whom to wake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    Nobody,
    Worker,
    Spooler,
}

/// The queue, and what became of everything that was ever offered to it.
///
/// Spans are numbered as they are accepted, from 0; the queue holds the last of them, in order. So the number of accepted spans
/// is also the next span's number, and numbers below `settled` have met their fate.
///
/// Without a spool the worker takes spans from where they come in. With one, a thread takes them from there, writes them to a file, and
/// puts them into a second line, `ready`, for the worker; what has no room there is read back from the file (`unread`).
#[derive(Debug)]
pub(super) struct Queue {
    incoming: Line,
    ready: Line,
    pub(super) durability: Durability,
    /// Spans that are on their way from the one line to the other.
    at_spooler: u64,
    /// All spans below this number are in `ready`, or were, or in a file.
    spooled_to: u64,
    /// Spans in files that need them, wherever else they are.
    on_disk: u64,
    /// Of these, spans that are in no memory.
    unread: u64,
    /// Spans of other processes, which are gone.
    adopted: u64,
    /// Of these, spans that could not be read.
    adopted_damaged: u64,
    pub(super) spool: SpoolHealth,
    /// How the thread before the worker waits, if it does.
    pub(super) spooler: Spooler,
    /// Callers that wait for room.
    pub(super) blocked: usize,
    max_span_bytes: usize,
    /// Spans that may come before they are in a file.
    max_incoming: usize,
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
            incoming: Line::default(),
            ready: Line::default(),
            durability: settings.durability(),
            at_spooler: 0,
            spooled_to: 0,
            on_disk: 0,
            unread: 0,
            adopted: 0,
            adopted_damaged: 0,
            spool: SpoolHealth::default(),
            spooler: if settings.durability() == Durability::Spool { Spooler::Awake } else { Spooler::Over },
            blocked: 0,
            max_span_bytes: settings.max_span_bytes,
            max_incoming: settings.max_incoming(),
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

    /// Puts a span at the end, and says whom to wake: the worker once when a batch is full, not once a span.
    ///
    /// A refused one is left in `slot`, so that its owner drops it outside the lock.
    pub(super) fn push(&mut self, slot: &mut Option<Slot>) -> Result<Wake, Refused> {
        let size = slot.as_ref().map_or(0, Slot::size);
        self.expect_open(1)?;
        self.expect_not_too_large(size)?;
        if self.is_full(1, size) {
            return Err(self.refuse_full(1));
        }
        if let Some(slot) = slot.take() {
            self.incoming.push(slot);
            self.accepted += 1;
        }
        Ok(self.wake())
    }

    /// Puts spans at the end, to be written without waiting for a full batch; returns their numbers.
    ///
    /// All or none, and then they are left in `slots`. As an empty queue takes a span of any size, it takes them whatever their number.
    pub(super) fn push_all(&mut self, slots: &mut Vec<Slot>) -> Result<Range<u64>, Refused> {
        let offered = count(slots.len());
        self.expect_open(offered)?;
        let bytes = slots.iter().fold(0, |bytes: usize, slot| bytes.saturating_add(slot.size()));
        if self.is_full(slots.len(), bytes) {
            return Err(self.refuse_full(offered));
        }
        let first = self.accepted;
        slots.drain(..).for_each(|slot| self.incoming.push(slot));
        self.accepted += offered;
        self.drain_to = self.accepted;
        Ok(first..self.accepted)
    }

    /// Refuses spans once the pipeline is shut down.
    pub(super) const fn expect_open(&mut self, offered: u64) -> Result<(), Refused> {
        if matches!(self.phase, Phase::Open) {
            return Ok(());
        }
        self.rejected.after_shutdown += offered;
        Err(Refused::AfterShutdown)
    }

    pub(super) const fn expect_not_too_large(&mut self, size: usize) -> Result<(), Refused> {
        if size <= self.max_span_bytes {
            return Ok(());
        }
        self.rejected.too_large += 1;
        Err(Refused::TooLarge)
    }

    /// Whether the line cannot take so many more. An empty one takes anything, so that nothing is refused for ever.
    pub(super) fn is_full(&self, slots: usize, bytes: usize) -> bool {
        self.is_over(&self.incoming, self.max_incoming, slots, bytes)
    }

    fn is_over(&self, line: &Line, max_slots: usize, slots: usize, bytes: usize) -> bool {
        let is_over =
            line.len().saturating_add(slots) > max_slots || line.bytes().saturating_add(bytes) > self.max_bytes;
        is_over && !line.is_empty()
    }

    fn refuse_full(&mut self, offered: u64) -> Refused {
        if self.spool.failure.is_some() {
            return self.refuse_disk_full(offered);
        }
        self.rejected.queue_full += offered;
        Refused::QueueFull
    }

    /// Memory is full, and so is the disk.
    pub(super) const fn refuse_disk_full(&mut self, offered: u64) -> Refused {
        self.rejected.disk_full += offered;
        Refused::DiskFull
    }

    fn wake(&self) -> Wake {
        let line = self.line();
        let batch_is_full = line.len() >= self.wake_slots || line.bytes() >= self.batch_bytes;
        if self.durability == Durability::Spool {
            match self.spooler {
                Spooler::Parked => Wake::Spooler,
                Spooler::Gathering if self.wake_slots == 1 || self.has_many() => Wake::Spooler,
                _ => Wake::Nobody,
            }
        } else if self.parked && batch_is_full {
            Wake::Worker
        } else {
            Wake::Nobody
        }
    }

    /// Where the worker takes spans from.
    const fn line(&self) -> &Line {
        if matches!(self.durability, Durability::Memory) { &self.incoming } else { &self.ready }
    }

    const fn line_mut(&mut self) -> &mut Line {
        if matches!(self.durability, Durability::Memory) { &mut self.incoming } else { &mut self.ready }
    }

    /// A span was left out by a sampler.
    pub(super) fn sampled_out(&mut self) {
        self.rejected.sampled_out += 1;
    }

    fn threshold_is_crossed(&self) -> bool {
        let line = self.line();
        line.len() >= self.wake_slots || line.bytes() >= self.batch_bytes
    }

    /// Asks for all that is queued now to be written without waiting for a full batch; returns the number after the last of it.
    pub(super) fn drain(&mut self) -> u64 {
        self.drain_to = self.accepted;
        self.accepted
    }

    /// Whether there is something to write, and reason to write it now.
    pub(super) fn batch_is_due(&self) -> bool {
        !self.line().is_empty()
            && (self.phase == Phase::Closing || self.threshold_is_crossed() || self.first_number() < self.drain_to)
    }

    /// The number of the first span that the worker can take.
    fn first_number(&self) -> u64 {
        self.ready.first_number().unwrap_or_else(|| self.accepted - count(self.incoming.len()))
    }

    /// Moves the next batch into `batch`, which is empty, and into flight; returns the numbers that are met with it, those of its spans
    /// among them.
    pub(super) fn take(&mut self, batch: &mut VecDeque<Slot>) -> Range<u64> {
        let first = self.first_number();
        let (slots, bytes) = (self.batch_slots, self.batch_bytes);
        self.line_mut().take(slots, bytes, batch);
        self.in_flight += count(batch.len());
        if self.durability == Durability::Memory {
            return first..first + count(batch.len());
        }
        let last = batch.back().and_then(Slot::number).map_or(first, |number| number + 1);
        first..self.ready.first_number().unwrap_or(if self.unread > 0 { last } else { self.spooled_to })
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

    /// The number of spans that were accepted so far.
    pub(super) const fn accepted(&self) -> u64 {
        self.accepted
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

    /// So many of the spans that met their fate were in files, and their segments know it.
    pub(super) fn leave_disk(&mut self, spans: u64) {
        if self.phase != Phase::Over {
            self.on_disk = self.on_disk.saturating_sub(spans);
        }
    }

    /// Closes the accounts: what waits or is in flight, and is in no file, is dropped. Returns it, to be freed outside the lock.
    pub(super) fn close(&mut self) -> [Line; 2] {
        let waiting = count(self.incoming.len() + self.ready.len()) + self.at_spooler + self.unread;
        let unsettled = waiting + self.in_flight + self.held;
        let safe = self.on_disk.min(unsettled);
        self.dropped.shutdown_timeout += unsettled - safe;
        (self.at_spooler, self.in_flight, self.held) = (0, 0, 0);
        (self.unread, self.on_disk) = (safe, safe);
        self.phase = Phase::Over;
        [std::mem::take(&mut self.incoming), std::mem::take(&mut self.ready)]
    }

    /// Whether all that waits is on the disk, and there is something.
    pub(super) fn is_safe(&self) -> bool {
        let waiting = count(self.incoming.len() + self.ready.len()) + self.at_spooler + self.unread;
        self.on_disk > 0 && self.on_disk >= waiting + self.in_flight + self.held
    }

    /// Spans that the pipeline left on the disk when it ended.
    pub(super) const fn left_on_disk(&self) -> u64 {
        if matches!(self.phase, Phase::Over) { self.unread } else { 0 }
    }

    /// Whether the worker finds nothing in memory.
    pub(super) fn is_empty(&self) -> bool {
        self.line().is_empty()
    }

    /// Whether spans are only in files.
    pub(super) const fn has_unread(&self) -> bool {
        self.unread > 0
    }

    /// Whether nothing more can come to the worker.
    pub(super) fn is_exhausted(&self) -> bool {
        let is_over = self.durability != Durability::Spool || matches!(self.spooler, Spooler::Over);
        is_over && self.is_empty() && self.unread == 0
    }

    /// How many spans the next batch has, unless their bytes make it fewer.
    pub(super) fn next_len(&self) -> usize {
        self.line().len().min(self.batch_slots)
    }

    /// All counters, as they stand; the other sinks keep their own.
    pub(super) fn health(&self) -> Health {
        Health {
            offered: self.accepted + self.adopted + self.rejected.total(),
            accepted: self.accepted + self.adopted,
            adopted: self.adopted,
            rejected: self.rejected,
            stored: self.stored,
            queued: count(self.incoming.len() + self.ready.len() - self.ready.on_disk()) + self.at_spooler,
            queued_bytes: count(self.incoming.bytes().saturating_add(self.ready.bytes())),
            in_flight: self.in_flight,
            spooled: count(self.ready.on_disk()) + self.unread,
            spool: SpoolHealth { durability: self.durability, ..self.spool.clone() },
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
    use crate::model::{SpanId, SpanRecord, TraceId};
    use crate::pipeline::line::Entry;

    fn queue(settings: Settings) -> Queue {
        Queue::new(&settings.clamped())
    }

    fn push(queue: &mut Queue, size: usize) -> Result<bool, Refused> {
        let record = SpanRecord::new(TraceId::generate(0), SpanId::generate(), "span", 0);
        queue.push(&mut Some(Slot::of(Entry::Record(Box::new(record)), size))).map(|wake| wake != Wake::Nobody)
    }

    fn take(queue: &mut Queue) -> (u64, usize) {
        let mut batch = VecDeque::new();
        let numbers = queue.take(&mut batch);
        (numbers.start, batch.len())
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
        assert_eq!(take(&mut queue), (1, 3), "no hole");
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
        assert_eq!(queue.close().map(|line| line.len()), [1, 0]);
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
