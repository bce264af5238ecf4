//! What statistics are asked for.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::model::text_enum;
use crate::model::time::duration_ns;
use crate::repository::filter::{SpanFilter, TraceFilter};

text_enum! {
    /// What statistics are grouped by.
    pub enum Group, "group" {
        /// Everything is one group.
        All = "all",
        /// The agent; of a trace, the one that names it.
        Agent = "agent",
        /// The team; of a trace, the one that names it.
        Team = "team",
        /// The workflow; of a trace, the one that names it.
        Workflow = "workflow",
        /// The step of a workflow or of an agent's loop, the innermost. A trace counts for each step in it.
        Step = "step",
        /// The model that answered, else the one asked for. A trace counts for each model, asked for or answering, in it.
        Model = "model",
        /// The tool. A trace counts for each tool in it.
        Tool = "tool",
        /// The model provider. A trace counts for each provider in it.
        Provider = "provider",
        /// The user; of a trace, its first.
        User = "user",
        /// The session; of a trace, its first.
        Session = "session",
        /// The kind of span. A trace counts for each kind in it.
        Kind = "kind",
        /// The name as shown; of a trace, the trace's name.
        Name = "name",
    }
}

text_enum! {
    /// What comes first in statistics: the largest number. Rows that are equal in it stand in the order of their keys.
    pub enum StatsOrder, "order" {
        /// The number of spans or traces.
        Count = "count",
        /// The number of failed ones.
        Errors = "errors",
        /// The mean duration.
        Mean = "mean",
        /// The 95th percentile of durations.
        P95 = "p95",
        /// The longest duration.
        Max = "max",
        /// Tokens in all.
        Tokens = "tokens",
        /// The known cost.
        Cost = "cost",
        /// The latest start; of spans, this makes the statistics [exact](StatsQuery::exact).
        Latest = "latest",
    }
}

/// A question for statistics: of which spans or traces, in which groups, in which pieces of time.
///
/// ```
/// use std::time::Duration;
/// use tracing_agents::{Group, SpanFilter, StatsQuery, TraceFilter};
///
/// // Each model's calls, errors, durations, tokens and cost, hour by hour.
/// let models = StatsQuery::spans("kind:model last:24h".parse()?).group_by(Group::Model).bucket(Duration::from_secs(3600));
/// // How the runs of each agent went.
/// let agents = StatsQuery::traces(TraceFilter::new().last(Duration::from_secs(7 * 86_400))).group_by(Group::Agent);
/// # Ok::<(), tracing_agents::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsQuery {
    pub(super) subject: Subject,
    pub(super) group: Group,
    pub(super) bucket: Option<Duration>,
    pub(super) order: StatsOrder,
    pub(super) limit: usize,
    is_exact: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Spans(SpanFilter),
    Traces(TraceFilter),
}

/// Rows of each piece of time, unless the query says otherwise.
const DEFAULT_LIMIT: usize = 1_000;

impl StatsQuery {
    /// Statistics of the spans that pass `filter`, whose limit and cursor do not matter.
    ///
    /// Percentiles are right to one per cent, and so is the longest duration; all else is exact. Sums are kept by the hour and by the day, and
    /// read in place of the spans where
    /// - the filter asks for nothing but a time, kinds, statuses, states, agents, teams, workflows, models, providers, tools and services,
    /// - the group is one of these, and
    /// - the pieces of time, if any, are whole hours.
    ///
    /// Then the work grows with the days or hours asked for, not with their spans; where the times asked for begin or end within an hour, that hour's spans are
    /// read. Otherwise all spans that pass are read. [`exact`](Self::exact) has them read in any case.
    #[must_use]
    pub const fn spans(filter: SpanFilter) -> Self {
        Self::new(Subject::Spans(filter))
    }

    /// Statistics of the traces that pass `filter`, whose limit and cursor do not matter.
    ///
    /// A trace stands as a whole in each group that took part in it: grouped by model, its tokens count for each of its models. What one
    /// model took is a question for [`spans`](Self::spans).
    #[must_use]
    pub const fn traces(filter: TraceFilter) -> Self {
        Self::new(Subject::Traces(filter))
    }

    const fn new(subject: Subject) -> Self {
        Self {
            subject,
            group: Group::All,
            bucket: None,
            order: StatsOrder::Count,
            limit: DEFAULT_LIMIT,
            is_exact: false,
        }
    }

    /// One row for each value of `group`; by default all is one row.
    #[must_use]
    pub const fn group_by(mut self, group: Group) -> Self {
        self.group = group;
        self
    }

    /// Rows apart for each piece of time of this length, counted from 1970-01-01 UTC; spans and traces belong where they start.
    #[must_use]
    pub const fn bucket(mut self, length: Duration) -> Self {
        self.bucket = Some(length);
        self
    }

    /// What comes first; by default the number of spans or traces. Pieces of time stand in their order whatever this is.
    #[must_use]
    pub const fn order(mut self, order: StatsOrder) -> Self {
        self.order = order;
        self
    }

    /// At most this many rows, of each piece of time where there are any: 1,000 by default.
    #[must_use]
    pub const fn limit(mut self, rows: usize) -> Self {
        self.limit = rows;
        self
    }

    /// Exact percentiles, and how many traces and sessions the spans belong to, with their first and latest starts: each span that passes is
    /// read for it. Statistics of traces are always exact.
    #[must_use]
    pub const fn exact(mut self) -> Self {
        self.is_exact = true;
        self
    }

    /// Whether nothing but the rows themselves can answer.
    pub(super) const fn is_exact(&self) -> bool {
        self.is_exact || matches!(self.subject, Subject::Traces(_)) || matches!(self.order, StatsOrder::Latest)
    }

    /// The length of the pieces of time in nanoseconds.
    pub(super) fn bucket_ns(&self) -> Result<Option<i64>> {
        match self.bucket.map(duration_ns) {
            Some(0) => Err(Error::new(ErrorKind::InvalidInput, "statistics cannot be cut into pieces of no time")),
            bucket => Ok(bucket),
        }
    }
}
