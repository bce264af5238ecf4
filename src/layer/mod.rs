//! From `tracing` to records, on the caller's thread.
//!
//! [`AgentLayer`] copies what spans and events carry: values with their types, in their order, with times and ids. It understands
//! nothing of it but the ids that flow from a span to its descendants; `semconv` does, later, on the worker. It allocates one record
//! a span (the values go to buffers that are used again), takes only locks that one span or a 64th of the open spans share, and
//! never one of them while a value's `Debug` runs.

#[cfg(feature = "opentelemetry")]
mod across;
mod boundaries;
mod buffers;
mod companion;
mod ending;
mod filter;
mod ids;
mod limits;
mod lineage;
mod macros;
mod raw;
mod shared;
mod slot;
mod span_ext;
mod state;
mod table;
mod text;
mod trace;
mod visit;
mod watch;

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

#[cfg(feature = "opentelemetry")]
pub(crate) use self::across::{outgoing, surround};
pub use self::filter::AgentFilter;
pub use self::limits::Limits;
pub(crate) use self::lineage::Ambient;
pub(crate) use self::shared::Capture;
pub use self::span_ext::SpanExt;
pub(crate) use self::text::is_formatting;

use self::ending::{ClosingChild, ClosingChildren};
use self::shared::Shared;
use self::slot::Slot;
use self::state::{LayerState, Outlet};
use crate::pipeline::companion::{OwnedSpans, forwarding, forwarding_start, is_outside};
use crate::pipeline::{Inlet, LiveSpans};

/// A [`Layer`] that records spans, with their fields, events and links, as agent traces.
///
/// It is a plain layer: it enables and disables nothing for others, and can be boxed, optional, combined and filtered like any.
/// Give it a per-layer filter, as [`AgentFilter`] is one; without, it records every span of the program.
///
/// What becomes of what:
///
/// | `tracing` | record |
/// |---|---|
/// | a span: name, target, level, file, line, declared fields | a span and its [callsite](crate::model::Callsite) |
/// | fields at creation and recorded later | [attributes](crate::model::Attributes), in order, repeated keys kept |
/// | an event inside a span | an [event](crate::model::Event), named by its `message`, else by its callsite |
/// | `follows_from` | a [link](crate::model::Link), also to a span that has closed not long ago |
/// | contextual, explicit and no parent | the parent, past spans that a filter hides |
/// | a child of a [boundary](crate::profile::Profile::boundary), and a boundary | the root of a trace of its own, with a link to the parent that it would have |
/// | creation and close | start and end; a span that only a child kept open ends at its last exit |
/// | a panic that goes through the span | status error, `error.type = "panic"` |
/// | ids and names of run, session, user, agent, team, workflow | [inherited](crate::model::SpanRecord::inherited) by all spans below |
///
/// One thing is lost behind any per-layer filter: `follows_from` edges to spans that have closed, because `Filtered` does not pass
/// them on.
///
/// With a [tracer provider](crate::Builder::tracer_provider) it owns a `tracing_opentelemetry` layer, which gets all that this one gets and
/// gives the spans their ids.
pub struct AgentLayer<S: Subscriber> {
    state: Arc<LayerState>,
    is_on: bool,
    companion: Option<Box<dyn Layer<S> + Send + Sync>>,
}

impl<S: Subscriber> AgentLayer<S> {
    /// A layer that hands closed spans to `inlet`, which may look at open ones.
    pub(crate) fn new(inlet: Inlet, capture: Capture) -> Self {
        let layer = Self::with_outlet(Box::new(inlet.clone()), capture);
        inlet.register_live(Arc::clone(&layer.state) as Arc<dyn LiveSpans>);
        layer
    }

    /// A layer that hands closed spans to `outlet`.
    fn with_outlet(outlet: Box<dyn Outlet>, capture: Capture) -> Self {
        let state = Arc::new(LayerState::new(outlet, Shared::new(capture)));
        Self { state, is_on: true, companion: None }
    }

    /// The layer's spans, for a companion.
    #[cfg_attr(not(feature = "opentelemetry"), allow(dead_code, reason = "without the feature there is no companion"))]
    pub(crate) fn spans(&self) -> Arc<dyn OwnedSpans> {
        Arc::clone(&self.state) as Arc<dyn OwnedSpans>
    }

    /// The same layer, forwarding its hooks to `companion`.
    #[cfg_attr(not(feature = "opentelemetry"), allow(dead_code, reason = "without the feature there is no companion"))]
    pub(crate) fn with_companion(mut self, companion: Box<dyn Layer<S> + Send + Sync>) -> Self {
        self.companion = Some(companion);
        self
    }

    /// The companion, unless this thread runs foreign code on its behalf: that must not come back to it.
    fn companion(&self) -> Option<&(dyn Layer<S> + Send + Sync)> {
        self.companion.as_deref().filter(|_| !is_outside())
    }

    /// Whether what happens now is a companion's inner working, which is nobody's span.
    fn is_inside_companion(&self) -> bool {
        self.companion.is_some() && is_outside()
    }

    /// The same layer, recording nothing.
    pub(crate) fn off(mut self) -> Self {
        self.is_on = false;
        self
    }
}

