//! From what was accepted to a record with its number, on whatever thread does that.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::isolation::isolated;
use super::line::{Entry, Slot};
use crate::model::{Origin, ProcessId, SpanRecord};

/// Takes out of records what may not leave the process.
pub(crate) trait Protect: Send + Sync {
    /// A record that cannot be protected is lost when this panics.
    fn protect(&self, record: &mut SpanRecord);

    /// Texts so far that were given up as a whole, since it could not be told what of them may leave.
    fn texts_given_up(&self) -> u64;
}

/// How records are made.
#[derive(Clone)]
pub(super) struct Preparing {
    pub(super) process: ProcessId,
    /// Runs before anything else sees a record.
    pub(super) protect: Option<Arc<dyn Protect>>,
}

/// A span that could not be read.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) number: u64,
    pub(super) reason: String,
    /// It could not be protected, so nothing of it may be kept.
    pub(super) is_unprotected: bool,
}

impl Preparing {
    pub(super) fn protect(&self, record: &mut SpanRecord) {
        if let Some(protect) = &self.protect {
            protect.protect(record);
        }
    }

    /// Makes a slot's record. A panic in that loses this span and no other.
    pub(super) fn prepare(&self, number: u64, slot: Slot) -> Result<SpanRecord, Unread> {
        let mut what = "a span".to_owned();
        let is_unprotected = Cell::new(false);
        isolated(|| {
            let mut record = match slot.entry {
                Entry::Record(record) if slot.is_prepared => return *record,
                Entry::Record(record) => *record,
                Entry::Pending(pending) => {
                    let record = pending.record();
                    pending.release();
                    record
                }
            };
            what = format!("span {} of trace {}", record.span_id, record.trace_id);
            record.origin = Some(Origin { process: self.process, sequence: number });
            is_unprotected.set(true);
            self.protect(&mut record);
            record
        })
        .map_err(|panic| {
            let is_unprotected = is_unprotected.get();
            let reason = match is_unprotected {
                // What the panic says may be what was to be taken out.
                true => format!("{what} is left out: its redaction failed"),
                false => format!("{what} is left out: reading it panicked: {panic}"),
            };
            Unread { number, reason, is_unprotected }
        })
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
