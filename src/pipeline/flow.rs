//! What the callers' threads and the worker share: the queue under its lock, and how they wait for each other.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::flush::{Flushes, Outcome};
use super::health::Health;
use super::inlet::Refused;
use super::line::{Entry, Slot};
use super::live::LiveSources;
use super::losses::Losses;
use super::preparing::{Preparing, Unread};
use super::queue::{Phase, Queue, Spooler, Wake};
use super::receipt::{Due, OnReceipt, Receipts};
use super::sides::Sides;
use super::spool::{Durability, Spool, WhenFull};
use crate::error::{Error, ErrorKind, Result};
use crate::model::time::now_ns;
use crate::model::{Loss, Origin};

/// No wait on a condition is longer; who waits longer looks again. Keeps sums of times far from overflow.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The pipeline was given up: its worker is to stop where it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GivenUp;

/// When the worker does what nobody asks it for. Counted from the end of the last time: what takes longer than the time to the next would
/// else be due at once again, and no batch would ever be written.
pub(super) struct Timers {
    /// When spans are written although no batch is full.
    tick: Instant,
    delay: Duration,
    upkeep: Instant,
    upkeep_every: Duration,
}

impl Timers {
    pub(super) fn new(delay: Duration, upkeep_every: Duration) -> Self {
        let now = Instant::now();
        Self { tick: now + delay, delay, upkeep: now + upkeep_every, upkeep_every }
    }

    /// What waited was written.
    pub(super) fn ticked(&mut self) {
        self.tick = Instant::now() + self.delay;
    }

    /// What is to be done now and then was done.
    pub(super) fn kept_up(&mut self) {
        self.upkeep = Instant::now() + self.upkeep_every;
    }
}

/// What the worker is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Write the batch, whose spans have these numbers, or with which these are met.
    Batch(Range<u64>),
    /// Write what is only on the disk.
    ReadBack,
    /// Nothing of the spans below this number could be read: those who wait for them need not.
    Settle(u64),
    /// Write the batch that was read ahead.
    Ahead,
    /// Flush the store for those who wait, and answer them with [`Flow::flushed`] and this number.
    Flush(u64),
    /// Write what waits although no batch is full.
    Tick,
    /// See to what is to be done now and then without spans.
    Upkeep,
    /// Go on with what another process left.
    Leftovers,
    /// Nothing more comes.
    Finish,
}

/// Spans between two looks whether this is still the process that the worker is in: asking the system costs as much as a span.
const SPANS_A_LOOK: u64 = 64;

pub(super) struct Flow {
    state: Mutex<State>,
    /// The process that has the worker: a fork of it has none.
    process: u32,
    /// Something for the worker to do.
    pub(super) work: Condvar,
    /// Something that a flush or a shutdown waits for.
    done: Condvar,
    /// Something for the thread before the worker to do.
    pub(super) spool_work: Condvar,
    /// Room for callers who wait for it.
    pub(super) room: Condvar,
    pub(super) spool: Option<Spool>,
    pub(super) preparing: Preparing,
    worker: OnceLock<ThreadId>,
    spooler: OnceLock<ThreadId>,
    /// The thread that reads for the worker, which waits for it.
    reader: OnceLock<ThreadId>,
    pub(super) live: LiveSources,
    /// The sinks beside the store.
    pub(super) sides: Sides,
}

