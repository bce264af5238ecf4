//! How long SQLite's write lock is held while old traces go.
//!
//! Diesel tells each statement's begin and end. The lock is held from the end of `BEGIN IMMEDIATE`, which may have waited for it, to the end of `COMMIT`,
//! and by what writes outside of a transaction, giving pages back, for as long as that takes.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use agent_days::{BEGIN, DAY, Days};
use anyhow::{Context as _, Result};
use bench_goals::{Goals, Spread};
use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use tracing_agents::TraceRepository;

use crate::{SEED, url};

/// The days of the database, of which the first half goes.
const PERIOD: u32 = 30;

/// How long the lock was held each time, on all connections.
static HELD: Mutex<Held> = Mutex::new(Held { by_transactions: Vec::new(), by_statements: Vec::new() });

#[derive(Default)]
struct Held {
    by_transactions: Vec<Duration>,
    by_statements: Vec<Duration>,
}

/// What one connection does.
#[derive(Default)]
struct Watch {
    /// Since when a transaction holds the lock.
    since: Option<Instant>,
    /// When the statement began that is under way, outside of a transaction.
    begun: Option<Instant>,
}

impl Instrumentation for Watch {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                let holds_it =
                    ["PRAGMA incremental_vacuum", "PRAGMA wal_checkpoint(TRUNCATE)", "INSERT", "UPDATE", "DELETE"];
                let text = query.to_string();
                self.begun = holds_it.iter().any(|word| text.starts_with(word)).then(Instant::now);
            }
            InstrumentationEvent::FinishQuery { query, .. } => {
                let text = query.to_string();
                if text.starts_with("BEGIN IMMEDIATE") {
                    self.since = Some(Instant::now());
                } else if text.starts_with("COMMIT") || text.starts_with("ROLLBACK") {
                    let since = self.since.take();
                    all_held().by_transactions.extend(since.map(|since| since.elapsed()));
                } else if self.since.is_none() {
                    let begun = self.begun.take();
                    all_held().by_statements.extend(begun.map(|begun| begun.elapsed()));
                }
            }
            _ => {}
        }
    }
}

fn all_held() -> MutexGuard<'static, Held> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Watches all connections that are made from now on.
pub(crate) fn listen() -> Result<()> {
    set_default_instrumentation(|| Some(Box::new(Watch::default()))).context("the connections cannot be watched")
}

pub(crate) fn measure(folder: &Path, spans: usize, goals: &mut Goals) -> Result<()> {
    let path = folder.join("pruned.db");
    let stored = agent_days::fill(&url(&path), Days::new(SEED, spans).over(PERIOD))?;
    let repository = TraceRepository::open(&url(&path))?;
    let until_ns = BEGIN + i64::from(PERIOD / 2) * DAY;
    *all_held() = Held::default();
    let begun = Instant::now();
    let pruned = repository.prune(UNIX_EPOCH + Duration::from_nanos(until_ns.unsigned_abs()))?;
    let took = begun.elapsed();
    let held = std::mem::take(&mut *all_held());
    let spread = |times: &[Duration]| Spread::of(times.iter().map(|time| time.as_secs_f64() * 1_000.0));
    let transactions = spread(&held.by_transactions).context("nothing was pruned")?;
    let longest = spread(&held.by_statements).map_or(0.0, |times| times.greatest).max(transactions.greatest);
    println!(
        "pruned {} of {stored} spans in {:.1} s, {} MB given back; ms that the lock was held: {transactions} by {} transactions, and at most {longest:.2} with the {} statements beside them",
        pruned.spans,
        took.as_secs_f64(),
        pruned.freed_bytes / 1_000_000,
        held.by_transactions.len(),
        held.by_statements.len(),
    );
    let of = format!("sqlite, {stored} spans: prune, ms that the write lock is held");
    goals.figure(&format!("{of}, median of its transactions"), format!("{:.1}", transactions.median), "≤ 50");
    goals.figure(&format!("{of}, longest"), format!("{longest:.1}"), "≤ 100");
    Ok(())
}
