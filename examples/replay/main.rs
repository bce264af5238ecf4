//! Replays recordings of real agent runs into a new database and prints what is found there.
//!
//! ```text
//! cargo run --example replay -- tests/recordings/frameworks/rig-0.44.jsonl tests/recordings/agno/*.json
//! ```
//!
//! A run of a Rust framework happens again as `tracing` spans, which the crate's layer records; a run of Agno goes to the exporter
//! as OpenTelemetry spans. Each run gets a database of its own. `tests/expected` holds what a reader of the recordings expects, in
//! the same form.

mod agno;
mod frameworks;
mod recording;
mod tree;

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let files: Vec<OsString> = std::env::args_os().skip(1).collect();
    let mut stderr = io::stderr();
    if files.is_empty() {
        let _ = writeln!(stderr, "usage: replay FILE…    (recordings: tests/recordings/**/*.json*)");
        return ExitCode::from(2);
    }
    let mut out = io::stdout().lock();
    let mut code = ExitCode::SUCCESS;
    for file in &files {
        if let Err(error) = replay(Path::new(file), &mut out) {
            let _ = writeln!(stderr, "replay: {error}");
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// Replays all runs of a file.
fn replay(file: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error + Send + Sync>> {
    let runs = recording::read(file)?;
    writeln!(out, "## {}", file.display())?;
    for run in runs {
        let trees = run.trees().map_err(|error| format!("{}: {}: {error}", file.display(), run.name()))?;
        writeln!(out, "# {}\n{trees}", run.name())?;
    }
    Ok(())
}
