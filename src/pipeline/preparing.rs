//! From what was accepted to a record with its number, on whatever thread does that.

use std::collections::VecDeque;
use std::ops::Range;

use super::isolation::isolated;
use super::line::{Entry, Slot};
use crate::model::{Origin, ProcessId, SpanRecord};

/// How records are made.
#[derive(Debug, Clone)]
pub(super) struct Preparing {
    pub(super) process: ProcessId,
}

/// A span that could not be read.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) number: u64,
    pub(super) reason: String,
}

impl Preparing {
    /// Makes a slot's record. A panic in that loses this span and no other.
    pub(super) fn prepare(&self, number: u64, slot: Slot) -> Result<SpanRecord, Unread> {
        let mut what = "a span".to_owned();
        isolated(|| {
            let mut record = match slot.entry {
                Entry::Record(record) if slot.is_prepared => return *record,
                Entry::Record(record) => *record,
                Entry::Pending(pending) => pending.record(),
            };
            what = format!("span {} of trace {}", record.span_id, record.trace_id);
            record.origin = Some(Origin { process: self.process, sequence: number });
            record
        })
        .map_err(|panic| Unread { number, reason: format!("{what} is left out: reading it panicked: {panic}") })
    }

    /// Makes the records of slots with these numbers, and leaves `slots` empty.
    pub(super) fn prepare_all(
        &self,
        numbers: Range<u64>,
        slots: &mut VecDeque<Slot>,
    ) -> (Vec<SpanRecord>, Vec<Unread>) {
        let (mut records, mut unread) = (Vec::with_capacity(slots.len()), Vec::new());
        for (number, slot) in numbers.zip(slots.drain(..)) {
            match self.prepare(number, slot) {
                Ok(record) => records.push(record),
                Err(failure) => unread.push(failure),
            }
        }
        (records, unread)
    }
}
