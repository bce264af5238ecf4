//! The store as the pipeline sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use diesel::result::DatabaseErrorKind;

use super::{
    NewRows, Place, Prepared, Stirred, Torn, lost, places, prepare, regroup, regroup_all, torn_runs, write_batch,
};
use crate::error::{Error, Result};
use crate::model::time::{duration_ns, now_ns};
use crate::model::{DeadLetter, InterpretedSpan, Loss, ProcessId, SpanState, start_day};
use crate::pipeline::Sink;
use crate::semconv::Prices;
use crate::store::column::from_count;
use crate::store::content::PartNames;
use crate::store::interrupted::{Watch, beat, put_process, resume, settle, unsettle, unsettled};
use crate::store::rollup::Covering;
use crate::store::rows::{ProcessRow, SettledRow};
use crate::store::{AnyConnection, Failure, Numbers, Retention, Schedule, Store, dialect, key_text};

/// Spans in one transaction, and bytes of their payload: a bigger batch would keep other writers waiting.
const MAX_ROWS: usize = 1000;
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Between two tries to make ready for the days to come.
const PREPARING_PAUSE: Duration = Duration::from_secs(60);

/// How often a process says that it runs.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(10);
/// Parts of batches after which their changes are folded into roll-ups. Who reads statistics reads at most so many for each process beside
/// them, and writing them costs a fraction of what they are about.
const PARTS_TO_FOLD: u32 = 16;
/// For so long a tick goes on with what there is to be done: spans wait.
const LONGEST_TICK: Duration = Duration::from_millis(20);

