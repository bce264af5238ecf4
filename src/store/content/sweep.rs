//! Deleting the parts of a day that no span needs: mark and sweep, in small transactions. Why this takes nothing away that a writer
//! relies on stands in the [module above](super).

use std::collections::{BTreeSet, HashSet, VecDeque};

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::WITH_PARTS;
use super::entry::{Column, Name, entries, names};
use crate::error::Result;
use crate::model::DAY_NS;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::schema::{content_days, content_parts, span_contents, spans};
use crate::store::write::AnyOf;
use crate::store::{Store, dialect};

/// Parts that one pass over a day's spans is for: some megabytes of names.
const PARTS_A_PASS: usize = 100_000;
/// Names that are read at once.
const NAMES_A_PAGE: i64 = 5_000;
/// Spans that are looked at, lists that are read, and parts that are deleted at once.
const SPANS_A_PAGE: usize = 500;
const LISTS_A_PAGE: usize = 200;
const PARTS_A_TRANSACTION: usize = 500;
/// How often it is tried to begin with a day while writers hold it.
const TRIES: u32 = 8;

/// A place in the order of a day's spans.
type Place = (i64, Vec<u8>, Vec<u8>);

/// Deletes what no span needs of some days, step by step.
#[derive(Debug)]
pub(crate) struct PartSweep {
    days: VecDeque<i32>,
    tries: u32,
    at: Option<DaySweep>,
}

/// What is done next in a day.
#[derive(Debug)]
enum Phase {
    /// Reading which parts there are that a writer has not marked.
    Candidates,
    /// Going through the spans of the day, behind a place.
    Spans(Option<Place>),
    /// Following the lists that were found.
    Lists(Option<Place>),
    /// Deleting what is left.
    Delete,
    End,
}

/// The sweep of a day.
#[derive(Debug)]
struct DaySweep {
    day: i32,
    /// Its number.
    sweep: i64,
    /// What was noted when it began.
    leftovers: i64,
    phase: Phase,
    /// The last part that was read; none at the beginning.
    after: Vec<u8>,
    is_last_pass: bool,
    /// What no span was found to need.
    unneeded: BTreeSet<Name>,
    /// Lists that are to be followed, and those that were.
    lists: Vec<Name>,
    followed: HashSet<Name>,
}

impl PartSweep {
    /// Of these days.
    pub(crate) fn of(days: impl IntoIterator<Item = i32>) -> Self {
        Self { days: days.into_iter().collect(), tries: TRIES, at: None }
    }

    /// Of all days of which spans were deleted, or whose sweep was not ended.
    pub(crate) fn of_leftovers(store: &Store) -> Result<Self> {
        let days: Vec<(i32, i64, bool)> = store.read(|connection| {
            Ok(dispatch!(connection, concrete => {
                content_days::table
                    .select((content_days::start_day, content_days::leftovers, content_days::is_swept))
                    .order(content_days::start_day)
                    .load(concrete)
            })?)
        })?;
        let mut wanted = VecDeque::new();
        for (day, leftovers, is_swept) in days {
            // Whole days can go without anybody looking at their spans.
            if leftovers > 0 || is_swept || store.read(|connection| Ok(is_empty(connection, day)?))? {
                wanted.push_back(day);
            }
        }
        Ok(Self { days: wanted, tries: TRIES, at: None })
    }

