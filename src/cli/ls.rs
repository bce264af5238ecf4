//! `ls`: which traces there are.

use std::io::Write as _;

use clap::Args;
use tracing_agents::TraceFilter;
use tracing_agents::insight::{NanoUsd, Nanoseconds, Printable};
use tracing_agents::model::{Cursor, Trace};

use super::failure::Failure;
use super::table::{Side, Table};
use super::{Database, json, output};

/// Lists traces, the latest first.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Options {
    /// Which traces: `agent:Researcher`, `status:error`, `duration>2s`, `last:24h`, words of the name or the preview … All must hold.
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// How many at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Where an earlier list ended: it told the place.
    #[arg(long, value_name = "PLACE")]
    cursor: Option<String>,
    /// One JSON object a line, with every field.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  agent-traces ls agent:Researcher status:error last:24h
  agent-traces ls 'agent:\"Web Researcher\"' 'cost>0.1' --limit 100
  agent-traces ls --json session:s-17 | jq .total_tokens

A name with spaces needs quotes that the shell passes on, as in the second example.
Where there are more traces, a line on the standard error tells how to go on.";

pub(super) fn run(database: &Database, options: &Options) -> Result<(), Failure> {
    let mut filter: TraceFilter = options.filter.join(" ").parse()?;
    if let Some(cursor) = &options.cursor {
        filter = filter.after(cursor.parse::<Cursor>()?);
    }
    let repository = database.repository()?;
    let mut out = output::stdout();
    let mut table = Table::new([
        ("TRACE", Side::Left),
        ("START (UTC)", Side::Left),
        ("STATUS", Side::Left),
        ("DURATION", Side::Right),
        ("SPANS", Side::Right),
        ("TOKENS", Side::Right),
        ("COST", Side::Right),
        ("NAME", Side::Left),
    ]);
    let mut left = options.limit;
    let next = loop {
        let page = repository.traces(&filter.clone().limit(left))?;
        left = left.saturating_sub(u32::try_from(page.len()).unwrap_or(u32::MAX));
        for trace in &page {
            if options.json {
                writeln!(out, "{}", json::trace(trace))?;
            } else {
                table.push(row(trace));
            }
        }
        // A page can be short and still have a next one.
        match page.next {
            Some(next) if left > 0 => filter = filter.after(next),
            next => break next,
        }
    };
    if !options.json {
        table.write(&mut out, output::columns())?;
    }
    out.flush()?;
    if let Some(next) = next {
        output::note(&format!("there are more: add --cursor {next}"));
    }
    Ok(())
}

fn row(trace: &Trace) -> [String; 8] {
    let start = jiff::Timestamp::from_nanosecond(i128::from(trace.start_ns)).ok();
    [
        trace.trace_id.to_string(),
        start.map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default(),
        trace.status.to_string(),
        trace.end_ns.map(|_| Nanoseconds(trace.duration_ns()).to_string()).unwrap_or_default(),
        trace.span_count.to_string(),
        trace.usage.total().map(|tokens| tokens.to_string()).unwrap_or_default(),
        trace.cost_nano_usd.map(|cost| NanoUsd(cost).to_string()).unwrap_or_default(),
        Printable(&trace.name).to_string(),
    ]
}
