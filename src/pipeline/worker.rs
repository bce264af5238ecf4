//! The worker thread: takes batches, interprets them, writes them to the store, hands them to the other sinks.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;
use std::vec::IntoIter;

use super::delivery::{self, Delivery};
use super::flow::{GivenUp, Timers, Work};
use super::flush::Outcome;
use super::inlet::OpenSpan;
use super::intake::Intake;
use super::isolation::isolated;
use super::live::{self, WrittenVersions};
use super::reading::Batch;
use super::settings::Settings;
use super::spool::Leftovers;
use super::spooling::DISK_PAUSE;
use crate::error::Error;
use crate::model::{InterpretedSpan, Loss};

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
        let mut timers = Timers::new(self.settings.scheduled_delay, self.settings.shortest_tick());
        loop {
            let has_leftovers = self.leftovers.as_ref().is_some_and(Leftovers::is_reading);
            match flow.next(&mut batch, self.intake.is_ahead(), has_leftovers, &timers) {
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
                Work::Tick => {
                    self.tick();
                    timers.ticked();
                }
                Work::Upkeep => {
                    self.upkeep();
                    timers.kept_up();
                }
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

    /// What is to be done now and then, whatever spans come.
    fn upkeep(&mut self) {
        let flow = Arc::clone(&self.intake.flow);
        let now = Instant::now();
        self.intake.tell_unread();
        if self.written.is_due(now, &self.settings) {
            let open = self.intake.open_spans(Some(self.settings.live_after));
            let news = self.written.news(open, now, self.settings.live_every);
            self.write_live(news, false);
        }
        if flow.is_degraded() {
            return;
        }
        if let Err(error) = delivery::tick(self.store.sink()) {
            self.intake.fail(&error);
        }
        self.tell_losses(flow.news_of_losses());
        self.store.post(&mut self.intake);
        if let Some(leftovers) = &mut self.leftovers {
            leftovers.look(now);
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
            None => {
                leftovers.done();
                leftovers.look(Instant::now());
            }
        }
    }

    /// What is to be done when spans are written although no batch is full.
    fn tick(&mut self) {
        self.intake.report_refusals();
        self.intake.report_drops();
        self.intake.report_redactions();
        self.intake.report_hidden_content();
        if let Some(batch) = self.intake.held(false) {
            self.write(batch);
        }
    }

    /// Writes open spans as they are now. Versions, not spans: they are tried once, and counted apart.
    fn write_live(&mut self, open: Vec<OpenSpan>, at_end: bool) {
        let mut open = open.into_iter();
        while !open.as_slice().is_empty() && self.intake.flow.go_on().is_ok() {
            let (taken, spans) = self.read_live(&mut open, at_end);
            if spans.is_empty() {
                continue;
            }
            let batch = Arc::new(Batch { spans, end: 0 });
            let written = delivery::write(self.store.sink(), &batch.spans);
            self.intake.flow.sides.hand_over_open(&batch);
            let now = Instant::now();
            let Err(error) = written else {
                self.intake.flow.account(|queue| queue.live_written(batch.spans.len()));
                taken.iter().for_each(|span| self.written.add(span, now));
                continue;
            };
            self.intake.fail(&Error::write(format!("open spans could not be written: {error}")));
            self.written.put_off(now, &self.settings);
            if self.store.is_out() {
                // Each try may take as long as the store's timeout, and spans that ended wait behind it.
                return;
            }
        }
    }

    /// Reads the next open spans, as many as go into one batch: their records are made now, not all at once.
    fn read_live(&mut self, open: &mut IntoIter<OpenSpan>, at_end: bool) -> (Vec<OpenSpan>, Vec<InterpretedSpan>) {
        let (mut taken, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
        while batch.len() < self.settings.max_export_batch_size
            && let Some(next) = open.as_slice().first()
            && (batch.is_empty() || bytes.saturating_add(next.span.size()) <= self.settings.max_batch_bytes)
            && let Some(next) = open.next()
        {
            bytes = bytes.saturating_add(next.span.size());
            let record = match live::record_of(&next) {
                Ok(record) => record,
                Err(panic) => {
                    self.intake.fail(&Error::write(format!("an open span could not be read: {panic}")));
                    None
                }
            };
            // Where tail sampling may yet discard the trace, nothing of it is shown.
            let shown = self.intake.shown(record.into_iter().collect(), at_end);
            match shown.into_iter().next().and_then(|record| self.intake.read_open(record)) {
                Some(span) => {
                    batch.push(span);
                    taken.push(next);
                }
                None => self.written.pass_over(&next, Instant::now()),
            }
        }
        (taken, batch)
    }

    fn flush(&mut self) -> Outcome {
        self.intake.tell_unread();
        self.store.post(&mut self.intake);
        self.intake.report_redactions();
        self.intake.report_hidden_content();
        if self.intake.flow.live.take_wanted() {
            let open = self.intake.open_spans(None);
            self.write_live(open, false);
        }
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
        self.intake.report_redactions();
        if let Some(batch) = self.intake.held(true) {
            self.write(batch);
        }
        let open = self.intake.open_spans(None);
        self.write_live(open, true);
        self.intake.tell_unread();
        self.store.post(&mut self.intake);
        let news = self.intake.flow.news_of_losses();
        self.tell_losses(news);
        self.flush()
    }
}
