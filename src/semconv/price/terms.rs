//! The terms of a call that stand in its attributes only: the service tier, and tokens that are heard or spoken.

use crate::model::Attributes;
use crate::semconv::reading::Reading;

/// What the answer says of its tier, then what was asked for: `flex`, `priority`, `batch` …
const TIER: &[&str] = &[
    "openai.response.service_tier",
    "gen_ai.openai.response.service_tier",
    "gen_ai.response.service_tier",
    "openai.request.service_tier",
    "gen_ai.openai.request.service_tier",
    "gen_ai.request.service_tier",
];
/// Names of the input tokens that are audio.
const INPUT_AUDIO: &[&str] = &[
    "gen_ai.usage.audio.input_tokens",
    "gen_ai.usage.details.input_audio_tokens",
    "llm.token_count.prompt_details.audio",
];
/// Names of the output tokens that are audio.
const OUTPUT_AUDIO: &[&str] = &[
    "gen_ai.usage.audio.output_tokens",
    "gen_ai.usage.details.output_audio_tokens",
    "llm.token_count.completion_details.audio",
];

/// What is recorded of a call's terms.
#[derive(Debug, Default)]
pub(super) struct Terms {
    /// In lower case.
    pub(super) tier: Option<String>,
    pub(super) input_audio: Option<u64>,
    pub(super) output_audio: Option<u64>,
}

impl Terms {
    pub(super) fn read(attributes: &Attributes) -> Self {
        let reading = Reading::new(attributes);
        Self {
            tier: reading.text(TIER).map(|tier| tier.to_ascii_lowercase()),
            input_audio: reading.count(INPUT_AUDIO),
            output_audio: reading.count(OUTPUT_AUDIO),
        }
    }
}
