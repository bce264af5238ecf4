//! Agent traces from `tracing` spans.

pub mod error;
pub mod model;
#[cfg(feature = "opentelemetry")]
pub mod otel;
pub mod pipeline;
pub mod semconv;
pub mod store;
pub mod wire;
