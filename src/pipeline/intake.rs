//! From what was accepted to spans that are understood.

use std::collections::VecDeque;
use std::sync::Arc;

use super::flow::Flow;
use super::isolation::isolated;
use super::queue::{Entry, Queue, Slot, count};
use super::report::Reporter;
use crate::error::Error;
use crate::model::{InterpretedSpan, Origin, ProcessId, SpanRecord, SpanState};

/// How a record becomes a span that is understood. Pure; runs on the worker.
pub type Interpret = fn(SpanRecord) -> InterpretedSpan;

/// Spans that were taken from the queue together.
#[derive(Debug)]
pub(super) struct Batch {
    /// Without those that could not be read.
    pub(super) spans: Vec<InterpretedSpan>,
    /// The number after the last one's.
    pub(super) end: u64,
}

/// Reads spans, and tells what went wrong.
pub(super) struct Intake {
    pub(super) flow: Arc<Flow>,
    pub(super) interpret: Interpret,
    pub(super) process: ProcessId,
    pub(super) reporter: Reporter,
    /// Refused spans that were reported.
    pub(super) refusals_reported: u64,
}

impl Intake {
    /// Reads a batch whose first span has the number `first`, and leaves `slots` empty.
    pub(super) fn read(&mut self, first: u64, slots: &mut VecDeque<Slot>) -> Batch {
        let end = first + count(slots.len());
        let spans = (first..end).zip(slots.drain(..)).filter_map(|(number, slot)| self.read_one(number, slot.entry));
        Batch { spans: spans.collect(), end }
    }

    /// Takes the next batch before it is due; `None` when nothing is queued.
    pub(super) fn take_ahead(&mut self) -> Option<Batch> {
        let mut slots = VecDeque::new();
        let first = self.flow.take_ahead(&mut slots)?;
        Some(self.read(first, &mut slots))
    }

    /// Makes an entry's record and interprets it. A panic in that loses this span and no other.
    fn read_one(&mut self, number: u64, entry: Entry) -> Option<InterpretedSpan> {
        let (interpret, process) = (self.interpret, self.process);
        let mut what = "a span".to_owned();
        let read = isolated(|| {
            let mut record = match entry {
                Entry::Record(record) => *record,
                Entry::Pending(pending) => pending.record(),
            };
            what = format!("span {} of trace {}", record.span_id, record.trace_id);
            record.origin = Some(Origin { process, sequence: number });
            interpret(record)
        });
        read.map_err(|panic| {
            self.flow.account(Queue::panicked);
            self.fail(&Error::write(format!("{what} is left out: reading it panicked: {panic}")));
        })
        .ok()
    }

    /// Reads a span that is still open.
    pub(super) fn read_open(&mut self, mut record: SpanRecord) -> Option<InterpretedSpan> {
        let interpret = self.interpret;
        record.state = SpanState::Open;
        match isolated(|| interpret(record)) {
            Ok(mut span) => {
                // No number: it gets one when it ends. Whose it is must be known, to tell when the process died with it open.
                span.span.process_id = Some(self.process);
                Some(span)
            }
            Err(panic) => {
                self.fail(&Error::write(format!("an open span is left out: reading it panicked: {panic}")));
                None
            }
        }
    }

    /// The records of all spans that are open now.
    pub(super) fn snapshot_live(&mut self) -> Vec<SpanRecord> {
        let flow = Arc::clone(&self.flow);
        flow.live.snapshot(|error| self.fail(&error))
    }

    /// Refusals happen on the callers' threads, which must not wait for a callback; so they are reported here, some at a time.
    pub(super) fn report_refusals(&mut self) {
        let mut refused = 0;
        self.flow.account(|queue| refused = queue.rejected.queue_full);
        let news = refused - self.refusals_reported;
        if news > 0 {
            self.refusals_reported = refused;
            self.fail(&Error::write(format!("{news} spans were refused because the queue was full")));
        }
    }

    /// Something went wrong: health shows it, the host is told.
    pub(super) fn fail(&mut self, error: &Error) {
        self.flow.note(error);
        self.reporter.report(error);
    }
}
