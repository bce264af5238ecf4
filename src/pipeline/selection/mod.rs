//! Which of the accepted spans are kept: none of the kinds that the program leaves out, and all or nothing of a trace that is sampled by its end.
//!
//! It works on the worker, between reading and writing, on spans that are understood. What it leaves out is counted
//! ([`Discarded`](super::Discarded)), what it holds back is a gauge ([`Health::held`](super::Health::held)).

mod evidence;
mod kinds;
mod memory;
mod tail;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::time::Instant;

pub use tail::TailSampling;

use self::kinds::WithoutKinds;
use self::tail::Tail;
use super::health::KeptTraces;
use super::settings::Settings;
use crate::model::{InterpretedSpan, Origin, SpanRecord};

/// Decides on spans in the order in which they come.
#[derive(Debug)]
pub(super) struct Selection {
    kinds: Option<WithoutKinds>,
    tail: Option<Tail>,
}

/// What came of some spans. Each of them is in one of these, and in no other.
#[derive(Debug, Default)]
pub(super) struct Selected {
    /// To be written.
    pub(super) keep: Vec<InterpretedSpan>,
    /// The numbers of those that came and are not to be written, or not yet: who delivered them is told so.
    pub(super) kept_back: Vec<u64>,
    /// Those that will never be written, of these spans and of those that were held.
    pub(super) discarded: Vec<Origin>,
    /// How many are of a kind that is left out.
    pub(super) by_kind: u64,
    /// How many are of traces that were discarded: of these spans, and of those that were held.
    pub(super) by_trace: u64,
    /// How many more spans are held than before; fewer where it is negative.
    pub(super) held: i64,
}

impl Selection {
    /// None where everything is kept.
    pub(super) fn new(settings: &Settings) -> Option<Self> {
        let kinds = &settings.without_kinds;
        let kinds = (!kinds.is_empty()).then(|| WithoutKinds::new(kinds.clone()));
        let tail = settings.tail_sampling.clone().map(Tail::new);
        (kinds.is_some() || tail.is_some()).then_some(Self { kinds, tail })
    }

    /// Decides on spans that were read. What becomes due of those that are held comes with them.
    pub(super) fn decide(&mut self, spans: Vec<InterpretedSpan>, now: Instant) -> Selected {
        let mut selected = Selected::default();
        let numbers: Vec<u64> = spans.iter().filter_map(number).collect();
        for span in spans {
            if self.kinds.as_mut().is_some_and(|kinds| kinds.leaves_out(&span.span)) {
                selected.by_kind += 1;
                selected.discarded.extend(span.record.origin);
            } else if let Some(tail) = &mut self.tail {
                tail.offer(span, now, &mut selected);
            } else {
                selected.keep.push(span);
            }
        }
        let kept: HashSet<u64> = selected.keep.iter().filter_map(number).collect();
        selected.kept_back = numbers.into_iter().filter(|number| !kept.contains(number)).collect();
        selected
    }

    /// Decides on traces that were held long enough.
    pub(super) fn tick(&mut self, now: Instant) -> Selected {
        let mut selected = Selected::default();
        if let Some(tail) = &mut self.tail {
            tail.decide_idle(now, &mut selected);
        }
        selected
    }

    /// Decides on all that is held: no more spans come.
    pub(super) fn end(&mut self) -> Selected {
        let mut selected = Selected::default();
        if let Some(tail) = &mut self.tail {
            tail.decide_all(&mut selected);
        }
        selected
    }

    /// Whether a span that is still open may be written: of a trace on which nothing is decided, it may not.
    pub(super) fn shows(&self, open: &SpanRecord) -> bool {
        self.tail.as_ref().is_none_or(|tail| tail.keeps(open.trace_id) == Some(true))
    }

    /// Whether a span that is open at the end is to be written.
    pub(super) fn keeps_open(&self, open: &SpanRecord) -> bool {
        self.tail
            .as_ref()
            .is_none_or(|tail| tail.keeps(open.trace_id).unwrap_or_else(|| tail.is_of_share(open.trace_id)))
    }

    /// Which traces were kept, and why.
    pub(super) fn kept_traces(&self) -> KeptTraces {
        self.tail.as_ref().map(Tail::kept_traces).unwrap_or_default()
    }

    /// How many traces were discarded.
    pub(super) fn discarded_traces(&self) -> u64 {
        self.tail.as_ref().map_or(0, Tail::discarded_traces)
    }
}

/// The number of the span among those that the pipeline accepted.
fn number(span: &InterpretedSpan) -> Option<u64> {
    span.record.origin.map(|origin| origin.sequence)
}
