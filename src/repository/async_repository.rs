//! The repository for asynchronous programs.

use super::{
    Pruned, Repriced, Retention, RetentionRun, SessionFilter, SpanFilter, StatsQuery, StatsRow, TraceFilter,
    TraceRepository, details, losses, not_found, records, requests, sessions, spans, statistics, traces,
};
use crate::error::Result;
use crate::model::{
    Account, Cursor, DeadLetterEntry, Loss, Page, Process, ProcessId, RequestedToolCall, Session, Span, SpanDetail,
    SpanId, SpanRecord, Trace, TraceId, TraceTree,
};
use crate::semconv::PriceTable;
use crate::store::{READ_RETRIES, ReadFailure, Store, blocking, within};

/// Answers questions about stored traces without blocking the caller's executor: the calls of [`TraceRepository`], with the same answers
/// and errors. Cheap to clone.
///
/// Works on any executor: Tokio with many threads or one, or another. On PostgreSQL and MySQL the calls await the database; SQLite
/// knows no waiting but blocking, so there they run on threads that may block. Both belong to this crate, not to your runtime. At most
/// as many calls read at once as there are connections (4); the others wait for their turn, at most 5 s.
///
/// Every future is [`Send`], and can be dropped at any time: a read is then given up, by a server too, and
/// [`delete_traces`](Self::delete_traces), [`prune`](Self::prune) and [`reprice`](Self::reprice) finish the transaction that they are in and
/// begin no other.
///
/// ```
/// use tracing_agents::{AsyncTraceRepository, TraceFilter};
/// # let folder = tempfile::tempdir().unwrap();
/// # let url = format!("sqlite://{}/traces.db", folder.path().display());
/// # drop(tracing_agents::store::Store::open(&url)?);
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let repository = AsyncTraceRepository::open(&url).await?;
/// let filter: TraceFilter = "agent:Researcher status:error last:24h".parse()?;
/// for trace in repository.traces(&filter).await? {
///     println!("{}: {} ms", trace.name, trace.duration_ms());
///     println!("{}", repository.trace(trace.trace_id).await?.tree());
/// }
/// # Ok::<(), tracing_agents::Error>(())
/// # })?;
/// # Ok::<(), tracing_agents::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct AsyncTraceRepository {
    store: Store,
}

/// Awaits a read on a server's connection, or else the blocking call on a thread that may block.
macro_rules! ask {
    ($store:expr, $connection:ident => $read:expr, $call:expr) => {{
        let store = &$store;
        within(async {
            if store.is_server() {
                let mut retries = READ_RETRIES;
                loop {
                    let mut read = store.reader().await?;
                    let result = match read.begin().await {
                        Ok($connection) => $read.await,
                        Err(failure) => Err(failure),
                    };
                    match read.finish(result).await {
                        Err(ReadFailure::Lost(_)) if retries > 0 => retries -= 1,
                        result => break result.map_err(|failure| store.explain_read(failure)),
                    }
                }
            } else {
                let call = $call;
                store.read_on_thread(move |store| call(&TraceRepository::new(store))).await
            }
        })
        .await
    }};
}

impl AsyncTraceRepository {
    /// Answers from an open database.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    /// Opens a database that exists, as [`TraceRepository::open`] does.
    ///
    /// # Errors
    /// As for [`TraceRepository::open`].
    pub async fn open(url: &str) -> Result<Self> {
        let url = url.to_owned();
        blocking(move || Store::open_existing(&url)).await.map(Self::new)
    }

    /// The traces that pass `filter`, the latest start first: [`TraceRepository::traces`].
    ///
    /// # Errors
    /// As for [`TraceRepository::traces`].
    pub async fn traces(&self, filter: &TraceFilter) -> Result<Page<Trace>> {
        ask!(self.store, connection => traces::list(connection, filter), {
            let filter = filter.clone();
            move |repository: &TraceRepository| repository.traces(&filter)
        })
    }

    /// How many traces pass `filter`, from its cursor on: [`TraceRepository::count_traces`].
    ///
    /// # Errors
    /// As for [`TraceRepository::traces`].
    pub async fn count_traces(&self, filter: &TraceFilter) -> Result<u64> {
        ask!(self.store, connection => traces::count(connection, filter), {
            let filter = filter.clone();
            move |repository: &TraceRepository| repository.count_traces(&filter)
        })
    }

    /// A trace with all its spans, without their payloads: [`TraceRepository::trace`].
    ///
    /// # Errors
    /// As for [`TraceRepository::trace`].
    pub async fn trace(&self, id: TraceId) -> Result<TraceTree> {
        self.find_trace(id).await?.ok_or_else(|| not_found(&format!("trace {id}")))
    }

