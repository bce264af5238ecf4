//! A trace's summary: what each span adds to it, and how it changes when spans come, late or twice.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, kind};
use crate::model::{SpanState, StatusCode, TraceStatus};
use crate::store::convert::Facet;
use crate::store::rows::{SpanRow, TraceRow};

/// What names a trace: the smallest of (class, start, span id). A run of an agent, team or workflow before a root before any span.
type NamingRank<'a> = (i16, i64, &'a [u8]);

/// Input, output, total, cache read, cache write and reasoning tokens, and the cost.
pub(super) type Tokens = [Option<i64>; 7];

/// How many more (or fewer) spans have a value.
pub(super) type FacetCounts<'a> = BTreeMap<(Facet, &'a str), i64>;

/// How a batch changes a trace's summary.
pub(super) struct Change<'a> {
    pub(super) trace: TraceRow,
    pub(super) facets: FacetCounts<'a>,
    /// Whether the summary can no longer be told from the change alone: something that was the first, the only or the last is gone.
    pub(super) needs_recompute: bool,
    /// The span that names the trace now, when the batch brought it.
    pub(super) named_by: Option<&'a [u8]>,
}

impl<'a> Change<'a> {
    /// The change from `before` (none for a new trace) that the changed rows of `graph` make. None when there is no row at all.
    pub(super) fn of(before: Option<&TraceRow>, graph: &'a Graph) -> Option<Self> {
        let mut changed = graph.changed().peekable();
        let first = changed.peek()?;
        let mut change = Self {
            trace: before.cloned().unwrap_or_else(|| empty(&first.row)),
            facets: BTreeMap::new(),
            needs_recompute: graph.is_cyclic,
            named_by: None,
        };
        let mut token_was_removed = [false; 7];
        for node in changed {
            change.count(node.stored.as_ref(), &node.row);
            change.add_tokens(node.stored.as_ref(), &node.row, &mut token_was_removed);
            change.spread(node.stored.as_ref(), &node.row);
            change.name(node.stored.as_ref(), &node.row);
            change.add_facets(node.stored.as_ref(), &node.row);
        }
        // A sum that reaches 0 by subtraction may stand for "0" or for "nothing reported".
        change.needs_recompute |= tokens_of_trace(&change.trace)
            .iter()
            .zip(token_was_removed)
            .any(|(sum, removed)| removed && *sum == Some(0));
        finish(&mut change.trace);
        Some(change)
    }

    fn count(&mut self, stored: Option<&SpanRow>, row: &SpanRow) {
        let difference = |of: fn(&SpanRow) -> bool| i64::from(of(row)) - i64::from(stored.is_some_and(of));
        // A call that nobody recorded has failed all the same; such a run only repeats its last call.
        self.trace.error_count += difference(|row| is_error(row) && !(row.is_synthetic() && kind(row).is_run()));
        self.trace.unpriced_count += difference(is_unpriced);
        // What was not recorded is no span.
        if row.is_synthetic() {
            return;
        }
        self.trace.span_count += i64::from(stored.is_none());
        self.trace.open_count += difference(|row| row.state == SpanState::Open.rank());
        self.trace.interrupted_count += difference(|row| row.state == SpanState::Interrupted.rank());
    }

    fn add_tokens(&mut self, stored: Option<&SpanRow>, row: &SpanRow, was_removed: &mut [bool; 7]) {
        let (before, after) = (stored.map(counted_tokens).unwrap_or_default(), counted_tokens(row));
        let mut sums = tokens_of_trace(&self.trace);
        for (((sum, before), after), removed) in sums.iter_mut().zip(before).zip(after).zip(was_removed) {
            // A sum at its limit no longer tells what it was made of.
            self.needs_recompute |= before.is_some() && *sum == Some(i64::MAX);
            *sum = match (before, after) {
                (None, None) => *sum,
                _ => Some(sum.unwrap_or(0).saturating_sub(before.unwrap_or(0)).saturating_add(after.unwrap_or(0))),
            };
            *removed |= before.is_some() && after.is_none();
        }
        set_tokens(&mut self.trace, sums);
    }

