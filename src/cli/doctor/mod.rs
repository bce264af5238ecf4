//! `doctor`: whether the database is well, and what was lost.
//!
//! `findings` gathers, `text` and `json` show. Whatever needs somebody's attention is a sentence with the way out, and makes the exit code 1.

mod findings;
mod json;
mod letters;
mod spool;
mod text;

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use self::findings::Findings;
use super::failure::Failure;
use super::{Database, output};

/// Tells whether the database is well: its schema, the processes that write to it, what was lost, whether its summaries are right and its content can be read.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Options {
    /// Looks at the summaries and the content of all traces, not only of the latest 200.
    #[arg(long)]
    deep: bool,
    /// Makes summaries that are wrong anew.
    #[arg(long)]
    repair: bool,
    /// Lists the spans that could not be stored although others could, the latest first.
    #[arg(long, conflicts_with_all = ["deep", "repair"])]
    dead_letters: bool,
    /// With each dead letter its span, as OTLP in JSON, one a line.
    #[arg(long, requires = "dead_letters")]
    payload: bool,
    /// The folder in which spans wait for the database; by default the one that programs use by default.
    #[arg(long, value_name = "FOLDER")]
    spool: Option<PathBuf>,
    /// JSON: one object, or one a line for dead letters, with every field.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  agent-traces doctor
  agent-traces doctor --deep --repair
  agent-traces doctor --dead-letters --payload > poison.json
  agent-traces doctor --json | jq .findings

The exit code is 1 when something needs attention. Nothing is changed without --repair.";

pub(super) fn run(database: &Database, options: &Options) -> Result<(), Failure> {
    if options.dead_letters {
        return letters::list(&database.repository()?, options.json, options.payload);
    }
    let findings = Findings::gather(database.url()?, options.spool.as_deref(), options.deep, options.repair)?;
    let mut out = output::stdout();
    if options.json {
        writeln!(out, "{:#}", json::findings(&findings))?;
    } else {
        text::write(&findings, &mut out)?;
    }
    out.flush()?;
    if findings.attention.is_empty() { Ok(()) } else { Err(Failure::Attention) }
}
