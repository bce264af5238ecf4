//! Times as the tables hold them: nanoseconds since 1970-01-01 UTC, of the years 1677 to 2262.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the system's clock says. A clock that is set before 1970 says that it is 1970.
pub(crate) fn now_ns() -> i64 {
    unix_ns(SystemTime::now()).max(0)
}

/// A time, or the nearest that there is.
pub(crate) fn unix_ns(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => duration_ns(after),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}

/// A duration in nanoseconds; beyond 292 years it stays there.
pub(crate) fn duration_ns(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// 1970 for times that the system cannot say.
pub(crate) fn system_time(unix_ns: i64) -> SystemTime {
    let distance = Duration::from_nanos(unix_ns.unsigned_abs());
    if unix_ns < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }.unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_are_negative_and_come_back() {
        for ns in [-1, 0, 1, -1_780_000_000_000_000_001, 1_780_000_000_000_000_001] {
            assert_eq!(unix_ns(system_time(ns)), ns);
        }
    }

    #[test]
    fn times_that_do_not_fit_become_the_nearest_that_do() {
        let far = Duration::from_secs(300 * 366 * 24 * 60 * 60);
        assert_eq!(unix_ns(UNIX_EPOCH + far), i64::MAX);
        assert_eq!(unix_ns(UNIX_EPOCH - far), i64::MIN);
        assert_eq!(duration_ns(Duration::MAX), i64::MAX);
    }
}
