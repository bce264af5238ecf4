//! All that differs between databases: how to open one, and the statements that Diesel cannot say portably.

mod cell;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "async"))]
pub(crate) mod io;
#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod server;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) mod stream;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod timed;
#[cfg(feature = "postgres")]
mod tls;
#[cfg(any(feature = "sqlite", feature = "mysql"))]
mod values;

use diesel::result::QueryResult;
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) use server::Server;

pub(crate) use self::cell::Row;
use self::cell::{AddUp, Fail, Keep, OnConflict, Replace};
use super::connection::{AnyConnection, dispatch};
use super::rows::{ResourceRow, ScopeRow};
use super::url::DatabaseUrl;
use crate::error::Result;

/// What a database must be able to do beyond what Diesel says in one way for all.
///
/// Rows come sorted by their key, each key once, so that two writers never wait for each other in a circle.
pub(crate) trait Dialect: diesel::Connection {
    /// Begins a transaction that may write. Other writers' commits show in it.
    fn begin_write(&mut self) -> QueryResult<()>;

    /// Begins a transaction whose reads all see the same state.
    fn begin_read(&mut self) -> impl Future<Output = QueryResult<()>> + Send;

    /// Ends a transaction that read. Both futures may be dropped at any time: the connection then counts as broken.
    fn end_read(&mut self) -> impl Future<Output = QueryResult<()>> + Send;

    /// Locks these traces, in this order, until the transaction ends; where a trace is not stored, a row with `span_count` 0 takes its place.
    fn lock_traces(&mut self, ids: &[&[u8]]) -> QueryResult<()>;

    /// Locks these sessions, in this order, until the transaction ends; where a session is not stored, a row with `trace_count` 0 takes its
    /// place.
    fn lock_sessions(&mut self, ids: &[&str]) -> QueryResult<()>;

    /// Inserts rows.
    fn insert<R: Row, C: OnConflict>(&mut self, rows: &[&R]) -> QueryResult<()>;

    /// Inserts resources unless they are there.
    fn add_resources(&mut self, rows: &[&ResourceRow]) -> QueryResult<()>;

    /// Inserts scopes unless they are there.
    fn add_scopes(&mut self, rows: &[&ScopeRow]) -> QueryResult<()>;

    /// Makes ready for what will be written soon, where something has to be: `today` is a UTC day, counted from 1970-01-01. Not part of a
    /// transaction.
    fn prepare_days(&mut self, today: i32) -> QueryResult<()> {
        let _ = today;
        Ok(())
    }

    /// Drops at once what holds nothing but spans of traces without activity since a time, in nanoseconds since 1970; returns how many spans
    /// went. The traces' summaries stay for the caller to delete. Waits for nobody long. Not part of a transaction.
    fn drop_days(&mut self, before_ns: i64) -> QueryResult<u64> {
        let _ = before_ns;
        Ok(0)
    }

    /// Gives space that deletions freed back to the file system, a bounded piece at a time; whether more is left.
    fn release_space(&mut self) -> QueryResult<bool>;

    /// Has the file system see what was given back, unless somebody is in the way. Not part of a transaction.
    fn truncate(&mut self) -> QueryResult<()> {
        Ok(())
    }

    /// How much space the traces take; what of it is used only when that is asked, since it may take a moment. Not part of a transaction.
    fn space(&mut self, is_use_asked: bool) -> QueryResult<Space>;

    /// Holds a day's row in `content_days`, with others who do the same, until the transaction ends: the number of its last sweep, and
    /// whether that goes on. Nothing where there is no such row.
    fn share_day(&mut self, day: i32) -> QueryResult<Option<(i64, bool)>>;

    /// Holds it alone. Fails where others hold it for longer than anybody should be kept waiting.
    fn take_day(&mut self, day: i32) -> QueryResult<()>;

    /// Locks these parts of a day, in this order, as far as they are stored.
    fn lock_parts(&mut self, day: i32, digests: &[&[u8]]) -> QueryResult<()>;

    /// Keeps others from writing spans of senders (resources, scopes) until the transaction ends, so that rows of senders can be deleted;
    /// whether it can.
    fn hold_senders(&mut self) -> QueryResult<bool>;
}

