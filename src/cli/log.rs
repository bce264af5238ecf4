//! What goes wrong in the pipeline, on the standard error: little, so that it stays readable when the database is away for hours.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing_agents::Error;

use super::output::note;

/// At most one line in this time.
const INTERVAL: Duration = Duration::from_secs(10);

/// A callback that says what goes wrong in the pipeline.
pub(super) fn errors() -> impl Fn(&Error) + Send + Sync {
    let said = Mutex::new(Said { last: None, unsaid: 0 });
    move |error| {
        let line = said.lock().unwrap_or_else(PoisonError::into_inner).line(&error.to_string(), Instant::now());
        if let Some(line) = line {
            note(&line);
        }
    }
}

/// When a line was last said, and how many were not said since.
struct Said {
    last: Option<Instant>,
    unsaid: u64,
}

impl Said {
    /// The line to say now, if it is time for one.
    fn line(&mut self, message: &str, now: Instant) -> Option<String> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < INTERVAL) {
            self.unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(match std::mem::take(&mut self.unsaid) {
            0 => message.to_owned(),
            unsaid => format!("{message} (and {unsaid} messages before)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_says_a_line_now_and_then_and_counts_the_others() {
        let mut said = Said { last: None, unsaid: 0 };
        let start = Instant::now();
        assert_eq!(said.line("gone", start), Some("gone".to_owned()));
        assert_eq!(said.line("gone", start + INTERVAL / 3), None);
        assert_eq!(said.line("gone", start + INTERVAL / 2), None);
        assert_eq!(said.line("gone", start + INTERVAL), Some("gone (and 2 messages before)".to_owned()));
    }
}
