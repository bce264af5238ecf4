//! Texts for people: display names and previews. They are made to be read in lists; what they are made from stays as recorded.

use super::reading::Reading;
use super::{field, gen_ai, mcp};
use crate::model::{Identity, IdentityField, Kind, Span};

/// The most characters of a preview.
const PREVIEW: usize = 200;

/// A text on one line, at most 200 characters: white space of any kind becomes single spaces, and what is cut ends in `…`.
#[must_use]
pub(crate) fn preview(text: &str) -> String {
    let mut line = String::new();
    let mut count = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let gap = usize::from(!line.is_empty());
        for c in " ".chars().take(gap).chain(word.chars()) {
            if count == PREVIEW {
                line.pop();
                line.truncate(line.trim_end().len());
                line.push('…');
                return line;
            }
            line.push(c);
            count += 1;
        }
    }
    line
}

/// The first `max` characters of a text, with `…` for what is cut.
pub(super) fn cut(mut text: String, max: usize) -> String {
    if let Some((at, _)) = text.char_indices().nth(max) {
        text.truncate(at);
        text.push('…');
    }
    text
}

/// A name for people: the operation and what it is about, as OpenTelemetry names spans (`invoke_agent Researcher`, `chat gpt-4o`).
///
/// Names at callsites are the same for each call, and often a function's; so where the agent, model or tool is known it makes the
/// name. Else the recorded name stands, unless it is empty: then it is the operation alone.
pub(super) fn name(span: &Span, own: &Identity, reading: &Reading<'_>) -> String {
    use IdentityField::{AgentId, AgentName, TeamId, TeamName, WorkflowId, WorkflowName};
    let of = |name, id| own.get(name).or_else(|| own.get(id)).map(str::to_owned);
    let (verb, subject) = match span.kind {
        Kind::Agent => ("invoke_agent", of(AgentName, AgentId)),
        Kind::Team => ("invoke_team", of(TeamName, TeamId).or_else(|| of(AgentName, AgentId))),
        Kind::Workflow => ("invoke_workflow", of(WorkflowName, WorkflowId)),
        Kind::Step => ("step", reading.string(&[field::STEP_NAME, "traceloop.entity.name", "graph.node.name"])),
        Kind::Plan => ("plan", of(AgentName, AgentId)),
        Kind::Model => ("chat", span.model().map(str::to_owned)),
        Kind::Embedding => ("embeddings", span.model().map(str::to_owned)),
        Kind::Reranker => ("rerank", span.model().map(str::to_owned)),
        Kind::Media => ("generate", span.model().map(str::to_owned)),
        Kind::Tool => ("execute_tool", span.tool_name.clone()),
        Kind::Retriever => ("retrieval", reading.string(&[field::DATA_SOURCE_ID])),
        Kind::Memory => ("memory", reading.string(&["gen_ai.memory.store.id"])),
        Kind::Mcp => {
            let about = reading.string(&[field::TOOL_NAME, "gen_ai.prompt.name", "mcp.resource.uri"]);
            return join(&reading.string(&[mcp::METHOD]).unwrap_or_else(|| span.name.clone()), about, "mcp");
        }
        other => (other.as_str(), None),
    };
    // The producer's own word for the operation, where it means this kind: `text_completion`, `create_agent`, `transcription` …
    let operation = span.operation.as_deref().filter(|operation| gen_ai::kind_of(operation) == Some(span.kind));
    let verb = operation.unwrap_or(verb);
    match subject {
        Some(subject) => join(verb, Some(subject), verb),
        None => join(&span.name, None, verb),
    }
}

/// `{verb} {subject}` on one line, `fallback` when that is empty.
fn join(verb: &str, subject: Option<String>, fallback: &str) -> String {
    let text = subject.map_or_else(|| verb.to_owned(), |subject| format!("{verb} {subject}"));
    let line = preview(&text);
    if line.is_empty() { fallback.to_owned() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previews_are_short_and_of_one_line() {
        assert_eq!(preview("  a\n\tb\u{0}c\u{2028}d "), "a b c d");
        assert_eq!(preview(""), "");
        let exact = "é".repeat(200);
        assert_eq!(preview(&exact), exact);
        let long = preview(&"é".repeat(201));
        assert_eq!((long.chars().count(), long.ends_with("é…")), (200, true));
        let words = preview(&"ab ".repeat(1000));
        assert_eq!((words.chars().count(), words.ends_with("b a…")), (200, true), "{words}");
        assert_eq!(preview(&"abc ".repeat(100)), format!("{} abc…", ["abc"; 49].join(" ")));
    }

    #[test]
    fn cutting_keeps_characters_whole() {
        assert_eq!(cut("aéb".to_owned(), 2), "aé…");
        assert_eq!(cut("aéb".to_owned(), 3), "aéb");
    }
}
