//! A sink beside the store: what is handed to its thread, and what became of it.
//!
//! The worker hands over what the store has had and goes on; what does not fit is dropped and counted. So nothing that such a sink does
//! or fails to do reaches the store.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::flow::{GivenUp, wait};
use super::flush::{Flushes, Outcome};
use super::health::SinkHealth;
use super::queue::{Phase, count};
use super::reading::Batch;
use super::settings::Settings;
use crate::model::InterpretedSpan;

/// Spans of one batch, on their way to a sink.
#[derive(Debug)]
pub(super) struct Parcel {
    batch: Arc<Batch>,
    /// How many of the batch's spans: the first ones.
    len: usize,
    bytes: usize,
    pub(super) since: Instant,
    /// Spans that are still open: versions, which are tried once and not counted.
    pub(super) is_open: bool,
}

impl Parcel {
    pub(super) fn spans(&self) -> &[InterpretedSpan] {
        self.batch.spans.get(..self.len).unwrap_or_default()
    }
}

/// What the sink's thread is to do next.
#[derive(Debug)]
pub(super) enum Task {
    Write(Parcel),
    /// Flush the sink for those who wait, and answer them with this number.
    Flush(u64),
    /// Nothing more comes.
    Finish,
}

/// What a wait for a flush or for the end came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Waited {
    Done(Outcome),
    /// The deadline passed first; what there is to say about the sink.
    Late(String),
}

#[derive(Debug)]
pub(super) struct Side {
    name: String,
    takes_open_spans: bool,
    max_spans: usize,
    max_bytes: usize,
    max_wait: Duration,
    state: Mutex<State>,
    /// Something for the sink's thread.
    work: Condvar,
    /// Something that a flush or a shutdown waits for.
    done: Condvar,
    thread: OnceLock<ThreadId>,
}

#[derive(Debug)]
struct State {
    parcels: VecDeque<Parcel>,
    /// Spans and bytes in `parcels`.
    queued: usize,
    bytes: usize,
    /// Spans that ever were in `parcels`: a flush waits for as many to be settled.
    taken_over: u64,
    health: SinkHealth,
    flushes: Flushes,
    /// Spans lost since the last flush was answered, and why the last of them were.
    lost: Option<(u64, String)>,
    /// Dropped spans that were reported.
    drops_reported: u64,
    phase: Phase,
    give_up_at: Option<Instant>,
    /// Counts flushes and shutdowns: a change ends a pause.
    nudges: u64,
    farewell: Outcome,
}

