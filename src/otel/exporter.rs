//! The door for spans that an SDK's tracer provider makes.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::Resource as OtelResource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::convert::{to_record_in_scope, to_resource, to_scope};
use crate::error::{Error, ErrorKind};
use crate::model::{Resource, Scope};
use crate::pipeline::{Inlet, Refused};

/// How long a forced flush waits; the SDK's own processors wait as long.
const FLUSH_DEADLINE: Duration = Duration::from_secs(5);

/// A `SpanExporter` that hands the spans of any `SdkTracerProvider` to a pipeline, and so to its store.
///
/// An export never waits for the store: spans are handed over, and the pipeline batches, retries and counts. Below a
/// `BatchSpanProcessor` they wait twice, so a `SimpleSpanProcessor` (`with_simple_exporter`) is the better one here. With either,
/// register the provider's resource as usual; it is stored with each span.
///
/// Shutting down the provider flushes the pipeline and leaves it running, for its other doors. Where it is the only door, in a program
/// without `tracing`, [`StoreExporter::open`] opens the database for it, and shutting down the provider closes it.
///
/// # Examples
/// ```
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use tracing_agents::AgentTracing;
/// use tracing_agents::otel::StoreExporter;
///
/// # fn main() -> Result<(), tracing_agents::Error> {
/// let tracing = AgentTracing::open("sqlite::memory:")?;
/// let provider = SdkTracerProvider::builder().with_simple_exporter(StoreExporter::new(&tracing)).build();
/// # drop(provider);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct StoreExporter {
    inlet: Inlet,
    resource: Arc<Resource>,
    is_shutdown: AtomicBool,
    /// What it opened itself, or was given to close.
    owned: Option<Box<dyn Owned>>,
}

/// A tracing that an exporter ends when it ends.
pub(crate) trait Owned: fmt::Debug + Send + Sync {
    /// Writes what waits and closes the database, at the deadline at the latest.
    fn shutdown(&self, deadline: Duration) -> crate::error::Result<()>;
}

impl StoreExporter {
    /// An exporter into the pipeline behind `inlet`: that of an [`Inlet`], or of an `&AgentTracing`.
    #[must_use]
    pub fn new(inlet: impl Into<Inlet>) -> Self {
        Self { inlet: inlet.into(), resource: Arc::default(), is_shutdown: AtomicBool::new(false), owned: None }
    }

    /// The same, which ends `tracing` when it is shut down, and when it is dropped.
    pub(crate) fn owning(inlet: Inlet, tracing: Box<dyn Owned>) -> Self {
        Self { owned: Some(tracing), ..Self::new(inlet) }
    }

    fn hand_over(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let offered = batch.len();
        let mut losses = Losses::default();
        let mut scopes = HashMap::new();
        for span in batch {
            if span.span_context.is_valid() {
                let scope = shared_scope(&mut scopes, &span.instrumentation_scope);
                losses.count(self.inlet.accept(to_record_in_scope(span, &self.resource, &scope)));
            } else {
                losses.invalid += 1;
            }
        }
        losses.into_result(offered)
    }

    fn flush(&self, deadline: Duration) -> OTelSdkResult {
        self.inlet.force_flush(deadline).map_err(|error| to_sdk_error(&error, deadline))
    }
}

impl SpanExporter for StoreExporter {
    /// Offers each span to the pipeline.
    ///
    /// Fails with how many spans were not taken and why; the others were, so the batch is not to be exported again.
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        if self.is_shutdown.load(Ordering::Acquire) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        // A simple processor suppresses nothing, and spans made while exporting would be exported in turn.
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        self.hand_over(batch)
    }

    /// Waits up to 5 seconds until what was exported is stored.
    fn force_flush(&self) -> OTelSdkResult {
        self.flush(FLUSH_DEADLINE)
    }

    /// Waits up to `timeout` until what was exported is stored, and takes no more spans. The pipeline runs on, unless the exporter is
    /// its [owner](StoreExporter::open).
    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        if self.is_shutdown.swap(true, Ordering::AcqRel) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        match &self.owned {
            Some(tracing) => tracing.shutdown(timeout).map_err(|error| to_sdk_error(&error, timeout)),
            None => self.flush(timeout),
        }
    }

    fn set_resource(&mut self, resource: &OtelResource) {
        self.resource = Arc::new(to_resource(resource));
    }
}

