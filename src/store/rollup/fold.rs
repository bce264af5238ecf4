//! Folding changes into the rows of their hours and days.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::{Cells, Piece, delete_rows, hold, level, load_pieces, piece_of, write_pieces};
use crate::error::Result;
use crate::model::DAY_NS;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::rows::RollupRow;
use crate::store::schema::rollups;
use crate::store::{Failure, Store};

/// Changes that are folded in one transaction, at most.
const MAX_CHANGES: i64 = 256;
/// Cells that are kept apart in an hour and in a day. An hour of ten agents with five models and twenty tools each has less, and 24 hours of
/// so many are read in some milliseconds.
const MAX_CELLS: usize = 1_024;
const MAX_DAY_CELLS: usize = 4_096;

impl Store {
    /// Folds the changes that there are.
    pub(crate) fn fold_rollups(&self) -> Result<()> {
        while self.write(fold_some)? {}
        Ok(())
    }
}

/// Folds some changes; whether there may be more.
fn fold_some(connection: &mut AnyConnection) -> Result<bool, Failure> {
    hold(connection)?;
    let changes: Vec<RollupRow> = dispatch!(connection, concrete => {
        rollups::table
            .filter(rollups::level.eq(level::CHANGE))
            .order((rollups::start_ns, rollups::part))
            .limit(MAX_CHANGES)
            .select(RollupRow::as_select())
            .load(concrete)
    })?;
    if changes.is_empty() {
        return Ok(false);
    }
    let mut hours: BTreeMap<i64, Cells<'_>> = BTreeMap::new();
    for change in &changes {
        hours.entry(change.start_ns).or_default().merge(Cells::decode(&change.cells)?);
    }
    add_to_pieces(connection, &hours)?;
    delete_rows(connection, &changes.iter().collect::<Vec<_>>())?;
    Ok(i64::try_from(changes.len()).is_ok_and(|count| count == MAX_CHANGES))
}

/// Adds what has changed in some hours to their rows and to those of their days, which the transaction must [hold].
fn add_to_pieces(connection: &mut AnyConnection, changes: &BTreeMap<i64, Cells<'_>>) -> Result<(), Failure> {
    let starts: Vec<i64> = changes.keys().copied().collect();
    let stored = load_pieces(connection, level::HOUR, &starts)?;
    let hours = changed(&stored, changes, MAX_CELLS)?;
    write_pieces(connection, level::HOUR, &hours)?;
    add_to_days(connection, &days(changes, &hours))
}

/// What changes in days when this changes in hours. An hour that keeps less apart makes its day do so too: what it had cannot be told any more,
/// should it be made anew.
pub(super) fn days<'a>(changes: &BTreeMap<i64, Cells<'a>>, hours: &[Piece<'_>]) -> BTreeMap<i64, Cells<'a>> {
    let mut days: BTreeMap<i64, Cells<'a>> = BTreeMap::new();
    for (hour, change) in changes {
        days.entry(piece_of(*hour, DAY_NS)).or_default().merge(change.clone());
    }
    for hour in hours.iter().filter(|hour| hour.cells.is_coarse) {
        days.entry(piece_of(hour.start_ns, DAY_NS)).or_default().make_coarse();
    }
    days
}

/// Adds what has changed in some days to their rows, which the transaction must [hold].
pub(super) fn add_to_days(connection: &mut AnyConnection, changes: &BTreeMap<i64, Cells<'_>>) -> Result<(), Failure> {
    let starts: Vec<i64> = changes.keys().copied().collect();
    let stored = load_pieces(connection, level::DAY, &starts)?;
    Ok(write_pieces(connection, level::DAY, &changed(&stored, changes, MAX_DAY_CELLS)?)?)
}

/// The pieces of time that change, as they are stored and then changed.
fn changed<'a>(
    stored: &'a [RollupRow],
    changes: &BTreeMap<i64, Cells<'a>>,
    max_cells: usize,
) -> Result<Vec<Piece<'a>>, Failure> {
    let stored: BTreeMap<i64, &RollupRow> = stored.iter().map(|row| (row.start_ns, row)).collect();
    let mut pieces = Vec::with_capacity(changes.len());
    for (start_ns, change) in changes {
        let (version, mut cells) = match stored.get(start_ns) {
            Some(row) => (row.version, Cells::decode(&row.cells)?),
            None => (0, Cells::default()),
        };
        cells.merge(change.clone());
        limit(&mut cells, max_cells);
        pieces.push(Piece { start_ns: *start_ns, version, cells });
    }
    Ok(pieces)
}

/// Keeps less apart where there is too much.
fn limit(cells: &mut Cells<'_>, max_cells: usize) {
    if cells.filled().count() > max_cells {
        cells.make_coarse();
    }
}

/// An hour's cells, from pieces of it.
pub(super) fn hour_of<'a>(pieces: &'a [Vec<u8>]) -> Result<Cells<'a>> {
    let mut cells = Cells::default();
    for piece in pieces {
        cells.merge(Cells::decode(piece)?);
    }
    limit(&mut cells, MAX_CELLS);
    Ok(cells)
}
