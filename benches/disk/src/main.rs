//! What spans take on SQLite's disk, and how long whoever writes waits while old ones go.
//!
//! ```text
//! disk_bench [--spans N] [--folder DIR]
//! ```
//!
//! `benches/run disk` says what the figures mean.

#![expect(clippy::print_stdout, reason = "the program's output")]

mod conversation;
mod prune;
mod weight;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use bench_goals::Goals;

const SEED: u64 = 20_261_124;

struct Arguments {
    /// Of the database that is pruned.
    spans: usize,
    folder: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = arguments(std::env::args().skip(1))?;
    prune::listen()?;
    let scratch = match &arguments.folder {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    }?;
    let mut goals = Goals::default();
    weight::measure(scratch.path(), &mut goals)?;
    conversation::measure(scratch.path(), &mut goals)?;
    prune::measure(scratch.path(), arguments.spans, &mut goals)?;
    println!("\n{goals}");
    Ok(())
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut arguments = Arguments { spans: 100_000, folder: None };
    while let Some(argument) = given.next() {
        let value = given.next().with_context(|| format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--spans" => arguments.spans = value.parse().context("--spans")?,
            "--folder" => arguments.folder = Some(value.into()),
            option => anyhow::bail!("unknown option {option}"),
        }
    }
    anyhow::ensure!(arguments.spans >= 20_000, "at least 20,000 spans, or nothing is pruned for long");
    Ok(arguments)
}

fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}
