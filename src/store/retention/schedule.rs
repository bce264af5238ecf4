//! A retention that runs by itself, in small steps between the worker's batches.
//!
//! Processes on one database take turns: who finds the last run long enough ago takes a lease, one row, and says in it how far it is. Whoever
//! dies with it loses it after two minutes, and the next one goes on with what is left.

use std::time::{Duration, Instant};

use super::run::{self, LEASE_NS, Progress};
use super::sweep::Sweep;
use super::{Retention, RetentionRun, now_ns};
use crate::error::Result;
use crate::store::Store;

/// The first look after the start, when the program has other things to do.
const FIRST: Duration = Duration::from_secs(2);
/// After this time it is looked again whether a run is due.
const AGAIN: Duration = Duration::from_secs(60);
/// After this time what failed is tried again, by whichever process looks first.
const AFTER_ERROR: Duration = Duration::from_secs(10);
/// How long the worker may be kept from its batches at a time.
const SLICE: Duration = Duration::from_millis(50);
/// How often a run says how far it is.
const REPORT: Duration = Duration::from_secs(30);

/// Runs a retention again and again.
#[derive(Debug)]
pub(crate) struct Schedule {
    retention: Retention,
    /// The process.
    holder: Vec<u8>,
    /// When it is looked again whether a run is due.
    next: Instant,
    /// The run that goes on.
    sweep: Option<Sweep>,
    told: Instant,
}

impl Schedule {
    pub(crate) fn new(retention: Retention, holder: Vec<u8>) -> Self {
        let now = Instant::now();
        let first = FIRST.min(retention.interval());
        Self { retention, holder, next: now + first, sweep: None, told: now }
    }

    /// Does a bounded piece of what is due, if anything is.
    pub(crate) fn tick(&mut self, store: &Store) -> Result<()> {
        if self.sweep.is_none() && Instant::now() < self.next {
            return Ok(());
        }
        let done = self.go_on(store);
        if let Err(error) = &done {
            self.next = Instant::now() + AFTER_ERROR.min(self.retention.interval());
            let text = error.to_string();
            let pruned = self.sweep.take().map(|sweep| sweep.pruned()).unwrap_or_default();
            let failed = Progress { until_ns: 0, present_ns: None, ended_ns: None, pruned, error: Some(&text) };
            // Of a lease that is another's, nothing changes; and where not even this can be written, it runs out.
            let _ = store.write(|connection| Ok(run::report(connection, &self.holder, &failed)?));
        }
        done
    }

    fn go_on(&mut self, store: &Store) -> Result<()> {
        let mut sweep = match self.sweep.take() {
            Some(sweep) => sweep,
            None => match self.begin(store)? {
                Some(sweep) => sweep,
                None => return Ok(()),
            },
        };
        let until = Instant::now() + SLICE;
        loop {
            match sweep.step(store) {
                Ok(false) => break,
                Ok(true) if Instant::now() < until => {}
                Ok(true) => {
                    let is_ours = self.told.elapsed() < REPORT
                        || self.tell(store, &sweep, now_ns().saturating_add(LEASE_NS), None)?;
                    // Somebody took it for dead, and goes on.
                    self.sweep = is_ours.then_some(sweep);
                    return Ok(());
                }
                Err(error) => {
                    self.sweep = Some(sweep);
                    return Err(error);
                }
            }
        }
        self.next = Instant::now() + self.retention.interval();
        self.tell(store, &sweep, 0, Some(now_ns())).map(drop)
    }

    /// A new run, if one is due and nobody else is at it.
    fn begin(&mut self, store: &Store) -> Result<Option<Sweep>> {
        let (now_ns, interval) = (now_ns(), self.retention.interval());
        let Some(row) = store.read(|connection| Ok(run::load(connection)?))? else { return Ok(None) };
        let wait = if row.is_held(now_ns) { AGAIN } else { row.due_in(now_ns, interval) };
        if !wait.is_zero() || !store.write(|connection| Ok(run::claim(connection, &row, &self.holder, now_ns)?))? {
            self.next = Instant::now() + wait.clamp(Duration::from_secs(1), AGAIN).min(interval);
            return Ok(None);
        }
        let sweep = Sweep::begin(store, &self.retention, now_ns, row.latest_present_ns(interval))?;
        self.tell(store, &sweep, now_ns.saturating_add(LEASE_NS), None)?;
        Ok(Some(sweep))
    }

    fn tell(&mut self, store: &Store, sweep: &Sweep, until_ns: i64, ended_ns: Option<i64>) -> Result<bool> {
        self.told = Instant::now();
        let progress =
            Progress { until_ns, present_ns: Some(sweep.present_ns()), ended_ns, pruned: sweep.pruned(), error: None };
        store.write(|connection| Ok(run::report(connection, &self.holder, &progress)?))
    }
}

impl Store {
    /// What the last scheduled retention did.
    pub(crate) fn last_retention(&self) -> Result<Option<RetentionRun>> {
        let row = self.read(|connection| Ok(run::load(connection)?))?;
        Ok(row.and_then(run::Row::into_run))
    }
}
