//! Langfuse's observation types and usage details.
//!
//! Types are written in lower case by its SDKs and in upper case by Rust frameworks that speak its ingestion API; both are read. What
//! Langfuse knows of input, output, level, cost and start of the answer is in the lists of those concepts.

use super::reading::Reading;
use super::{coerce, usage::Counts};
use crate::model::Kind;

/// Attributes that hold an observation type: the SDKs', and those of Rust frameworks that feed Langfuse by themselves.
pub(super) const TYPES: &[&str] = &["langfuse.observation.type", "langfuse.type", "observation_type"];

const KINDS: &[(&str, Kind)] = &[
    ("generation", Kind::Model),
    ("agent", Kind::Agent),
    ("tool", Kind::Tool),
    ("chain", Kind::Workflow),
    ("retriever", Kind::Retriever),
    ("embedding", Kind::Embedding),
    ("reranker", Kind::Reranker),
    ("guardrail", Kind::Guardrail),
    ("evaluator", Kind::Evaluator),
    ("prompt", Kind::Prompt),
];

/// What an observation type is; `span` and `event` are generic and say nothing.
pub(super) fn kind_of(word: &str) -> Option<Kind> {
    KINDS.iter().find_map(|(known, kind)| known.eq_ignore_ascii_case(word).then_some(*kind))
}

/// `langfuse.observation.usage_details`: a JSON object whose keys are disjoint parts. `input` leaves cached tokens out and `output`
/// reasoning, so that the parts add up to the total.
pub(super) fn usage_details(reading: &Reading<'_>) -> Option<Counts> {
    let details = ["langfuse.observation.usage_details", "usage_details_json"]
        .iter()
        .find_map(|key| coerce::json(reading.get(key)?))?;
    let count = |keys: &[&str]| keys.iter().find_map(|key| details.get(key)?.as_u64());
    let reasoning = count(&["output_reasoning_tokens", "output_reasoning"]);
    Some(Counts {
        input: count(&["input", "input_tokens", "prompt_tokens"]),
        output: count(&["output", "output_tokens", "completion_tokens"])
            .map(|output| output.saturating_add(reasoning.unwrap_or(0))),
        total: count(&["total", "total_tokens"]),
        cache_read: count(&["input_cached_tokens", "cache_read_input_tokens", "input_cache_read"]),
        cache_write: count(&["input_cache_creation", "cache_creation_input_tokens"]),
        reasoning,
    })
}
