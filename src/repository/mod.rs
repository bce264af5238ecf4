//! Asking: lists of traces, spans and sessions, one trace as a tree, one span with its payload, statistics.

#[cfg(feature = "async")]
mod async_repository;
mod candidates;
mod cursor;
mod details;
mod filter;
mod losses;
mod records;
mod requests;
mod sessions;
mod spans;
mod statements;
mod statistics;
mod traces;

#[cfg(feature = "async")]
pub use async_repository::AsyncTraceRepository;
pub use filter::{SessionFilter, SpanFilter, TraceFilter};
pub use statistics::{Durations, Group, StatsOrder, StatsQuery, StatsRow};

pub use crate::store::{Pruned, Repriced, Retention, RetentionRun};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    Account, Cursor, DeadLetterEntry, Loss, Page, Process, ProcessId, RequestedToolCall, Session, Span, SpanDetail,
    SpanId, SpanRecord, Trace, TraceId, TraceTree,
};
use crate::semconv::{PriceTable, Prices};
use crate::store::Store;

/// Traces that are looked up at once when their costs are computed anew.
const REPRICED_AT_ONCE: u32 = 500;

/// Answers questions about stored traces. Cheap to clone; usable from any thread, also while spans are being written.
///
/// Lists are paged by place and not by number: what is stored in between does not shift the pages, and a late page costs no more than the
/// first. A list with one field and a time range reads about as many rows as it shows. With several
/// fields, the most selective one leads and at most 2,000 candidates are checked in one call: a page can then be short, even empty, and
/// still have a [`next`](Page::next).
///
/// All it does is read, but for [`delete_traces`](Self::delete_traces), [`prune`](Self::prune) and [`reprice`](Self::reprice).
///
/// ```
/// use tracing_agents::{TraceFilter, TraceRepository};
/// # let folder = tempfile::tempdir().unwrap();
/// # let url = format!("sqlite://{}/traces.db", folder.path().display());
/// # drop(tracing_agents::store::Store::open(&url)?);
///
/// let repository = TraceRepository::open(&url)?;
/// let mut filter: TraceFilter = "agent:Researcher status:error last:24h".parse()?;
/// loop {
///     let page = repository.traces(&filter)?;
///     for trace in &page {
///         println!("{}: {} ms", trace.name, trace.duration_ms());
///     }
///     let Some(next) = page.next else { break };
///     filter = filter.after(next);
/// }
/// # Ok::<(), tracing_agents::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TraceRepository {
    store: Store,
}

impl TraceRepository {
    /// Answers from an open database.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    /// Opens a database that exists. Makes none: a mistyped name is an error, not an empty list.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidUrl`], [`ErrorKind::Connect`] when there is no database of this name or it holds no traces' tables,
    /// [`ErrorKind::NewerSchema`] or [`ErrorKind::Migration`].
    pub fn open(url: &str) -> Result<Self> {
        Store::open_existing(url).map(Self::new)
    }

    /// The traces that pass `filter`, the latest start first.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for the cursor of another list or more than 1,000 values of one field; [`ErrorKind::Query`] when the
    /// database fails.
    pub fn traces(&self, filter: &TraceFilter) -> Result<Page<Trace>> {
        self.store.ask(async |connection| traces::list(connection, filter).await)
    }

    /// How many traces pass `filter`, from its cursor on. Unlike [`traces`](Self::traces), this looks at all that its leading field finds.
    ///
    /// # Errors
    /// As for [`traces`](Self::traces).
    pub fn count_traces(&self, filter: &TraceFilter) -> Result<u64> {
        self.store.ask(async |connection| traces::count(connection, filter).await)
    }

    /// A trace with all its spans, without their payloads; its [`tree`](TraceTree::tree) is the picture of it.
    ///
    /// ```
    /// # use tracing_agents::{ErrorKind, TraceRepository, store::Store};
    /// # let repository = TraceRepository::new(Store::open("sqlite::memory:")?);
    /// let error = repository.trace("4bf92f3577b34da6a3ce929d0e0e4736".parse()?).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when no such trace is stored (yet: spans are written some seconds after they end);
    /// [`ErrorKind::Query`] when the database fails.
    pub fn trace(&self, id: TraceId) -> Result<TraceTree> {
        self.find_trace(id)?.ok_or_else(|| not_found(&format!("trace {id}")))
    }

