//! From what was accepted to spans that are understood.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::flow::Flow;
use super::inlet::OpenSpan;
use super::isolation::isolated;
use super::letters;
use super::line::Slot;
use super::preparing::Unread;
use super::queue::{Queue, count};
use super::reading::{Batch, Read, Reader, Reading};
use super::report::Reporter;
use super::selection::{Selected, Selection};
use super::spool::Found;
use crate::error::{Error, ErrorKind};
use crate::model::{DeadLetter, InterpretedSpan, Origin, ProcessId, SpanRecord, SpanState};

/// So many spans are worth being read by another thread.
const MIN_AHEAD: usize = 64;

/// Stands for any process but this one.
const ELSEWHERE: ProcessId = ProcessId::from_bytes([0; 16]);

/// How a record becomes a span that is understood and, where that can be told, priced.
pub(super) type Interpret = Arc<dyn Fn(SpanRecord) -> InterpretedSpan + Send + Sync>;

/// Reads spans, and tells what went wrong.
pub(super) struct Intake {
    pub(super) flow: Arc<Flow>,
    reading: Reading,
    /// Reads ahead; there from the first time that it is wanted.
    reader: Option<Reader>,
    reporter: Reporter,
    /// Refused spans that were reported.
    refusals_reported: u64,
    /// None where all that is read is written.
    selection: Option<Selection>,
    /// Texts that were given up, as far as they were reported.
    texts_reported: u64,
    /// Spans that cannot be stored, for the store to keep apart.
    pub(super) letters: Vec<DeadLetter>,
}

impl Intake {
    pub(super) const fn new(
        flow: Arc<Flow>,
        reading: Reading,
        reporter: Reporter,
        selection: Option<Selection>,
    ) -> Self {
        Self {
            flow,
            reading,
            reader: None,
            reporter,
            refusals_reported: 0,
            selection,
            texts_reported: 0,
            letters: Vec::new(),
        }
    }

    /// Reads a batch, and leaves `slots` empty. Spans that have no number yet get these, in order.
    pub(super) fn read(&mut self, numbers: Range<u64>, slots: &mut VecDeque<Slot>) -> Batch {
        let read = self.reading.read(numbers, slots);
        self.tell(read)
    }

    /// Reads what is only on the disk; `None` when all is in memory again, or the disk does not give it now.
    pub(super) fn read_back(&mut self) -> Option<Batch> {
        let mut slots = VecDeque::new();
        match self.flow.read_back(&mut slots) {
            Ok(numbers) => Some(self.read(numbers?, &mut slots)),
            Err(error) => {
                self.fail(&Error::with_source(ErrorKind::Query, "spans cannot be read back from the spool", error));
                None
            }
        }
    }

    /// Reads what another process left. It is kept whole: nothing more will come by which to select.
    pub(super) fn adopt(&mut self, found: Found) -> Batch {
        let Found { chunk, torn_bytes, .. } = found;
        self.flow.account(|queue| queue.adopt(count(chunk.records.len()), chunk.damaged, torn_bytes));
        let mut slots = chunk.records.into_iter().map(Slot::prepared).collect();
        let Read { batch, failures } = self.reading.read(0..0, &mut slots);
        for failure in failures {
            let origin = Origin { process: ELSEWHERE, sequence: failure.number };
            self.flow.land(std::iter::once(origin), Queue::panicked);
            self.letters.push(letters::unread(origin, &failure.reason));
            self.fail(&Error::write(failure.reason));
        }
        batch
    }

    /// Tells of spans that could not be read before they came to the worker.
    pub(super) fn tell_unread(&mut self) {
        let process = self.reading.preparing.process;
        for Unread { number, reason, is_unprotected } in self.flow.take_unread() {
            if !is_unprotected {
                self.letters.push(letters::unread(Origin { process, sequence: number }, &reason));
            }
            self.fail(&Error::write(reason));
        }
    }

    /// A span of this process will not be stored: who delivered it is told so.
    pub(super) fn left_out(&self, origin: Option<Origin>, reason: &str) {
        if let Some(origin) = origin.filter(|origin| origin.process == self.reading.preparing.process) {
            self.flow.left_out(origin.sequence, reason);
        }
    }

    /// Has the next batch read beside what the worker does now, if it is due and worth it.
    pub(super) fn read_ahead(&mut self) {
        if self.is_ahead() || !self.flow.is_due(MIN_AHEAD) {
            return;
        }
        if self.reader.is_none() {
            self.reader = Reader::start(self.reading.clone(), &self.flow);
        }
        // Without a thread the worker reads it in its turn.
        let Some(reader) = &mut self.reader else { return };
        let mut slots = VecDeque::new();
        if let Some(numbers) = self.flow.take_ahead(&mut slots) {
            reader.begin(numbers, slots);
        }
    }

    /// Whether a batch was read ahead: it comes before all that is queued.
    pub(super) fn is_ahead(&self) -> bool {
        self.reader.as_ref().is_some_and(Reader::is_at_work)
    }

    /// The batch that was read ahead.
    pub(super) fn ahead(&mut self) -> Option<Batch> {
        let read = self.reader.as_mut()?.end()?;
        Some(self.tell(read))
    }

    /// Takes a batch back that the store has had. One that other sinks still hold is freed by the last of them.
    pub(super) fn free(&self, batch: Arc<Batch>) {
        if let (Some(reader), Ok(batch)) = (&self.reader, Arc::try_unwrap(batch)) {
            reader.free(batch.spans);
        }
    }

