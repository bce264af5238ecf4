//! The worker thread: takes batches, interprets them, writes them to the store, hands them to the other sinks.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::vec::IntoIter;

use super::delivery::{self, Delivery};
use super::flow::{GivenUp, Timers, Work};
use super::flush::Outcome;
use super::intake::Intake;
use super::isolation::isolated;
use super::live::WrittenVersions;
use super::reading::Batch;
use super::settings::Settings;
use super::spool::Leftovers;
use super::spooling::DISK_PAUSE;
use crate::error::Error;
use crate::model::{InterpretedSpan, Loss, SpanRecord};

/// What the worker thread owns.
pub(super) struct Worker {
    pub(super) intake: Intake,
    pub(super) settings: Settings,
    pub(super) store: Delivery,
    pub(super) written: WrittenVersions,
    /// What other processes left in the spool.
    pub(super) leftovers: Option<Leftovers>,
    /// What was lost, here and there, that the store has not taken yet.
    pub(super) losses: Vec<Loss>,
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
        let mut timers = Timers::new(self.settings.scheduled_delay);
        loop {
            let has_leftovers = self.leftovers.as_ref().is_some_and(Leftovers::is_reading);
            match flow.next(&mut batch, self.intake.is_ahead(), has_leftovers, &mut timers) {
                Work::Batch(numbers) => {
                    let batch = self.intake.read(numbers, &mut batch);
                    self.write(batch);
                }
                Work::ReadBack => match self.intake.read_back() {
                    Some(batch) => self.write(batch),
                    // The disk does not answer: not to be asked again and again.
                    None => drop(flow.pause(DISK_PAUSE)),
                },
                Work::Settle(number) => {
                    flow.delivered(number);
                    flow.account(|queue| queue.settle(number));
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
                Work::Upkeep => self.upkeep(),
                Work::Leftovers => self.adopt(),
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
        self.store.post(&mut self.intake);
        for batch in delivered {
            self.intake.flow.sides.hand_over(&batch);
            self.intake.flow.account(|queue| queue.settle(batch.end));
            self.intake.free(batch);
        }
    }

    /// What is to be done once a second, as long as the store is well.
    fn upkeep(&mut self) {
        let flow = Arc::clone(&self.intake.flow);
        self.intake.tell_unread();
        if flow.is_degraded() {
            return;
        }
        if let Err(error) = delivery::tick(self.store.sink()) {
            self.intake.fail(&error);
        }
        self.tell_losses(flow.news_of_losses());
        self.store.post(&mut self.intake);
        if let Some(leftovers) = &mut self.leftovers {
            leftovers.look(Instant::now());
        }
    }

    /// Tells the store what was lost, and what it did not take of that before.
    fn tell_losses(&mut self, news: Vec<Loss>) {
        self.losses.extend(news);
        if self.losses.is_empty() {
            return;
        }
        match delivery::report_losses(self.store.sink(), &self.losses) {
            Ok(()) => self.losses.clear(),
            Err(error) => self.intake.fail(&error),
        }
    }

    /// Goes on with what another process left.
    fn adopt(&mut self) {
        let Some(leftovers) = &mut self.leftovers else { return };
        match leftovers.next(self.settings.max_export_batch_size, self.settings.max_batch_bytes) {
            Some(mut found) => {
                let losses = std::mem::take(&mut found.losses);
                let batch = self.intake.adopt(found);
                self.write(batch);
                self.tell_losses(losses);
            }
            None => leftovers.done(),
        }
    }

    fn tick(&mut self) {
        self.intake.report_refusals();
        self.intake.report_drops();
        self.intake.report_hidden_content();
        if let Some(batch) = self.intake.held(false) {
            self.write(batch);
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
        self.intake.tell_unread();
        self.store.post(&mut self.intake);
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
        self.intake.tell_unread();
        self.store.post(&mut self.intake);
        let news = self.intake.flow.news_of_losses();
        self.tell_losses(news);
        self.flush()
    }
}

/// Nanoseconds since 1970.
pub(super) fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
