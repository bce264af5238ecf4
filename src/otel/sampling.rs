//! Deciding at a span's start whether it is recorded, where the program has no tracer provider of its own.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::{SpanId as OtelSpanId, TraceId as OtelTraceId};
use opentelemetry_sdk::trace::{IdGenerator, SdkTracerProvider, ShouldSample};

use crate::model::{SpanId, TraceId};

/// A provider that samples, and exports nothing: then all that a sampler may see and say holds here as it does in the SDK. Without a
/// `sampler` it has the one that `OTEL_TRACES_SAMPLER` names, if that `is_named`; without either there is nothing to decide.
pub(crate) fn sampling(sampler: Option<Box<dyn ShouldSample>>, is_named: bool) -> Option<SdkTracerProvider> {
    // The SDK's default is what the variable says.
    let provider = SdkTracerProvider::builder().with_id_generator(Neighbours);
    match sampler {
        Some(sampler) => Some(provider.with_sampler(sampler).build()),
        None => is_named.then(|| provider.build()),
    }
}

/// Ids as the layer makes them: those of traces that start together are neighbours in an index.
#[derive(Debug)]
struct Neighbours;

impl IdGenerator for Neighbours {
    fn new_trace_id(&self) -> OtelTraceId {
        let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        OtelTraceId::from_bytes(TraceId::generate(u64::try_from(unix_ms).unwrap_or_default()).to_bytes())
    }

    fn new_span_id(&self) -> OtelSpanId {
        OtelSpanId::from_bytes(SpanId::generate().to_bytes())
    }
}
