//! The layer's hooks: which span each is for, and what becomes of it.

use std::sync::Arc;

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::ending::{ClosingChild, ClosingChildren};
use super::slot::Slot;
use super::state::LayerState;
use crate::pipeline::companion::{forwarding, forwarding_start, is_outside};

/// Records the spans that its hooks are called for.
pub(super) struct Recorder<S> {
    pub(super) state: Arc<LayerState>,
    pub(super) is_on: bool,
    pub(super) companion: Option<Box<dyn Layer<S> + Send + Sync>>,
}

impl<S: Subscriber> Recorder<S> {
    /// The companion, unless this thread runs foreign code on its behalf: that must not come back to it.
    fn companion(&self) -> Option<&(dyn Layer<S> + Send + Sync)> {
        self.companion.as_deref().filter(|_| !is_outside())
    }

    /// Whether what happens now is a companion's inner working, which is nobody's span.
    fn is_inside_companion(&self) -> bool {
        self.companion.is_some() && is_outside()
    }
}

impl<S> Recorder<S>
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

impl<S> Layer<S> for Recorder<S>
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
        let is_ours = self.state.table.look(id, Slot::enter).is_some();
        if let (true, Some(companion)) = (is_ours, self.companion()) {
            forwarding(|| companion.on_enter(id, context));
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if let Some(companion) = self.companion()
            && self.state.table.get(id).is_some()
        {
            forwarding(|| companion.on_exit(id, context));
        }
        let _ = self.state.table.look(id, Slot::exit);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let slot = match &self.companion {
            None => self.state.close_at_once(&id),
            Some(companion) => self.state.close(&id).and_then(|_| {
                // Also from foreign code: nobody else will end the span.
                forwarding(|| companion.on_close(id.clone(), context.clone()));
                self.state.table.remove(&id)
            }),
        };
        let Some(slot) = slot else { return };
        let mark = slot.parent.as_ref().and_then(ClosingChild::of);
        self.state.hand_over(slot);
        if let Some(mark) = mark
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
}
