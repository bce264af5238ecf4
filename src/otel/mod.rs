//! OpenTelemetry's spans in and out.
//!
//! [`StoreExporter`] is the door for spans that an `SdkTracerProvider` makes; [`convert`] turns the SDK's spans into records and
//! records into the SDK's spans. This module is the only one that names types of the SDK, whose releases break them every few months.

mod baggage;
pub(crate) mod bridge;
pub mod convert;
mod drive;
mod exporter;
mod exporter_sink;
#[cfg(feature = "otlp")]
mod otlp;
mod sampling;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use baggage::{ids_in_baggage, ids_in_current_baggage};
pub(crate) use convert::span_context;
pub(crate) use exporter::Owned;
pub use exporter::StoreExporter;
pub(crate) use sampling::sampling;
pub(crate) use exporter_sink::ExporterSink;
#[cfg(feature = "otlp")]
pub(crate) use otlp::OtlpSink;
#[cfg(feature = "otlp")]
pub use otlp::{Otlp, Protocol};
