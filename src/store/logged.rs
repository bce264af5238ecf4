//! Storing events that came as log records.

use super::rows::EventRow;
use super::{Store, write};
use crate::error::Result;
use crate::model::LoggedEvent;
use crate::model::time::now_ns;

/// Events in one transaction, and bytes of them: a bigger one would keep other writers waiting.
const MAX_ROWS: usize = 1_000;
const MAX_BYTES: usize = 4 * 1024 * 1024;

impl Store {
    /// Stores events that came apart from their spans, before them or after them; returns when they are committed. Blocks.
    ///
    /// An event is told by its span, time and content: stored twice, it is there once. Opened spans show them with their own events, and
    /// read input, output and messages of both; the previews of traces follow. They are no part of the spans' records. One whose span never
    /// comes stays until [`prune`](crate::TraceRepository::prune) reaches its time.
    ///
    /// More than 1,000 events or 4 MiB are stored in several transactions. After an error some may be stored, and to call this once more
    /// with all of them is right.
    ///
    /// # Errors
    /// [`ErrorKind::Connect`](crate::ErrorKind::Connect) or [`ErrorKind::Write`](crate::ErrorKind::Write) when the database is away or refuses.
    pub fn write_events(&self, events: &[LoggedEvent]) -> Result<()> {
        let now_ns = now_ns();
        let mut rows = events.iter().map(|event| EventRow::new(event, now_ns)).collect::<Result<Vec<_>>>()?;
        rows.sort_unstable_by(|a, b| a.key().cmp(&b.key()));
        rows.dedup_by(|a, b| a.key() == b.key());
        let mut rest = rows.as_slice();
        while let Some((part, others)) = rest.split_at_checked(fitting(rest))
            && !part.is_empty()
        {
            for run in self.write(|connection| write::write_events(connection, part))? {
                self.write(|connection| write::renew_previews(connection, &run))?;
            }
            rest = others;
        }
        Ok(())
    }
}

/// How many of the first rows go into one transaction: one at least.
fn fitting(rows: &[EventRow]) -> usize {
    let mut bytes = 0;
    let fitting = rows.iter().take(MAX_ROWS).take_while(|row| {
        bytes += row.event.len();
        bytes <= MAX_BYTES
    });
    fitting.count().max(1).min(rows.len())
}
