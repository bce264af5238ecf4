//! One connection, whatever the database, and the pool of them.

use diesel::connection::{TransactionManager, TransactionManagerStatus};
use diesel::r2d2::{ManageConnection, Pool};
use diesel::result::QueryResult;

use super::Failure;
use super::dialect::{self, Dialect as _};
use super::url::DatabaseUrl;
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "sqlite")]
use crate::pipeline::block_on;

/// A connection to one of the databases.
pub(crate) enum AnyConnection {
    #[cfg(feature = "sqlite")]
    Sqlite(diesel::SqliteConnection),
    #[cfg(feature = "postgres")]
    Postgres(Box<dialect::Server<dialect::postgres::PostgresConnection>>),
    #[cfg(feature = "mysql")]
    Mysql(Box<dialect::Server<dialect::mysql::MysqlConnection>>),
}

/// Runs one expression on the concrete connection: written once, checked for each database.
macro_rules! dispatch {
    ($connection:expr, $concrete:ident => $body:expr) => {
        match $connection {
            #[cfg(feature = "sqlite")]
            $crate::store::AnyConnection::Sqlite($concrete) => $body,
            #[cfg(feature = "postgres")]
            $crate::store::AnyConnection::Postgres(server) => {
                let $concrete = &mut server.connection;
                $body
            }
            #[cfg(feature = "mysql")]
            $crate::store::AnyConnection::Mysql(server) => {
                let $concrete = &mut server.connection;
                $body
            }
        }
    };
}
pub(crate) use dispatch;

/// Awaits all rows of a statement, built by the module of that backend's statements.
macro_rules! load {
    ($connection:expr, $statements:ident in $($path:ident)::+ => $statement:expr) => {
        match $connection {
            #[cfg(feature = "sqlite")]
            $crate::store::AnyConnection::Sqlite(connection) => {
                use $($path)::+::sqlite as $statements;
                diesel::RunQueryDsl::load($statement, connection)
            }
            #[cfg(feature = "postgres")]
            $crate::store::AnyConnection::Postgres(server) => {
                use $($path)::+::postgres as $statements;
                match diesel_async::RunQueryDsl::load_stream($statement, &mut *server.connection).await {
                    Ok(rows) => $crate::store::dialect::stream::collect(rows).await,
                    Err(error) => Err(error),
                }
            }
            #[cfg(feature = "mysql")]
            $crate::store::AnyConnection::Mysql(server) => {
                use $($path)::+::mysql as $statements;
                match diesel_async::RunQueryDsl::load_stream($statement, &mut *server.connection).await {
                    Ok(rows) => $crate::store::dialect::stream::collect(rows).await,
                    Err(error) => Err(error),
                }
            }
        }
    };
}
pub(crate) use load;

/// Awaits the rows of a statement one by one, so that they are never in memory all at once.
macro_rules! for_each_row {
    ($connection:expr, $statements:ident in $($path:ident)::+ => $statement:expr, $row:ident: $type:ty => $body:expr) => {
        match $connection {
            #[cfg(feature = "sqlite")]
            $crate::store::AnyConnection::Sqlite(connection) => {
                use $($path)::+::sqlite as $statements;
                let statement = $statement;
                for row in diesel::RunQueryDsl::load_iter::<$type, diesel::connection::DefaultLoadingMode>(
                    statement, connection,
                )? {
                    let $row = row?;
                    $body
                }
            }
            #[cfg(feature = "postgres")]
            $crate::store::AnyConnection::Postgres(server) => {
                use $($path)::+::postgres as $statements;
                let rows = diesel_async::RunQueryDsl::load_stream::<$type>($statement, &mut *server.connection).await?;
                let mut rows = $crate::store::dialect::stream::RowStream::new(rows);
                while let Some(row) = rows.next().await {
                    let $row = row?;
                    $body
                }
            }
            #[cfg(feature = "mysql")]
            $crate::store::AnyConnection::Mysql(server) => {
                use $($path)::+::mysql as $statements;
                let rows = diesel_async::RunQueryDsl::load_stream::<$type>($statement, &mut *server.connection).await?;
                let mut rows = $crate::store::dialect::stream::RowStream::new(rows);
                while let Some(row) = rows.next().await {
                    let $row = row?;
                    $body
                }
            }
        }
    };
}
pub(crate) use for_each_row;

