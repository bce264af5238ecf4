//! Why a command did not do what it was asked.

use std::io;
use std::process::ExitCode;

use super::output;

/// Why a command ended early.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command line cannot be understood.
    Usage(String),
    /// It was understood, and could not be done.
    Failed(String),
    /// It was done, and told what somebody should look into.
    Attention,
    /// Whoever reads the output wants no more of it, as `head` does.
    NoReader,
}

impl Failure {
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// Tells the user; what the process is to end with.
    pub(super) fn report(&self) -> ExitCode {
        match self {
            Self::Usage(message) => {
                output::note(&format!("error: {message}"));
                ExitCode::from(2)
            }
            Self::Failed(message) => {
                output::note(&format!("error: {message}"));
                ExitCode::FAILURE
            }
            Self::Attention => ExitCode::FAILURE,
            Self::NoReader => ExitCode::SUCCESS,
        }
    }
}

impl From<tracing_agents::Error> for Failure {
    fn from(error: tracing_agents::Error) -> Self {
        match error.kind() {
            tracing_agents::ErrorKind::InvalidInput | tracing_agents::ErrorKind::InvalidUrl => {
                Self::Usage(error.to_string())
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// Of writing to the standard output: other files are named in their errors.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::NoReader,
            _ => Self::Failed(format!("cannot write the output: {error}")),
        }
    }
}
