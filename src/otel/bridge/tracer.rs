//! The tracer of the owned layer: where a span's builder is made, and where the SDK makes the span.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::baggage::{BaggageExt as _, KeyValueMetadata};
use opentelemetry::trace::Span as _;
use opentelemetry::trace::{Link, SpanBuilder, SpanContext, TraceContextExt as _, Tracer};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::SdkTracer;

use super::reconcile::reconcile;
use super::span::BridgeSpan;
use crate::model::time::system_time;
use crate::model::{Identity, SpanId, TraceId};
use crate::otel::convert::{span_context, to_span_id, to_trace_id};
use crate::pipeline::companion::{Bound, BoundIds, OwnedSpan, OwnedSpans, Place, outside, starting};
use crate::semconv::{attribute_of, field};

/// Marks a builder with the span that it is for. The SDK and its samplers never see it.
const MARKER: &str = "agent_traces.bridge.span";

pub(super) struct BridgeTracer {
    sdk: SdkTracer,
    spans: Arc<dyn OwnedSpans>,
}

impl BridgeTracer {
    pub(super) fn new(sdk: SdkTracer, spans: Arc<dyn OwnedSpans>) -> Self {
        Self { sdk, spans }
    }

    /// The span that a builder is for. Takes the marker away, which is the builder's first attribute.
    fn owner(&self, builder: &mut SpanBuilder) -> Option<Arc<dyn OwnedSpan>> {
        let attributes = builder.attributes.as_mut()?;
        let id = match attributes.first() {
            Some(KeyValue { key, value: Value::I64(id), .. }) if key.as_str() == MARKER => *id,
            _ => return None,
        };
        attributes.remove(0);
        self.spans.get(u64::from_ne_bytes(id.to_ne_bytes()))
    }
}

impl Tracer for BridgeTracer {
    type Span = BridgeSpan;

    fn span_builder<T>(&self, name: T) -> SpanBuilder
    where
        T: Into<Cow<'static, str>>,
    {
        let mut builder = SpanBuilder::from_name(name);
        builder.attributes = starting().map(|id| vec![KeyValue::new(MARKER, i64::from_ne_bytes(id.to_ne_bytes()))]);
        builder
    }

    fn build_with_context(&self, mut builder: SpanBuilder, parent_cx: &Context) -> BridgeSpan {
        let Some(ours) = self.owner(&mut builder) else {
            return BridgeSpan::new(
                outside(|| self.sdk.build_with_context(builder, parent_cx)),
                None,
                Identity::default(),
            );
        };
        reconcile(&mut builder, &*ours);
        let inherited = ours.inherited();
        let ids = inherited.iter().map(|(field, value)| KeyValue::new(attribute_of(field), value.to_owned()));
        builder.attributes.get_or_insert_default().extend(ids);
        let place = ours.place();
        builder.start_time = Some(system_time(place.start_ns));
        let parent = Parent::of(&place, parent_cx);
        if let Some(beyond) = &parent.beyond {
            let reason = vec![KeyValue::new(field::LINK_REASON, "boundary")];
            builder.links.get_or_insert_default().insert(0, Link::new(beyond.clone(), reason, 0));
        }
        let span = outside(|| self.sdk.build_with_context(builder, &parent.context));
        ours.bind(parent.bound(span.span_context()));
        BridgeSpan::new(span, Some(ours), inherited)
    }
}

/// Whose child a span is.
struct Parent<'a> {
    context: Cow<'a, Context>,
    /// What is on the other side of a boundary.
    beyond: Option<SpanContext>,
}

impl<'a> Parent<'a> {
    /// OpenTelemetry's context decides, whatever `tracing` calls the parent, but for two things that only the layer knows: a boundary ends
    /// the trace, unless the context is of another process and so was given by a user; and a named parent that a filter hides stands for
    /// the nearest one around it.
    fn of(place: &Place, context: &'a Context) -> Self {
        let current = context.span().span_context().clone();
        let known = place.parent.map(|(trace_id, span_id, flags)| local(trace_id, span_id, flags));
        if place.is_cut {
            let is_local = current.is_valid() && !current.is_remote();
            let context = if is_local { Cow::Owned(without_span(context)) } else { Cow::Borrowed(context) };
            return Self { context, beyond: if is_local { Some(current) } else { known } };
        }
        let context = match known {
            Some(known) if place.hides_parent && !current.is_valid() => {
                Cow::Owned(context.with_remote_span_context(known))
            }
            _ => Cow::Borrowed(context),
        };
        Self { context, beyond: None }
    }

    /// The ids of the span that was made below.
    fn bound(&self, made: &SpanContext) -> Bound {
        if !made.is_valid() {
            let is_suppressed = self.context.is_telemetry_suppressed();
            return if is_suppressed { Bound::Suppressed } else { Bound::Own };
        }
        let parent = self.context.span().span_context().clone();
        Bound::Ids(Box::new(BoundIds {
            trace_id: to_trace_id(made),
            span_id: to_span_id(made),
            parent: parent.is_valid().then(|| to_span_id(&parent)),
            parent_is_remote: parent.is_valid() && parent.is_remote(),
            flags: made.trace_flags().to_u8(),
            trace_state: made.trace_state().header(),
            is_sampled: made.is_sampled(),
            beyond: self.beyond.as_ref().map(|beyond| (to_trace_id(beyond), to_span_id(beyond))),
        }))
    }
}

/// A span of this process.
fn local(trace_id: TraceId, span_id: SpanId, flags: u8) -> SpanContext {
    span_context(trace_id, span_id, u32::from(flags), false, "")
}

/// What samplers and processors see of a context whose span is none of theirs. A context cannot give its span away, and an invalid one in
/// its place counts as a parent that is not sampled.
fn without_span(context: &Context) -> Context {
    if context.is_telemetry_suppressed() {
        // Nothing will come of it anyway.
        return context.clone();
    }
    let entries = context.baggage().iter();
    let entries: Vec<_> = entries
        .map(|(key, (value, metadata))| KeyValueMetadata::new(key.clone(), value.clone(), metadata.clone()))
        .collect();
    if entries.is_empty() { Context::new() } else { Context::new().with_baggage(entries) }
}
