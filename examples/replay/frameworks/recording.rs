//! What a recording of a Rust framework holds: one span or event a line (`tests/recordings/README.md` describes the keys).

use std::error::Error;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use tracing::Level;
use tracing::field::{self, DebugValue};

use super::Result;

/// One run: its spans in the order of the file, and the events outside any span.
#[derive(Debug, Default)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) spans: Vec<SpanLine>,
    pub(crate) events: Vec<EventLine>,
}

#[derive(Deserialize)]
struct Line {
    scenario: String,
    #[serde(flatten)]
    content: Content,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Content {
    Span(SpanLine),
    Event(EventLine),
}

#[derive(Debug, Deserialize)]
pub(crate) struct SpanLine {
    /// The span's number in its scenario.
    pub(crate) n: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) parent_kind: ParentKind,
    pub(crate) name: String,
    pub(crate) target: String,
    #[serde(deserialize_with = "level")]
    pub(crate) level: Level,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u32>,
    /// Without it, the fields are those that have a value.
    declared: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) attrs: Vec<Field>,
    #[serde(default)]
    pub(crate) records: Vec<Field>,
    #[serde(default)]
    pub(crate) events: Vec<EventLine>,
    #[serde(default)]
    pub(crate) follows_from: Vec<Followed>,
    /// Opening and closing stand in one count with records, events and edges.
    pub(crate) open_seq: u64,
    /// `None` when the span was still open as the recording ended.
    pub(crate) close_seq: Option<u64>,
    /// How often the span was entered, and by how many threads.
    #[serde(default)]
    pub(crate) enters: u64,
    #[serde(default)]
    pub(crate) threads: u64,
}

impl SpanLine {
    /// The names of all fields of the callsite.
    pub(crate) fn fields(&self) -> Vec<String> {
        self.declared.clone().unwrap_or_else(|| {
            let mut names: Vec<String> = Vec::new();
            for field in self.attrs.iter().chain(&self.records) {
                if !names.contains(&field.name) {
                    names.push(field.name.clone());
                }
            }
            names
        })
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct EventLine {
    pub(crate) name: String,
    pub(crate) target: String,
    #[serde(deserialize_with = "level")]
    pub(crate) level: Level,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u32>,
    #[serde(default)]
    pub(crate) fields: Vec<Field>,
    pub(crate) seq: u64,
}

fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Level, D::Error> {
    let word = String::deserialize(deserializer)?;
    word.parse().map_err(|_| D::Error::custom(format_args!("{word:?} is no level")))
}

/// How a span got its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ParentKind {
    /// `parent: None`.
    Root,
    /// `parent: &span`.
    Explicit,
    /// From the span that was entered.
    Contextual,
}

/// The span that another one follows from: open at that moment, or closed already.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(crate) enum Followed {
    Open(u64),
    Closed { closed: u64 },
}

impl Followed {
    pub(crate) fn number(self) -> u64 {
        match self {
            Self::Open(n) | Self::Closed { closed: n } => n,
        }
    }
}

/// A field with the type it was recorded with.
#[derive(Debug, Deserialize)]
#[serde(try_from = "(String, String, serde_json::Value)")]
pub(crate) struct Field {
    pub(crate) name: String,
    value: Typed,
}

#[derive(Debug)]
enum Typed {
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    Str(String),
    Debug(DebugValue<Verbatim>),
    Error(Box<dyn Error + Send + Sync>),
}

/// Text whose `Debug` form is the text itself.
struct Verbatim(String);

impl std::fmt::Debug for Verbatim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Field {
    /// The value, which a visitor receives through the method that the recording names.
    pub(crate) fn value(&self) -> &dyn tracing::Value {
        match &self.value {
            Typed::Bool(value) => value,
            Typed::I64(value) => value,
            Typed::U64(value) => value,
            Typed::F64(value) => value,
            Typed::Str(value) => value,
            Typed::Debug(value) => value,
            Typed::Error(value) => value,
        }
    }
}

impl TryFrom<(String, String, serde_json::Value)> for Field {
    type Error = String;

    fn try_from((name, kind, json): (String, String, serde_json::Value)) -> Result<Self, String> {
        let text = || json.as_str().map(str::to_owned);
        let value = match kind.as_str() {
            "bool" => json.as_bool().map(Typed::Bool),
            "i64" => json.as_i64().map(Typed::I64),
            "u64" => json.as_u64().map(Typed::U64),
            "f64" => json.as_f64().map(Typed::F64),
            "str" => text().map(Typed::Str),
            "debug" => text().map(|text| Typed::Debug(field::debug(Verbatim(text)))),
            "error" => text().map(|text| Typed::Error(text.into())),
            _ => return Err(format!("field {name:?} has the unknown type {kind:?}")),
        };
        match value {
            Some(value) => Ok(Self { name, value }),
            None => Err(format!("the value of field {name:?} is no {kind}")),
        }
    }
}

/// Reads a recording: its scenarios, in the order of the file.
///
/// # Errors
/// When a line is not a span or an event of that form; the error names the line.
pub(crate) fn read(text: &str) -> Result<Vec<Scenario>> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for line in serde_json::Deserializer::from_str(text).into_iter() {
        let line: Line = line?;
        let at = scenarios.iter().position(|scenario| scenario.name == line.scenario).unwrap_or_else(|| {
            scenarios.push(Scenario { name: line.scenario.clone(), ..Scenario::default() });
            scenarios.len() - 1
        });
        let Some(scenario) = scenarios.get_mut(at) else { continue };
        match line.content {
            Content::Span(span) => scenario.spans.push(span),
            Content::Event(event) => scenario.events.push(event),
        }
    }
    Ok(scenarios)
}
