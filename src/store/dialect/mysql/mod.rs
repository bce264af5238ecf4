//! MySQL and MariaDB.

mod bulk;

use std::collections::BTreeSet;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AnsiTransactionManager, AsyncMysqlConnection, TransactionManager as _};
use mysql_async::{DriverError, Opts, OptsBuilder, SslOpts};

use super::cell::{Keep, OnConflict, Row};
use super::io::{self, Io};
use super::server::{cannot_connect, lock_stored, lock_stored_parts};
use super::timed::Timed;
use super::{Dialect, Space};
use crate::error::{Error, ErrorKind, Result};
use crate::store::rows::{
    ContentRow, DayRow, DeadLetterPartRow, DeadLetterRow, EventRow, FacetRow, IdentityRow, LossRow, PartRow,
    ProcessRow, ResourceRow, RollupRow, ScopeRow, SessionRow, SettledRow, SpanRow, TraceRow,
};
use crate::store::schema::{content_days, resources, scopes, sessions, traces};
use crate::store::url::{ServerUrl, TlsMode};

/// A connection as Diesel's blocking interface sees it; the asynchronous one is inside.
pub(crate) type MysqlConnection = AsyncConnectionWrapper<Timed<AsyncMysqlConnection>, Io>;

/// How long the server may take to answer a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// After this time of silence the system asks the server whether it is still there, in milliseconds.
const SILENCE_MS: u32 = 30_000;

/// Settings of every connection, whatever the server's are: what does not fit is refused and not cut, and a read sees one state.
const SETTINGS: [&str; 2] = [
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE'",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
];

/// Opens a connection.
pub(crate) fn open(url: &ServerUrl) -> Result<MysqlConnection> {
    io::handle()?;
    let options = Opts::from_url(&url.driver).map_err(|error| cannot_connect(url, &error))?;
    let options = OptsBuilder::from_opts(options)
        .tcp_keepalive(Some(SILENCE_MS))
        .stmt_cache_size(0) // Diesel keeps the statements.
        .client_found_rows(true)
        .setup(SETTINGS.to_vec());
    let tls = tls_options(url);
    io::wait(async {
        let connecting = async {
            let connection = match mysql_async::Conn::new(options.clone().ssl_opts(tls)).await {
                Err(mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer))
                    if url.tls == TlsMode::Prefer =>
                {
                    mysql_async::Conn::new(options.ssl_opts(None)).await
                }
                result => result,
            };
            let connection = connection.map_err(|error| cannot_connect(url, &error))?;
            AsyncMysqlConnection::try_from(connection).await.map_err(|error| cannot_connect(url, &error))
        };
        match tokio::time::timeout(CONNECT_TIMEOUT.min(url.timeout), connecting).await {
            Ok(connection) => connection.map(|connection| Timed::new(connection, url.timeout).into()),
            Err(late) => Err(cannot_connect(url, &late)),
        }
    })
}

fn tls_options(url: &ServerUrl) -> Option<SslOpts> {
    if url.tls == TlsMode::Disable {
        return None;
    }
    // The driver takes the process's provider. It would panic where a build has two and the program chose none.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let mut options = SslOpts::default()
        .with_danger_accept_invalid_certs(matches!(url.tls, TlsMode::Prefer | TlsMode::Require))
        .with_danger_skip_domain_validation(url.tls != TlsMode::VerifyFull);
    if let Some(file) = &url.authorities {
        options = options.with_root_certs(vec![file.clone().into()]).with_disable_built_in_roots(true);
    }
    Some(options)
}

