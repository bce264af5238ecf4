//! Statements beside the crate's own: to make databases, and to look into them.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use diesel_async::{AsyncConnection as _, AsyncMysqlConnection, AsyncPgConnection, SimpleAsyncConnection as _};
use tokio::runtime::Runtime;

use crate::database::Dialect;

/// A connection of its own.
pub(crate) enum Sql {
    Sqlite(SqliteConnection),
    Postgres(Runtime, AsyncPgConnection),
    Mysql(Runtime, AsyncMysqlConnection),
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Nullable<Text>)]
    line: Option<String>,
}

impl Sql {
    /// Opens a SQLite file by the crate's URL.
    pub(crate) fn file(url: &str) -> Self {
        let path = url.strip_prefix("sqlite://").unwrap();
        let mut connection = SqliteConnection::establish(path).unwrap();
        connection.batch_execute("PRAGMA busy_timeout = 30000").unwrap();
        Self::Sqlite(connection)
    }

    /// Connects to a database of a server.
    pub(crate) fn server(dialect: Dialect, url: &str) -> Result<Self, ConnectionError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        match dialect {
            Dialect::Mysql => {
                // The driver knows only this scheme, and refuses parameters that it does not know.
                let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
                let url = format!("mysql://{}", rest.split('?').next().unwrap_or_default());
                let connection = runtime.block_on(AsyncMysqlConnection::establish(&url))?;
                Ok(Self::Mysql(runtime, connection))
            }
            _ => {
                let connection = runtime.block_on(AsyncPgConnection::establish(url))?;
                Ok(Self::Postgres(runtime, connection))
            }
        }
    }

    /// Runs a statement.
    #[track_caller]
    pub(crate) fn execute(&mut self, statement: &str) {
        let result = match self {
            Self::Sqlite(connection) => connection.batch_execute(statement),
            Self::Postgres(runtime, connection) => runtime.block_on(connection.batch_execute(statement)),
            Self::Mysql(runtime, connection) => runtime.block_on(connection.batch_execute(statement)),
        };
        result.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    /// The rows of a query whose only column is a text named `line`.
    #[track_caller]
    pub(crate) fn lines(&mut self, query: &str) -> Vec<String> {
        let statement = diesel::sql_query(query);
        let rows: QueryResult<Vec<Line>> = match self {
            Self::Sqlite(connection) => diesel::RunQueryDsl::load(statement, connection),
            Self::Postgres(runtime, connection) => {
                runtime.block_on(diesel_async::RunQueryDsl::load(statement, connection))
            }
            Self::Mysql(runtime, connection) => {
                runtime.block_on(diesel_async::RunQueryDsl::load(statement, connection))
            }
        };
        let rows = rows.unwrap_or_else(|error| panic!("{query}: {error}"));
        rows.into_iter().map(|row| row.line.unwrap_or_else(|| "NULL".to_owned())).collect()
    }
}
