//! SIGKILL to the program: a third of the times with the database alive, a third while it is frozen, a third while it is killed. With
//! SQLite, half the time while another program has locked the file. The next program stores what was left.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use tracing_agents::pipeline::Durability;

use crate::World;
use crate::figures::at;
use crate::load::{BEAT, Load};
use crate::program::{Program, Said};
use crate::report::Row;
use crate::server::Server;
use crate::spans::Run;
use crate::stored::Stored;

/// What a kill costs at most where the spool's thread gets a processor when it asks for one.
const PROMISED: Duration = Duration::from_millis(10);
/// And where it gets none while another thread does, which happens on a machine that does much else, and cannot be seen from outside.
const LONGEST: Duration = Duration::from_secs(1);

pub(super) fn run(world: &World) -> Result<Vec<Row>> {
    // In all, on three databases and two levels: 54 in the short form, 1,008 in the long one.
    let kills = world.times(9, 168);
    let file = world.folder("sqlite")?.join("traces.db");
    let mut databases: Vec<_> = world.servers.iter().cloned().map(Database::Server).collect();
    databases.push(Database::File(file));
    Ok(world.side_by_side(databases.into_iter().map(|database| {
        let name = database.name().to_owned();
        let all = move || {
            let levels = [Durability::Journal, Durability::Spool];
            levels.into_iter().map(|durability| killed(world, &database, durability, kills)).collect()
        };
        (name, all)
    })))
}

#[derive(Debug, Clone)]
enum Database {
    Server(Server),
    File(PathBuf),
}

/// What is the matter with a database.
enum Trouble<'a> {
    None,
    Frozen(&'a Server),
    Killed(&'a Server),
    /// Until it is dropped.
    Locked(#[expect(dead_code, reason = "it holds the lock")] rusqlite::Connection),
}

impl Database {
    fn name(&self) -> &str {
        match self {
            Self::Server(server) => &server.name,
            Self::File(_) => "sqlite",
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Server(server) => server.url.clone(),
            Self::File(file) => format!("sqlite://{}", file.display()),
        }
    }

    /// A trouble of each kind in turn.
    fn trouble(&self, round: u64) -> Result<Trouble<'_>> {
        match (self, round % 3, round % 2) {
            (Self::Server(server), 1, _) => server.freeze().map(|()| Trouble::Frozen(server)),
            (Self::Server(server), 2, _) => server.kill().map(|()| Trouble::Killed(server)),
            (Self::File(file), _, 1) => {
                let other = rusqlite::Connection::open(file)?;
                other.busy_timeout(crate::PATIENCE)?;
                other.execute_batch("BEGIN IMMEDIATE")?;
                Ok(Trouble::Locked(other))
            }
            _ => Ok(Trouble::None),
        }
    }
}

impl Trouble<'_> {
    fn end(self) -> Result<()> {
        match self {
            Self::Frozen(server) => server.thaw(),
            Self::Killed(server) => server.restart(),
            Self::None | Self::Locked(_) => Ok(()),
        }
    }
}

/// What one program had accepted before it was killed.
struct Victim {
    accepted: BTreeMap<u64, u64>,
    killed_at: u64,
    /// How late the machine let a thread of it run in its last second.
    late: Duration,
}

