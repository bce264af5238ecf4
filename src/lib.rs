//! Agent traces from `tracing` spans, in your own database.
//!
//! One layer turns the spans of agents, models and tools, `#[instrument]`ed by you or made by a framework, into agent traces: who
//! ran, what it asked, which tools it called, what failed, how many tokens it took. A repository answers questions about them.
//!
//! ```
//! use std::time::Duration;
//!
//! use tracing::{Span, instrument};
//! use tracing_agents::model::Usage;
//! use tracing_agents::{AgentTracing, SpanExt, TraceFilter, field};
//! use tracing_subscriber::prelude::*;
//!
//! #[instrument(skip_all, fields({ field::OPERATION } = "invoke_agent", { field::AGENT_NAME } = "Researcher"))]
//! fn run(question: &str) -> String {
//!     ask_model(question)
//! }
//!
//! #[instrument(skip_all, fields({ field::OPERATION } = "chat", { field::REQUEST_MODEL } = "gpt-4o-mini"))]
//! fn ask_model(prompt: &str) -> String {
//!     Span::current().record_usage(Usage::new(812, 96));
//!     format!("an answer to {prompt}")
//! }
//!
//! # fn main() -> Result<(), tracing_agents::Error> {
//! let tracing = AgentTracing::open("sqlite::memory:")?;
//! let _guard = tracing_subscriber::registry().with(tracing.layer()).set_default();
//!
//! run("Who wrote the Rust book?");
//!
//! tracing.force_flush(Duration::from_secs(5))?;
//! let repository = tracing.repository();
//! for trace in repository.traces(&TraceFilter::new().agent("Researcher").limit(10))? {
//!     println!("{}: {} ms", trace.name, trace.duration_ms());
//!     println!("{}", repository.trace(trace.trace_id)?.tree());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What is where
//!
//! - [`AgentTracing`] opens a database and makes the layer; [`Builder`] has every option with its default and its variable.
//! - [`SpanExt`] records usage, input, output, tool calls and errors on any span, without declared fields; [`field`] has the names
//!   for `#[instrument(fields({ field::AGENT_NAME } = …))]`; [`agent_span!`], [`model_span!`], [`tool_span!`] and their siblings make
//!   spans that carry the right fields.
//! - [`TraceRepository`] answers: traces, trees, spans with their content, sessions, statistics. [`TraceFilter`] says which.
//! - [`model`] is what it answers with; [`schema`] and [`rows`] are the tables, for Diesel queries of your own.
//! - [`pipeline::Inlet`] takes spans from elsewhere, and tells when they are stored ([`deliver`](pipeline::Inlet::deliver)).
//! - [`pipeline::Sink`] is one more place where batches go; [`pipeline::Health`] says what became of every span.
//! - [`Retention`] says what a database keeps, for [`TraceRepository::prune`] and [`Builder::retention`].
//! - [`CapturePolicy`] says how much content is kept, [`Redactor`] takes secrets out; [`policy`] is what is done before anything leaves.
//! - [`PriceTable`] has prices of your own, for costs that nobody reports.
//! - `otel::StoreExporter` takes the spans of an OpenTelemetry `SdkTracerProvider`, `Builder::exporter` and `Builder::otlp` send spans on; [`wire`] reads and writes
//!   OTLP.
//!
//! # Features
//!
//! - `sqlite` (default): SQLite, compiled in; needs a C compiler and nothing else.
//! - `postgres`: PostgreSQL, by a driver in Rust, with TLS; needs a C compiler (for the cryptography) and nothing else.
//! - `mysql`: MySQL and MariaDB, likewise.
//! - `async`: `AsyncTraceRepository`, the repository's questions as `async fn`, on any executor.
//! - `pricing`: what model calls cost that report tokens and no cost, by a table of some 2,000 models' prices; [`PriceTable`] takes your
//!   own prices with or without it.
//! - `opentelemetry` (default): `otel::StoreExporter`, `Builder::exporter`, `Builder::tracer_provider`,
//!   `Builder::sampler`, and `propagation`: one trace across processes.
//! - `otlp`: `Builder::otlp`, OTLP over HTTP and gRPC to Phoenix, Langfuse, Jaeger, a Collector.
//! - `signals`: `AgentTracing::flush_on_signals`, for programs that do not handle SIGTERM and SIGINT themselves.
//! - `cli`: the command `agent-traces`: an OTLP receiver, export, import, lists, pruning. It adds nothing to the library.

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
compile_error!("tracing-agents needs a database: enable one of its features `sqlite`, `postgres` and `mysql`");

mod agent_tracing;
pub mod error;
pub mod insight;
pub mod layer;
pub mod model;
#[cfg(feature = "opentelemetry")]
pub mod otel;
pub mod pipeline;
pub mod policy;
#[cfg(feature = "opentelemetry")]
pub mod propagation;
pub mod repository;
pub mod semconv;
pub mod store;
pub mod wire;

pub use agent_tracing::{AgentTracing, Builder};
pub use error::{Error, ErrorKind, Result};
pub use layer::{AgentFilter, AgentLayer, Limits, SpanExt};
pub use pipeline::TailSampling;
pub use policy::{CaptureLevel, CapturePolicy, ContentClass, Redactor};
#[cfg(feature = "async")]
pub use repository::AsyncTraceRepository;
pub use repository::{
    Durations, Group, Pruned, Repriced, Retention, RetentionRun, SessionFilter, SpanFilter, StatsOrder, StatsQuery,
    StatsRow, TraceFilter, TraceRepository,
};
pub use semconv::{Price, PriceTable, field, profile};
pub use store::{rows, schema};

/// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// What the macros expand to, and what tests reach. Not part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use tracing;

    /// For the benchmarks: a layer in its filter, in front of any pipeline.
    pub fn layer<S>(inlet: crate::pipeline::Inlet) -> crate::AgentLayer<S>
    where
        S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a> + Send + Sync,
    {
        crate::AgentLayer::new(inlet, crate::layer::Capture::default()).behind(crate::AgentFilter::new())
    }

    /// For the fuzz targets: reads Rust's `Debug` text.
    pub fn debug_text(text: &str) -> Option<serde_json::Value> {
        crate::semconv::parse_debug(text)
    }

    /// For the fuzz targets: reads a segment of a spool to its end.
    pub fn spool_segment(bytes: &[u8]) -> usize {
        crate::pipeline::spans_of_segment(bytes)
    }

    /// For the fuzz targets: reads a database URL, and shows it without its password.
    pub fn database_url(url: &str) -> crate::Result<String> {
        crate::store::shown_url(url)
    }
}