pub(super) struct State {
    pub(super) queue: Queue,
    flushes: Flushes,
    pub(super) receipts: Receipts,
    /// Spans that could not be read, of which the worker has not told yet.
    pub(super) unread: Vec<Unread>,
    losses: Losses,
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
    pub(super) fn new(queue: Queue, sides: Sides, spool: Option<Spool>, preparing: Preparing) -> Self {
        Self {
            state: Mutex::new(State {
                queue,
                flushes: Flushes::default(),
                receipts: Receipts::default(),
                give_up_at: None,
                unread: Vec::new(),
                losses: Losses::new(preparing.process, now_ns()),
                nudges: 0,
                farewell: Ok(()),
            }),
            process: std::process::id(),
            work: Condvar::new(),
            done: Condvar::new(),
            spool_work: Condvar::new(),
            room: Condvar::new(),
            spool,
            preparing,
            worker: OnceLock::new(),
            spooler: OnceLock::new(),
            reader: OnceLock::new(),
            live: LiveSources::default(),
            sides,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // No foreign code runs under this lock, so a poisoned one is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn offer(&self, entry: Entry, size: usize) -> Result<(), Refused> {
        let slot = Slot::of(entry, size);
        if let Some(spool) = self.journals() {
            return self.journal(spool, vec![slot], None);
        }
        let mut slot = Some(slot);
        let mut state = self.lock_own()?;
        if state.queue.is_full(1, size) {
            state = self.wait_for_room(state, size);
        }
        let wake = state.queue.push(&mut slot)?;
        self.wake(state, wake);
        Ok(())
    }

    /// Takes all of `slots` or none, and has `tell` called when their fate is decided.
    pub(super) fn deliver(&self, mut slots: Vec<Slot>, tell: OnReceipt) -> Result<(), Refused> {
        if let Some(spool) = self.journals() {
            return self.journal(spool, slots, Some(tell));
        }
        let mut state = self.lock_own()?;
        let numbers = state.queue.push_all(&mut slots)?;
        state.receipts.expect(numbers, tell);
        let wake = if state.queue.spooler == Spooler::Over { Wake::Worker } else { Wake::Spooler };
        self.wake(state, wake);
        Ok(())
    }

    /// The lock, for spans that are offered. In a fork nobody can take them any more; a thread that held the lock may be gone, too.
    fn lock_own(&self) -> Result<MutexGuard<'_, State>, Refused> {
        let state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(state)) => state.into_inner(),
            Err(TryLockError::WouldBlock) if self.is_forked() => return Err(Refused::AfterShutdown),
            Err(TryLockError::WouldBlock) => self.lock(),
        };
        if state.queue.accepted().is_multiple_of(SPANS_A_LOOK) && self.is_forked() {
            return Ok(self.abandon(state));
        }
        Ok(state)
    }

    /// The spool, where callers write to it themselves.
    fn journals(&self) -> Option<&Spool> {
        self.spool.as_ref().filter(|spool| spool.durability == Durability::Journal)
    }

    /// Waits, where the program wants that.
    fn wait_for_room<'a>(&'a self, mut state: MutexGuard<'a, State>, size: usize) -> MutexGuard<'a, State> {
        let Some(WhenFull::Block(longest)) = self.spool.as_ref().map(|spool| spool.when_full) else { return state };
        let until = after(longest);
        if self.is_worker() {
            return state;
        }
        state.queue.blocked += 1;
        while state.queue.phase == Phase::Open && state.queue.is_full(1, size) {
            let now = Instant::now();
            if until.is_some_and(|until| now >= until) {
                break;
            }
            state = wait(&self.room, state, until, now);
        }
        state.queue.blocked -= 1;
        state
    }

    /// Wakes who is to work.
    pub(super) fn wake(&self, mut state: MutexGuard<'_, State>, wake: Wake) {
        match wake {
            Wake::Nobody => {}
            Wake::Worker => {
                let was_parked = std::mem::take(&mut state.queue.parked);
                drop(state);
                if was_parked {
                    self.work.notify_one();
                }
            }
            Wake::Spooler => {
                state.queue.spooler = Spooler::Awake;
                drop(state);
                self.spool_work.notify_one();
            }
        }
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
        self.expect_own_process()?;
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
        self.spool_work.notify_one();
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
        self.expect_own_process()?;
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
            self.spool_work.notify_one();
            self.room.notify_all();
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
                if !first {
                    return Err(late);
                }
                self.give_up(state);
                return Err(self.lock().spooled().unwrap_or(late));
            }
            state = wait(&self.done, state, until, now);
        }
    }

    /// The pipeline could not be started.
    pub(super) fn give_up_start(&self) {
        self.give_up(self.lock());
        self.sides.close(None);
    }

    fn give_up(&self, mut state: MutexGuard<'_, State>) {
        let left = state.queue.close();
        let due = state.receipts.close();
        let losses = state.news_of_losses();
        drop(state);
        // Before anybody goes on: the process may end then.
        if let Some(spool) = &self.spool {
            spool.leave(&losses);
        }
        self.work.notify_one();
        self.spool_work.notify_one();
        self.room.notify_all();
        self.done.notify_all();
        // Freed outside the lock: these may be spans of any size.
        drop(left);
        due.into_iter().for_each(Due::tell);
    }

    /// Whether this process is a fork of the one that the worker runs in. Then nobody will ever take what is queued.
    pub(super) fn is_forked(&self) -> bool {
        std::process::id() != self.process
    }

    /// Refuses all that comes in a forked process. Neither what the other process had queued nor its callbacks are this one's: they are left
    /// alone, and not told anything.
    fn abandon<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if state.queue.phase == Phase::Over {
            return state;
        }
        let left = (state.queue.close(), state.receipts.close());
        drop(state);
        drop(left);
        self.lock()
    }

    fn expect_own_process(&self) -> Result<()> {
        if !self.is_forked() {
            return Ok(());
        }
        drop(self.abandon(self.lock()));
        Err(Error::new(
            ErrorKind::Shutdown,
            "this process was forked from the one that opened the tracing, and has no part of it; open it here too",
        ))
    }

    /// Whether the calling thread is the worker, one that the worker waits for, or another sink's.
    pub(super) fn is_worker(&self) -> bool {
        let this = std::thread::current().id();
        [&self.worker, &self.reader, &self.spooler].into_iter().any(|thread| thread.get() == Some(&this))
            || self.sides.is_own_thread()
    }
}

