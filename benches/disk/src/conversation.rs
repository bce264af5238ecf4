//! What a conversation takes whose every turn sends all that was said before.

use std::path::Path;

use agent_days::turns;
use anyhow::Result;
use bench_goals::{Goals, Spread};
use rusqlite::Connection;

use crate::{SEED, url};

const TURNS: usize = 100;

pub(crate) fn measure(folder: &Path, goals: &mut Goals) -> Result<()> {
    let path = folder.join("conversation.db");
    let conversation = turns(SEED, TURNS);
    let recorded: usize = conversation.traces.iter().flatten().map(|span| span.attributes.size()).sum();
    agent_days::fill(&url(&path), conversation.traces)?;
    let connection = Connection::open(&path)?;
    let sum = |query: &str| connection.query_row(query, [], |row| row.get::<_, u32>(0));
    let in_rows = sum("SELECT coalesce(sum(length(attributes) + length(events)), 0) FROM span_contents")?;
    let in_parts = sum("SELECT coalesce(sum(length(bytes) + length(digest)), 0) FROM content_parts")?;
    let said = u32::try_from(conversation.said)?;
    println!(
        "a conversation of {TURNS} turns: {said} bytes said, {recorded} recorded; {in_rows} stored in rows and {in_parts} in parts"
    );
    let stored = in_rows + in_parts;
    if let Some(ratio) = Spread::of([f64::from(stored) / f64::from(said)]) {
        let what = format!("bytes stored of a conversation of {TURNS} turns, beside what was said in it");
        goals.ratio(&what, stored, said, ratio, "≤ 2");
    }
    Ok(())
}
