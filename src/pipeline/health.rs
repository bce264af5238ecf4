//! What became of the spans: counters that add up.

use std::fmt;

use super::spool::SpoolHealth;

/// Counters and gauges of a pipeline, read at one instant (those of each other sink at an instant of its own).
///
/// `offered = accepted + rejected` and `accepted = stored + queued + in_flight + spooled + held + discarded + dead_lettered + dropped`;
/// each other sink has a [sum of its own](SinkHealth).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Spans that were offered by layers and exporters.
    pub offered: u64,
    /// Spans that were taken over.
    pub accepted: u64,
    /// Of these, spans that other processes left in the spool when they ended. They are offered and accepted a second time here.
    pub adopted: u64,
    /// Spans that were refused, by reason.
    pub rejected: Rejected,
    /// Spans that the store has committed.
    pub stored: u64,
    /// Spans that wait in memory, and in no file.
    pub queued: u64,
    /// Bytes that wait in memory, roughly; those of spans that are in files too among them.
    pub queued_bytes: u64,
    /// Spans that the worker holds: being interpreted or written, or waiting for the store to come back. A batch and the
    /// next, which is interpreted meanwhile, or while the store refuses one span after the other as many more as fill the queue.
    pub in_flight: u64,
    /// Spans that wait in files of the spool. After a shutdown, those that it left there: the next process of this database stores them.
    pub spooled: u64,
    /// How the spool does.
    pub spool: SpoolHealth,
    /// Spans of traces on which [`TailSampling`](super::TailSampling) has not decided yet.
    pub held: u64,
    /// Spans that the program asked not to keep.
    pub discarded: Discarded,
    /// Spans that could not be stored although others could, by reason.
    pub dead_lettered: DeadLettered,
    /// Spans that were lost after they had been accepted, by reason.
    pub dropped: Dropped,
    /// What the other sinks did, in the order in which they were added.
    pub sinks: Vec<SinkHealth>,
    /// Versions of spans still open that the store has taken. A span counts once for each version, and apart from the sums above:
    /// it is accepted when it ends.
    pub live_written: u64,
    /// Whether the store is out: its last write failed and so does its probe (or it refuses one span after the other), and spans
    /// wait for it to come back.
    pub degraded: bool,
    /// The last error of the store, a sink or the worker.
    pub last_error: Option<String>,
    /// Frameworks whose spans are recorded while filters of the program hide the events by which they tell their content, each
    /// with the first of these that was noticed, at a flush or after a `scheduled_delay`. What is listed is so; where the layer is not
    /// the last that was added, what is not listed may be hidden too.
    pub hidden_content: Vec<HiddenContent>,
}

/// Content that a filter for the whole program keeps from every layer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HiddenContent {
    /// The name of the framework's [profile](crate::profile::Profile).
    pub profile: String,
    /// The target of the events that are hidden, or where all of their level are, of a span that they belong to.
    pub target: String,
    /// Their level: `DEBUG` or `TRACE`.
    pub level: String,
}

impl HiddenContent {
    pub(crate) fn new(profile: &str, target: &str, level: tracing::Level) -> Self {
        Self { profile: profile.to_owned(), target: target.to_owned(), level: level.as_str().to_owned() }
    }
}

impl fmt::Display for HiddenContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (events of {} at {})", self.profile, self.target, self.level)
    }
}

/// Spans refused at the door.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// The queue held as many spans or bytes as it may.
    pub queue_full: u64,
    /// The spool had as many bytes as it may, or its disk failed, and memory was full too.
    pub disk_full: u64,
    /// Larger than a span [may be](super::Settings::max_span_bytes).
    pub too_large: u64,
    /// The pipeline was shut down.
    pub after_shutdown: u64,
    /// The sampler of the [tracer provider](crate::Builder::tracer_provider) left the span out, or it began where telemetry is suppressed.
    pub sampled_out: u64,
}

