//! Traceloop's (`OpenLLMetry`'s) span kinds and request types.
//!
//! Spans of its decorators carry the kind and `traceloop.entity.name`, the name of what was decorated; spans of its instrumentations of
//! model SDKs carry the request type, and in newer versions OpenTelemetry's operation, which is asked before.

use crate::model::Kind;

/// The kind of a span that a decorator made.
pub(super) const SPAN_KIND: &str = "traceloop.span.kind";
/// The type of a model request, before `gen_ai.operation.name` came.
pub(super) const REQUEST_TYPE: &str = "llm.request.type";

/// What a value of [`SPAN_KIND`] is; `unknown` says nothing.
pub(super) fn kind_of_span(word: &str) -> Option<Kind> {
    Some(match word {
        "workflow" => Kind::Workflow,
        "task" => Kind::Step,
        "agent" => Kind::Agent,
        "tool" => Kind::Tool,
        _ => return None,
    })
}

/// What a value of [`REQUEST_TYPE`] is; `unknown` says nothing.
pub(super) fn kind_of_request(word: &str) -> Option<Kind> {
    Some(match word {
        "completion" | "chat" => Kind::Model,
        "embedding" => Kind::Embedding,
        "rerank" => Kind::Reranker,
        _ => return None,
    })
}
