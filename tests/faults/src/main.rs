//! Ends, freezes, cuts off and fills up what stands around the crate while it works, and counts what is left of the spans.
//!
//! `tests/faults/run` starts the servers and runs this; its first lines say how. Each scenario is a file. What is watched is a
//! [`program`] of its own, so that it can be killed: this same binary, as a [`load`].

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the program's output")]

mod door;
mod exporters;
mod figures;
mod load;
mod options;
mod program;
mod proxy;
mod report;
mod scenarios;
mod server;
mod spans;
mod stored;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use report::{Row, Verdict};
use server::Server;

/// What scenarios have.
struct World {
    is_long: bool,
    servers: Vec<Server>,
    scratch: tempfile::TempDir,
}

impl World {
    /// How often something is done: often in the long form.
    fn times(&self, short: u64, long: u64) -> u64 {
        if self.is_long { long } else { short }
    }

    /// A new folder.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch.path().join(format!("{name}-{:08x}", fastrand::u32(..)));
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The same on each server, at the same time.
    fn on_each_server(&self, run: impl Fn(&Server) -> Result<Vec<Row>> + Sync) -> Vec<Row> {
        let run = &run;
        self.side_by_side(self.servers.iter().map(|server| (server.name.clone(), move || run(server))))
    }

    /// All at the same time. One that fails stops none of the others.
    fn side_by_side<F: FnOnce() -> Result<Vec<Row>> + Send>(
        &self,
        parts: impl Iterator<Item = (String, F)>,
    ) -> Vec<Row> {
        std::thread::scope(|scope| {
            let threads: Vec<_> = parts.map(|(name, part)| (name, scope.spawn(part))).collect();
            let outcomes = threads.into_iter().map(|(name, thread)| match thread.join() {
                Ok(Ok(rows)) => rows,
                Ok(Err(error)) => vec![Row::failed(&name, &format!("{error:#}"))],
                Err(_) => vec![Row::failed(&name, "the scenario panicked")],
            });
            outcomes.flatten().collect()
        })
    }

    /// Whatever a scenario did that did not come to its end: the servers are there for the next one.
    fn mend(&self) {
        for server in &self.servers {
            // One that was neither frozen nor killed says so.
            let _ = server.thaw();
            let _ = server.restart();
        }
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    let outcome = match arguments.peek().map(String::as_str) {
        Some("load") => load::run(arguments.skip(1)).map(|()| true),
        Some("exporters") => exporters::run(arguments.skip(1)).map(|()| true),
        _ => all(arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("faults: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every promise held.
fn all(arguments: impl Iterator<Item = String>) -> Result<bool> {
    let options = options::Options::read(arguments)?;
    let limit = if options.is_long { LONGEST } else { LONGEST / 24 };
    let world = World { is_long: options.is_long, servers: options.servers, scratch: tempfile::tempdir()? };
    let world = Arc::new(world);
    let mut rows = Vec::new();
    for (name, scenario) in scenarios::ALL {
        if options.names.is_empty() && name == "soak" && !world.is_long {
            continue;
        }
        if !options.names.is_empty() && !options.names.iter().any(|wanted| wanted == name) {
            continue;
        }
        let begun = Instant::now();
        for row in to_its_end(&world, scenario, limit) {
            let row = row.of(name);
            println!("{}", row.line());
            rows.push(row);
        }
        println!("{name}: {:.1} s", begun.elapsed().as_secs_f64());
        // After each, so that a run that is ended leaves what it had.
        if let Some(file) = &options.results {
            let page = report::page(&report::table(&rows));
            std::fs::write(file, page).with_context(|| file.display().to_string())?;
        }
    }
    println!("\n{}", report::table(&rows));
    Ok(rows.iter().all(|row| row.verdict != Verdict::Broken))
}

/// What a scenario found. One that fails, panics or hangs is told of, and the next one finds the servers as it needs them.
fn to_its_end(world: &Arc<World>, scenario: scenarios::Scenario, limit: Duration) -> Vec<Row> {
    let (sender, receiver) = channel();
    let of_thread = Arc::clone(world);
    std::thread::spawn(move || drop(sender.send(scenario(&of_thread))));
    let why = match receiver.recv_timeout(limit) {
        Ok(Ok(rows)) => {
            if rows.iter().any(|row| row.verdict == Verdict::Broken) {
                world.mend();
            }
            return rows;
        }
        Ok(Err(error)) => format!("{error:#}"),
        Err(RecvTimeoutError::Disconnected) => "it panicked".to_owned(),
        Err(RecvTimeoutError::Timeout) => format!("it did not end in {limit:?}, and was left to itself"),
    };
    world.mend();
    vec![Row::failed("not run to its end", &why)]
}

/// How long a scenario of the long form may take, and a 24th of it in the short form, before the next one is begun all the same.
const LONGEST: Duration = Duration::from_secs(2 * 3600);

/// How long anything that is sure to happen is waited for, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(120);
