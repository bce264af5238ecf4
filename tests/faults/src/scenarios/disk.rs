//! Disks that are full or may only be read, and a SQLite file that somebody else has locked.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::whole;
use crate::World;
use crate::load::Load;
use crate::program::Program;
use crate::proxy::Proxy;
use crate::report::Row;
use crate::server::Server;
use crate::spans::Run;

pub(super) fn run(world: &World) -> Result<Vec<Row>> {
    let server = world.servers.first().context("no server")?;
    type Part<'a> = Box<dyn FnOnce() -> Result<Vec<Row>> + Send + 'a>;
    let tmpfs = Tmpfs::mount(&world.folder("disk")?, "size=256k")?;
    let mut parts: Vec<(&str, Part<'_>)> = vec![
        ("file limit", Box::new(|| Ok(vec![full(world, server, None)?]))),
        ("read-only folder", Box::new(|| Ok(vec![read_only(world, server)?]))),
        ("locked", Box::new(|| Ok(vec![locked(world)?]))),
    ];
    if let Some(disk) = &tmpfs {
        parts.push(("small disk", Box::new(move || Ok(vec![full(world, server, Some(disk))?]))));
    }
    Ok(world.side_by_side(parts.into_iter().map(|(name, part)| (name.to_owned(), part))))
}

/// The database is gone and the spool's disk, or what a file may hold, too small for what comes meanwhile.
fn full(world: &World, server: &Server, disk: Option<&Tmpfs>) -> Result<Row> {
    let proxy = Proxy::to(server.address)?;
    // Of which so few fit into memory that it is full soon, too.
    let load = super::load(world, &server.url_by(proxy.address), Run::new())?;
    let mut load = Load { rate: 4_000, queue: 128, ..load };
    let program = if let Some(disk) = disk {
        disk.0.clone_into(&mut load.folder);
        Program::start(&load)?
    } else {
        Program::start_limited(&load, 64)?
    };
    proxy.close(true);
    program.wait_until("the disk is full", |said| said.last.disk_full > 0)?;
    std::thread::sleep(Duration::from_millis(500));
    let failure = program.said().last.has_failure;
    proxy.close(false);
    let before = program.said().last.stored;
    program.wait_until("it goes on", |said| said.last.stored > before)?;
    let (said, _, words) = program.finish(100_000, 5_000)?;
    let what = if disk.is_some() { "disk of 256 KiB" } else { "no file above 64 KiB" };
    let figures = format!("of the refused {} for the full disk", said.last.disk_full);
    let row = Row::new(format!("{}, {what}, database gone", server.name)).figures(figures);
    let row = whole(row, &server.url, load.run, &said, &words)?;
    ensure!(failure, "the full disk is not told in the counters");
    Ok(row)
}

/// Spans wait in memory, and are stored all the same.
fn read_only(world: &World, server: &Server) -> Result<Row> {
    let mut load = super::load(world, &server.url, Run::new())?;
    let disk = Tmpfs::mount(Path::new(&load.folder), "ro")?;
    if disk.is_none() {
        // To its owner a folder is never read-only; a file is no folder to anybody.
        let file = world.folder("no-folder")?.join("file");
        std::fs::write(&file, "")?;
        load.folder = file.join("spool").display().to_string();
    }
    let program = Program::start(&load)?;
    program.wait_until("the disk's failure is told", |said| said.last.has_failure)?;
    std::thread::sleep(Duration::from_millis(500));
    let (said, _, words) = program.finish(100_000, 5_000)?;
    whole(Row::new(format!("{}, read-only folder", server.name)), &server.url, load.run, &said, &words)
}

fn locked(world: &World) -> Result<Row> {
    let seconds = world.times(5, 30);
    let file = world.folder("sqlite")?.join("traces.db");
    let load = Load { rate: 2_000, ..super::load(world, &format!("sqlite://{}", file.display()), Run::new())? };
    let program = Program::start(&load)?;
    program.wait_until("something is stored", |said| said.last.stored > 0)?;
    let other = rusqlite::Connection::open(&file)?;
    other.busy_timeout(Duration::from_secs(10))?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    let before = program.said().last.stored;
    std::thread::sleep(Duration::from_secs(seconds));
    let waited = program.said().last;
    other.execute_batch("COMMIT")?;
    drop(other);
    let (said, _, words) = program.finish(100_000, 5_000)?;
    let figures = format!("{} spans came meanwhile, {} were in the spool", waited.accepted - before, waited.spooled);
    let row = Row::new(format!("sqlite, locked by another program for {seconds} s")).figures(figures);
    whole(row, &load.url, load.run, &said, &words)
}

/// A small disk in memory.
struct Tmpfs(String);

impl Tmpfs {
    /// `None` where the system does not allow it.
    fn mount(folder: &Path, options: &str) -> Result<Option<Self>> {
        let options = format!("{options},mode=700");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder).output();
        let is_mounted = status.is_ok_and(|output| output.status.success());
        Ok(is_mounted.then(|| Self(folder.display().to_string())))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // A process that still has a file open there does not keep the folder from going.
        let _ = Command::new("umount").args(["--lazy", &self.0]).status();
    }
}
