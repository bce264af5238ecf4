//! The agent: instrumented as any function is.

use tracing::{Span, instrument};
use tracing_agents::model::Usage;
use tracing_agents::{SpanExt as _, field};

/// Answers a question of a session.
#[instrument(skip_all, fields(
    { field::OPERATION } = "invoke_agent",
    { field::AGENT_NAME } = "Concierge",
    { field::SESSION_ID } = session,
    { field::INPUT } = question,
))]
pub(crate) async fn answer(session: &str, question: &str) -> String {
    let city = ask_model(&format!("Which city is meant? {question}")).await;
    let weather = weather(&city).await;
    ask_model(&weather).await
}

/// Stands for a call of a model.
#[instrument(skip_all, fields({ field::OPERATION } = "chat", { field::REQUEST_MODEL } = "gpt-4o-mini", { field::INPUT } = prompt))]
async fn ask_model(prompt: &str) -> String {
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let (answer, usage) = if prompt.starts_with("Which city") {
        ("Lisbon".to_owned(), Usage::new(42, 1))
    } else {
        (format!("Take no coat: {prompt}"), Usage::new(80, 14))
    };
    Span::current().record_usage(usage);
    answer
}

/// A tool that the model may call.
#[instrument(skip_all, fields({ field::OPERATION } = "execute_tool", { field::TOOL_NAME } = "weather", { field::INPUT } = city))]
async fn weather(city: &str) -> String {
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    format!("{city} has 18 degrees and sun")
}
