//! The worker thread: takes batches, interprets them, writes them to the store, hands them to the other sinks.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::vec::IntoIter;

use super::delivery::{self, Delivery};
use super::flow::{GivenUp, Work};
use super::flush::Outcome;
use super::intake::Intake;
use super::isolation::isolated;
use super::live::WrittenVersions;
use super::reading::Batch;
use super::settings::Settings;
use crate::error::Error;
use crate::model::{InterpretedSpan, SpanRecord};

/// What the worker thread owns.
pub(super) struct Worker {
    pub(super) intake: Intake,
    pub(super) settings: Settings,
    pub(super) store: Delivery,
    pub(super) written: WrittenVersions,
}

impl Worker {
    /// Runs until the pipeline is shut down and all is written, or it is given up.
    pub(super) fn run(self) {
        let flow = Arc::clone(&self.intake.flow);
        flow.enter_worker();
        // Whatever is not this crate's own is called in isolation. Should the worker itself have a bug, no one waits for it for ever.
        let farewell = catch_unwind(AssertUnwindSafe(|| self.work()))
            .unwrap_or_else(|_| Err("the worker thread panicked; please report this".to_owned()));
        flow.close_sides();
        flow.finish(farewell);
    }

    fn work(mut self) -> Outcome {
        let flow = Arc::clone(&self.intake.flow);
        let mut batch = VecDeque::new();
        let mut tick = Instant::now() + self.settings.scheduled_delay;
        loop {
            match flow.next(&mut batch, self.intake.is_ahead(), &mut tick, self.settings.scheduled_delay) {
                Work::Batch(first) => {
                    let batch = self.intake.read(first, &mut batch);
                    self.write(batch);
                }
                Work::Ahead => {
                    if let Some(batch) = self.intake.ahead() {
                        self.write(batch);
                    }
                }
                Work::Flush(number) => {
                    let outcome = self.flush();
                    flow.flushed(number, &outcome);
                }
                Work::Tick => self.tick(),
                Work::Finish => break,
            }
        }
        let farewell = self.say_farewell();
        // The store closes its connections here, and callbacks free what they hold: whoever waits for the end waits for that too.
        let closed = isolated(|| drop(self)).map_err(|panic| format!("the store panicked when it was closed: {panic}"));
        farewell.and(closed)
    }

    /// Writes a batch to the store, then hands it to the other sinks. The next one, if it is due, is read meanwhile.
    fn write(&mut self, batch: Batch) {
        self.intake.read_ahead();
        let Ok(delivered) = self.store.deliver(batch, &mut self.intake) else { return };
        if let Some(last) = delivered.last() {
            self.intake.flow.delivered(last.end);
        }
        for batch in delivered {
            self.intake.flow.sides.hand_over(&batch);
            self.intake.flow.account(|queue| queue.settle(batch.end));
            self.intake.free(batch);
        }
    }

    fn tick(&mut self) {
        self.intake.report_refusals();
        self.intake.report_drops();
        self.intake.report_hidden_content();
        if let Some(batch) = self.intake.held(false) {
            self.write(batch);
        }
        if let Err(error) = delivery::tick(self.store.sink()) {
            self.intake.fail(&error);
        }
        if self.settings.live {
            let open = self.intake.snapshot_live(Some(self.settings.live_after));
            let open = self.intake.shown(open, false);
            let news = self.written.news(open, now_ns(), self.settings.live_after);
            self.write_live(news);
        }
    }

    /// Writes open spans as they are now. Versions, not spans: they are tried once, and counted apart.
    fn write_live(&mut self, open: Vec<SpanRecord>) {
        let mut open = open.into_iter().peekable();
        while open.peek().is_some() && self.intake.flow.go_on().is_ok() {
            let spans = self.read_live(&mut open);
            if spans.is_empty() {
                continue;
            }
            let batch = Arc::new(Batch { spans, end: 0 });
            let written = delivery::write(self.store.sink(), &batch.spans);
            self.intake.flow.sides.hand_over_open(&batch);
            let Err(error) = written else {
                self.intake.flow.account(|queue| queue.live_written(batch.spans.len()));
                batch.spans.iter().for_each(|span| self.written.add(&span.record));
                continue;
            };
            self.intake.fail(&Error::write(format!("open spans could not be written: {error}")));
            if self.store.is_out() {
                // Each try may take as long as the store's timeout, and spans that ended wait behind it.
                return;
            }
        }
    }

    /// Reads the next open spans, as many as go into one batch.
    fn read_live(&mut self, open: &mut Peekable<IntoIter<SpanRecord>>) -> Vec<InterpretedSpan> {
        let (mut taken, mut bytes) = (0, 0_usize);
        let mut batch = Vec::new();
        while let Some(record) = open.next_if(|record| {
            bytes = bytes.saturating_add(record.size());
            taken == 0 || (taken < self.settings.max_export_batch_size && bytes <= self.settings.max_batch_bytes)
        }) {
            taken += 1;
            batch.extend(self.intake.read_open(record));
        }
        batch
    }

    fn flush(&mut self) -> Outcome {
        self.intake.report_hidden_content();
        delivery::flush(self.store.sink()).map_err(|error| {
            let failure = format!("the store could not be flushed: {error}");
            self.intake.fail(&Error::write(failure.clone()));
            failure
        })
    }

    /// The last things before the end: open spans, and a flush.
    fn say_farewell(&mut self) -> Outcome {
        self.intake.flow.go_on().map_err(|GivenUp| "the pipeline was given up".to_owned())?;
        self.intake.report_refusals();
        self.intake.report_drops();
        if let Some(batch) = self.intake.held(true) {
            self.write(batch);
        }
        let open = self.intake.snapshot_live(None);
        let open = self.intake.shown(open, true);
        self.write_live(open);
        self.flush()
    }
}

/// Nanoseconds since 1970.
fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
