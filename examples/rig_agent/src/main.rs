//! Asks an agent the same question twice, unary and streaming, and prints what the database has on each run. With `--multi`, asks once over
//! HTTP, where the agent has another agent as its tool.
//!
//! With the fake server, it fails unless the traces add up to exactly the tokens that the server counted.

#![expect(clippy::print_stdout, reason = "the program's output")]

use rig_agent::assistant::Delivery;
use rig_agent::provider::Provider;
use rig_agent::routes::Inquiry;
use rig_agent::{QUESTION, Run};
use std::time::SystemTime;
use tracing_agents::AgentTracing;
use tracing_subscriber::prelude::*;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let is_multi = arguments == ["--multi"];
    anyhow::ensure!(is_multi || arguments.is_empty(), "usage: rig_agent [--multi]");

    let tracing = AgentTracing::open("sqlite://rig_agent.db")?;
    tracing_subscriber::registry().with(tracing.layer()).init();
    let provider = Provider::from_env().await?;
    if is_multi {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_nanos();
        let inquiry =
            Inquiry { session: format!("visit-{now}"), user: "guest-7".to_owned(), question: QUESTION.to_owned() };
        let run = rig_agent::visit(&tracing, &provider, &inquiry).await?;
        println!("{} of {}: {}\n", inquiry.session, inquiry.user, run.answer);
        report(&run)?;
    } else {
        for delivery in [Delivery::Unary, Delivery::Streaming] {
            let run = rig_agent::run(&tracing, &provider, delivery).await?;
            println!("{delivery:?}: {}\n", run.answer);
            report(&run)?;
        }
    }
    println!("The traces are in rig_agent.db.");
    Ok(())
}

/// Prints a run's trace, and compares its tokens with the server's.
fn report(run: &Run) -> anyhow::Result<()> {
    let (trace, traced) = (&run.trace.trace, run.traced());
    println!("{}: {} ms", trace.name, trace.duration_ms());
    println!("{}", run.trace.tree());
    match traced {
        Some(tokens) => println!("{tokens}\n"),
        None => println!("the service did not report all token counts\n"),
    }
    if let Some(served) = run.served {
        anyhow::ensure!(traced == Some(served), "the server counted {served}, the trace says {traced:?}");
    }
    Ok(())
}
