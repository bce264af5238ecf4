//! What a span adds to a roll-up, and to which cell of it.

use std::ops::Neg;

use diesel::prelude::*;

use super::histogram::Histogram;
use crate::store::rows::SpanRow;
use crate::store::schema::spans;

/// What tells the cells of a roll-up apart. Spans that are alike in all of it are one cell.
///
/// All of it has few values in an hour. Names, steps, users and sessions have many, and multiplied with the others they would make as many
/// cells as spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place<'a> {
    pub(crate) kind: &'a str,
    /// As `spans.status_code`.
    pub(crate) status_code: i16,
    /// As `spans.state`.
    pub(crate) state: i16,
    pub(crate) agent_id: Option<&'a str>,
    pub(crate) agent_name: Option<&'a str>,
    pub(crate) team_id: Option<&'a str>,
    pub(crate) team_name: Option<&'a str>,
    pub(crate) workflow_id: Option<&'a str>,
    pub(crate) workflow_name: Option<&'a str>,
    pub(crate) provider: Option<&'a str>,
    pub(crate) request_model: Option<&'a str>,
    pub(crate) response_model: Option<&'a str>,
    pub(crate) tool_name: Option<&'a str>,
    pub(crate) service_name: Option<&'a str>,
}

/// The texts of a place that programs choose.
pub(super) const TEXTS: usize = 11;

impl<'a> Place<'a> {
    /// Without what programs choose: what is left where they choose too much.
    pub(super) const fn coarse(self) -> Self {
        Self::new(self.kind, self.status_code, self.state, [None; TEXTS])
    }

    pub(super) const fn new(kind: &'a str, status_code: i16, state: i16, texts: [Option<&'a str>; TEXTS]) -> Self {
        let [
            agent_id,
            agent_name,
            team_id,
            team_name,
            workflow_id,
            workflow_name,
            provider,
            request_model,
            response_model,
            tool_name,
            service_name,
        ] = texts;
        Self {
            kind,
            status_code,
            state,
            agent_id,
            agent_name,
            team_id,
            team_name,
            workflow_id,
            workflow_name,
            provider,
            request_model,
            response_model,
            tool_name,
            service_name,
        }
    }

    pub(super) const fn texts(&self) -> [Option<&'a str>; TEXTS] {
        [
            self.agent_id,
            self.agent_name,
            self.team_id,
            self.team_name,
            self.workflow_id,
            self.workflow_name,
            self.provider,
            self.request_model,
            self.response_model,
            self.tool_name,
            self.service_name,
        ]
    }
}

/// How many spans say how much of something, and the sum of what they say: no spans say nothing, which is not 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) reporters: i64,
    pub(crate) sum: i128,
}

impl Amount {
    /// Adds what one span says.
    pub(crate) fn report(&mut self, amount: Option<i64>) {
        if let Some(amount) = amount {
            self.reporters += 1;
            self.sum += i128::from(amount);
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.reporters = self.reporters.saturating_add(other.reporters);
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// The sum, as far as anybody says anything.
    pub(crate) fn told(self) -> Option<i128> {
        (self.reporters > 0).then_some(self.sum)
    }
}

impl Neg for Amount {
    type Output = Self;

    fn neg(self) -> Self {
        Self { reporters: self.reporters.wrapping_neg(), sum: self.sum.wrapping_neg() }
    }
}

/// Input, output, total, cache read, cache write and reasoning tokens, and cost in nano-USD.
pub(crate) const AMOUNTS: usize = 7;

/// The sums of a cell. All of them can be taken away again, so a roll-up changes by what is added and what goes, in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) count: i64,
    /// Spans whose tokens count and which have no cost.
    pub(crate) unpriced: i64,
    pub(crate) amounts: [Amount; AMOUNTS],
    /// Of the spans that ended, in all.
    pub(crate) duration_ns: i128,
    /// Of the spans that ended.
    pub(crate) durations: Histogram,
}

impl Sums {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
        for (amount, more) in self.amounts.iter_mut().zip(other.amounts) {
            amount.add(more);
        }
        self.duration_ns = self.duration_ns.saturating_add(other.duration_ns);
        self.durations.merge(&other.durations);
    }

