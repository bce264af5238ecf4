//! The accounts of spans on their way to the worker by a spool.

use std::collections::VecDeque;
use std::ops::Range;

use super::{Phase, Queue, Wake, count};
use crate::pipeline::inlet::Refused;
use crate::pipeline::line::Slot;
use crate::pipeline::losses::Totals;

impl Queue {
    /// Whether nothing waits for the thread before the worker.
    pub(in crate::pipeline) fn nothing_comes(&self) -> bool {
        self.incoming.is_empty()
    }

    /// Whether that thread is not to wait for more.
    pub(in crate::pipeline) fn is_urgent(&self) -> bool {
        let first = self.accepted - count(self.incoming.len());
        self.phase != Phase::Open || first < self.drain_to || self.wake_slots == 1 || self.has_many()
    }

    pub(super) fn has_many(&self) -> bool {
        self.incoming.len() > self.max_slots / 2 || self.incoming.bytes() > self.max_bytes / 2
    }

    /// Moves what came into `slots`, which is empty, as much as fits into the second line; returns the numbers.
    pub(in crate::pipeline) fn take_incoming(&mut self, slots: &mut VecDeque<Slot>) -> Range<u64> {
        let first = self.accepted - count(self.incoming.len());
        self.incoming.take(self.max_slots, self.max_bytes, slots);
        let taken = count(slots.len());
        self.at_spooler += taken;
        first..first + taken
    }

    /// The number that the next span will have.
    pub(in crate::pipeline) fn next_number(&mut self, offered: u64) -> Result<u64, Refused> {
        self.expect_open(offered)?;
        Ok(self.accepted)
    }

    /// Accepts spans that are about to go on.
    pub(in crate::pipeline) const fn accept_at_spooler(&mut self, spans: u64) {
        self.accepted += spans;
        self.at_spooler += spans;
    }

    /// Takes that back: they are refused.
    pub(in crate::pipeline) const fn take_back(&mut self, spans: u64) {
        self.accepted -= spans;
        self.at_spooler -= spans;
    }

    /// Accepts spans although the accounts are closed: those that are on the disk stay there. The others were not readable.
    pub(in crate::pipeline) const fn accept_late(&mut self, spans: u64, on_disk: u64) {
        self.accepted += spans;
        self.unread += on_disk;
        self.on_disk += on_disk;
        self.dead_lettered.panic += spans.saturating_sub(on_disk);
    }

    /// Whether the second line has room for so many spans.
    pub(in crate::pipeline) fn has_room(&self, spans: usize, bytes: usize) -> bool {
        !self.is_over(&self.ready, self.max_slots, spans, bytes)
    }

    /// Spans go on in memory.
    pub(in crate::pipeline) fn make_ready(&mut self, slots: impl Iterator<Item = Slot>) {
        for slot in slots {
            if self.phase != Phase::Over {
                self.at_spooler = self.at_spooler.saturating_sub(1);
                self.ready.push(slot);
            }
        }
    }

    /// Spans go on by the disk alone.
    pub(in crate::pipeline) fn leave_to_disk(&mut self, spans: usize) {
        if self.phase != Phase::Over {
            self.at_spooler = self.at_spooler.saturating_sub(count(spans));
            self.unread += count(spans);
        }
    }

    /// Spans are in a file now.
    pub(in crate::pipeline) fn came_to_disk(&mut self, spans: u64) {
        if self.phase != Phase::Over {
            self.on_disk += spans;
        }
    }

    /// All spans below `number` have gone on.
    pub(in crate::pipeline) fn spooled_to(&mut self, number: u64) {
        self.spooled_to = self.spooled_to.max(number);
    }

    /// A span could not be read, or not be protected.
    pub(in crate::pipeline) fn unread_at_spooler(&mut self, is_unprotected: bool) {
        if self.phase != Phase::Over {
            self.at_spooler = self.at_spooler.saturating_sub(1);
            let counter =
                if is_unprotected { &mut self.dropped.redaction_failed } else { &mut self.dead_lettered.panic };
            *counter += 1;
        }
    }

    /// Neither memory nor the disk has room for spans.
    pub(in crate::pipeline) fn drop_at_spooler(&mut self, spans: usize) {
        if self.phase != Phase::Over {
            self.at_spooler = self.at_spooler.saturating_sub(count(spans));
            self.dropped.spool_full += count(spans);
        }
    }

    /// Spans that were only on the disk made room for others.
    pub(in crate::pipeline) fn drop_unread(&mut self, spans: u64) {
        if self.phase != Phase::Over {
            self.unread = self.unread.saturating_sub(spans);
            self.dropped.spool_full += spans;
            self.leave_disk(spans);
        }
    }

    /// What was between the lines is lost by a bug.
    pub(in crate::pipeline) fn lose_at_spooler(&mut self) {
        self.dead_lettered.panic += std::mem::take(&mut self.at_spooler);
        self.spooled_to = self.accepted - count(self.incoming.len());
    }

    /// The disk gave spans back, which go into flight, and so many it will not. Returns the number up to which all are met with them;
    /// `last` is the one after the last of them.
    pub(in crate::pipeline) fn read_back(&mut self, spans: usize, damaged: u64, last: Option<u64>) -> u64 {
        if self.phase == Phase::Over {
            return self.settled;
        }
        self.unread = self.unread.saturating_sub(count(spans) + damaged);
        self.in_flight += count(spans);
        self.dropped.disk_error += damaged;
        self.leave_disk(damaged);
        if self.unread == 0 { self.spooled_to } else { last.unwrap_or(self.settled) }
    }

    /// Spans of another process are taken over: they go into flight, but for those that are damaged.
    pub(in crate::pipeline) fn adopt(&mut self, spans: u64, damaged: u64, torn_bytes: u64) {
        self.adopted += spans + damaged;
        self.dropped.disk_error += damaged;
        self.adopted_damaged += damaged;
        self.spool.torn_bytes += torn_bytes;
        self.in_flight += spans;
        self.on_disk += spans;
    }

    /// What became of this process's own spans, as far as they are not stored.
    pub(in crate::pipeline) fn totals(&self) -> Totals {
        let mut dropped = self.dropped;
        dropped.disk_error -= self.adopted_damaged;
        Totals { accepted: self.accepted, rejected: self.rejected, dropped, discarded: self.discarded.total() }
    }

    /// How much a batch may have.
    pub(in crate::pipeline) const fn batch_limits(&self) -> (usize, usize) {
        (self.batch_slots, self.batch_bytes)
    }

    pub(in crate::pipeline) const fn spool_size(&mut self, (segments, bytes): (u64, u64)) {
        (self.spool.segments, self.spool.bytes) = (segments, bytes);
    }

    /// Whether the worker is to be woken.
    pub(in crate::pipeline) fn wake_worker(&self) -> Wake {
        let is_due = self.batch_is_due() || self.unread > 0 || self.can_settle();
        if self.parked && is_due { Wake::Worker } else { Wake::Nobody }
    }

    /// Whether all that went on has met its fate, without the worker having been told: nothing of it could be read.
    pub(in crate::pipeline) fn can_settle(&self) -> bool {
        self.settled < self.spooled_to && self.ready.is_empty() && self.unread == 0 && self.in_flight == 0
    }

    /// Up to which number spans have gone on.
    pub(in crate::pipeline) const fn gone_on(&self) -> u64 {
        self.spooled_to
    }
}
