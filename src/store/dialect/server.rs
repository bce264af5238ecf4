//! What the servers have in common.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;

use crate::error::{Error, ErrorKind};
use crate::store::url::ServerUrl;

/// A connection that lay idle for longer is asked whether it is still there before it is used.
const TRUSTED: Duration = Duration::from_secs(1);

/// A connection to a server, and what is known about it.
pub(crate) struct Server<C> {
    pub(crate) connection: C,
    /// Whether it must not be used again.
    pub(crate) is_suspect: bool,
    answered: Instant,
}

impl<C: SimpleConnection> Server<C> {
    pub(crate) fn new(connection: C) -> Self {
        Self { connection, is_suspect: false, answered: Instant::now() }
    }

    pub(crate) fn answers(&mut self) -> bool {
        if self.answered.elapsed() > TRUSTED {
            if self.connection.batch_execute("SELECT 1").is_err() {
                return false;
            }
            self.answered = Instant::now();
        }
        true
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
