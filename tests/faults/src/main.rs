//! Ends, freezes, cuts off and fills up what stands around the crate while it works, and counts what is left of the spans.
//!
//! `tests/faults/run` starts the servers and runs this; its first lines say how. Each scenario is a file. What is watched is a
//! [`program`] of its own, so that it can be killed: this same binary, as a [`load`].

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the program's output")]

mod exporters;
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
        std::thread::scope(|scope| {
            let threads: Vec<_> = self.servers.iter().map(|server| scope.spawn(|| run(server))).collect();
            let outcomes = threads.into_iter().zip(&self.servers).map(|(thread, server)| match thread.join() {
                Ok(Ok(rows)) => rows,
                Ok(Err(error)) => vec![Row::failed(&server.name, &format!("{error:#}"))],
                Err(_) => vec![Row::failed(&server.name, "the scenario panicked")],
            });
            outcomes.flatten().collect()
        })
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
    let world = World { is_long: options.is_long, servers: options.servers, scratch: tempfile::tempdir()? };
    let mut rows = Vec::new();
    for (name, scenario) in scenarios::ALL {
        if options.names.is_empty() && name == "soak" && !world.is_long {
            continue;
        }
        if !options.names.is_empty() && !options.names.iter().any(|wanted| wanted == name) {
            continue;
        }
        let begun = Instant::now();
        let found =
            scenario(&world).unwrap_or_else(|error| vec![Row::failed("not run to its end", &format!("{error:#}"))]);
        for row in found {
            let row = row.of(name);
            println!("{}", row.line());
            rows.push(row);
        }
        println!("{name}: {:.1} s", begun.elapsed().as_secs_f64());
    }
    let table = report::table(&rows);
    println!("\n{table}");
    if let Some(file) = options.results {
        std::fs::write(&file, report::page(&table)).with_context(|| file.display().to_string())?;
    }
    Ok(rows.iter().all(|row| row.verdict != Verdict::Broken))
}

/// How long anything that is sure to happen is waited for, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(120);
