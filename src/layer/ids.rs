//! A span's ids: its own from the start, unless they come from elsewhere.
//!
//! A companion gives ids late: an OpenTelemetry SDK makes them when the span is first entered, asked for or closed. And a remote parent that the
//! program names makes the span part of another trace, as long as nobody has seen its ids. For both there is one place, written once.

use std::sync::{Arc, OnceLock};

use super::slot::Slot;
use crate::model::{SpanId, TraceId, Traceparent};
use crate::pipeline::companion::{Bound, BoundIds};

pub(super) struct Ids {
    own: (TraceId, SpanId),
    /// What all spans below a remote parent pass on. Only without a companion, which knows it itself.
    carried: Option<Arc<Carried>>,
    /// Written once: by the companion, by who names a remote parent, or by the first who needs the ids.
    bound: OnceLock<Bound>,
    is_late: bool,
    /// The parent was named, and a filter keeps it from the layer.
    pub(super) hides_parent: bool,
}

/// What a trace brings with it from another process.
pub(super) struct Carried {
    pub(super) flags: u8,
    pub(super) trace_state: String,
}

impl Ids {
    /// New ids: in the parent's trace, or in the trace `new`.
    pub(super) fn new(new: TraceId, parent: Option<&Slot>, hides_parent: bool, is_late: bool) -> Self {
        let (mut trace_id, mut carried) = (new, None);
        if let Some(parent) = parent {
            let ids = &parent.ids;
            trace_id = ids.known().map_or(ids.own.0, |known| known.0);
            carried = match ids.bound.get() {
                Some(Bound::Ids(bound)) if !is_late => {
                    Some(Arc::new(Carried { flags: bound.flags, trace_state: bound.trace_state.clone() }))
                }
                _ => ids.carried.clone(),
            };
        }
        Self { own: (trace_id, SpanId::generate()), carried, bound: OnceLock::new(), is_late, hides_parent }
    }

    /// Those of no span.
    pub(super) const fn none() -> Self {
        let own = (TraceId::from_bytes([0; 16]), SpanId::from_bytes([0; 8]));
        Self { own, carried: None, bound: OnceLock::new(), is_late: false, hides_parent: false }
    }

    /// The ids, if they can be known now. From then on they do not change.
    pub(super) fn known(&self) -> Option<(TraceId, SpanId)> {
        match if self.is_late { self.bound.get()? } else { self.bound.get_or_init(|| Bound::Own) } {
            Bound::Own => Some(self.own),
            Bound::Ids(ids) => Some((ids.trace_id, ids.span_id)),
            Bound::Suppressed => None,
        }
    }

    /// The ids that the span was made with, for when no others come.
    pub(super) const fn own(&self) -> (TraceId, SpanId) {
        self.own
    }

    /// What the ids came to be, as far as that is decided.
    pub(super) fn bound(&self) -> Option<&Bound> {
        self.bound.get()
    }

    /// Gives the ids; answers whether they were free.
    pub(super) fn bind(&self, bound: Bound) -> bool {
        self.bound.set(bound).is_ok()
    }

    /// Continues the trace of another process; answers whether the ids were still free.
    pub(super) fn continue_trace(&self, parent: &Traceparent, trace_state: &str) -> bool {
        // A sampler decides whether the flags mean that the span is not wanted here; without one, all are.
        self.bind(Bound::Ids(Box::new(BoundIds {
            trace_id: parent.trace_id,
            span_id: self.own.1,
            parent: Some(parent.span_id),
            parent_is_remote: true,
            flags: parent.flags,
            trace_state: trace_state.to_owned(),
            is_sampled: true,
            beyond: None,
        })))
    }

    /// Whether the ids come from a companion.
    pub(super) const fn is_late(&self) -> bool {
        self.is_late
    }

    /// Whether the span is to be stored.
    pub(super) fn is_sampled(&self) -> bool {
        match self.bound.get() {
            Some(Bound::Ids(ids)) => ids.is_sampled,
            Some(Bound::Suppressed) => false,
            Some(Bound::Own) | None => true,
        }
    }

    /// What the trace brought with it.
    pub(super) fn carried(&self) -> Option<&Carried> {
        self.carried.as_deref()
    }

    /// W3C's flags, for who continues the trace.
    pub(super) fn flags(&self) -> u8 {
        match self.bound.get() {
            Some(Bound::Ids(ids)) => ids.flags,
            _ => self.carried.as_ref().map_or(1, |carried| carried.flags),
        }
    }
}
