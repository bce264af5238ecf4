//! What went in and what came out: prompts, answers, arguments, results, messages. Read when one span is opened, and for previews.
//!
//! Messages come in every form that the conventions had: one attribute with JSON (current), one attribute a leaf (`flattened`), one event
//! a message or one event with all (`events`), each asked in that order; `messages` reads the JSON of all of them. Documents and embedded
//! texts may be spread over attributes as well (`lists`), and a function's arguments are attributes of their own (`arguments`).

mod arguments;
mod events;
mod flattened;
mod lists;
mod messages;
mod places;

use super::coerce::{content_text, json};
use super::reading::Reading;
use super::{field, lift};
use crate::model::{Attributes, Event, Kind, Lift, Message, Part, Role, Value};
use messages::{from_json, from_text_or_json};
pub(crate) use places::{Holds, Side, holds, is_about, is_argument, role_of_event};

/// A span's content. What the producer did not record, or a capture policy kept out, is absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Content {
    /// The input as text or JSON text: a prompt, a tool's arguments, a query.
    pub input: Option<String>,
    /// The output as text or JSON text: an answer, a tool's result, a function's return value.
    pub output: Option<String>,
    /// The messages sent to the model, system instructions first, where they are structured.
    pub input_messages: Vec<Message>,
    /// The messages that the model answered, where they are structured.
    pub output_messages: Vec<Message>,
}

/// Attributes that hold a tool call's arguments, before those of any span's input.
const TOOL_INPUT: &[&str] = &[field::TOOL_ARGUMENTS, "ai.toolCall.args", "tool_arguments", "gen_ai.tool.arguments"];
/// Attributes that hold a tool call's result.
const TOOL_OUTPUT: &[&str] = &[field::TOOL_RESULT, "ai.toolCall.result", "tool_response", "gen_ai.tool.result"];

/// Attributes that hold a span's input, of any kind.
const INPUT: &[&str] = &[
    "langfuse.observation.input",
    "langfuse.input",
    "langfuse.trace.input",
    field::INPUT,
    "traceloop.entity.input",
    "mlflow.spanInputs",
    "gcp.vertex.agent.llm_request",
    "gcp.vertex.agent.tool_call_args",
    "input",
    "input_json",
    "trace_input",
    "gen_ai.prompt",
    "ai.prompt",
    "ai.value",
    "prompt",
    field::RETRIEVAL_QUERY,
    "reranker.query",
    "gen_ai.memory.query.text",
    "tool.parameters", // the convention's definition of parameters; instrumentors put the arguments here
];
/// Attributes that hold a span's output, of any kind.
const OUTPUT: &[&str] = &[
    "langfuse.observation.output",
    "langfuse.output",
    "langfuse.trace.output",
    field::OUTPUT,
    "traceloop.entity.output",
    "mlflow.spanOutputs",
    "gcp.vertex.agent.llm_response",
    "gcp.vertex.agent.tool_response",
    "output",
    "output_json",
    "trace_output",
    "gen_ai.completion",
    "gen_ai.completion.content",
    "ai.response.text",
    "ai.response.object",
    "final_result",
    field::RETRIEVAL_DOCUMENTS,
    "gen_ai.memory.records",
];

/// Attributes that hold messages sent to a model as JSON, after `gen_ai.input.messages`.
const INPUT_MESSAGES: &[&str] = &["gen_ai.prompt", "ai.prompt.messages", "ai.prompt"];
/// Lists that hold a whole conversation, the answer at its end.
const ALL_MESSAGES: &[&str] = &["pydantic_ai.all_messages", "all_messages_events"];

/// Whether content is read from this attribute.
pub(super) fn reads(key: &str) -> bool {
    const MESSAGES: [&str; 3] = [field::INPUT_MESSAGES, field::OUTPUT_MESSAGES, field::SYSTEM_INSTRUCTIONS];
    let lists = [TOOL_INPUT, TOOL_OUTPUT, INPUT, OUTPUT, INPUT_MESSAGES, ALL_MESSAGES, &MESSAGES];
    lists.iter().any(|list| list.contains(&key))
}

