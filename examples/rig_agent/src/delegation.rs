//! Two agents, as anybody writes them with rig: a concierge, and a researcher that is its tool. Nothing in this file knows of tracing.

use crate::assistant::{MODEL, NAME};
use crate::tools::{LocalTime, Weather};
use rig::message::EmptyToolName;
use rig::prelude::*;
use rig::providers::openai::{self, OpenAI};

/// The inner agent's name, and that of the tool which it is.
pub const RESEARCHER: &str = "Researcher";

/// The model that the inner agent asks for.
pub const RESEARCHER_MODEL: &str = openai::GPT_4O;

/// The outer agent, on models of `client`.
///
/// # Errors
/// When the inner agent's name could not be a tool's.
pub fn concierge(client: &OpenAI) -> Result<Agent, EmptyToolName> {
    Ok(AgentBuilder::new(client.chat(MODEL))
        .name(NAME)
        .preamble("You are a hotel concierge. Have the researcher look facts up, then answer in one sentence.")
        .dynamic_tool(researcher(client).into_tool()?)
        .default_max_turns(4)
        .record_content_telemetry(true)
        .build())
}

fn researcher(client: &OpenAI) -> Agent {
    AgentBuilder::new(client.chat(RESEARCHER_MODEL))
        .name(RESEARCHER)
        .preamble("You look facts up with your tools, all in one go, and report what you found.")
        .tool(Weather)
        .tool(LocalTime)
        .default_max_turns(4)
        .record_content_telemetry(true)
        .build()
}
