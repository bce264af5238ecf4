//! Between the two lines of a pipeline with a spool: what its thread waits for, and where spans go from there.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::flow::{Flow, State, wait};
use super::line::Slot;
use super::preparing::Unread;
use super::queue::{Phase, Spooler, Wake};
use super::spool::{self, DiskGuard, Group, Unwritten, WhenFull};
use crate::model::SpanRecord;

/// How long spans gather before they are written. With what writing takes, a span is on the disk within ten milliseconds.
const GATHER: Duration = Duration::from_millis(4);
/// So often the thread looks again before it sleeps for good: while spans keep coming, nobody has to wake it.
const LOOKS: u32 = 8;
/// How long a disk that failed is left alone.
pub(super) const DISK_PAUSE: Duration = Duration::from_millis(100);

/// The spooler's side.
impl Flow {
    /// Waits for spans to write: all that came, with their numbers. `None` at the end.
    pub(super) fn next_to_spool(&self, slots: &mut VecDeque<Slot>) -> Option<Range<u64>> {
        let mut state = self.lock();
        let mut looks = 0;
        loop {
            let queue = &mut state.queue;
            if queue.phase == Phase::Over || (queue.phase == Phase::Closing && queue.nothing_comes()) {
                return None;
            }
            // What came while it looked away has gathered already.
            if !queue.nothing_comes() && (looks > 0 || queue.is_urgent()) {
                let numbers = queue.take_incoming(slots);
                queue.spooler = Spooler::Awake;
                if queue.blocked > 0 {
                    self.room.notify_all();
                }
                return Some(numbers);
            }
            let is_asleep = queue.nothing_comes() && looks >= LOOKS;
            let now = Instant::now();
            if is_asleep {
                queue.spooler = Spooler::Parked;
                state = wait(&self.spool_work, state, None, now);
                looks = 0;
            } else {
                queue.spooler = Spooler::Gathering;
                looks += 1;
                state = wait(&self.spool_work, state, now.checked_add(GATHER), now);
            }
        }
    }

    /// Writes spans to the disk, and hands them on: in memory, if there is room and none before them is only on the disk.
    ///
    /// While neither takes them, it waits: then the callers' line fills, and theirs are refused.
    pub(super) fn place(&self, mut spans: Prepared, unread: Vec<Unread>) {
        let Some(spool) = &self.spool else { return };
        let (group, failed) = spool::encode(&mut spans.records, spans.numbers.clone());
        {
            let mut state = self.lock();
            state.tell_unread(unread);
            state.tell_unread(failed);
        }
        loop {
            let mut disk = spool.lock();
            let written = if spans.records.is_empty() { Ok(()) } else { disk.append(&group) };
            let mut state = self.lock();
            let kept = match written {
                Ok(()) => state.keep_written(&mut spans, &group, &mut disk),
                Err(unwritten) => state.keep_unwritten(&mut spans, unwritten, spool.when_full, &mut disk),
            };
            drop(disk);
            match kept {
                Kept::Yes(wake) => {
                    state.queue.spooled_to(spans.numbers.end);
                    return self.wake(state, wake);
                }
                Kept::Dropped => {
                    state.queue.drop_at_spooler(spans.records.len());
                    state.queue.spooled_to(spans.numbers.end);
                    let wake = state.queue.wake_worker();
                    return self.wake(state, wake);
                }
                Kept::Again => drop(state),
                Kept::Wait => {
                    // What is stored makes room, so the worker is not to wait for more.
                    state.queue.drain();
                    self.work.notify_one();
                    let now = Instant::now();
                    if state.queue.phase != Phase::Over {
                        state = wait(&self.spool_work, state, now.checked_add(DISK_PAUSE), now);
                    }
                    if state.queue.phase == Phase::Over {
                        return;
                    }
                }
            }
            spool.sweep();
        }
    }

    /// The thread had a bug: what it had at hand is lost.
    pub(super) fn spooler_failed(&self) {
        self.lock().queue.lose_at_spooler();
    }

    /// The thread is done.
    pub(super) fn spooler_is_over(&self) {
        let mut state = self.lock();
        state.queue.spooler = Spooler::Over;
        let is_over = state.queue.phase == Phase::Over;
        drop(state);
        self.work.notify_one();
        if is_over {
            self.release_spool();
        }
    }

