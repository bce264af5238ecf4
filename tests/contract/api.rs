//! The ways of asking: one repository for the cases, whichever type answers.

use std::fmt;
use tracing_agents::model::{
    Account, Cursor, DeadLetterEntry, Loss, Page, Process, ProcessId, RequestedToolCall, Session, Span, SpanDetail,
    SpanId, SpanRecord, Trace, TraceId, TraceTree,
};
use tracing_agents::{
    PriceTable, Pruned, Repriced, Result, Retention, RetentionRun, SessionFilter, SpanFilter, StatsQuery, StatsRow,
    TraceFilter, TraceRepository,
};

/// A way of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    Sync,
    #[cfg(feature = "async")]
    Async,
}

impl Api {
    /// All of them: each runs the whole list of cases.
    pub(crate) const ALL: &[Self] = &[
        Self::Sync,
        #[cfg(feature = "async")]
        Self::Async,
    ];

    /// Its part of a test's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            #[cfg(feature = "async")]
            Self::Async => "async",
        }
    }

    /// Opens a database that exists.
    pub(crate) fn open(self, url: &str) -> Result<Repository> {
        match self {
            Self::Sync => TraceRepository::open(url).map(Repository::Sync),
            #[cfg(feature = "async")]
            Self::Async => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let repository = runtime.block_on(tracing_agents::AsyncTraceRepository::open(url))?;
                Ok(Repository::Async(repository, runtime))
            }
        }
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A repository, asked in one way.
#[derive(Debug)]
pub(crate) enum Repository {
    Sync(TraceRepository),
    /// On a runtime of one thread, which a call that blocks it would stop.
    #[cfg(feature = "async")]
    Async(tracing_agents::AsyncTraceRepository, tokio::runtime::Runtime),
}

/// Stamps the repository's calls, each by every way.
macro_rules! calls {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+) => {
        impl Repository {
            $(
                pub(crate) fn $name(&self, $($argument: $type),*) -> Result<$answer> {
                    match self {
                        Self::Sync(repository) => repository.$name($($argument),*),
                        #[cfg(feature = "async")]
                        Self::Async(repository, runtime) => runtime.block_on(repository.$name($($argument),*)),
                    }
                }
            )+
        }
    };
}

calls! {
    traces(filter: &TraceFilter) -> Page<Trace>;
    count_traces(filter: &TraceFilter) -> u64;
    trace(id: TraceId) -> TraceTree;
    find_trace(id: TraceId) -> Option<TraceTree>;
    spans(filter: &SpanFilter) -> Page<Span>;
    span(trace: TraceId, span: SpanId) -> SpanDetail;
    records(trace: TraceId) -> Vec<SpanRecord>;
    span_records(filter: &SpanFilter) -> Page<SpanRecord>;
    requested_tool_calls(trace: TraceId) -> Vec<RequestedToolCall>;
    sessions(filter: &SessionFilter) -> Page<Session>;
    session(id: &str) -> Session;
    find_session(id: &str) -> Option<Session>;
    stats(query: &StatsQuery) -> Vec<StatsRow>;
    processes() -> Vec<Process>;
    account(process: ProcessId) -> Account;
    losses(after: Option<&Cursor>, limit: u32) -> Page<Loss>;
    dead_letters(after: Option<&Cursor>, limit: u32) -> Page<DeadLetterEntry>;
    dead_letter(process: ProcessId, sequence: u64) -> SpanRecord;
    delete_traces(ids: &[TraceId]) -> u64;
    prunable(retention: &Retention) -> Pruned;
    last_retention() -> Option<RetentionRun>;
    reprice(filter: &TraceFilter, prices: &PriceTable) -> Repriced;
}

impl Repository {
    pub(crate) fn prune(&self, retention: impl Into<Retention>) -> Result<Pruned> {
        match self {
            Self::Sync(repository) => repository.prune(retention),
            #[cfg(feature = "async")]
            Self::Async(repository, runtime) => runtime.block_on(repository.prune(retention)),
        }
    }
}
