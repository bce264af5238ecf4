//! What a run reports of itself, next to what was counted below it.

use super::{Span, SpanId, TraceTree, Usage};

/// Costs are rounded to billionths of a dollar, each by itself. Sums that differ by less than this (a millionth) say the same.
const ROUNDING_NANO_USD: u64 = 1_000;

/// Tokens and cost, each as far as they are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Tokens; a count that nobody reports is absent.
    pub usage: Usage,
    /// Billionths of a US dollar; `None` when nothing has a cost.
    pub cost_nano_usd: Option<i64>,
}

/// What a span says that it took, and what the spans below it took.
///
/// Frameworks report a run's own sums, and these need not be the sums of its calls: some count only the last call, or only those that
/// succeeded, or tokens of another meaning. The totals of a trace are made of the calls; here both can be seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rollup {
    /// As the span itself reports.
    pub reported: Totals,
    /// The sum over the spans below it that count, each call once.
    pub computed: Totals,
}

impl Rollup {
    /// Whether both sides tell the tokens, and not the same. What only one side tells is no contradiction.
    #[must_use]
    pub fn usage_differs(&self) -> bool {
        let (reported, computed) = (&self.reported.usage, &self.computed.usage);
        let counts: [fn(&Usage) -> Option<u64>; 6] = [
            |usage| usage.input,
            |usage| usage.output,
            Usage::total,
            |usage| usage.cache_read,
            |usage| usage.cache_write,
            |usage| usage.reasoning,
        ];
        counts
            .iter()
            .any(|count| matches!((count(reported), count(computed)), (Some(one), Some(other)) if one != other))
    }

    /// Whether both sides tell the cost, and not the same but for rounding.
    #[must_use]
    pub fn cost_differs(&self) -> bool {
        match (self.reported.cost_nano_usd, self.computed.cost_nano_usd) {
            (Some(reported), Some(computed)) => reported.abs_diff(computed) >= ROUNDING_NANO_USD,
            _ => false,
        }
    }

    /// Whether tokens or cost differ.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.usage_differs() || self.cost_differs()
    }
}

impl TraceTree {
    /// What a span reports of itself and what was counted below it; `None` when it is not in the tree. Linear in the tree: for many
    /// spans, ask for [all](Self::rollups) at once.
    #[must_use]
    pub fn rollup(&self, span: SpanId) -> Option<Rollup> {
        let place = self.spans.iter().position(|own| own.span_id == span)?;
        self.rollups().get(place).copied()
    }

    /// [`rollup`](Self::rollup) of each span, in the order of [`spans`](Self::spans). Linear in the tree.
    ///
    /// A model call counts unless a model call inside the same call reports, too; any other span's own sum counts only where nothing below
    /// it reports. Tokens and cost count each by themselves, and sums stop at the greatest number.
    #[must_use]
    pub fn rollups(&self) -> Vec<Rollup> {
        let mut below = vec![Below::default(); self.spans.len()];
        for (place, parent) in self.with_parents().into_iter().rev() {
            let (Some(span), Some(own)) = (self.spans.get(place), below.get(place)) else { continue };
            let above = own.with(span);
            if let Some(parent) = parent.and_then(|parent| below.get_mut(parent)) {
                parent.add(&above);
            }
        }
        let rollups = self.spans.iter().zip(&below);
        rollups.map(|(span, below)| Rollup { reported: reported(span), computed: below.totals }).collect()
    }

    /// The places of all spans with those of the spans above them, each after the one above it, each once: a tree that was not made by
    /// this crate may hold a span twice, or below itself.
    pub(super) fn with_parents(&self) -> Vec<(usize, Option<usize>)> {
        let mut is_seen = vec![false; self.spans.len()];
        let mut found = Vec::with_capacity(self.spans.len());
        let mut pending: Vec<(usize, Option<usize>)> = self.roots.iter().map(|root| (*root, None)).collect();
        while let Some((place, parent)) = pending.pop() {
            let Some(is_seen) = is_seen.get_mut(place) else { continue };
            if !std::mem::replace(is_seen, true) {
                found.push((place, parent));
                pending.extend(self.children.get(place).into_iter().flatten().map(|child| (*child, Some(place))));
            }
        }
        found
    }
}

