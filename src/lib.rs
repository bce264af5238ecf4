//! Agent traces from `tracing` spans.

pub mod error;
pub mod insight;
pub mod model;
pub mod pipeline;
pub mod repository;
pub mod semconv;
pub mod store;

pub use error::{Error, ErrorKind, Result};
pub use repository::{
    Group, SessionFilter, SpanFilter, StatsOrder, StatsQuery, StatsRow, TraceFilter, TraceRepository,
};
