//! The databases of the contract, and an empty one for each case.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::ConnectionResult;
use tempfile::TempDir;

use crate::sql::Sql;
use crate::tables;
use crate::world::PATIENCE;

/// Names servers that must be there: a missing one fails instead of being skipped.
const REQUIRE: &str = "TRACING_AGENTS_TEST_REQUIRE";

/// A kind of database that the contract holds for.
pub(crate) struct Engine {
    /// Its part of a test's name.
    pub(crate) name: &'static str,
    pub(crate) dialect: Dialect,
    /// The environment variable with the server's URL; `None` for a database that needs no server.
    variable: Option<&'static str>,
    /// What the crate's URL has behind the question mark.
    parameters: &'static str,
}

/// Which SQL a database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
    Mysql,
}

impl Dialect {
    /// Whether this build can open such a database.
    const fn is_built_in(self) -> bool {
        match self {
            Self::Sqlite => cfg!(feature = "sqlite"),
            Self::Postgres => cfg!(feature = "postgres"),
            Self::Mysql => cfg!(feature = "mysql"),
        }
    }
}

const fn server(name: &'static str, dialect: Dialect, variable: &'static str, parameters: &'static str) -> Engine {
    Engine { name, dialect, variable: Some(variable), parameters }
}

/// All databases: each runs the whole list of cases.
pub(crate) const ENGINES: [Engine; 5] = [
    Engine { name: "sqlite", dialect: Dialect::Sqlite, variable: None, parameters: "" },
    server("postgres", Dialect::Postgres, "TRACING_AGENTS_TEST_POSTGRES_URL", ""),
    server("postgres-partitioned", Dialect::Postgres, "TRACING_AGENTS_TEST_POSTGRES_URL", "partition=daily"),
    server("mariadb", Dialect::Mysql, "TRACING_AGENTS_TEST_MARIADB_URL", ""),
    server("mysql", Dialect::Mysql, "TRACING_AGENTS_TEST_MYSQL_URL", ""),
];

/// Why a kind of database cannot be tested here.
pub(crate) struct Missing {
    pub(crate) reason: String,
    pub(crate) is_required: bool,
}

/// Where databases of one kind are made: a folder, or a server.
pub(crate) struct Place {
    engine: &'static Engine,
    server: Option<Server>,
}

struct Server {
    url: String,
    /// Makes and removes databases, one after the other.
    admin: Mutex<Sql>,
    /// Databases that cases have left, with empty tables.
    emptied: Mutex<Vec<String>>,
}

/// Spans of a database that is worth being emptied: what held more keeps its size, and what the server knows of that.
const MOST_SPANS: u64 = 1_000;
/// How long a case's connections may take to end.
const LEAVING: Duration = Duration::from_secs(2);

impl Server {
    /// The connection that makes and removes databases; a case that failed with it must not fail all others.
    fn admin(&self) -> MutexGuard<'_, Sql> {
        self.admin.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn emptied(&self) -> MutexGuard<'_, Vec<String>> {
        self.emptied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, dialect: Dialect, name: &str) {
        // Connections that a pool is still closing must not keep it; a vacuum of the server's own, which this user cannot end, does.
        let force = if dialect == Dialect::Postgres { " WITH (FORCE)" } else { "" };
        let statement = format!("DROP DATABASE {name}{force}");
        let begun = Instant::now();
        while let Err(error) = self.admin().try_execute(&statement) {
            if begun.elapsed() > PATIENCE {
                println!("left behind: {statement}: {error}");
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Place {
    /// Where databases of this kind can be made, if this build and this machine can.
    pub(crate) fn find(engine: &'static Engine) -> Result<Self, Missing> {
        let required = std::env::var(REQUIRE).unwrap_or_default();
        let is_required = required.split(',').any(|name| !name.is_empty() && engine.name.starts_with(name.trim()));
        if !engine.dialect.is_built_in() {
            return Err(Missing { reason: "this build is without its feature".to_owned(), is_required });
        }
        let Some(variable) = engine.variable else { return Ok(Self { engine, server: None }) };
        let Some(url) = std::env::var(variable).ok().filter(|url| !url.is_empty()) else {
            return Err(Missing { reason: format!("{variable} is not set"), is_required });
        };
        // A server that is named must answer: only one that is not named is passed over.
        match Sql::connect(engine.dialect, &url) {
            Ok(admin) => {
                let server = Server { url, admin: Mutex::new(admin), emptied: Mutex::default() };
                Ok(Self { engine, server: Some(server) })
            }
            Err(error) => Err(Missing { reason: format!("no connection to the server: {error}"), is_required: true }),
        }
    }

    pub(crate) const fn engine(&self) -> &'static Engine {
        self.engine
    }

    /// An empty database, without tables.
    pub(crate) fn database(self: &Arc<Self>) -> Database {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("contract_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        match &self.server {
            None => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", folder.path().join("traces.db").display());
                Database { place: Arc::clone(self), name, url, _folder: Some(folder), can_be_emptied: false }
            }
            Some(server) => {
                server.admin().execute(&format!("CREATE DATABASE {name}"));
                self.of_server(server, name)
            }
        }
    }

    /// An empty database, which may have its tables: a server makes them, and takes them away, in far more time than most cases take.
    pub(crate) fn empty_database(self: &Arc<Self>) -> Database {
        let Some(server) = &self.server else { return self.database() };
        let emptied = server.emptied().pop();
        let mut database = emptied.map_or_else(|| self.database(), |name| self.of_server(server, name));
        database.can_be_emptied = true;
        database
    }

    fn of_server(self: &Arc<Self>, server: &Server, name: String) -> Database {
        let url = at(&server.url, &name, self.engine.parameters);
        Database { place: Arc::clone(self), name, url, _folder: None, can_be_emptied: false }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            let names = std::mem::take(&mut *server.emptied());
            names.iter().for_each(|name| server.remove(self.engine.dialect, name));
        }
    }
}