fn reported(span: &Span) -> Totals {
    Totals { usage: span.usage.unwrap_or_default(), cost_nano_usd: span.cost.as_ref().map(|cost| cost.nano_usd) }
}

/// Whether any span, and any call of the same call, reports.
#[derive(Debug, Clone, Copy, Default)]
struct Reports {
    any: bool,
    call: bool,
}

impl Reports {
    /// Whether a span counts below which these report.
    const fn counts(self, span: &Span, reports: bool) -> bool {
        reports && !(if span.kind.is_model_call() { self.call } else { self.any })
    }

    /// These and the span's own, as the span above sees them.
    const fn with(self, span: &Span, reports: bool) -> Self {
        let call = (self.call && !span.kind.separates_calls()) || (span.kind.is_model_call() && reports);
        Self { any: self.any || reports, call }
    }

    const fn or(self, other: Self) -> Self {
        Self { any: self.any || other.any, call: self.call || other.call }
    }
}

/// What is known of the spans below one.
#[derive(Debug, Clone, Copy, Default)]
struct Below {
    totals: Totals,
    usage: Reports,
    cost: Reports,
}

impl Below {
    /// These and the span above them.
    fn with(&self, span: &Span) -> Self {
        let own = reported(span);
        let (has_usage, has_cost) = (own.usage.is_reported(), own.cost_nano_usd.is_some());
        let mut totals = self.totals;
        if self.usage.counts(span, has_usage) {
            totals.usage = sum(&totals.usage, &own.usage);
        }
        if self.cost.counts(span, has_cost) {
            totals.cost_nano_usd = sum_of(totals.cost_nano_usd, own.cost_nano_usd, i64::saturating_add);
        }
        Self { totals, usage: self.usage.with(span, has_usage), cost: self.cost.with(span, has_cost) }
    }

    fn add(&mut self, other: &Self) {
        self.totals.usage = sum(&self.totals.usage, &other.totals.usage);
        self.totals.cost_nano_usd = sum_of(self.totals.cost_nano_usd, other.totals.cost_nano_usd, i64::saturating_add);
        self.usage = self.usage.or(other.usage);
        self.cost = self.cost.or(other.cost);
    }
}

/// The counts of both. A total is the sum of the totals, reported or not, since a part may have no more than that.
fn sum(one: &Usage, other: &Usage) -> Usage {
    let of = |count: fn(&Usage) -> Option<u64>| sum_of(count(one), count(other), u64::saturating_add);
    Usage {
        input: of(|usage| usage.input),
        output: of(|usage| usage.output),
        total: of(Usage::total),
        cache_read: of(|usage| usage.cache_read),
        cache_write: of(|usage| usage.cache_write),
        reasoning: of(|usage| usage.reasoning),
        basis: None,
    }
}

