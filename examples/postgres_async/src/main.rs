//! A service whose agent is traced into PostgreSQL, and which answers questions about the traces.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod concierge;
mod routes;
mod visitor;

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use tokio::net::TcpListener;
use tracing_agents::AgentTracing;
use tracing_subscriber::prelude::*;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::args()
        .nth(1)
        .or_else(|| std::env::var("DATABASE_URL").ok())
        .context("name a database: cargo run -p postgres_async -- postgres://user:password@localhost/traces")?;
    // Connects, and makes the tables. It blocks, and nothing is served yet.
    let tracing = AgentTracing::open(&url)?;
    tracing_subscriber::registry().with(tracing.layer()).try_init()?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = routes::router(tracing.async_repository());
    tokio::spawn(async move { axum::serve(listener, router).await });

    let session = format!("visit-{}", SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_nanos());
    let answer = visitor::get(address, &format!("/ask/{session}?question=weather")).await?;
    println!("{answer}\n");
    ensure!(answer.contains("18 degrees"), "the agent's answer is not what its tool said");

    // Spans are stored by batches. Waiting for one blocks, so it has a thread of its own.
    let flushing = tracing.clone();
    tokio::task::spawn_blocking(move || flushing.force_flush(Duration::from_secs(30))).await??;

    let list = visitor::get(address, &format!("/traces?q=agent:Concierge+session:{session}")).await?;
    println!("{list}\n");
    let list: Vec<routes::Summary> = serde_json::from_str(&list)?;
    let [summary] = list.as_slice() else { anyhow::bail!("the run is not the only one of its session") };
    ensure!((summary.spans, summary.total_tokens) == (4, Some(137)), "the run was not stored as it was: {summary:?}");

    let tree = visitor::get(address, &format!("/traces/{}", summary.id)).await?;
    println!("{tree}");
    for part in ["Concierge", "gpt-4o-mini", "weather"] {
        ensure!(tree.contains(part), "the tree shows no {part}");
    }
    let missing = visitor::get(address, "/traces/4bf92f3577b34da6a3ce929d0e0e4736").await;
    ensure!(
        missing.is_err_and(|error| error.to_string().contains("404")),
        "a trace that is not there must be no answer"
    );
    Ok(())
}
