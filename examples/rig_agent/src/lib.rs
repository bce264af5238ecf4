//! A real [rig](https://docs.rs/rig) agent, traced without a line of tracing code in it.
//!
//! [`assistant`] is the agent, [`provider`] says where its model lives, [`fake_openai`] is the model's service when there is no key.
//! [`run`] asks the agent one question and reads the run's trace back from the database.

pub mod assistant;
pub mod fake_openai;
pub mod provider;
mod script;
pub mod tokens;

use anyhow::Context;
use assistant::Delivery;
use provider::Provider;
use std::time::Duration;
use tokens::Tokens;
use tracing_agents::model::TraceTree;
use tracing_agents::{AgentTracing, TraceFilter};

/// What the agent is asked.
pub const QUESTION: &str = "Do I need an umbrella in Oslo now, and what time is it there?";

/// One answered question.
#[derive(Debug)]
pub struct Run {
    /// The agent's answer.
    pub answer: String,
    /// The run's trace, as the database has it.
    pub trace: TraceTree,
    /// What the run cost by the fake server's count; `None` with the real service.
    pub served: Option<Tokens>,
}

impl Run {
    /// What the run cost by its trace; `None` when the service reported less than all counts.
    #[must_use]
    pub fn traced(&self) -> Option<Tokens> {
        Tokens::reported(&self.trace.trace.usage)
    }
}

/// Asks the agent [`QUESTION`], then asks the database for the trace of that run.
///
/// # Errors
/// When the model's service or the database fails, or holds no trace of the agent.
pub async fn run(tracing: &AgentTracing, provider: &Provider, delivery: Delivery) -> anyhow::Result<Run> {
    let answers_before = provider.answers();
    let agent = assistant::concierge(&provider.client);
    let answer = assistant::ask(&agent, QUESTION, delivery).await?;
    let served = provider.answers().zip(answers_before).map(|(now, before)| Tokens::of_answers(now - before));

    tracing.force_flush(Duration::from_secs(5))?;
    let repository = tracing.repository();
    let newest = repository.traces(&TraceFilter::new().agent(assistant::NAME).limit(1))?;
    let newest = newest.into_iter().next().context("the database has no trace of the agent")?;
    let trace = repository.trace(newest.trace_id)?;
    Ok(Run { answer, trace, served })
}
