//! Agent traces from `tracing` spans.

pub mod error;
pub mod layer;
pub mod model;
#[cfg(feature = "opentelemetry")]
pub mod otel;
pub mod pipeline;
pub mod semconv;
pub mod store;
pub mod wire;

pub use layer::{AgentFilter, AgentLayer, Limits, SpanExt};
pub use semconv::field;

/// What the macros expand to. Not part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use tracing;
}
