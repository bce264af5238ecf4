//! Accepting spans that are on the disk before the caller goes on.

use std::time::Instant;

use super::flow::{Flow, wait};
use super::inlet::Refused;
use super::line::Slot;
use super::preparing::Unread;
use super::queue::{Phase, count};
use super::receipt::OnReceipt;
use super::spool::{self, Spool, WhenFull};
use super::spooling::{DISK_PAUSE, Kept, Prepared};
use crate::model::Origin;

impl Flow {
    /// Writes spans to the disk and accepts them: all or none. Where the disk fails, they are taken as long as memory has room.
    pub(super) fn journal(&self, spool: &Spool, slots: Vec<Slot>, mut tell: Option<OnReceipt>) -> Result<(), Refused> {
        if self.is_forked() {
            // A thread that held a lock may be gone.
            return Err(Refused::AfterShutdown);
        }
        let offered = count(slots.len());
        {
            let mut state = self.lock();
            state.queue.expect_open(offered)?;
            slots.iter().try_for_each(|slot| state.queue.expect_not_too_large(slot.size()))?;
        }
        // Numbered by their places: their numbers are known when no others come between.
        let (records, mut unread) = self.preparing.prepare_all(0..offered, &mut slots.into());
        let mut spans = Prepared::new(records, 0..offered);
        let until = match spool.when_full {
            WhenFull::Block(longest) if !self.is_worker() => Instant::now().checked_add(longest),
            _ => None,
        };
        loop {
            let mut disk = spool.lock();
            let first = self.lock().queue.next_number(offered)?;
            self.renumber(&mut spans, first);
            let (group, failed) = spool::encode(&mut spans.records, spans.numbers.clone());
            unread.extend(failed.into_iter().map(|failed| Unread { number: failed.number - first, ..failed }));
            let written = if spans.records.is_empty() { Ok(()) } else { disk.append(&group) };
            let mut state = self.lock();
            if state.queue.phase == Phase::Over {
                // The pipeline was given up meanwhile. What is on the disk is safe there.
                let accepted = match written {
                    Ok(()) => {
                        state.queue.accept_late(offered, group.count);
                        Ok(())
                    }
                    Err(_) => state.queue.expect_open(offered),
                };
                drop((disk, state));
                self.release_spool();
                return accepted;
            }
            state.queue.accept_at_spooler(offered);
            let kept = match written {
                Ok(()) => state.keep_written(&mut spans, &group, &mut disk),
                Err(unwritten) => state.keep_unwritten(&mut spans, unwritten, spool.when_full, &mut disk),
            };
            drop(disk);
            if let Kept::Yes(wake) = kept {
                let numbered = |unread: Unread| Unread { number: unread.number + first, ..unread };
                state.tell_unread(unread.into_iter().map(numbered).collect());
                state.queue.spooled_to(spans.numbers.end);
                if let Some(tell) = tell.take() {
                    state.queue.drain();
                    state.receipts.expect(spans.numbers, tell);
                }
                self.wake(state, wake);
                return Ok(());
            }
            state.queue.take_back(offered);
            let now = Instant::now();
            match kept {
                Kept::Again => drop(state),
                Kept::Wait if until.is_some_and(|until| now < until) => {
                    // What is stored makes room, so the worker is not to wait for more.
                    state.queue.drain();
                    self.work.notify_one();
                    drop(wait(&self.room, state, until.min(now.checked_add(DISK_PAUSE)), now));
                }
                _ => {
                    let refused = state.queue.refuse_disk_full(offered);
                    drop(state);
                    spool.sweep();
                    return Err(refused);
                }
            }
            spool.sweep();
        }
    }

    /// Gives the spans the numbers from `first` on.
    fn renumber(&self, spans: &mut Prepared, first: u64) {
        let before = spans.numbers.start;
        for record in &mut spans.records {
            let place = record.origin.map_or(0, |origin| origin.sequence.saturating_sub(before));
            record.origin = Some(Origin { process: self.preparing.process, sequence: first + place });
        }
        spans.numbers = first..first + (spans.numbers.end - before);
    }
}
