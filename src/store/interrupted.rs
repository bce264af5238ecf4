//! Processes that died, and the spans that they left open.
//!
//! Each process says now and then that it runs (`processes.heartbeat_ns`) and how often it promises to. Whoever has the database open looks
//! at the others as often, and calls one dead when it has not said so in [`MISSED`] looks that were at least its own interval apart. So no two
//! clocks are compared, and a watcher that was itself frozen gives the others time. A process that [ended](ProcessRow::ended_ns) in order
//! is no longer waited for. The number of a process on this host proves nothing: it may be of another namespace, or of a later process.
//!
//! The spans that such a process left open become *interrupted*, some hundred in a transaction. Each of these transactions first takes
//! the process's row, and only as long as its heartbeat is the one that was watched: so any number of watchers may do it at once, and none of
//! them after the process has come back. One that comes back (it was frozen, or cut off from the database) finds `settled_ns` in its row when
//! it says again that it runs, and makes what is still open *running* again. What it closes is closed, whatever others thought.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::connection::{AnyConnection, dispatch};
use super::rows::ProcessRow;
use super::schema::processes;
use super::write::{Moved, move_state};
use super::{Failure, dialect};
use crate::model::SpanState;
use crate::semconv::Prices;

/// So many looks without a sign of life.
const MISSED: u32 = 6;

/// The interval of a process that promises none: an older version, which says that it runs when it writes.
const UNPROMISED: Duration = Duration::from_secs(600);

/// A process that is dead, or ended, by the heartbeat that was its last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doomed {
    process_id: Vec<u8>,
    heartbeat_ns: i64,
}

/// What was seen of a process that runs, as far as is known.
#[derive(Debug)]
struct Seen {
    heartbeat_ns: i64,
    at: Instant,
    /// Looks since, each an interval after the one before, that found the same.
    missed: u32,
}

/// The other processes on the database, as one of them sees them.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: HashMap<Vec<u8>, Seen>,
    pub(super) doomed: VecDeque<Doomed>,
}

impl Watch {
    /// Takes in what the database says of the processes that are not settled.
    pub(super) fn look(&mut self, rows: Vec<ProcessRow>, now: Instant) {
        let mut known = std::mem::take(&mut self.seen);
        self.doomed.clear();
        for row in rows {
            let ProcessRow { process_id, heartbeat_ns, ended_ns, interval_ns, .. } = row;
            let interval = interval_ns.and_then(|ns| u64::try_from(ns).ok()).map_or(UNPROMISED, Duration::from_nanos);
            let mut seen = match known.remove(&process_id) {
                Some(seen) if seen.heartbeat_ns == heartbeat_ns => seen,
                _ => Seen { heartbeat_ns, at: now, missed: 0 },
            };
            if now.saturating_duration_since(seen.at) >= interval {
                seen.at = now;
                seen.missed += 1;
            }
            if ended_ns.is_some() || seen.missed >= MISSED {
                self.doomed.push_back(Doomed { process_id: process_id.clone(), heartbeat_ns });
            }
            self.seen.insert(process_id, seen);
        }
    }
}

/// Writes what a process says of itself. What others say of it (`settled_ns`) stays.
pub(super) fn put_process(connection: &mut AnyConnection, process: &ProcessRow) -> QueryResult<()> {
    // No column of it adds up; a plain replacement would take the others' away on SQLite.
    dialect::add_up(connection, &[process])
}

/// Says that a process runs. Returns whether others had thought that it does not.
pub(super) fn beat(connection: &mut AnyConnection, process: &ProcessRow) -> QueryResult<bool> {
    // First the write, which waits for who is just settling the process; then what that has left.
    put_process(connection, process)?;
    dispatch!(connection, concrete => {
        let own = processes::table.find(&process.process_id);
        let settled: Option<i64> = own.select(processes::settled_ns).first(concrete)?;
        if settled.is_some() {
            diesel::update(own).set(processes::settled_ns.eq(None::<i64>)).execute(concrete)?;
        }
        Ok(settled.is_some())
    })
}

/// The processes but for one that nobody has settled.
pub(super) fn unsettled(connection: &mut AnyConnection, but: &[u8]) -> QueryResult<Vec<ProcessRow>> {
    dispatch!(connection, concrete => {
        processes::table
            .filter(processes::settled_ns.is_null().or(processes::settled_ns.eq(0)))
            .filter(processes::process_id.ne(but))
            .select(ProcessRow::as_select())
            .load(concrete)
    })
}

