//! codex: a turn is an agent's run; tools and prompts are events, and their counts are text.
//!
//! It counts tokens on the turn, and again in OpenTelemetry's words on the span of the event that ends a model's answer, which is at
//! `TRACE`: where both are recorded, the turn's are a sum over what is below it.

use super::Profile;
use crate::model::Kind;
use crate::semconv::field;

pub(super) fn profile() -> Profile {
    Profile::new("codex 2026")
        .target("codex_core")
        .target("codex_otel")
        .span("codex_core", "turn", Kind::Agent)
        .boundary("codex_core", "session_loop")
        .alias("thread.id", field::SESSION_ID)
        .alias("codex.turn.token_usage.input_tokens", field::INPUT_TOKENS)
        .alias("codex.turn.token_usage.output_tokens", field::OUTPUT_TOKENS)
        .alias("codex.turn.token_usage.total_tokens", field::TOTAL_TOKENS)
        .alias("codex.turn.token_usage.cached_input_tokens", field::CACHE_READ_TOKENS)
        .alias("codex.turn.token_usage.cache_write_input_tokens", field::CACHE_WRITE_TOKENS)
        .alias("codex.turn.token_usage.reasoning_output_tokens", field::REASONING_TOKENS)
        .debug_events("codex_core")
        .debug_events("codex_otel")
}
