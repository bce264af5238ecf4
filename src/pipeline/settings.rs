//! How much a pipeline holds, and when it writes.

use std::time::Duration;

use super::selection::TailSampling;
use super::spool::{Durability, SpoolSettings};
use crate::model::Kind;

/// The worker looks around this often at most.
const SHORTEST_TICK: Duration = Duration::from_millis(10);

/// How many queues of spans may come at once before they are in a file.
const BURST: usize = 16;

/// The limits and delays of a pipeline. Names and defaults of the first four are those of OpenTelemetry's batch span processor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Spans that may wait in memory for the store; default 2,048, at least 1. A span that finds the queue full is refused and counted; with a
    /// [spool](Self::spool) it waits in a file instead, and up to 16 times as many may come at once before they are there. As many may wait for
    /// each sink beside the store.
    pub max_queue_size: usize,
    /// Spans that are written at once; default 512, at least 1, at most `max_queue_size`.
    pub max_export_batch_size: usize,
    /// How long a span may wait before it is written although no batch is full; default 5 s, between 1 ms and 1 h.
    pub scheduled_delay: Duration,
    /// Bytes that may wait in the queue, roughly, and for each sink beside the store; default 64 MiB. An empty queue takes a span of any size, so that no span is too
    /// large for ever.
    pub max_queue_bytes: usize,
    /// Bytes of one span, roughly: a larger one is refused; default 256 MiB. It is far above what [`Limits`](crate::layer::Limits) let
    /// through of the usual spans.
    pub max_span_bytes: usize,
    /// Bytes that are written at once, roughly; default 4 MiB, at most `max_queue_bytes`. A larger span is written alone.
    pub max_batch_bytes: usize,
    /// Write each span as soon as it is accepted; default `false`. For debugging: a batch is then often a single span.
    pub immediate: bool,
    /// Also write spans that are still open; default `true`. At shutdown they are written anyway.
    pub live: bool,
    /// How long a span must have been open before `live` writes it; default 1 s. It is looked for about once a second, more often where
    /// this or `live_every` is shorter.
    pub live_after: Duration,
    /// How long after it was written an open span that has changed is written again at the earliest; default 5 s.
    pub live_every: Duration,
    /// How often the worker sees to what is to be done without spans ([`Sink::tick`](super::Sink::tick)); default 1 s, at least 10 ms.
    pub tick_every: Duration,
    /// The shortest wait before a store that is out is tried again; default 50 ms, at least 1 ms.
    pub retry_min_delay: Duration,
    /// The longest wait before a store that is out is tried again; default 5 s, at least `retry_min_delay`.
    pub retry_max_delay: Duration,
    /// How often a sink beside the store is given the same batch; default 100, at least 1. The store is tried until it is back.
    pub retry_max_attempts: u32,
    /// How old a batch may become at a sink beside the store and still be tried again; default 5 min. Each is tried once at least.
    pub retry_max_age: Duration,
    /// Kinds of spans that are not kept, unless a kept span stands below; default none.
    pub without_kinds: Vec<Kind>,
    /// Which traces are kept, decided when they are over; default all.
    pub tail_sampling: Option<TailSampling>,
    /// Where spans wait on a disk; default nowhere.
    pub spool: Option<SpoolSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_queue_size: 2048,
            max_export_batch_size: 512,
            scheduled_delay: Duration::from_secs(5),
            max_queue_bytes: 64 * 1024 * 1024,
            max_span_bytes: 256 * 1024 * 1024,
            max_batch_bytes: 4 * 1024 * 1024,
            immediate: false,
            live: true,
            live_after: Duration::from_secs(1),
            live_every: Duration::from_secs(5),
            tick_every: Duration::from_secs(1),
            retry_min_delay: Duration::from_millis(50),
            retry_max_delay: Duration::from_secs(5),
            retry_max_attempts: 100,
            retry_max_age: Duration::from_secs(300),
            without_kinds: Vec::new(),
            tail_sampling: None,
            spool: None,
        }
    }
}

impl Settings {
    /// How often the worker looks around, whatever else it does.
    pub(super) fn shortest_tick(&self) -> Duration {
        let live = if self.live { self.live_after.min(self.live_every) } else { self.tick_every };
        live.min(self.tick_every).max(SHORTEST_TICK)
    }

    /// The same, with what makes no sense moved to the nearest value that does: observability must not stop a program from starting.
    pub(super) fn clamped(mut self) -> Self {
        const MIN_DELAY: Duration = Duration::from_millis(1);
        const MAX_DELAY: Duration = Duration::from_secs(3600);
        self.max_queue_size = self.max_queue_size.max(1);
        self.max_export_batch_size = self.max_export_batch_size.clamp(1, self.max_queue_size);
        self.max_queue_bytes = self.max_queue_bytes.max(1);
        self.max_batch_bytes = self.max_batch_bytes.clamp(1, self.max_queue_bytes);
        self.scheduled_delay = self.scheduled_delay.clamp(MIN_DELAY, MAX_DELAY);
        self.retry_min_delay = self.retry_min_delay.clamp(MIN_DELAY, MAX_DELAY);
        self.retry_max_delay = self.retry_max_delay.clamp(self.retry_min_delay, MAX_DELAY);
        self.retry_max_attempts = self.retry_max_attempts.max(1);
        self.tick_every = self.tick_every.clamp(SHORTEST_TICK, MAX_DELAY);
        self
    }

    /// Spans that may come before they are taken on. To take them to the store can be slow, and to a file is quick: there a burst is no reason
    /// to refuse any, as long as it fits into the bytes of the queue.
    pub(super) fn max_incoming(&self) -> usize {
        match self.durability() {
            Durability::Memory => self.max_queue_size,
            Durability::Spool | Durability::Journal => self.max_queue_size.saturating_mul(BURST),
        }
    }

    /// What is promised of spans that were accepted.
    pub(super) fn durability(&self) -> Durability {
        self.spool.as_ref().map_or(Durability::Memory, |spool| spool.durability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_opentelemetrys_and_stay_as_they_are() {
        let settings = Settings::default();
        assert_eq!((settings.max_queue_size, settings.max_export_batch_size), (2048, 512));
        assert_eq!(settings.scheduled_delay, Duration::from_secs(5));
        assert_eq!(settings.clone().clamped(), settings);
    }

    #[test]
    fn nonsense_moves_to_the_nearest_sense() {
        let settings = Settings {
            max_queue_size: 0,
            max_export_batch_size: 0,
            max_queue_bytes: 0,
            max_batch_bytes: usize::MAX,
            scheduled_delay: Duration::ZERO,
            retry_min_delay: Duration::from_secs(2),
            retry_max_delay: Duration::ZERO,
            ..Settings::default()
        }
        .clamped();
        assert_eq!((settings.max_queue_size, settings.max_export_batch_size), (1, 1));
        assert_eq!((settings.max_queue_bytes, settings.max_batch_bytes), (1, 1));
        assert_eq!(settings.scheduled_delay, Duration::from_millis(1));
        assert_eq!(settings.retry_max_delay, Duration::from_secs(2));

        let settings = Settings { max_queue_size: 10, scheduled_delay: Duration::MAX, ..Settings::default() }.clamped();
        assert_eq!(settings.max_export_batch_size, 10, "a batch is never larger than the queue that fills it");
        assert_eq!(settings.scheduled_delay, Duration::from_secs(3600));
    }
}
