//! Databases to ask: a SQLite file, and one on each server that the environment names.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tracing_agents::{AgentTracing, agent_span, field, model_span, tool_span};
use tracing_subscriber::prelude::*;

use crate::support::{PATIENCE, url_in};

/// A fresh database, gone when dropped.
pub(super) struct Database {
    pub(super) url: String,
    place: Place,
}

enum Place {
    Sqlite(TempDir),
    #[cfg(feature = "postgres")]
    Postgres(Admin),
    #[cfg(feature = "mysql")]
    Mysql(Admin),
}

/// Who makes and watches a server's databases.
#[cfg(any(feature = "postgres", feature = "mysql"))]
struct Admin {
    url: String,
    database: String,
}

/// Keeps others out of the span tables: on a server from reading them, in SQLite from writing.
pub(super) enum Lock {
    Sqlite(SqliteConnection),
    #[cfg(feature = "postgres")]
    Postgres(Runtime, tokio_postgres::Client),
    #[cfg(feature = "mysql")]
    Mysql(Runtime, mysql_async::Conn),
}

/// Every database that is there.
pub(super) fn databases() -> Vec<Database> {
    let mut all = vec![Database::sqlite()];
    all.extend(servers());
    all
}

/// Those on servers.
pub(super) fn servers() -> Vec<Database> {
    let mut all = Vec::new();
    #[cfg(feature = "postgres")]
    all.extend(url_of("POSTGRES").map(|url| Database::on_postgres(&url)));
    #[cfg(feature = "mysql")]
    all.extend(["MARIADB", "MYSQL"].into_iter().filter_map(url_of).map(|url| Database::on_mysql(&url)));
    all
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
fn url_of(server: &str) -> Option<String> {
    std::env::var(format!("TRACING_AGENTS_TEST_{server}_URL")).ok().filter(|url| !url.is_empty())
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
impl Admin {
    /// This server's URL with a database of our own, and who makes it.
    fn new(url: &str) -> (String, Self) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let database = format!("async_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let (address, parameters) = url.split_once('?').map_or((url, String::new()), |(a, p)| (a, format!("?{p}")));
        let (server, _) = address.rsplit_once('/').unwrap();
        (format!("{server}/{database}{parameters}"), Self { url: url.to_owned(), database })
    }
}

fn io() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[cfg(feature = "postgres")]
fn postgres(url: &str) -> (Runtime, tokio_postgres::Client) {
    let runtime = io();
    let client = runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    });
    (runtime, client)
}

#[cfg(feature = "mysql")]
fn mysql(url: &str) -> (Runtime, mysql_async::Conn) {
    let runtime = io();
    let connection = runtime.block_on(mysql_async::Conn::from_url(url)).unwrap();
    (runtime, connection)
}

