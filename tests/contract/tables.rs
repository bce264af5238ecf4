//! The declared tables, and what a live database holds in them.

use diesel::QueryResult;

use crate::database::{Database, Dialect};
use crate::sql::Sql;

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

/// Tables that tell of the processes that wrote, and of the database itself; and sums of the rest, which depend on who folded them when, and
/// are compared by what they say (`rollups::assert_agree`).
const OF_THE_WRITERS: [&str; 9] = [
    "processes",
    "settled_sequences",
    "losses",
    "dead_letters",
    "dead_letter_parts",
    "retention",
    "rollups",
    "trace_identity",
    "trace_schema",
];

/// Tables of what traces share; it stays when they go.
const OF_SENDERS: [&str; 2] = ["resources", "scopes"];

impl Dialect {
    /// An expression for what a column holds as a text, equal on all databases; `kind` is Diesel's type.
    pub(crate) fn text_of(self, kind: &str, column: &str) -> String {
        let text = match (kind, self) {
            // Of nothing, SQLite's is an empty text.
            ("Binary", Self::Sqlite) => format!("CASE WHEN {column} IS NOT NULL THEN HEX({column}) END"),
            ("Binary", Self::Mysql) => format!("HEX({column})"),
            ("Binary", Self::Postgres) => format!("upper(encode({column}, 'hex'))"),
            ("Text", Self::Sqlite | Self::Postgres) => format!("'''' || {column} || ''''"),
            // Texts of two collations cannot be joined.
            ("Text", Self::Mysql) => format!("CONCAT('''', {column} COLLATE utf8mb4_bin, '''')"),
            ("Bool", Self::Postgres) => format!("{column}::int::text"),
            (_, Self::Sqlite | Self::Postgres) => format!("CAST({column} AS text)"),
            (_, Self::Mysql) => format!("CAST({column} AS char)"),
        };
        format!("COALESCE({text}, 'NULL')")
    }
}

/// All rows of spans, contents, logged events, traces, facets and sessions as texts, sorted: equal for equal contents, whatever was written when.
pub(crate) fn dump(database: &Database) -> Vec<String> {
    rows_of(database, &[OF_THE_WRITERS.as_slice(), &OF_SENDERS].concat(), &OF_THE_WRITING)
}

/// All rows that come of spans and events as texts, sorted, without these columns.
pub(crate) fn rows_but(database: &Database, columns: &[&str]) -> Vec<String> {
    rows_of(database, &OF_THE_WRITERS, columns)
}

fn rows_of(database: &Database, but_tables: &[&str], but_columns: &[&str]) -> Vec<String> {
    let mut sql = database.sql();
    let mut rows = Vec::new();
    for table in declared() {
        if but_tables.contains(&table.name) {
            continue;
        }
        let columns = table.columns.iter().filter(|column| !but_columns.contains(&column.name));
        let texts: Vec<String> = columns.map(|column| database.dialect().text_of(column.kind, column.name)).collect();
        let query = format!("SELECT concat_ws('|', '{0}', {1}) AS line FROM {0}", table.name, texts.join(", "));
        rows.extend(sql.lines(&query));
    }
    rows.sort_unstable();
    rows
}

/// Takes all rows away but those that tell which tables there are.
pub(crate) fn empty(database: &Database) {
    try_empty(&mut database.sql()).unwrap();
}

pub(crate) fn try_empty(sql: &mut Sql) -> QueryResult<()> {
    let mut tables = declared().into_iter().filter(|table| table.name != "trace_schema");
    tables.try_for_each(|table| sql.try_execute(&format!("DELETE FROM {}", table.name)))
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
