//! Which spans' tokens and costs count: the part of a trace's tree that a batch touches, with its counters.
//!
//! A model call's tokens count unless a model call inside the same call reports tokens too (frameworks and SDKs nest up to four spans
//! for one call). Any other span's are its own sum over what happened below it, and count only when nothing below reports any. The same
//! holds for costs, apart from tokens: a run may report what its calls cost, which report tokens only. Each row carries how many
//! reporting spans are stored below it, so that a batch changes only its own rows and their ancestors.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Add, Neg};

use super::lineage;
use crate::model::{Kind, SpanState};
use crate::store::rows::SpanRow;

/// A span's id as the rows hold it.
pub(super) type SpanKey = Vec<u8>;

/// A span of the touched part.
pub(super) struct Node {
    /// As it is now.
    pub(super) row: SpanRow,
    /// As the database has it.
    pub(super) stored: Option<SpanRow>,
}

/// The touched part of one trace's tree.
#[derive(Default)]
pub(super) struct Graph {
    nodes: BTreeMap<SpanKey, Node>,
    children: BTreeMap<SpanKey, BTreeSet<SpanKey>>,
    /// Whether parents lead in a circle: then only a recompute over the whole trace is right.
    pub(super) is_cyclic: bool,
}

/// What a span adds to the counters of its parent: spans that report tokens, and among them model calls of the same call; the same for
/// costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Above {
    usages: i64,
    calls: i64,
    costs: i64,
    cost_calls: i64,
}

impl Above {
    fn of(row: &SpanRow) -> Self {
        let (kind, below) = (kind(row), Self::below(row).beyond(row));
        let (usages, costs) = (i64::from(reports_tokens(row)), i64::from(row.cost_nano_usd.is_some()));
        let is_call = i64::from(kind.is_model_call());
        below + Self { usages, calls: is_call * usages, costs, cost_calls: is_call * costs }
    }

    /// What stands below a row, by its counters.
    const fn below(row: &SpanRow) -> Self {
        Self {
            usages: row.usage_below,
            calls: row.calls_below,
            costs: row.costs_below,
            cost_calls: row.cost_calls_below,
        }
    }

    /// What of this is still of the same call above `row`.
    fn beyond(self, row: &SpanRow) -> Self {
        if kind(row).separates_calls() { Self { calls: 0, cost_calls: 0, ..self } } else { self }
    }

    /// Makes these the counters of a row, and what follows from them.
    fn put(self, row: &mut SpanRow) {
        row.usage_below = self.usages;
        row.calls_below = self.calls;
        row.costs_below = self.costs;
        row.cost_calls_below = self.cost_calls;
        let is_call = kind(row).is_model_call();
        row.usage_counted = reports_tokens(row) && if is_call { self.calls == 0 } else { self.usages == 0 };
        row.cost_counted = row.cost_nano_usd.is_some() && if is_call { self.cost_calls == 0 } else { self.costs == 0 };
    }
}

impl Add for Above {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            usages: self.usages + more.usages,
            calls: self.calls + more.calls,
            costs: self.costs + more.costs,
            cost_calls: self.cost_calls + more.cost_calls,
        }
    }
}

impl Neg for Above {
    type Output = Self;

    fn neg(self) -> Self {
        Self { usages: -self.usages, calls: -self.calls, costs: -self.costs, cost_calls: -self.cost_calls }
    }
}

/// Whether the span reports tokens.
pub(super) const fn reports_tokens(row: &SpanRow) -> bool {
    row.total_tokens.is_some()
        || row.cache_read_tokens.is_some()
        || row.cache_write_tokens.is_some()
        || row.reasoning_tokens.is_some()
}

/// The kind of a row; a word of a newer version counts as no particular kind.
pub(super) fn kind(row: &SpanRow) -> Kind {
    row.kind.parse().unwrap_or(Kind::Span)
}

impl Graph {
    /// Adds a row as the database has it. Rows that are there already stay.
    pub(super) fn add_stored(&mut self, row: SpanRow) {
        if self.nodes.contains_key(&row.span_id) {
            return;
        }
        self.link(&row);
        self.nodes.insert(row.span_id.clone(), Node { stored: Some(row.clone()), row });
    }

    /// Gives a row that is here the cost that `priced` has.
    pub(super) fn take_cost(&mut self, priced: &SpanRow) {
        let Some(node) = self.nodes.get_mut(&priced.span_id) else { return };
        let before = Above::of(&node.row);
        node.row.take_cost(priced);
        Above::below(&node.row).put(&mut node.row);
        let (after, parent) = (Above::of(&node.row), node.row.parent_span_id.clone());
        self.propagate(&priced.span_id, parent, after + -before);
    }

    /// Says otherwise whether a span that is here is running or interrupted.
    pub(super) fn set_state(&mut self, span: &[u8], state: SpanState) {
        if let Some(node) = self.nodes.get_mut(span) {
            node.row.state = state.rank();
        }
    }

