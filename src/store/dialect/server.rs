//! What the servers have in common.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AnsiTransactionManager, AsyncConnection};

use super::io::Io;
use super::timed::Timed;
use crate::error::{Error, ErrorKind};
use crate::store::url::ServerUrl;

/// How long the question may take whether a server is still there.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a statement may take that brings tables up to date, or waits until another process did.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(20 * 60);

/// A connection to a server, and what is known about it.
pub(crate) struct Server<C> {
    pub(crate) connection: C,
    /// Whether it must not be used again.
    pub(crate) is_suspect: bool,
}

impl<A> Server<AsyncConnectionWrapper<Timed<A>, Io>>
where
    A: AsyncConnection<TransactionManager = AnsiTransactionManager>,
{
    pub(crate) const fn new(connection: AsyncConnectionWrapper<Timed<A>, Io>) -> Self {
        Self { connection, is_suspect: false }
    }

    /// Whether the server is still there. Asked each time before the connection is used: servers restart, and end what lies idle.
    pub(crate) fn answers(&mut self) -> bool {
        let time = self.connection.set_time(CHECK_TIMEOUT);
        let answers = self.connection.batch_execute("SELECT 1").is_ok();
        self.connection.set_time(time);
        answers
    }

    /// From now on, a statement may take as long as bringing large tables up to date does, or waiting for another process to do that.
    pub(crate) fn be_patient(&mut self) {
        self.connection.set_time(MIGRATION_TIMEOUT);
    }

    /// Whether it must not be used again.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_suspect || self.connection.is_late()
    }
}

/// Why there is no connection. The drivers' errors do not say their causes, which are all that helps.
pub(super) fn cannot_connect(url: &ServerUrl, error: &(dyn std::error::Error + 'static)) -> Error {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    Error::new(ErrorKind::Connect, format!("cannot connect to {}: {text}", url.shown))
}

/// Stamps how the stored rows with these keys are locked, in the order of the keys; tells which there are.
macro_rules! lock_stored {
    ($name:ident, $connection:ty, $table:ident::$key:ident, $wanted:ty, $stored:ty) => {
        fn $name(connection: &mut $connection, keys: &[&$wanted]) -> QueryResult<BTreeSet<$stored>> {
            let locked: Vec<$stored> = $table::table
                .select($table::$key)
                .filter($table::$key.eq_any(keys))
                .order($table::$key)
                .for_update()
                .load(connection)?;
            Ok(locked.into_iter().collect())
        }
    };
}
pub(super) use lock_stored;

/// Stamps how stored parts of a day are locked, in the order of their names.
macro_rules! lock_stored_parts {
    ($connection:ty) => {
        fn lock_stored_parts(connection: &mut $connection, day: i32, digests: &[&[u8]]) -> QueryResult<()> {
            use crate::store::schema::content_parts;
            let locked: Vec<i64> = content_parts::table
                .select(content_parts::kept_by)
                .filter(content_parts::start_day.eq(day))
                .filter(content_parts::digest.eq_any(digests))
                .order(content_parts::digest)
                .for_update()
                .load(connection)?;
            drop(locked);
            Ok(())
        }
    };
}
pub(super) use lock_stored_parts;
