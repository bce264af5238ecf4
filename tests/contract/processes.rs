//! Several processes on one database, and a server that ends its connections. Nothing here depends on the way of asking.

use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use tracing_agents::{AgentTracing, TraceFilter};

use crate::database::Dialect;
use crate::sketch::span;
use crate::world::World;

crate::cases!(eight_processes_open_a_new_database_at_once_twenty_times, connections_that_the_server_ends_lose_nothing,);

/// Names the database to a process of this program that shall only open it.
const OPENS: &str = "TRACING_AGENTS_TEST_OPENS";
const PROCESSES: usize = 8;
const ROUNDS: usize = 20;

/// What a process does that is only there to open a database; none for the suite itself.
pub(crate) fn opened() -> Option<ExitCode> {
    let url = std::env::var(OPENS).ok()?;
    // All begin at once: when the one who waits for them says so, by closing this.
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    match AgentTracing::open(&url) {
        Ok(_) => Some(ExitCode::SUCCESS),
        Err(error) => {
            println!("{error}");
            Some(ExitCode::FAILURE)
        }
    }
}

fn eight_processes_open_a_new_database_at_once_twenty_times(world: &World) {
    for round in 0..ROUNDS {
        let database = Arc::clone(world.database.place()).database();
        let mut processes: Vec<_> = (0..PROCESSES)
            .map(|_| {
                Command::new(std::env::current_exe().unwrap())
                    .env(OPENS, database.url())
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        processes.iter_mut().for_each(|process| drop(process.stdin.take()));
        for process in processes {
            let output = process.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "round {round}: {said}");
        }
        let versions = database.sql().lines("SELECT version AS line FROM trace_schema WHERE version <> ''");
        assert_eq!(versions.len(), 1, "round {round}: {versions:?}");
        let tracing = AgentTracing::open(database.url()).unwrap();
        assert_eq!(tracing.repository().count_traces(&TraceFilter::new()).unwrap(), 0, "round {round}");
    }
}

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
            let ids = sql.lines(
                "SELECT CAST(id AS CHAR) AS line FROM information_schema.processlist
                 WHERE db = DATABASE() AND id <> CONNECTION_ID()",
            );
            ids.iter().for_each(|id| sql.execute(&format!("KILL {id}")));
        }
    }
}