    /// A trace with all its spans, if it is stored.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when the database fails.
    pub fn find_trace(&self, id: TraceId) -> Result<Option<TraceTree>> {
        self.store.ask(async |connection| traces::tree(connection, id).await)
    }

    /// The spans that pass `filter`, the latest start first.
    ///
    /// A filter by trace, or by a value that occurs in few traces, looks in those; else the spans are gone through by time, 10,000 in one
    /// call at most.
    ///
    /// ```
    /// # use tracing_agents::{SpanFilter, TraceRepository, store::Store};
    /// # let repository = TraceRepository::new(Store::open("sqlite::memory:")?);
    /// for span in repository.spans(&"kind:tool status:error last:24h".parse()?)? {
    ///     println!("{} of {}: {}", span.display_name, span.trace_id, span.status.message);
    /// }
    /// # Ok::<(), tracing_agents::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`traces`](Self::traces).
    pub fn spans(&self, filter: &SpanFilter) -> Result<Page<Span>> {
        self.store.ask(async |connection| spans::list(connection, filter).await)
    }

    /// A span with its payload: attributes, events and links as they were recorded, and the input, output and messages found in them.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when no such span is stored; [`ErrorKind::Decode`] when another version wrote what this one cannot read;
    /// [`ErrorKind::Query`] when the database fails.
    pub fn span(&self, trace: TraceId, span: SpanId) -> Result<SpanDetail> {
        self.find_span(trace, span)?.ok_or_else(|| not_found(&format!("span {span} of trace {trace}")))
    }

    fn find_span(&self, trace: TraceId, span: SpanId) -> Result<Option<SpanDetail>> {
        self.store.ask(async |connection| details::span(connection, trace, span).await)
    }

    /// The spans of a trace as they were recorded, whole, the earliest start first: what [`wire`](crate::wire) sends to other programs
    /// and reads from them.
    ///
    /// Nothing of what the store made of them is in it: no ids that flowed down, no [synthetic](Span::is_synthetic) spans, no names and
    /// status that were read from attributes, and no events that came as [log records](crate::wire::decode_logs). The spans of torn runs that were [joined](Trace::joined_to) are among them, each with the
    /// ids that it was recorded with. Holds the whole trace in memory; [`span_records`](Self::span_records) gives it in pages.
    ///
    /// ```
    /// # use tracing_agents::{TraceFilter, TraceRepository, store::Store};
    /// # let repository = TraceRepository::new(Store::open("sqlite::memory:")?);
    /// use tracing_agents::wire;
    ///
    /// for trace in &repository.traces(&TraceFilter::new().agent("Researcher"))? {
    ///     let otlp_json = wire::encode_json(&repository.records(trace.trace_id)?)?;
    ///     println!("{}", String::from_utf8_lossy(&otlp_json));
    /// }
    /// # Ok::<(), tracing_agents::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`trace`](Self::trace), and [`ErrorKind::Decode`] when another version wrote what this one cannot read.
    pub fn records(&self, trace: TraceId) -> Result<Vec<SpanRecord>> {
        self.find_records(trace)?.ok_or_else(|| not_found(&format!("trace {trace}")))
    }

    fn find_records(&self, trace: TraceId) -> Result<Option<Vec<SpanRecord>>> {
        self.store.ask(async |connection| records::of_trace(connection, trace).await)
    }

