//! The thread of a sink beside the store: writes what is handed over, and tries again what failed, within bounds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::backoff::Backoff;
use super::delivery;
use super::flow::{Flow, GivenUp};
use super::flush::Outcome;
use super::isolation::isolated;
use super::report::Reporter;
use super::settings::Settings;
use super::side::{Parcel, Side, Task};
use super::sink::Sink;
use crate::error::{Error, Result, Retry};

/// What the thread owns.
pub(super) struct SideWorker {
    flow: Arc<Flow>,
    side: Arc<Side>,
    sink: Box<dyn Sink>,
    settings: Settings,
    backoff: Backoff,
    reporter: Reporter,
}

impl SideWorker {
    pub(super) const fn new(
        flow: Arc<Flow>,
        side: Arc<Side>,
        sink: Box<dyn Sink>,
        settings: Settings,
        reporter: Reporter,
    ) -> Self {
        let backoff = Backoff::new(&settings);
        Self { flow, side, sink, settings, backoff, reporter }
    }

    /// Runs until the sink is closed, or given up.
    pub(super) fn run(self) {
        let side = Arc::clone(&self.side);
        side.enter_thread();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.work()))
            .unwrap_or_else(|_| Err(format!("the thread of sink {} panicked; please report this", side.name())));
        side.finish(outcome);
    }

    fn work(mut self) -> Outcome {
        loop {
            match self.side.next() {
                Task::Write(parcel) if parcel.is_open => self.write_open(&parcel),
                Task::Write(parcel) => {
                    // Given up: the accounts are closed, and the next task is to finish.
                    let _ = self.write(&parcel);
                }
                Task::Flush(settled) => {
                    let outcome = self.flush();
                    self.side.flushed(settled, outcome);
                }
                Task::Finish => break,
            }
        }
        let flushed = if self.side.is_over() { Ok(()) } else { self.flush() };
        let name = self.side.name().to_owned();
        let closed =
            isolated(|| drop(self)).map_err(|panic| format!("sink {name} panicked when it was closed: {panic}"));
        flushed.and(closed)
    }

    /// Writes a parcel, as often as it fails and may be tried again.
    fn write(&mut self, parcel: &Parcel) -> Result<(), GivenUp> {
        let all = parcel.spans().len();
        let mut attempts = 0;
        loop {
            // Before another try the sink is asked whether it is there: it may have a connection to give up.
            let ready = if attempts == 0 { Ok(()) } else { delivery::probe(&mut *self.sink) };
            let Err(error) = ready.and_then(|()| delivery::write(&mut *self.sink, parcel.spans())) else {
                self.backoff.reset();
                self.side.settle(all, 0, None);
                return Ok(());
            };
            attempts += 1;
            let is_last =
                attempts >= self.settings.retry_max_attempts || parcel.since.elapsed() >= self.settings.retry_max_age;
            let (delay, is_demand) = match error.retry() {
                Retry::Partial(lost) => return self.lose(all, lost.min(all), &error),
                Retry::Never => return self.lose(all, all, &error),
                _ if is_last => return self.lose(all, all, &error),
                Retry::After(delay) => (delay, true),
                Retry::Soon => (self.backoff.next(), false),
            };
            self.fail(&error, &format!("sink {} failed, {all} spans wait for it", self.side.name()));
            self.side.count_retry();
            self.side.pause(delay, is_demand)?;
        }
    }

    /// Gives up `lost` spans of a parcel; the sink has taken the others.
    fn lose(&mut self, all: usize, lost: usize, error: &Error) -> Result<(), GivenUp> {
        self.fail(error, &format!("sink {} failed and misses {lost} spans", self.side.name()));
        self.side.settle(all - lost, lost, Some(&error.to_string()));
        Ok(())
    }

    /// Writes open spans as they are now. Versions, not spans: they are tried once.
    fn write_open(&mut self, parcel: &Parcel) {
        if let Err(error) = delivery::write(&mut *self.sink, parcel.spans()) {
            self.fail(&error, &format!("sink {} could not write open spans", self.side.name()));
        }
    }

    fn flush(&mut self) -> Outcome {
        delivery::flush(&mut *self.sink).map_err(|error| {
            let what = format!("sink {} could not be flushed", self.side.name());
            self.fail(&error, &what);
            format!("{what}: {error}")
        })
    }

    /// Something went wrong: health shows it, the host is told.
    fn fail(&mut self, error: &Error, what: &str) {
        self.side.note(error.to_string());
        let error = Error::write(format!("{what}: {error}"));
        self.flow.note(&error);
        self.reporter.report(&error);
    }
}
