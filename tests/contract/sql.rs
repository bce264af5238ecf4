//! Statements beside the crate's own: to make databases, and to look into them.

use diesel::prelude::*;
#[cfg(any(feature = "postgres", feature = "mysql"))]
use diesel::row::NamedRow;
use diesel::sql_types::{Nullable, Text};
#[cfg(any(feature = "postgres", feature = "mysql"))]
use diesel_async::{AsyncConnection as _, SimpleAsyncConnection as _};
#[cfg(any(feature = "postgres", feature = "mysql"))]
use tokio::runtime::Runtime;

use crate::database::Dialect;

/// A connection of its own.
pub(crate) enum Sql {
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteConnection),
    #[cfg(feature = "postgres")]
    Postgres(Runtime, Box<diesel_async::AsyncPgConnection>),
    #[cfg(feature = "mysql")]
    Mysql(Runtime, Box<diesel_async::AsyncMysqlConnection>),
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Nullable<Text>)]
    line: Option<String>,
}

impl Sql {
    /// Connects to a database, by the crate's URL without the crate's own parameters.
    pub(crate) fn connect(dialect: Dialect, url: &str) -> Result<Self, ConnectionError> {
        match dialect {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => {
                let mut connection = SqliteConnection::establish(url.strip_prefix("sqlite://").unwrap_or(url))?;
                diesel::connection::SimpleConnection::batch_execute(&mut connection, "PRAGMA busy_timeout = 30000")
                    .unwrap();
                Ok(Self::Sqlite(connection))
            }
            #[cfg(feature = "postgres")]
            Dialect::Postgres => {
                let runtime = runtime();
                let connection = runtime.block_on(diesel_async::AsyncPgConnection::establish(url))?;
                Ok(Self::Postgres(runtime, Box::new(connection)))
            }
            #[cfg(feature = "mysql")]
            Dialect::Mysql => {
                // The driver knows only this scheme, and refuses parameters that it does not know.
                let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
                let url = format!("mysql://{}", rest.split('?').next().unwrap_or_default());
                let runtime = runtime();
                let connection = runtime.block_on(diesel_async::AsyncMysqlConnection::establish(&url))?;
                Ok(Self::Mysql(runtime, Box::new(connection)))
            }
            #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            other => unreachable!("{other:?} is not in this build: {url}"),
        }
    }

    /// Runs a statement.
    #[track_caller]
    pub(crate) fn execute(&mut self, statement: &str) {
        self.try_execute(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    /// Runs a statement that can fail for a while.
    pub(crate) fn try_execute(&mut self, statement: &str) -> QueryResult<()> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => diesel::connection::SimpleConnection::batch_execute(connection, statement),
            #[cfg(feature = "postgres")]
            Self::Postgres(runtime, connection) => runtime.block_on(connection.batch_execute(statement)),
            #[cfg(feature = "mysql")]
            Self::Mysql(runtime, connection) => runtime.block_on(connection.batch_execute(statement)),
        }
    }

    /// Whether nobody else is connected to its database.
    pub(crate) fn is_alone(&mut self, dialect: Dialect) -> bool {
        let others = match dialect {
            Dialect::Sqlite => return true,
            Dialect::Postgres => {
                "SELECT 'one' AS line FROM pg_stat_activity
                 WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
            }
            Dialect::Mysql => {
                "SELECT 'one' AS line FROM information_schema.processlist WHERE db = DATABASE() AND id <> connection_id()"
            }
        };
        self.try_lines(others).is_ok_and(|others| others.is_empty())
    }

    /// How a server explains a statement, asked to by a statement with one column.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn explained(&mut self, statement: &str) -> String {
        let asked = diesel::sql_query(statement);
        let plans: QueryResult<Vec<Plan>> = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => panic!("{statement} is a server's"),
            #[cfg(feature = "postgres")]
            Self::Postgres(runtime, connection) => {
                runtime.block_on(diesel_async::RunQueryDsl::load(asked, connection.as_mut()))
            }
            #[cfg(feature = "mysql")]
            Self::Mysql(runtime, connection) => {
                runtime.block_on(diesel_async::RunQueryDsl::load(asked, connection.as_mut()))
            }
        };
        let plans = plans.unwrap_or_else(|error| panic!("{statement}: {error}"));
        plans.into_iter().map(|plan| plan.0).collect()
    }

    /// The variables that a `SHOW` of MySQL names.
    #[cfg(feature = "mysql")]
    pub(crate) fn variables(&mut self, statement: &str) -> Vec<(String, String)> {
        let Self::Mysql(runtime, connection) = self else { panic!("{statement} is MySQL's") };
        let asked = diesel_async::RunQueryDsl::load(diesel::sql_query(statement), connection.as_mut());
        let variables: Vec<Variable> = runtime.block_on(asked).unwrap_or_else(|error| panic!("{statement}: {error}"));
        variables.into_iter().map(|variable| (variable.0, variable.1)).collect()
    }

    /// The rows of a query whose only column is a text named `line`.
    #[track_caller]
    pub(crate) fn lines(&mut self, query: &str) -> Vec<String> {
        self.try_lines(query).unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// The same of a query that can fail for a while.
    pub(crate) fn try_lines(&mut self, query: &str) -> QueryResult<Vec<String>> {
        let statement = diesel::sql_query(query);
        let rows: QueryResult<Vec<Line>> = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => diesel::RunQueryDsl::load(statement, connection),
            #[cfg(feature = "postgres")]
            Self::Postgres(runtime, connection) => {
                runtime.block_on(diesel_async::RunQueryDsl::load(statement, connection.as_mut()))
            }
            #[cfg(feature = "mysql")]
            Self::Mysql(runtime, connection) => {
                runtime.block_on(diesel_async::RunQueryDsl::load(statement, connection.as_mut()))
            }
        };
        Ok(rows?.into_iter().map(|row| row.line.unwrap_or_else(|| "NULL".to_owned())).collect())
    }
}

/// The only column of what explains a statement.
#[cfg(any(feature = "postgres", feature = "mysql"))]
struct Plan(String);

/// A variable of the server, and its value.
#[cfg(feature = "mysql")]
struct Variable(String, String);

#[cfg(any(feature = "postgres", feature = "mysql"))]
impl<DB> QueryableByName<DB> for Plan
where
    DB: diesel::backend::Backend,
    String: diesel::deserialize::FromSql<Text, DB>,
{
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> diesel::deserialize::Result<Self> {
        NamedRow::get::<Text, _>(row, "QUERY PLAN").or_else(|_| NamedRow::get::<Text, _>(row, "EXPLAIN")).map(Self)
    }
}

#[cfg(feature = "mysql")]
impl<DB> QueryableByName<DB> for Variable
where
    DB: diesel::backend::Backend,
    String: diesel::deserialize::FromSql<Text, DB>,
{
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> diesel::deserialize::Result<Self> {
        let (name, value) = (NamedRow::get::<Text, _>(row, "Variable_name")?, NamedRow::get::<Text, _>(row, "Value")?);
        Ok(Self(name, value))
    }
}

/// What drives a connection; it belongs to one thread, as the connection does.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
