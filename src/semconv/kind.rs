//! What a span is: the evidence, in the order of its weight.
//!
//! 1. our own word, `agent_traces.kind`;
//! 2. an operation that names an agent or a workflow;
//! 3. `openinference.span.kind`, unless it is the generic `CHAIN` and there is an operation;
//! 4. any other known operation;
//! 5. Langfuse's types;
//! 6. an MCP method;
//! 7. Traceloop's kinds and request types;
//! 8. Vercel's operation ids;
//! 9. the target and name of a known framework's callsite;
//! 10. the shape of the attributes, or a conventional name.
//!
//! A word that is not known says nothing: the next evidence is asked. An agent's name is no evidence, since model and tool spans carry
//! it as context. The decision names what decided, as `key=value`, `target …` or `shape: …`.

use super::reading::{Reading, Site};
use super::{display, field, gen_ai, langfuse, mcp, openinference, traceloop, vercel};
use crate::model::Kind;

/// Attributes that only a span of one kind carries, for spans that name neither operation nor kind. In the order of their weight:
/// a model is named on many spans that are no model calls, so it comes last.
const SHAPES: &[(Kind, &[&str])] = &[
    (Kind::Tool, &[field::TOOL_NAME, field::TOOL_CALL_ID, "tool.name", "ai.toolCall.name"]),
    (Kind::Retriever, &[field::RETRIEVAL_QUERY, field::RETRIEVAL_DOCUMENTS, field::RETRIEVAL_TOP_K]),
    (Kind::Embedding, &[field::EMBEDDING_DIMENSIONS, "embedding.model_name"]),
    (Kind::Reranker, &["reranker.model_name"]),
    // An event of OpenTelemetry's; genai makes it a span without an operation.
    (Kind::Evaluator, &["gen_ai.evaluation.name"]),
];

/// Attributes that name a model.
const MODEL_SHAPE: &[&str] = &[
    field::REQUEST_MODEL,
    field::RESPONSE_MODEL,
    "llm.model_name",
    "llm.request.model_name",
    "llm.response.model_name",
    "llm.request.model",
    "llm.response.model",
    "ai.model.id",
    "langfuse.observation.model.name",
];

/// Names that OpenTelemetry gives to spans of one kind, followed by a space and what they are about.
const NAMES: &[(&str, Kind)] = &[("execute_tool", Kind::Tool), ("invoke_agent", Kind::Agent)];

/// The same for spans that name a model and are no call of a language model. Without a model, the word is anybody's.
const MODEL_NAMES: &[(&str, Kind)] = &[("embeddings", Kind::Embedding)];

/// A kind, and what it was decided by.
#[derive(Debug, PartialEq)]
pub(super) struct Decision {
    pub(super) kind: Kind,
    pub(super) source: String,
}

/// Decides the kind of a span from its attributes, its callsite and its `name` (`otel.name` over the callsite's).
pub(super) fn decide(reading: &Reading<'_>, site: &Site<'_>, name: &str) -> Decision {
    stated(reading)
        .or_else(|| from_site(site, reading))
        .or_else(|| from_shape(reading, name))
        .unwrap_or_else(|| Decision { kind: Kind::Span, source: "no evidence".to_owned() })
}

/// What an attribute states.
fn stated(reading: &Reading<'_>) -> Option<Decision> {
    let by = |key: &'static str, kind_of: &dyn Fn(&str) -> Option<Kind>| {
        let text = reading.text(&[key])?;
        kind_of(&text).map(|kind| Decision { kind, source: format!("{key}={}", display::preview(&text)) })
    };
    let own = |word: &str| word.parse().ok().or_else(|| openinference::kind_of(word));
    if let Some(decision) = by(field::KIND, &own) {
        return Some(decision);
    }
    let operation = by(field::OPERATION, &|word| gen_ai::kind_of(word));
    let is_run = reading.text(&[field::OPERATION]).is_some_and(|word| gen_ai::is_run(&word));
    let openinference = by(openinference::SPAN_KIND, &openinference::kind_of);
    // CHAIN is the generic kind: an operation knows better.
    let is_chain = openinference.as_ref().is_some_and(|decision| decision.kind == Kind::Workflow);
    let decision = if operation.is_some() && (is_run || is_chain) { operation } else { openinference.or(operation) };
    if let Some(decision) = decision {
        return Some(refined(decision, reading));
    }
    langfuse::TYPES
        .iter()
        .find_map(|key| by(key, &langfuse::kind_of))
        .or_else(|| by(mcp::METHOD, &|method| Some(mcp::kind_of(method))))
        .or_else(|| by(traceloop::SPAN_KIND, &traceloop::kind_of_span))
        .or_else(|| by(traceloop::REQUEST_TYPE, &traceloop::kind_of_request))
        .or_else(|| vercel::OPERATIONS.iter().find_map(|key| by(key, &vercel::kind_of)))
}

/// A team or a step, where the convention's word is only "agent" or "chain".
fn refined(decision: Decision, reading: &Reading<'_>) -> Decision {
    match openinference::refine(decision.kind, reading) {
        Some((kind, key)) => Decision { kind, source: format!("{} + {key}", decision.source) },
        None => decision,
    }
}

/// What a known framework's callsite is. The name alone never decides: `chat`, `tool`, `step` and `agent.run` are anybody's words.
fn from_site(site: &Site<'_>, reading: &Reading<'_>) -> Option<Decision> {
    let kind = site.profile?.kind_of(site.target, site.name, reading)?;
    Some(Decision { kind, source: format!("target {}", site.target) })
}

/// What the attributes and the name look like.
fn from_shape(reading: &Reading<'_>, name: &str) -> Option<Decision> {
    let shape = |kind, key: &str| Decision { kind, source: format!("shape: {key}") };
    if let Some(found) = SHAPES.iter().find_map(|(kind, keys)| reading.first(keys).map(|key| shape(*kind, key))) {
        return Some(found);
    }
    for (prefix, kind) in [("retrieval.documents.", Kind::Retriever), ("gen_ai.memory.", Kind::Memory)] {
        if reading.has_prefix(prefix) {
            return Some(shape(kind, prefix.trim_end_matches('.')));
        }
    }
    let by_name = |(word, kind): &(&str, Kind)| {
        let rest = name.strip_prefix(word)?;
        (rest.is_empty() || rest.starts_with(' ')).then(|| shape(*kind, "name"))
    };
    if let Some(found) = NAMES.iter().find_map(by_name) {
        return Some(found);
    }
    if let Some(key) = reading.first(MODEL_SHAPE) {
        return MODEL_NAMES.iter().find_map(by_name).or_else(|| Some(shape(Kind::Model, key)));
    }
    // `model` is anybody's word, but with token counts beside it, it is a language model.
    let counted = reading.first(&[field::INPUT_TOKENS, field::OUTPUT_TOKENS, "prompt_tokens", "completion_tokens"]);
    reading.first(&["model"]).filter(|_| counted.is_some()).map(|key| shape(Kind::Model, key))
}
