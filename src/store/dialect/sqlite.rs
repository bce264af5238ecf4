//! SQLite.

mod bulk;

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use diesel::connection::{AnsiTransactionManager, SimpleConnection as _, TransactionManager as _};
use diesel::prelude::*;
use diesel::result::QueryResult;

use super::cell::{Keep, OnConflict, Row};
use super::{Dialect, Space};
use crate::error::{Error, ErrorKind, Result};
use crate::store::rows::{ResourceRow, ScopeRow};
use crate::store::schema::content_days;
use crate::store::url::SqliteTarget;

/// Settings of every connection. `busy_timeout` lets writers of several processes wait for each other; `temp_store` keeps statement
/// journals out of the file system, which writes 23 to 43 % fewer bytes.
const SETTINGS: &str = "
    PRAGMA busy_timeout = 5000;
    PRAGMA synchronous = NORMAL;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -16000;
";

/// Settings of the file, made once, before its first table.
const FILE_SETTINGS: &str = "
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
";

/// How often setting up a file is tried while another process holds it, every 20 ms: SQLite does not wait, as it does elsewhere, for a
/// change of the journal mode.
const SETUP_TRIES: u32 = 250;

/// Gives pages back to the file system in one transaction (1 MiB at the default page size).
const RELEASE_PAGES: &str = "PRAGMA incremental_vacuum(256)";
/// Brings the write-ahead log into the file, and then shortens both: what is left for the second step, which keeps writers waiting, is little.
const CHECKPOINTS: [&str; 2] = ["PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(TRUNCATE)"];