/// Writes batches into a [`Store`], and keeps the process's row alive.
pub(crate) struct StoreSink {
    store: Store,
    process: ProcessRow,
    prices: Prices,
    schedule: Option<Schedule>,
    /// Whether contents are compressed.
    is_compressed: bool,
    /// The day that the tables were last made ready for.
    ready_for: Option<i32>,
    /// Whether a framework that loses parents was seen.
    has_torn: bool,
    /// When they are next tried to be made ready.
    next_try: Instant,
    /// How often the process says that it runs, and when it does so next.
    heartbeat: Duration,
    next_beat: Instant,
    /// The other processes on the database.
    watch: Watch,
    /// Others took this process for dead.
    was_missed: bool,
    /// How many parts are still to be written until roll-ups are folded. The first one is followed by that, for those that ended before.
    parts_to_fold: u32,
    /// When it is next looked whether spans of older versions are to be rolled up; never, once all are.
    next_covering: Option<Instant>,
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
            interval_ns: None,
            settled_ns: None,
            rolls_up: Some(true),
        };
        let sink = Self {
            store,
            process,
            prices: Prices::default(),
            schedule: None,
            is_compressed: true,
            ready_for: None,
            has_torn: false,
            next_try: Instant::now(),
            heartbeat: HEARTBEAT,
            next_beat: Instant::now(),
            watch: Watch::default(),
            was_missed: false,
            parts_to_fold: 1,
            next_covering: Some(Instant::now()),
        };
        sink.with_heartbeat(HEARTBEAT)
    }

    /// How often the process says that it runs, and looks whether others do.
    pub(crate) fn with_heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = interval;
        self.process.interval_ns = Some(duration_ns(interval));
        // Many programs are over by then, and need no sign of life.
        self.next_beat = Instant::now() + interval;
        self
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

    /// Whether contents are compressed; they are, unless this says otherwise.
    pub(crate) const fn with_compression(mut self, is_compressed: bool) -> Self {
        self.is_compressed = is_compressed;
        self
    }

    fn write_part(&self, part: Vec<Prepared<'_>>, new: NewRows) -> Result<Stirred> {
        let settled = settled(&part);
        let rows = part.iter().map(|prepared| &prepared.row);
        let others =
            self.others(rows.filter_map(|row| {
                Some((row.process_id.as_deref()?, row.start_ns, row.end_ns.unwrap_or(row.start_ns)))
            }));
        self.store.write(|connection| {
            self.say_alive(connection, &others)?;
            unsettle(connection, &self.others_running(&part))?;
            let stirred = write_batch(connection, part, new, &self.prices)?;
            dialect::keep(connection, &settled.iter().collect::<Vec<_>>())?;
            Ok(stirred)
        })
    }

    /// A row for each process other than this one that something is told of, with the first and the last time: all there is to say where a
    /// process never reached the database itself.
    fn others<'a>(&self, told: impl IntoIterator<Item = (&'a [u8], i64, i64)>) -> Vec<ProcessRow> {
        let mut others: BTreeMap<&[u8], ProcessRow> = BTreeMap::new();
        for (process_id, first_ns, last_ns) in told {
            if process_id == self.process.process_id {
                continue;
            }
            let process = others.entry(process_id).or_insert_with(|| ProcessRow {
                process_id: process_id.to_vec(),
                pid: 0,
                host: String::new(),
                started_ns: first_ns,
                heartbeat_ns: last_ns,
                ended_ns: None,
                interval_ns: None,
                settled_ns: None,
                rolls_up: None,
            });
            process.started_ns = process.started_ns.min(first_ns);
            process.heartbeat_ns = process.heartbeat_ns.max(last_ns);
        }
        others.into_values().collect()
    }

    /// Writes the process's row, and makes one for each of `others` that never wrote one itself: what is stored of it has a place.
    fn say_alive(&self, connection: &mut AnyConnection, others: &[ProcessRow]) -> Result<(), Failure> {
        put_process(connection, &self.process)?;
        Ok(dialect::keep(connection, &others.iter().collect::<Vec<_>>())?)
    }

    /// Which database this is: what other processes left for it waits for that. Remembered once it is known, so it costs nothing then.
    fn learn_identity(&self) {
        let _ = self.store.identity();
    }

    /// The other processes of which open spans come.
    fn others_running<'a>(&self, part: &'a [Prepared<'_>]) -> Vec<&'a [u8]> {
        let open = part.iter().filter(|prepared| prepared.row.state == SpanState::Open.rank());
        let processes = open.filter_map(|prepared| prepared.row.process_id.as_deref());
        let others: BTreeSet<&[u8]> = processes.filter(|process| *process != self.process.process_id).collect();
        others.into_iter().collect()
    }

    /// Puts torn runs together: what they are made of has changed. Each run holds other traces than a batch does, so it has a transaction of
    /// its own.
    fn put_together(&self, places: &[Place], stirred: &Stirred) -> Result<()> {
        if places.is_empty() && stirred.is_empty() {
            return Ok(());
        }
        let torn = self.store.write(|connection| torn_runs(connection, places, stirred))?;
        if torn.iter().any(Torn::parts) {
            return self.store.write(|connection| regroup_all(connection, &torn, &self.prices));
        }
        torn.iter().try_for_each(|torn| self.store.write(|connection| regroup(connection, torn, &self.prices)))
    }

    /// Says that the process runs, and looks who else does.
    fn beat(&mut self) -> Result<()> {
        // Where the clock stands still or is set back, it is a sign of life all the same.
        self.process.heartbeat_ns = now_ns().max(self.process.heartbeat_ns.saturating_add(1));
        let (was_missed, others) = self.store.write(|connection| {
            let was_missed = beat(connection, &self.process)?;
            Ok((was_missed, unsettled(connection, &self.process.process_id)?))
        })?;
        self.was_missed |= was_missed;
        self.watch.look(others, Instant::now());
        Ok(())
    }

    /// Sees to spans of which it has turned out that they are not running, or are after all: some of them, where there are many.
    fn set_right(&mut self) -> Result<()> {
        let until = Instant::now() + LONGEST_TICK;
        while Instant::now() < until {
            let moved = if self.was_missed {
                let process = &self.process.process_id;
                let moved = self.store.write(|connection| resume(connection, process, &self.prices))?;
                self.was_missed = moved.is_more;
                moved
            } else if let Some(doomed) = self.watch.doomed.front() {
                let moved = self.store.write(|connection| settle(connection, doomed, now_ns(), &self.prices))?;
                if !moved.is_more {
                    self.watch.doomed.pop_front();
                }
                moved
            } else {
                break;
            };
            self.put_together(&[], &moved.torn.into())?;
        }
        Ok(())
    }

    /// Folds roll-ups, when there is enough to be folded. Where that cannot be now, they are right all the same, and it is tried again.
    fn fold(&mut self) {
        if self.parts_to_fold == 0 {
            let _ = self.store.fold_rollups();
            self.parts_to_fold = PARTS_TO_FOLD;
        }
    }

    /// Rolls up what was stored before there were roll-ups: some of it, where there is much.
    fn cover(&mut self) -> Result<()> {
        let until = Instant::now() + LONGEST_TICK;
        while self.next_covering.is_some_and(|next| next <= Instant::now()) && Instant::now() < until {
            self.next_covering = match self.store.cover_with_rollups()? {
                Covering::Done => None,
                Covering::More => Some(Instant::now()),
                Covering::Waiting => Some(Instant::now() + self.heartbeat),
            };
        }
        Ok(())
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
        let prepared = prepare(batch, now, self.is_compressed)?;
        self.process.heartbeat_ns = now;
        self.prepare_days(now);
        let mut rest = batch;
        let mut stirred = Stirred::default();
        for part in parts(prepared) {
            let items;
            (items, rest) = rest.split_at_checked(part.len()).unwrap_or((rest, &[]));
            self.parts_to_fold = self.parts_to_fold.saturating_sub(1);
            stirred.append(match self.write_part(part, NewRows::Add) {
                Err(error) if is_there_already(&error) => {
                    self.write_part(prepare(items, now, self.is_compressed)?, NewRows::Put)?
                }
                result => result?,
            });
        }
        self.learn_identity();
        self.fold();
        let places = places(batch, &mut self.has_torn, &self.process.process_id);
        self.put_together(&places, &stirred)
    }

    fn probe(&mut self) -> Result<()> {
        self.process.heartbeat_ns = now_ns();
        self.store.write(|connection| self.say_alive(connection, &[]))?;
        self.learn_identity();
        Ok(())
    }

    fn dead_letter(&mut self, letter: &DeadLetter) -> Result<()> {
        self.process.heartbeat_ns = now_ns();
        let others = self.others([(letter.process.as_bytes(), letter.time_ns, letter.time_ns)]);
        self.store.write(|connection| self.say_alive(connection, &others))?;
        lost::keep_dead_letter(&self.store, letter)
    }

    fn report_losses(&mut self, losses: &[Loss]) -> Result<()> {
        self.process.heartbeat_ns = now_ns();
        let others = self.others(losses.iter().map(|loss| (loss.process.as_bytes(), loss.from_ns, loss.to_ns)));
        self.store.write(|connection| {
            self.say_alive(connection, &others)?;
            lost::keep_losses(connection, losses)
        })
    }

    fn tick(&mut self) -> Result<()> {
        let now = Instant::now();
        if now >= self.next_beat {
            self.next_beat = now + self.heartbeat;
            self.beat()?;
        }
        self.set_right()?;
        self.cover()?;
        self.schedule.as_mut().map_or(Ok(()), |schedule| schedule.tick(&self.store))
    }
}

