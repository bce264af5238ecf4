//! rig: OpenTelemetry's names, with three generations of habits in users' lock files.
//!
//! | versions | targets | what is theirs |
//! |---|---|---|
//! | up to 0.40 | `rig::agent::…` or `rig_core::agent::…`, `rig::agent_chat` | the run's span is never entered, so that model and tool calls are roots |
//! | 0.41 to 0.43 | `rig_agent::…`, `rig::agent_chat` | streamed calls have operations and names of their own, `chat_streaming` |
//! | 0.44 on | `rig_agent::…`, `rig::agent_chat` | declares whether a request streams; counts as OpenTelemetry asks |
//!
//! Its spans name their operation, so the table serves those that a provider did not complete. The same span name `chat` is a model's
//! call in `rig::agent_chat` and `rig::completions`, and an agent's run in `rig_agent::agent::completion`. It records no errors: a call
//! that fails closes without an answer.

use super::{CountingRule, EventRule, Profile};
use crate::model::{Kind, Notation};
use crate::semconv::field;
use crate::semconv::provider::CLAUDE_HOSTS;

pub(super) fn profile() -> Profile {
    Profile::new("rig 0.30 to 0.46")
        .target("rig")
        .target("rig_agent")
        .target("rig_core")
        // One module: the crate's library has both names.
        .torn("rig::agent")
        .torn("rig_core::agent")
        // `Agent::chat` is a run, although its span is named as a model's call.
        .span("rig::agent::completion", "chat", Kind::Agent)
        .span("rig_core::agent::completion", "chat", Kind::Agent)
        .span("rig_agent::agent::completion", "chat", Kind::Agent)
        .span("rig::agent_chat", "chat", Kind::Model)
        .span("rig::agent_chat", "chat_streaming", Kind::Model)
        .span("rig::completions", "chat", Kind::Model)
        .span("rig::completions", "chat_streaming", Kind::Model)
        .span("rig::completions", "generate_content", Kind::Model)
        .span("rig::completions", "interactions", Kind::Model)
        .span("rig::completions", "interactions_streaming", Kind::Model)
        .span("rig::modalities", "embeddings", Kind::Embedding)
        .span("rig::modalities", "rerank", Kind::Reranker)
        .span("rig::modalities", "transcription", Kind::Media)
        .span("rig::modalities", "image_generation", Kind::Media)
        .span("rig::modalities", "audio_generation", Kind::Media)
        // Up to 0.40 nothing else tells that a tool failed.
        .event(EventRule::new("rig", "Error while executing tool: ").lift_rest(Notation::Text, "", "error"))
        // Up to 0.35 a hook's refusal, which the model is told as the result, is not recorded as one.
        .event(EventRule::new("rig", "Tool call rejected").lift("reason", field::TOOL_RESULT))
        .answer(field::RESPONSE_ID)
        .answer(field::RESPONSE_MODEL)
        .answer(field::INPUT_TOKENS)
        .answer(field::OUTPUT_TOKENS)
        .answer(field::OUTPUT_MESSAGES)
        .answer("gen_ai.completion")
        // From 0.44 on it includes cached tokens, tool prompts and reasoning for every provider.
        .counting(CountingRule::inclusive().where_declared(field::STREAM))
        // Before, it passed on what the provider's API counts.
        .counting(CountingRule::exclusive().for_providers(CLAUDE_HOSTS.iter().copied()))
        .counting(
            CountingRule::inclusive()
                .for_providers(["gcp.gemini", "gcp.vertex_ai"])
                .reasoning_apart()
                .input_apart("gen_ai.usage.tool_use_prompt_tokens"),
        )
        .counting(CountingRule::inclusive())
}
