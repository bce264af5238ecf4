//! The row in which processes agree who prunes, and which tells what the last one did.

use std::time::{Duration, SystemTime};

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::Pruned;
use crate::model::time::{duration_ns, system_time};
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::schema::retention;

/// How long a process may be silent that prunes, before another one takes over.
pub(super) const LEASE_NS: i64 = 120_000_000_000;
/// How much later than in the run before the present may be, at most, beside the time between two runs. A clock that is years ahead, and
/// has put traces of that time into the database, moves the present by a day an hour: slowly enough for somebody to notice, and fast
/// enough after weeks without any run.
const STRIDE: Duration = Duration::from_secs(86_400);

/// What the last scheduled run of a [`Retention`](super::Retention) did, in whichever process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetentionRun {
    /// When it began.
    pub begun: SystemTime,
    /// When it was done; `None` while it goes on, or when its process died.
    pub ended: Option<SystemTime>,
    /// What it deleted, or has so far.
    pub pruned: Pruned,
    /// Why it stopped early.
    pub error: Option<String>,
}

/// The one row.
#[derive(Debug, Clone, Queryable)]
pub(super) struct Row {
    pub(super) holder: Vec<u8>,
    pub(super) until_ns: i64,
    pub(super) present_ns: i64,
    pub(super) begun_ns: i64,
    pub(super) ended_ns: Option<i64>,
    traces: i64,
    spans: i64,
    freed_bytes: i64,
    error: Option<String>,
}

impl Row {
    /// Whether another process is at it. A lease that ends later than any does was given by a wrong clock.
    pub(super) const fn is_held(&self, now_ns: i64) -> bool {
        self.until_ns > now_ns && self.until_ns <= now_ns.saturating_add(LEASE_NS)
    }

    /// How long until the next run.
    pub(super) fn due_in(&self, now_ns: i64, interval: Duration) -> Duration {
        if self.ended_ns.is_none() || self.error.is_some() || self.begun_ns > now_ns {
            return Duration::ZERO;
        }
        let since = Duration::from_nanos(u64::try_from(now_ns.saturating_sub(self.begun_ns)).unwrap_or(0));
        interval.saturating_sub(since)
    }

    /// The latest time that the next run may take for the present.
    pub(super) fn latest_present_ns(&self, interval: Duration) -> Option<i64> {
        let stride = duration_ns(interval.saturating_add(STRIDE));
        (self.present_ns > 0).then(|| self.present_ns.saturating_add(stride))
    }

    pub(super) fn into_run(self) -> Option<RetentionRun> {
        let number = |stored: i64| u64::try_from(stored).unwrap_or(0);
        (self.begun_ns > 0).then(|| RetentionRun {
            begun: system_time(self.begun_ns),
            ended: self.ended_ns.map(system_time),
            pruned: Pruned {
                traces: number(self.traces),
                spans: number(self.spans),
                freed_bytes: number(self.freed_bytes),
            },
            error: self.error,
        })
    }
}

pub(super) fn load(connection: &mut AnyConnection) -> QueryResult<Option<Row>> {
    dispatch!(connection, concrete => {
        retention::table
            .select((
                retention::holder,
                retention::until_ns,
                retention::present_ns,
                retention::begun_ns,
                retention::ended_ns,
                retention::traces,
                retention::spans,
                retention::freed_bytes,
                retention::error,
            ))
            .filter(retention::task.eq(""))
            .first(concrete)
            .optional()
    })
}

/// Takes the lease from whoever had it, unless another one was quicker.
pub(super) fn claim(connection: &mut AnyConnection, seen: &Row, holder: &[u8], now_ns: i64) -> QueryResult<bool> {
    dispatch!(connection, concrete => {
        let unchanged = retention::table
            .filter(retention::task.eq(""))
            .filter(retention::holder.eq(&seen.holder))
            .filter(retention::until_ns.eq(seen.until_ns));
        let taken = diesel::update(unchanged)
            .set((
                retention::holder.eq(holder),
                retention::until_ns.eq(now_ns.saturating_add(LEASE_NS)),
                retention::begun_ns.eq(now_ns),
                retention::ended_ns.eq(None::<i64>),
                retention::traces.eq(0),
                retention::spans.eq(0),
                retention::freed_bytes.eq(0),
                retention::error.eq(None::<String>),
            ))
            .execute(concrete)?;
        Ok(taken == 1)
    })
}

/// How far a run is.
pub(super) struct Progress<'a> {
    pub(super) until_ns: i64,
    /// `None` leaves it as it is, which only a run that failed does.
    pub(super) present_ns: Option<i64>,
    pub(super) ended_ns: Option<i64>,
    pub(super) pruned: Pruned,
    pub(super) error: Option<&'a str>,
}

/// Tells how far the run is; whether the lease is still this process's.
pub(super) fn report(connection: &mut AnyConnection, holder: &[u8], progress: &Progress<'_>) -> QueryResult<bool> {
    let number = |counted: u64| i64::try_from(counted).unwrap_or(i64::MAX);
    dispatch!(connection, concrete => {
        let own = retention::table.filter(retention::task.eq("")).filter(retention::holder.eq(holder));
        let told = diesel::update(own)
            .set((
                retention::until_ns.eq(progress.until_ns),
                progress.present_ns.map(|present_ns| retention::present_ns.eq(present_ns)),
                retention::ended_ns.eq(progress.ended_ns),
                retention::traces.eq(number(progress.pruned.traces)),
                retention::spans.eq(number(progress.pruned.spans)),
                retention::freed_bytes.eq(number(progress.pruned.freed_bytes)),
                retention::error.eq(progress.error),
            ))
            .execute(concrete)?;
        Ok(told == 1)
    })
}
