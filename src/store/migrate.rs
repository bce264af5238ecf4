//! Bringing the tables up to date.

use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::{AnyConnection, dispatch};
use super::schema::trace_schema;
use super::url::DatabaseUrl;
use crate::error::{Error, ErrorKind, Result};

#[cfg(feature = "sqlite")]
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
#[cfg(feature = "postgres")]
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
#[cfg(feature = "mysql")]
const MYSQL: EmbeddedMigrations = embed_migrations!("migrations/mysql");

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Brings the database's tables up to this program's version. Any number of processes may do this at once.
///
/// Refuses a database of a newer version: its columns may mean what this program does not know.
pub(crate) fn migrate(connection: &mut AnyConnection, url: &DatabaseUrl) -> Result<()> {
    // Most starts find nothing to do, and then need no right to write.
    if is_current(connection, url)? {
        return Ok(());
    }
    let outcome = match connection {
        #[cfg(feature = "sqlite")]
        AnyConnection::Sqlite(connection) => run_in_sqlite(connection),
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(server) => run_in_postgres(&mut server.connection, url),
        #[cfg(feature = "mysql")]
        AnyConnection::Mysql(server) => run_in_mysql(&mut server.connection, url),
    };
    outcome.map_err(|error| {
        Error::with_source(
            ErrorKind::Migration,
            format!(
                "cannot make or update the tables of {url}; check that the database can be written and that no other program made tables of these names"
            ),
            error,
        )
    })?;
    // A newer program may have been quicker.
    is_current(connection, url).map(drop)
}

/// Whether exactly this program's migrations have run.
fn is_current(connection: &mut AnyConnection, url: &DatabaseUrl) -> Result<bool> {
    let (stored, known) = versions_of(connection)?;
    if let Some(unknown) = stored.iter().find(|version| !known.contains(version)) {
        return Err(Error::new(
            ErrorKind::NewerSchema,
            format!(
                "{url} was made or updated by a newer version of tracing-agents (it has migration {unknown}); update this program, or name another database"
            ),
        ));
    }
    Ok(known.iter().all(|version| stored.contains(version)))
}

/// The versions of the migrations that have run, and of those that this program knows.
pub(crate) fn versions_of(connection: &mut AnyConnection) -> Result<(Vec<String>, Vec<String>)> {
    let rows = trace_schema::table.select(trace_schema::version).order(trace_schema::version);
    // Without the table nothing has run; whatever else is wrong shows when the table is made.
    let mut stored: Vec<String> = dispatch!(connection, c => rows.load(c)).unwrap_or_default();
    stored.retain(|version| !version.is_empty());
    let known = match connection {
        #[cfg(feature = "sqlite")]
        AnyConnection::Sqlite(_) => versions::<diesel::sqlite::Sqlite>(SQLITE)?,
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => versions::<diesel::pg::Pg>(POSTGRES)?,
        #[cfg(feature = "mysql")]
        AnyConnection::Mysql(_) => versions::<diesel::mysql::Mysql>(MYSQL)?,
    };
    Ok((stored, known))
}

fn versions<DB: diesel::backend::Backend>(source: EmbeddedMigrations) -> Result<Vec<String>>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let failed = |error| Error::with_source(ErrorKind::Migration, "cannot read the compiled-in migrations", error);
    let migrations: Vec<Box<dyn Migration<DB>>> = source.migrations().map_err(failed)?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}

#[cfg(feature = "sqlite")]
fn run_in_sqlite(connection: &mut SqliteConnection) -> Result<(), AnyError> {
    connection.immediate_transaction(|connection| connection.run_pending_migrations(SQLITE).map(drop))
}

/// All in one transaction: a process that dies leaves nothing behind.
#[cfg(feature = "postgres")]
fn run_in_postgres(
    connection: &mut super::dialect::postgres::PostgresConnection,
    url: &DatabaseUrl,
) -> Result<(), AnyError> {
    use super::dialect::postgres;
    make_queue(
        connection,
        r#"CREATE TABLE IF NOT EXISTS trace_schema (version TEXT COLLATE "C" NOT NULL PRIMARY KEY);
           INSERT INTO trace_schema (version) VALUES ('') ON CONFLICT DO NOTHING;"#,
    )?;
    connection.transaction(|connection| {
        queue(connection)?;
        let is_new = trace_schema::table.count().get_result::<i64>(connection)? == 1;
        connection.run_pending_migrations(POSTGRES)?;
        if let (DatabaseUrl::Postgres(url), true) = (url, is_new)
            && let Some(partition) = url.partition
        {
            postgres::lay_out(connection, partition)?;
        }
        Ok(())
    })
}