    /// Start and end, and the first run, session and user.
    fn spread(&mut self, stored: Option<&SpanRow>, row: &SpanRow) {
        // Only what the summary stands on can be missed: recomputing at each change would make long traces quadratic.
        self.needs_recompute |= stored.is_some_and(|stored| {
            let was_first = stored.start_ns == self.trace.start_ns && row.start_ns > stored.start_ns;
            let was_last = stored.end_ns == self.trace.end_ns && row.end_ns < stored.end_ns;
            was_first || was_last
        });
        self.trace.start_ns = self.trace.start_ns.min(row.start_ns);
        self.trace.end_ns = self.trace.end_ns.max(row.end_ns);
        let trace = &mut self.trace;
        for (own, before, value, first_ns) in [
            (&row.run_id, stored.map(|row| &row.run_id), &mut trace.run_id, &mut trace.run_first_ns),
            (&row.session_id, stored.map(|row| &row.session_id), &mut trace.session_id, &mut trace.session_first_ns),
            (&row.user_id, stored.map(|row| &row.user_id), &mut trace.user_id, &mut trace.user_first_ns),
        ] {
            let old_start = stored.map(|stored| stored.start_ns);
            let was_first = value.is_some() && before == Some(&*value) && old_start == *first_ns;
            let comes_later = own.is_none() || (Some(row.start_ns), Some(own)) > (old_start, before);
            self.needs_recompute |= was_first && comes_later;
            let Some(own) = own else { continue };
            let is_first = match (&*first_ns, &*value) {
                (Some(first), Some(value)) => (row.start_ns, own) < (*first, value),
                _ => true,
            };
            if is_first {
                *value = Some(own.clone());
                *first_ns = Some(row.start_ns);
            }
        }
    }

    /// The naming span, and what it gives to the trace.
    fn name(&mut self, stored: Option<&SpanRow>, row: &'a SpanRow) {
        let rank = naming_rank(row);
        let current = (self.trace.root_class, self.trace.root_start_ns, self.trace.root_span_id.as_slice());
        let names_it_now = self.trace.root_span_id == row.span_id;
        if names_it_now && stored.is_some() && rank > current {
            self.needs_recompute = true;
        }
        if rank < current || names_it_now {
            let is_new_version = stored.is_none_or(|stored| stored.version() != row.version());
            if is_new_version {
                self.named_by = Some(&row.span_id);
            }
            take_name(&mut self.trace, row);
        }
    }

    fn add_facets(&mut self, stored: Option<&'a SpanRow>, row: &'a SpanRow) {
        let (before, after) = (stored.map(facets).unwrap_or_default(), facets(row));
        for gone in before.difference(&after) {
            *self.facets.entry(*gone).or_default() -= 1;
        }
        for new in after.difference(&before) {
            *self.facets.entry(*new).or_default() += 1;
        }
    }
}

/// The summary of a whole trace from its rows alone, with the number of spans that have each value: what the step-by-step changes
/// must agree with. The previews are not told by the rows.
pub(super) fn summarize(rows: &[SpanRow]) -> Option<(TraceRow, FacetCounts<'_>)> {
    let first = rows.first()?;
    let mut change = Change { trace: empty(first), facets: BTreeMap::new(), needs_recompute: false, named_by: None };
    for row in rows {
        change.count(None, row);
        change.add_tokens(None, row, &mut [false; 7]);
        change.spread(None, row);
        change.name(None, row);
        change.add_facets(None, row);
    }
    finish(&mut change.trace);
    Some((change.trace, change.facets))
}

/// What a trace is known under by its status: a running trace can have errors already.
pub(super) fn status_facets(trace: &TraceRow) -> BTreeSet<(Facet, &'static str)> {
    let mut words = Vec::new();
    if trace.error_count > 0 {
        words.push(TraceStatus::Error);
    }
    if trace.open_count > 0 {
        words.push(TraceStatus::Running);
    }
    if trace.interrupted_count > 0 {
        words.push(TraceStatus::Interrupted);
    }
    if words.is_empty() {
        words.push(TraceStatus::Ok);
    }
    words.into_iter().map(|word| (Facet::Status, word.as_str())).collect()
}

