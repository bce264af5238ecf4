//! Answers of the repository: traces, sessions, trees, pages.

use super::kind::text_enum;
use super::{Attributes, Callsite, Event, Identity, Link, Message, Resource, Scope, Span, SpanId, TraceId, Usage};
use std::sync::Arc;

text_enum! {
    /// How a trace went.
    pub enum TraceStatus, "trace status" {
        /// All spans ended, none failed.
        Ok = "ok",
        /// At least one span failed.
        Error = "error",
        /// None failed so far, and at least one is still open.
        Running = "running",
        /// None failed, and at least one was open when its process died.
        Interrupted = "interrupted",
    }
}

/// A trace's summary. One row of the `traces` table.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Trace {
    /// The trace.
    pub trace_id: TraceId,
    /// The display name of its first agent, team or workflow run; else of its first span.
    pub name: String,
    /// The span that gave the name.
    pub root_span_id: SpanId,
    /// The earliest start of its spans, nanoseconds since 1970.
    pub start_ns: i64,
    /// The latest end of its spans; `None` while no span has ended.
    pub end_ns: Option<i64>,
    /// How it went.
    pub status: TraceStatus,
    /// Spans stored so far.
    pub span_count: u64,
    /// Spans that failed.
    pub error_count: u64,
    /// Spans that are open.
    pub open_count: u64,
    /// Spans whose process died, or shut down, before they ended.
    pub interrupted_count: u64,
    /// Tokens over its leaf model calls (a run's own total is never added to its model calls').
    pub usage: Usage,
    /// Known cost in billionths of a US dollar; `None` when no span has one.
    pub cost_nano_usd: Option<i64>,
    /// Spans whose tokens count and which have no cost of their own: what the sum of costs leaves out, unless the run above reports one.
    pub unpriced_count: u64,
    /// Ids and names: the naming span's agent, team and workflow; the first run, session and user.
    pub identity: Identity,
    /// The trace that this one is a torn fragment of.
    pub joined_to: Option<TraceId>,
    /// The start of the naming span's input, for lists.
    pub input_preview: Option<String>,
    /// The start of the naming span's output, for lists.
    pub output_preview: Option<String>,
}

impl Trace {
    /// From the first start to the last end, in nanoseconds; 0 while no span has ended.
    #[must_use]
    pub fn duration_ns(&self) -> i64 {
        self.end_ns.map_or(0, |end| end.saturating_sub(self.start_ns).max(0))
    }

    /// From the first start to the last end, in whole milliseconds; 0 while no span has ended.
    #[must_use]
    pub fn duration_ms(&self) -> i64 {
        self.duration_ns() / 1_000_000
    }
}

/// A session's summary. One row of the `sessions` table.
///
/// A trace counts in one session, its first; a filter by session finds it by any session that a span of it names.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Session {
    /// The session's id, as the application gave it.
    pub session_id: String,
    /// The user of its first trace that names one.
    pub user_id: Option<String>,
    /// The start of its first trace, nanoseconds since 1970.
    pub start_ns: i64,
    /// The end of its latest activity, nanoseconds since 1970.
    pub last_ns: i64,
    /// Traces in it.
    pub trace_count: u64,
    /// Traces with a failed span.
    pub error_trace_count: u64,
    /// Spans in it.
    pub span_count: u64,
    /// Tokens over its traces.
    pub usage: Usage,
    /// Known cost in billionths of a US dollar; `None` when no trace has one.
    pub cost_nano_usd: Option<i64>,
    /// Spans whose tokens count and which have no cost of their own: what the sum of costs leaves out, unless the run above reports one.
    pub unpriced_count: u64,
}

/// A span's payload. Read only when one span or one trace is opened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SpanContent {
    /// What was recorded, in order, duplicates kept.
    pub attributes: Attributes,
    /// The events: the span's own in order, then by time those that came as log records.
    pub events: Vec<Event>,
    /// The links.
    pub links: Vec<Link>,
    /// W3C trace state.
    pub trace_state: String,
    /// W3C trace flags.
    pub flags: u32,
    /// The `tracing` callsite, when there is one.
    pub callsite: Option<Arc<Callsite>>,
    /// The library that made the span.
    pub scope: Scope,
    /// The process, service or machine that it comes from.
    pub resource: Resource,
    /// The span's input as text or JSON text: a prompt, a tool's arguments.
    pub input: Option<String>,
    /// The span's output as text or JSON text: an answer, a tool's result.
    pub output: Option<String>,
    /// The messages sent to the model, where they are structured.
    pub input_messages: Vec<Message>,
    /// The messages that the model answered, where they are structured.
    pub output_messages: Vec<Message>,
}

/// A span with its payload.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SpanDetail {
    /// The span's facts.
    pub span: Span,
    /// Its payload.
    pub content: SpanContent,
}

/// One trace with all its spans, as a tree.
///
/// Spans stand in the order of their start. A span whose parent is not stored (remote, late or lost) is a root too and is listed in
/// [`TraceTree::orphans`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TraceTree {
    /// The summary.
    pub trace: Trace,
    /// All spans, ordered by start time, then by id.
    pub spans: Vec<Span>,
    /// For each span, the places of its children in `spans`, in order.
    pub children: Vec<Vec<usize>>,
    /// The places of spans without a stored parent, in order.
    pub roots: Vec<usize>,
    /// Those roots that name a parent which is not stored.
    pub orphans: Vec<usize>,
}

/// One page of a list, and where the next one begins.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Give this to the next call to go on; `None` at the end of the list.
    ///
    /// A page can be short, even empty, and still have a next one: several filters at once are searched under a scan budget.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// The items, in the list's order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    /// How many items are on this page; the list may hold more.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether no item is on this page; the list may still go on at [`next`](Self::next).
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl<T> IntoIterator for Page<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Page<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

/// A place in a list: the time and the id of the last item seen. Opaque; its text form can be kept in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) time_ns: i64,
    pub(crate) id: Vec<u8>,
}

#[cfg(test)]
impl Trace {
    /// A trace of which nothing is told but its spans.
    pub(crate) fn of_test(trace_id: TraceId, root_span_id: SpanId) -> Self {
        Self {
            trace_id,
            name: "run".into(),
            root_span_id,
            start_ns: 0,
            end_ns: None,
            status: TraceStatus::Ok,
            span_count: 0,
            error_count: 0,
            open_count: 0,
            interrupted_count: 0,
            usage: Usage::default(),
            unpriced_count: 0,
            cost_nano_usd: None,
            identity: Identity::default(),
            joined_to: None,
            input_preview: None,
            output_preview: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_like_a_list() {
        let page = Page { items: vec![1, 2], next: None };
        assert_eq!((page.iter().sum::<i32>(), page.len(), page.is_empty()), (3, 2, false));
    }
}
