//! Beside layers that an application has already: `fmt` to the terminal under its own `EnvFilter`, agent traces to SQLite.
//!
//! Run: `RUST_LOG=warn cargo run --example existing_subscriber`: the terminal shows warnings only, the traces are whole.
//!
//! Give the filter to the `fmt` layer (`.with_filter(…)`), not to the whole subscriber (`.with(EnvFilter…)`): a filter over the
//! whole subscriber hides spans and events from every layer, this one included.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use tracing_agents::{AgentTracing, SpanExt, TraceFilter, agent_span, model_span, tool_span};
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tracing = AgentTracing::open("sqlite::memory:")?;
    tracing_subscriber::registry()
        .with(fmt::layer().with_filter(EnvFilter::from_default_env()))
        .with(tracing.layer())
        .init();

    agent_span!("Greeter").in_scope(|| {
        model_span!("gpt-4o-mini").in_scope(|| tracing::info!("asking the model"));
        tool_span!("look_up_name").in_scope(|| {
            tracing::warn!("the name service is slow");
            tracing::Span::current().record_output("Ada");
        });
    });

    tracing.force_flush(Duration::from_secs(5))?;
    let repository = tracing.repository();
    for trace in repository.traces(&TraceFilter::new())? {
        println!("{}", repository.trace(trace.trace_id)?.tree());
    }
    Ok(())
}
