//! Which spans' tokens count: the part of a trace's tree that a batch touches, with its counters.
//!
//! A model call's usage counts unless a model call inside the same call reports usage too (frameworks and SDKs nest up to four spans
//! for one call). Any other span's usage is its own sum over what happened below it, and counts only when nothing below reports any.
//! Each row carries how many reporting spans are stored below it, so that a batch changes only its own rows and their ancestors.

use std::collections::{BTreeMap, BTreeSet};

use super::lineage;
use crate::model::Kind;
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

/// What a span adds to the counters of its parent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Above {
    usage: i64,
    calls: i64,
}

/// Whether the span reports tokens or cost.
pub(super) fn reports(row: &SpanRow) -> bool {
    row.total_tokens.is_some()
        || row.cache_read_tokens.is_some()
        || row.cache_write_tokens.is_some()
        || row.reasoning_tokens.is_some()
        || row.cost_nano_usd.is_some()
}

/// The kind of a row; a word of a newer version counts as no particular kind.
pub(super) fn kind(row: &SpanRow) -> Kind {
    row.kind.parse().unwrap_or(Kind::Span)
}

/// Whether the span's tokens and cost count in the trace's totals.
pub(super) fn counts(row: &SpanRow) -> bool {
    reports(row) && if kind(row).is_model_call() { row.calls_below == 0 } else { row.usage_below == 0 }
}

fn above(row: &SpanRow) -> Above {
    let kind = kind(row);
    let reports = i64::from(reports(row));
    Above {
        usage: row.usage_below + reports,
        calls: if kind.separates_calls() { 0 } else { row.calls_below }
            + if kind.is_model_call() { reports } else { 0 },
    }
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

    /// Adds a row of a model call that reports usage, and what it becomes by another computed cost. No counter stands on that: the call
    /// reports with and without one.
    pub(super) fn add_repriced(&mut self, stored: SpanRow, row: SpanRow) {
        self.nodes.insert(row.span_id.clone(), Node { stored: Some(stored), row });
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
        let (before, old_parent) = match self.nodes.get(&row.span_id) {
            Some(node) if row.version() <= node.row.version() => return false,
            Some(node) => {
                row.usage_below = node.row.usage_below;
                row.calls_below = node.row.calls_below;
                row.keep_cost_of(&node.row);
                (above(&node.row), node.row.parent_span_id.clone())
            }
            None => {
                let below = self.sum_of_children(&row.span_id);
                row.usage_below = below.usage;
                row.calls_below = below.calls;
                (Above::default(), None)
            }
        };
        row.usage_counted = counts(&row);
        // A circle that the new version opens counted nothing of its own members so far.
        self.is_cyclic |= old_parent != row.parent_span_id && self.is_own_ancestor(&row.span_id);
        let (span, parent, after) = (row.span_id.clone(), row.parent_span_id.clone(), above(&row));
        self.unlink(&span, old_parent.as_deref());
        self.link(&row);
        match self.nodes.get_mut(&span) {
            Some(node) => node.row = row,
            None => {
                self.nodes.insert(span.clone(), Node { row, stored: None });
            }
        }
        if old_parent == parent {
            self.propagate(&span, parent, after.usage - before.usage, after.calls - before.calls);
        } else {
            self.propagate(&span, old_parent, -before.usage, -before.calls);
            self.propagate(&span, parent, after.usage, after.calls);
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

    /// Carries a change of `span`'s counters up to its ancestors.
    fn propagate(&mut self, span: &[u8], mut next: Option<SpanKey>, usage: i64, mut calls: i64) {
        let mut seen = BTreeSet::from([span.to_vec()]);
        while let Some(key) = next {
            if usage == 0 && calls == 0 {
                return;
            }
            let Some(node) = self.nodes.get_mut(&key) else { return };
            if !seen.insert(key) {
                self.is_cyclic = true;
                return;
            }
            node.row.usage_below += usage;
            node.row.calls_below += calls;
            node.row.usage_counted = counts(&node.row);
            if kind(&node.row).separates_calls() {
                calls = 0;
            }
            next = node.row.parent_span_id.clone();
        }
    }

    fn sum_of_children(&self, span: &[u8]) -> Above {
        self.children_of(span).fold(Above::default(), |sum, child| {
            let above = above(&child.row);
            Above { usage: sum.usage + above.usage, calls: sum.calls + above.calls }
        })
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
        row.usage_below = 0;
        row.calls_below = 0;
    }
    // Leaves first. Spans of a circle, and only they, are never reached; what hangs below them has been added to them by then.
    let mut ready: Vec<usize> = waiting.iter().enumerate().filter(|(_, count)| **count == 0).map(|(i, _)| i).collect();
    while let Some(place) = ready.pop() {
        let Some(above) = rows.get(place).map(above) else { continue };
        let Some(parent) = parents.get(place).copied().flatten() else { continue };
        if let (Some(row), Some(count)) = (rows.get_mut(parent), waiting.get_mut(parent)) {
            row.usage_below += above.usage;
            row.calls_below += above.calls;
            *count -= 1;
            if *count == 0 {
                ready.push(parent);
            }
        }
    }
    for row in rows {
        row.usage_counted = counts(row);
    }
}
