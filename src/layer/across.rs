//! What spans hand to other processes, and have from them.

use std::sync::Arc;

use tracing::Span;

use super::slot::Slot;
use super::state::LayerState;
use crate::model::{Identity, Traceparent};
use crate::pipeline::companion::Bound;
use crate::semconv::identity_of;

/// What a span hands to a process that works for it.
pub(crate) struct Outgoing {
    pub(crate) traceparent: Traceparent,
    pub(crate) trace_state: String,
    /// Of the ids that the span has, those that may travel, by the allowed keys.
    pub(crate) ids: Vec<(String, Arc<str>)>,
}

/// What `span` hands over; nothing where no layer records it. Its ids are fixed from then on.
pub(crate) fn outgoing(span: &Span) -> Option<Outgoing> {
    let (trace_id, span_id, flags) = LayerState::ids_of(span)?;
    let slot = LayerState::slot_of(span)?;
    let identity = slot.identity();
    let known = |key: &String| {
        let (field, _) = identity_of(key)?;
        Some((key.clone(), Arc::from(identity.get(field)?)))
    };
    Some(Outgoing {
        traceparent: Traceparent { trace_id, span_id, flags },
        trace_state: slot.trace_state(),
        ids: slot.trace.shared.baggage_keys.iter().filter_map(known).collect(),
    })
}

/// Gives `span` ids that came with it: `ids` picks those under the allowed keys. They count where neither it nor an ancestor names others.
pub(crate) fn surround(span: &Span, ids: impl Fn(&[String]) -> Identity) {
    LayerState::each(span, (), |state, slot, ()| {
        let ids = ids(&state.shared.baggage_keys);
        if !ids.is_empty() {
            slot.surround(ids);
        }
    });
}

impl Slot {
    fn trace_state(&self) -> String {
        match self.ids.bound() {
            Some(Bound::Ids(ids)) => ids.trace_state.clone(),
            _ => self.ids.carried().map(|carried| carried.trace_state.clone()).unwrap_or_default(),
        }
    }

    /// The ids and names that the span has, its own before those of its ancestors.
    fn identity(&self) -> Identity {
        let inherited = self.inherited();
        let mut identity = self.lock().buffers.own_ids(self.ids_as_of());
        identity.inherit(&inherited);
        identity
    }

    /// Adds to what surrounds the span.
    fn surround(&self, ids: Identity) {
        self.lock().lineage.surround(self.trace.ids_changed(), ids);
    }
}
