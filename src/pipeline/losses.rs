//! What was refused and lost, told to the store a little at a time.

use super::health::{Dropped, Rejected};
use crate::model::{Loss, LossReason, ProcessId};

/// How much of it was told.
#[derive(Debug)]
pub(super) struct Losses {
    process: ProcessId,
    /// Counts what was told.
    number: u64,
    /// For each reason, how many spans were told of.
    told: Vec<(LossReason, u64)>,
    since_ns: i64,
}

impl Losses {
    pub(super) fn new(process: ProcessId, now_ns: i64) -> Self {
        let told = LossReason::ALL.iter().map(|reason| (*reason, 0)).collect();
        Self { process, number: 0, told, since_ns: now_ns }
    }

    /// What is to be told, and counts as told from now on.
    pub(super) fn take_news(&mut self, totals: &Totals, now_ns: i64) -> Vec<Loss> {
        let mut news = Vec::new();
        for (reason, told) in &mut self.told {
            let lost = totals.of(*reason);
            let count = lost.saturating_sub(*told);
            if count > 0 {
                *told = lost;
                let mut loss = Loss::new(self.process, self.number, *reason, count);
                (loss.accepted, loss.from_ns, loss.to_ns) = (totals.accepted, self.since_ns, now_ns.max(self.since_ns));
                news.push(loss);
                self.number += 1;
            }
        }
        self.since_ns = now_ns;
        news
    }
}

/// What this process accepted, refused and lost, without what it took over from others.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) accepted: u64,
    pub(super) rejected: Rejected,
    pub(super) dropped: Dropped,
    pub(super) discarded: u64,
}

impl Totals {
    const fn of(&self, reason: LossReason) -> u64 {
        let Self { rejected, dropped, .. } = self;
        match reason {
            LossReason::QueueFull => rejected.queue_full,
            LossReason::DiskFull => rejected.disk_full,
            LossReason::AfterShutdown => rejected.after_shutdown,
            LossReason::TooLarge => rejected.too_large,
            LossReason::SpoolFull => dropped.spool_full,
            LossReason::DiskError => dropped.disk_error,
            LossReason::ShutdownTimeout => dropped.shutdown_timeout,
            LossReason::RedactionFailed => dropped.redaction_failed,
            LossReason::Discarded => self.discarded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_loss_is_told_once_with_its_time() {
        let process = ProcessId::from_bytes([1; 16]);
        let mut losses = Losses::new(process, 10);
        let mut totals = Totals { accepted: 9, ..Totals::default() };
        assert!(losses.take_news(&totals, 20).is_empty());
        totals.rejected.queue_full = 3;
        totals.dropped.disk_error = 1;
        let loss = |number, reason, count| {
            let mut loss = Loss::new(process, number, reason, count);
            (loss.accepted, loss.from_ns, loss.to_ns) = (9, 20, 30);
            loss
        };
        let news = losses.take_news(&totals, 30);
        assert_eq!(news, [loss(0, LossReason::QueueFull, 3), loss(1, LossReason::DiskError, 1)]);
        totals.rejected.queue_full = 5;
        let mut later = loss(2, LossReason::QueueFull, 2);
        (later.from_ns, later.to_ns) = (30, 30);
        assert_eq!(losses.take_news(&totals, 25), [later], "a clock that was set back makes no time negative");
        assert!(losses.take_news(&totals, 40).is_empty());
    }

    #[test]
    fn every_refusal_and_loss_has_a_reason() {
        let (queue_full, disk_full, after_shutdown, too_large) = (1, 2, 4, 8);
        let rejected = Rejected { queue_full, disk_full, after_shutdown, too_large, sampled_out: 99 };
        let dropped = Dropped { spool_full: 32, disk_error: 64, shutdown_timeout: 128, redaction_failed: 256 };
        let totals = Totals { accepted: 1000, rejected, dropped, discarded: 512 };
        let news = Losses::new(ProcessId::from_bytes([1; 16]), 0).take_news(&totals, 1);
        let told: u64 = news.iter().map(|loss| loss.count).sum();
        assert_eq!(told, rejected.total() - rejected.sampled_out + dropped.total() + 512);
    }
}
