//! The standard exporter, driven by hand.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use opentelemetry::trace::{Span as _, SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context as OtelContext, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData, SpanExporter as _};

/// Makes spans as a program with the SDK does, and keeps them.
pub(crate) struct Program {
    provider: SdkTracerProvider,
    ended: InMemorySpanExporter,
}

impl Program {
    pub(crate) fn new() -> Self {
        let ended = InMemorySpanExporter::default();
        Self { provider: SdkTracerProvider::builder().with_simple_exporter(ended.clone()).build(), ended }
    }

    /// The spans of an agent's run with some calls of a model, which end before it.
    pub(crate) fn run(&self, calls: usize) -> Vec<SpanData> {
        self.ended.reset();
        let tracer = self.provider.tracer("test");
        let agent =
            [KeyValue::new("gen_ai.operation.name", "invoke_agent"), KeyValue::new("gen_ai.agent.name", "Tester")];
        let run = tracer.span_builder("invoke_agent Tester").with_attributes(agent).start(&tracer);
        let inside = OtelContext::new().with_span(run);
        for _ in 0..calls {
            let chat = [
                KeyValue::new("gen_ai.operation.name", "chat"),
                KeyValue::new("gen_ai.request.model", "m"),
                KeyValue::new("gen_ai.usage.input_tokens", 10),
                // Reported, so that no receiver reads a table of prices first, which takes its time without optimisation.
                KeyValue::new("gen_ai.usage.cost", 0.001),
            ];
            let call = tracer.span_builder("chat m").with_kind(SpanKind::Client).with_attributes(chat);
            call.start_with_context(&tracer, &inside).end();
        }
        inside.span().end();
        self.ended.get_finished_spans().unwrap()
    }
}

/// Exports a batch with the standard exporter, which blocks this thread or has threads of its own.
pub(crate) fn export(exporter: &opentelemetry_otlp::SpanExporter, batch: Vec<SpanData>) -> OTelSdkResult {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut exported = pin!(exporter.export(batch));
    loop {
        match exported.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// What the exporter's HTTP client wants to be told, although these tests use no TLS.
pub(crate) fn choose_tls() {
    // Another test may have done it.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