fn sum_of<T>(one: Option<T>, other: Option<T>, add: impl Fn(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(add(one, other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cost, CostSource, Kind, SpanRecord, Trace, TraceId};

    const TRACE: TraceId = TraceId::from_bytes([1; 16]);

    fn id(number: u64) -> SpanId {
        SpanId::from_bytes(number.to_be_bytes())
    }

    /// A span with input tokens and cost in nano-USD.
    fn span(number: u64, parent: u64, kind: Kind, input: Option<u64>, cost: Option<i64>) -> Span {
        let mut record = SpanRecord::new(TRACE, id(number), "s", i64::try_from(number).unwrap());
        record.parent_span_id = (parent > 0).then(|| id(parent));
        let usage = input.map(|input| Usage { input: Some(input), ..Usage::default() });
        let cost = cost.map(|nano_usd| Cost { nano_usd, source: CostSource::Provider, price_version: None });
        Span { kind, usage, cost, ..Span::as_recorded(&record) }
    }

    fn tree(spans: Vec<Span>) -> TraceTree {
        TraceTree::new(Trace::of_test(TRACE, id(1)), spans)
    }

    /// Computed input tokens and cost below a span.
    fn computed(tree: &TraceTree, number: u64) -> (Option<u64>, Option<i64>) {
        let computed = tree.rollup(id(number)).unwrap().computed;
        (computed.usage.input, computed.cost_nano_usd)
    }

    #[test]
    fn each_call_counts_once_and_runs_only_where_nothing_below_reports() {
        let tree = tree(vec![
            span(1, 0, Kind::Team, Some(99), None),
            span(2, 1, Kind::Agent, Some(50), None),
            // One call that two instrumentations record, and another one inside a tool that is inside a call.
            span(3, 2, Kind::Model, Some(10), None),
            span(4, 3, Kind::Model, Some(10), None),
            span(5, 4, Kind::Tool, None, None),
            span(6, 5, Kind::Model, Some(7), None),
            // An agent whose calls say nothing.
            span(7, 1, Kind::Agent, Some(5), None),
            span(8, 7, Kind::Model, None, None),
        ]);
        assert_eq!(computed(&tree, 2).0, Some(17));
        assert_eq!(computed(&tree, 3).0, Some(17), "below the call: the same call, and the one in its tool");
        assert_eq!(computed(&tree, 7).0, None);
        assert_eq!(computed(&tree, 1).0, Some(22));
        assert_eq!(tree.rollup(id(1)).unwrap().reported.usage.input, Some(99));
        assert!(tree.rollup(id(1)).unwrap().differs() && !tree.rollup(id(7)).unwrap().differs());
        assert_eq!(tree.rollup(id(9)), None);
    }

    #[test]
    fn tokens_and_cost_count_each_by_themselves() {
        let tree = tree(vec![
            span(1, 0, Kind::Workflow, None, None),
            // The run alone knows its cost, its calls alone their tokens.
            span(2, 1, Kind::Agent, None, Some(3_000)),
            span(3, 2, Kind::Model, Some(10), None),
            // The outer span of a call knows the cost, the inner one the tokens.
            span(4, 1, Kind::Model, None, Some(4_000)),
            span(5, 4, Kind::Model, Some(20), None),
            span(6, 1, Kind::Tool, None, Some(500)),
        ]);
        assert_eq!(computed(&tree, 1), (Some(30), Some(7_500)));
        assert_eq!(computed(&tree, 2), (Some(10), None));
        assert!(!tree.rollup(id(2)).unwrap().differs(), "one side alone is no contradiction");
    }

    #[test]
    fn rounding_is_no_difference_and_sums_have_an_end() {
        let reports = |cost| {
            let calls = (2..12).map(|n| span(n, 1, Kind::Model, Some(u64::MAX), Some(i64::MAX / 9)));
            let tree = tree(calls.chain([span(1, 0, Kind::Agent, Some(u64::MAX), Some(cost))]).collect());
            tree.rollup(id(1)).unwrap()
        };
        assert_eq!(reports(0).computed.cost_nano_usd, Some(i64::MAX));
        assert!(!reports(0).usage_differs());
        assert!(!reports(i64::MAX - 999).cost_differs() && reports(i64::MAX - 1_000).cost_differs());
    }

    #[test]
    fn a_foreign_tree_with_a_loop_and_a_deep_one_are_summed_up() {
        let mut looped = tree(vec![span(1, 0, Kind::Agent, None, None), span(2, 1, Kind::Model, Some(3), None)]);
        looped.children[1] = vec![0, 7];
        assert_eq!(computed(&looped, 1).0, Some(3));
        let depth = 100_000;
        let deep = tree((1..=depth).map(|n| span(n, n - 1, Kind::Tool, (n == depth).then_some(3), None)).collect());
        assert_eq!(computed(&deep, 1).0, Some(3));
    }
}
