//! What is found.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing_agents::model::{Account, LossReason, SpanId, TraceId};
use tracing_agents::store::{Inspection, Store};
use tracing_agents::{Builder, TraceFilter, TraceRepository};

use super::super::failure::Failure;
use super::spool::Spool;

/// Traces that are looked at, unless all are.
const SAMPLE: usize = 200;
/// Traces that one page of the list has.
const PAGE: u32 = 100;
/// A process that was heard of within this time runs, as far as anybody can tell.
const SILENCE: Duration = Duration::from_secs(60);

/// All that is found, and what of it needs attention.
pub(super) struct Findings {
    pub(super) database: Inspection,
    /// What can only be said of a database whose tables this program knows.
    pub(super) contents: Option<Contents>,
    /// What waits on the disk.
    pub(super) spool: Option<Spool>,
    /// Variables that are set and understood.
    pub(super) environment: Vec<(String, String)>,
    /// What somebody should look into, each with the way out.
    pub(super) attention: Vec<String>,
}

pub(super) struct Contents {
    pub(super) identity: Option<[u8; 16]>,
    /// The latest start first.
    pub(super) processes: Vec<(Life, Account)>,
    pub(super) checked: Checked,
}

/// What is known of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Life {
    Runs,
    Ended,
    /// It neither ended in order nor was heard of for some time.
    Died,
}

impl Life {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Ended => "ended",
            Self::Died => "died",
        }
    }

    fn of(account: &Account, now_ns: i64) -> Self {
        let silence_ns = i64::try_from(SILENCE.as_nanos()).unwrap_or(i64::MAX);
        match account.process.ended_ns {
            Some(_) => Self::Ended,
            None if account.process.heartbeat_ns >= now_ns.saturating_sub(silence_ns) => Self::Runs,
            None => Self::Died,
        }
    }
}

/// What the traces that were looked at are found to be.
#[derive(Default)]
pub(super) struct Checked {
    pub(super) traces: usize,
    /// Those whose summaries are not what their spans say.
    pub(super) wrong: Vec<TraceId>,
    pub(super) repaired: usize,
    /// Spans whose content cannot be put together, with their traces.
    pub(super) unreadable: Vec<(TraceId, SpanId)>,
    /// Whether all traces were looked at.
    pub(super) is_all: bool,
}

impl Findings {
    pub(super) fn gather(url: &str, folder: Option<&Path>, deep: bool, repair: bool) -> Result<Self, Failure> {
        let database = Store::inspect(url)?;
        let (environment, misunderstood) = Builder::environment();
        let mut attention: Vec<String> = misunderstood.iter().map(ToString::to_string).collect();
        if let Some(newer) = database.newer.last() {
            attention.push(format!(
                "a newer version of agent-traces made or updated the tables (migration {newer}): update this one; programs of this version keep their spans and wait"
            ));
        } else if !database.pending.is_empty() {
            attention.push(format!(
                "the tables lack {} migrations, the last {}: the next program that opens the database to write brings them up to date",
                database.pending.len(),
                database.pending.last().map(String::as_str).unwrap_or_default()
            ));
        }
        let (contents, spool) = if database.newer.is_empty() && database.pending.is_empty() {
            let store = Store::open_existing(url)?;
            let contents = Contents::gather(&store, deep, repair)?;
            let spool = Spool::gather(&store, contents.identity, folder)?;
            contents.add_attention(&mut attention);
            (Some(contents), spool)
        } else {
            (None, None)
        };
        if let Some(spool) = &spool {
            spool.add_attention(&mut attention);
        }
        Ok(Self { database, contents, spool, environment, attention })
    }
}

impl Contents {
    fn gather(store: &Store, deep: bool, repair: bool) -> Result<Self, Failure> {
        let repository = TraceRepository::new(store.clone());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ns = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
        let mut processes = Vec::new();
        for process in repository.processes()? {
            let account = repository.account(process.process_id)?;
            processes.push((Life::of(&account, now_ns), account));
        }
        let checked = Checked::look_at_traces(store, &repository, deep, repair)?;
        Ok(Self { identity: store.known_identity()?, processes, checked })
    }

    pub(super) fn count(&self, life: Life) -> usize {
        self.processes.iter().filter(|(of, _)| *of == life).count()
    }

    /// Over all processes, of each account.
    pub(super) fn sum(&self, of: impl Fn(&Account) -> u64) -> u64 {
        self.processes.iter().fold(0, |sum, (_, account)| sum.saturating_add(of(account)))
    }

    /// Spans of which nothing is known, of processes that will not bring them any more.
    pub(super) fn missing(&self) -> u64 {
        let gone = self.processes.iter().filter(|(life, _)| *life != Life::Runs);
        gone.fold(0, |sum, (_, account)| sum.saturating_add(account.missing()))
    }

    /// Spans that processes have accepted, and that are on their way.
    pub(super) fn underway(&self) -> u64 {
        self.sum(Account::missing) - self.missing()
    }

    pub(super) fn losses(&self) -> BTreeMap<LossReason, u64> {
        let mut sums = BTreeMap::new();
        for (reason, count) in self.processes.iter().flat_map(|(_, account)| &account.losses) {
            let sum: &mut u64 = sums.entry(*reason).or_default();
            *sum = sum.saturating_add(*count);
        }
        sums
    }

    fn add_attention(&self, attention: &mut Vec<String>) {
        let missing = self.missing();
        if missing > 0 {
            attention.push(format!(
                "{missing} spans of processes that are gone were accepted and never stored: if these left a spool folder, start a program with the same one, which takes it over"
            ));
        }
        let unwanted = self.losses().into_iter().filter(|(reason, _)| !reason.is_wanted());
        for (reason, count) in unwanted {
            attention.push(format!("{count} spans were lost or refused: {reason}"));
        }
        let letters = self.sum(|account| account.dead_letters);
        if letters > 0 {
            attention.push(format!("{letters} spans could not be stored: see agent-traces doctor --dead-letters"));
        }
        let wrong = self.checked.wrong.len() - self.checked.repaired;
        if wrong > 0 {
            attention.push(format!(
                "the summaries of {wrong} traces are not what their spans say, as happens when another program changes the tables: agent-traces doctor --deep --repair makes them anew"
            ));
        }
        let unreadable = self.checked.unreadable.len();
        if unreadable > 0 {
            attention.push(format!(
                "the content of {unreadable} spans cannot be put together, as happens when another program or a fault of the disk changes the tables span_contents or content_parts: bring them back from a backup, or delete their traces"
            ));
        }
    }
}

impl Checked {
    fn look_at_traces(store: &Store, repository: &TraceRepository, deep: bool, repair: bool) -> Result<Self, Failure> {
        let mut checked = Self { is_all: true, ..Self::default() };
        let mut filter = TraceFilter::new().limit(PAGE);
        loop {
            let page = repository.traces(&filter)?;
            for trace in &page {
                if !deep && checked.traces == SAMPLE {
                    checked.is_all = false;
                    return Ok(checked);
                }
                checked.traces += 1;
                let unreadable = store.unreadable_content(trace.trace_id)?;
                checked.unreadable.extend(unreadable.into_iter().map(|span| (trace.trace_id, span)));
                if store.check_trace(trace.trace_id)? == Some(false) {
                    checked.wrong.push(trace.trace_id);
                    if repair && store.recompute_trace(trace.trace_id)? {
                        checked.repaired += 1;
                    }
                }
            }
            match page.next {
                Some(next) => filter = filter.after(next),
                None => return Ok(checked),
            }
        }
    }
}
