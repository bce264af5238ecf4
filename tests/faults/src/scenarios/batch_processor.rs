//! OpenTelemetry's batch span processor beside this crate, with the same receiver: one that panics, is slow, is dead for two seconds, and
//! a process that is killed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::wait_until_empty;
use crate::World;
use crate::exporters::Fault;
use crate::load::Load;
use crate::program::Program;
use crate::report::Row;
use crate::spans::Run;
use crate::stored::Stored;

pub(super) fn run(world: &World) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, fault) in Fault::ALL {
        // At the same time, so that both have the same machine.
        rows.extend(world.side_by_side(["theirs", "ours"].into_iter().map(|side| {
            let row = move || match (side, fault) {
                ("ours", Fault::Kill) => Ok(vec![killed(world)?]),
                _ => Ok(vec![one(world, side, name, fault)?]),
            };
            (format!("{side}, {name}"), row)
        })));
    }
    Ok(rows)
}

fn one(world: &World, side: &str, name: &str, fault: Fault) -> Result<Row> {
    let mut process = Command::new(std::env::current_exe()?)
        .args(["exporters", side, name])
        .arg(world.folder("exporters")?)
        .stdout(Stdio::piped())
        // Panics are told there.
        .stderr(Stdio::null())
        .spawn()?;
    let output = process.stdout.take().context("no output")?;
    let begun = Instant::now();
    let (mut offered, mut accepted, mut delivered, mut reported) =
        (0_u64, 0_u64, 0_u64, "nothing: it was killed".to_owned());
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if line.starts_with("a ") {
            (offered, accepted) = (offered + 1, accepted + 1);
        } else if let Some(count) = line.strip_prefix("d ") {
            delivered += count.parse().unwrap_or(0);
        } else if let Some(result) = line.strip_prefix("result ") {
            let mut words = result.splitn(4, ' ');
            offered = words.next().context("offered")?.parse()?;
            accepted = words.next().context("accepted")?.parse()?;
            delivered = words.next().context("delivered")?.parse()?;
            words.next().unwrap_or_default().clone_into(&mut reported);
        }
        // What is in the pipe by then is still read.
        if fault == Fault::Kill && begun.elapsed() > Duration::from_secs(2) {
            process.kill()?;
        }
    }
    process.wait()?;
    let who = if side == "ours" { "tracing-agents" } else { "OpenTelemetry's batch processor" };
    let mut row = Row::new(format!("{who}, {name}"));
    (row.accepted, row.stored, row.lost) = (accepted, delivered, accepted.saturating_sub(delivered));
    row.figures = format!("offered {offered}; reported: {reported}");
    if side == "theirs" {
        return Ok(row);
    }
    Ok(row.clone().promise(&[(row.lost == 0, "every accepted span is delivered")]))
}

/// The same with this crate, whose next process stores what a killed one left.
fn killed(world: &World) -> Result<Row> {
    let file = world.folder("killed")?.join("traces.db");
    let load = Load { rate: 3_000, ..super::load(world, &format!("sqlite://{}", file.display()), Run::new())? };
    let program = Program::start(&load)?;
    std::thread::sleep(Duration::from_secs(2));
    let (said, killed_at) = program.kill()?;
    let next = Program::start(&Load { rate: 0, ..load.clone() })?;
    wait_until_empty(Path::new(&load.folder))?;
    next.finish(60_000, 5_000)?;
    let stored = Stored::of(&load.url, load.run)?;
    let mut row = Row::new("tracing-agents, kill (SQLite)");
    row.accepted = said.accepted.len() as u64;
    row.stored = stored.len();
    let lost: Vec<_> = said.accepted.iter().filter(|(number, _)| !stored.has(**number)).collect();
    (row.lost, row.twice) = (lost.len() as u64, stored.twice());
    let oldest = lost.iter().map(|(_, at)| killed_at.saturating_sub(**at)).max().unwrap_or(0);
    row.figures = format!("the oldest lost span was {:.1} ms old", oldest as f64 / 1e6);
    Ok(row.clone().promise(&[
        (row.twice == 0, "nothing is there twice"),
        (oldest < 1_000_000_000, "a kill costs at most the last second, even on a busy machine"),
    ]))
}
