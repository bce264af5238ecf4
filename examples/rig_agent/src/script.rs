//! What the fake model says, in the shapes of OpenAI's Chat Completions.
//!
//! Asked a question, it wants all [`CALLS`] made, or passes the question on to [`RESEARCHER`] where it is offered that tool; given the
//! results, it answers with them. Each answer reports [`Tokens::PER_ANSWER`].

use crate::delegation::RESEARCHER;
use crate::tokens::Tokens;
use serde::Deserialize;
use serde_json::{Value, json};

/// The calls that a question is first answered with: the tool and its arguments.
pub const CALLS: [(&str, &str); 2] = [("weather", r#"{"city":"Oslo"}"#), ("local_time", r#"{"city":"Oslo"}"#)];

/// What the script reads of a request.
#[derive(Deserialize)]
pub(crate) struct ChatRequest {
    pub(crate) model: String,
    messages: Vec<ChatMessage>,
    #[serde(default)]
    tools: Vec<OfferedTool>,
    #[serde(default)]
    pub(crate) stream: bool,
}

/// A tool that the model may call.
#[derive(Deserialize)]
struct OfferedTool {
    function: Function,
}

#[derive(Deserialize)]
struct Function {
    name: String,
}

/// A message of the conversation so far.
#[derive(Deserialize)]
struct ChatMessage {
    role: String,
    #[serde(default)]
    content: Value,
}

impl ChatMessage {
    /// The content's text, whether it is told as one or in parts.
    fn text(&self) -> String {
        match &self.content {
            Value::Array(parts) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect(),
            content => content.as_str().unwrap_or("nothing").to_owned(),
        }
    }
}

/// One answer of the model.
pub(crate) struct Answer<'a> {
    /// Its number on this server, for the ids in it.
    pub(crate) number: u64,
    /// The model that was asked for, and answers.
    pub(crate) model: &'a str,
    /// What it says.
    pub(crate) turn: Turn,
}

/// What the model says next.
pub(crate) enum Turn {
    /// The tools to call, and their arguments.
    Calls(Vec<(&'static str, String)>),
    Text(String),
}

impl Turn {
    /// The results since the last question decide: none yet, so ask for them; else answer with them.
    pub(crate) fn after(request: &ChatRequest) -> Self {
        let asked = request.messages.iter().rposition(|message| message.role == "user").unwrap_or(0);
        let mut said = request.messages.iter().skip(asked);
        let question = said.next().map(ChatMessage::text).unwrap_or_default();
        let results: Vec<_> = said.filter(|message| message.role == "tool").map(ChatMessage::text).collect();
        let delegates = request.tools.iter().any(|tool| tool.function.name == RESEARCHER);
        match (results.is_empty(), delegates) {
            (true, true) => Self::Calls(vec![(RESEARCHER, json!({"prompt": question}).to_string())]),
            (true, false) => Self::Calls(CALLS.map(|(name, arguments)| (name, arguments.to_owned())).to_vec()),
            (false, true) => Self::Text(format!("I had it looked up. {}", results.join(" "))),
            (false, false) => Self::Text(format!("In Oslo: {}.", results.join(", "))),
        }
    }

    fn finish_reason(&self) -> &'static str {
        match self {
            Self::Calls(_) => "tool_calls",
            Self::Text(_) => "stop",
        }
    }
}

impl Answer<'_> {
    /// The answer in one piece: a `chat.completion`.
    pub(crate) fn completion(&self) -> Value {
        let message = match &self.turn {
            Turn::Calls(calls) => {
                let calls = calls.iter().map(|(name, arguments)| {
                    json!({"id": self.call_id(name), "type": "function", "function": {"name": name, "arguments": arguments}})
                });
                json!({"role": "assistant", "content": null, "tool_calls": calls.collect::<Vec<_>>()})
            }
            Turn::Text(text) => json!({"role": "assistant", "content": text}),
        };
        let choice = json!({"index": 0, "message": message, "finish_reason": self.turn.finish_reason()});
        self.envelope("chat.completion", json!([choice]), usage())
    }

    /// The same answer as `chat.completion.chunk`s: text by words, arguments in fragments, the usage in a last chunk of its own.
    pub(crate) fn chunks(&self) -> Vec<Value> {
        let mut deltas = vec![json!({"role": "assistant"})];
        match &self.turn {
            Turn::Calls(calls) => {
                for (index, (name, arguments)) in calls.iter().enumerate() {
                    let opening = json!({"index": index, "id": self.call_id(name), "type": "function",
                        "function": {"name": name, "arguments": ""}});
                    let fragments = arguments
                        .split_inclusive(':')
                        .map(|fragment| json!({"index": index, "function": {"arguments": fragment}}));
                    deltas.extend([opening].into_iter().chain(fragments).map(|call| json!({"tool_calls": [call]})));
                }
            }
            Turn::Text(text) => deltas.extend(text.split_inclusive(' ').map(|word| json!({"content": word}))),
        }
        let said = deltas.into_iter().map(|delta| json!([{"index": 0, "delta": delta, "finish_reason": null}]));
        let finish = json!([{"index": 0, "delta": {}, "finish_reason": self.turn.finish_reason()}]);
        said.chain([finish])
            .map(|choices| (choices, Value::Null))
            .chain([(json!([]), usage())])
            .map(|(choices, usage)| self.envelope("chat.completion.chunk", choices, usage))
            .collect()
    }

    fn call_id(&self, tool: &str) -> String {
        format!("call_{}_{tool}", self.number)
    }

    fn envelope(&self, object: &str, choices: Value, usage: Value) -> Value {
        let id = format!("chatcmpl-{}", self.number);
        json!({"id": id, "object": object, "created": 0, "model": self.model, "choices": choices, "usage": usage})
    }
}

fn usage() -> Value {
    let Tokens { input, cached, output, reasoning } = Tokens::PER_ANSWER;
    json!({
        "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    })
}
