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
    pub(super) fn take_news(&mut self, rejected: &Rejected, dropped: &Dropped, now_ns: i64) -> Vec<Loss> {
        let mut news = Vec::new();
        for (reason, told) in &mut self.told {
            let lost = count_of(*reason, rejected, dropped);
            let count = lost.saturating_sub(*told);
            if count > 0 {
                *told = lost;
                news.push(Loss {
                    process: self.process,
                    number: self.number,
                    reason: *reason,
                    count,
                    from_ns: self.since_ns,
                    to_ns: now_ns.max(self.since_ns),
                });
                self.number += 1;
            }
        }
        self.since_ns = now_ns;
        news
    }
}

const fn count_of(reason: LossReason, rejected: &Rejected, dropped: &Dropped) -> u64 {
    match reason {
        LossReason::QueueFull => rejected.queue_full,
        LossReason::DiskFull => rejected.disk_full,
        LossReason::AfterShutdown => rejected.after_shutdown,
        LossReason::TooLarge => rejected.too_large,
        LossReason::Reentrant => rejected.reentrant,
        LossReason::SpoolFull => dropped.spool_full,
        LossReason::DiskError => dropped.disk_error,
        LossReason::ShutdownTimeout => dropped.shutdown_timeout,
        LossReason::RedactionFailed => dropped.redaction_failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_loss_is_told_once_with_its_time() {
        let process = ProcessId::from_bytes([1; 16]);
        let mut losses = Losses::new(process, 10);
        let (mut rejected, mut dropped) = (Rejected::default(), Dropped::default());
        assert!(losses.take_news(&rejected, &dropped, 20).is_empty());
        rejected.queue_full = 3;
        dropped.disk_error = 1;
        let news = losses.take_news(&rejected, &dropped, 30);
        let loss = |number, reason, count| Loss { process, number, reason, count, from_ns: 20, to_ns: 30 };
        assert_eq!(news, [loss(0, LossReason::QueueFull, 3), loss(1, LossReason::DiskError, 1)]);
        rejected.queue_full = 5;
        let news = losses.take_news(&rejected, &dropped, 25);
        let loss = Loss { number: 2, count: 2, from_ns: 30, to_ns: 30, ..loss(0, LossReason::QueueFull, 0) };
        assert_eq!(news, [loss], "a clock that was set back makes no time negative");
        assert!(losses.take_news(&rejected, &dropped, 40).is_empty());
    }

    #[test]
    fn every_refusal_and_loss_has_a_reason() {
        let rejected =
            Rejected { queue_full: 1, disk_full: 2, after_shutdown: 4, too_large: 8, reentrant: 16, sampled_out: 99 };
        let dropped = Dropped { spool_full: 32, disk_error: 64, shutdown_timeout: 128, redaction_failed: 256 };
        let news = Losses::new(ProcessId::from_bytes([1; 16]), 0).take_news(&rejected, &dropped, 1);
        let told: u64 = news.iter().map(|loss| loss.count).sum();
        assert_eq!(told, rejected.total() - rejected.sampled_out + dropped.total());
    }
}
