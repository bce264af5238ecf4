//! Reading without blocking the caller's executor.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use diesel::r2d2::PooledConnection;
use tokio::sync::OwnedSemaphorePermit;

use super::connection::{self, AnyConnection, Manager, ReadFailure};
use super::dialect::io;
use super::{CONNECTION_TIMEOUT, Failure, Inner, Store, no_connection};
use crate::error::Result;

/// How long the server may take to hear that nobody waits for an answer any more.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads on a server's connection, all on the same state of the database. Dropped before its [end](Read::finish), it gives the connection
/// up, and has the server stop what it does for it.
pub(crate) struct Read {
    store: Store,
    /// `None` when it is given up.
    held: Option<Held>,
    is_finished: bool,
}

/// A connection, and the right to have one.
struct Held {
    connection: PooledConnection<Manager>,
    _permit: OwnedSemaphorePermit,
}

impl Read {
    /// Begins the transaction.
    pub(crate) async fn begin(&mut self) -> Result<&mut AnyConnection, Failure> {
        let connection = self.connection()?;
        connection.begin_read().await?;
        Ok(connection)
    }

    /// Ends it, and gives what was read or why it could not be.
    pub(crate) async fn finish<T>(mut self, result: Result<T, Failure>) -> Result<T, ReadFailure> {
        let connection = self.connection().map_err(|error| ReadFailure::Refused(error.into()))?;
        let ended = connection.end_read().await;
        let result = connection.read_ended(result, ended);
        self.is_finished = true;
        result
    }

    fn connection(&mut self) -> Result<&mut AnyConnection> {
        match &mut self.held {
            Some(held) => Ok(&mut held.connection),
            None => Err(no_connection(&self.store.0.url, "it was given up")),
        }
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        let Some(mut held) = self.held.take() else { return };
        // A driver closes a connection in the runtime in which it is dropped: that is to be ours.
        let Ok(runtime) = io::handle() else { return };
        let _inside = runtime.enter();
        if self.is_finished {
            return drop(held);
        }
        held.connection.suspect();
        let stop = held.connection.stop(&self.store.0.url);
        // Until the server knows, the connection counts: calls that come and go do not add up to more work than there are connections.
        runtime.spawn(async move {
            let _ = tokio::time::timeout(STOP_TIMEOUT, stop).await;
            drop(held);
        });
    }
}

impl Store {
    /// Whether its connections can be awaited. Others only block.
    pub(crate) fn is_server(&self) -> bool {
        connection::is_server(&self.0.url)
    }

    /// A connection for reads. Nothing blocks the caller: neither the wait for one nor connecting.
    pub(crate) async fn reader(&self) -> Result<Read> {
        let deadline = Instant::now() + CONNECTION_TIMEOUT;
        let permit = self.admit().await?;
        let store = self.clone();
        let held = io::blocking(move || {
            let connection = store.connection_by(&store.0.readers, deadline)?;
            Ok(Held { connection, _permit: permit })
        });
        Ok(Read { store: self.clone(), held: Some(held.await?), is_finished: false })
    }

    /// Runs blocking reads on a thread that may block.
    pub(crate) async fn read_on_thread<T: Send + 'static>(
        &self,
        body: impl FnOnce(Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = self.admit().await?;
        self.on_thread(move |store| {
            let result = body(store);
            drop(permit);
            result
        })
        .await
    }

    /// Runs blocking calls on a thread that may block. When the future is dropped, a transaction that was begun is finished, and no other
    /// is begun.
    pub(crate) async fn on_thread<T: Send + 'static>(
        &self,
        body: impl FnOnce(Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let caller = Arc::new(());
        let store = self.while_alive(Arc::downgrade(&caller));
        let result = io::blocking(move || body(store)).await;
        drop(caller);
        result
    }

    /// The same store, but for a caller that may go away.
    fn while_alive(&self, caller: Weak<()>) -> Self {
        let Inner { url, readers, writer, admission, caller: _, shared } = &*self.0;
        Self(Arc::new(Inner {
            url: url.clone(),
            readers: readers.clone(),
            writer: writer.clone(),
            admission: Arc::clone(admission),
            caller: Some(caller),
            shared: Arc::clone(shared),
        }))
    }

    /// Waits for the right to have a connection, in the order of asking: so many threads may block as there are connections, not more.
    async fn admit(&self) -> Result<OwnedSemaphorePermit> {
        match tokio::time::timeout(CONNECTION_TIMEOUT, Arc::clone(&self.0.admission).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(no_connection(&self.0.url, "timed out waiting for connection")),
        }
    }
}
