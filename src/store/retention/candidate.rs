//! The traces that may go, from the oldest on, and what is known of each without its spans.

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::MAX_TRACES;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::schema::{spans, traces};

/// Traces at the end of a list whose last activity tells what the present is.
const NEWEST: i64 = 100;

/// A place in the order of the starts.
pub(super) type Key = (i64, Vec<u8>);

/// A trace that may be deleted.
#[derive(Debug, Queryable)]
pub(super) struct Candidate {
    pub(super) start_ns: i64,
    pub(super) trace_id: Vec<u8>,
    end_ns: Option<i64>,
    span_count: i64,
    pub(super) open_count: i64,
    pub(super) status: String,
    /// The run that it is a fragment of.
    pub(super) joined_to: Option<Vec<u8>>,
}

impl Candidate {
    #[allow(clippy::type_complexity, reason = "a list of columns is a tuple")]
    pub(super) const fn columns() -> (
        traces::start_ns,
        traces::trace_id,
        traces::end_ns,
        traces::span_count,
        traces::open_count,
        traces::status,
        traces::joined_to,
    ) {
        (
            traces::start_ns,
            traces::trace_id,
            traces::end_ns,
            traces::span_count,
            traces::open_count,
            traces::status,
            traces::joined_to,
        )
    }

    pub(super) fn size(&self) -> usize {
        usize::try_from(self.span_count).unwrap_or(0)
    }

    pub(super) fn key(&self) -> Key {
        (self.start_ns, self.trace_id.clone())
    }

    /// The latest end, or start of a whole trace. A span that still runs may have started later.
    const fn last_ns(&self) -> i64 {
        match self.end_ns {
            Some(end_ns) if end_ns > self.start_ns => end_ns,
            _ => self.start_ns,
        }
    }

    /// Whether all that happened in the trace, the start of a span that still runs too, lies before a time.
    pub(super) fn is_older_than(&self, time_ns: i64, connection: &mut AnyConnection) -> QueryResult<bool> {
        if self.last_ns() >= time_ns {
            return Ok(false);
        }
        Ok(self.open_count == 0 || !has_started_since(connection, &self.trace_id, time_ns)?)
    }
}

/// The next traces after a place that start before a time, in the order of their starts.
pub(super) fn next_by_start(
    connection: &mut AnyConnection,
    after: Option<&Key>,
    until_ns: i64,
) -> QueryResult<Vec<Candidate>> {
    let (start_ns, trace_id) = after.cloned().unwrap_or((i64::MIN, Vec::new()));
    dispatch!(connection, concrete => {
        traces::table
            .select(Candidate::columns())
            .filter(traces::start_ns.lt(until_ns))
            .filter(traces::start_ns.ge(start_ns))
            .filter(traces::start_ns.gt(start_ns).or(traces::trace_id.gt(trace_id)))
            .filter(traces::span_count.gt(0))
            .order((traces::start_ns.asc(), traces::trace_id.asc()))
            .limit(i64::try_from(MAX_TRACES).unwrap_or(i64::MAX))
            .load(concrete)
    })
}

/// The last of the so many traces that started last; none when there are not so many. Fragments count with their run.
pub(super) fn place_of_newest(connection: &mut AnyConnection, number: u64) -> QueryResult<Option<Key>> {
    let Some(before) = number.checked_sub(1) else { return Ok(Some((i64::MAX, Vec::new()))) };
    dispatch!(connection, concrete => {
        traces::table
            .select((traces::start_ns, traces::trace_id))
            .filter(traces::joined_to.is_null())
            .filter(traces::span_count.gt(0))
            .order((traces::start_ns.desc(), traces::trace_id.desc()))
            .offset(i64::try_from(before).unwrap_or(i64::MAX))
            .limit(1)
            .get_result(concrete)
            .optional()
    })
}

/// The latest activity that is stored, as far as the newest traces tell.
pub(super) fn latest_activity(connection: &mut AnyConnection) -> QueryResult<Option<i64>> {
    let newest: Vec<(i64, Option<i64>)> = dispatch!(connection, concrete => {
        traces::table
            .select((traces::start_ns, traces::end_ns))
            .filter(traces::span_count.gt(0))
            .order((traces::start_ns.desc(), traces::trace_id.desc()))
            .limit(NEWEST)
            .load(concrete)
    })?;
    Ok(newest.into_iter().map(|(start_ns, end_ns)| end_ns.map_or(start_ns, |end_ns| end_ns.max(start_ns))).max())
}

/// How many spans there are.
pub(super) fn count_spans(connection: &mut AnyConnection) -> QueryResult<u64> {
    let counts: Vec<i64> = dispatch!(connection, concrete => {
        spans::table.count().load(concrete)
    })?;
    Ok(counts.first().and_then(|count| u64::try_from(*count).ok()).unwrap_or(0))
}

/// Whether a trace is stored.
pub(super) fn is_stored(connection: &mut AnyConnection, trace_id: &[u8]) -> QueryResult<bool> {
    let trace = traces::table.filter(traces::trace_id.eq(trace_id)).filter(traces::span_count.gt(0));
    dispatch!(connection, concrete => diesel::select(diesel::dsl::exists(trace)).get_result(concrete))
}

/// Whether a span of the trace started at or after a time.
fn has_started_since(connection: &mut AnyConnection, trace_id: &[u8], time_ns: i64) -> QueryResult<bool> {
    let later = spans::table.filter(spans::trace_id.eq(trace_id)).filter(spans::start_ns.ge(time_ns));
    dispatch!(connection, concrete => diesel::select(diesel::dsl::exists(later)).get_result(concrete))
}