fn killed(world: &World, database: &Database, durability: Durability, kills: u64) -> Result<Row> {
    let mut load = super::load(world, &database.url(), Run::new())?;
    // What an unoptimised build does without any effort, or all of it is waiting for a processor.
    (load.durability, load.rate, load.beats) = (durability, world.times(500, 3_000), true);
    let mut victims: Vec<Victim> = Vec::new();
    let mut wrong_looks = 0;
    for round in 0..kills {
        let program = Program::start(&load)?;
        std::thread::sleep(Duration::from_millis(fastrand::u64(5..250)));
        let trouble = database.trouble(round)?;
        if !matches!(trouble, Trouble::None) {
            std::thread::sleep(Duration::from_millis(fastrand::u64(0..150)));
        }
        let ended = program.kill();
        trouble.end()?;
        let (Said { accepted, wrong_looks: wrong, .. }, killed_at) = ended?;
        wrong_looks += wrong;
        // One more may have been accepted, and not been told any more.
        load.first = accepted.last_key_value().map_or(load.first, |(number, _)| number + 1000);
        let late = latest_beat(&std::fs::read(load.beats_file()).unwrap_or_default(), killed_at);
        victims.push(Victim { accepted, killed_at, late });
        // Of the next one.
        let _ = std::fs::remove_file(load.beats_file());
    }
    // The last one ends well, once it has stored what all others left.
    let program = Program::start(&Load { rate: 0, ..load.clone() })?;
    let left = std::path::Path::new(&load.folder);
    super::wait_until_empty(left)?;
    let (_, _, words) = program.finish(60_000, 5_000)?;

    let stored = Stored::of(&load.url, load.run)?;
    let troubles = match database {
        Database::Server(_) => "a third each with the database alive, frozen and killed",
        Database::File(_) => "half of them while another program has the file locked",
    };
    let mut row = Row::new(format!("{}, {durability:?}, {kills} kills, {troubles}", database.name()));
    let (mut ages, mut unexplained) = (Vec::new(), 0);
    for victim in &victims {
        let lost: Vec<_> = victim.accepted.iter().filter(|(number, _)| !stored.has(**number)).collect();
        row.accepted += victim.accepted.len() as u64;
        row.lost += lost.len() as u64;
        let oldest = lost.iter().map(|(_, accepted_at)| **accepted_at).min();
        let age = oldest.map_or(Duration::ZERO, |at| Duration::from_nanos(victim.killed_at.saturating_sub(at)));
        // The spool's thread waits twice: until its pause is over, and until its file is written.
        unexplained += usize::from(age > PROMISED + 2 * victim.late);
        ages.push(age);
    }
    row.stored = stored.len();
    row.twice = stored.twice();
    ages.sort_unstable();
    let late = victims.iter().map(|victim| victim.late).max().unwrap_or_default();
    let bounds = [0, 5, 10, 20, 50].map(Duration::from_millis);
    let [nothing, five, ten, twenty, fifty] = bounds.map(|bound| ages.iter().filter(|age| **age <= bound).count());
    row.figures = format!(
        "age of the oldest lost span at the kill: p50 {:.1} ms, p90 {:.1} ms, max {:.1} ms; of {kills} kills {nothing} cost nothing, {five} up to \
         5 ms, {ten} up to 10, {twenty} up to 20, {fifty} up to 50; a thread that does nothing else was up to {:.1} ms late, which leaves {unexplained} \
         above 10 ms without a reason; {words}",
        millis(at(&ages, 500)),
        millis(at(&ages, 900)),
        millis(at(&ages, 1000)),
        millis(late),
    );
    // So seldom may that be: once in nine kills of an unoptimised build beside many others, and once in a hundred of an optimised one.
    let rarely = world.times(9, 100);
    let lost_little = match durability {
        Durability::Journal => (row.lost == 0, "a kill costs nothing in Journal"),
        _ => (
            unexplained as u64 <= kills / rarely && at(&ages, 1000) <= LONGEST + 2 * late,
            "a kill costs at most the last 10 ms, and as much as the machine kept a thread waiting",
        ),
    };
    Ok(row.clone().promise(&[
        lost_little,
        (row.twice == 0, "nothing is there twice"),
        (wrong_looks == 0, "the counters add up"),
        (stored.wrong_summaries == 0, "summaries fit"),
        (words == super::ALL_WELL, "the last program flushes and shuts down"),
    ]))
}

/// How much later than it wanted to the program's thread that only beats came in the last second, or would have come.
fn latest_beat(beats: &[u8], killed_at: u64) -> Duration {
    let (beats, _) = beats.as_chunks::<8>();
    let mut beats: Vec<_> = beats.iter().map(|beat| u64::from_le_bytes(*beat)).collect();
    beats.push(killed_at);
    let last_second = killed_at.saturating_sub(1_000_000_000);
    let pauses = beats.iter().zip(beats.iter().skip(1)).filter(|(_, next)| **next >= last_second);
    let pauses = pauses.map(|(beat, next)| next.saturating_sub(*beat));
    Duration::from_nanos(pauses.max().unwrap_or(0)).saturating_sub(BEAT)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
