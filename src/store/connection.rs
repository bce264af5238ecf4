//! One connection, whatever the database, and the pool of them.

use diesel::connection::TransactionManager;
use diesel::r2d2::{ManageConnection, Pool};
use diesel::result::QueryResult;

use super::dialect;
use super::url::DatabaseUrl;
use crate::error::{Error, ErrorKind, Result};

/// A connection to one of the databases.
pub(crate) enum AnyConnection {
    #[cfg(feature = "sqlite")]
    Sqlite(diesel::SqliteConnection),
}

/// Runs one expression on the concrete connection: written once, checked for each database.
macro_rules! dispatch {
    ($connection:expr, $concrete:ident => $body:expr) => {
        match $connection {
            #[cfg(feature = "sqlite")]
            $crate::store::AnyConnection::Sqlite($concrete) => $body,
        }
    };
    // The same, with the module of that backend's statements.
    ($connection:expr, $concrete:ident, $statements:ident in $($path:ident)::+ => $body:expr) => {
        match $connection {
            #[cfg(feature = "sqlite")]
            $crate::store::AnyConnection::Sqlite($concrete) => {
                use $($path)::+::sqlite as $statements;
                $body
            }
        }
    };
}
pub(crate) use dispatch;

impl AnyConnection {
    pub(crate) fn open(url: &DatabaseUrl) -> Result<Self> {
        match url {
            #[cfg(feature = "sqlite")]
            DatabaseUrl::Sqlite(target) => dialect::sqlite::open(target).map(Self::Sqlite),
        }
    }

    /// Runs `body` in a transaction that holds the right to write from its start, so that it never has to be upgraded in the middle
    /// (SQLite refuses that at once, whatever the busy timeout).
    pub(crate) fn write<T, E: From<diesel::result::Error>>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        dispatch!(self, connection => dialect::begin_write(connection))?;
        match body(self) {
            Ok(value) => {
                dispatch!(self, connection => commit(connection))?;
                Ok(value)
            }
            Err(error) => {
                // The body's error says more than a rollback's; a connection that cannot roll back is broken and leaves the pool.
                let _ = dispatch!(self, connection => roll_back(connection));
                Err(error)
            }
        }
    }

    /// Runs `body` in a transaction, so that all its reads see the same state.
    pub(crate) fn read<T, E: From<diesel::result::Error>>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        dispatch!(self, connection => begin_read(connection))?;
        let result = body(self);
        let ended = dispatch!(self, connection => roll_back(connection));
        let value = result?;
        ended?;
        Ok(value)
    }

    fn is_broken(&mut self) -> bool {
        dispatch!(self, connection => is_broken(connection))
    }
}

fn begin_read<C: diesel::Connection>(connection: &mut C) -> QueryResult<()> {
    C::TransactionManager::begin_transaction(connection)
}

fn commit<C: diesel::Connection>(connection: &mut C) -> QueryResult<()> {
    C::TransactionManager::commit_transaction(connection)
}

fn roll_back<C: diesel::Connection>(connection: &mut C) -> QueryResult<()> {
    C::TransactionManager::rollback_transaction(connection)
}

fn is_broken<C: diesel::Connection>(connection: &mut C) -> bool {
    C::TransactionManager::is_broken_transaction_manager(connection)
}

/// Opens connections for the pool.
#[derive(Debug)]
pub(crate) struct Manager {
    pub(crate) url: DatabaseUrl,
}

impl ManageConnection for Manager {
    type Connection = AnyConnection;
    type Error = Error;

    fn connect(&self) -> Result<AnyConnection> {
        AnyConnection::open(&self.url)
    }

    fn is_valid(&self, connection: &mut AnyConnection) -> Result<()> {
        if connection.is_broken() {
            return Err(Error::new(ErrorKind::Connect, "the connection has an unfinished transaction"));
        }
        Ok(())
    }

    fn has_broken(&self, connection: &mut AnyConnection) -> bool {
        std::thread::panicking() || connection.is_broken()
    }
}

/// The pool of a store.
pub(crate) type ConnectionPool = Pool<Manager>;