impl AnyConnection {
    pub(crate) fn open(url: &DatabaseUrl) -> Result<Self> {
        match url {
            #[cfg(feature = "sqlite")]
            DatabaseUrl::Sqlite(target) => dialect::sqlite::open(target).map(Self::Sqlite),
            #[cfg(feature = "postgres")]
            DatabaseUrl::Postgres(url) => {
                Ok(Self::Postgres(Box::new(dialect::Server::new(dialect::postgres::open(url)?))))
            }
            #[cfg(feature = "mysql")]
            DatabaseUrl::Mysql(url) => Ok(Self::Mysql(Box::new(dialect::Server::new(dialect::mysql::open(url)?)))),
        }
    }

    /// Runs `body` in a transaction that holds the right to write from its start, so that it never has to be upgraded in the middle
    /// (SQLite refuses that at once, whatever the busy timeout).
    pub(crate) fn write<T, E: From<diesel::result::Error>>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        dispatch!(self, connection => dialect::begin_write(connection)).inspect_err(|_| self.suspect())?;
        match body(self) {
            Ok(value) => {
                dispatch!(self, connection => commit(connection)).inspect_err(|_| self.suspect())?;
                Ok(value)
            }
            Err(error) => {
                // The body's error says more than a rollback's; a connection that cannot roll back is broken and leaves the pool.
                let _ = dispatch!(self, connection => roll_back(connection));
                self.suspect();
                Err(error)
            }
        }
    }

    /// Runs `body` as [`write`](Self::write) does, and takes back whatever it did.
    pub(crate) fn rehearse<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T, Failure>) -> Result<T, Failure> {
        dispatch!(self, connection => dialect::begin_write(connection)).inspect_err(|_| self.suspect())?;
        let result = body(self);
        let taken_back = dispatch!(self, connection => roll_back(connection));
        if result.is_err() || taken_back.is_err() {
            self.suspect();
        }
        taken_back?;
        result
    }

    /// Whether whole rows in an index's order are read along it. MySQL and MariaDB may find that they would rather read and sort them all.
    pub(crate) const fn reads_rows_in_order(&self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => true,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => true,
            #[cfg(feature = "mysql")]
            Self::Mysql(_) => false,
        }
    }

    /// What asks a database for its product and version, in the column `version`.
    pub(crate) const fn version_query(&self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => "SELECT 'SQLite ' || sqlite_version() AS version",
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => "SELECT 'PostgreSQL ' || current_setting('server_version') AS version",
            #[cfg(feature = "mysql")]
            Self::Mysql(_) => {
                "SELECT CONCAT(IF(VERSION() LIKE '%MariaDB%', 'MariaDB ', 'MySQL '), VERSION()) AS version"
            }
        }
    }

    /// Runs `body` in a transaction, so that all its reads see the same state.
    pub(crate) fn read<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T, Failure>) -> Result<T, ReadFailure> {
        let result = match self.wait(Self::begin_read) {
            Ok(()) => body(self),
            Err(error) => Err(error.into()),
        };
        let ended = self.wait(Self::end_read);
        self.read_ended(result, ended)
    }

    /// What reads come to, whose transaction ended like this. One that cannot be ended had no connection any more.
    pub(crate) fn read_ended<T>(
        &mut self,
        result: Result<T, Failure>,
        ended: QueryResult<()>,
    ) -> Result<T, ReadFailure> {
        match (result, ended) {
            (result, Ok(())) => result.map_err(ReadFailure::Refused),
            (result, Err(error)) => {
                self.suspect();
                let failure = result.err().unwrap_or(Failure::Database(error));
                Err(if self.is_server() && !self.is_late() {
                    ReadFailure::Lost(failure)
                } else {
                    ReadFailure::Refused(failure)
                })
            }
        }
    }

    /// Runs what makes transactions of its own.
    pub(crate) fn maintain<T>(&mut self, body: impl FnOnce(&mut Self) -> QueryResult<T>) -> QueryResult<T> {
        body(self).inspect_err(|_| self.suspect())
    }

    /// Begins a transaction whose reads all see the same state.
    pub(crate) async fn begin_read(&mut self) -> QueryResult<()> {
        dispatch!(self, connection => connection.begin_read().await)
    }

    /// Ends it.
    pub(crate) async fn end_read(&mut self) -> QueryResult<()> {
        dispatch!(self, connection => connection.end_read().await)
    }

    /// Runs asynchronous reads to their end on the calling thread.
    pub(crate) fn wait<T>(&mut self, body: impl AsyncFnOnce(&mut Self) -> T) -> T {
        match self {
            // Needs no runtime: none of its futures ever waits.
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => block_on(body(self)),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => dialect::io::wait(body(self)),
            #[cfg(feature = "mysql")]
            Self::Mysql(_) => dialect::io::wait(body(self)),
        }
    }

    /// After a failed write a server's connection is not used again: what is wrong may be the connection, and no error says so reliably.
    pub(crate) fn suspect(&mut self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => {}
            #[cfg(feature = "postgres")]
            Self::Postgres(server) => server.is_suspect = true,
            #[cfg(feature = "mysql")]
            Self::Mysql(server) => server.is_suspect = true,
        }
    }

    /// Lets statements take as long as bringing tables up to date may.
    pub(crate) fn be_patient(&mut self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => {}
            #[cfg(feature = "postgres")]
            Self::Postgres(server) => server.be_patient(),
            #[cfg(feature = "mysql")]
            Self::Mysql(server) => server.be_patient(),
        }
    }

    /// Whether a server let a deadline pass. Another connection would wait as long again.
    fn is_late(&self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Self::Postgres(server) => server.connection.is_late(),
            #[cfg(feature = "mysql")]
            Self::Mysql(server) => server.connection.is_late(),
        }
    }

    /// Has the server stop what it does for this connection.
    #[cfg(feature = "async")]
    pub(crate) fn stop(&self, url: &DatabaseUrl) -> impl Future<Output = ()> + Send + use<> {
        type Stop = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
        let stop: Stop = match (self, url) {
            #[cfg(feature = "sqlite")]
            (Self::Sqlite(_), _) => Box::pin(std::future::ready(())),
            #[cfg(feature = "postgres")]
            (Self::Postgres(server), DatabaseUrl::Postgres(url)) => {
                Box::pin(dialect::postgres::stop(&server.connection, url))
            }
            #[cfg(all(feature = "postgres", any(feature = "sqlite", feature = "mysql")))]
            (Self::Postgres(_), _) => Box::pin(std::future::ready(())),
            #[cfg(feature = "mysql")]
            (Self::Mysql(server), _) => Box::pin(dialect::mysql::stop(&server.connection)),
        };
        stop
    }

    /// Whether there is something between us and the database that can be lost.
    pub(crate) fn is_server(&self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => false,
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            _ => true,
        }
    }

    fn is_broken(&mut self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => is_broken(connection),
            #[cfg(feature = "postgres")]
            Self::Postgres(server) => server.is_lost() || is_broken(&mut server.connection),
            #[cfg(feature = "mysql")]
            Self::Mysql(server) => server.is_lost() || is_broken(&mut server.connection),
        }
    }

    /// Whether a connection that lay idle still answers.
    fn answers(&mut self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => true,
            #[cfg(feature = "postgres")]
            Self::Postgres(server) => server.answers(),
            #[cfg(feature = "mysql")]
            Self::Mysql(server) => server.answers(),
        }
    }
}

