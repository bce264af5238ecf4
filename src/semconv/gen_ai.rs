//! OpenTelemetry's generative-AI operations: the values of `gen_ai.operation.name`.
//!
//! The list of the conventions is open, and frameworks extend it; the additions are marked with who sends them. The agent and workflow
//! operations outrank other conventions' kinds on the same span, because code in the wild combines them with the generic kind of
//! `OpenInference`; the others do not.

use crate::model::Kind;

/// Operations and what they are. The list is open: an operation that is not in it says nothing.
const OPERATIONS: &[(&str, Kind)] = &[
    ("invoke_agent", Kind::Agent),
    ("create_agent", Kind::Agent),
    ("invoke_workflow", Kind::Workflow),
    ("chat", Kind::Model),
    ("text_completion", Kind::Model),
    ("generate_content", Kind::Model),
    ("fetch_response", Kind::Model),
    ("execute_tool", Kind::Tool),
    ("embeddings", Kind::Embedding),
    ("retrieval", Kind::Retriever),
    ("plan", Kind::Plan),
    ("create_memory_store", Kind::Memory),
    ("delete_memory_store", Kind::Memory),
    ("create_memory", Kind::Memory),
    ("update_memory", Kind::Memory),
    ("upsert_memory", Kind::Memory),
    ("delete_memory", Kind::Memory),
    ("search_memory", Kind::Memory),
    // rig: not in the conventions
    ("interactions", Kind::Model),
    ("rerank", Kind::Reranker),
    ("transcription", Kind::Media),
    ("image_generation", Kind::Media),
    ("audio_generation", Kind::Media),
    // Traceloop and Vercel: not in the conventions
    ("completion", Kind::Model),
    ("llm_request", Kind::Model),
    ("embedding", Kind::Embedding),
    ("vector_db_retrieve", Kind::Retriever),
    ("execute_task", Kind::Step),
    ("agent_step", Kind::Step),
];

/// What an operation is. A `_streaming` suffix (rig before 0.44) changes nothing.
pub(super) fn kind_of(operation: &str) -> Option<Kind> {
    let operation = operation.strip_suffix("_streaming").unwrap_or(operation);
    OPERATIONS.iter().find_map(|(known, kind)| known.eq_ignore_ascii_case(operation).then_some(*kind))
}

/// Whether an operation names a run or its making, so that it decides before any other convention does.
pub(super) fn is_run(operation: &str) -> bool {
    ["invoke_agent", "create_agent", "invoke_workflow"].iter().any(|run| run.eq_ignore_ascii_case(operation))
}
