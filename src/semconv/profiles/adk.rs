//! adk-rust: Vertex AI's attribute names, teams, and several spans for one model call.
//!
//! One call is `call_llm`, in it one `model.generate_content` for each client layer, in it `gen_ai.generate`: the content is on the
//! outermost, the usage on the innermost. All are model spans; a trace's totals count the innermost with usage. The tool's span has an
//! empty name at its callsite. The agent's own span `run` ends before its work begins, and so stays a plain span.

use super::{Profile, unknown_counting};
use crate::model::Kind;
use crate::semconv::field;

pub(super) const PROFILE: Profile = Profile {
    crates: &["adk_agent", "adk_model", "adk_runner", "adk_telemetry"],
    spans: &[
        ("adk_runner", "agent.execute", Kind::Agent),
        ("adk_agent", "call_llm", Kind::Model),
        ("adk_model", "model.generate_content", Kind::Model),
        ("adk_telemetry", "gen_ai.generate", Kind::Model),
        ("adk_telemetry", "team.run", Kind::Team),
        ("adk_telemetry", "team.member.run", Kind::Agent),
        ("adk_telemetry", "team.relationship.execute", Kind::Step),
    ],
    aliases: &[
        ("model.name", field::REQUEST_MODEL),
        ("model_id", field::REQUEST_MODEL),
        ("anthropic.model", field::REQUEST_MODEL),
        ("gen_ai.usage.thinking_tokens", field::REASONING_TOKENS),
        ("gen_ai.usage.cache_creation_tokens", field::CACHE_WRITE_TOKENS),
        ("cache_read_tokens", field::CACHE_READ_TOKENS),
        ("cache_creation_tokens", field::CACHE_WRITE_TOKENS),
        ("thinking_tokens", field::REASONING_TOKENS),
    ],
    debug_events: true,
    counting: unknown_counting,
};
