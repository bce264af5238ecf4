//! codex: a turn is an agent's run. Tools, prompts and answers are events, and their counts are text.
//!
//! Each event is told twice: with content under `codex_otel.log_only`, with lengths in its place under `codex_otel.trace_safe`. It happens in
//! whatever span is open; by default that is the turn, since all below it is at `TRACE`.
//!
//! Tokens are counted on the turn, by the event that ends a model's answer, and in OpenTelemetry's words on the span `handle_responses` of
//! that answer's last piece. All that is recorded of one call is one: the innermost span counts, and an event only where there is none.

use super::{EventRule, Profile};
use crate::model::Kind;
use crate::semconv::field;

const CONTENT: &str = "codex_otel.log_only";
const LENGTHS: &str = "codex_otel.trace_safe";

pub(super) fn profile() -> Profile {
    Profile::new("codex 2026")
        .target("codex_core")
        .target("codex_otel")
        .target(CONTENT)
        .target(LENGTHS)
        .span("codex_core", "turn", Kind::Agent)
        .span("codex_core", "run_sampling_request", Kind::Model)
        // One for each piece of an answer; the last one counts.
        .span_with("codex_core", "handle_responses", field::INPUT_TOKENS, Kind::Model)
        .boundary("codex_core", "session_loop")
        .alias("thread.id", field::SESSION_ID)
        .alias("codex.turn.token_usage.input_tokens", field::INPUT_TOKENS)
        .alias("codex.turn.token_usage.output_tokens", field::OUTPUT_TOKENS)
        .alias("codex.turn.token_usage.total_tokens", field::TOTAL_TOKENS)
        .alias("codex.turn.token_usage.cached_input_tokens", field::CACHE_READ_TOKENS)
        .alias("codex.turn.token_usage.cache_write_input_tokens", field::CACHE_WRITE_TOKENS)
        .alias("codex.turn.token_usage.reasoning_output_tokens", field::REASONING_TOKENS)
        .alias("codex.usage.reasoning_output_tokens", field::REASONING_TOKENS)
        .alias("codex.usage.total_tokens", field::TOTAL_TOKENS)
        .debug_events("codex_core")
        .debug_events("codex_otel")
        .event(
            named("codex.tool_result")
                .stands_for(Kind::Tool)
                .lasting_ms("duration_ms")
                .lift("tool_name", field::TOOL_NAME)
                .lift("call_id", field::TOOL_CALL_ID)
                .lift("arguments", field::TOOL_ARGUMENTS)
                .lift("output", field::TOOL_RESULT)
                .lift("error.message", "error")
                .fails_when("success", "false", "output"),
        )
        .event(
            named("codex.sse_event")
                .when("event.kind", "response.completed")
                .stands_for(Kind::Model)
                .lasting_ms("duration_ms")
                .lift("model", field::REQUEST_MODEL)
                .lift("input_token_count", field::INPUT_TOKENS)
                .lift("output_token_count", field::OUTPUT_TOKENS)
                .lift("cached_token_count", field::CACHE_READ_TOKENS)
                .lift("reasoning_token_count", field::REASONING_TOKENS)
                .lift("tool_token_count", field::TOTAL_TOKENS)
                .lift("error.message", "error"),
        )
        // Before the turn begins, or in it.
        .event(named("codex.user_prompt").about(Kind::Agent).lift("prompt", field::INPUT))
}

/// Events have a name in place of a message.
fn named(name: &'static str) -> EventRule {
    EventRule::new(CONTENT, "").also_told_by(LENGTHS).when("event.name", name)
}
