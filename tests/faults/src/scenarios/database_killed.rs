//! SIGKILL to the database under load, again and again: every accepted span is stored once.

use std::time::Duration;

use anyhow::Result;

use super::whole;
use crate::World;
use crate::load::Load;
use crate::program::Program;
use crate::report::Row;
use crate::spans::Run;

pub(super) fn run(world: &World) -> Result<Vec<Row>> {
    let kills = world.times(20, 200);
    Ok(world.on_each_server(|server| {
        let load = Load { rate: 1_000, ..super::load(world, &server.url, Run::new())? };
        let program = Program::start(&load)?;
        for _ in 0..kills {
            std::thread::sleep(Duration::from_millis(fastrand::u64(50..500)));
            server.kill()?;
            std::thread::sleep(Duration::from_millis(fastrand::u64(0..300)));
            server.restart()?;
        }
        let (said, _, words) = program.finish(100_000, 5_000)?;
        let row = Row::new(format!("{}, {kills} kills", server.name));
        Ok(vec![whole(row, &server.url, load.run, &said, &words)?])
    }))
}