    pub(super) fn negate(&mut self) {
        self.count = self.count.wrapping_neg();
        self.unpriced = self.unpriced.wrapping_neg();
        self.amounts = self.amounts.map(Amount::neg);
        self.duration_ns = self.duration_ns.wrapping_neg();
        self.durations.negate();
    }

    /// Whether nothing is left.
    pub(super) fn is_zero(&self) -> bool {
        self.count == 0
            && self.unpriced == 0
            && self.amounts == [Amount::default(); AMOUNTS]
            && self.duration_ns == 0
            && self.durations.is_empty()
    }

    /// Adds one span, or takes it away.
    pub(super) fn count(&mut self, span: &Counted<'_>, is_added: bool) {
        let times = if is_added { 1 } else { -1 };
        self.count += times;
        self.unpriced += times * i64::from(span.is_unpriced);
        for (sum, amount) in self.amounts.iter_mut().zip(span.amounts) {
            let mut own = Amount::default();
            own.report(amount);
            sum.add(if is_added { own } else { -own });
        }
        if let Some(duration_ns) = span.duration_ns {
            self.duration_ns += i128::from(duration_ns) * i128::from(times);
            self.durations.add(duration_ns, times);
        }
    }
}

/// What of a span is rolled up.
pub(crate) struct Counted<'a> {
    pub(super) place: Place<'a>,
    pub(super) start_ns: i64,
    duration_ns: Option<i64>,
    is_unpriced: bool,
    amounts: [Option<i64>; AMOUNTS],
}

/// The columns of a span that are rolled up, for those who need no more of it.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = spans)]
pub(crate) struct SpanFacts {
    kind: String,
    status_code: i16,
    state: i16,
    start_ns: i64,
    end_ns: Option<i64>,
    agent_id: Option<String>,
    agent_name: Option<String>,
    team_id: Option<String>,
    team_name: Option<String>,
    workflow_id: Option<String>,
    workflow_name: Option<String>,
    provider: Option<String>,
    request_model: Option<String>,
    response_model: Option<String>,
    tool_name: Option<String>,
    service_name: Option<String>,
    usage_counted: bool,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    total_tokens: Option<i64>,
    cache_read_tokens: Option<i64>,
    cache_write_tokens: Option<i64>,
    reasoning_tokens: Option<i64>,
    cost_counted: bool,
    cost_nano_usd: Option<i64>,
}

macro_rules! counted {
    ($row:expr) => {{
        let row = $row;
        let tokens = |tokens: Option<i64>| tokens.filter(|tokens| row.usage_counted && *tokens >= 0);
        Counted {
            place: Place {
                kind: &row.kind,
                status_code: row.status_code,
                state: row.state,
                agent_id: row.agent_id.as_deref(),
                agent_name: row.agent_name.as_deref(),
                team_id: row.team_id.as_deref(),
                team_name: row.team_name.as_deref(),
                workflow_id: row.workflow_id.as_deref(),
                workflow_name: row.workflow_name.as_deref(),
                provider: row.provider.as_deref(),
                request_model: row.request_model.as_deref(),
                response_model: row.response_model.as_deref(),
                tool_name: row.tool_name.as_deref(),
                service_name: row.service_name.as_deref(),
            },
            start_ns: row.start_ns,
            duration_ns: row.end_ns.map(|end| end.saturating_sub(row.start_ns).max(0)),
            is_unpriced: row.usage_counted && row.cost_nano_usd.is_none(),
            amounts: [
                tokens(row.input_tokens),
                tokens(row.output_tokens),
                tokens(row.total_tokens),
                tokens(row.cache_read_tokens),
                tokens(row.cache_write_tokens),
                tokens(row.reasoning_tokens),
                row.cost_nano_usd.filter(|_| row.cost_counted),
            ],
        }
    }};
}

impl<'a> From<&'a SpanRow> for Counted<'a> {
    fn from(row: &'a SpanRow) -> Self {
        counted!(row)
    }
}

impl<'a> From<&'a SpanFacts> for Counted<'a> {
    fn from(row: &'a SpanFacts) -> Self {
        counted!(row)
    }
}
