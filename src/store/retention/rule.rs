//! What a database keeps.

use std::time::{Duration, SystemTime};

use crate::error::{Error, ErrorKind, Result};
use crate::model::TraceStatus;
use crate::model::time::unix_ns;

/// How often a scheduled retention runs.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// Which traces a database keeps: a limit of age, of number, of size, or several. A trace goes, whole, when one of the limits says so, the
/// oldest first; what else is set here says which traces stay all the same.
///
/// ```
/// use std::time::Duration;
/// use tracing_agents::Retention;
/// # use tracing_agents::{TraceRepository, store::Store};
/// # let repository = TraceRepository::new(Store::open("sqlite::memory:")?);
///
/// const DAY: Duration = Duration::from_secs(86_400);
/// let retention = Retention::new().older_than(30 * DAY).max_size(2 << 30).keep_failed(90 * DAY);
/// let pruned = repository.prune(&retention)?;
/// println!("{} traces, {} spans, {} bytes given back", pruned.traces, pruned.spans, pruned.freed_bytes);
/// # Ok::<(), tracing_agents::Error>(())
/// ```
///
/// Running traces, those with an open span, stay unless [`running_too`](Self::running_too) is set; spans of processes that died are
/// *interrupted*, which is not running.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "it does nothing until it is given to `prune` or `Builder::retention`"]
pub struct Retention {
    pub(super) age: Option<Age>,
    pub(super) newest: Option<u64>,
    pub(super) max_bytes: Option<u64>,
    pub(super) failed_for: Option<Duration>,
    pub(super) only: Option<TraceStatus>,
    pub(super) running: bool,
    interval: Option<Duration>,
}

/// How old is too old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// By what is the present where it is asked.
    Over(Duration),
    /// Before a time in nanoseconds since 1970.
    Before(i64),
}

impl Retention {
    /// Without a limit, which is no retention yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Traces go whose last activity is longer ago.
    ///
    /// Ages count from the latest activity that is stored, where the clock is beyond it: a clock that jumps ten years ahead deletes nothing,
    /// and a database that nobody writes to keeps what it has. Give [`before`](Self::before) a time, to go by that alone.
    pub fn older_than(mut self, age: Duration) -> Self {
        self.age = Some(Age::Over(age));
        self
    }

    /// Traces go whose last activity lies before a time.
    pub fn before(mut self, time: SystemTime) -> Self {
        self.age = Some(Age::Before(unix_ns(time)));
        self
    }

    /// Of all traces, those go that are not among the so many that started last.
    pub fn keep(mut self, traces: u64) -> Self {
        self.newest = Some(traces);
        self
    }

    /// The oldest traces go until the database takes no more than so many bytes.
    ///
    /// On SQLite that is the whole file, but for pages that are free. On servers it is what our tables and their indexes hold, as far as
    /// statistics (MySQL, MariaDB) or a sample of their rows (PostgreSQL) tell: expect a tenth more or less. What an empty database takes,
    /// some 300 KiB, is always there.
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Traces that failed stay for so long after their last activity, whatever the limits say.
    pub fn keep_failed(mut self, age: Duration) -> Self {
        self.failed_for = Some(age);
        self
    }

    /// Only traces of this status go; those of all others stay, whatever the limits say.
    pub fn only(mut self, status: TraceStatus) -> Self {
        self.only = Some(status);
        self
    }

    /// Traces with open spans may go too. Of such a trace, the latest start or end of a span is its last activity.
    pub fn running_too(mut self) -> Self {
        self.running = true;
        self
    }

    /// How often it runs where it is [scheduled](crate::Builder::retention). By default every hour.
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    pub(crate) fn interval(&self) -> Duration {
        self.interval.unwrap_or(INTERVAL)
    }

    /// Refuses what limits nothing: whoever wrote it meant something else.
    pub(crate) fn check(&self) -> Result<()> {
        if self.age.is_none() && self.newest.is_none() && self.max_bytes.is_none() {
            let message = "a retention without a limit deletes nothing: set older_than, before, keep or max_size";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        Ok(())
    }
}

impl From<&Self> for Retention {
    fn from(retention: &Self) -> Self {
        retention.clone()
    }
}

/// Traces without activity since a time go.
impl From<SystemTime> for Retention {
    fn from(time: SystemTime) -> Self {
        Self::new().before(time)
    }
}
