//! What a statement costs, whatever the database.

use super::heard::Statement;
use crate::database::{Database, Dialect};
use crate::sql::Sql;

/// Tables that grow with what is traced.
pub(super) const BIG_TABLES: [&str; 9] = [
    "spans",
    "span_contents",
    "span_events",
    "traces",
    "trace_facets",
    "sessions",
    "content_parts",
    "losses",
    "dead_letters",
];
/// Rows that are sorted for a page, at most: as many as the longest page has.
pub(super) const MOST_SORTED: u64 = 1_000;

/// What one call may take that looks at candidates, in what the database counts: it is bounded, however much there is.
pub(super) const fn budget(dialect: Dialect) -> u64 {
    match dialect {
        Dialect::Sqlite => 1_500_000,
        Dialect::Postgres => 60_000,
        Dialect::Mysql => 60_000,
    }
}

/// What counts as the same work with many times as many rows. PostgreSQL changes its plans with the number of rows, so there each statement's
/// own bound has to do.
pub(super) const fn as_much(dialect: Dialect, work: u64) -> Option<u64> {
    match dialect {
        Dialect::Sqlite => Some(work + work / 20 + 40),
        Dialect::Mysql => Some(work + work / 20 + 8),
        Dialect::Postgres => None,
    }
}

/// What a statement took.
#[derive(Debug, Default)]
pub(super) struct Cost {
    pub(super) rows: u64,
    /// Steps, pages or reads: what the database counts.
    pub(super) work: u64,
    /// What a statement of a list must not do.
    pub(super) findings: Vec<String>,
}

/// Asks a database what statements cost.
pub(super) enum Meter {
    #[cfg(feature = "sqlite")]
    Sqlite(rusqlite::Connection),
    #[cfg(feature = "postgres")]
    Postgres(Sql),
    #[cfg(feature = "mysql")]
    Mysql(Sql),
}

impl Meter {
    pub(super) fn new(database: &Database) -> Self {
        match database.dialect() {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => Self::Sqlite(super::sqlite::connect(database.url())),
            #[cfg(feature = "postgres")]
            Dialect::Postgres => Self::Postgres(database.sql()),
            #[cfg(feature = "mysql")]
            Dialect::Mysql => Self::Mysql(database.sql()),
            #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            other => unreachable!("{other:?} is not in this build"),
        }
    }

    pub(super) fn cost(&mut self, statement: &Statement) -> Cost {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => super::sqlite::cost(connection, statement),
            #[cfg(feature = "postgres")]
            Self::Postgres(sql) => super::postgres::cost(sql, statement),
            #[cfg(feature = "mysql")]
            Self::Mysql(sql) => super::mysql::cost(sql, statement),
        }
    }
}
