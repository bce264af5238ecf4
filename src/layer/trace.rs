//! What the spans of one trace have in common: its id, its clock, and whether ids changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::shared::Shared;
use crate::model::TraceId;

/// A trace with a span in this process.
///
/// The wall clock is read once, at the root; every other time is that plus monotonic time. So a clock that is set back does not make
/// a child start before its parent, or end before it started.
pub(super) struct Trace {
    pub(super) id: TraceId,
    pub(super) shared: Arc<Shared>,
    anchor: Instant,
    anchor_unix_ns: i64,
    /// Grows when an id changed on a span that has children: those must look again at their ancestors.
    id_version: AtomicU64,
}

impl Trace {
    /// A new trace that starts now. Its id carries the start in milliseconds.
    pub(super) fn start(shared: Arc<Shared>) -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            id: TraceId::generate(u64::try_from(unix.as_millis()).unwrap_or_default()),
            shared,
            anchor: Instant::now(),
            anchor_unix_ns: i64::try_from(unix.as_nanos()).unwrap_or(i64::MAX),
            id_version: AtomicU64::new(0),
        }
    }

    /// Nanoseconds since the anchor.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.anchor.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Nanoseconds since 1970 of a time since the anchor.
    pub(super) fn unix_ns(&self, since_anchor: u64) -> i64 {
        self.anchor_unix_ns.saturating_add_unsigned(since_anchor)
    }

    /// The number of changes so far. A span that saw this number knows of all of them.
    pub(super) fn id_version(&self) -> u64 {
        self.id_version.load(Ordering::Acquire)
    }

    /// Says that an id changed on a span that has children.
    pub(super) fn ids_changed(&self) {
        self.id_version.fetch_add(1, Ordering::AcqRel);
    }
}
