//! Database URLs: which database they name, and how they are shown.

use std::fmt;

use super::column::hash128;
use crate::error::{Error, ErrorKind, Result};

#[cfg(any(feature = "postgres", feature = "mysql"))]
mod server;

#[cfg(feature = "postgres")]
pub(crate) use server::Partition;
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) use server::{ServerUrl, TlsMode};

/// A database URL that this build can open.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum DatabaseUrl {
    /// A file, or a database in memory that lives as long as its handle.
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteTarget),
    /// A database on a PostgreSQL server.
    #[cfg(feature = "postgres")]
    Postgres(ServerUrl),
    /// A database on a MySQL or MariaDB server.
    #[cfg(feature = "mysql")]
    Mysql(ServerUrl),
}

/// The schemes of the databases that are compiled in.
const SCHEMES: &[&str] = &[
    #[cfg(feature = "sqlite")]
    "sqlite",
    #[cfg(feature = "postgres")]
    "postgres",
    #[cfg(feature = "postgres")]
    "postgresql",
    #[cfg(feature = "mysql")]
    "mysql",
    #[cfg(feature = "mysql")]
    "mariadb",
];

/// One URL of each database that is compiled in.
const EXAMPLES: &[&str] = &[
    #[cfg(feature = "sqlite")]
    "sqlite://traces.db",
    #[cfg(feature = "sqlite")]
    "sqlite:///var/lib/app/traces.db",
    #[cfg(feature = "sqlite")]
    "sqlite::memory:",
    #[cfg(feature = "postgres")]
    "postgres://user:password@localhost/traces",
    #[cfg(feature = "mysql")]
    "mysql://user:password@localhost/traces",
];

/// Where a SQLite database lies.
#[cfg(feature = "sqlite")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SqliteTarget {
    /// In memory: `sqlite::memory:`.
    Memory,
    /// A file: `sqlite://relative.db`, `sqlite:///absolute.db` or `sqlite:either.db`.
    File(std::path::PathBuf),
}