    /// Does the next piece of work, at most one small transaction. Whether there is more.
    pub(crate) fn step(&mut self, store: &Store) -> Result<bool> {
        if let Some(at) = &mut self.at {
            if !at.step(store)? {
                self.at = None;
            }
            return Ok(true);
        }
        let Some(day) = self.days.pop_front() else { return Ok(false) };
        match store.write(|connection| Ok(begin(connection, day)?)) {
            Ok(begun) => (self.at, self.tries) = (begun, TRIES),
            // A writer held it for too long: it is left for the next sweep.
            Err(_) if self.tries == 0 => self.tries = TRIES,
            Err(_) => {
                self.tries -= 1;
                self.days.push_front(day);
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
        Ok(true)
    }

    /// Does all of it.
    pub(crate) fn run(mut self, store: &Store) -> Result<()> {
        while self.step(store)? {}
        Ok(())
    }
}

impl DaySweep {
    fn step(&mut self, store: &Store) -> Result<bool> {
        self.phase = match std::mem::replace(&mut self.phase, Phase::End) {
            Phase::Candidates => self.read_candidates(store)?,
            Phase::Spans(after) => self.read_spans(store, after)?,
            Phase::Lists(after) => {
                self.follow(store)?;
                match (self.lists.is_empty(), after) {
                    (false, after) => Phase::Lists(after),
                    (true, Some(place)) => Phase::Spans(Some(place)),
                    (true, None) => Phase::Delete,
                }
            }
            Phase::Delete => {
                let some: Vec<Name> = self.unneeded.iter().take(PARTS_A_TRANSACTION).copied().collect();
                if !some.is_empty() && !store.write(|connection| Ok(self.delete(connection, &some)?))? {
                    return Ok(false);
                }
                self.unneeded = some.last().map_or_else(BTreeSet::new, |last| self.unneeded.split_off(last));
                some.last().map(|last| self.unneeded.remove(last));
                match (self.unneeded.is_empty(), self.is_last_pass) {
                    (false, _) => Phase::Delete,
                    (true, false) => Phase::Candidates,
                    (true, true) => Phase::End,
                }
            }
            Phase::End => {
                store.write(|connection| Ok(self.end(connection)?))?;
                return Ok(false);
            }
        };
        Ok(true)
    }

    fn read_candidates(&mut self, store: &Store) -> Result<Phase> {
        let page: Vec<Vec<u8>> = store.read(|connection| {
            Ok(dispatch!(connection, concrete => {
                content_parts::table
                    .select(content_parts::digest)
                    .filter(content_parts::start_day.eq(self.day))
                    .filter(content_parts::digest.gt(&self.after))
                    .filter(content_parts::kept_by.ne(self.sweep))
                    .order(content_parts::digest)
                    .limit(NAMES_A_PAGE)
                    .load(concrete)
            })?)
        })?;
        self.is_last_pass = i64::try_from(page.len()).is_ok_and(|found| found < NAMES_A_PAGE);
        self.unneeded.extend(page.iter().filter_map(|digest| Name::from_slice(digest)));
        if let Some(last) = page.into_iter().next_back() {
            self.after = last;
        }
        if !self.is_last_pass && self.unneeded.len() < PARTS_A_PASS {
            return Ok(Phase::Candidates);
        }
        self.followed.clear();
        Ok(if self.unneeded.is_empty() { Phase::End } else { Phase::Spans(None) })
    }

    fn read_spans(&mut self, store: &Store, after: Option<Place>) -> Result<Phase> {
        let (places, rows) = store.read(|connection| {
            let places = next_spans(connection, self.day, after.as_ref())?;
            let rows = contents(connection, self.day, &places)?;
            Ok((places, rows))
        })?;
        for column in
            rows.iter().flat_map(|(attributes, events, verbatim)| [attributes, events].into_iter().chain(verbatim))
        {
            if let Some(column) = Column::read(column) {
                let needed: Vec<(Name, bool)> = column.names().collect();
                self.need(needed);
            }
        }
        // A pass that finds nothing any more that could go is over.
        let is_over = places.len() < SPANS_A_PAGE || self.unneeded.is_empty();
        Ok(Phase::Lists(places.into_iter().next_back().filter(|_| !is_over)))
    }

    fn need(&mut self, needed: impl IntoIterator<Item = (Name, bool)>) {
        for (name, is_list) in needed {
            self.unneeded.remove(&name);
            if is_list && self.followed.insert(name) {
                self.lists.push(name);
            }
        }
    }

    /// Reads some of the lists that are needed. One that is missing cannot be read by anybody, and needs nothing.
    fn follow(&mut self, store: &Store) -> Result<()> {
        if self.unneeded.is_empty() {
            self.lists.clear();
        }
        let some = self.lists.split_off(self.lists.len().saturating_sub(LISTS_A_PAGE));
        if some.is_empty() {
            return Ok(());
        }
        let lists: Vec<Vec<u8>> = store.read(|connection| {
            Ok(dispatch!(connection, concrete => {
                content_parts::table
                    .select(content_parts::bytes)
                    .filter(content_parts::start_day.eq(self.day))
                    .filter(content_parts::digest.eq_any(some.iter().map(Name::as_bytes)))
                    .load(concrete)
            })?)
        })?;
        for list in lists {
            self.need(names(&entries(&list).unwrap_or_default()));
        }
        Ok(())
    }

    /// Deletes parts that no writer has marked. Whether the day is still this sweep's.
    fn delete(&self, connection: &mut AnyConnection, some: &[Name]) -> QueryResult<bool> {
        if dialect::share_day(connection, self.day)? != Some((self.sweep, true)) {
            return Ok(false);
        }
        let some: Vec<&[u8]> = some.iter().map(Name::as_bytes).collect();
        dialect::lock_parts(connection, self.day, &some)?;
        dispatch!(connection, concrete => {
            let unmarked = content_parts::table
                .filter(content_parts::start_day.eq(self.day))
                .filter(content_parts::digest.eq_any(some))
                .filter(content_parts::kept_by.ne(self.sweep));
            diesel::delete(unmarked).execute(concrete)?;
        });
        Ok(true)
    }

    /// Ends the sweep, if the day is still its own. A day without parts needs no row.
    fn end(&self, connection: &mut AnyConnection) -> QueryResult<()> {
        dispatch!(connection, concrete => {
            let own = content_days::table
                .filter(content_days::start_day.eq(self.day))
                .filter(content_days::sweep.eq(self.sweep));
            let ended = diesel::update(own)
                .set((content_days::is_swept.eq(false), content_days::leftovers.eq(content_days::leftovers - self.leftovers)))
                .execute(concrete)?;
            let parts = content_parts::table.filter(content_parts::start_day.eq(self.day));
            let is_used: bool = diesel::select(diesel::dsl::exists(parts)).get_result(concrete)?;
            if ended == 1 && !is_used {
                diesel::delete(content_days::table.filter(content_days::start_day.eq(self.day))).execute(concrete)?;
            }
            Ok(())
        })
    }
}

/// Takes a day: from now on writers mark what they need. Nothing where the day has no parts.
fn begin(connection: &mut AnyConnection, day: i32) -> QueryResult<Option<DaySweep>> {
    dialect::take_day(connection, day)?;
    let taken: Vec<(i64, i64)> = dispatch!(connection, concrete => {
        let row = content_days::table.filter(content_days::start_day.eq(day));
        diesel::update(row)
            .set((content_days::sweep.eq(content_days::sweep + 1), content_days::is_swept.eq(true)))
            .execute(concrete)?;
        row.select((content_days::sweep, content_days::leftovers)).load(concrete)?
    });
    Ok(taken.first().map(|(sweep, leftovers)| DaySweep {
        day,
        sweep: *sweep,
        leftovers: *leftovers,
        phase: Phase::Candidates,
        after: Vec::new(),
        is_last_pass: false,
        unneeded: BTreeSet::new(),
        lists: Vec::new(),
        followed: HashSet::new(),
    }))
}

/// Notes that parts of these traces' days may be left over, before the traces are deleted: should the process die in between, a later
/// sweep knows. Days that are `known` are noted already; returns the others.
pub(crate) fn note_leftovers(store: &Store, traces: &[Vec<u8>], known: &BTreeSet<i32>) -> Result<Vec<i32>> {
    let days: Vec<i32> = store.read(|connection| {
        Ok(dispatch!(connection, concrete => {
            span_contents::table
                .select(span_contents::start_day)
                .filter(span_contents::trace_id.eq_any(traces))
                .filter(span_contents::encoding.eq_any(WITH_PARTS))
                .distinct()
                .load(concrete)
        })?)
    })?;
    let mut days: Vec<i32> = days.into_iter().filter(|day| !known.contains(day)).collect();
    days.sort_unstable();
    for day in &days {
        store.write(|connection| {
            Ok(dispatch!(connection, concrete => {
                diesel::update(content_days::table.filter(content_days::start_day.eq(*day)))
                    .set(content_days::leftovers.eq(content_days::leftovers + 1))
                    .execute(concrete)
            })?)
        })?;
    }
    Ok(days)
}

/// The moments that a day consists of. The last one's end is out of reach of the numbers.
fn moments(day: i32) -> (i64, i64) {
    let first = i64::from(day).saturating_mul(DAY_NS);
    (first, first.saturating_add(DAY_NS - 1))
}

/// Whether no span is left of a day.
fn is_empty(connection: &mut AnyConnection, day: i32) -> QueryResult<bool> {
    let (first, last) = moments(day);
    let of_day = spans::table.filter(spans::start_ns.ge(first)).filter(spans::start_ns.le(last));
    let is_used: bool =
        dispatch!(connection, concrete => diesel::select(diesel::dsl::exists(of_day)).get_result(concrete))?;
    Ok(!is_used)
}

fn next_spans(connection: &mut AnyConnection, day: i32, after: Option<&Place>) -> QueryResult<Vec<Place>> {
    let (first, last) = moments(day);
    let (start_ns, trace_id, span_id) = after.cloned().unwrap_or((first, Vec::new(), Vec::new()));
    dispatch!(connection, concrete => {
        spans::table
            .select((spans::start_ns, spans::trace_id, spans::span_id))
            .filter(spans::start_ns.ge(start_ns))
            .filter(spans::start_ns.le(last))
            .filter(
                spans::start_ns.gt(start_ns)
                    .or(spans::trace_id.gt(&trace_id))
                    .or(spans::trace_id.eq(&trace_id).and(spans::span_id.gt(span_id))),
            )
            .order((spans::start_ns, spans::trace_id, spans::span_id))
            .limit(i64::try_from(SPANS_A_PAGE).unwrap_or(i64::MAX))
            .load(concrete)
    })
}

/// Attributes, events and what another program sent, of a row in parts.
type Columns = (Vec<u8>, Vec<u8>, Option<Vec<u8>>);

fn contents(connection: &mut AnyConnection, day: i32, places: &[Place]) -> QueryResult<Vec<Columns>> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let these: AnyOf<_> = places
        .iter()
        .map(|(_, trace_id, span_id)| span_contents::trace_id.eq(trace_id).and(span_contents::span_id.eq(span_id)))
        .collect();
    dispatch!(connection, concrete => {
        span_contents::table
            .select((span_contents::attributes, span_contents::events, span_contents::verbatim))
            .filter(these)
            .filter(span_contents::start_day.eq(day))
            .filter(span_contents::encoding.eq_any(WITH_PARTS))
            .load(concrete)
    })
}
