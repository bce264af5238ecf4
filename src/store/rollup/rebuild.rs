//! Summing up what was stored without being rolled up, hour by hour from the latest on.
//!
//! Each step reads an hour's spans and what is rolled up of it in one state of the database, and then puts the one in the place of the other, if
//! nobody has folded it meanwhile. Changes that came meanwhile stay, and are added as ever. So nobody is kept from writing.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::fold::{add_to_days, days, hour_of};
use super::{Cells, Change, HOUR_NS, Piece, SpanFacts, delete_rows, hold, level, piece_of, write_pieces};
use crate::error::Result;
use crate::store::connection::{AnyConnection, dispatch, for_each_row};
use crate::store::rows::RollupRow;
use crate::store::schema::{processes, rollups, spans};
use crate::store::{Failure, Store, dialect};

/// Spans that are in memory at once.
const MAX_SPANS: usize = 2_000;

/// How far roll-ups go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Covering {
    /// All that is stored is rolled up.
    Done,
    /// There is more to sum up.
    More,
    /// A process runs that stores spans and does not roll them up.
    Waiting,
}

/// An hour that is to be summed up, and all the time behind it until the one before, in which no spans start.
struct Step {
    /// Until then all is summed up.
    uncovered_ns: i64,
    /// Where the hour begins; the beginning of time where there are no spans any more.
    from_ns: i64,
    changes: Vec<RollupRow>,
    hours: Vec<RollupRow>,
    /// What the hour's spans come to, in pieces.
    sums: Vec<Vec<u8>>,
}

impl Store {
    /// Makes the roll-ups that statistics are read from anew from the spans. Until that is done, statistics are read from the spans.
    ///
    /// Every batch keeps them right, step by step; this is for a database whose spans another program changed.
    ///
    /// # Errors
    /// [`ErrorKind::Query`](crate::ErrorKind::Query) and [`ErrorKind::Write`](crate::ErrorKind::Write) when the database refuses.
    pub fn rebuild_rollups(&self) -> Result<()> {
        self.write(|connection| Ok(begin_anew(connection)?))?;
        while let Some(uncovered_ns) = self.read(|connection| Ok(uncovered(connection)?))? {
            self.take_step(uncovered_ns)?;
        }
        Ok(())
    }

    /// Sums up the next hour, where something is left to be summed up.
    pub(crate) fn cover_with_rollups(&self) -> Result<Covering> {
        let Some(uncovered_ns) = self.read(|connection| Ok(uncovered(connection)?))? else {
            return Ok(Covering::Done);
        };
        if self.read(|connection| Ok(has_older_writers(connection)?))? {
            return Ok(Covering::Waiting);
        }
        self.take_step(uncovered_ns)?;
        Ok(Covering::More)
    }

    fn take_step(&self, uncovered_ns: i64) -> Result<()> {
        let step = self.read(|connection| look(connection, uncovered_ns))?;
        self.write(|connection| put_in_place(connection, &step))
    }
}

/// The time before which spans are not summed up yet.
fn uncovered(connection: &mut AnyConnection) -> QueryResult<Option<i64>> {
    dispatch!(connection, concrete => {
        rollups::table
            .filter(rollups::level.eq(level::UNCOVERED))
            .select(rollups::version)
            .first(concrete)
            .optional()
    })
}

/// Whether a process of an older version still runs. None can begin any more: it would find that the tables are newer.
fn has_older_writers(connection: &mut AnyConnection) -> QueryResult<bool> {
    let older = processes::table
        .filter(processes::rolls_up.is_null())
        .filter(processes::ended_ns.is_null())
        .filter(processes::settled_ns.is_null().or(processes::settled_ns.eq(0)))
        // One that never reached the database itself has no number, and nothing that it could write.
        .filter(processes::pid.ne(0));
    dispatch!(connection, concrete => diesel::select(diesel::dsl::exists(older)).get_result(concrete))
}

/// Says that nothing is summed up.
fn begin_anew(connection: &mut AnyConnection) -> QueryResult<()> {
    hold(connection)?;
    dispatch!(connection, concrete => {
        diesel::delete(rollups::table.filter(rollups::level.le(level::UNCOVERED))).execute(concrete)
    })?;
    dialect::add(connection, &[&RollupRow::empty(level::UNCOVERED, 0, i64::MAX)])
}

