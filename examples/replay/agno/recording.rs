//! What a recording of Agno holds: the OpenTelemetry spans of one run (`tests/recordings/README.md` describes the keys).

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::Result;

/// One run.
#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    /// The run's name.
    pub(crate) case: String,
    /// The names of the spans in the order in which they ended.
    pub(super) end_order: Vec<String>,
    pub(super) otel_spans: Vec<Span>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Span {
    pub(super) name: String,
    pub(super) context: Context,
    pub(super) kind: String,
    pub(super) parent_id: Option<String>,
    pub(super) start_time_ns: u64,
    pub(super) end_time_ns: u64,
    pub(super) status: RecordedStatus,
    pub(super) attributes: Pairs,
    pub(super) events: Vec<RecordedEvent>,
    pub(super) links: Vec<RecordedLink>,
    pub(super) resource: RecordedResource,
    pub(super) scope: Scope,
}

#[derive(Debug, Deserialize)]
pub(super) struct Context {
    pub(super) trace_id: String,
    pub(super) span_id: String,
    /// Python's text form of a list of pairs.
    pub(super) trace_state: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct RecordedStatus {
    pub(super) status_code: String,
    #[serde(default)]
    pub(super) description: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct RecordedEvent {
    pub(super) name: String,
    /// RFC 3339, UTC, with microseconds.
    pub(super) timestamp: String,
    pub(super) attributes: Pairs,
}

#[derive(Debug, Deserialize)]
pub(super) struct RecordedLink {
    pub(super) context: Context,
    pub(super) attributes: Pairs,
}

#[derive(Debug, Deserialize)]
pub(super) struct RecordedResource {
    pub(super) attributes: Pairs,
    pub(super) schema_url: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Scope {
    pub(super) name: String,
    pub(super) version: String,
}

/// A JSON object in the order of the file.
#[derive(Debug)]
pub(super) struct Pairs(pub(super) Vec<(String, serde_json::Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// Reads a recording.
///
/// # Errors
/// When the text is not a run of that form; the error names the place.
pub(crate) fn read(text: &str) -> Result<Case> {
    Ok(serde_json::from_str(text)?)
}
