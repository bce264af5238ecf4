//! The raw limit: the same rows by the fastest SQL that the server takes, written by hand.
//!
//! No conflict clause, no read, no row twice; transactions of the same spans as ours. A database can have several methods; all are tried
//! on the same rows, and the fastest is the limit.

mod mysql;
mod postgres;
pub(crate) mod sqlite;

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::clock::Measure;
use crate::tables::{Batch, TABLES, Table};

/// A server, or a folder of files, that fresh databases can be made on.
pub(crate) trait Raw {
    /// What it calls itself.
    fn version(&mut self) -> Result<String>;

    /// Makes an empty database; its URL, as tracing-agents takes it.
    fn create(&mut self, name: &str) -> Result<String>;

    /// Removes a database.
    fn remove(&mut self, name: &str) -> Result<()>;

    /// The server's first process, when it runs on this machine.
    fn process(&mut self) -> Option<u32>;

    /// All rows of a table, in no order.
    fn read(&mut self, name: &str, table: &'static str) -> Result<Table>;

    /// The ways to write.
    fn methods(&self) -> Vec<&'static str>;

    /// Writes `batches` into a database that has the tables, a transaction each; how long that took, without connecting.
    fn write(&mut self, name: &str, batches: &[Batch], method: &str) -> Result<Measure>;
}

/// The database that a name on the command line means: `sqlite`, or `mariadb=mysql://…`.
pub(crate) fn open(argument: &str, folder: &Path) -> Result<Box<dyn Raw>> {
    let (name, url) = argument.split_once('=').unwrap_or((argument, ""));
    match (name, url) {
        ("sqlite", "") => Ok(Box::new(sqlite::Files::new(folder))),
        ("postgres", url) if !url.is_empty() => Ok(Box::new(postgres::Server::connect(url)?)),
        ("mariadb" | "mysql", url) if !url.is_empty() => Ok(Box::new(mysql::Server::connect(url)?)),
        _ => anyhow::bail!("{argument:?} is no database: give sqlite, postgres=URL, mariadb=URL or mysql=URL"),
    }
}

/// Whether the host of a URL is this machine.
fn is_local(url: &str) -> bool {
    let host = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).and_then(|host| host.rsplit('@').next());
    host.is_some_and(|host| ["127.0.0.1", "localhost", "[::1]"].iter().any(|local| host.starts_with(local)))
}

/// All tables of a database, rows in the order of their keys.
pub(crate) fn read_all(raw: &mut dyn Raw, name: &str) -> Result<Vec<Table>> {
    TABLES
        .iter()
        .map(|(table, _)| {
            let mut table = raw.read(name, table).with_context(|| format!("reading {table}"))?;
            table.sort();
            Ok(table)
        })
        .collect()
}

/// `url` with another database, and without what it says about TLS: both sides of the comparison speak plainly, on loopback.
fn with_database(url: &str, name: &str) -> String {
    let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let server = rest.split('/').next().unwrap_or_default();
    let mut url = format!("{scheme}://{server}/{name}");
    for (place, parameter) in parameters.split('&').filter(|one| !one.is_empty() && !one.starts_with("ssl")).enumerate()
    {
        url.push(if place == 0 { '?' } else { '&' });
        url.push_str(parameter);
    }
    url
}

/// The same database for tracing-agents, which would take TLS where it is offered.
fn without_tls(url: &str) -> String {
    format!("{url}{}sslmode=disable", if url.contains('?') { '&' } else { '?' })
}

#[cfg(test)]
mod tests {
    use super::{is_local, with_database, without_tls};

    #[test]
    fn the_database_of_a_url_is_replaced() {
        for (url, expected) in [
            ("postgres://u:p%2F@h:5/a", "postgres://u:p%2F@h:5/b?sslmode=disable"),
            ("postgres://h", "postgres://h/b?sslmode=disable"),
            ("mysql://u@h/a?ssl-mode=required&x=1", "mysql://u@h/b?x=1&sslmode=disable"),
        ] {
            assert_eq!(without_tls(&with_database(url, "b")), expected);
        }
    }

    #[test]
    fn a_url_tells_whether_the_server_is_here() {
        for (url, here) in [
            ("postgres://u:p%40@127.0.0.1:5/a", true),
            ("mysql://localhost/a", true),
            ("postgres://db.example/localhost", false),
        ] {
            assert_eq!(is_local(url), here, "{url}");
        }
    }
}
