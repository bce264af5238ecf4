//! What the callers' threads and the worker share: the queue under its lock, and how they wait for each other.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::flush::{Flushes, Outcome};
use super::health::Health;
use super::inlet::Refused;
use super::live::LiveSources;
use super::queue::{Entry, Phase, Queue, Slot};
use super::receipt::{Due, OnReceipt, Receipts};
use super::sides::Sides;
use crate::error::{Error, ErrorKind, Result};

/// No wait on a condition is longer; who waits longer looks again. Keeps sums of times far from overflow.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The pipeline was given up: its worker is to stop where it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GivenUp;

/// What the worker is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Write the batch, whose first span has this number.
    Batch(u64),
    /// Write the batch that was read ahead.
    Ahead,
    /// Flush the store for those who wait, and answer them with [`Flow::flushed`] and this number.
    Flush(u64),
    /// Write open spans, if that is asked for.
    Tick,
    /// Nothing more comes.
    Finish,
}

pub(super) struct Flow {
    state: Mutex<State>,
    /// Something for the worker to do.
    work: Condvar,
    /// Something that a flush or a shutdown waits for.
    done: Condvar,
    worker: OnceLock<ThreadId>,
    /// The thread that reads for the worker, which waits for it.
    reader: OnceLock<ThreadId>,
    pub(super) live: LiveSources,
    /// The sinks beside the store.
    pub(super) sides: Sides,
}

struct State {
    queue: Queue,
    flushes: Flushes,
    receipts: Receipts,
    /// When a closing pipeline drops what is left; `None` while it is open, or closes without a limit.
    give_up_at: Option<Instant>,
    /// Counts flushes and shutdowns: a change ends the worker's pause.
    nudges: u64,
    /// What the last flush before the end said.
    farewell: Result<(), String>,
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow").field("health", &self.health()).finish_non_exhaustive()
    }
}

