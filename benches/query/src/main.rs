//! What questions take on SQLite with few spans and with many, beside the same lists computed from the spans as other tools do.
//!
//! ```text
//! query_bench [--spans N,N,…] [--rounds R] [--folder DIR] [--duckdb PYTHON]
//! ```
//!
//! Up to a million spans are written through the pipeline; what is more are copies of them on later days. `benches/run query` says what the figures mean.

#![expect(clippy::print_stdout, reason = "the program's output")]

mod columnar;
mod goals;
mod questions;
// How the tests of query plans hear what the crate sends: the same statements are counted here.
#[path = "../../../tests/contract/plans/heard.rs"]
#[allow(
    dead_code,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "it is a test's, and fails by panicking"
)]
mod heard;

use std::path::{Path, PathBuf};
use std::time::Instant;

use agent_days::{BEGIN, DAY, Days, copies};
use anyhow::{Context as _, Result};
use rusqlite::Connection;
use tracing_agents::TraceRepository;
use tracing_agents::model::TraceId;
use tracing_agents::store::Store;

use questions::{Outcome, Subject};

/// Spans that are written through the pipeline at most; more are copies.
const WRITTEN: usize = 1_000_000;
const SEED: u64 = 20_261_124;
/// The days that the spans of one filling are spread over.
const PERIOD: u32 = 30;
/// A page that many viewers show, and the long trace that is opened.
const LONG: (usize, usize) = (1_000, 1_800_000);
/// Long ones of this length are rare.
const LONGEST: (usize, usize) = (100_000, 10_000_000);

struct Arguments {
    spans: Vec<usize>,
    rounds: usize,
    folder: Option<PathBuf>,
    /// A Python that has DuckDB.
    duckdb: Option<PathBuf>,
}

/// One database.
struct Measured {
    spans: usize,
    outcomes: Vec<Outcome>,
    /// Milliseconds that DuckDB takes for a day and for a month, of each round; `None` where there is no DuckDB.
    columnar: Option<Vec<Vec<f64>>>,
}

fn main() -> Result<()> {
    let arguments = arguments(std::env::args().skip(1))?;
    heard::listen();
    let scratch = match &arguments.folder {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    }?;
    if let Ok(load) = std::fs::read_to_string("/proc/loadavg") {
        println!("load of this machine before the start: {}", load.split(' ').next().unwrap_or_default());
    }
    let mut all: Vec<Measured> = Vec::new();
    for &spans in &arguments.spans {
        let path = scratch.path().join(format!("traces-{spans}.db"));
        let subject = make(&path, spans)?;
        let repository = TraceRepository::open(&url(&path))?;
        let beside = Connection::open(&path)?;
        let outcomes = questions::ask(&repository, &beside, &subject, arguments.rounds)?;
        let ranges = [1, 30].map(|days| [subject.end_ns - days * DAY, subject.end_ns]);
        let columnar = arguments.duckdb.as_deref().map(|python| {
            columnar::ask(python, &beside, scratch.path(), questions::FEW.max(arguments.rounds / 3), &ranges)
        });
        all.push(Measured { spans, outcomes, columnar: columnar.transpose()? });
        drop(repository);
        remove(&path);
    }
    println!("\n{}", questions::table(&all));
    println!("{}", goals::of(&all));
    Ok(())
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut arguments = Arguments { spans: vec![10_000, 1_000_000], rounds: 31, folder: None, duckdb: None };
    while let Some(argument) = given.next() {
        let value = given.next().with_context(|| format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--spans" => {
                arguments.spans = value.split(',').map(str::parse).collect::<Result<_, _>>().context("--spans")?
            }
            "--rounds" => arguments.rounds = value.parse().context("--rounds")?,
            "--folder" => arguments.folder = Some(value.into()),
            "--duckdb" => arguments.duckdb = Some(value.into()),
            option => anyhow::bail!("unknown option {option}"),
        }
    }
    anyhow::ensure!(
        arguments.rounds > 0 && arguments.spans.iter().all(|spans| *spans >= 5_000),
        "at least 5,000 spans"
    );
    Ok(arguments)
}

fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let _ = std::fs::remove_file(name);
    }
}

/// Makes a database of about so many spans; what it is asked about.
fn make(path: &Path, spans: usize) -> Result<Subject> {
    let begun = Instant::now();
    let written = spans.min(WRITTEN);
    let days = Days::new(SEED, written).over(PERIOD).bytes_a_span(if spans > WRITTEN { 400 } else { 1_500 });
    let mut end_ns = days.end_ns();
    let mut stored = agent_days::fill(&url(path), days)?;
    let through = begun.elapsed();
    let connection = Connection::open(path)?;
    let copied = spans / written;
    for number in 1..copied {
        copy(&connection, i64::try_from(number)?, end_ns)?;
    }
    stored *= u64::try_from(copied.max(1))?;
    end_ns += i64::try_from(copied.saturating_sub(1))? * i64::from(PERIOD) * DAY;
    let long = |seed, size: (usize, usize)| agent_days::long_trace(seed, BEGIN + DAY, size.0, size.1);
    let opened = long(1, LONG);
    let trace = opened.first().map_or(TraceId::from_bytes([0; 16]), |span| span.trace_id);
    stored += agent_days::fill(&url(path), [opened])?;
    if spans >= WRITTEN {
        stored += agent_days::fill(&url(path), [long(2, LONGEST)])?;
    }
    if copied > 1 {
        // Copies were stored beside the crate, which has not rolled them up.
        Store::open(&url(path))?.rebuild_rollups()?;
    }
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    println!(
        "{stored} spans, {} MB: {written} through the pipeline in {:.0} s, all in {:.0} s",
        std::fs::metadata(path)?.len() / 1_000_000,
        through.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
    Ok(Subject { trace, end_ns })
}

/// One more copy of what was written.
fn copy(connection: &Connection, number: i64, end_ns: i64) -> Result<()> {
    connection.execute_batch("PRAGMA cache_size = -200000; PRAGMA temp_store = MEMORY; BEGIN IMMEDIATE")?;
    for table in copies::TABLES {
        let mut columns = connection.prepare(&copies::columns_query(copies::Dialect::Sqlite, table))?;
        let columns: Vec<String> = columns.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let days = i64::from(PERIOD);
        let statement = copies::statement(copies::Dialect::Sqlite, table, &columns, days, number, end_ns);
        connection.execute_batch(&statement)?;
    }
    connection.execute_batch("COMMIT")?;
    Ok(())
}
