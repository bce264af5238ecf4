//! langchain-rust: short field names of its own. Its agents have no names, its content is events.

use super::{EventRule, Profile};
use crate::model::{Kind, Notation};
use crate::semconv::field;

pub(super) fn profile() -> Profile {
    const CRATE: &str = "langchain_rust";
    Profile::new("langchain-rust 7")
        .target(CRATE)
        .span(CRATE, "agent.run", Kind::Agent)
        .span(CRATE, "agent.plan", Kind::Plan)
        .span(CRATE, "chain.call", Kind::Workflow)
        .span(CRATE, "llm.generate", Kind::Model)
        .span(CRATE, "tool.call", Kind::Tool)
        .span(CRATE, "embed.documents", Kind::Embedding)
        .span(CRATE, "embed.query", Kind::Embedding)
        .alias("provider", field::PROVIDER)
        .alias("model", field::REQUEST_MODEL)
        .alias("prompt_tokens", field::INPUT_TOKENS)
        .alias("completion_tokens", field::OUTPUT_TOKENS)
        .alias("total_tokens", field::TOTAL_TOKENS)
        .alias("tool", field::TOOL_NAME)
        .debug_events(CRATE)
        // What a chain sends to its model.
        .event(EventRule::new("langchain_rust::chain", "Prompt: ").lift_rest(
            Notation::Debug,
            "messages",
            field::INPUT_MESSAGES,
        ))
        // A tool that parses its input by itself, which most do not, tells nothing.
        .event(EventRule::new("langchain_rust::tools", "Using default implementation: ").lift_rest(
            Notation::Text,
            "",
            field::TOOL_ARGUMENTS,
        ))
}
