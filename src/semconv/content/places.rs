//! Which attributes hold content, and of what: the tables by which content is read, asked the other way round.
//!
//! Who keeps content out must know all places from which it would be read, so a name that is added to the tables is in here by itself.

use super::super::{field, identity_of};
use super::{ALL_MESSAGES, INPUT, INPUT_MESSAGES, OUTPUT, TOOL_INPUT, TOOL_OUTPUT, arguments, events};
use crate::model::{Event, Role};

/// What an attribute holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds<'k> {
    /// The system prompt.
    Instructions,
    /// A span's input or output, of any kind.
    Value(Side),
    ToolArguments,
    ToolResult,
    /// What is searched for.
    Query,
    /// Documents that were found, or that are to be ranked.
    Documents(Side),
    /// Messages, or a part of them.
    Messages(Side),
    /// A whole conversation.
    Conversation,
    /// A leaf of a message that is spread over attributes: the message's prefix (`llm.input_messages.0.`), and the path below it.
    Leaf(Side, &'k str, &'k str),
    /// A leaf of the same of a completion model without messages.
    Text(Side, &'k str),
    /// A leaf of a document.
    DocumentLeaf(Side, &'k str),
    EmbeddedText,
    EmbeddingVector,
    /// The tools that may be called.
    Tools,
    /// What a model was asked with besides messages.
    Parameters,
}

/// Whether something went in or came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    In,
    Out,
}

/// Messages that are spread over attributes.
const LEAVES: &[(&str, Side)] = &[
    ("llm.input_messages.", Side::In),
    ("gen_ai.prompt.", Side::In),
    ("llm.output_messages.", Side::Out),
    ("gen_ai.completion.", Side::Out),
];

/// Other lists that are spread over attributes.
const TEXTS: &[(&str, Side)] = &[("llm.prompts.", Side::In), ("llm.choices.", Side::Out)];
const DOCUMENTS: &[(&str, Side)] = &[
    ("retrieval.documents.", Side::Out),
    ("reranker.output_documents.", Side::Out),
    ("reranker.input_documents.", Side::In),
];

/// Of the inputs and outputs of any kind, those that belong to one.
const OF_ONE_KIND: &[(&str, Holds<'static>)] = &[
    (field::SYSTEM_INSTRUCTIONS, Holds::Instructions),
    ("gcp.vertex.agent.tool_call_args", Holds::ToolArguments),
    ("tool.parameters", Holds::ToolArguments),
    ("gcp.vertex.agent.tool_response", Holds::ToolResult),
    (field::RETRIEVAL_QUERY, Holds::Query),
    ("reranker.query", Holds::Query),
    ("gen_ai.memory.query.text", Holds::Query),
    (field::RETRIEVAL_DOCUMENTS, Holds::Documents(Side::Out)),
    ("gen_ai.memory.records", Holds::Documents(Side::Out)),
    (field::INPUT_MESSAGES, Holds::Messages(Side::In)),
    (field::OUTPUT_MESSAGES, Holds::Messages(Side::Out)),
    ("gen_ai.completion", Holds::Messages(Side::Out)),
    ("gen_ai.completion.content", Holds::Messages(Side::Out)),
    ("ai.response.reasoning", Holds::Messages(Side::Out)),
    ("ai.response.toolCalls", Holds::Messages(Side::Out)),
    ("ai.prompt.tools", Holds::Tools),
    (field::TOOL_DEFINITIONS, Holds::Tools),
    ("llm.request.functions", Holds::Tools),
    ("llm.invocation_parameters", Holds::Parameters),
    // The templates that prompts are made of, and what is put into them.
    ("llm.prompt_template.template", Holds::Instructions),
    ("llm.prompt_template.variables", Holds::Value(Side::In)),
    ("llm.function_call", Holds::ToolArguments),
];

/// What is content in an attribute; None where nothing is.
pub(crate) fn holds(key: &str) -> Option<Holds<'_>> {
    let exact = OF_ONE_KIND.iter().find(|(known, _)| *known == key).map(|(_, holds)| *holds);
    exact.or_else(|| listed(key)).or_else(|| leaf(key))
}

