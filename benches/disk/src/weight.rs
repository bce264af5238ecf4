//! Bytes on the disk for a span of some 1,500 bytes of attributes, once with texts of their own and once with prompts that repeat.

use std::path::Path;

use agent_days::Days;
use anyhow::Result;
use bench_goals::Goals;
use rusqlite::Connection;

use crate::{SEED, url};

const SPANS: usize = 20_000;

pub(crate) fn measure(folder: &Path, goals: &mut Goals) -> Result<()> {
    for (is_repeating, what, goal) in
        [(false, "texts of their own", "≤ 1200"), (true, "the same long prompts again and again", "≤ 700")]
    {
        let path = folder.join(format!("weighed-{is_repeating}.db"));
        let mut days = Days::new(SEED, SPANS).over(2);
        if is_repeating {
            days = days.repeating_prompts();
        }
        let traces: Vec<_> = days.collect();
        let attributes: usize = traces.iter().flatten().map(|span| span.attributes.size()).sum();
        let spans = agent_days::fill(&url(&path), traces)?;
        let connection = Connection::open(&path)?;
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
        let bytes = std::fs::metadata(&path)?.len() / spans;
        let attributes = u64::try_from(attributes)? / spans;
        println!("{what}: {bytes} bytes a span on the disk, of {attributes} bytes of attributes");
        println!("  of them: {}", largest(&connection, spans)?.join(", "));
        goals.figure(
            &format!("sqlite: bytes a span on the disk, of {attributes} bytes of attributes, {what}"),
            bytes,
            goal,
        );
    }
    Ok(())
}

/// What the largest tables and indexes have of the bytes of a span.
fn largest(connection: &Connection, spans: u64) -> Result<Vec<String>> {
    let largest = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT 12";
    let mut statement = connection.prepare(largest)?;
    let tables = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let lines = tables.map(|table| table.map(|(name, bytes)| format!("{name} {}", bytes.unsigned_abs() / spans)));
    Ok(lines.collect::<Result<_, _>>()?)
}