impl<S> AgentLayer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    /// The slot of the nearest span, from `id` outwards, that this layer records.
    fn nearest(&self, id: &Id, context: &Context<'_, S>) -> Option<Arc<Slot>> {
        self.state.table.get(id).or_else(|| {
            // `id` was filtered out, or is older than the layer.
            context.span(id)?.scope().skip(1).find_map(|span| self.state.table.get(&span.id()))
        })
    }

    /// The parent of the new span `id`.
    fn parent_of(&self, id: &Id, attributes: &Attributes<'_>, context: &Context<'_, S>) -> Option<Arc<Slot>> {
        if attributes.is_root() {
            return None;
        }
        let known = if attributes.is_contextual() {
            context.current_span().id().and_then(|current| self.state.table.get(current))
        } else {
            attributes.parent().and_then(|parent| self.state.table.get(parent))
        };
        // The new span is enabled, so its scope leads past parents that are not.
        known.or_else(|| self.nearest(id, context))
    }

    /// The span that an event belongs to.
    fn span_of(&self, event: &Event<'_>, context: &Context<'_, S>) -> Option<Arc<Slot>> {
        if event.is_root() {
            return None;
        }
        if let Some(parent) = event.parent() {
            return self.nearest(parent, context);
        }
        let current = context.current_span();
        let known = self.state.table.get(current.id()?);
        known.or_else(|| self.nearest(&context.lookup_current()?.id(), context))
    }
}

impl<S> Layer<S> for AgentLayer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        self.state.watch.join(subscriber);
        if let Some(companion) = &self.companion {
            companion.on_register_dispatch(subscriber);
        }
    }

    fn on_layer(&mut self, subscriber: &mut S) {
        if let Some(companion) = &mut self.companion {
            companion.on_layer(subscriber);
        }
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.is_on {
            self.state.learn(metadata);
        }
        if let Some(companion) = &self.companion {
            // It may prepare for the callsite. What it wants is what this layer wants.
            let _ = companion.register_callsite(metadata);
        }
        Interest::always()
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !self.is_on || self.is_inside_companion() {
            // All else that happens to a span that is not in the table happens to nobody.
            return;
        }
        let parent = self.parent_of(id, attributes, &context);
        self.state.open(id, attributes, parent);
        if let Some(companion) = self.companion() {
            forwarding_start(id, || companion.on_new_span(attributes, id, context));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(slot) = self.state.table.get(id) {
            self.state.record(&slot, values);
            if let Some(companion) = self.companion() {
                forwarding(|| companion.on_record(id, values, context));
            }
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        if let Some(slot) = self.state.table.get(id) {
            let companion = self.companion();
            if let Some(companion) = companion {
                // First: the followed span may have no ids yet.
                forwarding(|| companion.on_follows_from(id, follows, context));
            }
            // A companion knows open spans only.
            let is_told = companion.is_some() && self.state.table.get(follows).is_some();
            self.state.follow(&slot, follows, !is_told);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if self.is_inside_companion() {
            return;
        }
        if let Some(slot) = self.span_of(event, &context) {
            self.state.event(&slot, event);
            if let Some(companion) = &self.companion {
                forwarding(|| companion.on_event(event, context));
            }
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if let Some(slot) = self.state.table.get(id) {
            slot.enter();
            if let Some(companion) = self.companion() {
                forwarding(|| companion.on_enter(id, context));
            }
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if let Some(slot) = self.state.table.get(id) {
            if let Some(companion) = self.companion() {
                forwarding(|| companion.on_exit(id, context));
            }
            slot.exit();
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(slot) = self.state.close(&id) else { return };
        if let Some(companion) = &self.companion {
            // Also from foreign code: nobody else will end the span.
            forwarding(|| companion.on_close(id.clone(), context.clone()));
        }
        self.state.hand_over(&id);
        if let Some(mark) = slot.parent.as_ref().and_then(ClosingChild::of)
            && let Some(span) = context.span(&id)
        {
            let mut extensions = span.extensions_mut();
            match extensions.get_mut::<ClosingChildren>() {
                Some(marks) => marks.0.push(mark),
                None => extensions.insert(ClosingChildren(vec![mark])),
            }
        }
    }

    fn on_id_change(&self, old: &Id, new: &Id, context: Context<'_, S>) {
        self.state.add_id(old, new);
        if let Some(companion) = self.companion() {
            forwarding(|| companion.on_id_change(old, new, context));
        }
    }

    #[expect(unsafe_code, reason = "the only way in which a `Span` finds the layer that records it")]
    unsafe fn downcast_raw(&self, id: TypeId) -> Option<*const ()> {
        // SAFETY: the caller casts the pointer to the type of `id` and uses it while the subscriber, and so this layer, is borrowed.
        // Each pointer is to a live value of just that type: the layer itself, or the state, which the layer's `Arc` keeps at its
        // address. Both are only shared from there on, and both are `Sync`. For every other id the companion answers, which the layer
        // owns and never replaces, so that its pointers hold as long: it keeps to the same contract.
        if id == TypeId::of::<Self>() {
            Some(std::ptr::from_ref(self).cast())
        } else if id == TypeId::of::<LayerState>() && LayerState::is_sought() {
            Some(Arc::as_ptr(&self.state).cast())
        } else {
            unsafe { self.companion.as_ref()?.downcast_raw(id) }
        }
    }
}

impl<S: Subscriber> fmt::Debug for AgentLayer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentLayer").field("limits", &self.state.shared.limits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
