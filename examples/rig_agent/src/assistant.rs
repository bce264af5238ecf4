//! The agent, as anybody writes one with rig: a model, a preamble, two tools. Nothing in this file knows of tracing.

use crate::tools::{LocalTime, Weather};
use anyhow::Context;
use futures::StreamExt;
use rig::agent::MultiTurnStreamItem;
use rig::prelude::*;
use rig::providers::openai::{self, OpenAI};

/// The agent's name.
pub const NAME: &str = "Concierge";

/// The model that it asks for.
pub const MODEL: &str = openai::GPT_4O_MINI;

/// The agent on a model of `client`.
#[must_use]
pub fn concierge(client: &OpenAI) -> Agent {
    AgentBuilder::new(client.chat(MODEL))
        .name(NAME)
        .preamble(
            "You are a hotel concierge. Look facts up with your tools, all in one go, then answer in one sentence.",
        )
        .tool(Weather)
        .tool(LocalTime)
        .default_max_turns(4)
        .record_content_telemetry(true)
        .build()
}

/// How an answer is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// In one piece.
    Unary,
    /// Word by word.
    Streaming,
}

/// Asks `agent` one question and waits for the whole answer.
///
/// # Errors
/// When the model's service fails or the agent gives up.
pub async fn ask(agent: &Agent, question: &str, delivery: Delivery) -> anyhow::Result<String> {
    match delivery {
        Delivery::Unary => Ok(agent.prompt(question).await?.output()),
        Delivery::Streaming => {
            let mut answer = None;
            let mut items = agent.prompt(question).stream();
            while let Some(item) = items.next().await {
                if let MultiTurnStreamItem::FinalResponse(response) = item? {
                    answer = Some(response.output());
                }
            }
            answer.context("the stream ended without an answer")
        }
    }
}
