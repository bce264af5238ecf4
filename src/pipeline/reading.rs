//! Reading spans: on the worker, or on a thread beside it while the worker waits for the store.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::flow::Flow;
use super::intake::Interpret;
use super::isolation::isolated;
use super::line::Slot;
use super::preparing::{Preparing, Unread};
use crate::model::InterpretedSpan;

/// Spans that were taken from the queue together.
#[derive(Debug)]
pub(super) struct Batch {
    /// Without those that could not be read.
    pub(super) spans: Vec<InterpretedSpan>,
    /// The number after the last one's.
    pub(super) end: u64,
}

/// A batch, and what is to be told about the spans that are not in it.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) batch: Batch,
    pub(super) failures: Vec<Unread>,
}

/// How spans are read.
#[derive(Clone)]
pub(super) struct Reading {
    pub(super) interpret: Interpret,
    pub(super) preparing: Preparing,
}

impl Reading {
    /// Reads a batch, and leaves `slots` empty. Spans that have no number yet get these, in order.
    pub(super) fn read(&self, numbers: Range<u64>, slots: &mut VecDeque<Slot>) -> Read {
        let end = numbers.end;
        let (mut spans, mut failures) = (Vec::with_capacity(slots.len()), Vec::new());
        for (place, slot) in (numbers.start..).zip(slots.drain(..)) {
            let number = slot.number().unwrap_or(place);
            match self.read_one(number, slot) {
                Ok(span) => spans.push(span),
                Err(failure) => failures.push(failure),
            }
        }
        Read { batch: Batch { spans, end }, failures }
    }

    /// Interprets a slot's record. A panic in that loses this span and no other.
    fn read_one(&self, number: u64, slot: Slot) -> Result<InterpretedSpan, Unread> {
        let record = self.preparing.prepare(number, slot)?;
        let what = (record.span_id, record.trace_id);
        isolated(|| (self.interpret)(record)).map_err(|panic| {
            let (span_id, trace_id) = what;
            let reason = format!("span {span_id} of trace {trace_id} is left out: reading it panicked: {panic}");
            Unread { number, reason, is_unprotected: false }
        })
    }
}

enum Task {
    /// Read this batch, whose spans have these numbers.
    Read(Range<u64>, VecDeque<Slot>),
    /// Free these spans: memory is cheapest freed where it was taken.
    Free(Vec<InterpretedSpan>),
}

/// A thread that reads one batch while the worker waits for the store to take another.
pub(super) struct Reader {
    tasks: Option<Sender<Task>>,
    read: Receiver<Read>,
    thread: Option<JoinHandle<()>>,
    /// The numbers of the spans that it is reading or has read, and the one up to which all are met with them.
    at_work_on: Option<(Vec<u64>, u64)>,
}

impl Reader {
    /// Starts the thread; none where the system gives none.
    pub(super) fn start(reading: Reading, flow: &Arc<Flow>) -> Option<Self> {
        let (tasks, given) = channel();
        let (give_back, read) = channel();
        let flow = Arc::clone(flow);
        let work = move || {
            flow.enter_reader();
            while let Ok(task) = given.recv() {
                match task {
                    Task::Read(numbers, mut slots) => {
                        let read = reading.read(numbers, &mut slots);
                        // The first to ask for a span's content encodes it: better here than there. What fails here fails there again.
                        let _ = isolated(|| read.batch.spans.iter().for_each(|span| drop(span.content())));
                        if give_back.send(read).is_err() {
                            return;
                        }
                    }
                    Task::Free(spans) => drop(spans),
                }
            }
        };
        let thread = std::thread::Builder::new().name("tracing-agents-reader".to_owned()).spawn(work).ok()?;
        Some(Self { tasks: Some(tasks), read, thread: Some(thread), at_work_on: None })
    }

    /// Whether it has a batch that was not taken back yet.
    pub(super) const fn is_at_work(&self) -> bool {
        self.at_work_on.is_some()
    }

    /// Gives it a batch to read; it must have none.
    pub(super) fn begin(&mut self, numbers: Range<u64>, slots: VecDeque<Slot>) {
        let of_slots = (numbers.start..).zip(&slots).map(|(place, slot)| slot.number().unwrap_or(place)).collect();
        self.at_work_on = Some((of_slots, numbers.end));
        self.send(Task::Read(numbers, slots));
    }

    /// Gives it spans that nobody needs any more.
    pub(super) fn free(&self, spans: Vec<InterpretedSpan>) {
        self.send(Task::Free(spans));
    }

    fn send(&self, task: Task) {
        if let Some(tasks) = &self.tasks {
            // Should the thread be gone, nothing comes back: that is seen there.
            let _ = tasks.send(task);
        }
    }

    /// Waits for the batch that it was given; none where it has none.
    pub(super) fn end(&mut self) -> Option<Read> {
        let (numbers, end) = self.at_work_on.take()?;
        let lost = || {
            let reason = "a span is left out: the thread that read it is gone; please report this";
            let failures = numbers
                .into_iter()
                .map(|number| Unread { number, reason: reason.to_owned(), is_unprotected: false })
                .collect();
            Read { batch: Batch { spans: Vec::new(), end }, failures }
        };
        Some(self.read.recv().unwrap_or_else(|_| lost()))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It ends when no more batches can come.
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