/// Has the server stop the statement that it runs for this connection.
#[cfg(feature = "async")]
pub(crate) fn stop(connection: &MysqlConnection) -> impl Future<Output = ()> + Send + use<> {
    let token = connection.inner().cancel_token();
    async move {
        // Without it the server goes on until it has something to send, and finds nobody there.
        let _ = token.cancel_query().await;
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
        "SELECT count(*) AS count FROM information_schema.tables
         WHERE table_schema = DATABASE() AND table_name IN ('spans', 'traces')",
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

/// Refuses tables that lack a column: another program made a table of the same name.
pub(crate) fn expect_columns(connection: &mut MysqlConnection) -> QueryResult<()> {
    fn expect<R: Row>(connection: &mut MysqlConnection) -> QueryResult<()> {
        connection.batch_execute(&format!("SELECT {} FROM {} LIMIT 0", R::COLUMNS, R::TABLE))
    }
    expect::<SpanRow>(connection)?;
    expect::<ContentRow>(connection)?;
    expect::<EventRow>(connection)?;
    expect::<TraceRow>(connection)?;
    expect::<FacetRow>(connection)?;
    expect::<SessionRow>(connection)?;
    expect::<ResourceRow>(connection)?;
    expect::<ScopeRow>(connection)?;
    expect::<ProcessRow>(connection)?;
    expect::<LossRow>(connection)?;
    expect::<DeadLetterRow>(connection)?;
    expect::<DeadLetterPartRow>(connection)?;
    expect::<SettledRow>(connection)?;
    expect::<IdentityRow>(connection)?;
    expect::<PartRow>(connection)?;
    expect::<DayRow>(connection)?;
    expect::<RollupRow>(connection)?;
    connection.batch_execute("SELECT holder, until_ns, present_ns, begun_ns, ended_ns, traces, spans, freed_bytes, error FROM retention LIMIT 0")
}

lock_stored!(lock_stored_traces, MysqlConnection, traces::trace_id, [u8], Vec<u8>);
lock_stored!(lock_stored_sessions, MysqlConnection, sessions::session_id, str, String);
lock_stored_parts!(MysqlConnection);

impl Dialect for MysqlConnection {
    fn begin_write(&mut self) -> QueryResult<()> {
        // What another writer committed while this one waited for a lock must be seen; and gaps need no locks.
        self.batch_execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")?;
        io::wait(AnsiTransactionManager::begin_transaction_sql(&mut **self, "START TRANSACTION READ WRITE"))
    }

    async fn begin_read(&mut self) -> QueryResult<()> {
        let begin = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
        AnsiTransactionManager::begin_transaction_sql(&mut **self, begin).await
    }

    async fn end_read(&mut self) -> QueryResult<()> {
        AnsiTransactionManager::rollback_transaction(&mut **self).await
    }

    fn lock_traces(&mut self, ids: &[&[u8]]) -> QueryResult<()> {
        let locked = lock_stored_traces(self, ids)?;
        let missing = ids.iter().filter(|id| !locked.contains(**id));
        let rows: Vec<TraceRow> = missing.map(|id| TraceRow::placeholder(id)).collect();
        // Waits for a writer that was quicker, and locks its row.
        bulk::insert::<_, Keep>(self, &rows.iter().collect::<Vec<_>>())
    }

    fn lock_sessions(&mut self, ids: &[&str]) -> QueryResult<()> {
        let locked = lock_stored_sessions(self, ids)?;
        let missing = ids.iter().filter(|id| !locked.contains(**id));
        let rows: Vec<SessionRow> = missing.map(|id| SessionRow::placeholder(id)).collect();
        bulk::insert::<_, Keep>(self, &rows.iter().collect::<Vec<_>>())
    }

    fn insert<R: Row, C: OnConflict>(&mut self, rows: &[&R]) -> QueryResult<()> {
        bulk::insert::<R, C>(self, rows)
    }

    // An insert that finds its row locks it until the batch is committed, and all writers share these rows: so they are looked up first.
    fn add_resources(&mut self, rows: &[&ResourceRow]) -> QueryResult<()> {
        let ids = rows.iter().map(|row| row.resource_id.as_slice());
        let known: Vec<Vec<u8>> =
            resources::table.select(resources::resource_id).filter(resources::resource_id.eq_any(ids)).load(self)?;
        let missing: Vec<&ResourceRow> = rows.iter().copied().filter(|row| !known.contains(&row.resource_id)).collect();
        bulk::insert::<_, Keep>(self, &missing)
    }

    fn add_scopes(&mut self, rows: &[&ScopeRow]) -> QueryResult<()> {
        let ids = rows.iter().map(|row| row.scope_id.as_slice());
        let known: Vec<Vec<u8>> =
            scopes::table.select(scopes::scope_id).filter(scopes::scope_id.eq_any(ids)).load(self)?;
        let missing: Vec<&ScopeRow> = rows.iter().copied().filter(|row| !known.contains(&row.scope_id)).collect();
        bulk::insert::<_, Keep>(self, &missing)
    }

    fn release_space(&mut self) -> QueryResult<bool> {
        // InnoDB uses the space of deleted rows again.
        Ok(false)
    }

    fn space(&mut self, _: bool) -> QueryResult<Space> {
        #[derive(QueryableByName)]
        struct Bytes {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            used: i64,
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            free: i64,
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            spans: i64,
        }
        // MySQL would answer from yesterday's; MariaDB has no such variable, and no such habit.
        let _ = self.batch_execute("SET SESSION information_schema_stats_expiry = 0");
        let of_tables = diesel::sql_query(
            "SELECT CAST(COALESCE(SUM(data_length + index_length), 0) AS SIGNED) AS used,
                    CAST(COALESCE(SUM(data_free), 0) AS SIGNED) AS free,
                    CAST(COALESCE(SUM(IF(table_name = 'spans', table_rows, 0)), 0) AS SIGNED) AS spans
             FROM information_schema.tables WHERE table_schema = DATABASE()
                 AND table_name IN ('spans', 'span_contents', 'content_parts', 'span_events', 'traces', 'trace_facets', 'sessions')",
        );
        let Bytes { used, free, spans } = of_tables.get_result(self)?;
        let [used, free, spans] = [used, free, spans].map(|number| u64::try_from(number).unwrap_or(0));
        Ok(Space { allocated: used + free, used, per_span: Some(used / spans.max(1)), is_exact: false })
    }

    fn share_day(&mut self, day: i32) -> QueryResult<Option<(i64, bool)>> {
        #[derive(QueryableByName)]
        struct Day {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            sweep: i64,
            #[diesel(sql_type = diesel::sql_types::Bool)]
            is_swept: bool,
        }
        // `FOR SHARE`, as Diesel writes it, is nothing that MariaDB knows.
        let query =
            diesel::sql_query("SELECT sweep, is_swept FROM content_days WHERE start_day = ? LOCK IN SHARE MODE");
        let row: Option<Day> = query.bind::<diesel::sql_types::Integer, _>(day).get_result(self).optional()?;
        Ok(row.map(|day| (day.sweep, day.is_swept)))
    }

    fn take_day(&mut self, day: i32) -> QueryResult<()> {
        // Who waits has all later writers wait behind it.
        self.batch_execute("SET SESSION innodb_lock_wait_timeout = 1")?;
        let row = content_days::table.select(content_days::sweep).filter(content_days::start_day.eq(day)).for_update();
        row.load::<i64>(self)?;
        self.batch_execute("SET SESSION innodb_lock_wait_timeout = DEFAULT")
    }

    fn lock_parts(&mut self, day: i32, digests: &[&[u8]]) -> QueryResult<()> {
        lock_stored_parts(self, day, digests)
    }

    fn hold_senders(&mut self) -> QueryResult<bool> {
        // Writers look senders up without a lock, so that they do not wait for each other at these rows.
        Ok(false)
    }
}