/// Data definitions end their transaction here, so another connection waits in the queue meanwhile; should the process die, the server
/// ends both.
#[cfg(feature = "mysql")]
#[allow(irrefutable_let_patterns, reason = "with one database compiled in there is one kind of URL")]
fn run_in_mysql(connection: &mut super::dialect::mysql::MysqlConnection, url: &DatabaseUrl) -> Result<(), AnyError> {
    use super::dialect::mysql;
    use diesel::connection::SimpleConnection as _;
    let DatabaseUrl::Mysql(url) = url else { return Ok(()) };
    make_queue(
        connection,
        "CREATE TABLE IF NOT EXISTS trace_schema (version VARCHAR(50) NOT NULL, PRIMARY KEY (version))
             ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;
         INSERT INTO trace_schema (version) VALUES ('') ON DUPLICATE KEY UPDATE version = version;",
    )?;
    let mut waiting = super::dialect::Server::new(mysql::open(url)?);
    waiting.be_patient();
    let mut waiting = waiting.connection;
    waiting.batch_execute("SET SESSION innodb_lock_wait_timeout = 600")?;
    waiting.transaction::<_, AnyError, _>(|waiting| {
        queue(waiting)?;
        // Held by the connection that migrates itself, so until the server is done with what it was sent. Not every engine has named
        // locks: where there is none, what the dead asked for and what we do meet each other.
        let _ = connection.batch_execute(&format!("DO GET_LOCK({MIGRATES}, 600)"));
        run_beside_the_dead(connection)?;
        let _ = connection.batch_execute(&format!("DO RELEASE_LOCK({MIGRATES})"));
        // A table of the same name that was there before has been passed over.
        mysql::expect_columns(connection)?;
        Ok(())
    })
}

/// The name of the lock of who migrates this database.
#[cfg(feature = "mysql")]
const MIGRATES: &str = "LEFT(CONCAT('tracing-agents migrates ', DATABASE()), 64)";

/// Between two tries to migrate.
#[cfg(feature = "mysql")]
const MIGRATION_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);
/// How often migrating may fail in the same way, and in all.
#[cfg(feature = "mysql")]
const MIGRATION_TRIES: (u32, u32) = (5, 100);

/// Migrates, while a server may still do what a process asked for that was killed: it reads a file's statements at once, and sees only
/// when it answers that nobody is there. Each statement asks first whether it is needed, so what both do at the same time fails, in another
/// way each time, and is done when it is tried again.
#[cfg(feature = "mysql")]
fn run_beside_the_dead(connection: &mut super::dialect::mysql::MysqlConnection) -> Result<(), AnyError> {
    let (mut last, mut same) = (String::new(), 0);
    let mut all = 0;
    loop {
        let Err(error) = connection.run_pending_migrations(MYSQL) else { return Ok(()) };
        let said = error.to_string();
        (same, all) = (if said == last { same + 1 } else { 1 }, all + 1);
        if same == MIGRATION_TRIES.0 || all == MIGRATION_TRIES.1 {
            return Err(error);
        }
        last = said;
        std::thread::sleep(MIGRATION_PAUSE);
    }
}

/// How often the queue's table is tried to be made: of processes that make it at once, all but one can fail.
#[cfg(any(feature = "postgres", feature = "mysql"))]
const MAKING_TRIES: u32 = 50;

/// Makes what processes that start at once queue at: the row '' of `trace_schema`.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn make_queue<C>(connection: &mut C, table_and_row: &str) -> Result<(), AnyError>
where
    C: diesel::connection::SimpleConnection,
{
    let mut tries = 0;
    loop {
        let made = connection.batch_execute(table_and_row);
        tries += 1;
        match made {
            Ok(()) => return Ok(()),
            Err(error) if tries == MAKING_TRIES => return Err(error.into()),
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(fastrand::u64(5..50))),
        }
    }
}

/// Waits until no other process migrates, and keeps others waiting until the transaction ends. A row is locked and not one of the
/// servers' named locks, which not every engine has.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn queue<'a, C>(connection: &'a mut C) -> QueryResult<()>
where
    C: diesel::connection::LoadConnection,
    diesel::dsl::ForUpdate<
        diesel::dsl::Filter<
            diesel::dsl::Select<trace_schema::table, trace_schema::version>,
            diesel::dsl::Eq<trace_schema::version, &'static str>,
        >,
    >: diesel::query_dsl::LoadQuery<'a, C, String>,
{
    let row = trace_schema::table.select(trace_schema::version).filter(trace_schema::version.eq("")).for_update();
    row.load::<String>(connection).map(drop)
}
