//! What is done to the crate, one file each.

mod batch_processor;
mod cut;
mod database_killed;
mod disk;
mod frozen;
mod instructions;
mod latency;
mod program_killed;
mod read_only;
mod soak;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tracing_agents::pipeline::Durability;

use crate::load::Load;
use crate::program::Said;
use crate::report::Row;
use crate::spans::Run;
use crate::stored::Stored;
use crate::{PATIENCE, World};

pub(crate) type Scenario = fn(&World) -> Result<Vec<Row>>;

/// By name, in the order in which they run.
pub(crate) const ALL: [(&str, Scenario); 9] = [
    ("database_killed", database_killed::run),
    ("program_killed", program_killed::run),
    ("frozen", frozen::run),
    ("read_only", read_only::run),
    ("latency", latency::run),
    ("cut", cut::run),
    ("disk", disk::run),
    ("batch_processor", batch_processor::run),
    ("soak", soak::run),
];

/// What a program says whose flush and shutdown went well.
const ALL_WELL: &str = "flush Ok(()), shutdown Ok(())";

/// A load on a database, with a spool of its own, as most scenarios want it.
fn load(world: &World, url: &str, run: Run) -> Result<Load> {
    Ok(Load {
        url: url.to_owned(),
        folder: world.folder("spool")?.display().to_string(),
        durability: Durability::Spool,
        run,
        first: 0,
        rate: 1_000,
        tells: true,
        spool_bytes: 0,
        queue: 0,
        beats: false,
    })
}

/// The account of a program that ended well: each span that it was told is taken over is stored, once, and the counters say the same.
fn whole(mut row: Row, url: &str, run: Run, said: &Said, words: &str) -> Result<Row> {
    let stored = Stored::of(url, run)?;
    row.accepted = said.accepted.len() as u64;
    row.stored = stored.len();
    let missing = said.accepted.keys().filter(|number| !stored.has(**number)).count() as u64;
    row.lost = missing.saturating_sub(said.last.dropped);
    row.twice = stored.twice();
    let Said { looks, wrong_looks, last, .. } = said;
    let rest = if row.figures.is_empty() { String::new() } else { format!("; {}", row.figures) };
    row.figures = format!(
        "{looks} looks, {wrong_looks} of them wrong; refused {}, dropped {}{rest}",
        last.offered - last.accepted,
        last.dropped
    );
    if words != ALL_WELL {
        row.figures = format!("{}; {words}", row.figures);
    }
    Ok(row.clone().promise(&[
        (row.lost == 0, "every accepted span is stored or accounted for"),
        (row.twice == 0, "nothing is there twice"),
        (*wrong_looks == 0 && *looks > 0, "the counters add up at every look"),
        (last.accepted == row.accepted, "what was accepted is what the counters say"),
        (
            last.stored == row.stored && row.stored + last.dropped == row.accepted,
            "what is stored is what the counters say",
        ),
        (stored.wrong_summaries == 0, "the summaries of traces fit their spans"),
        (words == ALL_WELL, "flush and shutdown succeed"),
    ]))
}

/// Waits until no file is left in a spool: what others left there is stored.
fn wait_until_empty(folder: &Path) -> Result<()> {
    let begun = Instant::now();
    loop {
        let left = tracing_agents::pipeline::segments(folder)?;
        if left.is_empty() {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!("what other programs left is not adopted: {left:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
