//! adk-rust: Vertex AI's attribute names, teams, and several spans for one model call.
//!
//! One call is `call_llm`, in it one `model.generate_content` for each client layer, in it `gen_ai.generate`: the content is on the
//! outermost, the usage on the innermost. All are model spans; a trace's totals count the innermost with usage. The tool's span has an
//! empty name at its callsite. The agent's own span `run` ends before its work begins, and so stays a plain span.

use super::{EventRule, Profile};
use crate::model::{Kind, Notation, Phase};
use crate::semconv::field;

pub(super) fn profile() -> Profile {
    const REQUEST: &str = "gcp.vertex.agent.llm_request";
    Profile::new("adk-rust 2.3")
        .target("adk_agent")
        .target("adk_model")
        .target("adk_runner")
        .target("adk_telemetry")
        .span("adk_runner", "agent.execute", Kind::Agent)
        .span("adk_agent", "call_llm", Kind::Model)
        .span("adk_model", "model.generate_content", Kind::Model)
        .span("adk_telemetry", "gen_ai.generate", Kind::Model)
        .span("adk_telemetry", "team.run", Kind::Team)
        .span("adk_telemetry", "team.member.run", Kind::Agent)
        .span("adk_telemetry", "team.relationship.execute", Kind::Step)
        .provider("adk_model::openai", "openai")
        .provider("adk_model::openai_compatible", "openai")
        .provider("adk_model::anthropic", "anthropic")
        .provider("adk_model::gemini", "gcp.gemini")
        .provider("adk_model::deepseek", "deepseek")
        .provider("adk_model::groq", "groq")
        .provider("adk_model::ollama", "ollama")
        .provider("adk_model::bedrock", "aws.bedrock")
        .alias("model.name", field::REQUEST_MODEL)
        .alias("model_id", field::REQUEST_MODEL)
        .alias("anthropic.model", field::REQUEST_MODEL)
        // Long requests are cut and are no JSON any more; the model comes first.
        .alias_in(REQUEST, Notation::Json, "model", field::REQUEST_MODEL)
        .alias_in(REQUEST, Notation::Json, "contents", field::INPUT_MESSAGES)
        .alias("gcp.vertex.agent.llm_response", field::OUTPUT_MESSAGES)
        .alias("gen_ai.usage.thinking_tokens", field::REASONING_TOKENS)
        .alias("gen_ai.usage.cache_creation_tokens", field::CACHE_WRITE_TOKENS)
        .alias("cache_read_tokens", field::CACHE_READ_TOKENS)
        .alias("cache_creation_tokens", field::CACHE_WRITE_TOKENS)
        .alias("thinking_tokens", field::REASONING_TOKENS)
        .debug_events("adk_agent")
        // An agent's own span ends before its work begins; a sequence of agents has nothing else to tell them apart.
        .event(EventRule::new("adk_agent", "Starting agent execution").of_run(Phase::Began))
        .event(
            EventRule::new("adk_agent", "Agent execution complete")
                .of_run(Phase::Ended)
                .lift("agent.name", field::AGENT_NAME),
        )
        // Results and failures are told on the agent's span.
        .event(about_tool("tool_result").lift("tool.result", field::TOOL_RESULT))
        .event(about_tool("tool_error").lift("error", "error"))
        .event(about_tool("tool_timeout").lift("message", "error"))
        .event(EventRule::new("adk_agent", "tool_call").lift("tool.args", field::TOOL_ARGUMENTS))
}

/// An event on the agent's span about one of its tools.
fn about_tool(message: &'static str) -> EventRule {
    EventRule::new("adk_agent", message).about(Kind::Tool).lift("tool.name", field::TOOL_NAME)
}
