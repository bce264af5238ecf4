//! A server that takes no writes for a while, as one that was failed over to a replica: an outage, and no span's fault.

use std::time::Duration;

use anyhow::Result;

use super::whole;
use crate::World;
use crate::load::Load;
use crate::program::Program;
use crate::report::Row;
use crate::server::Server;
use crate::spans::Run;
use crate::stored::texts;

pub(super) fn run(world: &World) -> Result<Vec<Row>> {
    let seconds = world.times(2, 30);
    Ok(world.on_each_server(|server| {
        let url = writer(server)?;
        let load = Load { rate: 1_000, ..super::load(world, &url, Run::new())? };
        let program = Program::start(&load)?;
        program.wait_until("something is stored", |said| said.last.stored > 0)?;
        take_no_writes(server)?;
        // What was on its way may still have come in.
        std::thread::sleep(Duration::from_millis(500));
        let before = program.said().last;
        std::thread::sleep(Duration::from_secs(seconds));
        let after = program.said().last;
        let ended = take_writes(server);
        let (said, _, words) = program.finish(100_000, 5_000)?;
        ended?;
        let row = Row::new(format!("{}, read-only for {seconds} s", server.name));
        let row = row.figures(format!("{} spans came meanwhile", after.accepted - before.accepted));
        let row = whole(row, &server.url, load.run, &said, &words)?;
        Ok(vec![row.and_promise(&[
            (after.stored == before.stored && after.accepted > before.accepted, "nothing is stored meanwhile"),
            (said.last.dropped == 0, "no span is blamed for it"),
        ])])
    }))
}

/// The URL of a user to whom a read-only server is read-only.
fn writer(server: &Server) -> Result<String> {
    if server.name == "postgres" {
        return Ok(server.url.clone());
    }
    texts(&server.url, "CREATE OR REPLACE USER plain@'%' IDENTIFIED BY 'plain'")?;
    texts(&server.url, &format!("GRANT ALL ON {}.* TO plain@'%'", server.database()))?;
    Ok(format!("mysql://plain:plain@{}/{}", server.address, server.database()))
}

fn take_no_writes(server: &Server) -> Result<()> {
    if server.name != "postgres" {
        return texts(&server.url, "SET GLOBAL read_only = ON").map(drop);
    }
    texts(&server.url, "ALTER ROLE CURRENT_USER SET default_transaction_read_only = on")?;
    // It holds for those who come anew.
    let others = "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    texts(&server.url, others).map(drop)
}

fn take_writes(server: &Server) -> Result<()> {
    if server.name != "postgres" {
        return texts(&server.url, "SET GLOBAL read_only = OFF").map(drop);
    }
    let url = format!("{}?options=-c%20default_transaction_read_only%3Doff", server.url);
    texts(&url, "ALTER ROLE CURRENT_USER RESET default_transaction_read_only").map(drop)
}
