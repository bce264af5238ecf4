//! The thread before the worker: makes records, writes them to the spool, hands them on.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::flow::Flow;
use super::spooling::Prepared;

/// Runs until the pipeline is shut down and nothing more comes. A database that hangs does not reach here.
pub(super) fn run(flow: &Arc<Flow>) {
    flow.enter_spooler();
    // Whatever is not this crate's own is called in isolation. Should there be a bug all the same, it costs what was at hand.
    while catch_unwind(AssertUnwindSafe(|| work(flow))).is_err() {
        flow.spooler_failed();
    }
    flow.spooler_is_over();
}

fn work(flow: &Flow) {
    let mut slots = VecDeque::new();
    while let Some(numbers) = flow.next_to_spool(&mut slots) {
        let (records, unread) = flow.preparing.prepare_all(numbers.clone(), &mut slots);
        flow.place(Prepared::new(records, numbers), unread);
    }
}
