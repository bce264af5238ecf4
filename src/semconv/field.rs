//! Names of span fields, for `#[tracing::instrument(fields({field::AGENT_NAME} = "Researcher"))]` and `SpanExt::record_attribute`.
//!
//! Where OpenTelemetry's generative-AI conventions have a name, it is used in its current spelling (several are newer than the
//! constants of `opentelemetry-semantic-conventions`). Where they have none, the name is in the namespace `agent_traces.`. Deprecated
//! and other conventions' names are read as well; nobody has to rename fields.

/// What the span is, when nothing else says so: a word of [`Kind`](crate::model::Kind), such as `team` or `step`. It wins over every
/// other evidence.
pub const KIND: &str = "agent_traces.kind";
/// The operation: `chat`, `invoke_agent`, `execute_tool`, `embeddings`, `retrieval`, `invoke_workflow`, `plan` …
pub const OPERATION: &str = "gen_ai.operation.name";

/// One invocation of an agent.
pub const RUN_ID: &str = "agent_traces.run.id";
/// A session: what a user did in one sitting.
pub const SESSION_ID: &str = "session.id";
/// A conversation or thread, as the provider or framework numbers it.
pub const CONVERSATION_ID: &str = "gen_ai.conversation.id";
/// The end user.
pub const USER_ID: &str = "user.id";
/// An agent's name.
pub const AGENT_NAME: &str = "gen_ai.agent.name";
/// An agent's stable id.
pub const AGENT_ID: &str = "gen_ai.agent.id";
/// What an agent is for.
pub const AGENT_DESCRIPTION: &str = "gen_ai.agent.description";
/// An agent's version.
pub const AGENT_VERSION: &str = "gen_ai.agent.version";
/// A team's name.
pub const TEAM_NAME: &str = "agent_traces.team.name";
/// A team's id.
pub const TEAM_ID: &str = "agent_traces.team.id";
/// A workflow's name.
pub const WORKFLOW_NAME: &str = "gen_ai.workflow.name";
/// A workflow's id.
pub const WORKFLOW_ID: &str = "agent_traces.workflow.id";
/// The name of a workflow's step.
pub const STEP_NAME: &str = "agent_traces.step.name";

/// The model provider: `openai`, `anthropic`, `aws.bedrock`, `gcp.gemini` …
pub const PROVIDER: &str = "gen_ai.provider.name";
/// The model that is asked for.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// The model that answered.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// The provider's id of the answer.
pub const RESPONSE_ID: &str = "gen_ai.response.id";
/// Why the model stopped: a list, or its JSON text.
pub const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// Whether the answer is streamed.
pub const STREAM: &str = "gen_ai.request.stream";
/// The sampling temperature that is asked for.
pub const TEMPERATURE: &str = "gen_ai.request.temperature";
/// The most tokens that the model may answer.
pub const MAX_TOKENS: &str = "gen_ai.request.max_tokens";
/// The reasoning effort that is asked for, as sent to the provider.
pub const REASONING_LEVEL: &str = "gen_ai.request.reasoning.level";
/// Seconds from the request to the first chunk of a streamed answer.
pub const TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";

/// Input tokens, cached ones included.
pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Output tokens, reasoning included.
pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// Input and output tokens together, as the provider reports them. OpenTelemetry has no such attribute; this is the name in use.
pub const TOTAL_TOKENS: &str = "gen_ai.usage.total_tokens";
/// Input tokens read from the provider's cache.
pub const CACHE_READ_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
/// Input tokens written to the provider's cache.
pub const CACHE_WRITE_TOKENS: &str = "gen_ai.usage.cache_write.input_tokens";
/// Output tokens spent on reasoning.
pub const REASONING_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";
/// The cost in US dollars that the program itself knows.
pub const COST_USD: &str = "agent_traces.cost.usd";

/// A tool's name.
pub const TOOL_NAME: &str = "gen_ai.tool.name";
/// The id of a tool call, which links it to the model's request.
pub const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
/// A tool call's arguments, as JSON text.
pub const TOOL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
/// A tool call's result, as text or JSON text.
pub const TOOL_RESULT: &str = "gen_ai.tool.call.result";
/// What a tool is for.
pub const TOOL_DESCRIPTION: &str = "gen_ai.tool.description";
/// `function`, `extension` or `datastore`.
pub const TOOL_TYPE: &str = "gen_ai.tool.type";
/// The tools that a model or agent may call, as JSON text.
pub const TOOL_DEFINITIONS: &str = "gen_ai.tool.definitions";

/// A span's input, as text or JSON text (`OpenInference`'s name; OpenTelemetry has none for any kind of span).
pub const INPUT: &str = "input.value";
/// A span's output, as text or JSON text.
pub const OUTPUT: &str = "output.value";
/// The messages sent to a model, as JSON text of OpenTelemetry's schema.
pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
/// The messages that a model answered, as JSON text of OpenTelemetry's schema.
pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
/// The system prompt, as text or as JSON text of message parts.
pub const SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";

/// What is searched for.
pub const RETRIEVAL_QUERY: &str = "gen_ai.retrieval.query.text";
/// The documents found, as JSON text.
pub const RETRIEVAL_DOCUMENTS: &str = "gen_ai.retrieval.documents";
/// How many documents are asked for.
pub const RETRIEVAL_TOP_K: &str = "gen_ai.retrieval.top_k";
/// The collection, index or knowledge base that is searched.
pub const DATA_SOURCE_ID: &str = "gen_ai.data_source.id";
/// Dimensions of the embedding vectors.
pub const EMBEDDING_DIMENSIONS: &str = "gen_ai.embeddings.dimension.count";

/// The kind of error, of few different values: a type's name, an HTTP status, `timeout`.
pub const ERROR_TYPE: &str = "error.type";
/// Set where a [capture policy](crate::CapturePolicy) took something out: the classes of content of which it did, separated by commas.
pub const WITHHELD: &str = "agent_traces.withheld";
/// Replaces the span's name; may be recorded late.
pub const NAME: &str = "otel.name";
/// On a link, not on a span: why it stands there. `boundary` for the span that would be the parent if no
/// [boundary](crate::profile::Profile::boundary) were between.
pub const LINK_REASON: &str = "agent_traces.link.reason";
/// OpenTelemetry's span kind: `client`, `server`, `internal`, `producer` or `consumer`.
pub const OTEL_KIND: &str = "otel.kind";
/// OpenTelemetry's status: `OK` or `ERROR`.
pub const STATUS_CODE: &str = "otel.status_code";
/// What went wrong, with [`STATUS_CODE`] `ERROR`.
pub const STATUS_MESSAGE: &str = "otel.status_description";