    /// The spans that pass `filter` as they were recorded, whole, in pages: what [`spans`](Self::spans) lists, the latest start first,
    /// but for synthetic spans.
    ///
    /// A page ends early after some 16 MiB of content, so that a database of any size can be exported in bounded memory; a short page,
    /// even an empty one, can have a [`next`](Page::next).
    ///
    /// ```
    /// # use tracing_agents::{SpanFilter, TraceRepository, store::Store};
    /// # let repository = TraceRepository::new(Store::open("sqlite::memory:")?);
    /// use tracing_agents::wire;
    ///
    /// let mut filter: SpanFilter = "last:7d".parse()?;
    /// loop {
    ///     let page = repository.span_records(&filter)?;
    ///     let otlp = wire::encode_export(&page.items);
    ///     println!("{} spans, {} bytes", page.items.len(), otlp.len());
    ///     let Some(next) = page.next else { break };
    ///     filter = filter.after(next);
    /// }
    /// # Ok::<(), tracing_agents::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`traces`](Self::traces), and [`ErrorKind::Decode`] when another version wrote what this one cannot read.
    pub fn span_records(&self, filter: &SpanFilter) -> Result<Page<SpanRecord>> {
        self.store.ask(async |connection| records::list(connection, filter).await)
    }

    /// The tool calls of a trace that its models asked for and that have no span, in the order in which they were asked for: unknown
    /// tools, tools that nobody approved, and those that the program runs without a span, which are
    /// [answered](RequestedToolCall::is_answered) later.
    ///
    /// They are found in the messages that the model calls answered: where content was not recorded, none is. Reads the content of all
    /// model calls of the trace.
    ///
    /// ```
    /// # use tracing_agents::{TraceFilter, TraceRepository, store::Store};
    /// # let repository = TraceRepository::new(Store::open("sqlite::memory:")?);
    /// for trace in &repository.traces(&TraceFilter::new().agent("Researcher"))? {
    ///     for call in repository.requested_tool_calls(trace.trace_id)? {
    ///         let what = if call.is_answered { "ran without a span" } else { "was not executed" };
    ///         println!("{} {what}", call.tool_name);
    ///     }
    /// }
    /// # Ok::<(), tracing_agents::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`trace`](Self::trace), and [`ErrorKind::Decode`] when another version wrote what this one cannot read.
    pub fn requested_tool_calls(&self, trace: TraceId) -> Result<Vec<RequestedToolCall>> {
        self.find_requested_tool_calls(trace)?.ok_or_else(|| not_found(&format!("trace {trace}")))
    }

    fn find_requested_tool_calls(&self, trace: TraceId) -> Result<Option<Vec<RequestedToolCall>>> {
        self.store.ask(async |connection| requests::of_trace(connection, trace).await)
    }

    /// The sessions that pass `filter`, the latest activity first.
    ///
    /// ```
    /// # use tracing_agents::{SessionFilter, TraceRepository, store::Store};
    /// # let repository = TraceRepository::new(Store::open("sqlite::memory:")?);
    /// for session in repository.sessions(&SessionFilter::new().user("u-17"))? {
    ///     println!("{}: {} traces, {} failed", session.session_id, session.trace_count, session.error_trace_count);
    /// }
    /// # Ok::<(), tracing_agents::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`traces`](Self::traces).
    pub fn sessions(&self, filter: &SessionFilter) -> Result<Page<Session>> {
        self.store.ask(async |connection| sessions::list(connection, filter).await)
    }

    /// A session. Its traces are those of [`TraceFilter::session`].
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when no such session is stored; [`ErrorKind::Query`] when the database fails.
    pub fn session(&self, id: &str) -> Result<Session> {
        self.find_session(id)?.ok_or_else(|| not_found(&format!("session {id:?}")))
    }

    /// A session, if it is stored.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when the database fails.
    pub fn find_session(&self, id: &str) -> Result<Option<Session>> {
        self.store.ask(async |connection| sessions::find(connection, id).await)
    }

    /// Counts, errors, durations, tokens and cost, by group and by time.
    ///
    /// Statistics of spans come from sums by the hour and by the day where [these can answer](StatsQuery::spans). Otherwise each span or trace
    /// that passes the filter is read: give a time range where there are many.
    ///
    /// ```
    /// # use tracing_agents::{Group, SpanFilter, StatsQuery, TraceRepository, store::Store};
    /// # let repository = TraceRepository::new(Store::open("sqlite::memory:")?);
    /// for row in repository.stats(&StatsQuery::spans("kind:tool last:24h".parse()?).group_by(Group::Tool))? {
    ///     println!("{}: {} calls, {:.1} % failed", row.label.as_deref().unwrap_or("none"), row.count, row.error_rate() * 100.0);
    /// }
    /// # Ok::<(), tracing_agents::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a bucket of no length or more than 1,000 values of one field; [`ErrorKind::Query`] when the
    /// database fails.
    pub fn stats(&self, query: &StatsQuery) -> Result<Vec<StatsRow>> {
        self.store.ask(async |connection| statistics::stats(connection, query).await)
    }

