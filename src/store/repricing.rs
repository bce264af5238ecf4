//! Pricing stored spans anew, in transactions small enough that writers need not wait long.

use super::{Store, write};
use crate::error::Result;
use crate::model::TraceId;
use crate::semconv::Prices;

/// Traces that are held in one transaction, at most.
const MAX_TRACES: usize = 100;

/// What became of the costs of model calls that report usage and no cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repriced {
    /// Calls that have a computed cost now.
    pub priced: u64,
    /// Calls whose cost is another than before, or is from another table.
    pub changed: u64,
    /// Calls that have no cost: there is no price for them.
    pub unpriced: u64,
}

impl Repriced {
    /// Counts a call.
    pub(crate) fn count(&mut self, is_priced: bool, is_changed: bool) {
        self.priced += u64::from(is_priced);
        self.unpriced += u64::from(!is_priced);
        self.changed += u64::from(is_changed);
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.priced += more.priced;
        self.changed += more.changed;
        self.unpriced += more.unpriced;
    }
}

impl Store {
    /// Computes the costs of these traces' spans anew, those of their fragments among them, and their summaries and sessions with them.
    pub(crate) fn reprice(&self, ids: &[TraceId], prices: &Prices) -> Result<Repriced> {
        let mut ids: Vec<Vec<u8>> = ids.iter().map(|id| id.as_bytes().to_vec()).collect();
        ids.sort_unstable();
        let mut done = Repriced::default();
        for ids in ids.chunks(MAX_TRACES) {
            done.add(self.reprice_each(ids, prices)?);
            let fragments = self.write(|connection| Ok(write::fragments_of(connection, ids)?))?;
            if fragments.is_empty() {
                continue;
            }
            done.add(self.reprice_each(&fragments, prices)?);
            // What a fragment costs stands in the summary of the trace that it belongs to.
            for id in ids {
                self.write(|connection| write::recompute_trace(connection, id, prices))?;
            }
        }
        Ok(done)
    }

    fn reprice_each(&self, ids: &[Vec<u8>], prices: &Prices) -> Result<Repriced> {
        let mut done = Repriced::default();
        for ids in ids.chunks(MAX_TRACES) {
            let ids: Vec<&[u8]> = ids.iter().map(Vec::as_slice).collect();
            let mut after = None;
            loop {
                let (more, next) = self.write(|connection| write::reprice(connection, &ids, after.as_ref(), prices))?;
                done.add(more);
                match next {
                    Some(place) => after = Some(place),
                    None => break,
                }
            }
        }
        Ok(done)
    }
}
