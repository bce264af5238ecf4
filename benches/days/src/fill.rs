//! Into a database, as a program does it.

use std::time::Duration;

use anyhow::Result;
use tracing_agents::AgentTracing;
use tracing_agents::model::SpanRecord;

/// Only a hang takes it all.
const PATIENCE: Duration = Duration::from_secs(600);
/// Spans that wait in memory at most.
const WAITING: usize = 16 * 1024;

/// Writes traces through the pipeline, with all that the store makes of them; how many spans they were.
///
/// # Errors
/// When the database cannot be opened, or does not take them all.
pub fn fill(url: &str, traces: impl IntoIterator<Item = Vec<SpanRecord>>) -> Result<u64> {
    let tracing = AgentTracing::builder(url)
        .max_queue_size(2 * WAITING)
        .max_queue_bytes(usize::MAX)
        .max_export_batch_size(1_000)
        .scheduled_delay(PATIENCE)
        .shutdown_timeout(PATIENCE)
        .open()?;
    let inlet = tracing.inlet();
    let (mut spans, mut waiting) = (0_u64, 0);
    for trace in traces {
        for span in trace {
            inlet.accept(span)?;
            waiting += 1;
            spans += 1;
        }
        if waiting >= WAITING {
            tracing.force_flush(PATIENCE)?;
            waiting = 0;
        }
    }
    tracing.force_flush(PATIENCE)?;
    let health = tracing.health();
    anyhow::ensure!(health.stored == spans, "of {spans} spans {} were stored", health.stored);
    Ok(spans)
}
