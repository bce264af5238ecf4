//! How fast spans get into each database, beside the raw limit: the same rows by hand-tuned SQL on the same server in the same run.
//!
//! `benches/run store` starts the servers and runs this; its first lines say what the numbers mean.
//!
//! ```text
//! store_bench [--spans N] [--rounds R] [--folder DIR] sqlite postgres=URL mariadb=URL mysql=URL …
//! store_bench --gates     what must hold of SQLite, by figures that are the same in each run and in each build; ends with 1 where something does not
//! ```
//!
//! A database is made for each measurement and removed after it. The URLs' users must be allowed to do that.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the program's output")]
#![expect(clippy::indexing_slicing, reason = "all positions are this program's own")]

mod clock;
mod gates;
mod layouts;
mod raw;
mod report;
mod tables;
mod whole_path;
mod workload;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tracing_agents::model::ProcessId;

use clock::Measure;
use raw::Raw;
use report::Outcome;
use tables::{Batch, Table};
use whole_path::Store;
use workload::Workload;

/// Spans in one transaction, ours and raw.
const BATCH: usize = 512;
/// How often each raw method is tried, of which the best counts.
const TRIES: usize = 2;

struct Arguments {
    spans: usize,
    rounds: usize,
    /// Where SQLite's files go.
    folder: Option<PathBuf>,
    databases: Vec<String>,
}

fn main() -> Result<()> {
    if std::env::args().skip(1).eq(["--gates"]) {
        return gates::check();
    }
    let arguments = arguments(std::env::args().skip(1))?;
    let scratch = match &arguments.folder {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    }?;
    let workload = workload::make(arguments.spans);
    println!(
        "{} spans in {} traces, {} bytes of attributes a span; batches of {BATCH}; {} rounds, ours and raw in turn",
        workload.records.len(),
        workload.traces,
        workload.mean_payload,
        arguments.rounds
    );
    if let Ok(load) = std::fs::read_to_string("/proc/loadavg") {
        println!("load of this machine before the start: {}", load.split(' ').next().unwrap_or_default());
    }
    let mut outcomes = Vec::new();
    for database in &arguments.databases {
        let name = database.split('=').next().unwrap_or_default();
        let mut raw = raw::open(database, scratch.path()).with_context(|| format!("cannot reach {name}"))?;
        let outcome =
            measure(name, &mut *raw, &workload, arguments.rounds, scratch.path()).with_context(|| name.to_owned())?;
        println!("{name}: {}", outcome.version);
        outcomes.push(outcome);
    }
    println!("\n{}", report::table(&outcomes));
    println!("{}", report::goals(&outcomes));
    Ok(())
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut arguments = Arguments { spans: 20_000, rounds: 5, folder: None, databases: Vec::new() };
    while let Some(argument) = given.next() {
        let mut value = || given.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--spans" => arguments.spans = value()?.parse().context("--spans")?,
            "--rounds" => arguments.rounds = value()?.parse().context("--rounds")?,
            "--folder" => arguments.folder = Some(value()?.into()),
            option if option.starts_with('-') => anyhow::bail!("unknown option {option}"),
            _ => arguments.databases.push(argument),
        }
    }
    anyhow::ensure!(arguments.spans > 0 && arguments.rounds > 0, "at least one span and one round");
    anyhow::ensure!(!arguments.databases.is_empty(), "name a database: sqlite, postgres=URL, mariadb=URL or mysql=URL");
    Ok(arguments)
}

