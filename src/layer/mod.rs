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
mod declared;
mod ending;
mod filter;
mod ids;
mod limits;
mod lineage;
mod macros;
mod recorder;
mod shared;
mod slot;
mod span_ext;
mod spares;
mod state;
mod table;
mod tape;
mod text;
mod trace;
mod visit;
mod watch;

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Filtered;
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

use self::recorder::Recorder;
use self::shared::Shared;
use self::state::{LayerState, Outlet};
use crate::pipeline::companion::OwnedSpans;
use crate::pipeline::{Inlet, LiveSpans};

/// A [`Layer`] that records spans, with their fields, events and links, as agent traces.
///
/// It enables and disables nothing for others, and can be boxed, optional, combined and filtered like any layer.
/// [`AgentTracing::layer`](crate::AgentTracing::layer) has an [`AgentFilter`] in it;
/// [`unfiltered_layer`](crate::AgentTracing::unfiltered_layer) records every span of the program, unless you filter it.
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
/// One thing is lost behind a per-layer filter of your own: `follows_from` edges to spans that have closed, because `Filtered` does not
/// pass them on.
///
/// With a [tracer provider](crate::Builder::tracer_provider) it owns a `tracing_opentelemetry` layer, which gets all that this one gets and
/// gives the spans their ids.
pub struct AgentLayer<S: Subscriber>(Door<S>);

/// How spans come to the recorder.
enum Door<S> {
    /// All of them: whoever adds the layer filters it.
    Open(Recorder<S>),
    /// Those that the filter wants.
    Filtered(Filtered<Recorder<S>, AgentFilter, S>),
}

impl<S: Subscriber> AgentLayer<S> {
    /// A layer that hands closed spans to `inlet`, which may look at open ones.
    pub(crate) fn new(inlet: Inlet, capture: Capture) -> Self {
        let layer = Self::with_outlet(Box::new(inlet.clone()), capture);
        inlet.register_live(Arc::clone(&layer.recorder().state) as Arc<dyn LiveSpans>);
        layer
    }

    /// A layer that hands closed spans to `outlet`.
    fn with_outlet(outlet: Box<dyn Outlet>, capture: Capture) -> Self {
        let state = Arc::new(LayerState::new(outlet, Shared::new(capture)));
        Self(Door::Open(Recorder { state, is_on: true, companion: None }))
    }

    /// The same layer in a per-layer filter.
    pub(crate) fn behind(self, filter: AgentFilter) -> Self {
        match self.0 {
            Door::Open(recorder) => Self(Door::Filtered(Filtered::new(recorder, filter))),
            filtered @ Door::Filtered(_) => Self(filtered),
        }
    }

    fn recorder(&self) -> &Recorder<S> {
        match &self.0 {
            Door::Open(recorder) => recorder,
            Door::Filtered(filtered) => filtered.inner(),
        }
    }

    fn recorder_mut(&mut self) -> &mut Recorder<S> {
        match &mut self.0 {
            Door::Open(recorder) => recorder,
            Door::Filtered(filtered) => filtered.inner_mut(),
        }
    }

    /// The layer's spans, for a companion.
    #[cfg_attr(not(feature = "opentelemetry"), allow(dead_code, reason = "without the feature there is no companion"))]
    pub(crate) fn spans(&self) -> Arc<dyn OwnedSpans> {
        Arc::clone(&self.recorder().state) as Arc<dyn OwnedSpans>
    }

    /// The same layer, forwarding its hooks to `companion`.
    #[cfg_attr(not(feature = "opentelemetry"), allow(dead_code, reason = "without the feature there is no companion"))]
    pub(crate) fn with_companion(mut self, companion: Box<dyn Layer<S> + Send + Sync>) -> Self {
        self.recorder_mut().companion = Some(companion);
        self
    }

    /// The same layer, recording nothing.
    pub(crate) fn off(mut self) -> Self {
        self.recorder_mut().is_on = false;
        self
    }
}

/// Calls a hook through the door that spans come by.
macro_rules! through {
    ($layer:expr, $hook:ident($($argument:expr),*)) => {
        match &$layer.0 {
            Door::Open(recorder) => recorder.$hook($($argument),*),
            Door::Filtered(filtered) => filtered.$hook($($argument),*),
        }
    };
}

/// A span is let in when it starts. What comes later goes past the filter, to the recorder, which knows the spans that it has; the
/// filter would look each up in the registry once more, which costs more than all else that an enter does. It would also keep back a
/// `follows_from` to a span that has closed.
impl<S> Layer<S> for AgentLayer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        through!(self, on_register_dispatch(subscriber));
    }

    fn on_layer(&mut self, subscriber: &mut S) {
        match &mut self.0 {
            Door::Open(recorder) => recorder.on_layer(subscriber),
            Door::Filtered(filtered) => filtered.on_layer(subscriber),
        }
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        through!(self, register_callsite(metadata))
    }

    fn enabled(&self, metadata: &Metadata<'_>, context: Context<'_, S>) -> bool {
        through!(self, enabled(metadata, context))
    }

    fn event_enabled(&self, event: &Event<'_>, context: Context<'_, S>) -> bool {
        through!(self, event_enabled(event, context))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        through!(self, max_level_hint())
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        through!(self, on_new_span(attributes, id, context));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        through!(self, on_event(event, context));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        self.recorder().on_record(id, values, context);
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        self.recorder().on_follows_from(id, follows, context);
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        self.recorder().on_enter(id, context);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        self.recorder().on_exit(id, context);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.recorder().on_close(id, context);
    }

    fn on_id_change(&self, old: &Id, new: &Id, context: Context<'_, S>) {
        self.recorder().on_id_change(old, new, context);
    }

    #[expect(unsafe_code, reason = "the only way in which a `Span` finds the layer that records it")]
    unsafe fn downcast_raw(&self, id: TypeId) -> Option<*const ()> {
        // SAFETY: the caller casts the pointer to the type of `id` and uses it while the subscriber, and so this layer, is borrowed.
        // Each pointer is to a live value of just that type: the layer itself, or the state, which the layer's `Arc` keeps at its
        // address. Both are only shared from there on, and both are `Sync`. For every other id the filter answers, which is part of this
        // layer and keeps to the same contract (it must: by its answer the registry knows that there is a filter); then the companion,
        // which the layer owns and never replaces, so that its pointers hold as long.
        if id == TypeId::of::<Self>() {
            return Some(std::ptr::from_ref(self).cast());
        }
        if id == TypeId::of::<LayerState>() && LayerState::is_sought() {
            return Some(Arc::as_ptr(&self.recorder().state).cast());
        }
        let of_filter = match &self.0 {
            Door::Open(_) => None,
            Door::Filtered(filtered) => unsafe { filtered.downcast_raw(id) },
        };
        of_filter.or_else(|| unsafe { self.recorder().companion.as_ref()?.downcast_raw(id) })
    }
}

impl<S: Subscriber> fmt::Debug for AgentLayer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentLayer").field("limits", &self.recorder().state.shared.limits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