fn commit<C: diesel::Connection>(connection: &mut C) -> QueryResult<()> {
    C::TransactionManager::commit_transaction(connection)
}

fn roll_back<C: diesel::Connection>(connection: &mut C) -> QueryResult<()> {
    C::TransactionManager::rollback_transaction(connection)
}

/// Whether the connection is in the middle of something: a transaction that nobody ended.
fn is_broken<C: diesel::Connection>(connection: &mut C) -> bool {
    let is_open = match C::TransactionManager::transaction_manager_status_mut(connection) {
        TransactionManagerStatus::Valid(status) => status.transaction_depth().is_some(),
        TransactionManagerStatus::InError => true,
    };
    is_open || C::TransactionManager::is_broken_transaction_manager(connection)
}

/// Whether connections to this database can be awaited; others only block.
#[cfg(feature = "async")]
pub(crate) fn is_server(url: &DatabaseUrl) -> bool {
    match url {
        #[cfg(feature = "sqlite")]
        DatabaseUrl::Sqlite(_) => false,
        #[cfg(any(feature = "postgres", feature = "mysql"))]
        _ => true,
    }
}

/// Why there is nothing read.
pub(crate) enum ReadFailure {
    /// The connection was lost meanwhile: another one may do.
    Lost(Failure),
    /// The database refused, or what it holds cannot be understood.
    Refused(Failure),
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
        if !connection.answers() {
            return Err(Error::new(ErrorKind::Connect, "the connection was closed"));
        }
        Ok(())
    }

    fn has_broken(&self, connection: &mut AnyConnection) -> bool {
        std::thread::panicking() || connection.is_broken()
    }
}

/// The pool of a store.
pub(crate) type ConnectionPool = Pool<Manager>;
