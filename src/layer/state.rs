//! The layer without its type parameter: what all callbacks, `SpanExt` and the worker share.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Span};

use super::boundaries::Boundaries;
use super::buffers::{Buffers, List};
use super::declared::Declared;
use super::ids::Ids;
use super::shared::{Shared, with_scratch};
use super::slot::Slot;
use super::spares::Spares;
use super::table::Table;
use super::trace::Trace;
use super::visit::{FieldVisitor, LateVisitor};
use super::watch::Watch;
use crate::model::{Link, SpanId, TraceId, Traceparent};
use crate::pipeline::companion;
use crate::pipeline::{HiddenContent, Inlet, LiveSpans, OpenSpan, PendingSpan};

/// Where closed spans go.
pub(super) trait Outlet: Send + Sync {
    /// Takes a span over, or counts it as refused.
    fn accept(&self, span: Arc<dyn PendingSpan>);

    /// Counts a span that a sampler left out.
    fn sampled_out(&self) {}
}

impl Outlet for Inlet {
    fn accept(&self, span: Arc<dyn PendingSpan>) {
        // A refusal is counted where it happens; there is nobody here to tell.
        let _ = self.accept_pending(span);
    }

    fn sampled_out(&self) {
        self.sampled_out();
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
            Some(parent) if self.boundaries.part(parent.declared.metadata, attributes.metadata()) => {
                Arc::new(Trace::start_below(&parent.trace))
            }
            Some(parent) => Arc::clone(&parent.trace),
            None => Arc::new(Trace::start(Arc::clone(&self.shared))),
        };
        // Before the fields: formatting them is the span's time, not its parent's.
        let start = trace.now();
        let declared = Declared::of(attributes.metadata());
        let spare = self.shared.spares.as_ref().and_then(Spares::take);
        let mut slot = spare.unwrap_or_else(|| Arc::new(Slot::new(declared, Arc::clone(&trace))));
        // Nobody else has it.
        if let Some(slot) = Arc::get_mut(&mut slot) {
            attributes.record(&mut FieldVisitor::new(slot.buffers(declared), &self.shared.limits, List::Span));
            let in_trace = parent.as_deref().filter(|parent| Arc::ptr_eq(&parent.trace, &trace));
            let is_late = self.shared.companion.is_some();
            let hides_parent = is_late && attributes.parent().is_some_and(|named| self.table.get(named).is_none());
            slot.ids = Ids::new(trace.id, in_trace, hides_parent, is_late);
            slot.start(trace, parent, start);
        }
        self.table.insert(id, slot);
    }

    /// Appends fields that are recorded on a running span.
    pub(super) fn record(&self, slot: &Slot, values: &Record<'_>) {
        let is_beside = self.shared.companion.is_some() && companion::is_outside();
        values.record(&mut LateVisitor { slot, limits: &self.shared.limits, is_beside });
    }

    /// Appends an event. It is built aside and appended in one step, so that threads inside one span do not mix their events.
    pub(super) fn event(&self, slot: &Slot, event: &Event<'_>) {
        let limits = &self.shared.limits;
        let time = slot.trace.now_signed();
        with_scratch(|scratch| {
            let metadata: &'static Metadata<'static> = event.metadata();
            scratch.declare(Declared::of(metadata));
            event.record(&mut FieldVisitor::new(scratch, limits, List::Event));
            scratch.push_event(Some(metadata), time);
            slot.write(|buffers| buffers.append_event(limits, scratch));
        });
    }

    /// Records that `slot` follows from the span `follows`, when its ids are still known.
    pub(super) fn follow(&self, slot: &Slot, follows: &Id, is_beside: bool) {
        let Some((trace_id, span_id)) = self.table.ids(follows) else { return };
        let push = |buffers: &mut Buffers| buffers.push_link(&self.shared.limits, Link::new(trace_id, span_id));
        if is_beside { slot.write_beside(push) } else { slot.write(push) }
    }

    /// The subscriber will know the span `old` as `new` too. (Registries never do that; the interface allows it.)
    pub(super) fn add_id(&self, old: &Id, new: &Id) {
        if let Some(slot) = self.table.get(old) {
            slot.add_alias();
            self.table.insert(new, slot);
        }
    }

    /// Ends the span of that id, which stays in the table. Answers nothing when it has other ids still.
    pub(super) fn close(&self, id: &Id) -> Option<Arc<Slot>> {
        let slot = self.table.get(id)?;
        if !slot.drop_alias() {
            self.table.remove(id);
            return None;
        }
        slot.close();
        Some(slot)
    }

    /// The same for one that nobody has to find there any more.
    pub(super) fn close_at_once(&self, id: &Id) -> Option<Arc<Slot>> {
        let slot = self.table.remove(id)?;
        if !slot.drop_alias() {
            return None;
        }
        slot.close();
        Some(slot)
    }

    /// Hands over a span that has ended, and is not in the table.
    pub(super) fn hand_over(&self, slot: Arc<Slot>) {
        if slot.ids.is_sampled() {
            self.outlet.accept(slot as Arc<dyn PendingSpan>);
        } else {
            self.outlet.sampled_out();
        }
    }

    /// The ids of an open span, and its flags: if they are still to come, it gets them now.
    pub(super) fn settled_ids(&self, slot: &Slot, id: &Id, dispatch: &Dispatch) -> Option<(TraceId, SpanId, u8)> {
        if let (None, Some(companion)) = (slot.ids.bound(), self.shared.companion)
            && !companion::is_outside()
        {
            companion.settle(id, dispatch);
        }
        let (trace_id, span_id) = slot.ids.known()?;
        Some((trace_id, span_id, slot.ids.flags()))
    }

    /// Makes the span continue another process's trace in all layers that record it; answers whether it was still possible in each.
    pub(super) fn continue_trace(span: &Span, parent: &Traceparent, trace_state: &str) -> bool {
        let mut is_done = true;
        let mut asked = false;
        Self::each(span, (), |state, slot, ()| {
            is_done &= match state.shared.companion {
                Some(_) if std::mem::replace(&mut asked, true) => true,
                Some(companion) => !companion::is_outside() && companion.set_remote_parent(span, parent, trace_state),
                None => slot.ids.continue_trace(parent, trace_state),
            };
        });
        is_done
    }

    /// The ids of a span in the first layer, from the outermost inwards, that records it.
    pub(super) fn ids_of(span: &Span) -> Option<(TraceId, SpanId, u8)> {
        span.with_subscriber(|(id, dispatch)| {
            let (state, slot) = Self::all(dispatch).find_map(|state| Some((state, state.table.get(id)?)))?;
            state.settled_ids(&slot, id, dispatch)
        })?
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
    /// While everything goes on, without spans that are to get their ids from a companion and have none yet: only a thread that holds the
    /// span can ask for them.
    fn open(&self, min_age: Option<Duration>) -> Vec<OpenSpan> {
        let mut open = self.table.open();
        open.retain(|slot| {
            slot.ids.is_sampled() && min_age.is_none_or(|age| slot.age() >= age && slot.ids.known().is_some())
        });
        open.sort_by_cached_key(|slot| slot.start_ns());
        let told = |slot: Arc<Slot>| {
            let (trace_id, span_id) = slot.known_ids_or_own();
            OpenSpan::new(trace_id, span_id, slot.changes(), slot)
        };
        open.into_iter().map(told).collect()
    }

    fn hidden_content(&self) -> Vec<HiddenContent> {
        let Some(filter) = &self.shared.filter else { return Vec::new() };
        self.watch.look(filter, Watch::most_verbose(), || {
            let mut recorded = self.shared.frameworks();
            let open = self.table.open();
            recorded.extend(
                open.iter().map(|slot| slot.declared.metadata).filter(|metadata| self.shared.is_told_of(metadata)),
            );
            recorded
        })
    }
}
