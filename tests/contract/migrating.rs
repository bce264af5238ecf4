//! Processes that bring the tables up to date at once, while the one that does it is killed. Nothing here depends on the way of asking.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing_agents::{AgentTracing, TraceFilter};

use crate::database::Database;
use crate::processes::OPENS;
use crate::sketch::span;
use crate::world::{World, Writer};

crate::cases!(sixteen_processes_finish_what_a_killed_one_began);

const PROCESSES: usize = 16;
/// Rounds, unless `TRACING_AGENTS_TEST_ROUNDS` names another number.
const ROUNDS: u32 = 4;

/// A process that opens the database once its standard input is closed.
fn opener(database: &Database) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .env(OPENS, database.url())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn sixteen_processes_finish_what_a_killed_one_began(world: &World) {
    let rounds = std::env::var("TRACING_AGENTS_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    let rounds: u32 = rounds.unwrap_or(ROUNDS);
    // How long one takes alone, so that the kill falls into it.
    let begun = Instant::now();
    assert!(opener(&world.database).wait_with_output().unwrap().status.success());
    let alone = begun.elapsed();
    let mut killed = 0;
    for round in 0..rounds {
        let database = Arc::clone(world.database.place()).database();
        let mut first = opener(&database);
        let mut others: Vec<Child> = (1..PROCESSES).map(|_| opener(&database)).collect();
        let moment = alone.mul_f64(fastrand::f64());
        drop(first.stdin.take());
        let begun = Instant::now();
        // Some are there from the start, the others come while it is killed.
        others.iter_mut().take(PROCESSES / 2).for_each(|process| drop(process.stdin.take()));
        std::thread::sleep(moment.saturating_sub(begun.elapsed()));
        killed += u32::from(first.try_wait().unwrap().is_none());
        first.kill().unwrap();
        first.wait().unwrap();
        others.iter_mut().for_each(|process| drop(process.stdin.take()));
        for process in others {
            let output = process.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "round {round}, killed after {moment:?}: {said}");
        }
        let run = |table| {
            database.sql().lines(&format!("SELECT version AS line FROM {table} WHERE version <> '' ORDER BY version"))
        };
        let versions = run("trace_schema");
        assert!(!versions.is_empty());
        assert_eq!(versions, run("__diesel_schema_migrations"), "round {round}, killed after {moment:?}");
        let writer =
            Writer(AgentTracing::builder(database.url()).scheduled_delay(Duration::from_millis(1)).open().unwrap());
        writer.write([span(0, 0)]);
        assert_eq!(writer.0.repository().count_traces(&TraceFilter::new()).unwrap(), 1);
    }
    println!("{killed} of {rounds} were killed before they were done, of {alone:?} each");
}
