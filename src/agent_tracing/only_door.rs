//! For programs without `tracing`: an exporter that has the handle, in place of the program.

use std::time::Duration;

use super::AgentTracing;
use crate::error::Result;
use crate::otel::{Owned, StoreExporter};

impl StoreExporter {
    /// Opens the database at `url` with default options, for a program whose spans all come from an `SdkTracerProvider`: shutting down the
    /// provider writes what waits and closes the database.
    ///
    /// Programs that keep an [`AgentTracing`], for its repository or health, use [`StoreExporter::new`]; options are
    /// [`AgentTracing::into_exporter`]'s.
    ///
    /// ```
    /// use opentelemetry_sdk::trace::SdkTracerProvider;
    /// use tracing_agents::otel::StoreExporter;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let url = format!("sqlite://{}/traces.db", folder.path().display());
    /// let provider = SdkTracerProvider::builder().with_simple_exporter(StoreExporter::open(&url)?).build();
    /// // … spans …
    /// provider.shutdown()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Builder::open`](crate::Builder::open).
    pub fn open(url: &str) -> Result<Self> {
        Ok(AgentTracing::open(url)?.into_exporter())
    }
}

impl AgentTracing {
    /// The handle as an exporter for an `SdkTracerProvider`: shutting down the provider [shuts down](Self::shutdown) the tracing, also where
    /// clones of the handle are kept.
    ///
    /// ```no_run
    /// use opentelemetry_sdk::trace::SdkTracerProvider;
    /// use tracing_agents::AgentTracing;
    ///
    /// # fn main() -> Result<(), tracing_agents::Error> {
    /// let exporter = AgentTracing::builder("sqlite://traces.db").service_name("shop").open()?.into_exporter();
    /// let provider = SdkTracerProvider::builder().with_simple_exporter(exporter).build();
    /// # drop(provider);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn into_exporter(self) -> StoreExporter {
        StoreExporter::owning(self.inlet(), Box::new(self))
    }
}

impl Owned for AgentTracing {
    fn shutdown(&self, deadline: Duration) -> Result<()> {
        Self::shutdown(self, deadline)
    }
}