/// What is content in an attribute of a tool's span: also the arguments of a function, which are named as it likes.
pub(crate) fn is_argument(key: &str) -> bool {
    arguments::is_one(key)
}

/// The names by which content is read.
fn listed(key: &str) -> Option<Holds<'static>> {
    let is_in = |list: &[&str]| list.contains(&key);
    Some(match key {
        _ if is_in(TOOL_INPUT) => Holds::ToolArguments,
        _ if is_in(TOOL_OUTPUT) => Holds::ToolResult,
        _ if is_in(INPUT_MESSAGES) => Holds::Messages(Side::In),
        _ if is_in(ALL_MESSAGES) => Holds::Conversation,
        _ if is_in(INPUT) => Holds::Value(Side::In),
        _ if is_in(OUTPUT) => Holds::Value(Side::Out),
        _ => return None,
    })
}

/// What is spread over attributes.
fn leaf(key: &str) -> Option<Holds<'_>> {
    let below =
        |list: &'static [(&str, Side)]| list.iter().find_map(|(prefix, side)| Some((key.strip_prefix(prefix)?, *side)));
    if let Some((rest, side)) = below(LEAVES) {
        let path = rest.split_once('.').map_or("", |(_, path)| path);
        return Some(Holds::Leaf(side, key.get(..key.len() - path.len())?, path));
    }
    if let Some((rest, side)) = below(TEXTS) {
        return Some(Holds::Text(side, rest));
    }
    if let Some((rest, side)) = below(DOCUMENTS) {
        return Some(Holds::DocumentLeaf(side, rest));
    }
    if key.starts_with("embedding.embeddings.") {
        return Some(if key.ends_with(".vector") { Holds::EmbeddingVector } else { Holds::EmbeddedText });
    }
    if key.starts_with("llm.tools.") || key.starts_with("llm.request.functions.") {
        return Some(Holds::Tools);
    }
    None
}

/// The role of the messages in an event that tells content by OpenTelemetry's conventions; None for any other event.
pub(crate) fn role_of_event(event: &Event) -> Option<(Side, Role)> {
    Some(match events::name(event) {
        "gen_ai.system.message" => (Side::In, Role::System),
        "gen_ai.user.message" | "gen_ai.content.prompt" => (Side::In, Role::User),
        "gen_ai.assistant.message" => (Side::In, Role::Assistant),
        "gen_ai.tool.message" => (Side::In, Role::Tool),
        "gen_ai.choice" | "gen_ai.content.completion" | "gen_ai.client.inference.operation.details" => {
            (Side::Out, Role::Assistant)
        }
        _ => return None,
    })
}

/// Whether an attribute of such an event says what it is about, and not what was said.
pub(crate) fn is_about(key: &str) -> bool {
    const KEYS: &[&str] =
        &["event.name", "role", "id", "index", "finish_reason", "name", "tool_call_id", "target", "level"];
    let last = key.rsplit('.').next().unwrap_or(key);
    let is_said = matches!(last, "content" | "message" | "messages" | "body" | "text");
    KEYS.contains(&key) || (key.contains('.') && !is_said) || identity_of(key).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_that_content_is_read_from_is_known() {
        for list in [TOOL_INPUT, TOOL_OUTPUT, INPUT, OUTPUT, INPUT_MESSAGES, ALL_MESSAGES] {
            for key in list {
                assert!(holds(key).is_some(), "{key}");
            }
        }
    }

    #[test]
    fn leaves_know_their_message() {
        let leaf = |key| holds(key);
        assert_eq!(
            leaf("llm.input_messages.12.message.content"),
            Some(Holds::Leaf(Side::In, "llm.input_messages.12.", "message.content"))
        );
        assert_eq!(leaf("gen_ai.completion.0.role"), Some(Holds::Leaf(Side::Out, "gen_ai.completion.0.", "role")));
        for key in ["llm.model_name", "gen_ai.usage.input_tokens", "http.url", "session.id", "gen_ai.tool.name"] {
            assert_eq!(holds(key), None, "{key}");
        }
    }
}
