//! The database: connections, tables, the writer. All SQL writes are here; [`schema`] and [`rows`] are public, for Diesel queries of
//! your own and joins with your own tables.

mod column;
mod connection;
mod content;
mod convert;
mod derived;
pub(crate) mod dialect;
mod forgetting;
mod identity;
mod inspecting;
mod interrupted;
mod logged;
mod migrate;
mod reaching;
#[cfg(feature = "async")]
mod reading;
mod record;
mod repricing;
mod retention;
pub(crate) mod rollup;
pub mod rows;
pub mod schema;
mod sender;
mod settled;
mod spool_folder;
mod url;
mod write;

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use diesel::r2d2::{Pool, PooledConnection};
use diesel::result::QueryResult;
use scheduled_thread_pool::ScheduledThreadPool;

pub(crate) use column::key_text;
#[cfg(test)]
pub(crate) use connection::dispatch;
pub(crate) use connection::{AnyConnection, ReadFailure, for_each_row, load};
use connection::{ConnectionPool, Manager};
pub(crate) use content::make_whole;
pub(crate) use convert::{Facet, fragment_id};
pub(crate) use derived::{Derived, Teller};
pub(crate) use dialect::for_each_backend;
#[cfg(feature = "async")]
pub(crate) use dialect::io::{blocking, within};
pub use inspecting::Inspection;
use reaching::Reaching;
pub(crate) use record::{expect_readable, record_of};
pub use repricing::Repriced;
pub(crate) use retention::Schedule;
pub use retention::{Pruned, Retention, RetentionRun};
pub(crate) use settled::Numbers;
use url::DatabaseUrl;
pub(crate) use write::{AnyOf, HEARTBEAT, MAX_EVENTS, StoreSink};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{ProcessId, TraceId};
use crate::pipeline::Sink;
use crate::semconv::Prices;

/// Connections that readers share.
const READERS: u32 = 4;
/// How often reads begin anew when their connection is lost: as often as the pool may hold one that the server has ended.
pub(crate) const READ_RETRIES: u32 = READERS;
/// How long a reader waits for a connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// After this time whoever waits for a connection asks whether one can be made.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// An open database with its tables up to date. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    url: DatabaseUrl,
    readers: ConnectionPool,
    /// The writer's own connection, so that readers never make it wait; a database in memory has only one connection for both.
    writer: ConnectionPool,
    /// As many as there are connections for readers: asynchronous ones wait here, where waiting takes no thread.
    #[cfg(feature = "async")]
    admission: Arc<tokio::sync::Semaphore>,
    /// Whoever awaits the result, where that may go away: then nothing more is begun.
    caller: Option<Weak<()>>,
    shared: Arc<Shared>,
}

/// What all handles of a database in this process share.
#[derive(Default)]
struct Shared {
    reaching: Reaching,
    identity: Arc<OnceLock<[u8; 16]>>,
}

impl Store {
    /// Opens the database, makes it if there is none, and brings its tables up to date.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidUrl`], [`ErrorKind::Connect`], [`ErrorKind::NewerSchema`] or [`ErrorKind::Migration`], each naming the URL
    /// (without password) and the way out.
    pub fn open(url: &str) -> Result<Self> {
        let store = Self::open_in_background(url)?;
        store.reach(Instant::now() + CONNECTION_TIMEOUT)?;
        Ok(store)
    }

    /// The same without waiting for the database, and without touching network or disk: it is connected, and its tables are brought up to
    /// date, by the first write or read, or the next one after that failed. Until then each says that it was not reached.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidUrl`].
    pub fn open_in_background(url: &str) -> Result<Self> {
        let url = DatabaseUrl::parse(url)?.absolute();
        // One thread for both pools, instead of three each.
        let opener =
            ScheduledThreadPool::builder().num_threads(1).thread_name_pattern("tracing-agents-connect").build();
        let opener = Arc::new(opener);
        let writer = pool(&url, 1, &opener)?;
        let readers = if url.is_memory() { writer.clone() } else { pool(&url, READERS, &opener)? };
        Ok(Self(Arc::new(Inner {
            #[cfg(feature = "async")]
            admission: Arc::new(tokio::sync::Semaphore::new(readers.max_size().try_into().unwrap_or(1))),
            url,
            readers,
            writer,
            caller: None,
            shared: Arc::default(),
        })))
    }

    /// What writes into this database, for a [`Pipeline`](crate::pipeline::Pipeline) of your own: as `process`, on `host`.
    #[must_use]
    pub fn sink(&self, process: ProcessId, host: &str) -> Box<dyn Sink> {
        Box::new(StoreSink::new(self.clone(), process, host.to_owned()))
    }

    /// Returns when the database was reached: at once, but for the first time.
    fn reach(&self, deadline: Instant) -> Result<()> {
        let Inner { url, writer, shared, .. } = &*self.0;
        shared.reaching.reach(deadline, || {
            if url.is_memory() {
                return migrate::migrate(&mut *connection_of(writer, url, deadline)?, url);
            }
            // Opened apart from the pool, whose own errors would hide what is wrong with the database.
            let mut connection = AnyConnection::open(url)?;
            connection.be_patient();
            migrate::migrate(&mut connection, url)
        })
    }