/// What a tool answered, as it was recorded: the value that its output is read from, else the messages of its answer.
pub(super) fn tool_result<'a>(reading: &Reading<'a>, events: &'a [Event]) -> Option<&'a Value> {
    const MESSAGES: &[&str] = &[field::OUTPUT_MESSAGES];
    let recorded = [TOOL_OUTPUT, OUTPUT, MESSAGES].into_iter().flatten().find_map(|key| reading.get(key));
    recorded.or_else(|| events::return_value(events))
}

/// Reads a span's content. `lifts` tells what a framework's profile found under other names.
///
/// Structured messages and plain input are told apart: where both are recorded, the messages are a chat's view and the plain text is
/// the preview. Where only messages are, the last user's message stands for the input, the last answer for the output. A function's
/// return value (`#[instrument(ret)]`) is the output of a span without another one. A tool's span without input has the arguments that
/// `#[instrument]` captured, as a JSON object: its fields that belong to no convention. Documents that were found are output and texts
/// that were embedded are input, also where each is an attribute of its own.
#[must_use]
pub(crate) fn read_content(attributes: &Attributes, events: &[Event], lifts: &[Lift], kind: Kind) -> Content {
    let lifted = lift::resolve(lifts, attributes, events);
    let reading = Reading::new(attributes).with_lifted(&lifted);
    let output_messages = output_messages(&reading, attributes, events);
    let input_messages = input_messages(&reading, attributes, events, &output_messages);
    let plain = |keys: &[&str]| {
        keys.iter().find_map(|key| content_text(reading.get(key)?).filter(|text| !matches!(&**text, "{}" | "[]")))
    };
    // An empty object is what a tool without parameters is called with, an empty list may be its result; elsewhere they stand for
    // nothing.
    let of_tool = |keys: &[&str]| {
        let is_tool = matches!(kind, Kind::Tool | Kind::Mcp);
        is_tool.then(|| keys.iter().find_map(|key| content_text(reading.get(key)?))).flatten()
    };
    let input = of_tool(TOOL_INPUT)
        .or_else(|| plain(INPUT))
        .map(std::borrow::Cow::into_owned)
        .or_else(|| lists::embedded(attributes))
        .or_else(|| said_last(&input_messages, Role::User))
        .or_else(|| of_tool(&[field::INPUT, "tool.parameters"]).map(std::borrow::Cow::into_owned))
        .or_else(|| if kind == Kind::Tool { arguments::captured(attributes) } else { None });
    let output = of_tool(TOOL_OUTPUT)
        .or_else(|| plain(OUTPUT))
        .map(std::borrow::Cow::into_owned)
        .or_else(|| lists::documents(attributes))
        .or_else(|| said_last(&output_messages, Role::Assistant))
        .or_else(|| of_tool(&[field::OUTPUT]).map(std::borrow::Cow::into_owned))
        .or_else(|| events::returned(events));
    Content { input, output, input_messages, output_messages }
}

