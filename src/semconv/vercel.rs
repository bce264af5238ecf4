//! Operation ids of the Vercel AI SDK before it adopted OpenTelemetry's.
//!
//! A call like `generateText` makes a span that encloses one `ai.generateText.doGenerate` for each turn and one `ai.toolCall` for each
//! tool: it is the run of an agent, although the SDK has no such word. `embed` and `rerank` only frame their provider's call.

use crate::model::Kind;

/// Attributes that hold an operation id; the second one with the function's id behind a space.
pub(super) const OPERATIONS: &[&str] = &["ai.operationId", "operation.name"];

/// What an operation id is. Only `do…` operations are calls of a provider; what encloses them is the run of an agent, or a frame.
pub(super) fn kind_of(operation: &str) -> Option<Kind> {
    let id = operation.split_whitespace().next()?.strip_prefix("ai.")?;
    Some(match id {
        "toolCall" => Kind::Tool,
        "generateText" | "streamText" | "generateObject" | "streamObject" => Kind::Agent,
        "embed" | "embedMany" | "rerank" => Kind::Span,
        _ if id.ends_with(".doGenerate") || id.ends_with(".doStream") => Kind::Model,
        _ if id.ends_with(".doEmbed") => Kind::Embedding,
        _ if id.ends_with(".doRerank") => Kind::Reranker,
        _ => return None,
    })
}
