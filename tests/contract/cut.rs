//! Servers that end connections. Without a server there is nothing to lose.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tracing_agents::TraceFilter;

use crate::database::Dialect;
use crate::sketch::span;
use crate::sql::Sql;
use crate::world::{PATIENCE, World};

crate::cases!(connections_that_the_server_ends_lose_nothing, reads_go_on_while_the_server_ends_their_connections,);

fn connections_that_the_server_ends_lose_nothing(world: &World) {
    let (writer, repository) = (world.writer(), world.repository());
    for round in 1..=5 {
        writer.write((0..20).map(|number| span(round * 100 + number, 0)));
        assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), round * 20);
        end_all_connections(world);
    }
    writer.write([span(9_999, 0)]);
    assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), 101);
}

fn reads_go_on_while_the_server_ends_their_connections(world: &World) {
    let repository = world.with((0..20).map(|number| span(number + 1, 0)));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), 20);
                }
            });
        }
        // Also when this panics: the others would go on for ever.
        let _over = Over(&is_over);
        for _ in 0..10 {
            std::thread::sleep(Duration::from_millis(50));
            end_all_connections(world);
        }
    });
}

/// Says that it is over when it is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Ends all connections to the case's database but the one that asks for it.
fn end_all_connections(world: &World) {
    let mut sql = world.database.sql();
    match world.database.dialect() {
        // No server, no connections.
        Dialect::Sqlite => {}
        Dialect::Postgres => {
            sql.lines(
                "SELECT pg_terminate_backend(pid)::text AS line FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user",
            );
        }
        Dialect::Mysql => {
            // By one connection: a new one for each has been seen to fail while others were being ended.
            for id in others(&mut sql) {
                if let Err(error) = sql.try_execute(&format!("KILL {id}")) {
                    assert!(!others(&mut sql).contains(&id), "connection {id}: {error}");
                }
            }
        }
    }
}

/// The other connections to the database. MySQL fails to list them as long as one of them runs a statement with bytes that are no text.
fn others(sql: &mut Sql) -> Vec<String> {
    let query = "SELECT CAST(id AS CHAR) AS line FROM information_schema.processlist
                 WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    let begun = Instant::now();
    loop {
        match sql.try_lines(query) {
            Ok(ids) => return ids,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
        }
    }
}
