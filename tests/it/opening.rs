//! Making and updating the tables.

use std::sync::Barrier;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use tracing_agents::AgentTracing;

use crate::support::url_in;

#[derive(QueryableByName, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Column {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    required: i64,
}

/// Columns as the live database has them.
fn live_columns(connection: &mut SqliteConnection, table: &str) -> Vec<Column> {
    diesel::sql_query(format!("SELECT name, type AS kind, \"notnull\" AS required FROM pragma_table_info('{table}')"))
        .load(connection)
        .unwrap()
}

/// Columns as `schema.rs` declares them, read from its text.
fn declared_columns(schema: &str, table: &str) -> Vec<Column> {
    let start = schema.find(&format!("    {table} (")).unwrap();
    let body = &schema[start..start + schema[start..].find("\n    }").unwrap()];
    body.lines()
        .skip(1)
        .map(|line| {
            let (name, kind) = line.trim().trim_end_matches(',').split_once(" -> ").unwrap();
            let (required, kind) = match kind.strip_prefix("Nullable<") {
                Some(kind) => (0, kind.trim_end_matches('>')),
                None => (1, kind),
            };
            let kind = match kind {
                "Binary" => "BLOB",
                "Integer" => "INTEGER",
                "Bool" => "BOOLEAN",
                "Text" => "TEXT",
                "SmallInt" => "SMALLINT",
                "BigInt" => "BIGINT",
                other => panic!("no portable type: {other}"),
            };
            Column { name: name.to_owned(), kind: kind.to_owned(), required }
        })
        .collect()
}

#[test]
fn the_live_tables_are_the_declared_ones() {
    let folder = tempfile::tempdir().unwrap();
    drop(AgentTracing::open(&url_in(&folder)).unwrap());
    let mut connection = SqliteConnection::establish(folder.path().join("traces.db").to_str().unwrap()).unwrap();
    let schema = include_str!("../../src/store/schema.rs");
    for table in ["spans", "span_contents", "traces", "trace_facets", "sessions", "resources", "scopes", "processes"] {
        assert_eq!(live_columns(&mut connection, table), declared_columns(schema, table), "table {table}");
    }
}

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
    assert!(tracing.repository().traces(&tracing_agents::TraceFilter::new()).unwrap().items.is_empty());
}

#[test]
fn closing_leaves_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let tracing = AgentTracing::open(&url_in(&folder)).unwrap();
    let repository = tracing.repository();
    repository.processes().unwrap();
    drop((repository, tracing));
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["traces.db"], "what a write-ahead log holds is in the database when the last connection closes");
}
