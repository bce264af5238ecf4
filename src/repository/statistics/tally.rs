//! Adding up.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::query::{StatsOrder, StatsQuery};
use crate::model::Usage;

/// Statistics of one group in one piece of time.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StatsRow {
    /// The beginning of the piece of time, nanoseconds since 1970; `None` when the query has no [`bucket`](StatsQuery::bucket).
    pub bucket_ns: Option<i64>,
    /// The group's key, as filters take it: an id where there is one, else a name. `None` stands for all, or for those that have no such value.
    pub key: Option<String>,
    /// The group's name for people: the latest name, or the key where there is none.
    pub label: Option<String>,
    /// Spans or traces, whichever was asked for.
    pub count: u64,
    /// Traces that they belong to.
    pub trace_count: u64,
    /// Sessions that they belong to.
    pub session_count: u64,
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
    /// The first start, nanoseconds since 1970.
    pub first_ns: i64,
    /// The latest start, nanoseconds since 1970.
    pub latest_ns: i64,
}

impl StatsRow {
    /// The part that failed, from 0 to 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio for display")]
    pub fn error_rate(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.error_count as f64 / self.count as f64 }
    }
}

/// Durations in nanoseconds. Percentiles are exact, by nearest rank: the smallest duration that at least so many per cent do not exceed.
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
    fn of(durations: &mut [i64]) -> Option<Self> {
        durations.sort_unstable();
        let max_ns = *durations.last()?;
        let count = i128::try_from(durations.len()).ok()?;
        let sum: i128 = durations.iter().map(|duration| i128::from(*duration)).sum();
        let percentile = |percent: usize| {
            let rank = (durations.len() * percent).div_ceil(100);
            durations.get(rank.saturating_sub(1)).copied().unwrap_or(max_ns)
        };
        Some(Self {
            mean_ns: i64::try_from(sum / count).unwrap_or(max_ns),
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
    pub(super) usage: Usage,
    pub(super) cost_nano_usd: Option<i64>,
    pub(super) unpriced_count: u64,
}

/// What has been added to one group in one piece of time.
#[derive(Default)]
struct Tally {
    /// The latest name, with its time.
    label: Option<(i64, String)>,
    count: u64,
    traces: HashSet<Vec<u8>>,
    sessions: HashSet<String>,
    error_count: u64,
    open_count: u64,
    durations: Vec<i64>,
    usage: Usage,
    cost_nano_usd: Option<i64>,
    unpriced_count: u64,
    /// The first and the latest start.
    starts: Option<(i64, i64)>,
}

/// All groups in all pieces of time.
pub(super) struct Tallies {
    bucket_ns: Option<i64>,
    tallies: HashMap<(Option<i64>, Option<String>), Tally>,
}

impl Tallies {
    /// Nothing yet, in pieces of time of this length.
    pub(super) fn new(bucket_ns: Option<i64>) -> Self {
        Self { bucket_ns, tallies: HashMap::new() }
    }

    /// Adds a span or trace.
    pub(super) fn add(&mut self, sample: Sample) {
        let bucket = self.bucket_ns.map(|length| sample.start_ns.div_euclid(length).saturating_mul(length));
        let key = sample.key.or_else(|| sample.label.clone());
        let tally = self.tallies.entry((bucket, key)).or_default();
        tally.count += 1;
        tally.error_count += u64::from(sample.is_error);
        tally.open_count += u64::from(sample.is_open);
        tally.unpriced_count += sample.unpriced_count;
        tally.traces.insert(sample.trace_id);
        tally.sessions.extend(sample.session);
        tally.durations.extend(sample.duration_ns);
        add_usage(&mut tally.usage, &sample.usage);
        if let Some(cost) = sample.cost_nano_usd {
            tally.cost_nano_usd = Some(tally.cost_nano_usd.unwrap_or(0).saturating_add(cost));
        }
        // Of several names, the latest; of those at one time, the greatest, so that the order of reading does not matter.
        tally.label = tally.label.take().max(sample.label.map(|label| (sample.start_ns, label)));
        let (first, latest) = tally.starts.unwrap_or((sample.start_ns, sample.start_ns));
        tally.starts = Some((first.min(sample.start_ns), latest.max(sample.start_ns)));
    }

    /// The rows in the query's order, no more than it wants.
    pub(super) fn into_rows(self, query: &StatsQuery) -> Vec<StatsRow> {
        let mut rows: Vec<StatsRow> =
            self.tallies.into_iter().map(|((bucket, key), tally)| tally.row(bucket, key)).collect();
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

impl Tally {
    fn row(mut self, bucket_ns: Option<i64>, key: Option<String>) -> StatsRow {
        let (first_ns, latest_ns) = self.starts.unwrap_or_default();
        StatsRow {
            bucket_ns,
            label: self.label.map(|(_, label)| label).or_else(|| key.clone()),
            key,
            count: self.count,
            trace_count: self.traces.len() as u64,
            session_count: self.sessions.len() as u64,
            error_count: self.error_count,
            open_count: self.open_count,
            durations: Durations::of(&mut self.durations),
            usage: self.usage,
            cost_nano_usd: self.cost_nano_usd,
            unpriced_count: self.unpriced_count,
            first_ns,
            latest_ns,
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
        StatsOrder::Latest => row.latest_ns.into(),
    }
}

/// Adds tokens; a count stays absent until someone reports it.
fn add_usage(sum: &mut Usage, usage: &Usage) {
    let parts = [
        (&mut sum.input, usage.input),
        (&mut sum.output, usage.output),
        (&mut sum.total, usage.total),
        (&mut sum.cache_read, usage.cache_read),
        (&mut sum.cache_write, usage.cache_write),
        (&mut sum.reasoning, usage.reasoning),
    ];
    for (sum, tokens) in parts {
        if let Some(tokens) = tokens {
            *sum = Some(sum.unwrap_or(0).saturating_add(tokens));
        }
    }
}
