//! Servers that say nothing: frozen ones, networks that swallow, a database that is not reached yet. Nothing here depends on the way of asking.

use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use tracing_agents::pipeline::{DeadLettered, Dropped};
use tracing_agents::store::Store;
use tracing_agents::{AgentTracing, ErrorKind, TraceFilter};

use crate::database::Dialect;
use crate::outages::{wait_until, wait_until_degraded};
use crate::road::Road;
use crate::sketch::span;
use crate::world::{PATIENCE, World, Writer};

crate::cases!(
    a_server_that_takes_connections_and_says_nothing_is_given_up,
    a_frozen_server_is_given_up_and_loses_nothing,
    a_database_may_be_reached_later,
    a_newer_schema_that_is_found_later_is_told_and_loses_nothing,
    a_handle_that_connects_in_background_is_there_at_once,
);

/// The URL with a deadline of one second.
fn hasty(url: &str) -> String {
    format!("{url}{}timeout=2", if url.contains('?') { '&' } else { '?' })
}

/// Runs `body` on a road to the world's server, if there is one.
fn on_a_road(world: &World, body: impl FnOnce(&Road, &str)) {
    let Some(server) = world.database.server() else { return };
    let road = Road::to(server);
    let url = hasty(&world.database.url_by(road.address()));
    std::thread::scope(|scope| {
        scope.spawn(|| road.carry());
        let outcome = catch_unwind(AssertUnwindSafe(|| body(&road, &url)));
        road.end();
        outcome.unwrap_or_else(|panic| resume_unwind(panic));
    });
}

fn a_server_that_takes_connections_and_says_nothing_is_given_up(world: &World) {
    if world.database.server().is_none() {
        return;
    }
    let deaf = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = hasty(&world.database.url_by(deaf.local_addr().unwrap()));
    let begun = Instant::now();
    let error = Store::open(&url).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    assert!(begun.elapsed() < PATIENCE / 4, "{:?}", begun.elapsed());
}

fn a_frozen_server_is_given_up_and_loses_nothing(world: &World) {
    on_a_road(world, |road, url| {
        let writer = Writer(World::builder_of(url).scheduled_delay(Duration::from_millis(20)).open().unwrap());
        let repository = world.api.open(url).unwrap();
        let count = || repository.count_traces(&TraceFilter::new());
        writer.write((1..=100).map(|number| span(number, 0)));
        assert_eq!(count().unwrap(), 100);

        road.be_silent(true);
        let inlet = writer.0.inlet();
        (101..=200).for_each(|number| inlet.accept(span(number, 0).into()).unwrap());
        let begun = Instant::now();
        let error = count().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Query | ErrorKind::Connect), "{error}");
        assert!(begun.elapsed() < PATIENCE / 3, "a reader waited for {:?}", begun.elapsed());
        wait_until_degraded(&writer);
        let health = writer.0.health();
        let nothing = (Dropped::default(), DeadLettered::default());
        assert_eq!((health.dropped, health.dead_lettered), nothing, "{health:?}");

        road.be_silent(false);
        writer.flush();
        assert_eq!(count().unwrap(), 200);
    });
}

fn a_database_may_be_reached_later(world: &World) {
    on_a_road(world, |road, url| {
        road.close();
        let writer = World::builder_of(url).scheduled_delay(Duration::from_millis(20)).connect_in_background();
        let writer = Writer(writer.open().unwrap());
        let inlet = writer.0.inlet();
        (0..50).for_each(|number| inlet.accept(span(number, 0).into()).unwrap());
        let readers = || writer.0.repository().count_traces(&TraceFilter::new());
        let error = readers().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(error.to_string().contains("was not reached yet"), "{error}");
        wait_until_degraded(&writer);

        road.open();
        std::thread::scope(|scope| {
            // Whoever comes first connects and makes the tables, while the worker tries the same.
            for _ in 0..4 {
                scope.spawn(|| wait_until(|| readers().is_ok()));
            }
        });
        writer.flush();
        assert_eq!(readers().unwrap(), 50);
    });
}

fn a_newer_schema_that_is_found_later_is_told_and_loses_nothing(world: &World) {
    drop(world.writer());
    let newer = "20990101000000";
    world.database.sql().execute(&format!("INSERT INTO trace_schema (version) VALUES ('{newer}')"));
    let writer =
        Writer(world.builder().scheduled_delay(Duration::from_millis(20)).connect_in_background().open().unwrap());
    writer.0.inlet().accept(span(0, 0).into()).unwrap();
    wait_until_degraded(&writer);
    let error = writer.0.repository().processes().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NewerSchema, "{error}");
    assert!(writer.0.health().last_error.is_some_and(|error| error.to_string().contains(newer)));

    world.database.sql().execute(&format!("DELETE FROM trace_schema WHERE version = '{newer}'"));
    writer.flush();
    assert_eq!(world.repository().count_traces(&TraceFilter::new()).unwrap(), 1);
}

fn a_handle_that_connects_in_background_is_there_at_once(world: &World) {
    // Nobody answers at this address, and no folder has this name.
    let url = match world.database.dialect() {
        Dialect::Sqlite => "sqlite:///no/such/folder/traces.db".to_owned(),
        _ => world.database.url_by(TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()),
    };
    let tracing = AgentTracing::builder(&url).connect_in_background().shutdown_timeout(Duration::ZERO);
    let begun = Instant::now();
    let tracing = tracing.open().unwrap();
    // A thread is started, which a busy machine may delay: what it does not do is wait for a server.
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(tracing.repository().processes().unwrap_err().kind(), ErrorKind::Connect);
    let nothing = AgentTracing::builder("oracle://x").connect_in_background().open().unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::InvalidUrl);
}
