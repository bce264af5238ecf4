//! How many spans go in one transaction, by how long the last ones took.

use std::time::{Duration, Instant};

use super::MAX_SPANS;

/// What a transaction begins with: some ten milliseconds on a slow disk.
const FIRST: usize = 200;
/// Fewer spans in a transaction would only be more transactions.
const LEAST: usize = 50;
/// A transaction that takes longer is followed by smaller ones.
const LONG: Duration = Duration::from_millis(40);
/// A transaction that takes less is followed by larger ones.
const SHORT: Duration = Duration::from_millis(15);

/// The size of the next transaction.
#[derive(Debug)]
pub(super) struct Pace {
    spans: usize,
    last: Duration,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self { spans: FIRST, last: Duration::ZERO }
    }

    /// How many spans the next transaction may delete.
    pub(super) const fn spans(&self) -> usize {
        self.spans
    }

    /// How long to leave the database to others after a transaction: as long as it took. SQLite's writers look only now and then whether it is
    /// free, and would hardly ever find it so.
    pub(super) const fn pause(&mut self) -> Duration {
        std::mem::replace(&mut self.last, Duration::ZERO)
    }

    /// Does something, after which others have their turn.
    pub(super) fn measured<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = work();
        self.last = begun.elapsed();
        done
    }

    /// Deletes something, and learns from how long it took.
    pub(super) fn timed<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let done = self.measured(work);
        self.took(self.last);
        done
    }

    fn took(&mut self, time: Duration) {
        if time > LONG {
            self.spans = (self.spans / 2).max(LEAST);
        } else if time < SHORT {
            self.spans = (self.spans * 2).min(MAX_SPANS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_follow_what_the_database_can_do() {
        let mut pace = Pace::new();
        for _ in 0..20 {
            pace.took(Duration::from_millis(1));
        }
        assert_eq!(pace.spans(), MAX_SPANS);
        pace.took(Duration::from_millis(30));
        assert_eq!(pace.spans(), MAX_SPANS);
        for _ in 0..20 {
            pace.took(Duration::from_millis(300));
        }
        assert_eq!(pace.spans(), LEAST);
    }
}
