//! The declared tables, and what a live database holds in them.

use crate::database::{Database, Dialect};

/// A column as `schema.rs` declares it.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// Diesel's type, without `Nullable`.
    pub(crate) kind: &'static str,
    pub(crate) is_nullable: bool,
}

/// A table as `schema.rs` declares it.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// The primary key's columns, in its order.
    pub(crate) key: Vec<&'static str>,
    pub(crate) columns: Vec<Column>,
}

/// The declared tables, read from the text of `schema.rs`: the macro's output does not tell a column's type by name.
pub(crate) fn declared() -> Vec<Table> {
    let schema = include_str!("../../src/store/schema.rs");
    let mut tables: Vec<Table> = Vec::new();
    for line in schema.lines().map(str::trim) {
        if let Some((name, key)) = line.strip_suffix(") {").and_then(|line| line.split_once(" (")) {
            tables.push(Table { name, key: key.split(", ").collect(), columns: Vec::new() });
        } else if let Some((name, kind)) = line.strip_suffix(',').and_then(|line| line.split_once(" -> ")) {
            let inner = kind.strip_prefix("Nullable<").and_then(|kind| kind.strip_suffix('>'));
            let column = Column { name, kind: inner.unwrap_or(kind), is_nullable: inner.is_some() };
            tables.last_mut().unwrap().columns.push(column);
        }
    }
    let read: Vec<&str> = tables.iter().map(|table| table.name).collect();
    assert!(
        read.starts_with(&["spans", "span_contents", "span_events", "traces"]),
        "the tables of schema.rs: {read:?}"
    );
    tables
}

/// What says when, in which process and as which version a row was written, and so differs from one writing to the next.
const OF_THE_WRITING: [&str; 4] = ["created_ns", "process_id", "sequence", "version_hash"];

/// All rows of spans, contents, logged events, traces, facets and sessions as texts, sorted: equal for equal contents, whatever was written when.
pub(crate) fn dump(database: &Database) -> Vec<String> {
    let mut sql = database.sql();
    let mut rows = Vec::new();
    for table in declared() {
        if !matches!(table.name, "spans" | "span_contents" | "span_events" | "traces" | "trace_facets" | "sessions") {
            continue;
        }
        let columns = table.columns.iter().filter(|column| !OF_THE_WRITING.contains(&column.name));
        let texts: Vec<String> = columns
            .map(|column| match database.dialect() {
                Dialect::Sqlite => format!("quote({})", column.name),
                Dialect::Postgres => format!("quote_nullable({})", column.name),
                // As hexadecimal digits, since texts of two collations cannot be joined.
                Dialect::Mysql => format!("COALESCE(HEX({}), 'NULL')", column.name),
            })
            .collect();
        let query = format!("SELECT concat_ws('|', '{0}', {1}) AS line FROM {0}", table.name, texts.join(", "));
        rows.extend(sql.lines(&query));
    }
    rows.sort_unstable();
    rows
}

/// Asserts that two dumps are equal, and names the first rows that are not.
#[track_caller]
pub(crate) fn assert_same(found: &[String], expected: &[String], what: &str) {
    if found == expected {
        return;
    }
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|row| those.binary_search(row).is_err()).take(3).cloned().collect()
    };
    panic!(
        "{what}: {} rows, expected {}\nonly found: {:#?}\nonly expected: {:#?}",
        found.len(),
        expected.len(),
        only(found, expected),
        only(expected, found)
    );
}
