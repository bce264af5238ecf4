//! One run of a retention, step by step.

use std::collections::BTreeSet;
use std::time::Duration;

use super::candidate::{Candidate, Key, count_spans, is_stored, latest_activity, next_by_start, place_of_newest};
use super::pace::Pace;
use super::rule::{Age, Retention};
use super::{MAX_SPANS, MAX_TRACES, Pruned, delete, remains};
use crate::error::Result;
use crate::model::TraceStatus;
use crate::model::time::duration_ns;
use crate::store::connection::AnyConnection;
use crate::store::content::{PartSweep, note_leftovers};
use crate::store::dialect::{self, Space};
use crate::store::{Failure, Store, write};

/// How often the size of the database is taken again, to delete what an estimate left too much.
const MEASURES: u32 = 10;

/// What goes, in numbers.
#[derive(Debug)]
struct Plan {
    /// Traces whose last activity lies before it are too old.
    before_ns: i64,
    /// Traces before this place are too many.
    surplus: Option<Key>,
    /// The oldest spans, as many as the database is too large by.
    excess: u64,
    /// Failed traces with activity since then stay.
    failed_since: Option<i64>,
    only: Option<TraceStatus>,
    running: bool,
    max_bytes: Option<u64>,
}

impl Plan {
    /// No trace that starts later goes.
    fn until_ns(&self) -> i64 {
        if self.excess > 0 {
            return i64::MAX;
        }
        let surplus = self.surplus.as_ref().map_or(i64::MIN, |(start_ns, _)| start_ns.saturating_add(1));
        self.before_ns.max(surplus)
    }

    /// Whether a trace goes, when so many spans went before it.
    fn takes(&self, trace: &Candidate, gone: u64, connection: &mut AnyConnection) -> Result<bool, Failure> {
        if (trace.open_count > 0 && !self.running) || self.only.is_some_and(|only| only.as_str() != trace.status) {
            return Ok(false);
        }
        // A fragment goes with its run.
        if let Some(run) = &trace.joined_to
            && is_stored(connection, run)?
        {
            return Ok(false);
        }
        if let Some(since_ns) = self.failed_since
            && trace.status == TraceStatus::Error.as_str()
            && !trace.is_older_than(since_ns, connection)?
        {
            return Ok(false);
        }
        let is_surplus = self.surplus.as_ref().is_some_and(|place| trace.key() < *place);
        Ok(is_surplus || gone < self.excess || trace.is_older_than(self.before_ns, connection)?)
    }

    /// Whole days may go unseen when they are old, unless some of their traces stay.
    fn days_before_ns(&self) -> Option<i64> {
        let before_ns = self.failed_since.map_or(self.before_ns, |since_ns| since_ns.min(self.before_ns));
        (self.only.is_none() && before_ns > i64::MIN).then_some(before_ns)
    }
}

/// What is to be done next.
#[derive(Debug)]
enum Phase {
    /// Dropping whole days, where the database keeps them apart.
    Days,
    /// Going through the traces, behind a place.
    Traces(Option<Key>),
    /// Deleting traces of many spans, piece by piece, the last of the list first; then going on.
    Large(Vec<Vec<u8>>, Option<Key>),
    /// Deleting what spans left of their contents.
    Parts(Option<PartSweep>),
    /// Logged events whose traces never came.
    LostEvents,
    /// Dead letters that are old, and accounts of processes that were last heard of before this time.
    Processes(i64),
    /// Rows that nothing needs any more.
    Senders,
    /// Giving pages back.
    Space,
    /// Giving the file's end back.
    Truncate,
    Done,
}

/// Some traces that go together.
#[derive(Debug, Default)]
struct Piece {
    /// With their fragments.
    ids: Vec<Vec<u8>>,
    spans: u64,
    /// One of them is too large for a transaction.
    is_large: bool,
    /// The last trace that was looked at; `None` when there are no more.
    last: Option<Key>,
}

/// One run of a retention.
#[derive(Debug)]
pub(super) struct Sweep {
    plan: Plan,
    /// What the clock and the newest traces say the time is.
    present_ns: i64,
    phase: Phase,
    pace: Pace,
    pruned: Pruned,
    before: Space,
    measures: u32,
    /// Days of which it is noted that parts may be left.
    noted: BTreeSet<i32>,
}

