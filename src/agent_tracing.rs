//! The handle: opens the database, starts the worker, makes layers, flushes.

mod builder;
mod durability;
mod environment;
mod last_words;
#[cfg(feature = "opentelemetry")]
mod only_door;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

pub use builder::Builder;

use crate::error::{Error, ErrorKind, Result};
use crate::layer::{AgentFilter, AgentLayer, Capture};
use crate::model::LoggedEvent;
use crate::pipeline::{Health, Inlet, Pipeline};
use crate::policy::Policy;
#[cfg(feature = "async")]
use crate::repository::AsyncTraceRepository;
use crate::repository::TraceRepository;
use crate::store::Store;

/// Agent tracing into one database: the handle that an application keeps.
///
/// Cheap to clone. When the last clone is dropped, what is still waiting is written, for at most
/// [`shutdown_timeout`](Builder::shutdown_timeout), and what could not be is told to [`on_error`](Builder::on_error); layers that
/// outlive it record nothing more. Keep it until the end of `main`. A sink or callback that holds a clone keeps it from ever being
/// the last: give those an [`inlet`](Self::inlet), or drop their clone.
///
/// With `OTEL_SDK_DISABLED=true` in the environment its layers record nothing; the database is opened all the same, and its
/// [`inlet`](Self::inlet) takes what is handed to it.
///
/// ```
/// use tracing_agents::{AgentTracing, TraceFilter, agent_span};
/// use tracing_subscriber::prelude::*;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), tracing_agents::Error> {
/// let tracing = AgentTracing::open("sqlite::memory:")?;
/// let _guard = tracing_subscriber::registry().with(tracing.layer()).set_default();
///
/// agent_span!("Greeter").in_scope(|| tracing::info!("hello"));
///
/// tracing.force_flush(Duration::from_secs(5))?;
/// let traces = tracing.repository().traces(&TraceFilter::new().agent("Greeter"))?;
/// assert_eq!(traces.items.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "dropping the last handle ends the tracing"]
pub struct AgentTracing(Arc<Inner>);

struct Inner {
    pipeline: Pipeline,
    store: Store,
    /// None where spans are kept as they are.
    policy: Option<Arc<Policy>>,
    capture: Capture,
    /// `OTEL_SDK_DISABLED` is not set.
    filter: AgentFilter,
    #[cfg(feature = "opentelemetry")]
    provider: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
}

impl AgentTracing {
    /// Opens the database at `url` with default options and starts the worker; makes the database if there is none.
    ///
    /// # Errors
    /// As [`Builder::open`].
    pub fn open(url: &str) -> Result<Self> {
        Self::builder(url).open()
    }

    /// Options for the database at `url`.
    pub fn builder(url: &str) -> Builder {
        Builder::new(url)
    }

    /// The one-line form, for a program that has no other layer: opens the database and makes its layer the global subscriber.
    ///
    /// Keep what it returns: dropping it ends the tracing.
    ///
    /// # Errors
    /// As [`Builder::open`], and [`ErrorKind::InvalidInput`] when the program has a global subscriber already.
    pub fn init(url: &str) -> Result<Self> {
        let tracing = Self::open(url)?;
        let subscriber = tracing_subscriber::registry().with(tracing.layer());
        tracing::subscriber::set_global_default(subscriber).map_err(|error| {
            Error::with_source(
                ErrorKind::InvalidInput,
                "this program has a subscriber already; add `tracing.layer()` to it instead of calling `init`",
                error,
            )
        })?;
        Ok(tracing)
    }

    /// The layer, inside its own per-layer filter ([`AgentFilter`]: INFO, and DEBUG for the content events of known frameworks).
    ///
    /// Add it last. Then a filter for the whole program (an `EnvFilter` that is itself a layer) that keeps content of frameworks from it
    /// is noticed: [`Health::hidden_content`] tells of it, and so do [`on_error`](Builder::on_error) and a warning.
    ///
    /// For another filter, take [`unfiltered_layer`](Self::unfiltered_layer) and its `with_filter`.
    #[must_use]
    pub fn layer<S>(&self) -> AgentLayer<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let filter = self.0.filter.clone();
        self.layer_behind(Some(filter.clone())).behind(filter)
    }

    /// The layer without a filter: it records every span of the program, of every level, unless you filter it.
    ///
    /// In a per-layer filter of yours it gets no `follows_from` edges to spans that have closed, and each enter and exit of a span costs more
    /// than in [its own](Self::layer).
    #[must_use]
    pub fn unfiltered_layer<S>(&self) -> AgentLayer<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        self.layer_behind(None)
    }

    fn layer_behind<S>(&self, filter: Option<AgentFilter>) -> AgentLayer<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let layer = AgentLayer::new(self.inlet(), Capture { filter, ..self.0.capture.clone() });
        if !self.0.filter.is_on() {
            return layer.off();
        }
        #[cfg(feature = "opentelemetry")]
        if let Some(provider) = &self.0.provider {
            let companion = crate::otel::bridge::layer(provider, layer.spans());
            return layer.with_companion(companion);
        }
        layer
    }

    /// The door for spans that are made without `tracing`.
    #[must_use]
    pub fn inlet(&self) -> Inlet {
        self.0.pipeline.inlet()
    }

    /// Stores events of spans that came as log records, before their spans or after them: see [`Store::write_events`]. What
    /// [`wire::decode_logs`](crate::wire::decode_logs) reads goes here.
    ///
    /// Unlike spans they have no queue: this blocks until they are committed, so it is no call for a thread of an async runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Connect`] or [`ErrorKind::Write`] when the database is away or refuses; calling it again with the same is right.
    pub fn write_events(&self, events: &[LoggedEvent]) -> Result<()> {
        let Some(policy) = &self.0.policy else { return self.0.store.write_events(events) };
        let mut events = events.to_vec();
        events.iter_mut().for_each(|event| policy.protect_event(event));
        self.0.store.write_events(&events)
    }

    /// Asks the database.
    #[must_use]
    pub fn repository(&self) -> TraceRepository {
        TraceRepository::new(self.0.store.clone())
    }

    /// Asks the database without blocking the caller's executor.
    #[cfg(feature = "async")]
    #[must_use]
    pub fn async_repository(&self) -> AsyncTraceRepository {
        AsyncTraceRepository::new(self.0.store.clone())
    }

    /// Texts on which [a redactor of yours](Builder::redact) panicked; a fixed text stands in the place of each.
    #[must_use]
    pub fn redactor_failures(&self) -> u64 {
        self.0.policy.as_ref().map_or(0, |policy| policy.failures())
    }

    /// What became of the spans so far, all counters of one instant.
    #[must_use]
    pub fn health(&self) -> Health {
        self.0.pipeline.health()
    }

    /// Waits until everything that ended before this call is stored, at most `deadline`.
    ///
    /// Works with and without an async runtime; it blocks the calling thread.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`], saying how many spans still wait and why.
    pub fn force_flush(&self, deadline: Duration) -> Result<()> {
        self.0.pipeline.force_flush(deadline)
    }

    /// Writes what waits, and spans that are still open as such, and stops the worker; spans that end later are refused.
    ///
    /// Returns at the deadline even when the database hangs: what still waits is then counted as dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] when the deadline passed first.
    pub fn shutdown(&self, deadline: Duration) -> Result<()> {
        self.0.pipeline.shutdown(deadline)
    }
}

impl From<&AgentTracing> for Inlet {
    fn from(tracing: &AgentTracing) -> Self {
        tracing.inlet()
    }
}

impl fmt::Debug for AgentTracing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentTracing").field("store", &self.0.store).field("health", &self.health()).finish()
    }
}
