//! The words of both conventions for what the model knows.

use super::super::field;
use crate::model::{IdentityField, Kind};

/// The word of a table for a kind.
pub(super) fn of(table: &[(Kind, &'static str)], kind: Kind) -> Option<&'static str> {
    table.iter().find_map(|(known, word)| (*known == kind).then_some(*word))
}

/// OpenTelemetry's operations, where a kind has one. It has no word for a team, which is an agent to it.
pub(super) const OPERATIONS: &[(Kind, &str)] = &[
    (Kind::Agent, "invoke_agent"),
    (Kind::Team, "invoke_agent"),
    (Kind::Workflow, "invoke_workflow"),
    (Kind::Model, "chat"),
    (Kind::Tool, "execute_tool"),
    (Kind::Retriever, "retrieval"),
    (Kind::Embedding, "embeddings"),
    (Kind::Plan, "plan"),
];

/// `OpenInference`'s kinds. `CHAIN` is its word for all that joins the others.
pub(super) const OPENINFERENCE_KINDS: &[(Kind, &str)] = &[
    (Kind::Agent, "AGENT"),
    (Kind::Team, "AGENT"),
    (Kind::Workflow, "CHAIN"),
    (Kind::Step, "CHAIN"),
    (Kind::Plan, "CHAIN"),
    (Kind::Memory, "CHAIN"),
    (Kind::Mcp, "CHAIN"),
    (Kind::Model, "LLM"),
    (Kind::Media, "LLM"),
    (Kind::Tool, "TOOL"),
    (Kind::Retriever, "RETRIEVER"),
    (Kind::Embedding, "EMBEDDING"),
    (Kind::Reranker, "RERANKER"),
    (Kind::Guardrail, "GUARDRAIL"),
    (Kind::Evaluator, "EVALUATOR"),
    (Kind::Prompt, "PROMPT"),
];

/// Where `OpenInference` has the model that answered, or was asked.
pub(super) const MODEL_NAME: &[(Kind, &str)] = &[
    (Kind::Model, "llm.model_name"),
    (Kind::Media, "llm.model_name"),
    (Kind::Embedding, "embedding.model_name"),
    (Kind::Reranker, "reranker.model_name"),
];

/// Where `OpenInference` has the documents that were found.
pub(super) const DOCUMENTS: &[(Kind, &str)] =
    &[(Kind::Retriever, "retrieval.documents."), (Kind::Reranker, "reranker.output_documents.")];

/// What a document has there.
pub(super) const DOCUMENT_LEAVES: &[&str] = &["id", "content", "score", "metadata"];

/// What is a request to another service.
pub(super) const CALLS_OUT: &[Kind] =
    &[Kind::Model, Kind::Media, Kind::Embedding, Kind::Reranker, Kind::Retriever, Kind::Mcp];

/// Ids and names; the session is [the one or the other](crate::model::Identity::session).
pub(super) const IDENTITY: &[(IdentityField, &str)] = &[
    (IdentityField::RunId, field::RUN_ID),
    (IdentityField::ConversationId, field::CONVERSATION_ID),
    (IdentityField::UserId, field::USER_ID),
    (IdentityField::AgentId, field::AGENT_ID),
    (IdentityField::AgentName, field::AGENT_NAME),
    (IdentityField::TeamId, field::TEAM_ID),
    (IdentityField::TeamName, field::TEAM_NAME),
    (IdentityField::WorkflowId, field::WORKFLOW_ID),
    (IdentityField::WorkflowName, field::WORKFLOW_NAME),
    (IdentityField::StepName, field::STEP_NAME),
];

/// OpenTelemetry's providers, and `OpenInference`'s words for the host and, where the host tells it, the vendor of the model's API.
/// Others are their own host.
pub(super) const VENDORS: &[(&str, &str, Option<&str>)] = &[
    ("openai", "openai", Some("openai")),
    ("anthropic", "anthropic", Some("anthropic")),
    ("cohere", "cohere", Some("cohere")),
    ("mistral_ai", "mistralai", Some("mistralai")),
    ("deepseek", "deepseek", Some("deepseek")),
    ("x_ai", "xai", Some("xai")),
    ("azure.ai.openai", "azure", Some("openai")),
    ("azure.ai.inference", "azure", None),
    ("aws.bedrock", "aws", None),
    ("gcp.vertex_ai", "google", Some("vertexai")),
    ("gcp.gemini", "google", None),
    ("gcp.gen_ai", "google", None),
];

/// Recorded under these, a text is an integer.
pub(super) const INTEGERS: &[&str] = &[
    field::INPUT_TOKENS,
    field::OUTPUT_TOKENS,
    field::TOTAL_TOKENS,
    field::CACHE_READ_TOKENS,
    field::CACHE_WRITE_TOKENS,
    "gen_ai.usage.cache_creation.input_tokens",
    field::REASONING_TOKENS,
    field::MAX_TOKENS,
    field::RETRIEVAL_TOP_K,
    field::EMBEDDING_DIMENSIONS,
    "llm.token_count.prompt",
    "llm.token_count.completion",
    "llm.token_count.total",
    "llm.token_count.prompt_details.cache_read",
    "llm.token_count.prompt_details.cache_write",
    "llm.token_count.completion_details.reasoning",
];

/// Recorded under these, a text or an integer is a float.
pub(super) const FLOATS: &[&str] = &[
    field::TEMPERATURE,
    "gen_ai.request.top_p",
    "gen_ai.request.frequency_penalty",
    "gen_ai.request.presence_penalty",
    field::TIME_TO_FIRST_CHUNK,
    "llm.cost.total",
    "llm.cost.prompt",
    "llm.cost.completion",
];

/// Recorded under these, `Debug`'s quotes are none of the text, and a number is a text.
pub(super) const TEXTS: &[&str] = &[
    field::OPERATION,
    "openinference.span.kind",
    field::SESSION_ID,
    field::CONVERSATION_ID,
    field::USER_ID,
    field::RUN_ID,
    field::AGENT_ID,
    field::AGENT_NAME,
    field::TEAM_ID,
    field::TEAM_NAME,
    field::WORKFLOW_ID,
    field::WORKFLOW_NAME,
    field::STEP_NAME,
    "agent.name",
    field::PROVIDER,
    field::REQUEST_MODEL,
    field::RESPONSE_MODEL,
    field::RESPONSE_ID,
    field::TOOL_NAME,
    field::TOOL_CALL_ID,
    field::ERROR_TYPE,
    "llm.model_name",
    "tool.name",
];

/// Recorded under these, the JSON text of a list is the list.
pub(super) const LISTS: &[&str] = &[field::FINISH_REASONS, "gen_ai.request.stop_sequences", "tag.tags"];

/// Fields that say how the span is to be, and are said by the span itself when it leaves.
pub(super) const SAID_OTHERWISE: &[&str] = &[field::NAME, field::OTEL_KIND, field::STATUS_CODE, field::STATUS_MESSAGE];
