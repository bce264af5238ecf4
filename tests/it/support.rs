//! A database in a folder of its own, and a subscriber for this thread.

use std::path::Path;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use tempfile::TempDir;
use tracing::subscriber::DefaultGuard;
use tracing_agents::model::{Kind, Span, Trace, TraceTree};
use tracing_agents::{AgentTracing, TraceFilter, TraceRepository};
use tracing_subscriber::prelude::*;

/// Long enough for a busy machine; only a hang takes it all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A fresh database file, and tracing into it from this thread.
pub(crate) struct Bench {
    pub(crate) tracing: AgentTracing,
    _folder: TempDir,
    _guard: DefaultGuard,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tracing = AgentTracing::open(&url_in(&folder)).unwrap();
        let guard = tracing_subscriber::registry().with(tracing.layer()).set_default();
        Self { tracing, _folder: folder, _guard: guard }
    }

    pub(crate) fn flush(&self) -> TraceRepository {
        self.tracing.force_flush(PATIENCE).unwrap();
        self.tracing.repository()
    }

    /// All traces, newest first.
    pub(crate) fn traces(&self) -> Vec<Trace> {
        self.flush().traces(&TraceFilter::new().limit(1000)).unwrap().items
    }

    /// The only trace.
    pub(crate) fn tree(&self) -> TraceTree {
        let traces = self.traces();
        assert_eq!(traces.len(), 1, "{traces:#?}");
        self.tracing.repository().trace(traces[0].trace_id).unwrap()
    }
}

pub(crate) fn url_in(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("traces.db").display())
}

/// The file beside a store. Another handle may be opening or closing it just now, and then holds it for a moment.
pub(crate) fn connect(path: &Path) -> SqliteConnection {
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection.batch_execute("PRAGMA busy_timeout = 30000").unwrap();
    connection
}

/// The only span of this kind.
pub(crate) fn only(tree: &TraceTree, kind: Kind) -> &Span {
    let mut spans = tree.spans.iter().filter(|span| span.kind == kind);
    let span = spans.next().unwrap_or_else(|| panic!("no {kind} span in {:#?}", tree.spans));
    assert!(spans.next().is_none(), "more than one {kind} span");
    span
}
