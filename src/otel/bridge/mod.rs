//! One span, two recorders: the `tracing_opentelemetry` layer that our layer owns.
//!
//! The layer forwards its hooks; the owned layer makes spans of the SDK with a tracer of ours. Three things bring the two records together,
//! and none needs a private type:
//!
//! - The owned layer asks the tracer for a builder inside of its first hook. The builder is marked with the span that it is for
//!   ([`tracer`]).
//! - The SDK makes the span late: when it is entered, asked for or closed. That goes through the same tracer, which tells the layer the
//!   ids and compares what the builder holds with what the layer recorded ([`reconcile`]). The difference was set by a user.
//! - What is done to the span from then on passes a span of ours ([`span`]), up to its end, where it gets what only the layer knows.
//!
//! The first relies on an inner working of `tracing-opentelemetry` 0.34; tests hold it.

mod reconcile;
mod span;
mod tracer;

use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::span::Id;
use tracing::{Dispatch, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use self::tracer::BridgeTracer;
use super::convert::span_context;
use crate::model::Traceparent;
use crate::pipeline::companion::{Companion, OwnedSpans};

/// How a layer reaches the layer that it owns.
pub(crate) static BRIDGE: Bridge = Bridge;

pub(crate) struct Bridge;

impl Companion for Bridge {
    fn settle(&self, id: &Id, subscriber: &Dispatch) {
        // Asking for the context is what makes the SDK start the span.
        drop(tracing_opentelemetry::get_otel_context(id, subscriber));
    }

    fn set_remote_parent(&self, span: &Span, parent: &Traceparent, trace_state: &str) -> bool {
        let remote = span_context(parent.trace_id, parent.span_id, u32::from(parent.flags), true, trace_state);
        // What else the current context holds, as baggage, stays.
        span.set_parent(Context::current().with_remote_span_context(remote)).is_ok()
    }
}

/// The layer to own: it makes spans of `provider`, for those that `spans` knows. What it would copy from callsites, threads and clocks
/// is left out: the store has it, and it would be most of what a span costs.
pub(crate) fn layer<S>(provider: &SdkTracerProvider, spans: Arc<dyn OwnedSpans>) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let tracer = BridgeTracer::new(provider.tracer("tracing"), spans);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false)
        .with_level(false);
    Box::new(layer)
}
