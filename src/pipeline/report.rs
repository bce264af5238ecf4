//! Telling the host that something went wrong.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::isolation::isolated;
use crate::error::Error;

/// Called with what went wrong: a store that is out, a span that cannot be stored, a sink that failed.
///
/// It runs on the worker thread, for another sink on the sink's (once, for spans that a drop leaves behind, on the dropping one), with
/// tracing disabled: log lines and spans made in it are discarded. A panic in it is caught. Spans wait while it runs.
pub type OnError = Arc<dyn Fn(&Error) + Send + Sync>;

/// At most one warning in this time, of the store and of each other sink.
const WARNING_INTERVAL: Duration = Duration::from_secs(30);

/// Passes errors to the host's callback, and to `tracing` at a limited rate.
pub(super) struct Reporter {
    on_error: Option<OnError>,
    last_warning: Option<Instant>,
    /// Errors since the last warning that were not warned of.
    unsaid: u64,
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter").field("unsaid", &self.unsaid).finish_non_exhaustive()
    }
}

impl Reporter {
    pub(super) const fn new(on_error: Option<OnError>) -> Self {
        Self { on_error, last_warning: None, unsaid: 0 }
    }

    /// Reports `error`; the caller holds no lock.
    ///
    /// The warning is an ordinary `tracing` event outside any span. It cannot recurse: it is made on a thread that is in no
    /// subscriber's call and at most once in [`WARNING_INTERVAL`], and an agent layer keeps no events outside spans.
    pub(super) fn report(&mut self, error: &Error) {
        if let Some(on_error) = &self.on_error {
            // A callback that panics has nowhere to be reported but here.
            drop(isolated(|| on_error(error)));
        }
        if self.warning_is_due(Instant::now()) {
            warn(error, std::mem::take(&mut self.unsaid));
        } else {
            self.unsaid = self.unsaid.saturating_add(1);
        }
    }

    fn warning_is_due(&mut self, now: Instant) -> bool {
        let due = self.last_warning.is_none_or(|last| now.saturating_duration_since(last) >= WARNING_INTERVAL);
        if due {
            self.last_warning = Some(now);
        }
        due
    }
}

fn warn(error: &Error, unsaid: u64) {
    // A subscriber that panics must not take the worker with it.
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        tracing::warn!(target: "tracing_agents", unsaid, "agent traces: {error}");
    }));
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn the_callback_hears_each_error_and_may_panic() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let callback: OnError = Arc::new({
            let heard = Arc::clone(&heard);
            move |error| {
                heard.lock().unwrap().push(error.to_string());
                panic!("a callback's bug");
            }
        });
        let mut reporter = Reporter::new(Some(callback));
        reporter.report(&Error::write("one"));
        reporter.report(&Error::write("two"));
        assert_eq!(*heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner), ["one", "two"]);
        assert_eq!(reporter.unsaid, 1, "the second warning comes too soon");
    }

    #[test]
    fn a_warning_is_due_every_thirty_seconds() {
        let mut reporter = Reporter::new(None);
        let start = Instant::now();
        assert!(reporter.warning_is_due(start));
        assert!(!reporter.warning_is_due(start + WARNING_INTERVAL / 2));
        assert!(reporter.warning_is_due(start + WARNING_INTERVAL));
    }
}
