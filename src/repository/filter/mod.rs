//! What is asked for: filters of traces, spans and sessions, in Rust and as text.

mod conditions;
mod display;
mod field;
mod lexer;
mod methods;
mod misread;
mod parse;
mod quantity;

use std::time::{Duration, SystemTime};

use conditions::{Bound, MAX_LIMIT};
pub(crate) use conditions::{Conditions, Range, TimeRange};
pub(crate) use field::Field;
use field::Language;
use methods::{filter_method, filter_type};
use parse::parse;

use crate::model::time::{duration_ns, unix_ns};
use crate::model::{Cursor, Kind, SpanId, SpanState, StatusCode, TraceId, TraceStatus};

/// Which traces a list shows.
///
/// Different fields must all hold; of several values of one field, one must. Ids, names, kinds, models and tools hold for a trace if
/// **any** of its spans has them, so a team member's name finds the team's trace; different fields may hold on different spans.
/// Status, duration, tokens, time and text are those of the trace as a whole. What is left out (`not_agent` …) must not occur in any span.
///
/// # As text
/// The same filter can be written as text, for command lines, URLs and search boxes, and its [`Display`](std::fmt::Display) form reads back as the same
/// filter:
///
/// ```
/// use tracing_agents::TraceFilter;
///
/// let filter: TraceFilter = r#"agent:Researcher,"My Agent" status:error duration>2s tokens>=1k last:24h "refund""#.parse()?;
/// assert_eq!(filter.to_string().parse::<TraceFilter>()?, filter);
///
/// let error = "agent:Researcher statsu:error".parse::<TraceFilter>().unwrap_err();
/// assert!(error.to_string().contains("                   ^^^^^^"));
/// # Ok::<(), tracing_agents::Error>(())
/// ```
///
/// | word | holds for traces |
/// |---|---|
/// | `trace:ID` | with this id (32 hexadecimal digits) |
/// | `run:` `session:` `conversation:` `user:` | in which this id occurs |
/// | `agent:` `team:` `workflow:` | in which one of this id or name took part |
/// | `step:` `tool:` `model:` `provider:` `service:` `name:` | with a span of this step, tool, model, provider, service or span name |
/// | `kind:` | with a span of this [`Kind`] |
/// | `status:` | of this [`TraceStatus`] |
/// | `-agent:` `-kind:` `-status:` … | that `agent:`, `kind:`, `status:` … would not find; for all words above but `trace:` |
/// | `duration>2s` | longer; also `>=`, `<`, `<=`; units `ns` `us` `ms` `s` `m` `h` `d` |
/// | `tokens>1k` | with more tokens in all; also `>=`, `<`, `<=`; `k` is a thousand, `M` a million |
/// | `since:` `until:` | that started at or after, and before this time: RFC 3339, or a date or time without offset, which is UTC |
/// | `last:24h` | that started within this time before now |
/// | `refund` `"two words"` | with this text in their name or the beginning of their input or output, in either case |
/// | `limit:50` `after:CURSOR` | (how many on a page, and which page) |
///
/// All words must hold: there is no `AND`, `OR` or `NOT`, but a comma stands between values of which one must hold, and a minus before
/// a field leaves out. Ids and names are compared whole and in their case, without wildcards. Values with spaces, commas or quotes are
/// quoted, with `\"`, `\\`, `\n`, `\r` and `\t` inside; so are texts that read like something else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceFilter {
    conditions: Conditions,
}

filter_type! {
    TraceFilter,
    Language {
        own: &[Field::Trace, Field::Status],
        statuses: &["ok", "error", "running", "interrupted"],
        has_ranges: true,
        has_text: true,
    }
}

impl TraceFilter {
    filter_method!(values, times, ranges, paging);

    /// A trace.
    #[must_use]
    pub fn trace(self, id: TraceId) -> Self {
        self.with(Field::Trace, id.to_string())
    }

    /// How the trace went.
    #[must_use]
    pub fn status(self, status: TraceStatus) -> Self {
        self.with(Field::Status, status.as_str())
    }

    /// Leaves out what [`status`](Self::status) finds.
    #[must_use]
    pub fn not_status(self, status: TraceStatus) -> Self {
        self.without(Field::Status, status.as_str())
    }

    /// A text in the trace's name or in the beginning of its input or output, in upper or lower case. Several texts must all be found.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.conditions.add_text(text.into());
        self
    }
}

/// Which spans a list shows, or statistics count. Different fields must all hold on the span; of several values of one field, one must.
///
/// Its text form is that of [`TraceFilter`], with `parent:` (a span id), `call:` (a tool call's id), `state:` (a [`SpanState`]) and
/// the [`StatusCode`]s as `status:` more, and no free text.
///
/// ```
/// use tracing_agents::SpanFilter;
/// use tracing_agents::model::{Kind, StatusCode};
///
/// let failed_tools = SpanFilter::new().kind(Kind::Tool).status(StatusCode::Error);
/// assert_eq!(failed_tools.to_string(), "kind:tool status:error");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanFilter {
    conditions: Conditions,
}

filter_type! {
    SpanFilter,
    Language {
        own: &[Field::Trace, Field::Parent, Field::Call, Field::State, Field::Status],
        statuses: &["unset", "ok", "error"],
        has_ranges: true,
        has_text: false,
    }
}

impl SpanFilter {
    filter_method!(values, times, ranges, paging);

    /// The spans of a trace.
    #[must_use]
    pub fn trace(self, id: TraceId) -> Self {
        self.with(Field::Trace, id.to_string())
    }

    /// The direct children of a span.
    #[must_use]
    pub fn parent(self, id: SpanId) -> Self {
        self.with(Field::Parent, id.to_string())
    }

    /// A tool call's id, as the model's request and the tool's span share it.
    #[must_use]
    pub fn call(self, id: impl Into<String>) -> Self {
        self.with(Field::Call, id)
    }

    /// How far the span has come.
    #[must_use]
    pub fn state(self, state: SpanState) -> Self {
        self.with(Field::State, state.as_str())
    }

    /// OpenTelemetry's status code.
    #[must_use]
    pub fn status(self, status: StatusCode) -> Self {
        self.with(Field::Status, status.as_str())
    }

    /// Leaves out what [`status`](Self::status) finds.
    #[must_use]
    pub fn not_status(self, status: StatusCode) -> Self {
        self.without(Field::Status, status.as_str())
    }
}

/// Which sessions a list shows. Ids, names, kinds, models and tools hold for a session if any span of its traces has them.
///
/// `since` and `last` ask for activity at or after a time, `until` for a start before one: together they find the sessions that were
/// active in a range. The text form is that of [`TraceFilter`], without `trace:`, `status:`, bounds and free text.
///
/// ```
/// use tracing_agents::SessionFilter;
///
/// let filter: SessionFilter = "user:u-17 agent:Researcher last:7d".parse()?;
/// assert_eq!(filter, SessionFilter::new().user("u-17").agent("Researcher").last(std::time::Duration::from_secs(7 * 86_400)));
/// # Ok::<(), tracing_agents::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionFilter {
    conditions: Conditions,
}

filter_type! {
    SessionFilter,
    Language { own: &[], statuses: &[], has_ranges: false, has_text: false }
}

impl SessionFilter {
    filter_method!(values, times, paging);
}

#[cfg(test)]
mod tests;
