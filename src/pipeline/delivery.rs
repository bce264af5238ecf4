//! Getting batches into the store, whatever it takes.
//!
//! Database drivers hide why a write failed, and a span that cannot be written can look exactly like a database that is gone (a
//! value over a server's packet limit cuts the connection). So failures are told apart by how the store behaves, never by an
//! error's kind or text: a store whose probe fails is out, and one that refuses a single span twice while it is well refuses that
//! span.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::backoff::Backoff;
use super::flow::GivenUp;
use super::intake::Intake;
use super::isolation::isolated;
use super::queue::Queue;
use super::reading::Batch;
use super::settings::Settings;
use super::sink::Sink;
use crate::error::{Error, ErrorKind, Result};
use crate::model::InterpretedSpan;

/// So many spans may be refused one after the other. More, and it may be the store that is wrong (a table that changed, a quota)
/// and not the spans: they are kept, and tried again.
const MAX_REFUSED_IN_A_ROW: u32 = 32;

/// Writes to a sink; a panic is an error.
pub(super) fn write(sink: &mut dyn Sink, batch: &[InterpretedSpan]) -> Result<()> {
    caught(|| sink.write(batch))
}

/// Flushes a sink; a panic is an error.
pub(super) fn flush(sink: &mut dyn Sink) -> Result<()> {
    caught(|| sink.flush())
}

/// Lets a sink do what is to be done without spans; a panic is an error.
pub(super) fn tick(sink: &mut dyn Sink) -> Result<()> {
    caught(|| sink.tick())
}

/// Asks a sink whether it can write; a panic is an error.
pub(super) fn probe(sink: &mut dyn Sink) -> Result<()> {
    caught(|| sink.probe())
}

/// A panic is a bug, which would show again: the batch is not tried a second time.
fn caught(call: impl FnOnce() -> Result<()>) -> Result<()> {
    isolated(call).unwrap_or_else(|panic| Err(Error::permanent(format!("the sink panicked: {panic}"))))
}

/// The store, and what is known of how it fares.
pub(super) struct Delivery {
    sink: Box<dyn Sink>,
    backoff: Backoff,
    /// Spans refused since the store last took one.
    refused_in_a_row: u32,
    /// Spans that may be taken from the queue before a batch is done: as many as fill the queue.
    max_held: usize,
}

impl Delivery {
    pub(super) fn new(sink: Box<dyn Sink>, settings: &Settings) -> Self {
        Self { sink, backoff: Backoff::new(settings), refused_in_a_row: 0, max_held: settings.max_queue_size }
    }

    pub(super) fn sink(&mut self) -> &mut dyn Sink {
        &mut *self.sink
    }

    /// Returns when each span of `batch`, all of which are in flight, is stored or dead-lettered: the batch, and those that were
    /// delivered with it, in order.
    ///
    /// A batch that fails although the store is well is tried once more, then halved until the spans that do not go in are alone;
    /// a single one is tried twice. With one such span in N that is 2·⌈log2 N⌉+2 writes more. Such spans are only suspects until
    /// the store takes another one, or the batch ends with few of them.
    ///
    /// After more than [`MAX_REFUSED_IN_A_ROW`] only a witness, another span that goes in, can tell whether it is the spans or the
    /// store. It is sought in the rest of the batch, then in the batches that are queued behind it, as many as fill a queue; until
    /// there is one, the store is out. Then the suspects are tried again, as the store may have been wrong before and well now.
    pub(super) fn deliver(&mut self, batch: Batch, intake: &mut Intake) -> Result<Vec<Arc<Batch>>, GivenUp> {
        let mut batches = vec![Arc::new(batch)];
        let mut pieces: Vec<_> = batches.iter().map(Piece::whole).collect();
        let mut suspects = VecDeque::new();
        loop {
            let Some(mut piece) = pieces.pop() else {
                if !self.seems_wrong() || suspects.is_empty() {
                    break;
                }
                pieces = self.seek_witness(&mut suspects, &mut batches, intake)?;
                continue;
            };
            if piece.spans().is_empty() {
                continue;
            }
            let seemed_wrong = self.seems_wrong();
            let mut refusal = self.attempt(piece.spans(), intake)?;
            if refusal.is_some() && (piece.is_single() || piece.is_whole()) {
                refusal = self.attempt(piece.spans(), intake)?;
            }
            match refusal {
                None if seemed_wrong => pieces.extend(suspects.drain(..)),
                None => suspects.drain(..).for_each(|suspect| dead_letter(suspect, intake)),
                Some(error) if piece.is_single() => {
                    self.refused_in_a_row = self.refused_in_a_row.saturating_add(1);
                    let was_suspect = piece.refusal.replace(error).is_some();
                    if was_suspect {
                        // Refused before a witness went in, and after.
                        dead_letter(piece, intake);
                    } else {
                        suspects.push_back(piece);
                    }
                    if self.seems_wrong() {
                        // That holds for the other former suspects only as long as the witness is to be trusted. Of the rest, the
                        // largest piece is tried next: it is the likeliest to hold a span that goes in.
                        suspects.extend(pieces.extract_if(.., |piece| piece.refusal.is_some()));
                        pieces.sort_by_key(|piece| piece.range.len());
                    }
                }
                Some(_) => pieces.extend(piece.halves()),
            }
        }
        suspects.drain(..).for_each(|suspect| dead_letter(suspect, intake));
        intake.flow.account(|queue| queue.degraded = false);
        Ok(batches)
    }