/// The worker's side.
impl Flow {
    /// Makes the calling thread the one that must not wait for the worker.
    pub(super) fn enter_worker(&self) {
        // A pipeline has one worker, and it enters once.
        let _ = self.worker.set(std::thread::current().id());
    }

    /// The same for the thread before it.
    pub(super) fn enter_spooler(&self) {
        let _ = self.spooler.set(std::thread::current().id());
    }

    /// The same for the thread that reads for it.
    pub(super) fn enter_reader(&self) {
        let _ = self.reader.set(std::thread::current().id());
    }

    /// Waits for something to do. A batch is put into `batch`, which is empty. `is_ahead` tells of a batch that was read ahead,
    /// `has_leftovers` of spans that another process left. The timers are told when what they were for is done.
    pub(super) fn next(
        &self,
        batch: &mut VecDeque<Slot>,
        is_ahead: bool,
        has_leftovers: bool,
        timers: &Timers,
    ) -> Work {
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
            if state.queue.can_settle() && !is_ahead {
                return Work::Settle(state.queue.gone_on());
            }
            let settled = state.queue.settled();
            if state.flushes.is_due(settled) {
                return Work::Flush(settled);
            }
            if now >= timers.tick {
                state.queue.drain();
                return Work::Tick;
            }
            if now >= timers.upkeep {
                return Work::Upkeep;
            }
            if is_ahead {
                return Work::Ahead;
            }
            if state.queue.batch_is_due() {
                return Work::Batch(state.queue.take(batch));
            }
            if state.queue.is_empty() && state.queue.has_unread() {
                return Work::ReadBack;
            }
            if state.queue.phase == Phase::Closing && state.queue.is_exhausted() {
                return Work::Finish;
            }
            if has_leftovers && state.queue.phase == Phase::Open {
                return Work::Leftovers;
            }
            state.queue.parked = true;
            state = wait(&self.work, state, Some(timers.tick.min(timers.upkeep)), now);
            state.queue.parked = false;
        }
    }

    /// Whether a batch is to be written now that has at least `min` spans.
    pub(super) fn is_due(&self, min: usize) -> bool {
        let queue = &self.lock().queue;
        queue.batch_is_due() && queue.next_len() >= min
    }

    /// Takes a batch, due or not; its first span's number, or `None` when nothing is queued.
    pub(super) fn take_ahead(&self, batch: &mut VecDeque<Slot>) -> Option<Range<u64>> {
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

    /// A store that is out is not waited for when the pipeline closes and the disk has everything.
    pub(super) fn leave_to_disk(&self) -> Result<(), GivenUp> {
        let state = self.lock();
        if state.queue.phase == Phase::Closing && state.queue.is_safe() {
            self.give_up(state);
            return Err(GivenUp);
        }
        Ok(())
    }

    /// Whether the pipeline was given up, or is to be now.
    pub(super) fn go_on(&self) -> Result<(), GivenUp> {
        self.pause(Duration::ZERO)
    }

    /// Spans met their fate: changes the accounts, and frees their places on the disk.
    pub(super) fn land(&self, spans: impl Iterator<Item = Origin>, change: impl FnOnce(&mut Queue)) {
        let (mut own, mut adopted) = (Vec::new(), 0);
        for Origin { process, sequence } in spans {
            if process == self.preparing.process {
                own.push(sequence);
            } else {
                adopted += 1;
            }
        }
        let Some(spool) = &self.spool else {
            return self.account(|queue| {
                change(queue);
                queue.leave_disk(adopted);
            });
        };
        let mut disk = spool.lock();
        let settled = disk.settle(own.into_iter());
        let size = disk.size();
        {
            let queue = &mut self.lock().queue;
            change(queue);
            queue.leave_disk(settled + adopted);
            queue.spool_size(size);
        }
        drop(disk);
        spool.sweep();
    }

    /// Whether the store is out.
    pub(super) fn is_degraded(&self) -> bool {
        self.lock().queue.degraded
    }

    /// What was refused and lost since this was asked for the last time.
    pub(super) fn news_of_losses(&self) -> Vec<Loss> {
        self.lock().news_of_losses()
    }

    /// Spans that could not be read before the worker, to be told of.
    pub(super) fn take_unread(&self) -> Vec<Unread> {
        std::mem::take(&mut self.lock().unread)
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
    /// What was refused and lost since this was asked for the last time.
    fn news_of_losses(&mut self) -> Vec<Loss> {
        self.losses.take_news(&self.queue.totals(), now_ns())
    }

    /// What a flush after the end is told.
    fn farewell(&self) -> Result<()> {
        if let Some(spooled) = self.spooled() {
            return Err(spooled);
        }
        match (self.queue.dropped.shutdown_timeout, &self.farewell) {
            (0, Ok(())) => Ok(()),
            (0, Err(failure)) => Err(Error::new(ErrorKind::Write, failure.clone())),
            (dropped, _) => Err(Error::new(
                ErrorKind::Shutdown,
                format!("the pipeline was shut down and dropped {dropped} spans that it could not store in time"),
            )),
        }
    }

    /// The error, when the pipeline is over and all that could not be stored is on the disk.
    fn spooled(&self) -> Option<Error> {
        let (spans, lost) = (self.queue.left_on_disk(), self.queue.dropped.shutdown_timeout);
        (spans > 0 && lost == 0).then(|| {
            let reason = self.queue.last_error.as_ref();
            let reason = reason.map_or_else(String::new, |error| format!(" (last error: {error})"));
            let message = "could not be stored, and wait on the disk for the next process that opens the database";
            Error::new(ErrorKind::Spooled, format!("{spans} spans {message}{reason}"))
        })
    }

    fn late(&self, what: &str, deadline: Duration, target: u64) -> Error {
        let health = self.queue.health();
        let waiting =
            target.saturating_sub(self.queue.settled()).min(health.queued + health.in_flight + health.spooled);
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
