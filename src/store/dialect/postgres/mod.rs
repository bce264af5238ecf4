//! PostgreSQL.

mod bulk;
mod partition;
mod space;

use std::collections::BTreeSet;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, TransactionManager as _};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use self::bulk::BulkInsert;
pub(crate) use self::partition::partition as lay_out;
use super::cell::{Keep, OnConflict, Row};
use super::io::{self, Io};
use super::server::{cannot_connect, lock_stored, lock_stored_parts};
use super::timed::Timed;
use super::tls;
use super::{Dialect, Space};
use crate::error::{Error, ErrorKind, Result};
use crate::store::rows::{ResourceRow, ScopeRow, SessionRow, TraceRow};
use crate::store::schema::{content_days, sessions, traces};
use crate::store::url::{ServerUrl, TlsMode};

/// A connection as Diesel's blocking interface sees it; the asynchronous one is inside.
pub(crate) type PostgresConnection = AsyncConnectionWrapper<Timed<AsyncPgConnection>, Io>;

/// How long the server may take to answer a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// After this time without an answer to what was sent, or of silence that probes do not end, the connection is given up.
const SILENCE: Duration = Duration::from_secs(30);

/// Opens a connection.
pub(crate) fn open(url: &ServerUrl) -> Result<PostgresConnection> {
    io::handle()?;
    let mut config: tokio_postgres::Config = url.driver.parse().map_err(|error| cannot_connect(url, &error))?;
    config.ssl_mode(match url.tls {
        TlsMode::Disable => SslMode::Disable,
        TlsMode::Prefer => SslMode::Prefer,
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
    });
    if config.get_application_name().is_none() {
        config.application_name("tracing-agents");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    config.keepalives_idle(SILENCE);
    let tls = MakeRustlsConnect::new(tls::client_config(url)?);
    // The driver's own limit ends with the connection; a server that takes it and then says nothing has all the time of the world.
    let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(1).max(1);
    let all = config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT).min(url.timeout).saturating_mul(hosts);
    io::wait(async {
        let connecting = async {
            let (client, connection) = config.connect(tls).await.map_err(|error| cannot_connect(url, &error))?;
            let connection = AsyncPgConnection::try_from_client_and_connection(client, connection).await;
            connection.map_err(|error| cannot_connect(url, &error))
        };
        let connection = tokio::time::timeout(all, connecting).await.map_err(|late| cannot_connect(url, &late))??;
        Ok(PostgresConnection::from(Timed::new(connection, url.timeout)))
    })
}

/// Has the server stop the statement that it runs for this connection.
#[cfg(feature = "async")]
pub(crate) fn stop(connection: &PostgresConnection, url: &ServerUrl) -> impl Future<Output = ()> + Send + use<> {
    let token = connection.inner().cancel_token();
    let tls = tls::client_config(url).map(MakeRustlsConnect::new);
    async move {
        if let Ok(tls) = tls {
            // Without it the server goes on until it has something to send, and finds nobody there.
            let _ = token.cancel_query(tls).await;
        }
    }
}

/// Refuses a database that holds no traces, without touching anything.
pub(crate) fn expect_traces(url: &ServerUrl) -> Result<()> {
    #[derive(QueryableByName)]
    struct Tables {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        count: i64,
    }
    let tables: QueryResult<Tables> = diesel::sql_query(
        "SELECT count(*) AS count FROM (VALUES (to_regclass('spans')), (to_regclass('traces'))) AS tables (name)
         WHERE name IS NOT NULL",
    )
    .get_result(&mut open(url)?);
    match tables {
        Ok(Tables { count }) if count < 2 => Err(Error::new(
            ErrorKind::Connect,
            format!("{} holds no traces; name the database that a program with AgentTracing writes", url.shown),
        )),
        // What else is wrong is said when it is opened to be read.
        _ => Ok(()),
    }
}

fn add<R: Row>(connection: &mut PostgresConnection, rows: &[&R]) -> QueryResult<usize> {
    if rows.is_empty() {
        return Ok(0);
    }
    BulkInsert::<R, Keep>::new(rows).execute(connection)
}