/// Interrupts some of the spans that a process left open; when there are none left, the process is settled.
pub(super) fn settle(
    connection: &mut AnyConnection,
    doomed: &Doomed,
    now_ns: i64,
    prices: &Prices,
) -> Result<Moved, Failure> {
    let process = doomed.process_id.as_slice();
    let taken = dispatch!(connection, concrete => {
        let as_watched = processes::table.find(process).filter(processes::heartbeat_ns.eq(doomed.heartbeat_ns));
        diesel::update(as_watched).set(processes::settled_ns.eq(Some(now_ns))).execute(concrete)
    })?;
    if taken == 0 {
        return Ok(Moved::default());
    }
    let moved = move_state(connection, process, SpanState::Open, SpanState::Interrupted, prices)?;
    if moved.is_more {
        dispatch!(connection, concrete => {
            diesel::update(processes::table.find(process)).set(processes::settled_ns.eq(Some(0))).execute(concrete)
        })?;
    }
    Ok(moved)
}

/// Makes some of a process's spans running again that others took for interrupted.
pub(super) fn resume(connection: &mut AnyConnection, process: &[u8], prices: &Prices) -> Result<Moved, Failure> {
    move_state(connection, process, SpanState::Interrupted, SpanState::Open, prices)
}

/// Has processes watched again of which open spans came late: what they left behind was kept elsewhere.
pub(super) fn unsettle(connection: &mut AnyConnection, ids: &[&[u8]]) -> QueryResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    dispatch!(connection, concrete => {
        let settled = processes::table.filter(processes::process_id.eq_any(ids.iter().copied()));
        diesel::update(settled).set(processes::settled_ns.eq(None::<i64>)).execute(concrete)
    })
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn row(heartbeat_ns: i64) -> ProcessRow {
        ProcessRow {
            process_id: vec![1; 16],
            pid: 1,
            host: String::new(),
            started_ns: 0,
            heartbeat_ns,
            ended_ns: None,
            interval_ns: Some(10_000_000_000),
            settled_ns: None,
            rolls_up: None,
        }
    }

    #[test]
    fn a_process_is_dead_when_it_was_silent_for_six_of_its_intervals() {
        let mut watch = Watch::default();
        let start = Instant::now();
        for look in 0..6 {
            watch.look(vec![row(5)], start + look * 10 * SECOND);
            assert_eq!(watch.doomed, [], "{look}");
        }
        // Looks in between do not count.
        watch.look(vec![row(5)], start + 59 * SECOND);
        assert_eq!(watch.doomed, []);
        watch.look(vec![row(5)], start + 60 * SECOND);
        assert_eq!(watch.doomed, [Doomed { process_id: vec![1; 16], heartbeat_ns: 5 }]);
        watch.look(vec![row(6)], start + 70 * SECOND);
        assert_eq!(watch.doomed, [], "it has come back");
    }

    #[test]
    fn a_watcher_that_was_frozen_gives_the_others_time() {
        let mut watch = Watch::default();
        let start = Instant::now();
        watch.look(vec![row(5)], start);
        watch.look(vec![row(5)], start + 3600 * SECOND);
        assert_eq!(watch.doomed, []);
    }

    #[test]
    fn a_clock_that_was_set_back_is_a_sign_of_life_too() {
        let mut watch = Watch::default();
        let start = Instant::now();
        for look in 0..20 {
            watch.look(vec![row(1_000 - i64::from(look))], start + look * 10 * SECOND);
            assert_eq!(watch.doomed, []);
        }
    }

    #[test]
    fn who_ended_in_order_is_not_waited_for_and_who_promised_nothing_is_for_long() {
        let mut watch = Watch::default();
        let start = Instant::now();
        watch.look(vec![ProcessRow { ended_ns: Some(9), ..row(5) }], start);
        assert_eq!(watch.doomed.len(), 1);
        let mut watch = Watch::default();
        for (look, dead) in (0..=360).map(|look| (look, look == 360)) {
            watch.look(vec![ProcessRow { interval_ns: None, ..row(5) }], start + look * 10 * SECOND);
            assert_eq!(!watch.doomed.is_empty(), dead, "{look}");
        }
    }
}