impl DatabaseUrl {
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let invalid = |what: &str| {
            Error::new(
                ErrorKind::InvalidUrl,
                format!("{:?} {what}; write for example {}", shown(url), EXAMPLES.join(" or ")),
            )
        };
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(invalid("is no database URL: it has no scheme"));
        };
        match scheme {
            #[cfg(feature = "sqlite")]
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                match path {
                    ":memory:" => Ok(Self::Sqlite(SqliteTarget::Memory)),
                    "" => Err(invalid("names no file")),
                    _ if path.contains('\0') => Err(invalid("contains a NUL byte")),
                    _ if path.contains('?') => Err(invalid("has parameters, which SQLite URLs do not take here")),
                    _ => Ok(Self::Sqlite(SqliteTarget::File(path.into()))),
                }
            }
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => ServerUrl::postgres(rest).map(Self::Postgres).map_err(|what| invalid(&what)),
            #[cfg(feature = "mysql")]
            "mysql" | "mariadb" => ServerUrl::mysql(rest).map(Self::Mysql).map_err(|what| invalid(&what)),
            _ => Err(invalid(&format!(
                "names a database that this build does not know (known: {}; each is a feature of tracing-agents)",
                SCHEMES.join(", ")
            ))),
        }
    }

    /// The same database when the process has another working folder: connections are opened later too.
    pub(crate) fn absolute(self) -> Self {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(SqliteTarget::File(path)) => {
                // Where the working folder is gone or not Unicode, the path as it is has the better chance.
                let absolute = std::path::absolute(&path).ok().filter(|absolute| absolute.to_str().is_some());
                Self::Sqlite(SqliteTarget::File(absolute.unwrap_or(path)))
            }
            other => other,
        }
    }

    /// The file that the database is; `None` in memory and on a server.
    pub(crate) fn file(&self) -> Option<&std::path::Path> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(SqliteTarget::File(path)) => Some(path),
            #[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
            _ => None,
        }
    }

    /// A hash of the address: where the database is, without who asks. A database in memory is nobody else's.
    pub(crate) fn fingerprint(&self) -> [u8; 16] {
        let address = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(SqliteTarget::Memory) => "sqlite::memory:".to_owned(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(SqliteTarget::File(path)) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                return hash128(&[b"sqlite://", path.as_os_str().as_encoded_bytes()].concat());
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => url.postgres_address(),
            #[cfg(feature = "mysql")]
            Self::Mysql(url) => url.mysql_address(),
        };
        hash128(address.as_bytes())
    }

    /// Whether the database lives in memory, and so belongs to the one connection that opened it.
    pub(crate) fn is_memory(&self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(target) => *target == SqliteTarget::Memory,
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            _ => false,
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(SqliteTarget::Memory) => f.write_str("sqlite::memory:"),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(SqliteTarget::File(path)) => write!(f, "sqlite://{}", path.display()),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => f.write_str(&url.shown),
            #[cfg(feature = "mysql")]
            Self::Mysql(url) => f.write_str(&url.shown),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A URL as messages show it: without the password, and at most 200 characters.
pub(crate) fn shown(url: &str) -> String {
    let (address, parameters) = match url.split_once('?') {
        // Else an unescaped `?` of the password was found.
        Some((address, parameters)) if address.contains('@') || !parameters.contains('@') => (address, parameters),
        _ => (url, ""),
    };
    let (scheme, rest) = address.split_at(address.find("://").map_or(0, |colon| colon + "://".len()));
    let mut hidden = match rest.rsplit_once('@').map(|(credentials, host)| (credentials.split_once(':'), host)) {
        Some((Some((user, _)), host)) => format!("{scheme}{user}:***@{host}"),
        _ => address.to_owned(),
    };
    for (place, parameter) in parameters.split('&').filter(|parameter| !parameter.is_empty()).enumerate() {
        hidden.push(if place == 0 { '?' } else { '&' });
        match parameter.split_once('=') {
            Some((name, _)) if name.to_ascii_lowercase().contains("pass") => hidden.push_str(&format!("{name}=***")),
            _ => hidden.push_str(parameter),
        }
    }
    hidden.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_urls() {
        let file = |path: &str| DatabaseUrl::Sqlite(SqliteTarget::File(path.into()));
        for (url, expected) in [
            ("sqlite://traces.db", file("traces.db")),
            ("sqlite:traces.db", file("traces.db")),
            ("sqlite:///var/traces.db", file("/var/traces.db")),
            ("sqlite:/var/traces.db", file("/var/traces.db")),
            ("sqlite::memory:", DatabaseUrl::Sqlite(SqliteTarget::Memory)),
        ] {
            assert_eq!(DatabaseUrl::parse(url).unwrap(), expected);
        }
    }

    #[test]
    fn a_relative_path_does_not_follow_the_working_folder() {
        let here = std::env::current_dir().unwrap().join("traces.db");
        for url in ["sqlite://traces.db", "sqlite:traces.db", "sqlite:./traces.db"] {
            let expected = DatabaseUrl::Sqlite(SqliteTarget::File(here.clone()));
            assert_eq!(DatabaseUrl::parse(url).unwrap().absolute(), expected, "{url}");
        }
    }

    #[cfg(all(feature = "postgres", feature = "mysql"))]
    #[test]
    fn server_urls() {
        for (url, shown) in [
            ("postgres://u:s3cret@h:5433/db", "postgres://u:***@h:5433/db"),
            ("postgresql://u:s3%40cret@h/db?sslmode=require", "postgres://u:***@h/db?sslmode=require"),
            ("postgres:///db?host=/run/postgresql&password=s3cret", "postgres:///db?host=/run/postgresql&password=***"),
            ("mysql://u:s3cret@h/db", "mysql://u:***@h/db"),
            (
                "mariadb://u@h:3307/db?ssl-mode=VERIFY_CA&ssl-ca=/ca.pem",
                "mysql://u@h:3307/db?ssl-mode=VERIFY_CA&ssl-ca=/ca.pem",
            ),
        ] {
            let parsed = DatabaseUrl::parse(url).unwrap();
            assert_eq!(parsed.to_string(), shown);
            assert_eq!(format!("{parsed:?}"), shown);
        }
        let DatabaseUrl::Postgres(url) = DatabaseUrl::parse(
            "postgres://h/db?sslmode=verify-full&application_name=x&partition=weekly&sslrootcert=%2Fca.pem&timeout=7",
        )
        .unwrap() else {
            panic!("another database")
        };
        assert_eq!(url.driver, "postgres://h/db?application_name=x");
        assert_eq!((url.tls, url.partition), (TlsMode::VerifyFull, Some(Partition::Weekly)));
        assert_eq!(url.timeout.as_secs(), 7);
        assert_eq!(url.authorities.as_deref(), Some(std::path::Path::new("/ca.pem")));
    }

    #[cfg(all(feature = "postgres", feature = "mysql"))]
    #[test]
    fn a_fingerprint_is_of_the_address_and_not_of_who_asks() {
        let of = |url: &str| DatabaseUrl::parse(url).unwrap().fingerprint();
        for [one, same] in [
            ["postgres://u:s3cret@h/db", "postgresql://v@h:5432/db?sslmode=require&timeout=5"],
            ["mysql://u:s3cret@h/db", "mariadb://v:w@h:3306/db?ssl-mode=DISABLED"],
            ["sqlite:/a/b.db", "sqlite:///a/b.db"],
        ] {
            assert_eq!(of(one), of(same), "{one} {same}");
        }
        let others = ["postgres://h/db", "postgres://h/dc", "postgres://h:1/db", "postgres://g/db", "mysql://h/db"];
        let others: std::collections::BTreeSet<_> = others.iter().map(|url| of(url)).collect();
        assert_eq!(others.len(), 5);
    }

    #[cfg(all(feature = "postgres", feature = "mysql"))]
    #[test]
    fn bad_server_urls_say_what_is_wrong_without_their_password() {
        for (url, what) in [
            ("postgres:db", "must begin with postgres://"),
            ("postgres://u:s3cret@h/db?sslmode=sometimes", "\"sometimes\""),
            ("postgres://u:s3cret@h:port/db", "is no PostgreSQL URL"),
            ("postgres://u:s3cret@h/db?color=red", "color"),
            ("postgres://u:s3cret@h/db?partition=hourly", "\"hourly\""),
            ("mysql://u:s3cret@h", "names no database"),
            ("mysql://u:s3cret@h/", "names no database"),
            ("mysql://u:s3cret@h/db?color=red", "\"color\""),
            ("mysql://u:s3cret@h/db?partition=daily", "only PostgreSQL"),
            ("mysql://u:s3cret@h/db?timeout=soon", "the timeout \"soon\""),
            ("postgres://u:s3cret@h/db?timeout=0", "the timeout \"0\""),
            ("mysql://u:s3cret?@h/db", "is no MySQL URL"),
        ] {
            let error = DatabaseUrl::parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidUrl);
            let text = error.to_string();
            assert!(text.contains(what) && !text.contains("s3cret"), "{url}: {text}");
        }
    }

    #[test]
    fn bad_urls_are_named_without_their_password() {
        for url in [
            "",
            "traces.db",
            "sqlite:",
            "sqlite://",
            "sqlite://a?mode=ro",
            "oracle://scott:tiger@db/x",
            "scott:tiger@db",
            "oracle:scott:tiger@db",
            "sqlite:a\0b",
        ] {
            let error = DatabaseUrl::parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidUrl);
            let text = error.to_string();
            assert!(text.contains("sqlite://traces.db"), "{text}");
            assert!(!text.contains("tiger"), "{text}");
        }
    }
}