impl Database {
    pub(super) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { url: url_in(&folder), place: Place::Sqlite(folder) }
    }

    #[cfg(feature = "postgres")]
    fn on_postgres(url: &str) -> Self {
        let (url, admin) = Admin::new(url);
        let (runtime, client) = postgres(&admin.url);
        runtime.block_on(client.batch_execute(&format!("CREATE DATABASE {}", admin.database))).unwrap();
        Self { url, place: Place::Postgres(admin) }
    }

    #[cfg(feature = "mysql")]
    fn on_mysql(url: &str) -> Self {
        use mysql_async::prelude::Queryable as _;
        let (url, admin) = Admin::new(url);
        let (runtime, mut connection) = mysql(&admin.url);
        runtime.block_on(connection.query_drop(format!("CREATE DATABASE {}", admin.database))).unwrap();
        Self { url, place: Place::Mysql(admin) }
    }

    /// Fills it: traces of three agents in four sessions, each with as many model and tool calls as are wanted.
    pub(super) fn filled(self, traces: u64, calls: u64) -> Self {
        let tracing = AgentTracing::open(&self.url).unwrap();
        let _guard = tracing_subscriber::registry().with(tracing.layer()).set_default();
        for (number, agent) in (0..traces).zip(["Researcher", "Writer", "Editor"].into_iter().cycle()) {
            let agent = agent_span!(agent, { field::SESSION_ID } = format!("s{}", number % 4));
            agent.in_scope(|| {
                for call in 0..calls {
                    drop(model_span!("m", { field::INPUT_TOKENS } = call, { field::OUTPUT_TOKENS } = 2_u64));
                    drop(tool_span!("web", { field::INPUT } = "question", { field::OUTPUT } = "answer"));
                }
            });
            drop(agent);
            if tracing.health().queued > 500 {
                tracing.force_flush(PATIENCE).unwrap();
            }
        }
        tracing.force_flush(PATIENCE).unwrap();
        let health = tracing.health();
        assert_eq!(health.stored, traces * (1 + 2 * calls), "{health:?}");
        self
    }

    /// Locks the span tables.
    pub(super) fn lock(&self) -> Lock {
        match &self.place {
            Place::Sqlite(folder) => {
                let path = folder.path().join("traces.db");
                let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
                diesel::sql_query("BEGIN IMMEDIATE").execute(&mut connection).unwrap();
                Lock::Sqlite(connection)
            }
            #[cfg(feature = "postgres")]
            Place::Postgres(_) => {
                let (runtime, client) = postgres(&self.url);
                // Ends by itself where a test that fails would wait for ever.
                let lock = "SET idle_in_transaction_session_timeout = '30s'; BEGIN; LOCK TABLE spans, traces";
                runtime.block_on(client.batch_execute(lock)).unwrap();
                Lock::Postgres(runtime, client)
            }
            #[cfg(feature = "mysql")]
            Place::Mysql(_) => {
                use mysql_async::prelude::Queryable as _;
                let (runtime, mut connection) = mysql(&self.url);
                runtime.block_on(connection.query_drop("SET wait_timeout = 30")).unwrap();
                runtime.block_on(connection.query_drop("LOCK TABLES spans WRITE, traces WRITE")).unwrap();
                Lock::Mysql(runtime, connection)
            }
        }
    }

    /// Waits until the server is in no transaction and runs no statement in this database, but for a lock's.
    pub(super) fn expect_quiet(&self) {
        let started = Instant::now();
        let mut busy = self.busy();
        while busy != 0 {
            assert!(started.elapsed() < PATIENCE, "{busy} transactions of {} stay open", self.url);
            std::thread::sleep(Duration::from_millis(5));
            busy = self.busy();
        }
    }

    /// Connections with an open transaction or a running statement.
    fn busy(&self) -> i64 {
        match &self.place {
            // A connection in a transaction would keep its lock, and the log could not be emptied.
            Place::Sqlite(folder) => {
                #[derive(QueryableByName)]
                struct Checkpoint {
                    #[diesel(sql_type = diesel::sql_types::BigInt)]
                    busy: i64,
                }
                let path = folder.path().join("traces.db");
                let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
                let checkpoint: Checkpoint =
                    diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result(&mut connection).unwrap();
                checkpoint.busy
            }
            #[cfg(feature = "postgres")]
            Place::Postgres(admin) => {
                let (runtime, client) = postgres(&admin.url);
                let count = "SELECT count(*) FROM pg_stat_activity
                             WHERE datname = $1 AND state <> 'idle' AND query NOT LIKE '%LOCK TABLE%'";
                runtime.block_on(client.query_one(count, &[&admin.database])).unwrap().get(0)
            }
            #[cfg(feature = "mysql")]
            Place::Mysql(admin) => {
                use mysql_async::prelude::Queryable as _;
                let (runtime, mut connection) = mysql(&admin.url);
                let count = "SELECT count(*) FROM information_schema.processlist AS p \
                             LEFT JOIN information_schema.innodb_trx AS t ON t.trx_mysql_thread_id = p.id \
                             WHERE p.db = ? AND (t.trx_id IS NOT NULL OR p.command <> 'Sleep')";
                match runtime.block_on(connection.exec_first(count, (&admin.database,))) {
                    // MySQL cannot list its connections while one of them runs a statement with bytes that are no text.
                    Err(mysql_async::Error::Server(error)) if error.code == CANNOT_CONVERT => 1,
                    count => count.unwrap().unwrap(),
                }
            }
        }
    }
}

/// `ER_CANNOT_CONVERT_STRING`.
#[cfg(feature = "mysql")]
const CANNOT_CONVERT: u16 = 3854;

impl Lock {
    pub(super) fn release(self) {
        match self {
            Self::Sqlite(mut connection) => drop(diesel::sql_query("COMMIT").execute(&mut connection).unwrap()),
            #[cfg(feature = "postgres")]
            Self::Postgres(runtime, client) => {
                on_own_thread(move || runtime.block_on(client.batch_execute("COMMIT")).unwrap())
            }
            #[cfg(feature = "mysql")]
            Self::Mysql(runtime, mut connection) => {
                use mysql_async::prelude::Queryable as _;
                on_own_thread(move || runtime.block_on(connection.query_drop("UNLOCK TABLES")).unwrap());
            }
        }
    }
}

/// Where the caller may be inside of a runtime, another one cannot be waited for.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn on_own_thread(work: impl FnOnce() + Send + 'static) {
    std::thread::spawn(work).join().unwrap();
}

impl Drop for Database {
    fn drop(&mut self) {
        match &self.place {
            Place::Sqlite(_) => {}
            #[cfg(feature = "postgres")]
            Place::Postgres(admin) => {
                let (runtime, client) = postgres(&admin.url);
                let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", admin.database);
                runtime.block_on(client.batch_execute(&statement)).unwrap();
            }
            #[cfg(feature = "mysql")]
            Place::Mysql(admin) => {
                use mysql_async::prelude::Queryable as _;
                let (runtime, mut connection) = mysql(&admin.url);
                let statement = format!("DROP DATABASE IF EXISTS {}", admin.database);
                runtime.block_on(connection.query_drop(statement)).unwrap();
            }
        }
    }
}
