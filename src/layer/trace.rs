//! What the spans of one trace have in common: its id, its clock, and whether ids changed.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::shared::Shared;
use crate::model::TraceId;

/// A trace with a span in this process.
///
/// The wall clock is read once, at the root; every other time is that plus monotonic time. So a clock that is set back does not make
/// a child start before its parent, or end before it started. All traces count from the same place as long as nobody sets the clock:
/// what happened first in the process has the earlier time, whatever the trace.
pub(super) struct Trace {
    pub(super) id: TraceId,
    pub(super) shared: Arc<Shared>,
    anchor: Instant,
    anchor_unix_ns: i64,
    /// The trace of the span that the root would stand below if no boundary were between them: the root has ids from there.
    outer: Option<Arc<Trace>>,
    /// Grows when a span gets an id after it has begun: those below have it too.
    id_version: AtomicU64,
}

impl Trace {
    /// A new trace that starts now. Its id carries the start in milliseconds.
    pub(super) fn start(shared: Arc<Shared>) -> Self {
        Self::start_at(shared, SystemTime::now())
    }

    /// The same, where the wall clock says `wall`.
    fn start_at(shared: Arc<Shared>, wall: SystemTime) -> Self {
        let unix = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let anchor = Instant::now();
        let unix_ns = i64::try_from(unix.as_nanos()).unwrap_or(i64::MAX);
        Self {
            id: TraceId::generate(u64::try_from(unix.as_millis()).unwrap_or_default()),
            shared,
            anchor,
            anchor_unix_ns: unix_ns_of(anchor, unix_ns),
            outer: None,
            id_version: AtomicU64::new(0),
        }
    }

    /// The same for a trace whose root has ids from a span of `outer`.
    pub(super) fn start_below(outer: &Arc<Self>) -> Self {
        let mut trace = Self::start(Arc::clone(&outer.shared));
        trace.outer = Some(Arc::clone(outer));
        trace
    }

    /// Nanoseconds since the anchor.
    pub(super) fn now(&self) -> u64 {
        let elapsed = self.anchor.elapsed();
        elapsed.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(elapsed.subsec_nanos()))
    }

    /// The same for what may also be before it.
    pub(super) fn now_signed(&self) -> i64 {
        i64::try_from(self.now()).unwrap_or(i64::MAX)
    }

    /// The time since the anchor of nanoseconds since 1970.
    pub(super) const fn since_anchor(&self, unix_ns: i64) -> i64 {
        unix_ns.saturating_sub(self.anchor_unix_ns)
    }

    /// Nanoseconds since 1970 of a time around the anchor.
    pub(super) const fn unix_ns_of_event(&self, since_anchor: i64) -> i64 {
        self.anchor_unix_ns.saturating_add(since_anchor)
    }

    /// Nanoseconds since 1970 of a time since the anchor.
    pub(super) fn unix_ns(&self, since_anchor: u64) -> i64 {
        self.anchor_unix_ns.saturating_add_unsigned(since_anchor)
    }

    /// The number of changes so far, here and where the ids come from.
    pub(super) fn id_version(&self) -> u64 {
        let mut version = self.id_version.load(Ordering::Acquire);
        let mut outer = self.outer.as_deref();
        while let Some(trace) = outer {
            // Each part only ever grows, so their sum tells of a change of any.
            version = version.wrapping_add(trace.id_version.load(Ordering::Acquire));
            outer = trace.outer.as_deref();
        }
        version
    }

    /// Says that a span that has begun got an id. Answers what the layer's count of such ids is with it.
    pub(super) fn ids_changed(&self) -> u64 {
        self.id_version.fetch_add(1, Ordering::AcqRel);
        self.shared.late_ids.fetch_add(1, Ordering::AcqRel) + 1
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        // One after the other, as a span's parents.
        let mut next = self.outer.take();
        while let Some(mut trace) = next.and_then(Arc::into_inner) {
            next = trace.outer.take();
        }
    }
}

/// Beyond this the wall clock was set, and is not merely read a moment earlier or later than the monotonic one.
const MAX_JITTER_NS: u64 = 1_000_000;

/// The wall clock at a monotonic time, nanoseconds since 1970; `wall_ns` is what it says now.
fn unix_ns_of(time: Instant, wall_ns: i64) -> i64 {
    static BASE: LazyLock<Instant> = LazyLock::new(Instant::now);
    /// The wall clock at [`BASE`], as last believed; 0 before the first time.
    static BASE_UNIX_NS: AtomicI64 = AtomicI64::new(0);
    let since_base = i64::try_from(time.saturating_duration_since(*BASE).as_nanos()).unwrap_or(i64::MAX);
    let base = wall_ns.saturating_sub(since_base);
    let believed = BASE_UNIX_NS.load(Ordering::Relaxed);
    if believed != 0 && believed.abs_diff(base) <= MAX_JITTER_NS {
        return believed.saturating_add(since_base);
    }
    BASE_UNIX_NS.store(base, Ordering::Relaxed);
    wall_ns
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::layer::Capture;

    #[test]
    fn a_clock_that_is_set_by_an_hour_moves_later_traces_and_no_duration() {
        let shared = Arc::new(Shared::new(Capture::default()));
        let now = SystemTime::now();
        let hour = Duration::from_secs(3600);
        for wall in [now - hour, now + hour, now, UNIX_EPOCH - hour] {
            let trace = Trace::start_at(Arc::clone(&shared), wall);
            let (start, begun) = (trace.now(), Instant::now());
            std::thread::sleep(Duration::from_millis(2));
            let end = trace.now();
            let lasted = u64::try_from(trace.unix_ns(end) - trace.unix_ns(start)).unwrap();
            assert!(
                (2_000_000..=u64::try_from(begun.elapsed().as_nanos()).unwrap() + 1_000_000).contains(&lasted),
                "{lasted}"
            );
            let told = i64::try_from(wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap();
            assert!(trace.unix_ns(0).abs_diff(told) < 10_000_000, "the trace begins when the clock says");
        }
    }

    #[test]
    fn times_of_all_traces_are_in_order_until_the_clock_is_set() {
        let first = Instant::now();
        let second = first + Duration::from_nanos(500);
        let set = 3_600_000_000_000;
        // Other tests start traces too, so what is believed may be the system's clock: start from a time that is far from it.
        let far = 1_000_000_000_000_000_000;
        let start = unix_ns_of(first, far);
        // The wall clock was read 300 ns too late the first time.
        let next = unix_ns_of(second, far + 200);
        assert!(next == start + 500 || next == far + 200, "{next}");
        assert_eq!(unix_ns_of(second, far + set), far + set);
    }
}