    /// A trace with all its spans, if it is stored: [`TraceRepository::find_trace`].
    ///
    /// # Errors
    /// As for [`TraceRepository::find_trace`].
    pub async fn find_trace(&self, id: TraceId) -> Result<Option<TraceTree>> {
        ask!(self.store, connection => traces::tree(connection, id), {
            move |repository: &TraceRepository| repository.find_trace(id)
        })
    }

    /// The spans that pass `filter`, the latest start first: [`TraceRepository::spans`].
    ///
    /// # Errors
    /// As for [`TraceRepository::traces`].
    pub async fn spans(&self, filter: &SpanFilter) -> Result<Page<Span>> {
        ask!(self.store, connection => spans::list(connection, filter), {
            let filter = filter.clone();
            move |repository: &TraceRepository| repository.spans(&filter)
        })
    }

    /// A span with its payload: [`TraceRepository::span`].
    ///
    /// # Errors
    /// As for [`TraceRepository::span`].
    pub async fn span(&self, trace: TraceId, span: SpanId) -> Result<SpanDetail> {
        let found = ask!(self.store, connection => details::span(connection, trace, span), {
            move |repository: &TraceRepository| repository.find_span(trace, span)
        });
        found?.ok_or_else(|| not_found(&format!("span {span} of trace {trace}")))
    }

    /// The spans of a trace as they were recorded, whole: [`TraceRepository::records`].
    ///
    /// # Errors
    /// As for [`TraceRepository::records`].
    pub async fn records(&self, trace: TraceId) -> Result<Vec<SpanRecord>> {
        let found = ask!(self.store, connection => records::of_trace(connection, trace), {
            move |repository: &TraceRepository| repository.find_records(trace)
        });
        found?.ok_or_else(|| not_found(&format!("trace {trace}")))
    }

    /// The spans that pass `filter` as they were recorded, whole, in pages: [`TraceRepository::span_records`].
    ///
    /// # Errors
    /// As for [`TraceRepository::span_records`].
    pub async fn span_records(&self, filter: &SpanFilter) -> Result<Page<SpanRecord>> {
        ask!(self.store, connection => records::list(connection, filter), {
            let filter = filter.clone();
            move |repository: &TraceRepository| repository.span_records(&filter)
        })
    }

    /// The tool calls of a trace that its models asked for and that have no span: [`TraceRepository::requested_tool_calls`].
    ///
    /// # Errors
    /// As for [`TraceRepository::requested_tool_calls`].
    pub async fn requested_tool_calls(&self, trace: TraceId) -> Result<Vec<RequestedToolCall>> {
        let found = ask!(self.store, connection => requests::of_trace(connection, trace), {
            move |repository: &TraceRepository| repository.find_requested_tool_calls(trace)
        });
        found?.ok_or_else(|| not_found(&format!("trace {trace}")))
    }

    /// The sessions that pass `filter`, the latest activity first: [`TraceRepository::sessions`].
    ///
    /// # Errors
    /// As for [`TraceRepository::traces`].
    pub async fn sessions(&self, filter: &SessionFilter) -> Result<Page<Session>> {
        ask!(self.store, connection => sessions::list(connection, filter), {
            let filter = filter.clone();
            move |repository: &TraceRepository| repository.sessions(&filter)
        })
    }

    /// A session: [`TraceRepository::session`].
    ///
    /// # Errors
    /// As for [`TraceRepository::session`].
    pub async fn session(&self, id: &str) -> Result<Session> {
        self.find_session(id).await?.ok_or_else(|| not_found(&format!("session {id:?}")))
    }

    /// A session, if it is stored: [`TraceRepository::find_session`].
    ///
    /// # Errors
    /// As for [`TraceRepository::find_session`].
    pub async fn find_session(&self, id: &str) -> Result<Option<Session>> {
        ask!(self.store, connection => sessions::find(connection, id), {
            let id = id.to_owned();
            move |repository: &TraceRepository| repository.find_session(&id)
        })
    }

    /// Counts, errors, durations, tokens and cost, by group and by time: [`TraceRepository::stats`].
    ///
    /// # Errors
    /// As for [`TraceRepository::stats`].
    pub async fn stats(&self, query: &StatsQuery) -> Result<Vec<StatsRow>> {
        ask!(self.store, connection => statistics::stats(connection, query), {
            let query = query.clone();
            move |repository: &TraceRepository| repository.stats(&query)
        })
    }