/// The record's scope: one for all spans of a batch that have the same.
fn shared_scope(scopes: &mut HashMap<InstrumentationScope, Arc<Scope>>, scope: &InstrumentationScope) -> Arc<Scope> {
    if let Some(known) = scopes.get(scope) {
        return Arc::clone(known);
    }
    let new = Arc::new(to_scope(scope));
    scopes.insert(scope.clone(), Arc::clone(&new));
    new
}

fn to_sdk_error(error: &Error, deadline: Duration) -> OTelSdkError {
    match error.kind() {
        ErrorKind::Timeout => OTelSdkError::Timeout(deadline),
        ErrorKind::Shutdown => OTelSdkError::AlreadyShutdown,
        _ => OTelSdkError::InternalFailure(error.to_string()),
    }
}

/// Spans of a batch that were not taken.
#[derive(Debug, Default)]
struct Losses {
    /// The ids are all zeros: a span context that the SDK calls invalid.
    invalid: usize,
    /// How many were refused for each reason.
    refused: Vec<(Refused, usize)>,
}

impl Losses {
    fn count(&mut self, answer: Result<(), Refused>) {
        let Err(reason) = answer else { return };
        match self.refused.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.refused.push((reason, 1)),
        }
    }

    fn into_result(self, offered: usize) -> OTelSdkResult {
        let lost = self.invalid + self.refused.iter().map(|(_, count)| count).sum::<usize>();
        if lost == 0 {
            return Ok(());
        }
        let mut message = format!("{lost} of {offered} spans were not taken");
        let refused = self.refused.into_iter().map(|(reason, count)| (count, reason.to_string()));
        let invalid = (self.invalid, "the trace or span id is all zeros".to_owned());
        let mut separator = ": ";
        for (count, reason) in refused.chain([invalid]).filter(|(count, _)| *count > 0) {
            // Writing to a `String` cannot fail.
            let _ = write!(message, "{separator}{count} because {reason}");
            separator = ", ";
        }
        Err(OTelSdkError::InternalFailure(message))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use opentelemetry::KeyValue;
    use opentelemetry::trace::{Span as _, TracerProvider as _};
    use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState, Tracer as _};
    use opentelemetry_sdk::trace::{SdkTracerProvider, SpanEvents, SpanLinks};

    use super::*;
    use crate::model::{InterpretedSpan, ProcessId, SpanRecord, Value};
    use crate::pipeline::{Pipeline, Settings, Sink};
    use crate::semconv::interpret;

    type Written = Arc<Mutex<Vec<SpanRecord>>>;

    /// A sink that keeps what it gets; where there is a gate, it waits there before each batch.
    struct Collect {
        written: Written,
        gate: Option<Receiver<()>>,
    }

    impl Sink for Collect {
        fn name(&self) -> &'static str {
            "collect"
        }

        fn write(&mut self, batch: &[InterpretedSpan]) -> crate::error::Result<()> {
            if let Some(gate) = &self.gate {
                let _ = gate.recv();
            }
            self.written.lock().unwrap().extend(batch.iter().map(|span| span.record.clone()));
            Ok(())
        }

        fn probe(&mut self) -> crate::error::Result<()> {
            Ok(())
        }
    }

    fn start(settings: Settings, gate: Option<Receiver<()>>) -> (Pipeline, Written) {
        let written = Written::default();
        let sink = Collect { written: Arc::clone(&written), gate };
        let process = ProcessId::generate();
        (Pipeline::start(settings, Box::new(sink), vec![], interpret, None, process).unwrap(), written)
    }

    fn span(id: u64) -> SpanData {
        SpanData {
            span_context: SpanContext::new(
                TraceId::from_bytes([1; 16]),
                SpanId::from_bytes(id.to_be_bytes()),
                TraceFlags::SAMPLED,
                false,
                TraceState::default(),
            ),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: "span".into(),
            start_time: std::time::SystemTime::UNIX_EPOCH,
            end_time: std::time::SystemTime::UNIX_EPOCH,
            attributes: vec![],
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::builder("scope").build(),
        }
    }

    fn export(exporter: &StoreExporter, batch: Vec<SpanData>) -> OTelSdkResult {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(exporter.export(batch))
    }

    fn failure(result: OTelSdkResult) -> String {
        match result {
            Err(OTelSdkError::InternalFailure(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_providers_spans_are_stored_with_its_resource_and_others_go_on_after_its_shutdown() {
        let (pipeline, written) = start(Settings::default(), None);
        let resource = OtelResource::builder_empty().with_attributes([KeyValue::new("service.name", "agents")]).build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_simple_exporter(StoreExporter::new(pipeline.inlet()))
            .build();
        for name in ["one", "two"] {
            provider.tracer("lib").start(name).end();
        }
        provider.force_flush().unwrap();
        provider.shutdown().unwrap();

        let records = std::mem::take(&mut *written.lock().unwrap());
        let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
        assert_eq!(names, ["one", "two"]);
        for (sequence, record) in records.iter().enumerate() {
            assert_eq!(record.resource.attributes.get("service.name"), Some(&Value::Str("agents".to_owned())));
            assert_eq!(record.scope.name, "lib");
            assert_eq!(record.origin.map(|origin| origin.sequence), u64::try_from(sequence).ok());
        }

        let other = StoreExporter::new(pipeline.inlet());
        export(&other, vec![span(1), span(2)]).unwrap();
        other.force_flush().unwrap();
        let written = written.lock().unwrap();
        assert_eq!(written.len(), 2);
        assert!(Arc::ptr_eq(&written[0].scope, &written[1].scope));
    }

    #[test]
    fn a_full_queue_and_invalid_ids_are_reported_by_number() {
        let (open_gate, gate): (Sender<()>, _) = channel();
        let mut settings = Settings::default();
        (settings.max_queue_size, settings.max_export_batch_size, settings.immediate) = (2, 1, true);
        let (pipeline, written) = start(settings, Some(gate));
        let exporter = StoreExporter::new(pipeline.inlet());

        let mut invalid = span(99);
        invalid.span_context = SpanContext::NONE;
        let mut batch = vec![invalid];
        batch.extend((1..=10).map(span));
        let message = failure(export(&exporter, batch));

        let health = pipeline.health();
        assert_eq!(health.offered, 10);
        let full = health.rejected.queue_full;
        // The worker may hold one span at the gate; the queue holds two.
        assert!((7..=8).contains(&full), "{health:?}");
        let expected = format!(
            "{} of 11 spans were not taken: {full} because the queue is full, 1 because the trace or span id is all zeros",
            full + 1
        );
        assert_eq!(message, expected);

        drop(open_gate);
        exporter.force_flush().unwrap();
        assert_eq!(u64::try_from(written.lock().unwrap().len()).unwrap() + full, 10);
    }

    #[test]
    fn a_store_that_hangs_ends_a_shutdown_at_its_deadline() {
        let (open_gate, gate): (Sender<()>, _) = channel();
        let (pipeline, _) = start(Settings::default(), Some(gate));
        let exporter = StoreExporter::new(pipeline.inlet());
        export(&exporter, vec![span(1)]).unwrap();
        let deadline = Duration::from_millis(20);
        let result = exporter.shutdown_with_timeout(deadline);
        assert!(matches!(result, Err(OTelSdkError::Timeout(timeout)) if timeout == deadline), "{result:?}");
        drop(open_gate);
    }

    #[test]
    fn nothing_is_taken_after_a_shutdown() {
        let (pipeline, written) = start(Settings::default(), None);
        let exporter = StoreExporter::new(pipeline.inlet());
        exporter.shutdown().unwrap();
        assert!(matches!(export(&exporter, vec![span(1)]), Err(OTelSdkError::AlreadyShutdown)));
        assert!(matches!(exporter.shutdown(), Err(OTelSdkError::AlreadyShutdown)));

        let other = StoreExporter::new(pipeline.inlet());
        pipeline.shutdown(Duration::from_secs(5)).unwrap();
        let message = failure(export(&other, vec![span(1), span(2)]));
        assert_eq!(message, "2 of 2 spans were not taken: 2 because the pipeline is shut down");
        assert!(written.lock().unwrap().is_empty());
    }
}
