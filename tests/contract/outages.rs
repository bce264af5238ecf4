//! Servers that are away for a while. Nothing here depends on the way of asking.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use tracing_agents::pipeline::{DeadLettered, Dropped};
use tracing_agents::{ErrorKind, TraceFilter};

use crate::road::Road;
use crate::sketch::span;
use crate::world::{PATIENCE, World, Writer};

crate::cases!(a_server_that_is_away_for_a_while_loses_nothing);

fn a_server_that_is_away_for_a_while_loses_nothing(world: &World) {
    let Some(server) = world.database.server() else { return };
    let road = Road::to(server);
    std::thread::scope(|scope| {
        scope.spawn(|| road.carry());
        let outcome = catch_unwind(AssertUnwindSafe(|| lose_nothing_on(&road, world)));
        road.end();
        outcome.unwrap_or_else(|panic| resume_unwind(panic));
    });
}

fn lose_nothing_on(road: &Road, world: &World) {
    let url = world.database.url_by(road.address());
    let writer = Writer(World::builder_of(&url).scheduled_delay(Duration::from_millis(20)).open().unwrap());
    let repository = world.api.open(&url).unwrap();
    let count = || repository.count_traces(&TraceFilter::new());
    writer.write((1..=100).map(|number| span(number, 0)));
    assert_eq!(count().unwrap(), 100);

    road.close();
    let inlet = writer.0.inlet();
    (101..=200).for_each(|number| inlet.accept(span(number, 0).into()).unwrap());
    wait_until_degraded(&writer);
    assert_eq!(count().unwrap_err().kind(), ErrorKind::Connect);
    let health = writer.0.health();
    assert_eq!(
        (health.stored, health.dropped, health.dead_lettered),
        (100, Dropped::default(), DeadLettered::default())
    );
    assert!(health.last_error.is_some(), "{health:?}");

    road.open();
    writer.flush();
    assert!(!writer.0.health().degraded);
    assert_eq!(count().unwrap(), 200);
}

/// Waits until the writer knows that its database is away; tells what it knows instead, when that takes too long.
#[track_caller]
pub(crate) fn wait_until_degraded(writer: &Writer) {
    let begun = Instant::now();
    loop {
        let health = writer.0.health();
        if health.degraded {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "waited too long: {health:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited too long");
        std::thread::sleep(Duration::from_millis(10));
    }
}
