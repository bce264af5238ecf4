//! SIGSTOP to the database: for some seconds under load, and for the rest of a program's life.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::whole;
use crate::World;
use crate::load::Load;
use crate::program::Program;
use crate::report::Row;
use crate::server::Server;
use crate::spans::Run;
use crate::stored::Stored;

const FROZEN: Duration = Duration::from_secs(6);
/// How late a shutdown may be on a machine that does much else.
const LATE_MS: u64 = 500;

pub(super) fn run(world: &World) -> Result<Vec<Row>> {
    let times = world.times(1, 10);
    Ok(world.on_each_server(|server| Ok(vec![for_a_while(world, server, times)?, for_good(world, server)?])))
}

fn for_a_while(world: &World, server: &Server, times: u64) -> Result<Row> {
    let load = Load { rate: 2_000, ..super::load(world, &server.url, Run::new())? };
    let program = Program::start(&load)?;
    for _ in 0..times {
        std::thread::sleep(Duration::from_millis(500));
        server.freeze()?;
        std::thread::sleep(FROZEN);
        server.thaw()?;
    }
    let (said, _, words) = program.finish(100_000, 5_000)?;
    let row = Row::new(format!("{}, {times} times {} s under load", server.name, FROZEN.as_secs()));
    whole(row, &server.url, load.run, &said, &words)
}

/// The program has a second to shut down, and then the next one stores what it left.
fn for_good(world: &World, server: &Server) -> Result<Row> {
    let load = Load { rate: 2_000, ..super::load(world, &server.url, Run::new())? };
    let program = Program::start(&load)?;
    std::thread::sleep(Duration::from_millis(500));
    server.freeze()?;
    std::thread::sleep(Duration::from_secs(1));
    let ended = program.finish(1, 1_000);
    server.thaw()?;
    let (said, took, _) = ended?;
    let next = Program::start(&Load { rate: 0, first: u64::from(u32::MAX), ..load.clone() })?;
    super::wait_until_empty(Path::new(&load.folder))?;
    let (_, _, words) = next.finish(60_000, 5_000)?;

    let stored = Stored::of(&server.url, load.run)?;
    let mut row = Row::new(format!("{}, until the program's end", server.name));
    row.accepted = said.accepted.len() as u64;
    row.stored = stored.len();
    row.lost = said.accepted.keys().filter(|number| !stored.has(**number)).count() as u64;
    row.twice = stored.twice();
    row.figures = format!("shutdown(1 s) returned after {took} ms and left {} spans in the spool", said.last.spooled);
    Ok(row.clone().promise(&[
        (took <= 1_000 + LATE_MS, "a shutdown returns by its deadline, half a second later at most on a busy machine"),
        (row.lost == 0 && row.stored == row.accepted, "the next program stores what was left"),
        (row.twice == 0, "nothing is there twice"),
        (said.last.spooled > 0, "something was left, or this tells nothing"),
        (said.wrong_looks == 0 && said.last.adds_up, "the counters add up"),
        (words == super::ALL_WELL, "the next program flushes and shuts down"),
    ]))
}