    /// Spans that the disk gave back, to be written: `None` when all are in memory again.
    pub(super) fn read_back(&self, slots: &mut VecDeque<Slot>) -> std::io::Result<Option<Range<u64>>> {
        let Some(spool) = &self.spool else { return Ok(None) };
        let (max_slots, max_bytes) = self.lock().queue.batch_limits();
        let Some(chunk) = spool.read_back(max_slots, max_bytes)? else { return Ok(None) };
        let last = chunk.records.last().and_then(|record| record.origin).map(|origin| origin.sequence + 1);
        slots.extend(chunk.records.into_iter().map(Slot::prepared));
        let disk = spool.lock();
        let mut state = self.lock();
        let end = state.queue.read_back(slots.len(), chunk.damaged, last);
        state.queue.spool_size(disk.size());
        Ok(Some(end..end))
    }

    /// Leaves the files to other processes. Whoever writes just now does it afterwards.
    pub(super) fn release_spool(&self) {
        if let Some(spool) = &self.spool {
            spool.leave(&[]);
        }
    }
}

/// Spans with their records, and what they count for.
pub(super) struct Prepared {
    pub(super) records: Vec<SpanRecord>,
    /// Their numbers; those of spans that could not be read are among them.
    pub(super) numbers: Range<u64>,
    bytes: usize,
}

impl Prepared {
    pub(super) fn new(records: Vec<SpanRecord>, numbers: Range<u64>) -> Self {
        let bytes = records.iter().fold(0, |bytes: usize, record| bytes.saturating_add(record.size()));
        Self { records, numbers, bytes }
    }
}

/// What became of spans that were to be kept.
pub(super) enum Kept {
    /// They are in memory, on the disk, or on both.
    Yes(Wake),
    /// There is no room for them, and the policy says so: nothing else is to be dropped for them, and nobody waits.
    Dropped,
    /// Others were dropped: now there may be room.
    Again,
    /// There may be room later.
    Wait,
}

impl State {
    /// Spans that could not be read: they are accounted for here, and the worker tells of them.
    pub(super) fn tell_unread(&mut self, unread: Vec<Unread>) {
        for Unread { number, reason, is_unprotected } in &unread {
            self.queue.unread_at_spooler(*is_unprotected);
            self.receipts.leave_out(*number, reason);
        }
        self.unread.extend(unread);
    }

    /// Spans are on the disk. They stay in memory too, if there is room.
    pub(super) fn keep_written(&mut self, spans: &mut Prepared, group: &Group, disk: &mut DiskGuard<'_>) -> Kept {
        self.queue.spool.failure = None;
        self.queue.came_to_disk(group.count);
        if disk.has_unread() || !self.queue.has_room(spans.records.len(), spans.bytes) {
            disk.leave_to_disk(group);
            self.queue.leave_to_disk(spans.records.len());
            self.queue.spool_size(disk.size());
            return Kept::Yes(self.queue.wake_worker());
        }
        self.queue.spool_size(disk.size());
        self.make_ready(spans, true)
    }

    /// Spans could not be written.
    pub(super) fn keep_unwritten(
        &mut self,
        spans: &mut Prepared,
        unwritten: Unwritten,
        when_full: WhenFull,
        disk: &mut DiskGuard<'_>,
    ) -> Kept {
        let is_full = match unwritten {
            Unwritten::Full => true,
            Unwritten::Failed(error) => {
                self.queue.spool.failure = Some(error.to_string());
                false
            }
        };
        if !disk.has_unread() && self.queue.has_room(spans.records.len(), spans.bytes) {
            return self.make_ready(spans, false);
        }
        match when_full {
            WhenFull::DropOldest if is_full => match disk.drop_oldest() {
                Some(dropped) => {
                    self.queue.drop_unread(dropped);
                    self.queue.spool_size(disk.size());
                    Kept::Again
                }
                None => Kept::Dropped,
            },
            WhenFull::DropNewest if is_full => Kept::Dropped,
            _ => Kept::Wait,
        }
    }

    fn make_ready(&mut self, spans: &mut Prepared, on_disk: bool) -> Kept {
        self.queue.make_ready(spans.records.drain(..).map(|record| Slot::prepared(record).on_disk(on_disk)));
        Kept::Yes(self.queue.wake_worker())
    }
}
