//! What SQLite writes for a span, beside other layouts of the same spans in the same run.
//!
//! *Without any index* are the rows of `spans` and what they hold (`span_contents`, `content_parts`), each written once: no key, summary, facet or sum. *Naive* is one wide
//! table as trace tables usually are: ids and times as text, attributes as JSON, a primary key and six indexes, and ids without an order, as OpenTelemetry's SDKs make them.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use rusqlite::params_from_iter;
use tracing_agents::model::{IdentityField, InterpretedSpan, ProcessId};

use crate::BATCH;
use crate::clock::{self, Clock};
use crate::raw::sqlite;
use crate::tables::{Batch, Cell};
use crate::whole_path::{Store, store_alone};
use crate::workload::Workload;

/// The tables that hold spans and their content.
const BARE: [&str; 3] = ["spans", "span_contents", "content_parts"];

const NAIVE: &str = "
    CREATE TABLE naive (
        trace_id TEXT NOT NULL, span_id TEXT NOT NULL, parent_span_id TEXT, name TEXT NOT NULL, span_kind TEXT NOT NULL,
        status_code TEXT NOT NULL, status_message TEXT, start_time TEXT NOT NULL, end_time TEXT, duration_ms INTEGER,
        attributes TEXT NOT NULL, events TEXT NOT NULL, run_id TEXT, session_id TEXT, user_id TEXT, agent_id TEXT,
        created_at TEXT NOT NULL, PRIMARY KEY (trace_id, span_id)
    );
    CREATE INDEX naive_by_trace ON naive (trace_id);
    CREATE INDEX naive_by_run ON naive (run_id);
    CREATE INDEX naive_by_session ON naive (session_id);
    CREATE INDEX naive_by_user ON naive (user_id);
    CREATE INDEX naive_by_agent ON naive (agent_id);
    CREATE INDEX naive_by_start ON naive (start_time);
";
const NAIVE_COLUMNS: usize = 17;

/// What writing took, until the file was closed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) wall: Duration,
    /// `None` where there is no `/proc`.
    pub(crate) bytes: Option<u64>,
}

/// All rounds.
#[derive(Debug, Default)]
pub(crate) struct Layouts {
    pub(crate) ours: Vec<Written>,
    pub(crate) bare: Vec<Written>,
    pub(crate) naive: Vec<Written>,
}

/// Writes the spans in each layout, `rounds` times, each into a file of its own in `folder`. `batches` are the rows that ours leaves.
pub(crate) fn measure(folder: &Path, workload: &Workload, batches: &[Batch], rounds: usize) -> Result<Layouts> {
    let process = ProcessId::generate();
    let bare: Vec<Batch> = batches
        .iter()
        .map(|batch| batch.iter().filter(|table| BARE.contains(&table.name)).cloned().collect())
        .collect();
    let naive = workload.interpreted(process).iter().map(naive_row).collect::<Result<Vec<_>>>()?;
    let mut layouts = Layouts::default();
    for round in 0..rounds {
        for turn in 0..3 {
            let folder = tempfile::tempdir_in(folder)?;
            let path = folder.path().join("traces.db");
            let url = format!("sqlite://{}", path.display());
            drop(Store::open(&url, 1)?);
            match (round + turn) % 3 {
                0 => {
                    let spans = workload.interpreted(process);
                    layouts.ours.push(written(|| Ok(store_alone(&url, &spans, process)?.wall))?);
                }
                1 => layouts.bare.push(written(|| write_bare(&path, &bare))?),
                _ => layouts.naive.push(written(|| write_naive(&path, &naive))?),
            }
        }
    }
    Ok(layouts)
}

/// `write` opens the file, writes, and closes it.
fn written(write: impl FnOnce() -> Result<Duration>) -> Result<Written> {
    let before = clock::written();
    let wall = write()?;
    let bytes = before.zip(clock::written()).map(|(before, after)| after.saturating_sub(before));
    Ok(Written { wall, bytes })
}

fn write_bare(path: &Path, batches: &[Batch]) -> Result<Duration> {
    let connection = sqlite::open(path)?;
    for table in BARE {
        connection.execute_batch(&format!("CREATE TABLE bare_{table} AS SELECT * FROM {table} WHERE 0"))?;
    }
    Ok(sqlite::write(&connection, batches, 1, "bare_")?.wall)
}

fn write_naive(path: &Path, rows: &[Vec<Cell>]) -> Result<Duration> {
    let connection = sqlite::open(path)?;
    connection.execute_batch(NAIVE)?;
    let values = vec!["?"; NAIVE_COLUMNS].join(",");
    let mut insert = connection.prepare(&format!("INSERT OR REPLACE INTO naive VALUES ({values})"))?;
    let clock = Clock::start();
    for batch in rows.chunks(BATCH) {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for row in batch {
            insert.execute(params_from_iter(row))?;
        }
        connection.execute_batch("COMMIT")?;
    }
    Ok(clock.stop().wall)
}

fn naive_row(span: &InterpretedSpan) -> Result<Vec<Cell>> {
    let InterpretedSpan { record, span, .. } = span;
    let text = |text: &str| Cell::Text(text.to_owned());
    let optional = |text: Option<&str>| text.map_or(Cell::Null, |text| Cell::Text(text.to_owned()));
    let id = |field| optional(span.identity.get(field));
    // Ours begin with the time.
    let without_order = |bytes: &[u8]| {
        bytes.iter().rev().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    };
    let time = |ns: i64| {
        let (seconds, millionths) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000) / 1_000);
        // As long as an ISO time, and in the same order, without a calendar.
        Cell::Text(format!("2026-T{seconds:014}.{millionths:06}+00:00"))
    };
    let end_ns = record.end_ns.unwrap_or(record.start_ns);
    Ok(vec![
        Cell::Text(without_order(record.trace_id.as_bytes())),
        Cell::Text(without_order(record.span_id.as_bytes())),
        record.parent_span_id.map_or(Cell::Null, |id| Cell::Text(without_order(id.as_bytes()))),
        text(&span.display_name),
        text(span.kind.as_str()),
        text(record.status.code.as_str()),
        text(&record.status.message),
        time(record.start_ns),
        time(end_ns),
        Cell::I64((end_ns - record.start_ns) / 1_000_000),
        Cell::Text(serde_json::to_string(&record.attributes)?),
        Cell::Text(serde_json::to_string(&record.events)?),
        id(IdentityField::RunId),
        id(IdentityField::SessionId),
        id(IdentityField::UserId),
        id(IdentityField::AgentId),
        time(end_ns),
    ])
}