/// The callers' side.
impl Flow {
    pub(super) fn new(queue: Queue, sides: Sides) -> Self {
        Self {
            state: Mutex::new(State {
                queue,
                flushes: Flushes::default(),
                receipts: Receipts::default(),
                give_up_at: None,
                nudges: 0,
                farewell: Ok(()),
            }),
            work: Condvar::new(),
            done: Condvar::new(),
            worker: OnceLock::new(),
            reader: OnceLock::new(),
            live: LiveSources::default(),
            sides,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No foreign code runs under this lock, so a poisoned one is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn offer(&self, entry: Entry, size: usize) -> Result<(), Refused> {
        let mut entry = Some(entry);
        let mut state = self.lock();
        let wake = state.queue.push(&mut entry, size)?;
        if wake {
            state.queue.parked = false;
            drop(state);
            self.work.notify_one();
        }
        Ok(())
    }

    /// Takes all of `slots` or none, and has `tell` called when their fate is decided.
    pub(super) fn deliver(&self, mut slots: Vec<Slot>, tell: OnReceipt) -> Result<(), Refused> {
        let mut state = self.lock();
        let numbers = state.queue.push_all(&mut slots)?;
        state.receipts.expect(numbers, tell);
        if std::mem::take(&mut state.queue.parked) {
            drop(state);
            self.work.notify_one();
        }
        Ok(())
    }

    pub(super) fn sampled_out(&self) {
        self.lock().queue.sampled_out();
    }

    pub(super) fn health(&self) -> Health {
        let health = self.lock().queue.health();
        Health { sinks: self.sides.health(), ..health }
    }

    /// First the store, which hands over what it has had, then the other sinks in the time that is left.
    pub(super) fn force_flush(&self, deadline: Duration) -> Result<()> {
        let until = after(deadline);
        if self.is_worker() {
            self.lock().queue.drain();
            return Err(on_own_thread("force_flush"));
        }
        let store = self.flush_store(until, deadline);
        self.sides.force_flush(store, until, deadline)
    }

    fn flush_store(&self, until: Option<Instant>, deadline: Duration) -> Result<()> {
        let mut state = self.lock();
        let target = state.queue.drain();
        if state.queue.phase == Phase::Over {
            return state.farewell();
        }
        let ticket = state.flushes.request(target);
        state.nudges += 1;
        self.work.notify_one();
        loop {
            let closed = state.queue.phase == Phase::Over;
            if let Some(outcome) = state.flushes.take_outcome(ticket) {
                return outcome.map_err(|failure| Error::new(ErrorKind::Write, failure));
            }
            if closed {
                state.flushes.withdraw(ticket);
                return state.farewell();
            }
            let now = Instant::now();
            if until.is_some_and(|until| now >= until) {
                state.flushes.withdraw(ticket);
                return Err(state.late("force_flush", deadline, target));
            }
            state = wait(&self.done, state, until, now);
        }
    }

    /// Stops accepting, and waits until everything is out. What is left at the deadline is dropped and counted, and the worker and the
    /// other sinks' threads are left to themselves: a sink may hang.
    pub(super) fn shutdown(&self, deadline: Duration) -> Result<()> {
        let until = after(deadline);
        if self.lock().queue.phase == Phase::Over && self.sides.are_over() {
            return Ok(());
        }
        let store = self.shut_down_store(until, deadline);
        if self.is_worker() {
            return store;
        }
        self.sides.shutdown(store, until, deadline)
    }

    fn shut_down_store(&self, until: Option<Instant>, deadline: Duration) -> Result<()> {
        let mut state = self.lock();
        let first = state.queue.phase == Phase::Open;
        if first {
            state.queue.phase = Phase::Closing;
            state.give_up_at = until;
            state.nudges += 1;
            self.work.notify_one();
        }
        if state.queue.phase == Phase::Over {
            return Ok(());
        }
        if self.is_worker() {
            return Err(on_own_thread("shutdown"));
        }
        let target = state.queue.drain();
        loop {
            if state.queue.phase == Phase::Over {
                return state.farewell();
            }
            let now = Instant::now();
            if until.is_some_and(|until| now >= until) {
                let late = state.late("shutdown", deadline, target);
                if first {
                    self.give_up(state);
                }
                return Err(late);
            }
            state = wait(&self.done, state, until, now);
        }
    }

    fn give_up(&self, mut state: MutexGuard<'_, State>) {
        let left = state.queue.close();
        let due = state.receipts.close();
        drop(state);
        self.work.notify_one();
        self.done.notify_all();
        // Freed outside the lock: these may be spans of any size.
        drop(left);
        due.into_iter().for_each(Due::tell);
    }

    /// Whether the calling thread is the worker, one that the worker waits for, or another sink's.
    pub(super) fn is_worker(&self) -> bool {
        let this = std::thread::current().id();
        [&self.worker, &self.reader].into_iter().any(|thread| thread.get() == Some(&this)) || self.sides.is_own_thread()
    }
}

/// The worker's side.
impl Flow {
    /// Makes the calling thread the one that must not wait for the worker.
    pub(super) fn enter_worker(&self) {
        // A pipeline has one worker, and it enters once.
        let _ = self.worker.set(std::thread::current().id());
    }

    /// The same for the thread that reads for it.
    pub(super) fn enter_reader(&self) {
        let _ = self.reader.set(std::thread::current().id());
    }

    /// Waits for something to do. A batch is put into `batch`, which is empty. `tick` is when the next tick is due; a tick moves it
    /// on by `delay`. `is_ahead` tells of a batch that was read ahead.
    pub(super) fn next(&self, batch: &mut VecDeque<Slot>, is_ahead: bool, tick: &mut Instant, delay: Duration) -> Work {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if state.queue.phase == Phase::Over {
                return Work::Finish;
            }
            if state.give_up_at.is_some_and(|until| now >= until) {
                self.give_up(state);
                return Work::Finish;
            }
            let settled = state.queue.settled();
            if state.flushes.is_due(settled) {
                return Work::Flush(settled);
            }
            if now >= *tick {
                *tick = now + delay;
                state.queue.drain();
                return Work::Tick;
            }
            if is_ahead {
                return Work::Ahead;
            }
            if state.queue.batch_is_due() {
                return Work::Batch(state.queue.take(batch));
            }
            if state.queue.phase == Phase::Closing {
                return Work::Finish;
            }
            state.queue.parked = true;
            state = wait(&self.work, state, Some(*tick), now);
            state.queue.parked = false;
        }
    }

    /// Whether a batch is to be written now that has at least `min` spans.
    pub(super) fn is_due(&self, min: usize) -> bool {
        let queue = &self.lock().queue;
        queue.batch_is_due() && queue.next_len() >= min
    }

    /// Takes a batch, due or not; its first span's number, or `None` when nothing is queued.
    pub(super) fn take_ahead(&self, batch: &mut VecDeque<Slot>) -> Option<u64> {
        let mut state = self.lock();
        (!state.queue.is_empty()).then(|| state.queue.take(batch))
    }

    /// Sleeps, until `delay` has passed or someone flushes or shuts down: they want it tried now.
    pub(super) fn pause(&self, delay: Duration) -> Result<(), GivenUp> {
        let until = after(delay);
        let mut state = self.lock();
        let nudges = state.nudges;
        loop {
            let now = Instant::now();
            if state.queue.phase == Phase::Over {
                return Err(GivenUp);
            }
            if state.give_up_at.is_some_and(|until| now >= until) {
                self.give_up(state);
                return Err(GivenUp);
            }
            if state.nudges != nudges || until.is_none_or(|until| now >= until) {
                return Ok(());
            }
            let wake = state.give_up_at.into_iter().chain(until).min();
            state = wait(&self.work, state, wake, now);
        }
    }

    /// Whether the pipeline was given up, or is to be now.
    pub(super) fn go_on(&self) -> Result<(), GivenUp> {
        self.pause(Duration::ZERO)
    }

    /// Changes the accounts.
    pub(super) fn account(&self, change: impl FnOnce(&mut Queue)) {
        change(&mut self.lock().queue);
    }

    /// The span of this number will not be stored: who delivered it is told so.
    pub(super) fn left_out(&self, number: u64, reason: &str) {
        self.lock().receipts.leave_out(number, reason);
    }

    /// The spans of these numbers are not stored, as the program asked, or not yet: who delivered them is told so.
    pub(super) fn kept_back(&self, numbers: &[u64]) {
        let mut state = self.lock();
        numbers.iter().for_each(|number| state.receipts.keep_back(*number));
    }

    /// The spans below `number` are stored or left out: who delivered them is told.
    pub(super) fn delivered(&self, number: u64) {
        let due = self.lock().receipts.decide(number);
        due.into_iter().for_each(Due::tell);
    }

    /// The last error, as health shows it.
    pub(super) fn note(&self, error: &Error) {
        let text = error.to_string();
        let previous = self.lock().queue.last_error.replace(text);
        drop(previous);
    }

    /// The store has flushed all spans below `number`: those who waited for that are told.
    pub(super) fn flushed(&self, number: u64, outcome: &Outcome) {
        self.lock().flushes.answer(number, outcome);
        self.done.notify_all();
    }

    /// The store has had all that will come: so have the other sinks, which end by themselves.
    pub(super) fn close_sides(&self) {
        let give_up_at = self.lock().give_up_at;
        self.sides.close(give_up_at);
    }

    /// The worker is done and the store is closed.
    pub(super) fn finish(&self, farewell: Outcome) {
        let mut state = self.lock();
        if state.queue.phase != Phase::Over {
            state.farewell = farewell;
            self.give_up(state);
        }
    }
}

impl State {
    /// What a flush after the end is told.
    fn farewell(&self) -> Result<()> {
        match (self.queue.dropped.shutdown_timeout, &self.farewell) {
            (0, Ok(())) => Ok(()),
            (0, Err(failure)) => Err(Error::new(ErrorKind::Write, failure.clone())),
            (dropped, _) => Err(Error::new(
                ErrorKind::Shutdown,
                format!("the pipeline was shut down and dropped {dropped} spans that it could not store in time"),
            )),
        }
    }

