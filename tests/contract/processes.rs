//! Several processes on one database. Nothing here depends on the way of asking.

use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use tracing_agents::{AgentTracing, TraceFilter};

use crate::world::World;

crate::cases!(eight_processes_open_a_new_database_at_once_twenty_times,);

/// Names the database to a process of this program that shall only open it.
pub(crate) const OPENS: &str = "TRACING_AGENTS_TEST_OPENS";
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
        let run = |table| {
            database.sql().lines(&format!("SELECT version AS line FROM {table} WHERE version <> '' ORDER BY version"))
        };
        let versions = run("trace_schema");
        assert!(!versions.is_empty());
        assert_eq!(versions, run("__diesel_schema_migrations"), "round {round}");
        let tracing = AgentTracing::open(database.url()).unwrap();
        assert_eq!(tracing.repository().count_traces(&TraceFilter::new()).unwrap(), 0, "round {round}");
    }
}
