//! An agent in plain functions, traced into a SQLite file, then queried. No network, no key.
//!
//! Run: `cargo run --example quickstart`, and look into the file it names: `sqlite3 FILE 'SELECT kind, display_name FROM spans'`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use tracing::{Span, instrument};
use tracing_agents::model::Usage;
use tracing_agents::{AgentTracing, SpanExt, TraceFilter, field};
use tracing_subscriber::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::temp_dir().join(format!("quickstart-{}.db", std::process::id()));
    let tracing = AgentTracing::open(&format!("sqlite://{}", file.display()))?;
    tracing_subscriber::registry().with(tracing.layer()).init();

    for question in ["What is the cheapest flight to Oslo?", "Where is my order 17?"] {
        match answer(question, "session-1").await {
            Ok(text) => println!("> {question}\n  {text}"),
            Err(error) => println!("> {question}\n  failed: {error}"),
        }
    }
    // Written in the background, a batch at a time; a program that reads its own traces waits for them first.
    tracing.force_flush(Duration::from_secs(5))?;

    let repository = tracing.repository();
    let traces = repository.traces(&TraceFilter::new().agent("Travel agent").limit(10))?;
    println!();
    for trace in &traces {
        println!("{}: {} ms", trace.name, trace.duration_ms());
    }
    for trace in &traces {
        println!("\n{}", repository.trace(trace.trace_id)?.tree());
    }
    println!("stored in {}", file.display());
    Ok(())
}

/// One run of the agent: a model call, the tools it asks for, a last model call.
#[instrument(skip_all, err, fields(
    { field::OPERATION } = "invoke_agent",
    { field::AGENT_NAME } = "Travel agent",
    { field::SESSION_ID } = session,
))]
async fn answer(question: &str, session: &str) -> Result<String, String> {
    Span::current().record_input(question);
    let wanted = ask_model(question).await;
    let result = match wanted.as_str() {
        "search_flights" => search_flights("Oslo").await,
        _ => find_order(17).await.or_else(|_| apologise())?,
    };
    let answer = ask_model(&result).await;
    Span::current().record_output(answer.as_str());
    Ok(answer)
}

/// Stands in for a model: a real one reports its usage in the same way.
#[instrument(skip_all, fields(
    { field::OPERATION } = "chat",
    { field::PROVIDER } = "openai",
    { field::REQUEST_MODEL } = "gpt-4o-mini",
))]
async fn ask_model(prompt: &str) -> String {
    tokio::time::sleep(Duration::from_millis(40)).await;
    let span = Span::current();
    span.record_usage(Usage::new(prompt.len() as u64, 12).with_cache_read(4));
    span.record_input(prompt);
    let answer = match prompt {
        _ if prompt.contains("flight to") => "search_flights",
        _ if prompt.contains("order") => "find_order",
        _ if prompt.contains("euros") => "The cheapest flight to Oslo costs 49 euros.",
        _ => "I cannot see your order now. Please ask again later.",
    };
    span.record_output(answer);
    answer.to_owned()
}

#[instrument(fields({ field::OPERATION } = "execute_tool", { field::TOOL_NAME } = "search_flights"), ret)]
async fn search_flights(destination: &str) -> String {
    tokio::time::sleep(Duration::from_millis(15)).await;
    format!("{destination}: 49 euros, 72 euros")
}

/// A tool that fails: `err` makes its span an error, with the message.
#[instrument(fields({ field::OPERATION } = "execute_tool", { field::TOOL_NAME } = "find_order"), err)]
async fn find_order(number: u32) -> Result<String, String> {
    tokio::time::sleep(Duration::from_millis(5)).await;
    Err(format!("order {number}: the warehouse does not answer"))
}

/// A tool without a model: any function can be one.
#[instrument(fields({ field::OPERATION } = "execute_tool", { field::TOOL_NAME } = "apologise"), ret)]
fn apologise() -> Result<String, String> {
    Ok("apologise: the order is not known".to_owned())
}
