//! swiftide: spans of its own, content in events.
//!
//! Names that it shares with everybody (`step`, `tool`, `complete`); a tool's span gets its tool's name late, as `otel.name`. `hook`,
//! `add_message` and the inner `stream` are its inner workings, and stay plain spans. With its feature `langfuse` it tells content and
//! usage by DEBUG events in Langfuse's words; without it, requests and answers are `Debug` text at TRACE, and that is all there is.

use super::{EventRule, Profile};
use crate::model::{Kind, Notation};
use crate::semconv::field;

pub(super) fn profile() -> Profile {
    const LLM: &str = "swiftide_integrations";
    Profile::new("swiftide 0.32")
        .target("swiftide")
        .target("swiftide_agents")
        .target("swiftide_core")
        .target("swiftide_indexing")
        .target(LLM)
        .target("swiftide_query")
        .target("swiftide_tasks")
        .span("swiftide_agents", "agent.query", Kind::Agent)
        .span("swiftide_agents", "agent.query_once", Kind::Agent)
        .span("swiftide_agents", "agent.run", Kind::Agent)
        .span("swiftide_agents", "agent.run_once", Kind::Agent)
        .span("swiftide_agents", "step", Kind::Step)
        .span("swiftide_agents", "tool", Kind::Tool)
        .span(LLM, "complete", Kind::Model)
        .span(LLM, "complete_stream", Kind::Model)
        .span("swiftide_query", "query_pipeline.query", Kind::Workflow)
        .span("swiftide_query", "then_transform_query", Kind::Step)
        .span("swiftide_query", "then_retrieve", Kind::Retriever)
        .span("swiftide_query", "then_answer", Kind::Step)
        .span("swiftide_indexing", "indexing_pipeline.run", Kind::Workflow)
        .span("swiftide_tasks", "task.run", Kind::Workflow)
        .span("swiftide_tasks", "task.resume", Kind::Workflow)
        .span("swiftide_tasks", "task.step", Kind::Step)
        .provider("swiftide_integrations::openai", "openai")
        .provider("swiftide_integrations::anthropic", "anthropic")
        .provider("swiftide_integrations::gemini", "gcp.gemini")
        .provider("swiftide_integrations::groq", "groq")
        .provider("swiftide_integrations::ollama", "ollama")
        .provider("swiftide_integrations::open_router", "openrouter")
        .provider("swiftide_integrations::aws_bedrock", "aws.bedrock")
        .debug_events("swiftide_query")
        .debug_events("swiftide_tasks")
        .trace_events("swiftide_agents")
        .trace_events(LLM)
        .event(
            EventRule::new("swiftide_agents", "Completed tool call")
                .lift("tool_name", field::TOOL_NAME)
                .lift("args", field::TOOL_ARGUMENTS)
                .lift("output", field::TOOL_RESULT),
        )
        // A tool's failure is told on the step's span, and so is the usage of an answer that was streamed.
        .event(
            EventRule::new("swiftide_agents", "Tool call failed")
                .about(Kind::Tool)
                .lift_in("tool_call", Notation::Debug, "name", field::TOOL_NAME)
                .lift_in("tool_call", Notation::Debug, "id", field::TOOL_CALL_ID)
                .lift_in("tool_call", Notation::Debug, "args", field::TOOL_ARGUMENTS)
                .lift("error", "error"),
        )
        .event(
            EventRule::new("swiftide_agents", "Streaming completed")
                .about(Kind::Model)
                .lift_in("last_response", Notation::Debug, "usage/prompt_tokens", field::INPUT_TOKENS)
                .lift_in("last_response", Notation::Debug, "usage/completion_tokens", field::OUTPUT_TOKENS)
                .lift_in("last_response", Notation::Debug, "usage/total_tokens", field::TOTAL_TOKENS)
                .lift_in("last_response", Notation::Debug, "message", field::OUTPUT),
        )
        .event(langfuse("swiftide_agents"))
        .event(langfuse(LLM))
        .event(
            EventRule::new(LLM, "Sending request to")
                .lift("model", field::REQUEST_MODEL)
                .lift_in("request", Notation::Debug, "model", field::REQUEST_MODEL)
                .lift_in("request", Notation::Debug, "messages", field::INPUT_MESSAGES),
        )
        .event(response(EventRule::new(LLM, "[ChatCompletion] Full response from")))
}

/// What the feature `langfuse` tells, in events of any message.
fn langfuse(target: &'static str) -> EventRule {
    const USAGE: &str = "langfuse.usage";
    EventRule::new(target, "")
        .lift("langfuse.input", "langfuse.input")
        .lift("langfuse.output", "langfuse.output")
        .lift("langfuse.model", "langfuse.model")
        .lift("langfuse.status_message", "langfuse.status_message")
        .lift("langfuse.level", "langfuse.level")
        .lift_in(USAGE, Notation::Json, "prompt_tokens", field::INPUT_TOKENS)
        .lift_in(USAGE, Notation::Json, "completion_tokens", field::OUTPUT_TOKENS)
        .lift_in(USAGE, Notation::Json, "total_tokens", field::TOTAL_TOKENS)
        .lift_in(USAGE, Notation::Json, "details/prompt_tokens_details/cached_tokens", field::CACHE_READ_TOKENS)
        .lift_in(USAGE, Notation::Json, "prompt_tokens_details/cached_tokens", field::CACHE_READ_TOKENS)
        .lift_in(USAGE, Notation::Json, "completion_tokens_details/reasoning_tokens", field::REASONING_TOKENS)
}

/// `async-openai`'s answer as `Debug` text.
fn response(rule: EventRule) -> EventRule {
    [
        ("id", field::RESPONSE_ID),
        ("model", field::RESPONSE_MODEL),
        ("choices", field::OUTPUT_MESSAGES),
        ("usage/prompt_tokens", field::INPUT_TOKENS),
        ("usage/completion_tokens", field::OUTPUT_TOKENS),
        ("usage/total_tokens", field::TOTAL_TOKENS),
        ("usage/prompt_tokens_details/cached_tokens", field::CACHE_READ_TOKENS),
        ("usage/completion_tokens_details/reasoning_tokens", field::REASONING_TOKENS),
    ]
    .into_iter()
    .fold(rule, |rule, (path, standard)| rule.lift_in("response", Notation::Debug, path, standard))
}
