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
    /// The names of the spans in the order in which they ended; without it, the spans' ends tell.
    pub(super) end_order: Option<Vec<String>>,
    pub(super) otel_spans: Vec<Span>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Span {
    pub(super) name: String,
    pub(super) context: Context,
    pub(super) kind: Option<String>,
    pub(super) parent_id: Option<String>,
    pub(super) start_time_ns: u64,
    /// `None` for a span that never ended: no exporter ever saw it.
    pub(super) end_time_ns: Option<u64>,
    #[serde(default)]
    pub(super) status: RecordedStatus,
    #[serde(default)]
    pub(super) attributes: Pairs,
    #[serde(default)]
    pub(super) events: Vec<RecordedEvent>,
    #[serde(default)]
    pub(super) links: Vec<RecordedLink>,
    #[serde(default)]
    pub(super) resource: RecordedResource,
    #[serde(default)]
    pub(super) scope: Scope,
}

#[derive(Debug, Deserialize)]
pub(super) struct Context {
    pub(super) trace_id: String,
    pub(super) span_id: String,
    /// Python's text form of a list of pairs: `['{key=vendor, value=1}']`.
    pub(super) trace_state: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct RecordedStatus {
    pub(super) status_code: Option<String>,
    pub(super) description: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RecordedEvent {
    pub(super) name: String,
    /// RFC 3339, UTC, with microseconds.
    pub(super) timestamp: String,
    #[serde(default)]
    pub(super) attributes: Pairs,
}

#[derive(Debug, Deserialize)]
pub(super) struct RecordedLink {
    pub(super) context: Context,
    #[serde(default)]
    pub(super) attributes: Pairs,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct RecordedResource {
    #[serde(default)]
    pub(super) attributes: Pairs,
    pub(super) schema_url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Scope {
    #[serde(default)]
    pub(super) name: String,
    pub(super) version: Option<String>,
}

/// A JSON object in the order of the file.
#[derive(Debug, Default)]
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
