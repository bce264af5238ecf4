//! Leaving out spans by what they stand for.

use super::memory::Memory;
use crate::model::{Kind, Span, SpanId, TraceId};

/// Leaves out spans of some kinds, but none that a kept span stands below: without it the tree would fall apart. Children end before their
/// parents, so it is known when the parent comes; a parent that comes before its children is left out.
#[derive(Debug)]
pub(super) struct WithoutKinds {
    kinds: Vec<Kind>,
    /// Spans that a kept span stands below.
    needed: Memory<(TraceId, SpanId), ()>,
}

impl WithoutKinds {
    pub(super) fn new(kinds: Vec<Kind>) -> Self {
        Self { kinds, needed: Memory::default() }
    }

    /// Whether a span that ended is left out.
    pub(super) fn leaves_out(&mut self, span: &Span) -> bool {
        if self.kinds.contains(&span.kind) && self.needed.get(&(span.trace_id, span.span_id)).is_none() {
            return true;
        }
        if let Some(parent) = span.parent_span_id {
            self.needed.add((span.trace_id, parent), ());
        }
        false
    }
}
