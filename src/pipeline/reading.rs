//! Reading spans: on the worker, or on a thread beside it while the worker waits for the store.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::flow::Flow;
use super::intake::{Interpret, Protect};
use super::isolation::isolated;
use super::queue::{Entry, Slot, count};
use crate::model::{InterpretedSpan, Origin, ProcessId, SpanRecord};

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

/// A span that could not be read.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) number: u64,
    pub(super) reason: String,
    /// It could not be protected, so nothing of it may be kept.
    pub(super) is_unprotected: bool,
}

/// How spans are read.
#[derive(Clone)]
pub(super) struct Reading {
    /// Takes out of a record what may not leave the process; before anything else sees it.
    pub(super) protect: Option<Protect>,
    pub(super) interpret: Interpret,
    pub(super) process: ProcessId,
}

impl Reading {
    /// Reads a batch whose first span has the number `first`, and leaves `slots` empty.
    pub(super) fn read(&self, first: u64, slots: &mut VecDeque<Slot>) -> Read {
        let end = first + count(slots.len());
        let (mut spans, mut failures) = (Vec::with_capacity(slots.len()), Vec::new());
        for (number, slot) in (first..end).zip(slots.drain(..)) {
            match self.read_one(number, slot.entry) {
                Ok(span) => spans.push(span),
                Err(unread) => failures.push(unread),
            }
        }
        Read { batch: Batch { spans, end }, failures }
    }

    /// Makes an entry's record and interprets it. A panic in that loses this span and no other.
    fn read_one(&self, number: u64, entry: Entry) -> Result<InterpretedSpan, Unread> {
        let mut what = "a span".to_owned();
        let is_unprotected = Cell::new(false);
        isolated(|| {
            let mut record = match entry {
                Entry::Record(record) => *record,
                Entry::Pending(pending) => pending.record(),
            };
            what = format!("span {} of trace {}", record.span_id, record.trace_id);
            record.origin = Some(Origin { process: self.process, sequence: number });
            is_unprotected.set(true);
            self.protect(&mut record);
            is_unprotected.set(false);
            (self.interpret)(record)
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

    pub(super) fn protect(&self, record: &mut SpanRecord) {
        if let Some(protect) = &self.protect {
            protect(record);
        }
    }
}

enum Task {
    /// Read this batch, whose first span has this number.
    Read(u64, VecDeque<Slot>),
    /// Free these spans: memory is cheapest freed where it was taken.
    Free(Vec<InterpretedSpan>),
}

/// A thread that reads one batch while the worker waits for the store to take another.
pub(super) struct Reader {
    tasks: Option<Sender<Task>>,
    read: Receiver<Read>,
    thread: Option<JoinHandle<()>>,
    /// The numbers of the spans that it is reading or has read: from the first to the one after the last.
    at_work_on: Option<(u64, u64)>,
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
                    Task::Read(first, mut slots) => {
                        let read = reading.read(first, &mut slots);
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
    pub(super) fn begin(&mut self, first: u64, slots: VecDeque<Slot>) {
        self.at_work_on = Some((first, first + count(slots.len())));
        self.send(Task::Read(first, slots));
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
        let (first, end) = self.at_work_on.take()?;
        let lost = || {
            let reason = "a span is left out: the thread that read it is gone; please report this";
            let failures = (first..end)
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