    /// Opens a database that exists: makes no file, and no tables in a database that has none.
    ///
    /// # Errors
    /// As for [`open`](Self::open); [`ErrorKind::Connect`] when there is no such database, or no traces' tables in it.
    pub fn open_existing(url: &str) -> Result<Self> {
        dialect::expect_traces(&DatabaseUrl::parse(url)?)?;
        Self::open(url)
    }

    /// Makes a trace's summary, its facets, its spans' counters and its session's summary anew from its spans; whether the trace is
    /// there.
    ///
    /// Every batch keeps them right, step by step; this is for a database that another program changed.
    ///
    /// # Errors
    /// [`ErrorKind::Write`] when the database refuses.
    pub fn recompute_trace(&self, trace_id: TraceId) -> Result<bool> {
        self.write(|connection| write::recompute_trace(connection, trace_id.as_bytes(), &Prices::default()))
    }

    /// Runs reads, all on the same state of the database. Whose connection is lost meanwhile begins anew on another one.
    pub(crate) fn read<T>(&self, mut body: impl FnMut(&mut AnyConnection) -> Result<T, Failure>) -> Result<T> {
        let mut retries = READ_RETRIES;
        loop {
            let mut connection = self.connection_from(&self.0.readers)?;
            match connection.read(&mut body) {
                Err(ReadFailure::Lost(_)) if retries > 0 => retries -= 1,
                result => return result.map_err(|failure| self.explain_read(failure)),
            }
        }
    }

    /// Runs asynchronous reads, all on the same state of the database, and waits for them.
    pub(crate) fn ask<T>(&self, body: impl AsyncFn(&mut AnyConnection) -> Result<T, Failure>) -> Result<T> {
        self.read(|connection| connection.wait(&body))
    }

    /// Runs writes, all or none.
    pub(crate) fn write<T>(&self, body: impl FnOnce(&mut AnyConnection) -> Result<T, Failure>) -> Result<T> {
        let mut connection = self.connection_from(&self.0.writer)?;
        connection.write(body).map_err(|failure| self.explain(failure, ErrorKind::Write, "cannot write to"))
    }

    /// Runs what makes transactions of its own.
    pub(crate) fn maintain<T>(&self, body: impl FnOnce(&mut AnyConnection) -> QueryResult<T>) -> Result<T> {
        let mut connection = self.connection_from(&self.0.writer)?;
        connection.maintain(body).map_err(|error| self.explain(error.into(), ErrorKind::Write, "cannot maintain"))
    }

    fn connection_from(&self, pool: &ConnectionPool) -> Result<PooledConnection<Manager>> {
        if self.0.caller.as_ref().is_some_and(|caller| caller.strong_count() == 0) {
            return Err(no_connection(&self.0.url, "nobody awaits it"));
        }
        self.connection_by(pool, Instant::now() + CONNECTION_TIMEOUT)
    }

    fn connection_by(&self, pool: &ConnectionPool, deadline: Instant) -> Result<PooledConnection<Manager>> {
        self.reach(deadline).map_err(|error| {
            Error::with_source(error.kind(), format!("{} was not reached yet", self.0.url), error.to_string())
        })?;
        connection_of(pool, &self.0.url, deadline)
    }

    pub(crate) fn explain_read(&self, failure: ReadFailure) -> Error {
        let (ReadFailure::Lost(failure) | ReadFailure::Refused(failure)) = failure;
        self.explain(failure, ErrorKind::Query, "cannot read from")
    }

    fn explain(&self, failure: Failure, kind: ErrorKind, what: &str) -> Error {
        match failure {
            Failure::Database(error) => Error::with_source(kind, format!("{what} {}", self.0.url), error),
            Failure::Own(error) => error,
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.0.url).finish()
    }
}

/// A database URL as messages show it.
pub(crate) fn shown_url(url: &str) -> Result<String> {
    DatabaseUrl::parse(url).map(|url| url.to_string())
}

/// What can go wrong inside a transaction.
pub(crate) enum Failure {
    /// The database refused.
    Database(diesel::result::Error),
    /// What it holds or should hold cannot be understood.
    Own(Error),
}

impl From<diesel::result::Error> for Failure {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

/// A pool that connects when it is asked, and whose connections then stay. `opener` is the thread that connects.
fn pool(url: &DatabaseUrl, size: u32, opener: &Arc<ScheduledThreadPool>) -> Result<ConnectionPool> {
    Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        .thread_pool(Arc::clone(opener))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_on_check_out(true)
        .connection_timeout(CONNECTION_TIMEOUT)
        .build(Manager { url: url.clone() })
        .map_err(|error| Error::with_source(ErrorKind::Connect, format!("cannot connect to {url}"), error))
}

/// A connection of the pool, and why there is none by the deadline.
///
/// Asks again and again: the pool tells those who wait when a connection comes back, but not when one is given up and another could be
/// made in its place.
fn connection_of(pool: &ConnectionPool, url: &DatabaseUrl, deadline: Instant) -> Result<PooledConnection<Manager>> {
    let mut why = String::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match pool.get_timeout(left.min(ASK_AGAIN)) {
            Ok(connection) => return Ok(connection),
            Err(error) => {
                // The one that names a cause is the longest. It is told only once.
                let said = error.to_string();
                if said.len() > why.len() {
                    why = said;
                }
            }
        }
        if left <= ASK_AGAIN {
            return Err(no_connection(url, &why));
        }
    }
}

fn no_connection(url: &DatabaseUrl, why: &str) -> Error {
    Error::with_source(ErrorKind::Connect, format!("no connection to {url} is free or can be made"), why)
}