/// The input, output, total, cache read, cache write and reasoning tokens, and the cost, as far as they count.
fn counted_tokens(row: &SpanRow) -> Tokens {
    let counted = |tokens: Option<i64>| tokens.filter(|_| row.usage_counted);
    [
        counted(row.input_tokens),
        counted(row.output_tokens),
        counted(row.total_tokens),
        counted(row.cache_read_tokens),
        counted(row.cache_write_tokens),
        counted(row.reasoning_tokens),
        row.cost_nano_usd.filter(|_| row.cost_counted),
    ]
}

pub(super) const fn tokens_of_trace(trace: &TraceRow) -> Tokens {
    [
        trace.input_tokens,
        trace.output_tokens,
        trace.total_tokens,
        trace.cache_read_tokens,
        trace.cache_write_tokens,
        trace.reasoning_tokens,
        trace.cost_nano_usd,
    ]
}

const fn set_tokens(trace: &mut TraceRow, sums: Tokens) {
    [
        trace.input_tokens,
        trace.output_tokens,
        trace.total_tokens,
        trace.cache_read_tokens,
        trace.cache_write_tokens,
        trace.reasoning_tokens,
        trace.cost_nano_usd,
    ] = sums;
}

fn is_error(row: &SpanRow) -> bool {
    row.status_code == StatusCode::Error.otlp()
}

/// Whether the span's tokens count and its cost is not known.
const fn is_unpriced(row: &SpanRow) -> bool {
    row.usage_counted && row.cost_nano_usd.is_none()
}

fn naming_rank(row: &SpanRow) -> NamingRank<'_> {
    let class = match (kind(row).is_run(), &row.parent_span_id) {
        (true, _) => 0,
        (false, None) => 1,
        (false, Some(_)) => 2,
    };
    (class, row.start_ns, &row.span_id)
}

fn take_name(trace: &mut TraceRow, row: &SpanRow) {
    let (class, start_ns, _) = naming_rank(row);
    trace.name.clone_from(&row.display_name);
    trace.root_span_id.clone_from(&row.span_id);
    trace.root_class = class;
    trace.root_start_ns = start_ns;
    trace.agent_id.clone_from(&row.agent_id);
    trace.agent_name.clone_from(&row.agent_name);
    trace.team_id.clone_from(&row.team_id);
    trace.team_name.clone_from(&row.team_name);
    trace.workflow_id.clone_from(&row.workflow_id);
    trace.workflow_name.clone_from(&row.workflow_name);
}

/// The values by which the span's trace is found.
fn facets(row: &SpanRow) -> BTreeSet<(Facet, &str)> {
    let optional = [
        (Facet::Agent, &row.agent_id),
        (Facet::Agent, &row.agent_name),
        (Facet::Conversation, &row.conversation_id),
        (Facet::Model, &row.request_model),
        (Facet::Model, &row.response_model),
        (Facet::Provider, &row.provider),
        (Facet::Run, &row.run_id),
        (Facet::Service, &row.service_name),
        (Facet::Session, &row.session_id),
        (Facet::Step, &row.step_name),
        (Facet::Team, &row.team_id),
        (Facet::Team, &row.team_name),
        (Facet::Tool, &row.tool_name),
        (Facet::User, &row.user_id),
        (Facet::Workflow, &row.workflow_id),
        (Facet::Workflow, &row.workflow_name),
    ];
    let always = [(Facet::Kind, &row.kind), (Facet::Name, &row.name), (Facet::Name, &row.display_name)];
    optional
        .into_iter()
        .filter_map(|(facet, value)| value.as_ref().map(|value| (facet, value)))
        .chain(always)
        .map(|(facet, value)| (facet, value.as_str()))
        .collect()
}

/// A summary of no spans, which any span's name replaces.
fn empty(row: &SpanRow) -> TraceRow {
    TraceRow {
        name: row.display_name.clone(),
        root_span_id: row.span_id.clone(),
        ..TraceRow::placeholder(&row.trace_id)
    }
}

/// The columns that follow from the others.
fn finish(trace: &mut TraceRow) {
    trace.duration_ns = trace.end_ns.map(|end| end.saturating_sub(trace.start_ns).max(0));
    trace.status = if trace.error_count > 0 {
        TraceStatus::Error
    } else if trace.open_count > 0 {
        TraceStatus::Running
    } else if trace.interrupted_count > 0 {
        TraceStatus::Interrupted
    } else {
        TraceStatus::Ok
    }
    .as_str()
    .to_owned();
}
