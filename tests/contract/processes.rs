//! Several processes that open one database, which one of them has to bring up to date. Nothing here depends on the way of asking.

use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Instant;

use tracing_agents::{AgentTracing, TraceFilter};

use crate::database::Database;
use crate::sketch::span;
use crate::world::World;

crate::cases!(
    eight_processes_open_a_new_database_at_once_twenty_times,
    sixteen_processes_finish_what_a_killed_one_began,
);

/// Names the database to a process of this program that shall only open it.
const OPENS: &str = "TRACING_AGENTS_TEST_OPENS";
/// Rounds in which one is killed, unless `TRACING_AGENTS_TEST_ROUNDS` names another number.
const KILLS: u32 = 4;

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

/// A process that opens a database once it may.
struct Opener(Child);

impl Opener {
    fn of(database: &Database) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(OPENS, database.url()).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    fn begin(&mut self) {
        drop(self.0.stdin.take());
    }

    /// Ends it; whether it was still at it.
    fn kill(mut self) -> bool {
        let is_at_it = self.0.try_wait().unwrap().is_none();
        self.0.kill().unwrap();
        self.0.wait().unwrap();
        is_at_it
    }

    #[track_caller]
    fn expect_opened(self, what: &str) {
        let output = self.0.wait_with_output().unwrap();
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

/// Asserts that each change of the tables was made once, and that the tables are good for writing.
#[track_caller]
fn expect_up_to_date(world: &World, database: &Database, what: &str) {
    let run = |table| {
        database.sql().lines(&format!("SELECT version AS line FROM {table} WHERE version <> '' ORDER BY version"))
    };
    let versions = run("trace_schema");
    assert!(!versions.is_empty(), "{what}");
    assert_eq!(versions, run("__diesel_schema_migrations"), "{what}");
    let writer = world.writer_to(database);
    writer.write([span(0, 0)]);
    assert_eq!(writer.0.repository().count_traces(&TraceFilter::new()).unwrap(), 1, "{what}");
}

fn eight_processes_open_a_new_database_at_once_twenty_times(world: &World) {
    for round in 0..20 {
        let what = format!("round {round}");
        let database = Arc::clone(world.database.place()).database();
        let mut processes: Vec<Opener> = (0..8).map(|_| Opener::of(&database)).collect();
        processes.iter_mut().for_each(Opener::begin);
        processes.into_iter().for_each(|process| process.expect_opened(&what));
        expect_up_to_date(world, &database, &what);
    }
}

fn sixteen_processes_finish_what_a_killed_one_began(world: &World) {
    let rounds = std::env::var("TRACING_AGENTS_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    let rounds: u32 = rounds.unwrap_or(KILLS);
    // How long one takes alone, so that the kill falls into it.
    let begun = Instant::now();
    let mut alone = Opener::of(&world.database);
    alone.begin();
    alone.expect_opened("alone");
    let alone = begun.elapsed();
    let mut killed = 0;
    for round in 0..rounds {
        let moment = alone.mul_f64(fastrand::f64());
        let what = format!("round {round}, killed after {moment:?}");
        let database = Arc::clone(world.database.place()).database();
        let mut first = Opener::of(&database);
        let mut others: Vec<Opener> = (1..16).map(|_| Opener::of(&database)).collect();
        first.begin();
        let begun = Instant::now();
        // Some are there from the start, the others come while it is killed.
        others.iter_mut().take(8).for_each(Opener::begin);
        std::thread::sleep(moment.saturating_sub(begun.elapsed()));
        killed += u32::from(first.kill());
        others.iter_mut().for_each(Opener::begin);
        others.into_iter().for_each(|process| process.expect_opened(&what));
        expect_up_to_date(world, &database, &what);
    }
    println!("{killed} of {rounds} were killed before they were done, of {alone:?} each");
}
