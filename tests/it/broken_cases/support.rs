//! What a program leaves in a database, and what a user then sees of it.

use std::sync::Arc;

use tracing::Dispatch;
use tracing_agents::model::{
    Event, Kind, Scope, Span, SpanContent, SpanDetail, SpanId, SpanRecord, SpanState, TraceId, TraceTree, Usage, Value,
};
use tracing_agents::{AgentTracing, StatsQuery, StatsRow, TraceFilter, TraceRepository};
use tracing_subscriber::prelude::*;

use crate::support::PATIENCE;

/// A database in memory with all that a program recorded.
pub(super) struct Stored(AgentTracing);

impl Stored {
    /// What a program leaves under the layer as users install it.
    pub(super) fn of(program: impl FnOnce()) -> Self {
        Self::under(|tracing| tracing_subscriber::registry().with(tracing.layer()).into(), program)
    }

    /// What a program leaves under any subscriber.
    pub(super) fn under(subscriber: impl FnOnce(&AgentTracing) -> Dispatch, program: impl FnOnce()) -> Self {
        let stored = Self(AgentTracing::open("sqlite::memory:").unwrap());
        stored.run(subscriber, program);
        stored
    }

    /// What a program leaves when payload events at `TRACE` are asked for.
    pub(super) fn with_trace_payloads(program: impl FnOnce()) -> Self {
        let stored = Self(AgentTracing::builder("sqlite::memory:").trace_payloads(true).open().unwrap());
        stored.run(|tracing| tracing_subscriber::registry().with(tracing.layer()).into(), program);
        stored
    }

    /// What a program left that has opened its database itself.
    pub(super) fn by(tracing: AgentTracing) -> Self {
        tracing.force_flush(PATIENCE).unwrap();
        Self(tracing)
    }

    /// What comes in by the door for spans that were made elsewhere.
    pub(super) fn sent(spans: impl IntoIterator<Item = Sent>) -> Self {
        let stored = Self(AgentTracing::open("sqlite::memory:").unwrap());
        for Sent(record) in spans {
            stored.0.inlet().accept(record).unwrap();
        }
        stored.0.force_flush(PATIENCE).unwrap();
        stored
    }

    fn run(&self, subscriber: impl FnOnce(&AgentTracing) -> Dispatch, program: impl FnOnce()) {
        tracing::dispatcher::with_default(&subscriber(&self.0), program);
        self.0.force_flush(PATIENCE).unwrap();
    }

    pub(super) fn repository(&self) -> TraceRepository {
        self.0.repository()
    }

    /// All traces, the earliest first.
    pub(super) fn trees(&self) -> Vec<TraceTree> {
        let repository = self.repository();
        let mut traces = repository.traces(&TraceFilter::new().limit(1000)).unwrap().items;
        traces.sort_by_key(|trace| trace.start_ns);
        traces.into_iter().map(|trace| repository.trace(trace.trace_id).unwrap()).collect()
    }

    /// The only trace.
    pub(super) fn tree(&self) -> TraceTree {
        let mut trees = self.trees();
        assert_eq!(trees.len(), 1, "{:#?}", outline(&trees));
        trees.remove(0)
    }

    /// All traces as [`outline`] draws them.
    pub(super) fn outline(&self) -> Vec<String> {
        outline(&self.trees())
    }

    /// The only span that is so, opened.
    pub(super) fn only(&self, what: &str, is: impl Fn(&Span) -> bool) -> SpanDetail {
        let trees = self.trees();
        let mut spans = trees.iter().flat_map(|tree| &tree.spans).filter(|span| is(span));
        let span = spans.next().unwrap_or_else(|| panic!("no {what} in {:#?}", outline(&trees)));
        assert!(spans.next().is_none(), "more than one {what} in {:#?}", outline(&trees));
        self.repository().span(span.trace_id, span.span_id).unwrap()
    }

    /// The only span of a kind, opened.
    pub(super) fn the(&self, kind: Kind) -> SpanDetail {
        self.only(kind.as_str(), |span| span.kind == kind)
    }

    /// The only span of a name, opened.
    pub(super) fn named(&self, name: &str) -> SpanDetail {
        self.only(name, |span| span.name == name)
    }

    pub(super) fn stats(&self, query: &StatsQuery) -> Vec<StatsRow> {
        self.repository().stats(query).unwrap()
    }
}

/// Traces as lines of `kind display name`, two spaces deeper for each level, with `✗` before what failed.
pub(super) fn outline(trees: &[TraceTree]) -> Vec<String> {
    fn draw(tree: &TraceTree, place: usize, depth: usize, lines: &mut Vec<String>) {
        let span = &tree.spans[place];
        let failed = if span.is_error() { "✗ " } else { "" };
        lines.push(format!("{}{failed}{} {}", "  ".repeat(depth), span.kind, span.display_name));
        tree.children[place].iter().for_each(|child| draw(tree, *child, depth + 1, lines));
    }
    let mut lines = Vec::new();
    for tree in trees {
        tree.roots.iter().for_each(|root| draw(tree, *root, 0, &mut lines));
    }
    lines
}

/// Input and output tokens.
pub(super) const fn tokens(usage: &Usage) -> (Option<u64>, Option<u64>) {
    (usage.input, usage.output)
}

/// Plain input and output.
pub(super) fn in_and_out(content: &SpanContent) -> (Option<&str>, Option<&str>) {
    (content.input.as_deref(), content.output.as_deref())
}

/// A closed span of one second as another exporter hands it over: of one trace, with a number for its id.
pub(super) struct Sent(SpanRecord);

pub(super) fn sent(number: u8, name: &str) -> Sent {
    let start_ns = 1_700_000_000_000_000_000 + i64::from(number);
    let mut record = SpanRecord::new(TraceId::from_bytes([1; 16]), id(number), name, start_ns);
    (record.state, record.end_ns) = (SpanState::Closed, Some(start_ns + 1_000_000_000));
    Sent(record)
}

fn id(number: u8) -> SpanId {
    SpanId::from_bytes([number; 8])
}

impl Sent {
    pub(super) fn below(mut self, parent: u8) -> Self {
        self.0.parent_span_id = Some(id(parent));
        self
    }

    /// Below a span of another process.
    pub(super) fn remotely_below(mut self, parent: u8) -> Self {
        self.0.parent_is_remote = true;
        self.below(parent)
    }

    pub(super) fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.0.attributes.push(key, value);
        self
    }

    /// From an instrumentation of this name.
    pub(super) fn scope(mut self, name: &str) -> Self {
        self.0.scope = Arc::new(Scope { name: name.to_owned(), ..Scope::default() });
        self
    }

    pub(super) fn event(mut self, name: &str, attributes: &[(&'static str, &str)]) -> Self {
        self.0.events.push(Event {
            name: name.to_owned(),
            time_ns: self.0.start_ns,
            attributes: attributes.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
            dropped_attributes: 0,
            callsite: None,
        });
        self
    }
}