impl Drop for StoreSink {
    /// The pipeline drops its sinks when it has shut down in order: the process ended, its spans did not die with it.
    fn drop(&mut self) {
        let now = now_ns();
        self.process.heartbeat_ns = now;
        self.process.ended_ns = Some(now);
        let _ = self.store.write(|connection| Ok(put_process(connection, &self.process)?));
    }
}

/// The numbers of a batch's spans, by process.
fn settled(part: &[Prepared<'_>]) -> Vec<SettledRow> {
    let mut numbers: BTreeMap<&[u8], Vec<u64>> = BTreeMap::new();
    for row in part.iter().map(|prepared| &prepared.row) {
        if let (Some(process), Some(sequence)) = (&row.process_id, row.sequence) {
            numbers.entry(process).or_default().push(from_count(sequence));
        }
    }
    numbers.into_iter().filter_map(|(process, numbers)| numbers.into_iter().collect::<Numbers>().row(process)).collect()
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
        // What spans share is written once.
        let mut known = PartNames::default();
        let fitting = rest.as_slice().iter().take(MAX_ROWS).take_while(|prepared| {
            let content = &prepared.content;
            let verbatim = content.verbatim.as_ref().map_or(0, Vec::len);
            bytes +=
                content.attributes.len() + content.events.len() + content.links.len() + content.extra.len() + verbatim;
            bytes += known.add(content.start_day, &prepared.parts);
            bytes <= MAX_BYTES
        });
        let fitting = fitting.count().max(1);
        drop(known);
        let part: Vec<_> = rest.by_ref().take(fitting).collect();
        (!part.is_empty()).then_some(part)
    })
}
