//! The one error of this crate.

use std::fmt;
use std::time::Duration;

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
    /// A span that has begun cannot be given another parent.
    TooLate,
    /// What was asked for did not finish in time.
    Timeout,
    /// What was accepted is not in the database, but safe on the disk: the next process that opens the database stores it.
    Spooled,
    /// The pipeline is shut down.
    Shutdown,
    /// A filter of the program hides what the layer is to record; see
    /// [`Health::hidden_content`](crate::pipeline::Health::hidden_content).
    Hidden,
    /// A thread could not be started.
    Thread,
}

/// An error with its [kind](Error::kind) and a sentence that says what to do, and why it failed.
///
/// `Display` says all of it, the cause included, so [`source`](std::error::Error::source) goes on where that ends: reports that print
/// the whole chain say nothing twice. `Debug` is the same text behind the kind, because that is what `main` prints.
///
/// Database URLs in messages never show a password.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    retry: Retry,
}

/// What a sink's error says about trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// It may go well the next time.
    Soon,
    /// It may go well after this time, not before.
    After(Duration),
    /// It would fail again.
    Never,
    /// So many spans of the batch are lost; the others were taken.
    Partial(usize),
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
        Self(Box::new(Inner { kind, message: message.into(), source: None, retry: Retry::Soon }))
    }

    pub(crate) fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: Some(source.into()), retry: Retry::Soon }))
    }

    /// What it comes from, if that is a `T`. Unlike [`source`](std::error::Error::source), this is what the message has at its end.
    pub(crate) fn cause<T: std::error::Error + 'static>(&self) -> Option<&T> {
        self.0.source.as_deref()?.downcast_ref()
    }

    /// An error for a [`Sink`](crate::pipeline::Sink) of your own to return: the same batch may go well the next time.
    #[must_use]
    pub fn write(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Write, message)
    }

    /// As [`write`](Self::write), of a batch that would fail again: a sink beside the store is not asked a second time.
    #[must_use]
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::write(message).retrying(Retry::Never)
    }

    /// As [`write`](Self::write), of a batch that was taken but for `lost` spans, which would be refused again.
    #[must_use]
    pub fn partial(message: impl Into<String>, lost: usize) -> Self {
        Self::write(message).retrying(Retry::Partial(lost))
    }

    /// The same, of a receiver that asks to be left alone for `delay`.
    #[must_use]
    pub fn retry_after(self, delay: Duration) -> Self {
        self.retrying(Retry::After(delay))
    }

    fn retrying(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// What a sink's error says about trying again.
    pub(crate) const fn retry(&self) -> Retry {
        self.0.retry
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
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref()?.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_said_once() {
        let cause = std::io::Error::other("the disk is full");
        let error = Error::with_source(ErrorKind::Write, "cannot write", cause);
        assert_eq!(error.to_string(), "cannot write: the disk is full");
        assert!(std::error::Error::source(&error).is_none());
        assert_eq!(format!("{error:?}"), "Write: cannot write: the disk is full");
    }

    #[test]
    fn a_longer_chain_goes_on() {
        let cause =
            Error::with_source(ErrorKind::Query, "b", Error::with_source(ErrorKind::Query, "c", std::fmt::Error));
        let error = Error::with_source(ErrorKind::Write, "a", std::io::Error::other(cause));
        assert!(error.to_string().starts_with("a: b: c: "));
    }
}