/// How much space the traces take, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Space {
    /// What the operating system sees.
    pub(crate) allocated: u64,
    /// Without what is free to be used again.
    pub(crate) used: u64,
    /// What a span takes of that, where it is known without counting them.
    pub(crate) per_span: Option<u64>,
    /// Whether deletions show in it at once.
    pub(crate) is_exact: bool,
}

/// Stamps something for each backend that is compiled in: `$stamp!(module_name, Backend)`.
macro_rules! for_each_backend {
    ($stamp:ident) => {
        #[cfg(feature = "sqlite")]
        $stamp!(sqlite, diesel::sqlite::Sqlite);
        #[cfg(feature = "postgres")]
        $stamp!(postgres, diesel::pg::Pg);
        #[cfg(feature = "mysql")]
        $stamp!(mysql, diesel::mysql::Mysql);
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
        #[cfg(feature = "postgres")]
        DatabaseUrl::Postgres(url) => postgres::expect_traces(url),
        #[cfg(feature = "mysql")]
        DatabaseUrl::Mysql(url) => mysql::expect_traces(url),
    }
}

/// Inserts rows or replaces those of the same keys.
pub(crate) fn put<R: Row>(connection: &mut AnyConnection, rows: &[&R]) -> QueryResult<()> {
    insert::<R, Replace>(connection, rows)
}

/// Inserts rows that are not there; fails where one is.
pub(crate) fn add<R: Row>(connection: &mut AnyConnection, rows: &[&R]) -> QueryResult<()> {
    insert::<R, Fail>(connection, rows)
}

/// Inserts rows unless they are there.
pub(crate) fn keep<R: Row>(connection: &mut AnyConnection, rows: &[&R]) -> QueryResult<()> {
    insert::<R, Keep>(connection, rows)
}

/// Inserts rows, or adds their sums to those of the rows of the same keys and replaces the rest.
pub(crate) fn add_up<R: Row>(connection: &mut AnyConnection, rows: &[&R]) -> QueryResult<()> {
    insert::<R, AddUp>(connection, rows)
}

fn insert<R: Row, C: OnConflict>(connection: &mut AnyConnection, rows: &[&R]) -> QueryResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    dispatch!(connection, concrete => concrete.insert::<R, C>(rows))
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
    add_resources(ResourceRow),
    add_scopes(ScopeRow),
}

pub(crate) fn prepare_days(connection: &mut AnyConnection, today: i32) -> QueryResult<()> {
    dispatch!(connection, concrete => concrete.prepare_days(today))
}

pub(crate) fn drop_days(connection: &mut AnyConnection, before_ns: i64) -> QueryResult<u64> {
    dispatch!(connection, concrete => concrete.drop_days(before_ns))
}

pub(crate) fn truncate(connection: &mut AnyConnection) -> QueryResult<()> {
    dispatch!(connection, concrete => concrete.truncate())
}

pub(crate) fn space(connection: &mut AnyConnection, is_use_asked: bool) -> QueryResult<Space> {
    dispatch!(connection, concrete => concrete.space(is_use_asked))
}

pub(crate) fn hold_senders(connection: &mut AnyConnection) -> QueryResult<bool> {
    dispatch!(connection, concrete => concrete.hold_senders())
}

pub(crate) fn share_day(connection: &mut AnyConnection, day: i32) -> QueryResult<Option<(i64, bool)>> {
    dispatch!(connection, concrete => concrete.share_day(day))
}

pub(crate) fn take_day(connection: &mut AnyConnection, day: i32) -> QueryResult<()> {
    dispatch!(connection, concrete => concrete.take_day(day))
}

pub(crate) fn lock_parts(connection: &mut AnyConnection, day: i32, digests: &[&[u8]]) -> QueryResult<()> {
    dispatch!(connection, concrete => concrete.lock_parts(day, digests))
}

pub(crate) fn release_space(connection: &mut AnyConnection) -> QueryResult<bool> {
    dispatch!(connection, concrete => concrete.release_space())
}
