//! Whatever is recorded, interpretation neither panics nor changes it.

use proptest::prelude::*;

use super::*;

/// Keys that rules read, so that random values meet them.
const KEYS: &[&str] = &[
    field::KIND,
    field::OPERATION,
    field::NAME,
    field::OTEL_KIND,
    field::STATUS_CODE,
    field::SESSION_ID,
    field::AGENT_NAME,
    field::TEAM_NAME,
    field::PROVIDER,
    field::REQUEST_MODEL,
    field::INPUT_TOKENS,
    field::OUTPUT_TOKENS,
    field::TOTAL_TOKENS,
    field::CACHE_READ_TOKENS,
    field::TOOL_NAME,
    field::TOOL_ARGUMENTS,
    field::INPUT,
    field::OUTPUT,
    field::INPUT_MESSAGES,
    field::OUTPUT_MESSAGES,
    field::SYSTEM_INSTRUCTIONS,
    field::ERROR_TYPE,
    field::TIME_TO_FIRST_CHUNK,
    "openinference.span.kind",
    "graph.node.parent_id",
    "langfuse.observation.type",
    "langfuse.observation.usage_details",
    "langfuse.observation.cost_details",
    "langfuse.observation.completion_start_time",
    "mcp.method.name",
    "ai.operationId",
    "ai.model.provider",
    "ai.response.toolCalls",
    "llm.invocation_parameters",
    "llm.cost.total",
    "pydantic_ai.all_messages",
    "error",
    "return",
    "message",
    "tool_calls",
    "query",
    "llm.input_messages.0.message.role",
    "llm.input_messages.7.message.content",
    "llm.input_messages.7.message.tool_calls.2.tool_call.function.arguments",
    "llm.output_messages.0.message.contents.3.message_content.type",
    "gen_ai.completion.0.finish_reason",
    "retrieval.documents.3.document.metadata",
    "embedding.embeddings.1.embedding.text",
];

/// Names of events that rules read.
const EVENTS: &[&str] = &["exception", "gen_ai.choice", "gen_ai.tool.message", "gen_ai.content.prompt", ""];

/// Texts at the edges of the parsers.
const TEXTS: &[&str] = &[
    "",
    "\"",
    "\"\"",
    "\"\\",
    "\"\\u{\"",
    "\"\\u12\"",
    "Some(",
    "Some()",
    "Some(Some(\"a\"))",
    "None",
    "null",
    "[",
    "[]",
    "{}",
    "[{}]",
    "-",
    "invoke_agent",
    "tools/call",
    "execute_tool ",
    "tool.",
    "CHAIN",
    "AGENT",
    "1e999",
    "-0.0",
    "9999-99-99T99:99:99Z",
    "2026-11-22T12:25:07+é",
    "2026-11-22T-",
    "[{\"role\":\"user\",\"parts\":[{\"type\":\"tool_call\"}]}]",
    "{\"total\":-1}",
    "é",
    "\u{0}",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(TEXTS).prop_map(str::to_owned), any::<String>()]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::I64),
        any::<u64>().prop_map(Value::U64),
        any::<i128>().prop_map(Value::I128),
        any::<u128>().prop_map(Value::U128),
        any::<f64>().prop_filter("NaN equals nothing", |number| !number.is_nan()).prop_map(Value::F64),
        Just(Value::F64(f64::INFINITY)),
        text().prop_map(Value::Str),
        text().prop_map(Value::Debug),
        text().prop_map(Value::Error),
        any::<Vec<u8>>().prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((text(), inner), 0..4).prop_map(Value::Map),
        ]
    })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let key = prop_oneof![9 => prop::sample::select(KEYS).prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec((key, value()), 0..16)
        .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

fn event() -> impl Strategy<Value = Event> {
    (prop::sample::select(EVENTS).prop_map(str::to_owned), attributes(), any::<bool>()).prop_map(
        |(name, attributes, has_callsite)| Event {
            name,
            time_ns: 0,
            attributes,
            dropped_attributes: u32::MAX,
            callsite: has_callsite.then(|| callsite("", "", "ERROR", &[])),
        },
    )
}

proptest! {
    #[test]
    fn interpretation_never_panics_and_keeps_the_record(
        name in text(),
        target in prop::sample::select(&["", "rig::completions", "langchain_rust", "adk_agent"][..]),
        start_ns in any::<i64>(),
        attributes in attributes(),
        events in prop::collection::vec(event(), 0..3),
    ) {
        let Case(mut record) = case(&name).target(target, &[]);
        (record.start_ns, record.attributes, record.events) = (start_ns, attributes, events);
        record.dropped_events = u32::MAX;
        let understood = interpret(record.clone());
        prop_assert_eq!(&understood.record, &record);
        let span = understood.span;
        prop_assert!(!span.display_name.is_empty());
        prop_assert!(!span.kind_source.is_empty());
        prop_assert!(span.display_name.chars().count() <= 200);
        prop_assert_eq!(span.usage.is_none(), span.usage.and_then(|usage| usage.basis).is_none());
        prop_assert!(span.time_to_first_token_ns.is_none_or(|nanos| nanos >= 0));
        for kind in Kind::ALL {
            let content = read_content(&record.attributes, &record.events, &understood.lifts, *kind);
            prop_assert!(content.input.is_none_or(|input| !input.is_empty()));
        }
    }

    #[test]
    fn previews_are_bounded(text in any::<String>()) {
        let preview = preview(&text);
        prop_assert!(preview.chars().count() <= 200);
        prop_assert!(!preview.contains(['\n', '\r', '\t']));
    }
}
