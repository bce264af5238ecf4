//! Bringing the tables up to date.

use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::AnyConnection;
use super::url::DatabaseUrl;
use crate::error::{Error, ErrorKind, Result};

#[cfg(feature = "sqlite")]
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Brings the database's tables up to this program's version. Any number of processes may do this at once.
///
/// Refuses a database of a newer version: its columns may mean what this program does not know.
pub(crate) fn migrate(connection: &mut AnyConnection, url: &DatabaseUrl) -> Result<()> {
    match connection {
        #[cfg(feature = "sqlite")]
        AnyConnection::Sqlite(connection) => {
            // Most starts find nothing to do, and then need no right to write.
            if is_current(connection, SQLITE, url)? {
                return Ok(());
            }
            connection
                .immediate_transaction(|connection| {
                    is_current(connection, SQLITE, url)?;
                    connection
                        .run_pending_migrations(SQLITE)
                        .map_err(|error| Failure::Migration(failed(url, error)))?;
                    Ok(())
                })
                .map_err(|failure: Failure| match failure {
                    Failure::Migration(error) => error,
                    Failure::Transaction(error) => failed(url, Box::new(error)),
                })
        }
    }
}

enum Failure {
    Migration(Error),
    Transaction(diesel::result::Error),
}

impl From<diesel::result::Error> for Failure {
    fn from(error: diesel::result::Error) -> Self {
        Self::Transaction(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Migration(error)
    }
}

fn failed(url: &DatabaseUrl, error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::with_source(
        ErrorKind::Migration,
        format!(
            "cannot make or update the tables of {url}; check that the database can be written and that no other program made tables of these names"
        ),
        error,
    )
}

/// Whether exactly this program's migrations have run.
fn is_current<C>(connection: &mut C, source: EmbeddedMigrations, url: &DatabaseUrl) -> Result<bool>
where
    C: diesel::migration::MigrationConnection,
    EmbeddedMigrations: MigrationSource<C::Backend>,
    C: MigrationHarness<C::Backend>,
    C::Backend: diesel::backend::Backend,
{
    let known: Vec<Box<dyn Migration<C::Backend>>> = source.migrations().map_err(|error| failed(url, error))?;
    let applied = connection.applied_migrations().map_err(|error| failed(url, error))?;
    let is_known =
        |version: &MigrationVersion<'_>| known.iter().any(|migration| migration.name().version() == *version);
    if let Some(unknown) = applied.iter().find(|version| !is_known(version)) {
        return Err(Error::new(
            ErrorKind::NewerSchema,
            format!(
                "{url} was made or updated by a newer version of tracing-agents (it has migration {unknown}); update this program, or name another database"
            ),
        ));
    }
    Ok(applied.len() == known.len())
}
