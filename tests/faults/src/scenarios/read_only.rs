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
        let refused = take_no_writes(server);
        // What was on its way may still have come in.
        std::thread::sleep(Duration::from_millis(500));
        let before = program.said().last;
        std::thread::sleep(Duration::from_secs(seconds));
        let after = program.said().last;
        let ended = take_writes(server);
        let (said, _, words) = program.finish(100_000, 5_000)?;
        refused.and(ended)?;
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

/// This crate's transactions say that they write, which no default of PostgreSQL's stops: there, the tables' owner may not do it any more.
fn take_no_writes(server: &Server) -> Result<()> {
    let query = match server.name.as_str() {
        "postgres" => "REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public FROM CURRENT_USER",
        _ => "SET GLOBAL read_only = ON",
    };
    texts(&server.url, query).map(drop)
}

fn take_writes(server: &Server) -> Result<()> {
    let query = match server.name.as_str() {
        "postgres" => "GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO CURRENT_USER",
        _ => "SET GLOBAL read_only = OFF",
    };
    texts(&server.url, query).map(drop)
}
