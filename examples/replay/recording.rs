//! A recording of either form, and what a fresh database makes of each run in it.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use tracing_agents::otel::StoreExporter;
use tracing_agents::{AgentTracing, TraceFilter};
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

    /// Lets the run happen again into a new database, and prints the traces that are found there, in the order of their start.
    ///
    /// # Errors
    /// When the recording contradicts itself or the store fails.
    pub(crate) fn trees(&self) -> Result<String> {
        let folder = tempfile::tempdir()?;
        let tracing =
            AgentTracing::builder(&format!("sqlite://{}", folder.path().join("traces.db").display())).open()?;
        match self {
            Self::Framework(scenario) => {
                let subscriber = Registry::default().with(tracing.layer());
                tracing::subscriber::with_default(subscriber, || frameworks::replay(scenario))?;
            }
            Self::Agno(case) => agno::replay(case, StoreExporter::new(&tracing))?,
        }
        tracing.force_flush(DEADLINE)?;

        let repository = tracing.repository();
        let mut filter = TraceFilter::new().limit(100);
        let mut traces = Vec::new();
        loop {
            let page = repository.traces(&filter)?;
            traces.extend(page.items);
            let Some(next) = page.next else { break };
            filter = filter.after(next);
        }
        traces.sort_by_key(|trace| (trace.start_ns, trace.trace_id));
        let mut text = String::new();
        for trace in traces {
            write!(text, "{}", tree::Lines(&repository.trace(trace.trace_id)?))?;
        }
        Ok(text)
    }
}
