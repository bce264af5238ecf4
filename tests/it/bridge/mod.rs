//! One span on both sides: what the provider's exporter gets, and what is stored.

mod identity;
mod ids;
mod many;
mod processors;
mod remote;
mod sampling;
mod shapes;
mod user_set;

use std::collections::BTreeSet;

use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData, TracerProviderBuilder};
use tempfile::TempDir;
use tracing::Dispatch;
use tracing_agents::model::{SpanDetail, Value};
use tracing_agents::{AgentTracing, SpanFilter};
use tracing_subscriber::prelude::*;

use crate::support::{PATIENCE, url_in};

/// Tracing into a fresh database and into an exporter's memory.
pub(crate) struct Both {
    pub(crate) tracing: AgentTracing,
    pub(crate) provider: SdkTracerProvider,
    exporter: InMemorySpanExporter,
    _folder: TempDir,
}

impl Both {
    pub(crate) fn new() -> Self {
        Self::of(|builder| builder)
    }

    /// With a sampler, a processor or limits.
    pub(crate) fn of(configure: impl FnOnce(TracerProviderBuilder) -> TracerProviderBuilder) -> Self {
        let exporter = InMemorySpanExporter::default();
        let builder = SdkTracerProvider::builder().with_simple_exporter(exporter.clone());
        let provider = configure(builder).build();
        let folder = tempfile::tempdir().unwrap();
        let tracing = AgentTracing::builder(&url_in(&folder))
            .max_queue_size(100_000)
            .tracer_provider(provider.clone())
            .open()
            .unwrap();
        Self { tracing, provider, exporter, _folder: folder }
    }

    pub(crate) fn dispatch(&self) -> Dispatch {
        Dispatch::new(tracing_subscriber::registry().with(self.tracing.layer()))
    }

    /// Runs `program` under the layer alone.
    pub(crate) fn run<T>(&self, program: impl FnOnce() -> T) -> T {
        tracing::dispatcher::with_default(&self.dispatch(), program)
    }

    pub(crate) fn exported(&self) -> Vec<SpanData> {
        self.exporter.get_finished_spans().unwrap()
    }

    pub(crate) fn exported_as(&self, name: &str) -> SpanData {
        let mut spans = self.exported();
        spans.retain(|span| span.name == name);
        assert_eq!(spans.len(), 1, "{name}: {spans:#?}");
        spans.remove(0)
    }

    pub(crate) fn stored_spans(&self) -> Vec<tracing_agents::model::Span> {
        self.tracing.force_flush(PATIENCE).unwrap();
        let mut filter = SpanFilter::new().limit(1000);
        let mut spans = Vec::new();
        loop {
            let page = self.tracing.repository().spans(&filter).unwrap();
            spans.extend(page.items);
            let Some(next) = page.next else { return spans };
            filter = filter.after(next);
        }
    }

    pub(crate) fn stored(&self) -> Vec<SpanDetail> {
        let repository = self.tracing.repository();
        self.stored_spans().iter().map(|span| repository.span(span.trace_id, span.span_id).unwrap()).collect()
    }

    pub(crate) fn stored_as(&self, name: &str) -> SpanDetail {
        let mut spans = self.stored();
        spans.retain(|detail| detail.span.name == name);
        assert_eq!(spans.len(), 1, "{name}: {spans:#?}");
        spans.remove(0)
    }

    /// Fails unless both sides have the same spans in the same places, with the same times.
    pub(crate) fn assert_same(&self) {
        let exported: BTreeSet<Place> = self.exported().iter().map(place_of_exported).collect();
        let stored: BTreeSet<Place> = self.stored_spans().iter().map(place_of_stored).collect();
        assert!(!stored.is_empty());
        let differs: Vec<_> = exported.symmetric_difference(&stored).collect();
        assert!(differs.is_empty(), "{} differ: {:#?}", differs.len(), &differs[..differs.len().min(6)]);
        assert!(self.tracing.health().adds_up(), "{:?}", self.tracing.health());
    }
}

/// Name, trace, span, parent, whether it is remote, start and end.
pub(crate) type Place = (String, String, String, Option<String>, bool, i64, i64);

fn place_of_exported(span: &SpanData) -> Place {
    let ns = |time: std::time::SystemTime| {
        i64::try_from(time.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos()).unwrap()
    };
    let parent = span.parent_span_id.to_string();
    (
        span.name.to_string(),
        span.span_context.trace_id().to_string(),
        span.span_context.span_id().to_string(),
        (parent != "0".repeat(16)).then_some(parent),
        span.parent_span_is_remote,
        ns(span.start_time),
        ns(span.end_time),
    )
}

fn place_of_stored(span: &tracing_agents::model::Span) -> Place {
    (
        span.name.clone(),
        span.trace_id.to_string(),
        span.span_id.to_string(),
        span.parent_span_id.map(|id| id.to_string()),
        span.parent_is_remote,
        span.start_ns,
        span.end_ns.unwrap(),
    )
}

/// The values of a key, as they stand.
pub(crate) fn exported_values(span: &SpanData, key: &str) -> Vec<opentelemetry::Value> {
    span.attributes.iter().filter(|entry| entry.key.as_str() == key).map(|entry| entry.value.clone()).collect()
}

pub(crate) fn stored_values(span: &SpanDetail, key: &str) -> Vec<Value> {
    span.content.attributes.iter().filter(|(known, _)| *known == key).map(|(_, value)| value.clone()).collect()
}

/// A span context of another process.
pub(crate) fn remote(trace: u8, span: u8, is_sampled: bool) -> opentelemetry::trace::SpanContext {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId};
    SpanContext::new(
        TraceId::from_bytes([trace; 16]),
        SpanId::from_bytes([span; 8]),
        TraceFlags::new(u8::from(is_sampled)),
        true,
        "vendor=1".parse().unwrap(),
    )
}
