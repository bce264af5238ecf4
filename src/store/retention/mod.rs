//! Retention: which traces go, and deleting them in transactions small enough that writers need not wait long.
//!
//! A [`Sweep`] is one run, step by step: it goes through the traces from the oldest start on, reading ahead of its transactions, so that a
//! transaction holds nothing but rows that go. [`Schedule`] does the same steps between the worker's batches.

mod candidate;
mod delete;
mod pace;
mod remains;
mod rule;
mod run;
mod schedule;
mod sweep;
#[cfg(test)]
mod tests;

pub use rule::Retention;
pub use run::RetentionRun;
pub(crate) use schedule::Schedule;

use sweep::Sweep;

use super::Store;
use crate::error::Result;
use crate::model::time::now_ns;

/// Traces deleted in one transaction, at most.
const MAX_TRACES: usize = 200;
/// Spans deleted in one transaction, at most: 200 traces of usual size. Deleting so many takes some tens of milliseconds.
const MAX_SPANS: usize = 2_000;

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// Traces.
    pub traces: u64,
    /// Spans.
    pub spans: u64,
    /// Bytes by which the database became smaller for the operating system. Exact on SQLite (pages of the file) and PostgreSQL, where only
    /// whole partitions give space back and the rest is used again; on MySQL and MariaDB, which use it again too, as their statistics say.
    pub freed_bytes: u64,
}

impl Pruned {
    fn add(&mut self, more: Self) {
        self.traces += more.traces;
        self.spans += more.spans;
        self.freed_bytes += more.freed_bytes;
    }
}

impl Store {
    /// Deletes what a retention does not keep, and gives space back.
    pub(crate) fn prune(&self, retention: &Retention) -> Result<Pruned> {
        let mut sweep = Sweep::begin(self, retention, now_ns(), None)?;
        while sweep.step(self)? {
            std::thread::sleep(sweep.pause());
        }
        Ok(sweep.pruned())
    }

    /// What [`prune`](Self::prune) would delete.
    pub(crate) fn prunable(&self, retention: &Retention) -> Result<Pruned> {
        Sweep::begin(self, retention, now_ns(), None)?.count(self)
    }
}
