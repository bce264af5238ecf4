//! Adding up.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::query::{StatsOrder, StatsQuery};
use crate::model::{DAY_NS, SpanState, StatusCode, Usage};
use crate::store::rollup::{AMOUNTS, Amount, Place, Sums, piece_of};

/// Statistics of one group in one piece of time.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StatsRow {
    /// The beginning of the piece of time, nanoseconds since 1970; `None` when the query has no [`bucket`](StatsQuery::bucket).
    pub bucket_ns: Option<i64>,
    /// The group's key, as filters take it: an id where there is one, else a name. `None` stands for all, or for those that have no such value.
    pub key: Option<String>,
    /// The group's name for people: the latest name, or the key where there is none. Of spans, unless the query is exact, it is one of the
    /// names of the latest day.
    pub label: Option<String>,
    /// Spans or traces, whichever was asked for.
    pub count: u64,
    /// Traces that they belong to; `None` of spans, unless the query is [exact](StatsQuery::exact).
    pub trace_count: Option<u64>,
    /// Sessions that they belong to; `None` of spans, unless the query is exact.
    pub session_count: Option<u64>,
    /// Failed ones.
    pub error_count: u64,
    /// Running ones.
    pub open_count: u64,
    /// Durations of those that ended; `None` when none did.
    pub durations: Option<Durations>,
    /// Tokens. Each model call counts once: of a span that only repeats what a call inside it reports, nothing is added.
    pub usage: Usage,
    /// Known cost in billionths of a US dollar; `None` when none is known.
    pub cost_nano_usd: Option<i64>,
    /// Spans whose tokens count in [`usage`](Self::usage) and which have no cost of their own: what the sum of costs leaves out, unless the
    /// run above reports one.
    pub unpriced_count: u64,
    /// The first start, nanoseconds since 1970; `None` of spans, unless the query is exact.
    pub first_ns: Option<i64>,
    /// The latest start, nanoseconds since 1970; `None` of spans, unless the query is exact.
    pub latest_ns: Option<i64>,
}

impl StatsRow {
    /// The part that failed, from 0 to 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio for display")]
    pub fn error_rate(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.error_count as f64 / self.count as f64 }
    }
}

/// Durations in nanoseconds. Percentiles are by nearest rank: the smallest duration that at least so many per cent do not exceed.
///
/// Those of traces are exact, and those of spans if the query is [exact](StatsQuery::exact). Otherwise percentiles and the longest are at most one
/// per cent away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Durations {
    /// The mean, rounded down.
    pub mean_ns: i64,
    /// The median.
    pub p50_ns: i64,
    /// The 95th percentile.
    pub p95_ns: i64,
    /// The 99th percentile.
    pub p99_ns: i64,
    /// The longest.
    pub max_ns: i64,
}

impl Durations {
    /// `None` without durations. Sorts them.
    fn exact(durations: &mut [i64], sum_ns: i128) -> Option<Self> {
        durations.sort_unstable();
        let at_rank = |rank: i64| durations.get(usize::try_from(rank - 1).ok()?).copied();
        Self::of(i64::try_from(durations.len()).unwrap_or(i64::MAX), sum_ns, at_rank)
    }

    /// From a count, a sum, and the duration of each rank, counted from 1.
    fn of(count: i64, sum_ns: i128, at_rank: impl Fn(i64) -> Option<i64>) -> Option<Self> {
        let max_ns = at_rank(count).filter(|_| count > 0)?;
        let percentile = |percent: i128| {
            let rank = (i128::from(count) * percent + 99) / 100;
            i64::try_from(rank).ok().and_then(&at_rank).unwrap_or(max_ns)
        };
        Some(Self {
            mean_ns: i64::try_from(sum_ns / i128::from(count)).unwrap_or(max_ns),
            p50_ns: percentile(50),
            p95_ns: percentile(95),
            p99_ns: percentile(99),
            max_ns,
        })
    }
}

/// What one span or trace adds.
pub(super) struct Sample {
    pub(super) key: Option<String>,
    pub(super) label: Option<String>,
    pub(super) trace_id: Vec<u8>,
    pub(super) session: Option<String>,
    pub(super) start_ns: i64,
    pub(super) duration_ns: Option<i64>,
    pub(super) is_error: bool,
    pub(super) is_open: bool,
    /// Input, output, total, cache read, cache write and reasoning tokens, and cost.
    pub(super) amounts: [Option<i64>; AMOUNTS],
    pub(super) unpriced_count: i64,
}

/// What has been added to one group in one piece of time.
#[derive(Default)]
struct Tally {
    /// The latest name, with its time.
    label: Option<(i64, String)>,
    error_count: i64,
    open_count: i64,
    sums: Sums,
    /// What is known only of spans and traces one by one.
    each: Option<Each>,
}

#[derive(Default)]
struct Each {
    traces: HashSet<Vec<u8>>,
    sessions: HashSet<String>,
    durations: Vec<i64>,
    /// The first and the latest start.
    starts: Option<(i64, i64)>,
}

/// All groups in all pieces of time.
pub(super) struct Tallies {
    bucket_ns: Option<i64>,
    is_exact: bool,
    tallies: HashMap<(Option<i64>, Option<String>), Tally>,
}

impl Tallies {
    /// Nothing yet, in pieces of time of this length.
    pub(super) fn new(bucket_ns: Option<i64>, is_exact: bool) -> Self {
        Self { bucket_ns, is_exact, tallies: HashMap::new() }
    }

