//! Spans of the common kinds, with the right names and fields.

/// Makes the span of one agent run: `agent_span!("Researcher")`.
///
/// More fields can follow, in any form that [`tracing::span!`] takes. It is an ordinary `INFO` span of `tracing` at the caller's
/// place in the program, and so visible to every layer.
///
/// ```
/// use tracing_agents::{agent_span, field};
///
/// let session = 42;
/// let span = agent_span!("Researcher", { field::SESSION_ID } = %session, question = "What is new?");
/// span.in_scope(|| { /* model and tool calls */ });
/// ```
#[macro_export]
macro_rules! agent_span {
    ($name:expr $(, $($fields:tt)*)?) => {
        $crate::__private::tracing::info_span!(
            "invoke_agent",
            { $crate::field::OPERATION } = "invoke_agent",
            { $crate::field::AGENT_NAME } = $name,
            $($($fields)*)?
        )
    };
}

/// Makes the span of a team that coordinates agents. More fields can follow, as in [`agent_span!`].
///
/// OpenTelemetry has no operation for teams, so the kind is named by this crate's own field.
///
/// ```
/// # use tracing_agents::{agent_span, team_span};
/// let team = team_span!("Newsroom");
/// let writer = team.in_scope(|| agent_span!("Writer"));
/// ```
#[macro_export]
macro_rules! team_span {
    ($name:expr $(, $($fields:tt)*)?) => {
        $crate::__private::tracing::info_span!(
            "team",
            { $crate::field::KIND } = "team",
            { $crate::field::TEAM_NAME } = $name,
            $($($fields)*)?
        )
    };
}

/// Makes the span of a workflow. More fields can follow, as in [`agent_span!`].
///
/// ```
/// # use tracing_agents::{field, workflow_span};
/// let span = workflow_span!("Onboarding", { field::USER_ID } = "u-1");
/// ```
#[macro_export]
macro_rules! workflow_span {
    ($name:expr $(, $($fields:tt)*)?) => {
        $crate::__private::tracing::info_span!(
            "invoke_workflow",
            { $crate::field::OPERATION } = "invoke_workflow",
            { $crate::field::WORKFLOW_NAME } = $name,
            $($($fields)*)?
        )
    };
}

/// Makes the span of one step of a workflow or agent. More fields can follow, as in [`agent_span!`].
///
/// ```
/// # use tracing_agents::step_span;
/// let span = step_span!("summarise", attempt = 2);
/// ```
#[macro_export]
macro_rules! step_span {
    ($name:expr $(, $($fields:tt)*)?) => {
        $crate::__private::tracing::info_span!(
            "step",
            { $crate::field::KIND } = "step",
            { $crate::field::STEP_NAME } = $name,
            $($($fields)*)?
        )
    };
}

/// Makes the span of a call of a language model: OpenTelemetry's operation `chat`, of span kind client. More fields can follow, as
/// in [`agent_span!`].
///
/// ```
/// # use tracing_agents::{SpanExt, field, model::Usage, model_span};
/// let span = model_span!("gpt-4o", { field::PROVIDER } = "openai");
/// span.record_usage(Usage::new(17, 9));
/// ```
#[macro_export]
macro_rules! model_span {
    ($model:expr $(, $($fields:tt)*)?) => {
        $crate::__private::tracing::info_span!(
            "chat",
            { $crate::field::OPERATION } = "chat",
            { $crate::field::OTEL_KIND } = "client",
            { $crate::field::REQUEST_MODEL } = $model,
            $($($fields)*)?
        )
    };
}

/// Makes the span of a tool call. More fields can follow, as in [`agent_span!`].
///
/// ```
/// # use tracing_agents::{field, tool_span};
/// let span = tool_span!("web_search", { field::TOOL_CALL_ID } = "call_1", { field::TOOL_ARGUMENTS } = r#"{"query":"rust"}"#);
/// ```
#[macro_export]
macro_rules! tool_span {
    ($name:expr $(, $($fields:tt)*)?) => {
        $crate::__private::tracing::info_span!(
            "execute_tool",
            { $crate::field::OPERATION } = "execute_tool",
            { $crate::field::TOOL_NAME } = $name,
            $($($fields)*)?
        )
    };
}

/// Makes the span of a search in a collection of documents, index or knowledge base. More fields can follow, as in
/// [`agent_span!`].
///
/// ```
/// # use tracing_agents::{field, retriever_span};
/// let span = retriever_span!("handbook", { field::RETRIEVAL_QUERY } = "holidays", { field::RETRIEVAL_TOP_K } = 5);
/// ```
#[macro_export]
macro_rules! retriever_span {
    ($source:expr $(, $($fields:tt)*)?) => {
        $crate::__private::tracing::info_span!(
            "retrieval",
            { $crate::field::OPERATION } = "retrieval",
            { $crate::field::OTEL_KIND } = "client",
            { $crate::field::DATA_SOURCE_ID } = $source,
            $($($fields)*)?
        )
    };
}

/// Makes the span of a call of an embedding model. More fields can follow, as in [`agent_span!`].
///
/// ```
/// # use tracing_agents::{field, embedding_span};
/// let span = embedding_span!("text-embedding-3-small", { field::EMBEDDING_DIMENSIONS } = 512);
/// ```
#[macro_export]
macro_rules! embedding_span {
    ($model:expr $(, $($fields:tt)*)?) => {
        $crate::__private::tracing::info_span!(
            "embeddings",
            { $crate::field::OPERATION } = "embeddings",
            { $crate::field::OTEL_KIND } = "client",
            { $crate::field::REQUEST_MODEL } = $model,
            $($($fields)*)?
        )
    };
}
