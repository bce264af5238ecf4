//! The layer without its type parameter: what all callbacks, `SpanExt` and the worker share.

use std::sync::Arc;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Span};

use super::buffers::List;
use super::shared::{Shared, with_scratch};
use super::slot::Slot;
use super::table::Table;
use super::trace::Trace;
use super::visit::{FieldVisitor, LateVisitor};
use crate::model::{SpanRecord, SpanState};
use crate::pipeline::{Inlet, LiveSpans, PendingSpan};

/// Where closed spans go.
pub(super) trait Outlet: Send + Sync {
    /// Takes a span over, or counts it as refused.
    fn accept(&self, span: Arc<dyn PendingSpan>);
}

impl Outlet for Inlet {
    fn accept(&self, span: Arc<dyn PendingSpan>) {
        // A refusal is counted where it happens; there is nobody here to tell.
        let _ = self.accept_pending(span);
    }
}

/// Open spans, and the way out for those that close.
///
/// It has no type parameter, so that a [`Span`], which knows nothing of its subscriber's type, can ask its `Dispatch` for it.
pub(super) struct LayerState {
    pub(super) shared: Arc<Shared>,
    pub(super) table: Table,
    outlet: Box<dyn Outlet>,
}

impl LayerState {
    pub(super) fn new(outlet: Box<dyn Outlet>, shared: Shared) -> Self {
        Self { shared: Arc::new(shared), table: Table::default(), outlet }
    }

    /// Starts the span `id`, as a child of `parent` or as the root of a new trace.
    pub(super) fn open(&self, id: &Id, attributes: &Attributes<'_>, parent: Option<Arc<Slot>>) {
        let trace = match &parent {
            Some(parent) => Arc::clone(&parent.trace),
            None => Arc::new(Trace::start(Arc::clone(&self.shared))),
        };
        // Before the fields: formatting them is the span's time, not its parent's.
        let start = trace.now();
        let mut buffers = self.shared.take_buffers();
        attributes.record(&mut FieldVisitor::new(&mut buffers, &self.shared.limits, List::Span));
        let slot = Slot::start(attributes.metadata(), trace, parent, start, buffers);
        self.table.insert(id, Arc::new(slot));
    }

    /// Appends fields that are recorded on a running span.
    pub(super) fn record(&self, slot: &Slot, values: &Record<'_>) {
        values.record(&mut LateVisitor { slot, limits: &self.shared.limits });
    }

    /// Appends an event. It is built aside and appended in one step, so that threads inside one span do not mix their events.
    pub(super) fn event(&self, slot: &Slot, event: &Event<'_>) {
        let limits = &self.shared.limits;
        let time = slot.trace.now();
        with_scratch(|scratch| {
            let mut visitor = FieldVisitor::new(scratch, limits, List::Event);
            event.record(&mut visitor);
            let name = visitor.into_message();
            let metadata: &'static Metadata<'static> = event.metadata();
            scratch.push_event(Some(metadata), name, time);
            slot.write(|buffers| buffers.append(limits, scratch));
        });
    }

    /// Records that `slot` follows from the span `follows`, when its ids are still known.
    pub(super) fn follow(&self, slot: &Slot, follows: &Id) {
        if let Some((trace_id, span_id)) = self.table.ids(follows) {
            slot.write(|buffers| buffers.push_link(&self.shared.limits, trace_id, span_id));
        }
    }

    /// The subscriber will know the span `old` as `new` too. (Registries never do that; the interface allows it.)
    pub(super) fn add_id(&self, old: &Id, new: &Id) {
        if let Some(slot) = self.table.get(old) {
            slot.add_alias();
            self.table.insert(new, slot);
        }
    }

    /// Ends the span of that id and hands it over. Answers nothing when it has other ids still.
    pub(super) fn close(&self, id: &Id) -> Option<Arc<Slot>> {
        let slot = self.table.remove(id)?;
        if !slot.drop_alias() {
            return None;
        }
        slot.close();
        self.outlet.accept(Arc::clone(&slot) as Arc<dyn PendingSpan>);
        Some(slot)
    }

    /// Runs `use_it` with this layer's side of `span`, when the span is enabled and a layer of ours records it.
    pub(super) fn of<T>(span: &Span, use_it: impl FnOnce(&Self, &Slot) -> T) -> Option<T> {
        span.with_subscriber(|(id, dispatch)| {
            let state = dispatch.downcast_ref::<Self>()?;
            let slot = state.table.get(id)?;
            Some(use_it(state, &slot))
        })?
    }
}

impl LiveSpans for LayerState {
    fn snapshot(&self) -> Vec<SpanRecord> {
        let mut records: Vec<SpanRecord> = self
            .table
            .open()
            .iter()
            .map(|slot| slot.record())
            // One that closed in the meantime goes its regular way.
            .filter(|record| record.state == SpanState::Open)
            .collect();
        records.sort_by_key(|record| record.start_ns);
        records
    }
}