    /// The processes that wrote spans, the latest start first: [`TraceRepository::processes`].
    ///
    /// # Errors
    /// As for [`TraceRepository::processes`].
    pub async fn processes(&self) -> Result<Vec<Process>> {
        ask!(self.store, connection => details::processes(connection), TraceRepository::processes)
    }

    /// What became of a process's spans: [`TraceRepository::account`].
    ///
    /// # Errors
    /// As for [`TraceRepository::account`].
    pub async fn account(&self, process: ProcessId) -> Result<Account> {
        let account: Result<Option<Account>> = ask!(self.store, connection => losses::account(connection, process), {
            move |repository: &TraceRepository| repository.find_account(process)
        });
        account?.ok_or_else(|| not_found(&format!("process {process}")))
    }

    /// What processes refused and lost: [`TraceRepository::losses`].
    ///
    /// # Errors
    /// As for [`TraceRepository::losses`].
    pub async fn losses(&self, after: Option<&Cursor>, limit: u32) -> Result<Page<Loss>> {
        ask!(self.store, connection => losses::losses(connection, after, limit), {
            let after = after.cloned();
            move |repository: &TraceRepository| repository.losses(after.as_ref(), limit)
        })
    }

    /// The spans that could not be stored although others could: [`TraceRepository::dead_letters`].
    ///
    /// # Errors
    /// As for [`TraceRepository::dead_letters`].
    pub async fn dead_letters(&self, after: Option<&Cursor>, limit: u32) -> Result<Page<DeadLetterEntry>> {
        ask!(self.store, connection => losses::dead_letters(connection, after, limit), {
            let after = after.cloned();
            move |repository: &TraceRepository| repository.dead_letters(after.as_ref(), limit)
        })
    }

    /// The whole span of a dead letter: [`TraceRepository::dead_letter`].
    ///
    /// # Errors
    /// As for [`TraceRepository::dead_letter`].
    pub async fn dead_letter(&self, process: ProcessId, sequence: u64) -> Result<SpanRecord> {
        ask!(self.store, connection => losses::dead_letter(connection, process, sequence), {
            move |repository: &TraceRepository| repository.dead_letter(process, sequence)
        })
    }

    /// Deletes traces with all their spans: [`TraceRepository::delete_traces`].
    ///
    /// Dropping the future stops it before its next transaction; what was deleted stays deleted, trace by trace.
    ///
    /// # Errors
    /// As for [`TraceRepository::delete_traces`].
    pub async fn delete_traces(&self, ids: &[TraceId]) -> Result<u64> {
        let ids = ids.to_vec();
        self.store.on_thread(move |store| store.delete_traces(&ids)).await
    }

    /// Deletes the traces that a [`Retention`] does not keep, or those before a time: [`TraceRepository::prune`].
    ///
    /// Dropping the future stops it before its next transaction; the next call goes on where it stopped.
    ///
    /// # Errors
    /// As for [`TraceRepository::prune`].
    pub async fn prune(&self, retention: impl Into<Retention>) -> Result<Pruned> {
        let retention = retention.into();
        self.store.on_thread(move |store| store.prune(&retention)).await
    }

    /// What [`prune`](Self::prune) would delete now: [`TraceRepository::prunable`].
    ///
    /// # Errors
    /// As for [`TraceRepository::prunable`].
    pub async fn prunable(&self, retention: impl Into<Retention>) -> Result<Pruned> {
        let retention = retention.into();
        self.store.read_on_thread(move |store| store.prunable(&retention)).await
    }

    /// What the last scheduled retention did: [`TraceRepository::last_retention`].
    ///
    /// # Errors
    /// As for [`TraceRepository::last_retention`].
    pub async fn last_retention(&self) -> Result<Option<RetentionRun>> {
        self.store.read_on_thread(|store| store.last_retention()).await
    }

    /// Computes anew what model calls cost in the traces that pass `filter`: [`TraceRepository::reprice`].
    ///
    /// Dropping the future stops it before its next transaction; the next call does the rest.
    ///
    /// # Errors
    /// As for [`TraceRepository::reprice`].
    pub async fn reprice(&self, filter: &TraceFilter, prices: &PriceTable) -> Result<Repriced> {
        let (filter, prices) = (filter.clone(), prices.clone());
        self.store.on_thread(move |store| TraceRepository::new(store).reprice(&filter, &prices)).await
    }
}

impl From<TraceRepository> for AsyncTraceRepository {
    fn from(repository: TraceRepository) -> Self {
        Self::new(repository.store)
    }
}
