//! All that differs between databases: how to open one, and the statements that Diesel cannot say portably.

#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

use diesel::result::QueryResult;

use super::connection::{AnyConnection, dispatch};
use super::rows::{ContentRow, FacetRow, ProcessRow, ResourceRow, ScopeRow, SessionRow, SpanRow, TraceRow};
use super::url::DatabaseUrl;
use crate::error::Result;

/// What a database must be able to do beyond what Diesel says in one way for all.
///
/// Rows come sorted by their key, each key once, so that two writers never wait for each other in a circle.
pub(crate) trait Dialect: diesel::Connection {
    /// Begins a transaction that may write, and whose every statement sees what others have committed before it.
    fn begin_write(&mut self) -> QueryResult<()>;

    /// Holds the summaries of these traces for this transaction alone until it ends, in the order of the ids. Where that takes a row,
    /// one is made: a placeholder, whose `span_count` is 0.
    fn lock_traces(&mut self, ids: &[&[u8]]) -> QueryResult<()>;

    /// Holds the summaries of these sessions for this transaction alone until it ends, in the order of the ids. Where that takes a
    /// row, one is made: a placeholder, whose `trace_count` is 0 and whose `start_ns` is `i64::MAX`.
    fn lock_sessions(&mut self, ids: &[&str]) -> QueryResult<()>;

    /// Inserts spans or replaces the rows of the same keys.
    fn put_spans(&mut self, rows: &[&SpanRow]) -> QueryResult<()>;

    /// Inserts spans' contents or replaces the rows of the same keys.
    fn put_contents(&mut self, rows: &[&ContentRow]) -> QueryResult<()>;

    /// Inserts traces' summaries or replaces the rows of the same keys.
    fn put_traces(&mut self, rows: &[&TraceRow]) -> QueryResult<()>;

    /// Inserts facets or replaces the rows of the same keys.
    fn put_facets(&mut self, rows: &[&FacetRow]) -> QueryResult<()>;

    /// Inserts sessions' summaries or replaces the rows of the same keys.
    fn put_sessions(&mut self, rows: &[&SessionRow]) -> QueryResult<()>;

    /// Inserts processes or replaces the rows of the same keys.
    fn put_processes(&mut self, rows: &[&ProcessRow]) -> QueryResult<()>;

    /// Inserts resources unless they are there.
    fn add_resources(&mut self, rows: &[&ResourceRow]) -> QueryResult<()>;

    /// Inserts scopes unless they are there.
    fn add_scopes(&mut self, rows: &[&ScopeRow]) -> QueryResult<()>;

    /// Gives space that deletions freed back to the file system, a bounded piece at a time; whether more is left.
    fn release_space(&mut self) -> QueryResult<bool>;
}

/// Stamps something for each backend that is compiled in: `$stamp!(module_name, Backend)`.
macro_rules! for_each_backend {
    ($stamp:ident) => {
        #[cfg(feature = "sqlite")]
        $stamp!(sqlite, diesel::sqlite::Sqlite);
    };
}
pub(crate) use for_each_backend;

pub(crate) fn begin_write<C: Dialect>(connection: &mut C) -> QueryResult<()> {
    connection.begin_write()
}

/// Refuses a database that does not exist or holds no traces, without touching anything.
pub(crate) fn expect_traces(url: &DatabaseUrl) -> Result<()> {
    match url {
        #[cfg(feature = "sqlite")]
        DatabaseUrl::Sqlite(target) => sqlite::expect_traces(target),
    }
}

/// Nothing is asked of the database for no rows.
macro_rules! forward {
    ($($name:ident($row:ty)),+ $(,)?) => {
        $(pub(crate) fn $name(connection: &mut AnyConnection, rows: &[&$row]) -> QueryResult<()> {
            if rows.is_empty() {
                return Ok(());
            }
            dispatch!(connection, concrete => concrete.$name(rows))
        })+
    };
}

forward! {
    lock_traces([u8]),
    lock_sessions(str),
    put_spans(SpanRow),
    put_contents(ContentRow),
    put_traces(TraceRow),
    put_facets(FacetRow),
    put_sessions(SessionRow),
    put_processes(ProcessRow),
    add_resources(ResourceRow),
    add_scopes(ScopeRow),
}

pub(crate) fn release_space(connection: &mut AnyConnection) -> QueryResult<bool> {
    dispatch!(connection, concrete => concrete.release_space())
}