    /// Adds a span or trace.
    pub(super) fn add(&mut self, sample: Sample) {
        let key = sample.key.or_else(|| sample.label.clone());
        let is_exact = self.is_exact;
        let tally = self.tally(sample.start_ns, key);
        tally.error_count += i64::from(sample.is_error);
        tally.open_count += i64::from(sample.is_open);
        tally.sums.count += 1;
        tally.sums.unpriced += sample.unpriced_count;
        for (sum, amount) in tally.sums.amounts.iter_mut().zip(sample.amounts) {
            sum.report(amount);
        }
        tally.sums.duration_ns += i128::from(sample.duration_ns.unwrap_or(0));
        if is_exact {
            tally.each.get_or_insert_default().add(
                sample.trace_id,
                sample.session,
                sample.start_ns,
                sample.duration_ns,
            );
            tally.name(sample.start_ns, sample.label);
        } else {
            sample.duration_ns.into_iter().for_each(|duration| tally.sums.durations.add(duration, 1));
            tally.name(piece_of(sample.start_ns, DAY_NS), sample.label);
        }
    }

    /// Adds a cell of a piece of time that begins then and that no piece of the query's cuts.
    pub(super) fn add_cell(&mut self, start_ns: i64, [key, label]: [Option<&str>; 2], place: &Place<'_>, sums: &Sums) {
        let tally = self.tally(start_ns, key.or(label).map(str::to_owned));
        if StatusCode::from_otlp(place.status_code.into()) == StatusCode::Error {
            tally.error_count += sums.count;
        }
        if SpanState::from_rank(place.state) == SpanState::Open {
            tally.open_count += sums.count;
        }
        tally.sums.merge(sums);
        // What is taken away was named before.
        tally.name(piece_of(start_ns, DAY_NS), label.filter(|_| sums.count > 0).map(str::to_owned));
    }

    fn tally(&mut self, start_ns: i64, key: Option<String>) -> &mut Tally {
        let bucket = self.bucket_ns.map(|length| piece_of(start_ns, length));
        self.tallies.entry((bucket, key)).or_default()
    }

    /// The rows in the query's order, no more than it wants.
    pub(super) fn into_rows(self, query: &StatsQuery) -> Vec<StatsRow> {
        let mut rows: Vec<StatsRow> =
            self.tallies.into_iter().map(|((bucket, key), tally)| tally.row(bucket, key)).collect();
        // Of some groups all has been taken away since.
        rows.retain(|row| row.count > 0);
        rows.sort_by_cached_key(|row| (row.bucket_ns, Reverse(rank(query.order, row)), row.key.clone()));
        let mut bucket = None;
        let mut place = 0;
        rows.retain(|row| {
            place = if bucket == Some(row.bucket_ns) { place + 1 } else { 0 };
            bucket = Some(row.bucket_ns);
            place < query.limit
        });
        rows
    }
}

impl Each {
    fn add(&mut self, trace_id: Vec<u8>, session: Option<String>, start_ns: i64, duration_ns: Option<i64>) {
        self.traces.insert(trace_id);
        self.sessions.extend(session);
        self.durations.extend(duration_ns);
        let (first, latest) = self.starts.unwrap_or((start_ns, start_ns));
        self.starts = Some((first.min(start_ns), latest.max(start_ns)));
    }
}

impl Tally {
    /// Of several names, the latest; of those at one time, the greatest, so that the order of reading does not matter.
    fn name(&mut self, time_ns: i64, label: Option<String>) {
        self.label = self.label.take().max(label.map(|label| (time_ns, label)));
    }

    fn row(self, bucket_ns: Option<i64>, key: Option<String>) -> StatsRow {
        let Self { label, error_count, open_count, sums, mut each } = self;
        let durations = match &mut each {
            Some(each) => Durations::exact(&mut each.durations, sums.duration_ns),
            None => Durations::of(sums.durations.count(), sums.duration_ns, |rank| sums.durations.at_rank(rank)),
        };
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let [input, output, total, cache_read, cache_write, reasoning, cost] = sums.amounts.map(Amount::told);
        let tokens = |sum: Option<i128>| sum.map(|sum| u64::try_from(sum.max(0)).unwrap_or(u64::MAX));
        let each = each.as_ref();
        StatsRow {
            bucket_ns,
            label: label.map(|(_, label)| label).or_else(|| key.clone()),
            key,
            count: count(sums.count),
            trace_count: each.map(|each| each.traces.len() as u64),
            session_count: each.map(|each| each.sessions.len() as u64),
            error_count: count(error_count),
            open_count: count(open_count),
            durations,
            usage: Usage {
                input: tokens(input),
                output: tokens(output),
                total: tokens(total),
                cache_read: tokens(cache_read),
                cache_write: tokens(cache_write),
                reasoning: tokens(reasoning),
                basis: None,
            },
            cost_nano_usd: cost.map(|cost| i64::try_from(cost).unwrap_or(if cost < 0 { i64::MIN } else { i64::MAX })),
            unpriced_count: count(sums.unpriced),
            first_ns: each.and_then(|each| each.starts).map(|(first, _)| first),
            latest_ns: each.and_then(|each| each.starts).map(|(_, latest)| latest),
        }
    }
}

/// What rows are ordered by; what is unknown comes last.
fn rank(order: StatsOrder, row: &StatsRow) -> i128 {
    let duration = |of: fn(Durations) -> i64| row.durations.map_or(-1, |durations| i128::from(of(durations)));
    match order {
        StatsOrder::Count => row.count.into(),
        StatsOrder::Errors => row.error_count.into(),
        StatsOrder::Mean => duration(|durations| durations.mean_ns),
        StatsOrder::P95 => duration(|durations| durations.p95_ns),
        StatsOrder::Max => duration(|durations| durations.max_ns),
        StatsOrder::Tokens => row.usage.total().map_or(-1, i128::from),
        StatsOrder::Cost => row.cost_nano_usd.map_or(i128::MIN, i128::from),
        StatsOrder::Latest => row.latest_ns.map_or(i128::MIN, i128::from),
    }
}