impl Sweep {
    /// Finds out what is too much. The present is never later than `latest_ns`.
    pub(super) fn begin(store: &Store, retention: &Retention, clock_ns: i64, latest_ns: Option<i64>) -> Result<Self> {
        retention.check()?;
        let latest = store.read(|connection| Ok(latest_activity(connection)?))?;
        let present_ns = [latest, latest_ns].into_iter().flatten().fold(clock_ns, i64::min);
        let ago = |age: Duration| present_ns.saturating_sub(duration_ns(age));
        let surplus = match retention.newest {
            Some(number) => store.read(|connection| Ok(place_of_newest(connection, number)?))?,
            None => None,
        };
        let is_use_asked = retention.max_bytes.is_some();
        let before = store.maintain(|connection| dialect::space(connection, is_use_asked))?;
        let mut sweep = Self {
            plan: Plan {
                before_ns: match retention.age {
                    Some(Age::Over(age)) => ago(age),
                    Some(Age::Before(time_ns)) => time_ns,
                    None => i64::MIN,
                },
                surplus,
                excess: 0,
                failed_since: retention.failed_for.map(ago),
                only: retention.only,
                running: retention.running,
                max_bytes: retention.max_bytes,
            },
            present_ns,
            phase: Phase::Days,
            pace: Pace::new(),
            pruned: Pruned::default(),
            before,
            measures: MEASURES,
            noted: BTreeSet::new(),
        };
        sweep.plan.excess = sweep.excess(store, before)?;
        Ok(sweep)
    }

    /// What counts as the present.
    pub(super) const fn present_ns(&self) -> i64 {
        self.present_ns
    }

    /// How long to leave the database to others before the next step.
    pub(super) const fn pause(&mut self) -> Duration {
        self.pace.pause()
    }

    /// What went so far.
    pub(super) const fn pruned(&self) -> Pruned {
        self.pruned
    }

    /// Does the next piece of work, at most one transaction that others may have to wait for. Whether there is more.
    pub(super) fn step(&mut self, store: &Store) -> Result<bool> {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Days => {
                if let Some(before_ns) = self.plan.days_before_ns() {
                    // Where a whole day cannot go at once, because somebody reads it, its rows go one by one.
                    let dropped = store.maintain(|connection| dialect::drop_days(connection, before_ns));
                    self.pruned.spans += dropped.unwrap_or(0);
                }
                Phase::Traces(None)
            }
            Phase::Traces(after) => self.delete_traces(store, after)?,
            Phase::Large(mut ids, after) => {
                if let Some(id) = ids.last() {
                    let spans = self.pace.spans();
                    let (deleted, is_gone) = self.pace.timed(|| store.delete_spans(id, spans))?;
                    self.delete(deleted);
                    if is_gone {
                        ids.pop();
                    }
                    Phase::Large(ids, after)
                } else {
                    Phase::Traces(after)
                }
            }
            Phase::Parts(sweep) => {
                let mut sweep = sweep.map_or_else(|| PartSweep::of_leftovers(store), Ok)?;
                if self.pace.measured(|| sweep.step(store))? { Phase::Parts(Some(sweep)) } else { self.measure(store)? }
            }
            Phase::LostEvents => {
                if self.plan.before_ns > i64::MIN && remains::delete_lost_events(store, self.plan.before_ns)? {
                    Phase::LostEvents
                } else {
                    Phase::Processes(remains::silent_before_ns(store, self.present_ns)?)
                }
            }
            Phase::Processes(silent_ns) => {
                let is_more = store.forget(self.plan.before_ns, silent_ns)?;
                if is_more { Phase::Processes(silent_ns) } else { Phase::Senders }
            }
            Phase::Senders => {
                remains::delete_senders(store);
                Phase::Space
            }
            Phase::Space => {
                let release = || store.write(|connection| Ok(dialect::release_space(connection)?));
                if self.pace.measured(release)? { Phase::Space } else { Phase::Truncate }
            }
            Phase::Truncate => {
                store.maintain(dialect::truncate)?;
                let after = store.maintain(|connection| dialect::space(connection, false))?;
                self.pruned.freed_bytes = self.before.allocated.saturating_sub(after.allocated);
                Phase::Done
            }
            Phase::Done => Phase::Done,
        };
        Ok(!matches!(self.phase, Phase::Done))
    }

    /// Counts what would go.
    pub(super) fn count(mut self, store: &Store) -> Result<Pruned> {
        let mut after = None;
        loop {
            let piece = self.next_piece(store, after.as_ref())?;
            self.pruned.traces += piece.ids.len() as u64;
            self.pruned.spans += piece.spans;
            self.plan.excess = self.plan.excess.saturating_sub(piece.spans);
            match piece.last {
                Some(last) => after = Some(last),
                None => return Ok(self.pruned),
            }
        }
    }

    /// Deletes the next traces that go; what is to be done after that.
    fn delete_traces(&mut self, store: &Store, after: Option<Key>) -> Result<Phase> {
        let piece = self.next_piece(store, after.as_ref())?;
        if !piece.ids.is_empty() {
            let days = note_leftovers(store, &piece.ids, &self.noted)?;
            self.noted.extend(days);
        }
        if piece.is_large {
            return Ok(Phase::Large(piece.ids, piece.last));
        }
        if !piece.ids.is_empty() {
            let plan = &self.plan;
            let deleted =
                self.pace.timed(|| store.write(|connection| delete_if_taken(connection, plan, &piece.ids)))?;
            self.delete(deleted);
        }
        if piece.last.is_some() {
            return Ok(Phase::Traces(piece.last));
        }
        Ok(Phase::Parts(None))
    }

    /// What is to be done when all that was to go is gone.
    fn measure(&mut self, store: &Store) -> Result<Phase> {
        // An estimate may have left too much, but only a measure that sees deletions at once can tell.
        if self.before.is_exact && self.plan.max_bytes.is_some() && self.measures > 0 {
            self.measures -= 1;
            let space = store.maintain(|connection| dialect::space(connection, true))?;
            self.plan.excess = self.excess(store, space)?;
            if self.plan.excess > 0 && self.pruned.traces > 0 {
                // Their parts were seen to, so what goes now is to be noted again.
                self.noted.clear();
                return Ok(Phase::Traces(None));
            }
        }
        Ok(Phase::LostEvents)
    }

    fn delete(&mut self, deleted: Pruned) {
        self.plan.excess = self.plan.excess.saturating_sub(deleted.spans);
        self.pruned.add(deleted);
    }

    /// Reads on to the next traces that go, as many as fit into a transaction.
    fn next_piece(&self, store: &Store, after: Option<&Key>) -> Result<Piece> {
        store.read(|connection| {
            let candidates = next_by_start(connection, after, self.plan.until_ns())?;
            let mut piece = Piece::default();
            let most = self.pace.spans() as u64;
            let is_last_page = candidates.len() < MAX_TRACES;
            for candidate in candidates {
                let size = candidate.size() as u64;
                let is_large = size > MAX_SPANS as u64;
                if self.plan.takes(&candidate, piece.spans, connection)? {
                    if piece.spans > 0 && (is_large || piece.spans + size > most) {
                        return with_fragments(piece, connection);
                    }
                    piece.spans += size;
                    piece.ids.push(candidate.trace_id.clone());
                    piece.is_large = is_large;
                }
                piece.last = Some(candidate.key());
                if is_large && piece.is_large {
                    return with_fragments(piece, connection);
                }
            }
            if is_last_page {
                piece.last = None;
            }
            with_fragments(piece, connection)
        })
    }

    /// The spans by which the database is too large.
    fn excess(&self, store: &Store, space: Space) -> Result<u64> {
        let excess = self.plan.max_bytes.map_or(0, |max_bytes| space.used.saturating_sub(max_bytes));
        if excess == 0 {
            return Ok(0);
        }
        let per_span = match space.per_span {
            Some(per_span) => per_span,
            None => space.used / store.read(|connection| Ok(count_spans(connection)?))?.max(1),
        };
        Ok((excess / per_span.max(1)).max(1))
    }
}