/// Opens a database, and makes it when there is none.
pub(crate) fn open(target: &SqliteTarget) -> Result<SqliteConnection> {
    let path = match target {
        SqliteTarget::Memory => ":memory:",
        SqliteTarget::File(path) => {
            make_file(path)?;
            path.to_str().ok_or_else(|| {
                Error::new(ErrorKind::InvalidUrl, format!("the path {} is not Unicode", path.display()))
            })?
        }
    };
    let mut connection = SqliteConnection::establish(&file_url(path)).map_err(|error| {
        Error::with_source(
            ErrorKind::Connect,
            format!("cannot open the SQLite database sqlite://{path}; give this user the right to read and write it"),
            error,
        )
    })?;
    let failed = |error: diesel::result::Error| {
        // All that a wrong first page says; Diesel has no kind for it.
        if error.to_string().contains("not a database") {
            let what = format!("sqlite://{path} is no SQLite database; name another file, or move this one away");
            return Error::with_source(ErrorKind::Connect, what, error);
        }
        Error::with_source(
            ErrorKind::Connect,
            format!(
                "cannot use the SQLite database sqlite://{path}; check that the file and its folder can be written"
            ),
            error,
        )
    };
    connection.batch_execute(SETTINGS).map_err(failed)?;
    let mut tries = 0;
    while let Err(error) = connection.batch_execute(FILE_SETTINGS) {
        tries += 1;
        // Diesel hides SQLite's code; its text for it has been the same for decades.
        if tries == SETUP_TRIES || !error.to_string().contains("locked") {
            return Err(failed(error));
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Ok(connection)
}

/// Refuses a database that does not exist or holds no traces, without touching anything.
pub(crate) fn expect_traces(target: &SqliteTarget) -> Result<()> {
    #[derive(QueryableByName)]
    struct Tables {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        count: i64,
    }
    let refuse = |shown: &str, what: &str| {
        let way_out = "name the database that a program with AgentTracing writes";
        Err(Error::new(ErrorKind::Connect, format!("{shown} {what}; {way_out}")))
    };
    let SqliteTarget::File(path) = target else {
        return refuse("sqlite::memory:", "is a new, empty database each time it is opened");
    };
    let shown = format!("sqlite://{}", path.display());
    if !path.is_file() {
        return refuse(&shown, "does not exist");
    }
    let Some(path) = path.to_str() else { return Ok(()) };
    let tables = SqliteConnection::establish(&file_url(path)).map(|mut connection| {
        connection.batch_execute("PRAGMA busy_timeout = 5000")?;
        diesel::sql_query(
            "SELECT COUNT(*) AS count FROM sqlite_master WHERE type = 'table' AND name IN ('spans', 'traces')",
        )
        .get_result::<Tables>(&mut connection)
    });
    match tables {
        Ok(Ok(Tables { count })) if count < 2 => refuse(&shown, "holds no traces"),
        // What else is wrong is said when it is opened to be read.
        _ => Ok(()),
    }
}

/// A path that begins with a word and a colon would be read as a URL.
fn file_url(path: &str) -> String {
    let is_plain = path == ":memory:" || Path::new(path).is_absolute() || path.starts_with('.');
    if is_plain { path.to_owned() } else { format!("./{path}") }
}

/// Makes the file if there is none, readable by its owner alone.
///
/// A file that exists is not opened here, not even to be read: closing any handle on it takes from the process the locks of all its
/// SQLite connections to that file, and another process could then take the write-ahead log away from under them.
fn make_file(path: &Path) -> Result<()> {
    /// Holds the others back until a new file's handle is closed.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let shown = path.display();
    if path.is_dir() {
        return Err(Error::new(ErrorKind::Connect, format!("sqlite://{shown} is a folder; name a file in it")));
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            let folder =
                path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
            let way_out = if folder.is_dir() {
                format!("give this user the right to write in {}", folder.display())
            } else {
                format!("the folder {} does not exist: make it first", folder.display())
            };
            Err(Error::with_source(ErrorKind::Connect, format!("cannot create sqlite://{shown}; {way_out}"), error))
        }
        _ => Ok(()),
    }
}

impl Dialect for SqliteConnection {
    fn begin_write(&mut self) -> QueryResult<()> {
        AnsiTransactionManager::begin_transaction_sql(self, "BEGIN IMMEDIATE")
    }

    async fn begin_read(&mut self) -> QueryResult<()> {
        AnsiTransactionManager::begin_transaction_sql(self, "BEGIN")
    }

    async fn end_read(&mut self) -> QueryResult<()> {
        AnsiTransactionManager::rollback_transaction(self)
    }

    fn lock_traces(&mut self, _: &[&[u8]]) -> QueryResult<()> {
        // `BEGIN IMMEDIATE` holds the whole file.
        Ok(())
    }

    fn lock_sessions(&mut self, _: &[&str]) -> QueryResult<()> {
        Ok(())
    }

    fn insert<R: Row, C: OnConflict>(&mut self, rows: &[&R]) -> QueryResult<()> {
        bulk::insert::<R, C>(self, rows)
    }

    fn add_resources(&mut self, rows: &[&ResourceRow]) -> QueryResult<()> {
        bulk::insert::<_, Keep>(self, rows)
    }

    fn add_scopes(&mut self, rows: &[&ScopeRow]) -> QueryResult<()> {
        bulk::insert::<_, Keep>(self, rows)
    }

    fn release_space(&mut self) -> QueryResult<bool> {
        let before = number(self, "PRAGMA freelist_count", |row: FreePages| row.freelist_count)?;
        if before == 0 {
            return Ok(false);
        }
        self.batch_execute(RELEASE_PAGES)?;
        let after = number(self, "PRAGMA freelist_count", |row: FreePages| row.freelist_count)?;
        // A file that was made elsewhere may have no auto-vacuum: then nothing shrinks, and asking again would never end.
        Ok(after > 0 && after < before)
    }

    fn truncate(&mut self) -> QueryResult<()> {
        // Without waiting for anybody: a reader or writer who is at it keeps the log as it is until the next time.
        self.batch_execute("PRAGMA busy_timeout = 0")?;
        for checkpoint in CHECKPOINTS {
            let _ = self.batch_execute(checkpoint);
        }
        self.batch_execute("PRAGMA busy_timeout = 5000")
    }

    fn space(&mut self, _: bool) -> QueryResult<Space> {
        let size = number(self, "PRAGMA page_size", |row: PageSize| row.page_size)?;
        let pages = number(self, "PRAGMA page_count", |row: Pages| row.page_count)?;
        let free = number(self, "PRAGMA freelist_count", |row: FreePages| row.freelist_count)?;
        Ok(Space { allocated: pages * size, used: pages.saturating_sub(free) * size, per_span: None, is_exact: true })
    }

    // `BEGIN IMMEDIATE` holds the whole file, its days and parts too.
    fn share_day(&mut self, day: i32) -> QueryResult<Option<(i64, bool)>> {
        let row = content_days::table.select((content_days::sweep, content_days::is_swept));
        row.filter(content_days::start_day.eq(day)).first(self).optional()
    }

    fn take_day(&mut self, _: i32) -> QueryResult<()> {
        Ok(())
    }

    fn lock_parts(&mut self, _: i32, _: &[&[u8]]) -> QueryResult<()> {
        Ok(())
    }

    fn hold_senders(&mut self) -> QueryResult<bool> {
        // `BEGIN IMMEDIATE` holds the whole file.
        Ok(true)
    }
}

/// Rows of pragmas, whose column has the pragma's name.
#[derive(QueryableByName)]
struct FreePages {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    freelist_count: i64,
}

#[derive(QueryableByName)]
struct Pages {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    page_count: i64,
}

#[derive(QueryableByName)]
struct PageSize {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    page_size: i64,
}

fn number<R>(connection: &mut SqliteConnection, pragma: &'static str, read: impl Fn(R) -> i64) -> QueryResult<u64>
where
    R: diesel::deserialize::QueryableByName<diesel::sqlite::Sqlite> + 'static,
{
    let row: R = diesel::sql_query(pragma).get_result(connection)?;
    Ok(u64::try_from(read(row)).unwrap_or(0))
}
