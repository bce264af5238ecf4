//! A recording of either form, and what a database makes of each run in it.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing_agents::model::{InterpretedSpan, Kind, Span, SpanId, TraceId, TraceTree};
use tracing_agents::otel::StoreExporter;
use tracing_agents::pipeline::Sink;
use tracing_agents::{AgentTracing, TraceRepository};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;

use super::{agno, frameworks, tree};

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// How long the worker may take to store one run.
const DEADLINE: Duration = Duration::from_secs(30);

/// One recorded run.
pub(crate) enum Run {
    /// Of a Rust framework: happens again as `tracing` spans.
    Framework(frameworks::Scenario),
    /// Of Agno: its OpenTelemetry spans go to the exporter.
    Agno(agno::Case),
}

/// Reads the runs of a recording.
///
/// # Errors
/// When the file cannot be read, or is a recording of neither form; the error names the file and what is wrong with it.
pub(crate) fn read(path: &Path) -> Result<Vec<Run>> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let not_agno = match agno::read(&text) {
        Ok(case) => return Ok(vec![Run::Agno(case)]),
        Err(error) => error,
    };
    let not_framework = match frameworks::read(&text) {
        Ok(scenarios) if !scenarios.is_empty() => return Ok(scenarios.into_iter().map(Run::Framework).collect()),
        Ok(_) => "it is empty".into(),
        Err(error) => error,
    };
    let path = path.display();
    Err(format!("{path} is no recording of a framework ({not_framework}) and none of Agno ({not_agno})").into())
}

impl Run {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Framework(scenario) => &scenario.name,
            Self::Agno(case) => &case.case,
        }
    }

    /// Lets the run happen again into a database, and prints the traces that are found there, in the order of their start. What else is in
    /// the database stays, and is not shown.
    ///
    /// # Errors
    /// When the recording contradicts itself or the store fails.
    pub(crate) fn trees(&self, database: &str) -> Result<String> {
        let seen = Seen::default();
        let tracing = AgentTracing::builder(database).trace_payloads(true).sink(seen.clone()).open()?;
        match self {
            Self::Framework(scenario) => {
                let subscriber = Registry::default().with(tracing.layer());
                tracing::subscriber::with_default(subscriber, || frameworks::replay(scenario))?;
            }
            Self::Agno(case) => agno::replay(case, StoreExporter::new(&tracing))?,
        }
        tracing.force_flush(DEADLINE)?;

        let repository = tracing.repository();
        text(&repository, &trees(&repository, seen.traces())?)
    }
}

/// The trees in which these traces stand, in the order of their start.
pub(crate) fn trees(repository: &TraceRepository, traces: BTreeSet<TraceId>) -> Result<Vec<TraceTree>> {
    let mut trees = traces.into_iter().map(|id| repository.trace(id)).collect::<Result<Vec<_>, _>>()?;
    trees.sort_by_key(|tree| (tree.trace.start_ns, tree.trace.trace_id));
    // The fragments of a torn run all stand in one tree.
    trees.dedup_by_key(|tree| tree.trace.trace_id);
    Ok(trees)
}

/// Trees as lines.
pub(crate) fn text(repository: &TraceRepository, trees: &[TraceTree]) -> Result<String> {
    let mut text = String::new();
    for tree in trees {
        let requested = repository.requested_tool_calls(tree.trace.trace_id)?;
        write!(text, "{}", tree::Lines { tree, tools: tools(repository, tree)?, requested })?;
    }
    Ok(text)
}

/// What the tools of a trace were called with, and what came of it.
fn tools(repository: &TraceRepository, tree: &TraceTree) -> Result<HashMap<SpanId, tree::Call>> {
    let tools = tree.spans.iter().filter(|span| span.kind == Kind::Tool);
    let call = |span: &Span| {
        let content = repository.span(span.trace_id, span.span_id)?.content;
        Ok((span.span_id, tree::Call { arguments: content.input, result: content.output }))
    };
    tools.map(call).collect()
}

/// The traces that a run made.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeSet<TraceId>>>);

impl Seen {
    fn traces(&self) -> BTreeSet<TraceId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Sink for Seen {
    fn name(&self) -> &'static str {
        "seen"
    }

    fn write(&mut self, batch: &[InterpretedSpan]) -> tracing_agents::Result<()> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.extend(batch.iter().map(|item| item.record.trace_id));
        Ok(())
    }

    fn probe(&mut self) -> tracing_agents::Result<()> {
        Ok(())
    }
}
