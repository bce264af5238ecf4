//! `show`: one trace, whole.

use std::io::Write as _;

use clap::Args;
use tracing_agents::model::TraceId;

use super::failure::Failure;
use super::{Database, json, output};

/// Shows a trace as a tree of its spans.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The trace's id, as `ls` lists it: 32 hexadecimal digits.
    #[arg(value_name = "TRACE")]
    trace: String,
    /// One JSON object: the trace, and in `spans` a flat list of all its spans in the order of their start.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(database: &Database, options: &Options) -> Result<(), Failure> {
    let id: TraceId = options.trace.parse().map_err(|_| {
        Failure::usage(format!("{:?} is no trace id: give all 32 hexadecimal digits, as ls lists them", options.trace))
    })?;
    let tree = database.repository()?.trace(id)?;
    let mut out = output::stdout();
    if options.json {
        writeln!(out, "{:#}", json::tree(&tree))?;
    } else {
        writeln!(out, "{}", tree.tree())?;
    }
    out.flush()?;
    Ok(())
}
