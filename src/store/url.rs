//! Database URLs: which database they name, and how they are shown.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};

/// A database URL that this build can open.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum DatabaseUrl {
    /// A file, or a database in memory that lives as long as its handle.
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteTarget),
}

/// Where a SQLite database lies.
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
                format!(
                    "{:?} {what}; write for example sqlite://traces.db, sqlite:///var/lib/app/traces.db or sqlite::memory:",
                    shown(url)
                ),
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
            _ => Err(invalid("names a database that this build does not know (known scheme: sqlite)")),
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
            #[cfg(feature = "sqlite")]
            Self::Sqlite(SqliteTarget::Memory) => self,
        }
    }

    /// Whether the database lives in memory, and so belongs to the one connection that opened it.
    pub(crate) fn is_memory(&self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(target) => *target == SqliteTarget::Memory,
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
    let (scheme, rest) = url.split_at(url.find("://").map_or(0, |colon| colon + "://".len()));
    let hidden = match rest.rsplit_once('@').map(|(credentials, host)| (credentials.split_once(':'), host)) {
        Some((Some((user, _)), host)) => format!("{scheme}{user}:***@{host}"),
        _ => url.to_owned(),
    };
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