/// One database: a first write by us gives the rows, each raw method is tried on them, then come the rounds.
fn measure(database: &str, raw: &mut dyn Raw, workload: &Workload, rounds: usize, folder: &Path) -> Result<Outcome> {
    let spans = workload.records.len();
    let name = format!("bench_{}", std::process::id());
    let version = raw.version()?;

    let tables = first_write(raw, &name, workload)?;
    let rows: Vec<String> = tables.iter().map(|table| format!("{} {}", table.rows.len(), table.name)).collect();
    println!("\n{database}: rows: {}", rows.join(", "));
    let batches = tables::batches(&tables, BATCH)?;
    let method = fastest(raw, &name, &batches, &tables)?;

    let mut outcome = Outcome {
        database: database.to_owned(),
        version,
        spans: workload.spans(),
        method,
        ours: Vec::new(),
        store: Vec::new(),
        raw: Vec::new(),
        interpretation: Vec::new(),
        layouts: None,
    };
    let process = ProcessId::generate();
    for round in 0..rounds {
        // Who comes first changes, so that nobody always finds what another left behind.
        for turn in 0..3 {
            match (round + turn) % 3 {
                0 => {
                    let records = workload.records.clone();
                    outcome.ours.push(in_database(raw, &name, |raw, url| {
                        let store = Store::open(url, spans)?;
                        with_server_cpu(raw, |_| store.write(records))
                    })?);
                }
                1 => {
                    let interpreted = workload.interpreted(process);
                    outcome.store.push(in_database(raw, &name, |raw, url| {
                        with_server_cpu(raw, |_| whole_path::store_alone(url, &interpreted, process))
                    })?);
                }
                _ => outcome.raw.push(in_database(raw, &name, |raw, _| {
                    with_server_cpu(raw, |raw| raw.write(&name, &batches, method))
                })?),
            }
        }
        outcome.interpretation.push(whole_path::interpret(workload.records.clone())?);
        let last = |measures: &[Measure]| measures.last().map_or(0.0, |measure| measure.wall.as_secs_f64());
        println!(
            "{database}: round {}: ours {:.2} s, its store alone {:.2} s, raw {:.2} s",
            round + 1,
            last(&outcome.ours),
            last(&outcome.store),
            last(&outcome.raw)
        );
    }
    if database == "sqlite" {
        outcome.layouts = Some(layouts::measure(folder, workload, &batches, rounds)?);
    }
    Ok(outcome)
}

/// All rows that the spans leave.
fn first_write(raw: &mut dyn Raw, name: &str, workload: &Workload) -> Result<Vec<Table>> {
    in_database(raw, name, |raw, url| {
        Store::open(url, workload.records.len())?.write(workload.records.clone())?;
        raw::read_all(raw, name)
    })
}

/// Makes a database with our tables, and removes it again. `body` gets its URL.
fn in_database<T>(raw: &mut dyn Raw, name: &str, body: impl FnOnce(&mut dyn Raw, &str) -> Result<T>) -> Result<T> {
    let url = raw.create(name)?;
    drop(Store::open(&url, 1)?);
    let result = body(raw, &url);
    let removed = raw.remove(name);
    let value = result?;
    removed?;
    Ok(value)
}

fn with_server_cpu(raw: &mut dyn Raw, write: impl FnOnce(&mut dyn Raw) -> Result<Measure>) -> Result<Measure> {
    let process = raw.process();
    let cpu = || process.and_then(clock::family_cpu);
    let before = cpu();
    let measure = write(raw)?;
    let server = before.zip(cpu()).map(|(before, after)| after.saturating_sub(before));
    Ok(Measure { server, ..measure })
}

/// The raw method that writes `batches` in the least time. One that the server refuses, or that leaves other rows, is told and left
/// out.
fn fastest(raw: &mut dyn Raw, name: &str, batches: &[Batch], expected: &[Table]) -> Result<&'static str> {
    let mut best: HashMap<&str, f64> = HashMap::new();
    let methods = raw.methods();
    for attempt in 0..TRIES {
        for &method in &methods {
            if attempt > 0 && !best.contains_key(method) {
                continue;
            }
            let tried = in_database(raw, name, |raw, _| {
                let measure = raw.write(name, batches, method)?;
                if attempt == 0 {
                    anyhow::ensure!(raw::read_all(raw, name)? == expected, "it did not store the same rows");
                }
                Ok(measure.wall.as_secs_f64())
            });
            match tried {
                Ok(seconds) => {
                    let seconds = best.get(method).map_or(seconds, |before| before.min(seconds));
                    best.insert(method, seconds);
                }
                Err(error) => println!("  raw by {method}: not possible: {error:#}"),
            }
        }
    }
    for method in methods.iter().filter(|method| best.contains_key(*method)) {
        println!("  raw by {method}: {:.2} s", best[method]);
    }
    let fastest = methods.into_iter().filter(|method| best.contains_key(method));
    fastest.min_by(|a, b| best[a].total_cmp(&best[b])).context("no raw method works")
}
