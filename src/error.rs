//! The one error of this crate.

use std::fmt;

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A database URL that cannot be understood, or whose scheme is unknown or not compiled in.
    InvalidUrl,
    /// The database cannot be reached or opened.
    Connect,
    /// The database's tables are of a newer version than this program.
    NewerSchema,
    /// The database's tables could not be made or brought up to date.
    Migration,
    /// A read failed.
    Query,
    /// A write failed.
    Write,
    /// What was asked for by its id is not stored.
    NotFound,
    /// Stored or received bytes that cannot be decoded.
    Decode,
    /// A filter, cursor or option that cannot be understood.
    InvalidInput,
    /// What was asked for did not finish in time.
    Timeout,
    /// The pipeline is shut down.
    Shutdown,
    /// A thread could not be started.
    Thread,
}

/// An error with its [kind](Error::kind), a sentence that says what to do, and its [source](std::error::Error::source).
///
/// Database URLs in messages never show a password.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    pub(crate) fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: Some(source.into()) }))
    }

    /// An error for a `Sink` of your own to return.
    #[must_use]
    pub fn write(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Write, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
