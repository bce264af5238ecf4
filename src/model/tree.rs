//! Joining a trace's spans to a tree.

use std::collections::HashMap;

use super::{Span, SpanId, Trace, TraceTree};

impl TraceTree {
    /// The tree of a trace's spans, given in any order.
    ///
    /// A span whose parent is not among them is a root and an orphan. Where spans are each other's ancestors, the earliest of them is made
    /// a root, so that each span stands in the tree exactly once.
    #[must_use]
    pub fn new(trace: Trace, mut spans: Vec<Span>) -> Self {
        spans.sort_by_key(|span| (span.start_ns, span.span_id));
        let mut places: HashMap<SpanId, usize> = HashMap::with_capacity(spans.len());
        for (place, span) in spans.iter().enumerate() {
            places.entry(span.span_id).or_insert(place);
        }
        let mut parents: Vec<Option<usize>> = Vec::with_capacity(spans.len());
        let mut orphans = Vec::new();
        for (place, span) in spans.iter().enumerate() {
            let parent = span.stands_under().filter(|parent| *parent != span.span_id);
            let stored = parent.and_then(|parent| places.get(&parent).copied());
            if parent.is_some() && stored.is_none() {
                orphans.push(place);
            }
            parents.push(stored);
        }
        cut_cycles(&mut parents);
        let mut children = vec![Vec::new(); spans.len()];
        let mut roots = Vec::new();
        for (place, parent) in parents.iter().enumerate() {
            match parent.and_then(|parent| children.get_mut(parent)) {
                Some(siblings) => siblings.push(place),
                None => roots.push(place),
            }
        }
        Self { trace, spans, children, roots, orphans }
    }
}

/// Takes the parent from the first place of each cycle.
fn cut_cycles(parents: &mut [Option<usize>]) {
    /// The walk that came by a place; 0 is none.
    type Walk = usize;
    let mut walks: Vec<Walk> = vec![0; parents.len()];
    for start in 0..parents.len() {
        let walk = start + 1;
        let mut next = Some(start);
        // Each place is passed once over all walks: a walk ends where any went before.
        while let Some(place) = next {
            match walks.get_mut(place) {
                Some(seen) if *seen == 0 => {
                    *seen = walk;
                    next = parents.get(place).copied().flatten();
                }
                Some(seen) if *seen == walk => {
                    cut(parents, place);
                    break;
                }
                _ => break,
            }
        }
    }
}

/// Cuts the cycle that `member` is on, at its first place.
fn cut(parents: &mut [Option<usize>], member: usize) {
    let mut first = member;
    let mut next = parents.get(member).copied().flatten();
    while let Some(place) = next.filter(|place| *place != member) {
        first = first.min(place);
        next = parents.get(place).copied().flatten();
    }
    if let Some(parent) = parents.get_mut(first) {
        *parent = None;
    }
}