fn look(connection: &mut AnyConnection, uncovered_ns: i64) -> Result<Step, Failure> {
    // The last of all times is not before any other.
    let last_ns = if uncovered_ns == i64::MAX { uncovered_ns } else { uncovered_ns - 1 };
    let latest: Option<i64> = dispatch!(connection, concrete => {
        spans::table
            .select(spans::start_ns)
            .filter(spans::start_ns.le(last_ns))
            .order(spans::start_ns.desc())
            .first(concrete)
            .optional()
    })?;
    let from_ns = latest.map_or(i64::MIN, |latest| piece_of(latest, HOUR_NS));
    let sums = match latest {
        Some(_) => {
            let last_ns = last_ns.min(from_ns.saturating_add(HOUR_NS - 1));
            connection.wait(async |connection| sum_up(connection, from_ns, last_ns).await)?
        }
        None => Vec::new(),
    };
    let mut rolled = |level: i16| -> QueryResult<Vec<RollupRow>> {
        dispatch!(&mut *connection, concrete => {
            rollups::table
                .filter(rollups::level.eq(level))
                .filter(rollups::start_ns.between(from_ns, last_ns))
                .select(RollupRow::as_select())
                .load(concrete)
        })
    };
    Ok(Step { uncovered_ns, from_ns, changes: rolled(level::CHANGE)?, hours: rolled(level::HOUR)?, sums })
}

/// What the spans that start from one time to another in an hour come to, in pieces.
async fn sum_up(connection: &mut AnyConnection, from_ns: i64, last_ns: i64) -> Result<Vec<Vec<u8>>, Failure> {
    let mut sums = Vec::new();
    let mut facts: Vec<SpanFacts> = Vec::new();
    for_each_row!(
        connection,
        statements in crate::store::rollup::statements => statements::facts(from_ns, last_ns),
        row: SpanFacts => {
            facts.push(row);
            if facts.len() == MAX_SPANS {
                sums.extend(sum_of(&facts));
                facts.clear();
            }
        }
    );
    sums.extend(sum_of(&facts));
    Ok(sums)
}

/// What spans of one hour come to.
fn sum_of(facts: &[SpanFacts]) -> Option<Vec<u8>> {
    let mut change = Change::default();
    facts.iter().for_each(|span| change.add(span));
    change.0.into_values().next().and_then(|cells| cells.encode())
}

/// Puts sums in the place of what was rolled up, unless that is something else by now: then the next step begins anew.
fn put_in_place(connection: &mut AnyConnection, step: &Step) -> Result<(), Failure> {
    hold(connection)?;
    if uncovered(connection)? != Some(step.uncovered_ns) || has_moved(connection, step)? {
        return Ok(());
    }
    // Of days, only what was folded is taken back: changes were not in them yet.
    let mut changes: BTreeMap<i64, Cells<'_>> = BTreeMap::new();
    for row in &step.hours {
        changes.entry(row.start_ns).or_default().merge(Cells::decode(&row.cells)?);
    }
    changes.values_mut().for_each(Cells::negate);
    let mut hours: Vec<Piece<'_>> = Vec::with_capacity(step.hours.len() + 1);
    let rolled = step.hours.iter().chain(&step.changes).map(|row| row.start_ns);
    let starts: BTreeSet<i64> = rolled.chain([step.from_ns]).collect();
    for start_ns in starts {
        let cells = if start_ns == step.from_ns { hour_of(&step.sums)? } else { Cells::default() };
        let version = step.hours.iter().find(|row| row.start_ns == start_ns).map_or(0, |row| row.version);
        changes.entry(start_ns).or_default().merge(cells.clone());
        hours.push(Piece { start_ns, version, cells });
    }
    delete_rows(connection, &step.changes.iter().collect::<Vec<_>>())?;
    write_pieces(connection, level::HOUR, &hours)?;
    add_to_days(connection, &days(&changes, &hours))?;
    move_on(connection, step)?;
    Ok(())
}

/// Whether somebody has folded what the step has seen.
fn has_moved(connection: &mut AnyConnection, step: &Step) -> QueryResult<bool> {
    let starts = [&step.hours, &step.changes].into_iter().flatten().map(|row| row.start_ns).chain([step.from_ns]);
    let (low, high) = starts.fold((i64::MAX, i64::MIN), |(low, high), start| (low.min(start), high.max(start)));
    type Key = (i16, i64, Vec<u8>, i64);
    let now: BTreeSet<Key> = dispatch!(connection, concrete => {
        rollups::table
            .filter(rollups::level.le(level::HOUR))
            .filter(rollups::start_ns.between(low, high))
            .select((rollups::level, rollups::start_ns, rollups::part, rollups::version))
            .load::<Key>(concrete)
    })?
    .into_iter()
    .collect();
    let key = |row: &RollupRow| (row.level, row.start_ns, row.part.clone(), row.version);
    let hours: BTreeSet<Key> = step.hours.iter().map(key).collect();
    let hours_now: BTreeSet<Key> = now.iter().filter(|(level, ..)| *level == level::HOUR).cloned().collect();
    Ok(hours != hours_now || step.changes.iter().any(|row| !now.contains(&key(row))))
}

/// Says how far it is.
fn move_on(connection: &mut AnyConnection, step: &Step) -> QueryResult<usize> {
    let row = rollups::table.filter(rollups::level.eq(level::UNCOVERED));
    dispatch!(connection, concrete => {
        if step.from_ns == i64::MIN {
            diesel::delete(row).execute(concrete)
        } else {
            diesel::update(row).set(rollups::version.eq(step.from_ns)).execute(concrete)
        }
    })
}