    pub(super) fn contains(&self, span: &[u8]) -> bool {
        self.nodes.contains_key(span)
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    pub(super) fn row(&self, span: &[u8]) -> Option<&SpanRow> {
        self.nodes.get(span).map(|node| &node.row)
    }

    pub(super) fn children_of(&self, span: &[u8]) -> impl Iterator<Item = &Node> {
        let children = self.children.get(span).into_iter().flatten();
        children.filter_map(|child| self.nodes.get(child))
    }

    /// The rows that differ from what the database has.
    pub(super) fn changed(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().filter(|node| node.stored.as_ref() != Some(&node.row))
    }

    /// Puts a span's new version in place, unless the version that is there outranks it; whether it did.
    pub(super) fn apply(&mut self, mut row: SpanRow) -> bool {
        let (before, below, old_parent) = match self.nodes.get_mut(&row.span_id) {
            Some(node) if !row.outranks(&node.row) => {
                node.row.stay_interrupted(&row);
                return false;
            }
            Some(node) => {
                row.stay_interrupted(&node.row);
                row.keep_cost_of(&node.row);
                (Above::of(&node.row), Above::below(&node.row), node.row.parent_span_id.clone())
            }
            None => (Above::default(), self.sum_of_children(&row.span_id), None),
        };
        below.put(&mut row);
        // A circle that the new version opens counted nothing of its own members so far.
        self.is_cyclic |= old_parent != row.parent_span_id && self.is_own_ancestor(&row.span_id);
        let (span, parent, after) = (row.span_id.clone(), row.parent_span_id.clone(), Above::of(&row));
        self.unlink(&span, old_parent.as_deref());
        self.link(&row);
        match self.nodes.get_mut(&span) {
            Some(node) => node.row = row,
            None => {
                self.nodes.insert(span.clone(), Node { row, stored: None });
            }
        }
        if old_parent == parent {
            self.propagate(&span, parent, after + -before);
        } else {
            self.propagate(&span, old_parent, -before);
            self.propagate(&span, parent, after);
        }
        self.is_cyclic |= self.is_own_ancestor(&span);
        true
    }

    /// Lets ids flow down from the spans of `changed`. Returns the stored spans whose ids are others now: their children, as far as
    /// they are not here, must be added and get theirs in turn.
    pub(super) fn resolve_ids(&mut self, changed: &BTreeSet<SpanKey>) -> Vec<SpanKey> {
        let mut other_ids = Vec::new();
        let mut ready: Vec<(SpanKey, bool)> = changed.iter().map(|span| (span.clone(), true)).collect();
        while let Some((span, is_start)) = ready.pop() {
            let parent = self.parent_of(&span).and_then(|parent| self.nodes.get(parent));
            let inherited = parent.map(|parent| lineage::passed_on(&parent.row)).unwrap_or_default();
            let Some(node) = self.nodes.get_mut(&span) else { continue };
            let mut differs = lineage::resolve(&mut node.row, &inherited);
            // A new version may lack what its older one passed on.
            differs |= is_start && node.stored.as_ref().is_none_or(|stored| !lineage::has_same_ids(&node.row, stored));
            if differs {
                ready.extend(self.children.get(&span).into_iter().flatten().map(|child| (child.clone(), false)));
                if node.stored.is_some() {
                    other_ids.push(span);
                }
            }
        }
        other_ids
    }

    fn is_own_ancestor(&self, span: &[u8]) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = self.parent_of(span);
        while let Some(key) = next {
            if key == span {
                return true;
            }
            // A circle further up is its own members' matter.
            if !seen.insert(key) {
                return false;
            }
            next = self.parent_of(key);
        }
        false
    }

    fn parent_of(&self, span: &[u8]) -> Option<&[u8]> {
        self.nodes.get(span).and_then(|node| node.row.parent_span_id.as_deref())
    }

    /// Carries a change of what `span` adds up to its ancestors.
    fn propagate(&mut self, span: &[u8], mut next: Option<SpanKey>, mut change: Above) {
        let mut seen = BTreeSet::from([span.to_vec()]);
        while let Some(key) = next {
            if change == Above::default() {
                return;
            }
            let Some(node) = self.nodes.get_mut(&key) else { return };
            if !seen.insert(key) {
                self.is_cyclic = true;
                return;
            }
            (Above::below(&node.row) + change).put(&mut node.row);
            change = change.beyond(&node.row);
            next = node.row.parent_span_id.clone();
        }
    }

    fn sum_of_children(&self, span: &[u8]) -> Above {
        self.children_of(span).fold(Above::default(), |sum, child| sum + Above::of(&child.row))
    }

    fn link(&mut self, row: &SpanRow) {
        if let Some(parent) = &row.parent_span_id {
            self.children.entry(parent.clone()).or_default().insert(row.span_id.clone());
        }
    }

    fn unlink(&mut self, span: &[u8], parent: Option<&[u8]>) {
        if let Some(children) = parent.and_then(|parent| self.children.get_mut(parent)) {
            children.remove(span);
        }
    }
}

/// Sets the counters of all spans of a trace from nothing but the tree: what the step-by-step changes must agree with.
///
/// Where parents lead in a circle, the spans of the circle count as roots.
pub(super) fn recount(rows: &mut [SpanRow]) {
    let index: BTreeMap<SpanKey, usize> =
        rows.iter().enumerate().map(|(place, row)| (row.span_id.clone(), place)).collect();
    let parents: Vec<Option<usize>> =
        rows.iter().map(|row| row.stands_under().and_then(|parent| index.get(parent).copied())).collect();
    let mut waiting = vec![0usize; rows.len()];
    for parent in parents.iter().flatten() {
        if let Some(count) = waiting.get_mut(*parent) {
            *count += 1;
        }
    }
    for row in rows.iter_mut() {
        Above::default().put(row);
    }
    // Leaves first. Spans of a circle, and only they, are never reached; what hangs below them has been added to them by then.
    let mut ready: Vec<usize> = waiting.iter().enumerate().filter(|(_, count)| **count == 0).map(|(i, _)| i).collect();
    while let Some(place) = ready.pop() {
        let Some(above) = rows.get(place).map(Above::of) else { continue };
        let Some(parent) = parents.get(place).copied().flatten() else { continue };
        if let (Some(row), Some(count)) = (rows.get_mut(parent), waiting.get_mut(parent)) {
            (Above::below(row) + above).put(row);
            *count -= 1;
            if *count == 0 {
                ready.push(parent);
            }
        }
    }
}