/// The worker's side.
impl Side {
    pub(super) fn new(name: String, takes_open_spans: bool, settings: &Settings) -> Self {
        Self {
            takes_open_spans,
            max_spans: settings.max_queue_size,
            max_bytes: settings.max_queue_bytes,
            max_wait: settings.retry_max_age,
            state: Mutex::new(State {
                parcels: VecDeque::new(),
                queued: 0,
                bytes: 0,
                taken_over: 0,
                health: SinkHealth { name: name.clone(), ..SinkHealth::default() },
                flushes: Flushes::default(),
                lost: None,
                drops_reported: 0,
                phase: Phase::Open,
                give_up_at: None,
                nudges: 0,
                farewell: Ok(()),
            }),
            name,
            work: Condvar::new(),
            done: Condvar::new(),
            thread: OnceLock::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No foreign code runs under this lock, so a poisoned one is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over a batch, as much of it as fits. Never waits.
    pub(super) fn hand_over(&self, batch: &Arc<Batch>) {
        let mut state = self.lock();
        let offered = count(batch.spans.len());
        state.health.offered += offered;
        if state.phase == Phase::Over {
            state.health.dropped.shutdown_timeout += offered;
            return;
        }
        let taken = count(self.put(&mut state, batch, false));
        state.taken_over += taken;
        state.health.waiting += taken;
        let dropped = offered - taken;
        if dropped > 0 {
            state.health.dropped.queue_full += dropped;
            state.lose(dropped, "its queue was full");
        }
    }

    /// Hands over open spans, if the sink wants them and they fit.
    pub(super) fn hand_over_open(&self, batch: &Arc<Batch>) {
        let mut state = self.lock();
        if self.takes_open_spans && state.phase != Phase::Over {
            self.put(&mut state, batch, true);
        }
    }

    /// Queues the first spans of a batch, as many as fit; an empty queue takes a span of any size.
    fn put(&self, state: &mut State, batch: &Arc<Batch>, is_open: bool) -> usize {
        let (mut len, mut bytes) = (0, 0_usize);
        for span in &batch.spans {
            let with_it = bytes.saturating_add(span.record.size());
            let is_first = state.queued + len == 0;
            if state.queued + len >= self.max_spans
                || (state.bytes.saturating_add(with_it) > self.max_bytes && !is_first)
            {
                break;
            }
            (len, bytes) = (len + 1, with_it);
        }
        if len > 0 {
            let parcel = Parcel { batch: Arc::clone(batch), len, bytes, since: Instant::now(), is_open };
            state.parcels.push_back(parcel);
            state.queued += len;
            state.bytes = state.bytes.saturating_add(bytes);
            self.work.notify_one();
        }
        len
    }

    /// Spans that were dropped and not told yet.
    pub(super) fn news_of_drops(&self) -> u64 {
        let mut state = self.lock();
        let dropped = state.health.dropped.queue_full;
        dropped - std::mem::replace(&mut state.drops_reported, dropped)
    }
}

/// The callers' side.
impl Side {
    pub(super) fn health(&self) -> SinkHealth {
        let state = self.lock();
        SinkHealth { waiting_bytes: count(state.bytes), ..state.health.clone() }
    }

    /// Whether the calling thread is the sink's.
    pub(super) fn is_own_thread(&self) -> bool {
        self.thread.get() == Some(&std::thread::current().id())
    }

    /// Asks for all that was handed over until now; returns a ticket.
    pub(super) fn request_flush(&self) -> u64 {
        let mut state = self.lock();
        let target = state.taken_over;
        state.nudges += 1;
        self.work.notify_one();
        state.flushes.request(target)
    }

    pub(super) fn await_flush(&self, ticket: u64, until: Option<Instant>) -> Waited {
        let mut state = self.lock();
        loop {
            if let Some(outcome) = state.flushes.take_outcome(ticket) {
                return Waited::Done(outcome);
            }
            let now = Instant::now();
            let is_over = state.phase == Phase::Over;
            if is_over || until.is_some_and(|until| now >= until) {
                state.flushes.withdraw(ticket);
                return if is_over { Waited::Done(state.farewell()) } else { Waited::Late(state.late()) };
            }
            state = wait(&self.done, state, until, now);
        }
    }

    /// No more batches come: what waits is written until `give_up_at`, then the sink is closed.
    pub(super) fn close(&self, give_up_at: Option<Instant>) {
        let mut state = self.lock();
        if state.phase == Phase::Open {
            state.phase = Phase::Closing;
            state.give_up_at = give_up_at;
            state.nudges += 1;
            self.work.notify_one();
        }
    }

    /// Waits until the sink is closed. At the deadline what still waits is dropped, and the thread left to itself.
    pub(super) fn await_end(&self, until: Option<Instant>) -> Waited {
        let mut state = self.lock();
        loop {
            if state.phase == Phase::Over {
                return Waited::Done(state.farewell());
            }
            let now = Instant::now();
            if until.is_some_and(|until| now >= until) {
                let late = state.late();
                self.give_up(state);
                return Waited::Late(late);
            }
            state = wait(&self.done, state, until, now);
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().phase == Phase::Over
    }

    /// Closes the accounts; frees what waits outside the lock.
    fn give_up(&self, mut state: MutexGuard<'_, State>) {
        let left = std::mem::take(&mut state.parcels);
        (state.queued, state.bytes) = (0, 0);
        state.health.dropped.shutdown_timeout += std::mem::take(&mut state.health.waiting);
        state.phase = Phase::Over;
        drop(state);
        self.work.notify_one();
        self.done.notify_all();
        drop(left);
    }
}

/// The sink's thread's side.
impl Side {
    pub(super) fn enter_thread(&self) {
        // It has one thread, which enters once.
        let _ = self.thread.set(std::thread::current().id());
    }

    /// Waits for something to do.
    pub(super) fn next(&self) -> Task {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if state.phase == Phase::Over {
                return Task::Finish;
            }
            if state.give_up_at.is_some_and(|until| now >= until) {
                self.give_up(state);
                return Task::Finish;
            }
            let settled = state.taken_over - state.health.waiting;
            if state.flushes.is_due(settled) {
                return Task::Flush(settled);
            }
            if let Some(parcel) = state.parcels.pop_front() {
                state.queued -= parcel.len;
                state.bytes = state.bytes.saturating_sub(parcel.bytes);
                return Task::Write(parcel);
            }
            if state.phase == Phase::Closing {
                return Task::Finish;
            }
            let until = state.give_up_at;
            state = wait(&self.work, state, until, now);
        }
    }

    /// Accounts for a parcel: so many spans were taken, and so many were not.
    pub(super) fn settle(&self, written: usize, failed: usize, why: Option<&str>) {
        let mut state = self.lock();
        if state.phase == Phase::Over {
            return; // counted as dropped already
        }
        state.health.written += count(written);
        state.health.failed += count(failed);
        state.health.waiting -= count(written + failed);
        if let (1.., Some(why)) = (failed, why) {
            state.lose(count(failed), why);
        }
    }

    /// The last error, as health shows it.
    pub(super) fn note(&self, error: String) {
        let previous = self.lock().health.last_error.replace(error);
        drop(previous);
    }

    /// A batch is to be tried again.
    pub(super) fn count_retry(&self) {
        self.lock().health.retries += 1;
    }

    /// Sleeps for `delay`; a flush or a shutdown ends that early, unless the delay is a `demand` of the receiver.
    pub(super) fn pause(&self, delay: Duration, is_demand: bool) -> Result<(), GivenUp> {
        let until = Instant::now().checked_add(delay.min(self.max_wait));
        let mut state = self.lock();
        let nudges = state.nudges;
        loop {
            let now = Instant::now();
            if state.phase == Phase::Over {
                return Err(GivenUp);
            }
            if state.give_up_at.is_some_and(|until| now >= until) {
                self.give_up(state);
                return Err(GivenUp);
            }
            if until.is_none_or(|until| now >= until) || (state.nudges != nudges && !is_demand) {
                return Ok(());
            }
            let wake = state.give_up_at.into_iter().chain(until).min();
            state = wait(&self.work, state, wake, now);
        }
    }

    /// The sink has flushed after so many spans had been settled: those who waited for that are told, and what was lost on the way.
    pub(super) fn flushed(&self, settled: u64, outcome: Outcome) {
        let mut state = self.lock();
        let outcome = state.with_losses(outcome);
        state.flushes.answer(settled, &outcome);
        drop(state);
        self.done.notify_all();
    }

    /// The sink is closed.
    pub(super) fn finish(&self, outcome: Outcome) {
        let mut state = self.lock();
        if state.phase != Phase::Over {
            state.farewell = state.with_losses(outcome);
            self.give_up(state);
        }
    }
}

impl State {
    fn lose(&mut self, spans: u64, why: &str) {
        let lost = self.lost.get_or_insert_with(|| (0, String::new()));
        lost.0 += spans;
        why.clone_into(&mut lost.1);
    }

    /// The outcome of a flush, and what was lost since the one before.
    fn with_losses(&mut self, outcome: Outcome) -> Outcome {
        let name = &self.health.name;
        let lost = self.lost.take().map(|(spans, why)| format!("sink {name} misses {spans} spans: {why}"));
        match (outcome, lost) {
            (outcome, None) => outcome,
            (Ok(()), Some(lost)) => Err(lost),
            (Err(failure), Some(lost)) => Err(format!("{lost}; {failure}")),
        }
    }

    /// What a flush after the end is told.
    fn farewell(&self) -> Outcome {
        let SinkHealth { name, dropped, .. } = &self.health;
        match dropped.shutdown_timeout {
            0 => self.farewell.clone(),
            spans => Err(format!("sink {name} was closed before it had {spans} spans{}", self.reason())),
        }
    }

    fn reason(&self) -> String {
        let last_error = self.health.last_error.as_ref();
        last_error.map_or_else(String::new, |error| format!(" (last error: {error})"))
    }

    fn late(&self) -> String {
        let SinkHealth { name, waiting, .. } = &self.health;
        let reason = self.reason();
        match waiting {
            0 => format!("sink {name} has not come back{reason}"),
            waiting => format!("{waiting} spans still wait for sink {name}{reason}"),
        }
    }
}
