//! A span's ids: its own from the start, unless they come from elsewhere.
//!
//! A companion gives ids late: an OpenTelemetry SDK makes them when the span is first entered, asked for or closed. And a remote parent that the
//! program names makes the span part of another trace, as long as nobody has seen its ids. For both there is one place, written once.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use super::slot::Slot;
use crate::model::{SpanId, TraceId, Traceparent};
use crate::pipeline::companion::{Bound, BoundIds};

pub(super) struct Ids {
    own: (TraceId, SpanId),
    /// What all spans below a remote parent pass on. Only without a companion, which knows it itself.
    carried: Option<Arc<Carried>>,
    /// What became of the ids: decided once, by the companion, by who names a remote parent, or by the first who needs them.
    decision: AtomicU8,
    /// Where the ids come from elsewhere.
    bound: OnceLock<Bound>,
    is_late: bool,
    /// The parent was named, and a filter keeps it from the layer.
    pub(super) hides_parent: bool,
}

/// Nobody has asked for the ids yet, and nobody has given others.
const FREE: u8 = 0;
/// They are the span's own.
const OWN: u8 = 1;
/// They are bound, now or in the next moment.
const BOUND: u8 = 2;

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
        Self {
            own: (trace_id, SpanId::generate()),
            carried,
            decision: AtomicU8::new(FREE),
            bound: OnceLock::new(),
            is_late,
            hides_parent,
        }
    }

    /// Those of no span.
    pub(super) const fn none() -> Self {
        let own = (TraceId::from_bytes([0; 16]), SpanId::from_bytes([0; 8]));
        Self {
            own,
            carried: None,
            decision: AtomicU8::new(FREE),
            bound: OnceLock::new(),
            is_late: false,
            hides_parent: false,
        }
    }

    /// The ids, if they can be known now. From then on they do not change.
    pub(super) fn known(&self) -> Option<(TraceId, SpanId)> {
        if self.is_late {
            return self.told(self.bound.get()?);
        }
        match self.decision.load(Ordering::Acquire) {
            OWN => Some(self.own),
            FREE if self.decide(OWN) => Some(self.own),
            // Who has lost may have lost to the same decision.
            _ if self.decision.load(Ordering::Acquire) == OWN => Some(self.own),
            _ => self.told(self.bound.wait()),
        }
    }

    /// Decides what the ids are; answers whether that was still free.
    fn decide(&self, decision: u8) -> bool {
        self.decision.compare_exchange(FREE, decision, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn told(&self, bound: &Bound) -> Option<(TraceId, SpanId)> {
        match bound {
            Bound::Own => Some(self.own),
            Bound::Ids(ids) => Some((ids.trace_id, ids.span_id)),
            Bound::Suppressed => None,
        }
    }

    /// The ids that the span was made with, for when no others come.
    pub(super) const fn own(&self) -> (TraceId, SpanId) {
        self.own
    }

    /// Where the ids come from elsewhere: what they are.
    pub(super) fn bound(&self) -> Option<&Bound> {
        self.bound.get()
    }

    /// Gives the ids; answers whether they were free.
    pub(super) fn bind(&self, bound: Bound) -> bool {
        self.decide(BOUND) && self.bound.set(bound).is_ok()
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
