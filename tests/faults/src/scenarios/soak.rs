//! Twenty minutes of much load, with a database that is killed every two: memory stays, and the account is exact.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::World;
use crate::figures::{at, slope};
use crate::load::Load;
use crate::program::Program;
use crate::report::Row;
use crate::spans::Run;
use crate::stored::counts;

/// KiB by which the second half of what is looked at may be above the first. A leak of eight bytes a
/// span would be more; what a restart of the database has wait in memory is the same in both.
const FLAT: u64 = 16 * 1024;

pub(super) fn run(world: &World) -> Result<Vec<Row>> {
    let server = world.servers.first().context("no server")?;
    // Asked for by name, the short form is a short soak of what an unoptimised build can do.
    let (minutes, rate) = (world.times(1, 20), world.times(1_000, 5_000));
    let kill_after = usize::try_from(world.times(3, 12))?;
    let load = Load { rate, tells: false, ..super::load(world, &server.url, Run::new())? };
    let program = Program::start(&load)?;
    let begun = Instant::now();
    let (mut memory, mut kills) = (Vec::new(), 0);
    while begun.elapsed() < Duration::from_secs(minutes * 60) {
        std::thread::sleep(Duration::from_secs(10));
        memory.push(program.said().last.memory);
        if memory.len().is_multiple_of(kill_after) {
            server.kill()?;
            std::thread::sleep(Duration::from_secs(5));
            server.restart()?;
            kills += 1;
        }
    }
    let (said, _, words) = program.finish(100_000, 5_000)?;
    let (rows, different) = counts(&server.url, load.run)?;
    let last = said.last;
    let mut row = Row::new(format!("{}, {minutes} min at {} spans/s, {kills} kills", server.name, load.rate));
    row.accepted = last.accepted;
    row.stored = different;
    row.lost = last.accepted.saturating_sub(different + last.dropped);
    row.twice = rows - different;
    // Of the first quarter, caches and the like are filled.
    let settled = memory.get(memory.len() / 4..).unwrap_or_default();
    let (first, second) = settled.split_at(settled.len() / 2);
    let growth = median(second).saturating_sub(median(first));
    let looks = memory.iter().step_by(memory.len().div_ceil(20).max(1)).map(|kib| kib / 1024);
    row.figures = format!(
        "{} looks, {} of them wrong; {:.0} spans/s offered, refused {}, dropped {}; resident MiB from 10 s on: {:?}, at most {}; after the first \
         quarter it grows by {:.0} KiB a minute; {words}",
        said.looks,
        said.wrong_looks,
        last.offered as f64 / begun.elapsed().as_secs_f64(),
        last.offered - last.accepted,
        last.dropped,
        looks.collect::<Vec<_>>(),
        memory.iter().max().unwrap_or(&0) / 1024,
        slope(settled) * 6.0,
    );
    Ok(vec![row.clone().promise(&[
        (row.lost == 0 && row.twice == 0, "every accepted span is stored once"),
        (last.stored == different && last.accepted == different + last.dropped, "the counters say so"),
        (said.wrong_looks == 0, "the counters add up at every look"),
        (growth <= FLAT, "memory stays as it is"),
        (words == super::ALL_WELL, "flush and shutdown succeed"),
    ])])
}

fn median(values: &[u64]) -> u64 {
    let mut values = values.to_vec();
    values.sort_unstable();
    at(&values, 500)
}