    fn late(&self, what: &str, deadline: Duration, target: u64) -> Error {
        let health = self.queue.health();
        let waiting = target.saturating_sub(self.queue.settled()).min(health.queued + health.in_flight);
        let state = if waiting == 0 {
            "a sink has not come back".to_owned()
        } else {
            format!("{waiting} spans still wait to be stored")
        };
        let reason = health.last_error.map_or_else(String::new, |error| format!(" (last error: {error})"));
        Error::new(ErrorKind::Timeout, format!("{what} ran out of time after {deadline:?}: {state}{reason}"))
    }
}

fn on_own_thread(what: &str) -> Error {
    Error::new(
        ErrorKind::Timeout,
        format!("{what} was called on the pipeline's own thread, which cannot wait for itself"),
    )
}

/// The instant after `delay`; `None` when that is beyond what the clock can tell.
fn after(delay: Duration) -> Option<Instant> {
    Instant::now().checked_add(delay)
}

/// Waits on a condition until a time, or for as long as is sensible.
pub(super) fn wait<'a, T>(
    condition: &Condvar,
    state: MutexGuard<'a, T>,
    until: Option<Instant>,
    now: Instant,
) -> MutexGuard<'a, T> {
    let time = until.map_or(LONGEST_WAIT, |until| until.saturating_duration_since(now)).min(LONGEST_WAIT);
    condition.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
}
