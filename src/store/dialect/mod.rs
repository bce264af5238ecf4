//! All that differs between databases: how to open one, and the statements that Diesel cannot say portably.

#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

use diesel::result::QueryResult;

use super::connection::{AnyConnection, dispatch};
use super::rows::{ContentRow, FacetRow, ProcessRow, ResourceRow, ScopeRow, SessionRow, SpanRow, TraceRow};
use super::url::DatabaseUrl;
use crate::error::Result;

/// What a database must be able to do beyond what Diesel says in one way for all.
pub(crate) trait Dialect: diesel::Connection {
    /// Begins a transaction that may write.
    fn begin_write(&mut self) -> QueryResult<()>;

    /// Inserts a span or replaces the row of the same key.
    fn put_span(&mut self, row: &SpanRow) -> QueryResult<()>;

    /// Inserts a span's content or replaces the row of the same key.
    fn put_content(&mut self, row: &ContentRow) -> QueryResult<()>;

    /// Inserts a trace's summary or replaces the row of the same key.
    fn put_trace(&mut self, row: &TraceRow) -> QueryResult<()>;

    /// Inserts a facet or replaces the row of the same key.
    fn put_facet(&mut self, row: &FacetRow) -> QueryResult<()>;

    /// Inserts a session's summary or replaces the row of the same key.
    fn put_session(&mut self, row: &SessionRow) -> QueryResult<()>;

    /// Inserts a process or replaces the row of the same key.
    fn put_process(&mut self, row: &ProcessRow) -> QueryResult<()>;

    /// Inserts a resource unless it is there.
    fn add_resource(&mut self, row: &ResourceRow) -> QueryResult<()>;

    /// Inserts a scope unless it is there.
    fn add_scope(&mut self, row: &ScopeRow) -> QueryResult<()>;

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

macro_rules! forward {
    ($($name:ident($row:ty)),+ $(,)?) => {
        $(pub(crate) fn $name(connection: &mut AnyConnection, row: &$row) -> QueryResult<()> {
            dispatch!(connection, concrete => concrete.$name(row))
        })+
    };
}

forward! {
    put_span(SpanRow),
    put_content(ContentRow),
    put_trace(TraceRow),
    put_facet(FacetRow),
    put_session(SessionRow),
    put_process(ProcessRow),
    add_resource(ResourceRow),
    add_scope(ScopeRow),
}

pub(crate) fn release_space(connection: &mut AnyConnection) -> QueryResult<bool> {
    dispatch!(connection, concrete => concrete.release_space())
}
