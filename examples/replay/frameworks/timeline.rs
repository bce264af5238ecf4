//! The order in which a run's steps happened.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use super::recording::{EventLine, Field, Followed, Scenario, SpanLine};

/// One step of a run.
#[derive(Clone, Copy)]
pub(crate) enum Step<'r> {
    Open(&'r SpanLine),
    Record(&'r SpanLine, &'r Field),
    Follow(&'r SpanLine, Followed),
    /// An event, in a span or outside any.
    Event(Option<&'r SpanLine>, &'r EventLine),
    Close(&'r SpanLine),
}

/// What a span that is open has still to say, besides its events.
struct Pending<'r> {
    span: &'r SpanLine,
    steps: VecDeque<Step<'r>>,
}

/// All steps of a scenario, in order.
///
/// A recording numbers every step, but of records and edges it keeps only the span and their order in it. So the numbers that no
/// opening, closing or event has belong to them; each goes to the open span that has something to say and closes first, which meets
/// every deadline that can be met. What still waits when its span closes is said just before. Spans that were still open as the
/// recording ended close then, the innermost first.
pub(crate) fn timeline(scenario: &Scenario) -> Vec<Step<'_>> {
    let known = known_steps(scenario);
    let mut open: Vec<Pending<'_>> = Vec::new();
    let mut steps = Vec::new();
    let last = known.last_key_value().map_or(0, |(seq, _)| *seq);
    for seq in 1..=last {
        match known.get(&seq) {
            Some(Step::Open(span)) => {
                let edges = span.follows_from.iter().map(|followed| Step::Follow(span, *followed));
                let records = span.records.iter().map(|field| Step::Record(span, field));
                open.push(Pending { span, steps: edges.chain(records).collect() });
                steps.push(Step::Open(span));
            }
            Some(Step::Close(span)) => {
                if let Some(at) = open.iter().position(|pending| pending.span.n == span.n) {
                    steps.extend(open.swap_remove(at).steps);
                }
                steps.push(Step::Close(span));
            }
            Some(step) => steps.push(*step),
            None => {
                let waiting = open.iter_mut().filter(|pending| !pending.steps.is_empty());
                let next = waiting.min_by_key(|pending| pending.span.close_seq.unwrap_or(u64::MAX));
                steps.extend(next.and_then(|pending| pending.steps.pop_front()));
            }
        }
    }
    open.sort_by_key(|pending| Reverse(pending.span.open_seq));
    for Pending { span, steps: waiting } in open {
        steps.extend(waiting);
        steps.push(Step::Close(span));
    }
    steps
}

/// The steps whose number the recording tells.
fn known_steps(scenario: &Scenario) -> BTreeMap<u64, Step<'_>> {
    let spans = scenario.spans.iter().flat_map(|span| {
        let events = span.events.iter().map(move |event| (event.seq, Step::Event(Some(span), event)));
        let close = span.close_seq.map(|seq| (seq, Step::Close(span)));
        events.chain([(span.open_seq, Step::Open(span))]).chain(close)
    });
    let outside = scenario.events.iter().map(|event| (event.seq, Step::Event(None, event)));
    spans.chain(outside).collect()
}
