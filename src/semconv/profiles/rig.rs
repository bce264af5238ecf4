//! rig: OpenTelemetry's names, with three generations of habits in users' lock files.
//!
//! Its spans name their operation, so the table serves those that a provider did not complete. The same span name `chat` is a model's
//! call in `rig::agent_chat` and `rig::completions`, and an agent's run in `rig_agent::agent::completion`.

use super::{Counting, Evidence, Profile};
use crate::model::{Kind, UsageBasis};
use crate::semconv::field;

pub(super) const PROFILE: Profile = Profile {
    crates: &["rig", "rig_agent", "rig_core"],
    spans: &[
        // `Agent::chat` (0.44 on) is a run, although its span is named as a model call's.
        ("rig_agent::agent::completion", "chat", Kind::Agent),
        ("rig::agent_chat", "chat", Kind::Model),
        ("rig::agent_chat", "chat_streaming", Kind::Model),
        ("rig::completions", "chat", Kind::Model),
        ("rig::completions", "chat_streaming", Kind::Model),
        ("rig::completions", "generate_content", Kind::Model),
        ("rig::completions", "interactions", Kind::Model),
        ("rig::modalities", "embeddings", Kind::Embedding),
        ("rig::modalities", "rerank", Kind::Reranker),
        ("rig::modalities", "transcription", Kind::Media),
        ("rig::modalities", "image_generation", Kind::Media),
        ("rig::modalities", "audio_generation", Kind::Media),
    ],
    aliases: &[],
    // its payloads are span fields; what it logs below INFO are whole requests at TRACE
    debug_events: false,
    counting,
};

/// From 0.44 on, which declares whether a request streams, rig includes cached tokens, tool prompts and reasoning for every provider.
/// Before, it passed on what the provider's API counts.
fn counting(evidence: &Evidence<'_>) -> Option<Counting> {
    let recent = evidence.reading.get(field::STREAM).is_some()
        || evidence.declared.iter().any(|declared| declared == field::STREAM);
    let provider = evidence.provider?;
    if recent {
        return Some(Counting::of(UsageBasis::Inclusive));
    }
    if evidence.counts_cache_apart() {
        return Some(Counting::of(UsageBasis::Exclusive));
    }
    let is_gemini = matches!(provider, "gcp.gemini" | "gcp.vertex_ai");
    Some(Counting {
        reasoning_apart: is_gemini,
        input_apart: evidence.reading.count(&["gen_ai.usage.tool_use_prompt_tokens"]).filter(|_| is_gemini),
        ..Counting::of(UsageBasis::Inclusive)
    })
}