    /// Takes the next batch before it is due; `None` when nothing is queued.
    pub(super) fn take_ahead(&mut self) -> Option<Batch> {
        if let Some(batch) = self.ahead() {
            return Some(batch);
        }
        let mut slots = VecDeque::new();
        match self.flow.take_ahead(&mut slots) {
            Some(numbers) => Some(self.read(numbers, &mut slots)),
            None => self.read_back(),
        }
    }

    /// Accounts for the spans that could not be read.
    fn tell(&mut self, Read { batch, failures }: Read) -> Batch {
        let process = self.reading.preparing.process;
        for Unread { number, reason, is_unprotected } in failures {
            let origin = std::iter::once(Origin { process, sequence: number });
            self.flow.land(origin, if is_unprotected { Queue::redaction_failed } else { Queue::panicked });
            self.flow.left_out(number, &reason);
            if !is_unprotected {
                self.letters.push(letters::unread(Origin { process, sequence: number }, &reason));
            }
            self.fail(&Error::write(reason));
        }
        let Some(selection) = &mut self.selection else { return batch };
        let came = batch.spans.len();
        let selected = selection.decide(batch.spans, Instant::now());
        Batch { spans: self.select(came, selected), end: batch.end }
    }

    /// What is to be written of spans that were held, of traces that are idle now, or of all at the `end`.
    pub(super) fn held(&mut self, end: bool) -> Option<Batch> {
        let selection = self.selection.as_mut()?;
        let selected = if end { selection.end() } else { selection.tick(Instant::now()) };
        let spans = self.select(0, selected);
        (!spans.is_empty()).then_some(Batch { spans, end: 0 })
    }

    /// Accounts for what is not to be written, or not yet.
    fn select(&self, came: usize, selected: Selected) -> Vec<InterpretedSpan> {
        if let Some(selection) = &self.selection {
            let (kept, discarded) = (selection.kept_traces(), selection.discarded_traces());
            self.flow.land(selected.discarded.iter().copied(), |queue| {
                queue.select(came, &selected);
                (queue.discarded.kept_traces, queue.discarded.traces) = (kept, discarded);
            });
            self.flow.kept_back(&selected.kept_back);
        }
        selected.keep
    }

    /// Of spans that are open, those that may be written; at the `end`, no more will be known of them.
    pub(super) fn shown(&self, mut open: Vec<SpanRecord>, end: bool) -> Vec<SpanRecord> {
        if let Some(selection) = &self.selection {
            open.retain(|record| if end { selection.keeps_open(record) } else { selection.shows(record) });
        }
        open
    }

    /// Reads a span that is still open.
    pub(super) fn read_open(&mut self, mut record: SpanRecord) -> Option<InterpretedSpan> {
        let reading = &self.reading;
        record.state = SpanState::Open;
        let is_unprotected = Cell::new(true);
        let read = isolated(|| {
            reading.preparing.protect(&mut record);
            is_unprotected.set(false);
            (reading.interpret)(record)
        });
        match read {
            Ok(mut span) => {
                // No number: it gets one when it ends. Whose it is must be known, to tell when the process died with it open.
                span.span.process_id = Some(reading.preparing.process);
                Some(span)
            }
            Err(_) if is_unprotected.get() => {
                self.fail(&Error::write("an open span is left out: its redaction failed"));
                None
            }
            Err(panic) => {
                self.fail(&Error::write(format!("an open span is left out: reading it panicked: {panic}")));
                None
            }
        }
    }

    /// All spans that are open now, or those that have been for some time.
    pub(super) fn open_spans(&mut self, min_age: Option<Duration>) -> Vec<OpenSpan> {
        let flow = Arc::clone(&self.flow);
        flow.live.open(min_age, |error| self.fail(&error))
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

    /// The same for spans that other sinks have no room for.
    pub(super) fn report_drops(&mut self) {
        for news in self.flow.sides.news_of_drops() {
            self.fail(&Error::write(news));
        }
    }

    /// Tells of texts that the redaction gave up. What panicked there is not said: it may be what was to be taken out.
    pub(super) fn report_redactions(&mut self) {
        let texts = self.reading.preparing.protect.as_ref().map_or(0, |protect| protect.texts_given_up());
        let news = texts.saturating_sub(self.texts_reported);
        if news > 0 {
            self.texts_reported = texts;
            self.fail(&Error::write(format!("texts of which nothing is kept, because a redactor panicked: {news}")));
        }
    }

    /// Tells of content that filters hide: of each framework once. It is the program's setup, and no failure of ours that a later
    /// success could take back, so it is not health's last error.
    pub(super) fn report_hidden_content(&mut self) {
        let flow = Arc::clone(&self.flow);
        let mut hidden = flow.live.hidden_content(|error| self.fail(&error));
        if !hidden.is_empty() {
            flow.account(|queue| hidden.retain(|hidden| queue.is_news(hidden)));
        }
        if !hidden.is_empty() {
            let hidden: Vec<_> = hidden.iter().map(ToString::to_string).collect();
            let message = format!(
                "a filter for the whole program hides what frameworks tell of their spans: {}; give it to the layers that it is for \
                 (`fmt::layer().with_filter(…)`), or let these events through",
                hidden.join(", ")
            );
            self.reporter.report(&Error::new(ErrorKind::Hidden, message));
        }
    }

    /// Something went wrong: health shows it, the host is told.
    pub(super) fn fail(&mut self, error: &Error) {
        self.flow.note(error);
        self.reporter.report(error);
    }
}