/// Spans that the store refused for what they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLettered {
    /// The store refused this span, alone, while it took others.
    pub poison: u64,
    /// Reading the span panicked.
    pub panic: u64,
}

/// Spans that the program asked not to keep, and what came of the traces that are sampled by their end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discarded {
    /// Spans of [kinds that are left out](super::Settings::without_kinds).
    pub by_kind: u64,
    /// Spans of traces that [`TailSampling`](super::TailSampling) discarded.
    pub by_trace: u64,
    /// Those traces.
    pub traces: u64,
    /// Traces that it kept, by the first reason to.
    pub kept_traces: KeptTraces,
}

/// Traces that [`TailSampling`](super::TailSampling) kept, by the first reason to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptTraces {
    /// A span failed.
    pub error: u64,
    /// It took long.
    pub slow: u64,
    /// It cost much.
    pub cost: u64,
    /// It took many tokens.
    pub tokens: u64,
    /// A chosen agent, user or session took part.
    pub chosen: u64,
    /// It is of the share that is kept of the rest.
    pub share: u64,
    /// There was no room to wait for its end.
    pub early: u64,
}

/// Spans lost after they had been accepted, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// Still waiting when the shutdown's deadline passed, and in no file. The batch that was being written then may have been stored after all.
    pub shutdown_timeout: u64,
    /// The spool had as many bytes as it may, and memory was full too.
    pub spool_full: u64,
    /// The spool's files gave back something else than was written, or nothing.
    pub disk_error: u64,
    /// Their redaction failed, and nothing leaves the process without.
    pub redaction_failed: u64,
}

/// What became of the spans that a sink beside the store was offered: `offered = written + failed + dropped + waiting`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkHealth {
    /// The sink's name.
    pub name: String,
    /// Spans that were handed to it, each after the store has had it.
    pub offered: u64,
    /// Spans that it took.
    pub written: u64,
    /// Spans that it refused: for good, or too often, or for too long.
    pub failed: u64,
    /// Spans that it never came to.
    pub dropped: SinkDropped,
    /// Spans that wait for it, the batch that it is writing among them.
    pub waiting: u64,
    /// Bytes that wait in its queue, roughly.
    pub waiting_bytes: u64,
    /// How often a batch was tried again.
    pub retries: u64,
    /// Its last error.
    pub last_error: Option<String>,
}

/// Spans that a sink beside the store never came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkDropped {
    /// As many spans or bytes waited for it as may.
    pub queue_full: u64,
    /// Still waiting when the shutdown's deadline passed. The batch that was being written then may have been taken after all.
    pub shutdown_timeout: u64,
}

impl SinkDropped {
    /// All dropped spans.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.queue_full + self.shutdown_timeout
    }
}

impl SinkHealth {
    /// Whether the sum in the type's description holds.
    #[must_use]
    pub const fn adds_up(&self) -> bool {
        self.offered == self.written + self.failed + self.dropped.total() + self.waiting
    }
}

impl Rejected {
    /// All refused spans.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.queue_full + self.disk_full + self.too_large + self.after_shutdown + self.sampled_out
    }
}

impl DeadLettered {
    /// All dead-lettered spans.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.poison + self.panic
    }
}

impl Discarded {
    /// All spans that the program asked not to keep.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.by_kind + self.by_trace
    }
}

impl Dropped {
    /// All dropped spans.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.shutdown_timeout + self.spool_full + self.disk_error + self.redaction_failed
    }
}

impl Health {
    /// Whether the sums in the type's description hold, those of the other sinks too. They always do; a test and `doctor` ask.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.offered == self.accepted + self.rejected.total()
            && self.accepted
                == self.stored
                    + self.queued
                    + self.in_flight
                    + self.spooled
                    + self.held
                    + self.discarded.total()
                    + self.dead_lettered.total()
                    + self.dropped.total()
            && self.sinks.iter().all(SinkHealth::adds_up)
    }
}
