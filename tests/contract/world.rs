//! What a case gets: an empty database, writers into it and a repository on it.

use std::sync::Arc;
use std::time::Duration;

use tracing_agents::model::SpanRecord;
use tracing_agents::{AgentTracing, Builder};

use crate::api::{Api, Repository};
use crate::database::{Database, Place};

/// Long enough for a busy machine; only a hang takes it all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A database of its own, and the way of asking it.
pub(crate) struct World {
    pub(crate) api: Api,
    pub(crate) database: Database,
}

impl World {
    /// With a database that has no tables yet, if it `is_new`.
    pub(crate) fn new(place: &Arc<Place>, api: Api, is_new: bool) -> Self {
        Self { api, database: if is_new { place.database() } else { place.empty_database() } }
    }

    /// The database's part of the test's name.
    pub(crate) fn engine(&self) -> &'static str {
        self.database.place().engine().name
    }

    /// Options of a writer that refuses nothing and writes when it is told to, so that a `write` is as few batches as can be.
    pub(crate) fn builder(&self) -> Builder {
        Self::builder_of(self.database.url())
    }

    /// The same for a database that is reached in another way.
    pub(crate) fn builder_of(url: &str) -> Builder {
        AgentTracing::builder(url)
            .max_queue_size(1_000_000)
            .max_queue_bytes(1 << 30)
            .max_export_batch_size(1_000)
            .scheduled_delay(PATIENCE)
            // Writers come and go in one test: none of them is to look after what another left open, unless it is told to.
            .heartbeat(60 * PATIENCE)
            .shutdown_timeout(PATIENCE)
    }

    /// A writer, with the tables made.
    pub(crate) fn writer(&self) -> Writer {
        Writer(self.builder().open().unwrap())
    }

    /// The same to another database.
    pub(crate) fn writer_to(&self, database: &Database) -> Writer {
        Writer(Self::builder_of(database.url()).open().unwrap())
    }

    /// A repository on what is there.
    pub(crate) fn repository(&self) -> Repository {
        self.api.open(self.database.url()).unwrap()
    }

    /// Writes spans, and opens a repository once their writer is gone.
    pub(crate) fn with(&self, spans: impl IntoIterator<Item = impl Into<SpanRecord>>) -> Repository {
        self.writer().write(spans);
        self.repository()
    }
}

/// Writes spans through the public door.
pub(crate) struct Writer(pub(crate) AgentTracing);

impl Writer {
    /// Writes spans, and waits until each of them is stored.
    #[track_caller]
    pub(crate) fn write(&self, spans: impl IntoIterator<Item = impl Into<SpanRecord>>) {
        let inlet = self.0.inlet();
        for span in spans {
            inlet.accept(span.into()).unwrap();
        }
        self.flush();
    }

    /// Waits until all that was accepted is stored.
    #[track_caller]
    pub(crate) fn flush(&self) {
        self.0.force_flush(PATIENCE).unwrap();
        let health = self.0.health();
        assert_eq!(health.stored, health.accepted, "{health:?}");
    }
}
