//! Those who are told of failures and losses, and fail themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::sqlite::SqliteConnection;
use tracing::{Event, Subscriber};
use tracing_agents::AgentTracing;
use tracing_agents::pipeline::Durability;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;

use crate::child::{self, Victim, url_in};
use crate::{PATIENCE, eventually};

/// Passes events on to where they make a panic, as a bridge to `log` does whose logger has a bug.
struct Bridge(Arc<AtomicU64>);

impl<S: Subscriber> Layer<S> for Bridge {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "tracing_agents" {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("a logger's bug");
        }
    }
}

fn lose_spans() {
    let (heard, warned) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let callback = Arc::clone(&heard);
    let tracing = AgentTracing::builder(&format!("sqlite://{}", child::file()))
        .durability(Durability::Memory)
        .max_queue_size(8)
        .on_error(move |_| {
            callback.fetch_add(1, Ordering::Relaxed);
            panic!("a callback's bug");
        })
        .open()
        .unwrap();
    tracing_subscriber::registry().with(Bridge(Arc::clone(&warned))).with(tracing.layer()).init();
    let mut other = SqliteConnection::establish(&child::file()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    (0..100).for_each(|number| drop(tracing::info_span!("span", number)));
    eventually("both are told and panic", || heard.load(Ordering::Relaxed) > 0 && warned.load(Ordering::Relaxed) > 0);
    other.batch_execute("COMMIT").unwrap();
    tracing.force_flush(PATIENCE).unwrap();

    let health = tracing.health();
    assert!(health.adds_up(), "{health:?}");
    let refused = health.rejected.queue_full;
    assert!(refused > 0 && health.stored > 0, "{health:?}");
    assert_eq!((health.offered, health.stored + refused), (100, 100), "{health:?}");
    let repository = tracing.repository();
    let told = || repository.losses(None, 100).unwrap().items.iter().map(|loss| loss.count).sum::<u64>();
    eventually("the losses are in the database", || told() == refused);
    drop(tracing::info_span!("after"));
    tracing.force_flush(PATIENCE).unwrap();
    assert_eq!(tracing.health().stored, health.stored + 1, "the worker goes on");
}

#[test]
fn a_callback_and_a_log_bridge_that_panic_while_losses_are_told_cost_nothing_more() {
    if child::role().is_some() {
        return lose_spans();
    }
    let folder = tempfile::tempdir().unwrap();
    // A subscriber for all threads is for the whole process.
    let test = "told::a_callback_and_a_log_bridge_that_panic_while_losses_are_told_cost_nothing_more";
    assert!(Victim::start(test, "lose", &url_in(&folder)).end().success());
}
