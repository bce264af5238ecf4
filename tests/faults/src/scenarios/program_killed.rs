//! SIGKILL to the program, half the time with a database that is frozen: the next one stores what was left.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use tracing_agents::pipeline::Durability;

use crate::World;
use crate::load::Load;
use crate::program::{Program, Said};
use crate::report::Row;
use crate::server::Server;
use crate::spans::Run;
use crate::stored::Stored;

/// The aim is 10 ms. On a machine that does much else a thread may have to wait longer than that for a processor.
const OLDEST_LOST: Duration = Duration::from_secs(1);

pub(super) fn run(world: &World) -> Result<Vec<Row>> {
    // Of 50, 13 on each of two servers and levels: 52.
    let kills = world.times(13, 250);
    Ok(world.on_each_server(|server| {
        let mut rows = Vec::new();
        for durability in [Durability::Journal, Durability::Spool] {
            rows.push(killed(world, server, durability, kills)?);
        }
        Ok(rows)
    }))
}

/// What one program had accepted before it was killed.
struct Victim {
    accepted: BTreeMap<u64, u64>,
    killed_at: u64,
}

fn killed(world: &World, server: &Server, durability: Durability, kills: u64) -> Result<Row> {
    let mut load = Load { durability, rate: 3_000, ..super::load(world, &server.url, Run::new())? };
    let mut victims: Vec<Victim> = Vec::new();
    let mut wrong_looks = 0;
    for round in 0..kills {
        let program = Program::start(&load)?;
        std::thread::sleep(Duration::from_millis(fastrand::u64(5..250)));
        let is_frozen = round % 2 == 1;
        if is_frozen {
            server.freeze()?;
            std::thread::sleep(Duration::from_millis(fastrand::u64(0..150)));
        }
        let ended = program.kill();
        if is_frozen {
            server.thaw()?;
        }
        let (Said { accepted, wrong_looks: wrong, .. }, killed_at) = ended?;
        wrong_looks += wrong;
        // One more may have been accepted, and not been told any more.
        load.first = accepted.last_key_value().map_or(load.first, |(number, _)| number + 1000);
        victims.push(Victim { accepted, killed_at });
    }
    // The last one ends well, once it has stored what all others left.
    let program = Program::start(&Load { rate: 0, ..load.clone() })?;
    let left = std::path::Path::new(&load.folder);
    super::wait_until_empty(left)?;
    let (_, _, words) = program.finish(60_000, 5_000)?;

    let stored = Stored::of(&server.url, load.run)?;
    let mut row =
        Row::new(format!("{}, {durability:?}, {kills} kills, half of them while the database is frozen", server.name));
    let mut ages = Vec::new();
    for victim in &victims {
        let lost: Vec<_> = victim.accepted.iter().filter(|(number, _)| !stored.has(**number)).collect();
        row.accepted += victim.accepted.len() as u64;
        row.lost += lost.len() as u64;
        let oldest = lost.iter().map(|(_, accepted_at)| **accepted_at).min();
        ages.push(oldest.map_or(Duration::ZERO, |at| Duration::from_nanos(victim.killed_at.saturating_sub(at))));
    }
    row.stored = stored.len();
    row.twice = stored.twice();
    ages.sort_unstable();
    let at = |hundredth: usize| ages.get((ages.len().max(1) - 1) * hundredth / 100).copied().unwrap_or_default();
    row.figures = format!(
        "age of the oldest lost span at the kill: p50 {:.1} ms, p90 {:.1} ms, max {:.1} ms (aim: {} ms); {words}",
        millis(at(50)),
        millis(at(90)),
        millis(at(100)),
        if durability == Durability::Journal { 0 } else { 10 },
    );
    let lost_little = match durability {
        Durability::Journal => (row.lost == 0, "a kill costs nothing in Journal"),
        _ => (at(100) <= OLDEST_LOST, "a kill costs at most the last second, even on a busy machine"),
    };
    Ok(row.clone().promise(&[
        lost_little,
        (row.twice == 0, "nothing is there twice"),
        (wrong_looks == 0, "the counters add up"),
        (stored.wrong_summaries == 0, "summaries fit"),
        (words == super::ALL_WELL, "the last program flushes and shuts down"),
    ]))
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
