//! The layer without its type parameter: what all callbacks, `SpanExt` and the worker share.

use std::cell::Cell;
use std::sync::Arc;

use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Span};

use super::boundaries::Boundaries;
use super::buffers::List;
use super::shared::{Shared, with_scratch};
use super::slot::Slot;
use super::table::Table;
use super::trace::Trace;
use super::visit::{FieldVisitor, LateVisitor};
use super::watch::Watch;
use crate::model::{SpanRecord, SpanState};
use crate::pipeline::{HiddenContent, Inlet, LiveSpans, PendingSpan};

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
    boundaries: Boundaries,
    pub(super) watch: Watch,
    outlet: Box<dyn Outlet>,
}

impl LayerState {
    pub(super) fn new(outlet: Box<dyn Outlet>, shared: Shared) -> Self {
        let (table, boundaries, watch) = Default::default();
        Self { shared: Arc::new(shared), table, boundaries, watch, outlet }
    }

    /// Learns what is to be known of a callsite before it is used. `tracing` tells of each once, and again when its filters change.
    pub(super) fn learn(&self, metadata: &'static Metadata<'static>) {
        if metadata.is_span() && self.shared.profiles.is_boundary(metadata.target(), metadata.name()) {
            self.boundaries.add(metadata);
        }
        if self.shared.filter.as_ref().is_some_and(|filter| filter.wants_content(metadata)) {
            self.watch.add(metadata);
        }
    }

    /// Starts the span `id`, as a child of `parent` or as the root of a new trace: without a parent, and where a boundary is between
    /// them.
    pub(super) fn open(&self, id: &Id, attributes: &Attributes<'_>, parent: Option<Arc<Slot>>) {
        let trace = match &parent {
            Some(parent) if self.boundaries.part(parent.metadata, attributes.metadata()) => {
                Arc::new(Trace::start_below(&parent.trace))
            }
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

    /// The span's slot in the first layer, from the outermost inwards, that records it.
    pub(super) fn slot_of(span: &Span) -> Option<Arc<Slot>> {
        span.with_subscriber(|(id, dispatch)| Self::all(dispatch).find_map(|state| state.table.get(id)))?
    }

    /// Hands `what` to each layer that records `span`.
    pub(super) fn each<T: Clone>(span: &Span, what: T, mut use_it: impl FnMut(&Self, &Slot, T)) {
        span.with_subscriber(|(id, dispatch)| {
            let mut layers = Self::all(dispatch).filter_map(|state| Some((state, state.table.get(id)?))).peekable();
            let mut what = Some(what);
            while let Some((state, slot)) = layers.next() {
                // Usually there is one layer, and no copy.
                if let Some(what) = if layers.peek().is_some() { what.clone() } else { what.take() } {
                    use_it(state, &slot, what);
                }
            }
        });
    }

    /// Whether a look-up on this thread is for this layer, and not for one further inside.
    pub(super) fn is_sought() -> bool {
        match PASSED_OVER.get().checked_sub(1) {
            Some(rest) => {
                PASSED_OVER.set(rest);
                false
            }
            None => true,
        }
    }

    /// The layers of a subscriber, from the outermost inwards. `Dispatch` only ever finds the first of a type.
    fn all(dispatch: &Dispatch) -> impl Iterator<Item = &Self> {
        (0..MAX_LAYERS).map_while(|place| {
            PASSED_OVER.set(place);
            let found = dispatch.downcast_ref::<Self>();
            PASSED_OVER.set(0);
            found
        })
    }
}

/// As many layers of one subscriber are looked for.
const MAX_LAYERS: usize = 16;

thread_local! {
    /// How many layers the look-up that is under way passes over.
    static PASSED_OVER: Cell<usize> = const { Cell::new(0) };
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

    fn hidden_content(&self) -> Vec<HiddenContent> {
        let Some(filter) = &self.shared.filter else { return Vec::new() };
        self.watch.look(filter, Watch::most_verbose(), || {
            let mut recorded = self.shared.frameworks();
            let open = self.table.open();
            recorded.extend(open.iter().map(|slot| slot.metadata).filter(|metadata| self.shared.is_told_of(metadata)));
            recorded
        })
    }
}
