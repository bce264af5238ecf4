//! Making and updating the tables.

use std::sync::Barrier;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use tracing_agents::{AgentTracing, TraceFilter, TraceRepository};

use crate::support::{PATIENCE, connect, url_in};

#[test]
fn many_may_open_the_same_new_file_at_once() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let url = url_in(&folder);
        let barrier = Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    drop(AgentTracing::open(&url).unwrap());
                });
            }
        });
    }
}

#[test]
fn an_existing_database_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        drop(AgentTracing::open(&url_in(&folder)).unwrap());
    }
}

#[test]
#[cfg(unix)]
fn only_its_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let _tracing = AgentTracing::open(&url_in(&folder)).unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[test]
fn a_database_in_memory_answers_too() {
    let tracing = AgentTracing::open("sqlite::memory:").unwrap();
    assert!(tracing.repository().traces(&TraceFilter::new()).unwrap().items.is_empty());
}

/// A process that closes any file handle on a database of which it also has a SQLite connection loses the locks of that connection.
/// The next program that has a look at the file, and ends, then takes the write-ahead log away (SQLite before 3.51 does), and what is
/// written later is lost.
#[test]
#[cfg(target_os = "linux")]
fn opening_a_database_again_does_not_lose_its_locks() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = tempfile::tempdir().unwrap();
    let url = url_in(&folder);
    let tracing = AgentTracing::open(&url).unwrap();
    let file = format!(":{} ", std::fs::metadata(folder.path().join("traces.db")).unwrap().ino());
    // Connects, and stays connected.
    assert_eq!(tracing.repository().count_traces(&TraceFilter::new()).unwrap(), 0);
    let is_locked = || std::fs::read_to_string("/proc/locks").unwrap().lines().any(|lock| lock.contains(&file));
    assert!(is_locked());
    drop(TraceRepository::open(&url).unwrap());
    drop(AgentTracing::open(&url).unwrap());
    assert!(is_locked());
    drop(tracing);
}

#[test]
fn any_file_name_is_only_a_name() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a b.db", "100%41.db", "a#b.db", "it's \"mine\".db", "file:x.db", ":memory:x", ":memory:", "zoë 🦀"]
    {
        let url = format!("sqlite://{}", folder.path().join(name).display());
        drop(AgentTracing::open(&url).unwrap());
        assert!(folder.path().join(name).is_file(), "{name}");
        assert!(TraceRepository::open(&url).is_ok(), "{name}");
    }
}

#[derive(QueryableByName)]
struct FileSettings {
    #[diesel(sql_type = BigInt)]
    auto_vacuum: i64,
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

fn file_settings(folder: &tempfile::TempDir) -> FileSettings {
    let mut connection = connect(&folder.path().join("traces.db"));
    diesel::sql_query("SELECT auto_vacuum, journal_mode FROM pragma_auto_vacuum, pragma_journal_mode")
        .get_result(&mut connection)
        .unwrap()
}

#[test]
fn a_new_file_can_shrink_and_be_read_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    drop(AgentTracing::open(&url_in(&folder)).unwrap());
    let settings = file_settings(&folder);
    assert_eq!((settings.auto_vacuum, settings.journal_mode.as_str()), (2, "wal"));
}

#[test]
fn a_file_with_tables_of_ones_own_gets_a_write_ahead_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traces.db");
    let mut connection = connect(&path);
    connection.batch_execute("PRAGMA journal_mode = DELETE; CREATE TABLE orders (id INTEGER)").unwrap();
    drop(connection);
    let tracing = AgentTracing::open(&url_in(&folder)).unwrap();
    assert_eq!(file_settings(&folder).journal_mode, "wal");
    assert_eq!(tracing.repository().prune(std::time::SystemTime::now()).unwrap().traces, 0);
}

#[test]
fn closing_leaves_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let tracing = AgentTracing::open(&url_in(&folder)).unwrap();
    let repository = tracing.repository();
    repository.processes().unwrap();
    drop((repository, tracing));
    // What a write-ahead log holds goes to the database when the last connection closes; the pool's own thread may be that last.
    let files = || {
        let files = std::fs::read_dir(folder.path()).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    let started = std::time::Instant::now();
    while files() != ["traces.db"] {
        assert!(started.elapsed() < PATIENCE, "{:?}", files());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