    /// Whether so many spans were refused in a row that it may be the store.
    const fn seems_wrong(&self) -> bool {
        self.refused_in_a_row > MAX_REFUSED_IN_A_ROW
    }

    /// All spans at hand were refused. Returns what is to be tried next: a batch whose spans were never tried; or, when a suspect
    /// has gone in after all, the other suspects.
    fn seek_witness(
        &mut self,
        suspects: &mut VecDeque<Piece>,
        batches: &mut Vec<Arc<Batch>>,
        intake: &mut Intake,
    ) -> Result<Vec<Piece>, GivenUp> {
        loop {
            let held: usize = batches.iter().skip(1).map(|batch| batch.spans.len()).sum();
            if held < self.max_held
                && let Some(next) = intake.take_ahead()
            {
                let next = Arc::new(next);
                batches.push(Arc::clone(&next));
                return Ok(vec![Piece::whole(&next)]);
            }
            let Some(mut suspect) = suspects.pop_front() else { return Ok(Vec::new()) };
            let reason = suspect.refusal.as_ref().map(Error::to_string).unwrap_or_default();
            let message = format!(
                "the store answers, but has refused {} spans in a row, which are kept and tried again",
                self.refused_in_a_row
            );
            self.wait(&Error::with_source(ErrorKind::Write, message, reason), intake)?;
            match self.attempt(suspect.spans(), intake)? {
                None => return Ok(suspects.drain(..).collect()),
                Some(error) => {
                    suspect.refusal = Some(error);
                    suspects.push_back(suspect);
                }
            }
        }
    }

    /// Writes `piece`, as often as the store turns out to be out. Returns the store's error when it is well and refused.
    fn attempt(&mut self, piece: &[InterpretedSpan], intake: &mut Intake) -> Result<Option<Error>, GivenUp> {
        loop {
            intake.flow.go_on()?;
            let Err(error) = write(&mut *self.sink, piece) else {
                self.refused_in_a_row = 0;
                self.backoff.reset();
                intake.flow.account(|queue| queue.stored(piece.len()));
                return Ok(None);
            };
            intake.flow.note(&error);
            match self.probe() {
                Ok(()) => return Ok(Some(error)),
                Err(out) => self.wait_until_back(out, intake)?,
            }
        }
    }

    fn wait_until_back(&mut self, mut error: Error, intake: &mut Intake) -> Result<(), GivenUp> {
        loop {
            self.wait(&error, intake)?;
            match self.probe() {
                Ok(()) => return Ok(()),
                Err(still_out) => error = still_out,
            }
        }
    }

    fn wait(&mut self, error: &Error, intake: &mut Intake) -> Result<(), GivenUp> {
        intake.flow.account(|queue| queue.degraded = true);
        // First what the outage costs, so that the last error is its cause.
        intake.report_refusals();
        intake.fail(error);
        intake.flow.pause(self.backoff.next())
    }

    /// Whether the store does not even answer.
    pub(super) fn is_out(&mut self) -> bool {
        self.probe().is_err()
    }

    fn probe(&mut self) -> Result<()> {
        probe(&mut *self.sink)
    }
}

/// A part of a batch.
struct Piece {
    batch: Arc<Batch>,
    range: Range<usize>,
    /// Why the store refused it, twice, when it is a single span: it is or was a suspect.
    refusal: Option<Error>,
}

impl Piece {
    fn whole(batch: &Arc<Batch>) -> Self {
        Self::new(Arc::clone(batch), 0..batch.spans.len())
    }

    const fn new(batch: Arc<Batch>, range: Range<usize>) -> Self {
        Self { batch, range, refusal: None }
    }

    fn spans(&self) -> &[InterpretedSpan] {
        self.batch.spans.get(self.range.clone()).unwrap_or_default()
    }

    fn is_single(&self) -> bool {
        self.range.len() == 1
    }

    fn is_whole(&self) -> bool {
        self.range.len() == self.batch.spans.len()
    }

    /// The second half, then the first: the last in a list is tried first.
    fn halves(self) -> [Self; 2] {
        let Range { start, end } = self.range;
        let middle = start + (end - start) / 2;
        [Self::new(Arc::clone(&self.batch), middle..end), Self::new(self.batch, start..middle)]
    }
}

/// Gives up a span: the store is well, so it is the span.
fn dead_letter(suspect: Piece, intake: &mut Intake) {
    if let ([InterpretedSpan { record, .. }], Some(error)) = (suspect.spans(), &suspect.refusal) {
        intake.flow.account(Queue::poisoned);
        let (span_id, trace_id) = (record.span_id, record.trace_id);
        let message = format!("span {span_id} of trace {trace_id} is left out: the store refuses it, alone");
        let error = Error::with_source(ErrorKind::Write, message, error.to_string());
        if let Some(origin) = record.origin {
            intake.flow.left_out(origin.sequence, &error.to_string());
        }
        intake.fail(&error);
    }
}