    /// The processes that wrote spans, the latest start first.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when the database fails.
    pub fn processes(&self) -> Result<Vec<Process>> {
        self.store.ask(details::processes)
    }

    /// What became of a process's spans, by what the database holds, and so also after the process was killed: what is
    /// [missing](Account::missing).
    ///
    /// Reads a row for each transaction in which the process stored spans, by the key: some 60 bytes for each 512 spans of usual batches.
    ///
    /// ```
    /// # use tracing_agents::{TraceRepository, store::Store};
    /// # let repository = TraceRepository::new(Store::open("sqlite::memory:")?);
    /// for process in repository.processes()? {
    ///     let account = repository.account(process.process_id)?;
    ///     if process.ended_ns.is_some() && account.missing() > 0 {
    ///         println!("process {}: nobody knows what became of {} spans", process.pid, account.missing());
    ///     }
    /// }
    /// # Ok::<(), tracing_agents::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] of a process that never wrote or is forgotten; [`ErrorKind::Decode`] when another version wrote what this one
    /// cannot read; [`ErrorKind::Query`] when the database fails.
    pub fn account(&self, process: ProcessId) -> Result<Account> {
        self.find_account(process)?.ok_or_else(|| not_found(&format!("process {process}")))
    }

    fn find_account(&self, process: ProcessId) -> Result<Option<Account>> {
        self.store.ask(async |connection| losses::account(connection, process).await)
    }

    /// What processes refused and lost, as they told it: the latest first, at most `limit` (1,000), from the cursor of an earlier page on.
    ///
    /// # Errors
    /// As for [`traces`](Self::traces), and [`ErrorKind::Decode`] when another version wrote what this one cannot read.
    pub fn losses(&self, after: Option<&Cursor>, limit: u32) -> Result<Page<Loss>> {
        self.store.ask(async |connection| losses::losses(connection, after, limit).await)
    }

    /// The spans that could not be stored although others could, without their content: the latest first, at most `limit` (1,000), from the
    /// cursor of an earlier page on.
    ///
    /// # Errors
    /// As for [`losses`](Self::losses).
    pub fn dead_letters(&self, after: Option<&Cursor>, limit: u32) -> Result<Page<DeadLetterEntry>> {
        self.store.ask(async |connection| losses::dead_letters(connection, after, limit).await)
    }

    /// The whole span of a [dead letter](Self::dead_letters), as it was recorded.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is none, or nothing of it could be kept; [`ErrorKind::Decode`] when another version wrote what this
    /// one cannot read; [`ErrorKind::Query`] when the database fails.
    pub fn dead_letter(&self, process: ProcessId, sequence: u64) -> Result<SpanRecord> {
        self.store.ask(async |connection| losses::dead_letter(connection, process, sequence).await)
    }

    /// Deletes traces with all their spans, and takes them out of their sessions. Ids that are not stored are passed over. Returns how many
    /// traces were deleted.
    ///
    /// A span of a deleted trace that is written later makes the trace anew.
    ///
    /// When it returns, what only these traces held is gone from the tables, also of content that spans share; where a database writes it over
    /// is the database's. To know what others still need it looks at the spans of the same days that have large content, which takes longer the more there are. What it could not delete,
    /// because others held it for too long or it failed on the way, goes with the next [`prune`](Self::prune).
    ///
    /// # Errors
    /// [`ErrorKind::Write`] when the database fails; what was deleted before stays deleted, trace by trace.
    pub fn delete_traces(&self, ids: &[TraceId]) -> Result<u64> {
        self.store.delete_traces(ids)
    }

