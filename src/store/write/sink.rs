//! The store as the pipeline sees it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use diesel::result::DatabaseErrorKind;

use super::{NewRows, Prepared, Torn, places, prepare, regroup, regroup_all, torn_runs, write_batch};
use crate::error::{Error, Result};
use crate::model::{InterpretedSpan, ProcessId, start_day};
use crate::pipeline::Sink;
use crate::semconv::Prices;
use crate::store::rows::ProcessRow;
use crate::store::{Retention, Schedule, Store, dialect, key_text};

/// Spans in one transaction, and bytes of their payload: a bigger batch would keep other writers waiting.
const MAX_ROWS: usize = 1000;
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Between two tries to make ready for the days to come.
const PREPARING_PAUSE: Duration = Duration::from_secs(60);

/// Writes batches into a [`Store`], and keeps the process's row alive.
pub(crate) struct StoreSink {
    store: Store,
    process: ProcessRow,
    prices: Prices,
    schedule: Option<Schedule>,
    /// The day that the tables were last made ready for.
    ready_for: Option<i32>,
    /// Whether a framework that loses parents was seen.
    has_torn: bool,
    /// When they are next tried to be made ready.
    next_try: Instant,
}

impl StoreSink {
    /// The sink of one process; its row is written with the first batch or probe.
    pub(crate) fn new(store: Store, process: ProcessId, host: String) -> Self {
        let now = now_ns();
        let process = ProcessRow {
            process_id: process.as_bytes().to_vec(),
            pid: i64::from(std::process::id()),
            host: key_text(&host),
            started_ns: now,
            heartbeat_ns: now,
            ended_ns: None,
        };
        Self {
            store,
            process,
            prices: Prices::default(),
            schedule: None,
            ready_for: None,
            has_torn: false,
            next_try: Instant::now(),
        }
    }

    /// What costs are computed by that only all spans of a trace together tell.
    pub(crate) fn with_prices(mut self, prices: Prices) -> Self {
        self.prices = prices;
        self
    }

    /// What is to be deleted between batches.
    pub(crate) fn with_retention(mut self, retention: Option<Retention>) -> Self {
        self.schedule = retention.map(|retention| Schedule::new(retention, self.process.process_id.clone()));
        self
    }

    fn write_part(&self, part: Vec<Prepared<'_>>, new: NewRows) -> Result<BTreeSet<Vec<u8>>> {
        self.store.write(|connection| {
            dialect::put(connection, &[&self.process])?;
            write_batch(connection, part, new, &self.prices)
        })
    }

    /// Lets the database make ready for the days to come. Where it cannot now, spans are stored all the same, only not where they are
    /// best kept, and it is tried again.
    fn prepare_days(&mut self, now_ns: i64) {
        let today = start_day(now_ns);
        if self.ready_for == Some(today) || Instant::now() < self.next_try {
            return;
        }
        match self.store.maintain(|connection| dialect::prepare_days(connection, today)) {
            Ok(()) => self.ready_for = Some(today),
            Err(_) => self.next_try = Instant::now() + PREPARING_PAUSE,
        }
    }
}

impl Sink for StoreSink {
    fn name(&self) -> &str {
        "store"
    }

    fn write(&mut self, batch: &[InterpretedSpan]) -> Result<()> {
        let now = now_ns();
        let prepared = prepare(batch, now)?;
        self.process.heartbeat_ns = now;
        self.prepare_days(now);
        let mut rest = batch;
        let mut changed = BTreeSet::new();
        for part in parts(prepared) {
            let items;
            (items, rest) = rest.split_at_checked(part.len()).unwrap_or((rest, &[]));
            changed.append(&mut match self.write_part(part, NewRows::Add) {
                Err(error) if is_there_already(&error) => self.write_part(prepare(items, now)?, NewRows::Put)?,
                result => result?,
            });
        }
        let places = places(batch, &mut self.has_torn);
        if places.is_empty() && changed.is_empty() {
            return Ok(());
        }
        // Each run holds other traces than the batch did, so it has a transaction of its own.
        let torn = self.store.write(|connection| torn_runs(connection, &places, &changed))?;
        if torn.iter().any(Torn::parts) {
            return self.store.write(|connection| regroup_all(connection, &torn, &self.prices));
        }
        torn.iter().try_for_each(|torn| self.store.write(|connection| regroup(connection, torn, &self.prices)))
    }

    fn tick(&mut self) -> Result<()> {
        self.schedule.as_mut().map_or(Ok(()), |schedule| schedule.tick(&self.store))
    }

    fn probe(&mut self) -> Result<()> {
        self.process.heartbeat_ns = now_ns();
        self.store.write(|connection| Ok(dialect::put(connection, &[&self.process])?))
    }
}

impl Drop for StoreSink {
    /// The pipeline drops its sinks when it has shut down in order: the process ended, its spans did not die with it.
    fn drop(&mut self) {
        let now = now_ns();
        self.process.heartbeat_ns = now;
        self.process.ended_ns = Some(now);
        let _ = self.store.write(|connection| Ok(dialect::put(connection, &[&self.process])?));
    }
}

/// Whether a row that was to be added is stored.
fn is_there_already(error: &Error) -> bool {
    use diesel::result::Error::DatabaseError;
    matches!(error.cause(), Some(DatabaseError(DatabaseErrorKind::UniqueViolation, _)))
}

/// The batch in pieces of at most so many rows and, but for a single larger row, so many bytes.
fn parts(batch: Vec<Prepared<'_>>) -> impl Iterator<Item = Vec<Prepared<'_>>> {
    let mut rest = batch.into_iter();
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = rest.as_slice().iter().take(MAX_ROWS).take_while(|prepared| {
            let content = &prepared.content;
            let verbatim = content.verbatim.as_ref().map_or(0, Vec::len);
            bytes +=
                content.attributes.len() + content.events.len() + content.links.len() + content.extra.len() + verbatim;
            bytes <= MAX_BYTES
        });
        let fitting = fitting.count().max(1);
        let part: Vec<_> = rest.by_ref().take(fitting).collect();
        (!part.is_empty()).then_some(part)
    })
}

fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
