//! How long to wait before the next try.

use std::time::Duration;

use super::settings::Settings;

/// A random time between the shortest wait and a limit that doubles with each try ("full jitter"), so that processes that lost the
/// same database or receiver do not come back all at once.
#[derive(Debug)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    limit: Duration,
}

impl Backoff {
    pub(super) const fn new(settings: &Settings) -> Self {
        let (min, max) = (settings.retry_min_delay, settings.retry_max_delay);
        Self { min, max, limit: min }
    }

    pub(super) const fn reset(&mut self) {
        self.limit = self.min;
    }

    pub(super) fn next(&mut self) -> Duration {
        self.limit = self.limit.saturating_mul(2).min(self.max);
        self.min + (self.limit.saturating_sub(self.min)).mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_stays_between_its_limits_and_grows() {
        let settings = Settings::default();
        let mut backoff = Backoff::new(&settings);
        for limit_ms in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            let delay = backoff.next();
            assert!(delay >= Duration::from_millis(50) && delay <= Duration::from_millis(limit_ms), "{delay:?}");
            assert_eq!(backoff.limit, Duration::from_millis(limit_ms));
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(100));
    }
}