    /// Deletes the traces that a [`Retention`] does not keep, or those whose last activity lies before a [`SystemTime`](std::time::SystemTime),
    /// and gives space back to the file system.
    ///
    /// Works in small transactions, so that writers need not wait long. A trace is deleted whole; one that still runs only when the
    /// retention says so. A trace of more than 2,000 spans goes in several transactions, its summary last:
    /// should that be interrupted, the next call finishes it. Processes that wrote nothing that is left go too, and resources of services of
    /// which no trace is left (on MySQL and MariaDB these stay). Events that came as log records
    /// go with their trace; of traces that never came, those that are too old and were written as long ago.
    ///
    /// ```
    /// # use tracing_agents::{TraceRepository, store::Store};
    /// # let repository = TraceRepository::new(Store::open("sqlite::memory:")?);
    /// use std::time::{Duration, SystemTime};
    ///
    /// let pruned = repository.prune(SystemTime::now() - Duration::from_secs(30 * 86_400))?;
    /// println!("{} traces, {} spans", pruned.traces, pruned.spans);
    /// # Ok::<(), tracing_agents::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`delete_traces`](Self::delete_traces), and [`ErrorKind::InvalidInput`] for a retention without a limit.
    pub fn prune(&self, retention: impl Into<Retention>) -> Result<Pruned> {
        self.store.prune(&retention.into())
    }

    /// What [`prune`](Self::prune) would delete now. On servers a limit of size is followed by an estimate, so it may come out otherwise.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a retention without a limit; [`ErrorKind::Query`] when the database fails.
    pub fn prunable(&self, retention: impl Into<Retention>) -> Result<Pruned> {
        self.store.prunable(&retention.into())
    }

    /// When a [scheduled](crate::Builder::retention) retention last ran, in whichever process, and what it did; `None` when none ever ran.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when the database fails.
    pub fn last_retention(&self) -> Result<Option<RetentionRun>> {
        self.store.last_retention()
    }

    /// Computes anew what model calls cost in the traces that pass `filter`, whose limit and cursor do not matter: by `prices`, and for
    /// what they do not know by the bundled prices (feature `pricing`), as of the day of each call. For spans from before there were
    /// prices, and after prices were corrected.
    ///
    /// Reported costs stay. A call that these prices do not know has no cost afterwards, also where an earlier table knew one: give the
    /// table that [`Builder::prices`](crate::Builder::prices) has as well. Traces and sessions change with their spans.
    ///
    /// Works in small transactions, at most 500 spans each, while others write. What is written meanwhile has the prices of its
    /// writer; a span that is only written once more keeps the cost from here. Should this be interrupted, what it has done stays, and
    /// doing it again does the rest: twice is as good as once.
    ///
    /// ```
    /// # use tracing_agents::{TraceRepository, store::Store};
    /// # let repository = TraceRepository::new(Store::open("sqlite::memory:")?);
    /// use tracing_agents::{Price, PriceTable};
    ///
    /// let prices = PriceTable::new("house prices 2026-12", [Price::new("our-model-*").input(0.2).output(0.8)])?;
    /// let repriced = repository.reprice(&"model:our-model-2 since:2026-12-01".parse()?, &prices)?;
    /// println!("{} calls have a cost, {} another than before, {} none", repriced.priced, repriced.changed, repriced.unpriced);
    /// # Ok::<(), tracing_agents::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when there are no prices at all: `prices` is empty, and no others are compiled in; else as for
    /// [`traces`](Self::traces), and [`ErrorKind::Write`] when the database refuses, as it does to a user who may only read.
    pub fn reprice(&self, filter: &TraceFilter, prices: &PriceTable) -> Result<Repriced> {
        let prices = Prices::new(prices.clone());
        if prices.is_empty() {
            let way_out = "give a table of prices, or enable the feature `pricing`";
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("there are no prices to compute costs by; {way_out}"),
            ));
        }
        let mut filter = filter.clone().limit(REPRICED_AT_ONCE).after(None);
        let mut done = Repriced::default();
        loop {
            let page = self.traces(&filter)?;
            let ids: Vec<TraceId> = page.iter().map(|trace| trace.trace_id).collect();
            done.add(self.store.reprice(&ids, &prices)?);
            match page.next {
                Some(next) => filter = filter.after(next),
                None => return Ok(done),
            }
        }
    }
}

fn not_found(what: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("{what} is not stored"))
}

#[cfg(test)]
mod tests;
