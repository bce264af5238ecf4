//! langchain-rust: short field names of its own. Its agents have no names, its content is DEBUG events.

use super::{Profile, unknown_counting};
use crate::model::Kind;
use crate::semconv::field;

pub(super) const PROFILE: Profile = Profile {
    crates: &["langchain_rust"],
    spans: &[
        ("langchain_rust", "agent.run", Kind::Agent),
        ("langchain_rust", "agent.plan", Kind::Plan),
        ("langchain_rust", "chain.call", Kind::Workflow),
        ("langchain_rust", "llm.generate", Kind::Model),
        ("langchain_rust", "tool.call", Kind::Tool),
        ("langchain_rust", "embed.documents", Kind::Embedding),
        ("langchain_rust", "embed.query", Kind::Embedding),
    ],
    aliases: &[
        ("provider", field::PROVIDER),
        ("model", field::REQUEST_MODEL),
        ("prompt_tokens", field::INPUT_TOKENS),
        ("completion_tokens", field::OUTPUT_TOKENS),
        ("total_tokens", field::TOTAL_TOKENS),
        ("tool", field::TOOL_NAME),
    ],
    debug_events: true,
    counting: unknown_counting,
};