/// A database of one case, removed or emptied at its end.
pub(crate) struct Database {
    place: Arc<Place>,
    name: String,
    url: String,
    _folder: Option<TempDir>,
    can_be_emptied: bool,
}

impl Database {
    /// The crate's URL of it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Where it was made, for more of its kind.
    pub(crate) const fn place(&self) -> &Arc<Place> {
        &self.place
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.place.engine.dialect
    }

    /// The URL of a database that does not exist, at the same place.
    pub(crate) fn missing_url(&self) -> String {
        match &self.place.server {
            None => self.url.replace("traces.db", "none.db"),
            Some(server) => at(&server.url, "contract_none", self.place.engine.parameters),
        }
    }

    /// This database's URL with these credentials, `user:password`; `None` where there are none.
    pub(crate) fn url_with(&self, credentials: &str) -> Option<String> {
        self.place.server.as_ref()?;
        let (scheme, rest) = self.url.split_once("://")?;
        let (_, path) = rest.split_once('/')?;
        Some(format!("{scheme}://{credentials}@{}/{path}", self.host()?))
    }

    /// Where the server listens; `None` without a server, or behind a socket that is a file.
    pub(crate) fn server(&self) -> Option<SocketAddr> {
        self.place.server.as_ref()?;
        let port = if self.dialect() == Dialect::Postgres { 5432 } else { 3306 };
        let host = self.host()?;
        let address =
            if host.rsplit(':').next()?.parse::<u16>().is_ok() { host.to_owned() } else { format!("{host}:{port}") };
        address.to_socket_addrs().ok()?.next()
    }

    /// This database's URL by another address of its server.
    pub(crate) fn url_by(&self, address: SocketAddr) -> String {
        self.url.replacen(&format!("@{}/", self.host().unwrap()), &format!("@{address}/"), 1)
    }

    /// The host and the port, as the URL has them.
    fn host(&self) -> Option<&str> {
        let (_, rest) = self.url.split_once("://")?;
        let (authority, _) = rest.split_once('/')?;
        Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
    }

    /// A connection beside the crate's.
    pub(crate) fn sql(&self) -> Sql {
        self.try_sql().unwrap()
    }

    fn try_sql(&self) -> ConnectionResult<Sql> {
        let url = self.place.server.as_ref().map_or_else(|| self.url.clone(), |server| at(&server.url, &self.name, ""));
        Sql::connect(self.dialect(), &url)
    }

    /// Empties the tables for the next case; whether that went well. Nobody may be left who could still write into them.
    fn is_emptied(&self) -> bool {
        let Ok(mut sql) = self.try_sql() else { return false };
        let begun = Instant::now();
        while !sql.is_alone(self.dialect()) {
            if begun.elapsed() > LEAVING {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let spans = format!("SELECT {} AS line FROM spans", self.dialect().text_of("BigInt", "count(*)"));
        let spans = sql.try_lines(&spans).ok().and_then(|lines| lines.first()?.parse::<u64>().ok());
        spans.is_some_and(|spans| spans <= MOST_SPANS) && tables::try_empty(&mut sql).is_ok()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(server) = &self.place.server else { return };
        // What a case that failed has done to its database nobody knows.
        if self.can_be_emptied && !std::thread::panicking() && self.is_emptied() {
            server.emptied().push(std::mem::take(&mut self.name));
        } else {
            server.remove(self.dialect(), &self.name);
        }
    }
}

/// A server's URL with another database and more parameters; all else, such as an encoded password, stays as it is.
fn at(url: &str, database: &str, parameters: &str) -> String {
    let (address, own) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let authority = rest.split('/').next().unwrap_or_default();
    let parameters = [own, parameters].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("&");
    let mark = if parameters.is_empty() { "" } else { "?" };
    format!("{scheme}://{authority}/{database}{mark}{parameters}")
}
