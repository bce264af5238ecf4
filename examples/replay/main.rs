//! Replays recordings of real agent runs into a database and prints what is found there.
//!
//! ```text
//! cargo run --example replay -- tests/recordings/frameworks/rig-0.44.jsonl tests/recordings/agno/*.json
//! cargo run --example replay --features postgres -- --database postgres://localhost/traces tests/recordings/agno/*.json
//! ```
//!
//! A run of a Rust framework happens again as `tracing` spans, which the crate's layer records; a run of Agno goes to the exporter
//! as OpenTelemetry spans. Without `--database`, each run gets a new SQLite file of its own. `tests/expected` holds what a reader of the
//! recordings expects, in the same form.

mod agno;
mod frameworks;
mod recording;
mod tree;

use std::collections::VecDeque;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: replay [--database URL] FILE…    (recordings: tests/recordings/**/*.json*)";

fn main() -> ExitCode {
    let mut arguments: VecDeque<OsString> = std::env::args_os().skip(1).collect();
    let mut stderr = io::stderr();
    let mut database = None;
    if arguments.front().is_some_and(|argument| argument == "--database") {
        arguments.pop_front();
        database = arguments.pop_front().and_then(|url| url.into_string().ok());
        if database.is_none() {
            let _ = writeln!(stderr, "{USAGE}");
            return ExitCode::from(2);
        }
    }
    if arguments.is_empty() {
        let _ = writeln!(stderr, "{USAGE}");
        return ExitCode::from(2);
    }
    let mut out = io::stdout().lock();
    let mut code = ExitCode::SUCCESS;
    for file in &arguments {
        if let Err(error) = replay(Path::new(file), database.as_deref(), &mut out) {
            let _ = writeln!(stderr, "replay: {error}");
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// Replays all runs of a file.
fn replay(file: &Path, database: Option<&str>, out: &mut impl Write) -> Result<(), Box<dyn Error + Send + Sync>> {
    let runs = recording::read(file)?;
    writeln!(out, "## {}", file.display())?;
    for run in runs {
        let folder = tempfile::tempdir()?;
        let own = format!("sqlite://{}", folder.path().join("traces.db").display());
        let trees = run
            .trees(database.unwrap_or(&own))
            .map_err(|error| format!("{}: {}: {error}", file.display(), run.name()))?;
        writeln!(out, "# {}\n{trees}", run.name())?;
    }
    Ok(())
}
