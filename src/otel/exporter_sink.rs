//! Out: a sink that hands spans to any `SpanExporter`.

use std::any::type_name;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::convert::{to_otel_resource, to_span_data};
use super::drive::Driver;
use crate::error::{Error, Result};
use crate::model::{InterpretedSpan, Origin, Resource, SpanRecord};
use crate::pipeline::Sink;
use crate::semconv::outgoing;

/// How long an exporter may take to shut down.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(5);

/// A `SpanExporter` as a sink. Its futures run on the sink's thread, with telemetry suppressed.
pub(crate) struct ExporterSink<E: SpanExporter> {
    exporter: E,
    driver: Driver,
    name: String,
    /// The resource that the exporter was told last.
    resource: Option<Arc<Resource>>,
    /// Of a batch that failed, known by its first span: the groups that the exporter has taken.
    taken: Option<(Origin, usize)>,
}

impl<E: SpanExporter> ExporterSink<E> {
    pub(crate) fn new(exporter: E) -> Result<Self> {
        let name = type_name::<E>().split('<').next().unwrap_or_default();
        let name = name.rsplit("::").next().unwrap_or(name).to_owned();
        Ok(Self { exporter, driver: Driver::new()?, name, resource: None, taken: None })
    }

    fn export(&mut self, resource: &Arc<Resource>, spans: Vec<SpanData>) -> Result<()> {
        if self.resource.as_ref().is_none_or(|known| !same(known, resource)) {
            self.exporter.set_resource(&to_otel_resource(resource));
            self.resource = Some(Arc::clone(resource));
        }
        self.suppressed(|driver, exporter| driver.block_on(exporter.export(spans)))
    }

    fn suppressed(&mut self, call: impl FnOnce(&Driver, &mut E) -> OTelSdkResult) -> Result<()> {
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        call(&self.driver, &mut self.exporter).map_err(|error| match error {
            OTelSdkError::AlreadyShutdown => Error::permanent("the exporter was shut down"),
            OTelSdkError::Timeout(time) => Error::write(format!("the exporter gave up after {time:?}")),
            OTelSdkError::InternalFailure(message) => Error::write(message),
        })
    }
}

impl<E: SpanExporter> Sink for ExporterSink<E> {
    fn name(&self) -> &str {
        &self.name
    }

    /// Exports the spans of each resource together: an exporter has one resource at a time.
    fn write(&mut self, batch: &[InterpretedSpan]) -> Result<()> {
        let first = batch.first().and_then(|item| item.record.origin);
        let before = self.taken.take().filter(|(of, _)| Some(*of) == first).map_or(0, |(_, groups)| groups);
        for (index, (resource, spans)) in by_resource(batch).into_iter().enumerate().skip(before) {
            if let Err(error) = self.export(&resource, spans) {
                // What it has taken is not sent again with the rest.
                self.taken = first.map(|first| (first, index));
                return Err(error);
            }
        }
        Ok(())
    }

    fn probe(&mut self) -> Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.suppressed(|driver, exporter| driver.enter(|| exporter.force_flush()))
    }

    fn takes_open_spans(&self) -> bool {
        false
    }
}

impl<E: SpanExporter> Drop for ExporterSink<E> {
    fn drop(&mut self) {
        // Its last flush has said whether it has everything.
        let _ = self.suppressed(|driver, exporter| driver.enter(|| exporter.shutdown_with_timeout(SHUTDOWN_DEADLINE)));
    }
}

fn same(one: &Arc<Resource>, other: &Arc<Resource>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

/// The spans as they leave, in groups of one resource each.
fn by_resource(batch: &[InterpretedSpan]) -> Vec<(Arc<Resource>, Vec<SpanData>)> {
    let mut groups: Vec<(Arc<Resource>, Vec<SpanData>)> = Vec::new();
    for record in batch.iter().map(outgoing) {
        let span: SpanData = to_span_data(&record);
        let SpanRecord { resource, .. } = record;
        match groups.iter_mut().find(|(known, _)| same(known, &resource)) {
            Some((_, spans)) => spans.push(span),
            None => groups.push((resource, vec![span])),
        }
    }
    groups
}