/// The messages that were sent. `output` tells whether a list of the whole conversation ends with the answer.
fn input_messages(
    reading: &Reading<'_>,
    attributes: &Attributes,
    events: &[Event],
    output: &[Message],
) -> Vec<Message> {
    let json_of = |key: &str| reading.get(key).and_then(json).map(|json| from_json(json, Role::User));
    let found = json_of(field::INPUT_MESSAGES)
        .filter(|messages| !messages.is_empty())
        .or_else(|| events::details(events, field::INPUT_MESSAGES, Role::User));
    let found = fuller(found, flattened::read(attributes, "llm.input_messages.", Role::User))
        .or_else(|| flattened::read(attributes, "gen_ai.prompt.", Role::User))
        .or_else(|| events::input_messages(events))
        .or_else(|| INPUT_MESSAGES.iter().find_map(|key| json_of(key)).filter(|messages| !messages.is_empty()))
        .or_else(|| {
            let mut all = ALL_MESSAGES.iter().find_map(|key| json_of(key)).filter(|messages| !messages.is_empty())?;
            // The answer at the end of a whole conversation is output.
            if output.is_empty() || all.last() == output.last() {
                all.pop_if(|message| message.role == Role::Assistant);
            }
            Some(all)
        })
        .or_else(|| flattened::read(attributes, "llm.prompts.", Role::User));
    let mut messages = found.unwrap_or_default();
    let has_system = messages.iter().any(|message| message.role == Role::System);
    let instructions = reading.get(field::SYSTEM_INSTRUCTIONS).or_else(|| events::instructions(events));
    if let (false, Some(instructions)) = (has_system, instructions) {
        messages.splice(0..0, from_text_or_json(instructions, Role::System));
    }
    messages
}

/// The messages that were answered.
fn output_messages(reading: &Reading<'_>, attributes: &Attributes, events: &[Event]) -> Vec<Message> {
    let json_of = |key: &str| reading.get(key).and_then(json).map(|json| from_json(json, Role::Assistant));
    let found = json_of(field::OUTPUT_MESSAGES)
        .filter(|messages| !messages.is_empty())
        .or_else(|| events::details(events, field::OUTPUT_MESSAGES, Role::Assistant));
    fuller(found, flattened::read(attributes, "llm.output_messages.", Role::Assistant))
        .or_else(|| flattened::read(attributes, "gen_ai.completion.", Role::Assistant))
        .or_else(|| events::choices(events))
        .or_else(|| json_of("gen_ai.completion").filter(|messages| !messages.is_empty()))
        .or_else(|| vercel_answer(reading))
        .or_else(|| {
            let all = ALL_MESSAGES.iter().find_map(|key| json_of(key))?;
            all.into_iter().next_back().filter(|message| message.role == Role::Assistant).map(|message| vec![message])
        })
        .or_else(|| flattened::read(attributes, "llm.choices.", Role::Assistant))
        .unwrap_or_default()
}

/// The messages in OpenTelemetry's form, unless `OpenInference`'s say more: where an instrumentor writes both, the one is derived from
/// the other and leaves out what it has no word for, such as reasoning.
fn fuller(otel: Option<Vec<Message>>, openinference: Option<Vec<Message>>) -> Option<Vec<Message>> {
    let parts = |messages: &Option<Vec<Message>>| -> usize {
        messages.iter().flatten().map(|message| message.parts.len()).sum()
    };
    if otel.is_none() || parts(&openinference) > parts(&otel) { openinference } else { otel }
}

/// Vercel's answer before it adopted messages: text, reasoning and tool calls in attributes of their own.
fn vercel_answer(reading: &Reading<'_>) -> Option<Vec<Message>> {
    let text = |key: &str| reading.get(key).and_then(content_text).map(std::borrow::Cow::into_owned);
    let mut parts = Vec::new();
    parts.extend(text("ai.response.reasoning").map(|content| Part::Reasoning { content }));
    parts.extend(text("ai.response.text").map(|content| Part::Text { content }));
    if let Some(serde_json::Value::Array(calls)) = reading.get("ai.response.toolCalls").and_then(json) {
        parts.extend(calls.into_iter().take(messages::MAX).filter_map(messages::tool_call));
    }
    let finish_reason = reading.string(&["ai.response.finishReason"]);
    (!parts.is_empty()).then(|| vec![Message { role: Role::Assistant, parts, finish_reason }])
}

/// The text of the last message of `role` that has one.
fn said_last(messages: &[Message], role: Role) -> Option<String> {
    messages.iter().rev().filter(|message| message.role == role).map(Message::joined_text).find(|text| !text.is_empty())
}
