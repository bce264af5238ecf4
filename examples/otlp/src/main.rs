//! Two rig runs in two places: this program's database, and a receiver of OTLP. One is an agent alone, one a guest's visit with a session, where an
//! agent has another one as its tool.

#![expect(clippy::print_stdout, reason = "the program's output")]

use anyhow::Context;
use rig_agent::QUESTION;
use rig_agent::assistant::Delivery;
use rig_agent::provider::Provider;
use rig_agent::routes::Inquiry;
use std::time::{Duration, SystemTime};
use tracing_agents::AgentTracing;
use tracing_agents::otel::Otlp;
use tracing_subscriber::prelude::*;

/// The project in Phoenix; other receivers see an attribute of the resource.
const PROJECT: &str = "rig";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let endpoint = std::env::args().nth(1);
    let otlp = endpoint.map_or_else(Otlp::from_env, Otlp::http);
    let tracing = AgentTracing::builder("sqlite://otlp.db")
        .service_name("otlp_example")
        .resource_attribute("openinference.project.name", PROJECT)
        .otlp(otlp)
        .open()?;
    tracing_subscriber::registry().with(tracing.layer()).init();

    let provider = Provider::from_env().await?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_nanos();
    let inquiry =
        Inquiry { session: format!("visit-{now}"), user: "guest-7".to_owned(), question: QUESTION.to_owned() };
    let alone = rig_agent::run(&tracing, &provider, Delivery::Unary).await?;
    let visit = rig_agent::visit(&tracing, &provider, &inquiry).await?;
    tracing.force_flush(Duration::from_secs(30))?;

    println!("project {PROJECT}, session {}\n", inquiry.session);
    for run in [&alone, &visit] {
        println!("trace {}\n{}\n", run.trace.trace.trace_id, run.trace.tree());
    }
    let health = tracing.health();
    let sink = health.sinks.first().context("there is a receiver")?;
    println!("otlp.db has {} spans, {} took {}.", health.stored, sink.name, sink.written);
    anyhow::ensure!(sink.written == sink.offered, "spans are missing there: {sink:?}");
    Ok(())
}
