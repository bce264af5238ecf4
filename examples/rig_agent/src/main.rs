//! Asks the agent the same question twice, unary and streaming, and prints what the database has on each run.
//!
//! With the fake server, it fails unless the traces add up to exactly the tokens that the server counted.

#![expect(clippy::print_stdout, reason = "the program's output")]

use rig_agent::assistant::Delivery;
use rig_agent::provider::Provider;
use tracing_agents::AgentTracing;
use tracing_subscriber::prelude::*;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let tracing = AgentTracing::open("sqlite://rig_agent.db")?;
    tracing_subscriber::registry().with(tracing.layer()).init();

    let provider = Provider::from_env().await?;
    for delivery in [Delivery::Unary, Delivery::Streaming] {
        let run = rig_agent::run(&tracing, &provider, delivery).await?;
        let (trace, traced) = (&run.trace.trace, run.traced());
        println!("{delivery:?}: {}\n", run.answer);
        println!("{}: {} ms", trace.name, trace.duration_ms());
        println!("{}", run.trace.tree());
        match traced {
            Some(tokens) => println!("{tokens}\n"),
            None => println!("the service did not report all token counts\n"),
        }
        if let Some(served) = run.served {
            anyhow::ensure!(traced == Some(served), "the server counted {served}, the trace says {traced:?}");
        }
    }
    println!("The traces are in rig_agent.db.");
    Ok(())
}
