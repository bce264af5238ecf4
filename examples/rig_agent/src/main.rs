//! Asks the agent the same question twice, unary and streaming, and prints the spans that rig makes of it.

#![expect(clippy::print_stdout, reason = "the program's output")]

use rig_agent::assistant::{self, Delivery};
use rig_agent::provider::Provider;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::prelude::*;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let spans = tracing_subscriber::fmt::layer().with_span_events(FmtSpan::CLOSE);
    tracing_subscriber::registry().with(spans.with_filter(LevelFilter::INFO)).init();

    let provider = Provider::from_env().await?;
    let agent = assistant::concierge(&provider.client);
    for delivery in [Delivery::Unary, Delivery::Streaming] {
        println!("{delivery:?}: {}\n", assistant::ask(&agent, rig_agent::QUESTION, delivery).await?);
    }
    Ok(())
}