lock_stored!(lock_stored_traces, PostgresConnection, traces::trace_id, [u8], Vec<u8>);
lock_stored!(lock_stored_sessions, PostgresConnection, sessions::session_id, str, String);
lock_stored_parts!(PostgresConnection);

impl Dialect for PostgresConnection {
    fn begin_write(&mut self) -> QueryResult<()> {
        // What another writer committed while this one waited for a lock must be seen.
        let begin = "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE";
        io::wait(AnsiTransactionManager::begin_transaction_sql(&mut **self, begin))
    }

    async fn begin_read(&mut self) -> QueryResult<()> {
        let begin = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
        AnsiTransactionManager::begin_transaction_sql(&mut **self, begin).await
    }

    async fn end_read(&mut self) -> QueryResult<()> {
        AnsiTransactionManager::rollback_transaction(&mut **self).await
    }

    fn lock_traces(&mut self, ids: &[&[u8]]) -> QueryResult<()> {
        let locked = lock_stored_traces(self, ids)?;
        let missing: Vec<&[u8]> = ids.iter().copied().filter(|id| !locked.contains(*id)).collect();
        let rows: Vec<TraceRow> = missing.iter().map(|id| TraceRow::placeholder(id)).collect();
        if add(self, &rows.iter().collect::<Vec<_>>())? < missing.len() {
            // Another writer was quicker, and has committed by now.
            lock_stored_traces(self, &missing)?;
        }
        Ok(())
    }

    fn lock_sessions(&mut self, ids: &[&str]) -> QueryResult<()> {
        let locked = lock_stored_sessions(self, ids)?;
        let missing: Vec<&str> = ids.iter().copied().filter(|id| !locked.contains(*id)).collect();
        let rows: Vec<SessionRow> = missing.iter().map(|id| SessionRow::placeholder(id)).collect();
        if add(self, &rows.iter().collect::<Vec<_>>())? < missing.len() {
            lock_stored_sessions(self, &missing)?;
        }
        Ok(())
    }

    fn insert<R: Row, C: OnConflict>(&mut self, rows: &[&R]) -> QueryResult<()> {
        BulkInsert::<R, C>::new(rows).execute(self).map(drop)
    }

    fn add_resources(&mut self, rows: &[&ResourceRow]) -> QueryResult<()> {
        add(self, rows).map(drop)
    }

    fn add_scopes(&mut self, rows: &[&ScopeRow]) -> QueryResult<()> {
        add(self, rows).map(drop)
    }

    fn prepare_days(&mut self, today: i32) -> QueryResult<()> {
        partition::make_ahead(self, today)
    }

    fn drop_days(&mut self, before_ns: i64) -> QueryResult<u64> {
        partition::drop_old(self, before_ns)
    }

    fn release_space(&mut self) -> QueryResult<bool> {
        // Autovacuum does that, or a partition goes as a whole.
        Ok(false)
    }

    fn space(&mut self, is_use_asked: bool) -> QueryResult<Space> {
        space::of_traces(self, is_use_asked)
    }

    fn share_day(&mut self, day: i32) -> QueryResult<Option<(i64, bool)>> {
        let row = content_days::table.select((content_days::sweep, content_days::is_swept));
        row.filter(content_days::start_day.eq(day)).for_share().first(self).optional()
    }

    fn take_day(&mut self, day: i32) -> QueryResult<()> {
        // Who waits has all later writers wait behind it.
        self.batch_execute("SET LOCAL lock_timeout = '200ms'")?;
        let row = content_days::table.select(content_days::sweep).filter(content_days::start_day.eq(day)).for_update();
        row.load::<i64>(self).map(drop)
    }

    fn lock_parts(&mut self, day: i32, digests: &[&[u8]]) -> QueryResult<()> {
        lock_stored_parts(self, day, digests)
    }

    fn hold_senders(&mut self) -> QueryResult<bool> {
        // Who has looked up a sender holds a weaker lock until its spans are committed.
        self.batch_execute(
            "SET LOCAL lock_timeout = '50ms'; LOCK TABLE resources, scopes IN SHARE ROW EXCLUSIVE MODE",
        )?;
        Ok(true)
    }
}
