//! Real [rig](https://docs.rs/rig) agents, traced without a line of tracing code in them.
//!
//! [`assistant`] is an agent with tools, [`delegation`] one whose tool is another agent. [`provider`] says where their
//! models live, [`fake_openai`] is the models' service when there is no key. [`front_desk`] serves an agent over HTTP. [`run`] and [`visit`]
//! ask one question and read the run's trace back from the database.

pub mod assistant;
pub mod delegation;
pub mod fake_openai;
pub mod front_desk;
pub mod provider;
pub mod routes;
mod script;
pub mod tokens;
mod tools;

use anyhow::Context;
use assistant::Delivery;
use front_desk::FrontDesk;
use provider::Provider;
use routes::Inquiry;
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
    let served = served(provider, answers_before);
    tracing.force_flush(Duration::from_secs(5))?;
    let trace = newest(tracing, TraceFilter::new().agent(assistant::NAME))?;
    Ok(Run { answer, trace, served })
}

/// Makes an inquiry over HTTP at a front desk where one agent has another as its tool, then asks the database for the newest trace of its
/// session.
///
/// # Errors
/// When the front desk, the model's service or the database fails, or holds no trace of the session.
pub async fn visit(tracing: &AgentTracing, provider: &Provider, inquiry: &Inquiry) -> anyhow::Result<Run> {
    let answers_before = provider.answers();
    let desk = FrontDesk::open(delegation::concierge(&provider.client)?).await?;
    let answer = desk.ask(inquiry).await?;
    let served = served(provider, answers_before);
    tracing.force_flush(Duration::from_secs(5))?;
    let trace = newest(tracing, TraceFilter::new().session(&inquiry.session))?;
    Ok(Run { answer, trace, served })
}

/// What the fake server served since it had given `before` answers.
fn served(provider: &Provider, before: Option<u64>) -> Option<Tokens> {
    provider.answers().zip(before).map(|(now, before)| Tokens::of_answers(now - before))
}

fn newest(tracing: &AgentTracing, filter: TraceFilter) -> anyhow::Result<TraceTree> {
    let repository = tracing.repository();
    let newest = repository.traces(&filter.limit(1))?;
    let newest = newest.into_iter().next().context("the database has no trace of the run")?;
    Ok(repository.trace(newest.trace_id)?)
}
