//! Roll-ups: sums of spans by the hour and by the day in which they start, and by what they are. Dashboards read them in place of the spans.
//!
//! - A transaction that changes spans adds one row for each hour in which spans change: the sums of what is new without those of what was
//!   there. It reads nothing for that and waits for nobody, however many writers there are, since no two of them touch the same row.
//! - All sums can be added and taken away in any order, so the changes of an hour are [folded](fold) into its row, and that of its day, by
//!   and by. Who reads adds up what is folded and what is not. Both are seen in one state of the database with the spans, so roll-ups say what
//!   the spans say at any moment.
//! - A piece of time in which programs choose too many names keeps apart only what they do not choose ([`Cells::is_coarse`]), for good:
//!   of the rest, spans are read. Otherwise a name for each call would make roll-ups as long as the spans.
//! - What was stored before there were roll-ups is summed up afterwards, from the latest hour back ([rebuild]). A row says how far that is;
//!   times before it are answered by spans.

mod cell;
mod encoding;
mod fold;
mod histogram;
mod rebuild;
mod statements;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::connection::{AnyConnection, dispatch};
use super::dialect;
use super::rows::RollupRow;
use super::schema::rollups;
pub(crate) use cell::{AMOUNTS, Amount, Counted, Place, SpanFacts, Sums};
pub(crate) use encoding::Cells;
pub(crate) use rebuild::Covering;

pub(crate) const HOUR_NS: i64 = 3_600_000_000_000;

/// What a row of `rollups` is, in its column `level`.
pub(crate) mod level {
    /// What a transaction changed in an hour, under a number of its own.
    pub(crate) const CHANGE: i16 = 0;
    /// What has been folded of an hour.
    pub(crate) const HOUR: i16 = 1;
    /// What has been folded of a day.
    pub(crate) const DAY: i16 = 2;
    /// `version` is the time before which spans are not summed up yet; no such row when all are.
    pub(crate) const UNCOVERED: i16 = 3;
    /// Whoever folds holds this row.
    pub(crate) const FOLDING: i16 = 4;
}

/// The start of the piece of time, of this length in nanoseconds, that a time lies in.
pub(crate) const fn piece_of(time_ns: i64, length_ns: i64) -> i64 {
    time_ns.div_euclid(length_ns).saturating_mul(length_ns)
}

/// What a transaction changes.
#[derive(Default)]
pub(crate) struct Change<'a>(BTreeMap<i64, Cells<'a>>);

impl<'a> Change<'a> {
    /// A span that is stored now.
    pub(crate) fn add(&mut self, span: impl Into<Counted<'a>>) {
        self.count(&span.into(), true);
    }

    /// A span that was stored, as it was.
    pub(crate) fn remove(&mut self, span: impl Into<Counted<'a>>) {
        self.count(&span.into(), false);
    }

    fn count(&mut self, span: &Counted<'a>, is_added: bool) {
        let cells = self.0.entry(piece_of(span.start_ns, HOUR_NS)).or_default();
        cells.sums.entry(span.place).or_default().count(span, is_added);
    }

    /// Writes it, in the transaction that changes the spans.
    pub(crate) fn write(self, connection: &mut AnyConnection) -> QueryResult<()> {
        let rows: Vec<RollupRow> = self
            .0
            .iter()
            .filter_map(|(start_ns, cells)| {
                let part = fastrand::u128(..).to_be_bytes().to_vec();
                Some(RollupRow { level: level::CHANGE, start_ns: *start_ns, part, version: 0, cells: cells.encode()? })
            })
            .collect();
        dialect::add(connection, &rows.iter().collect::<Vec<_>>())
    }
}

/// Keeps others from folding until the transaction ends.
fn hold(connection: &mut AnyConnection) -> QueryResult<()> {
    dialect::keep(connection, &[&RollupRow::empty(level::FOLDING, 0, 0)])?;
    dispatch!(connection, concrete => {
        diesel::update(rollups::table.filter(rollups::level.eq(level::FOLDING)))
            .set(rollups::version.eq(rollups::version + 1))
            .execute(concrete)
            .map(drop)
    })
}

/// The rows of these pieces of time.
fn load_pieces(connection: &mut AnyConnection, level: i16, starts: &[i64]) -> QueryResult<Vec<RollupRow>> {
    let mut rows = Vec::new();
    for starts in starts.chunks(MAX_STARTS) {
        rows.append(&mut dispatch!(connection, concrete => {
            rollups::table
                .filter(rollups::level.eq(level))
                .filter(rollups::start_ns.eq_any(starts.iter().copied()))
                .select(RollupRow::as_select())
                .load(concrete)
        })?);
    }
    Ok(rows)
}

/// Deletes these rows; returns how many there were.
fn delete_rows(connection: &mut AnyConnection, rows: &[&RollupRow]) -> QueryResult<usize> {
    let mut deleted = 0;
    for rows in rows.chunks(MAX_STARTS) {
        let Some(level) = rows.first().map(|row| row.level) else { continue };
        let these: super::write::AnyOf<_> =
            rows.iter().map(|row| rollups::start_ns.eq(row.start_ns).and(rollups::part.eq(&row.part))).collect();
        deleted += dispatch!(connection, concrete => {
            diesel::delete(rollups::table.filter(rollups::level.eq(level)).filter(these)).execute(concrete)
        })?;
    }
    Ok(deleted)
}

/// Pieces of time in one statement.
const MAX_STARTS: usize = 500;

/// Writes what pieces of time have become; those of which nothing is left go.
fn write_pieces(connection: &mut AnyConnection, level: i16, pieces: &[Piece<'_>]) -> QueryResult<()> {
    let mut rows = Vec::new();
    let mut gone = Vec::new();
    for piece in pieces {
        let row = RollupRow::empty(level, piece.start_ns, piece.version + 1);
        match piece.cells.encode() {
            Some(cells) => rows.push(RollupRow { cells, ..row }),
            None => gone.push(row),
        }
    }
    dialect::put(connection, &rows.iter().collect::<Vec<_>>())?;
    delete_rows(connection, &gone.iter().collect::<Vec<_>>()).map(drop)
}

impl RollupRow {
    /// A row without sums.
    fn empty(level: i16, start_ns: i64, version: i64) -> Self {
        Self { level, start_ns, part: Vec::new(), version, cells: Vec::new() }
    }
}

/// What a piece of time becomes.
struct Piece<'a> {
    start_ns: i64,
    /// Of the row that is stored; 0 where none is.
    version: i64,
    cells: Cells<'a>,
}