/// A torn run goes with its fragments.
fn with_fragments(mut piece: Piece, connection: &mut AnyConnection) -> Result<Piece, Failure> {
    if !piece.ids.is_empty() {
        let mut fragments = write::fragments_of(connection, &piece.ids)?;
        piece.ids.append(&mut fragments);
        piece.ids.sort_unstable();
        piece.ids.dedup();
    }
    Ok(piece)
}

/// Deletes those of the traces that still go now that nobody can change them.
fn delete_if_taken(connection: &mut AnyConnection, plan: &Plan, ids: &[Vec<u8>]) -> Result<Pruned, Failure> {
    delete::lock(connection, ids)?;
    let mut stay: Vec<Vec<u8>> = Vec::new();
    let candidates = delete::by_id(connection, ids)?;
    let (fragments, whole): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|trace| trace.joined_to.is_some());
    for candidate in whole {
        // Those of one piece are taken together.
        if !plan.takes(&candidate, 0, connection)? {
            stay.push(candidate.trace_id);
        }
    }
    let with_their_run = |fragment: &Candidate| fragment.joined_to.as_ref().is_some_and(|run| stay.contains(run));
    let kept: Vec<Vec<u8>> = fragments.into_iter().filter(with_their_run).map(|trace| trace.trace_id).collect();
    stay.extend(kept);
    // Those that another has deleted since go too: what was locked in their place.
    let gone: Vec<Vec<u8>> = ids.iter().filter(|id| !stay.contains(id)).cloned().collect();
    Ok(delete::delete(connection, &gone)?)
}
