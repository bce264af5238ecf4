//! What other spans tell about a span, as `span_contents.derived` keeps it.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::model::canonical::{decode, to_json};
use crate::model::{Attributes, Event, Lift, SpanId, Value};
use crate::semconv::resolve_lifts;
use crate::store::convert::ENCODING;
use crate::store::rows::ContentRow;

/// What is known of a span from other spans of its trace. The row shows it; what the row said by itself is kept here, so that all of
/// it can be told anew whenever a span of the trace comes or changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Derived {
    /// What the row said by itself, where it shows something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<OwnKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<OwnStatus>,
    /// The agent that the layer took for the span's, which a run of another one took over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<OwnAgent>,
    /// Whether the id of the tool call is told by another span.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) has_call_id: bool,
    /// Whether the usage is told by another span.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) has_usage: bool,
    /// Whether these are told by another span.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) has_tool_name: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) has_provider: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) has_request_model: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) has_response_model: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) has_cost: bool,
    /// Content that other spans hold: the span, and what it tells.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) lifts: Vec<(Teller, Vec<Lift>)>,
    /// The spans whose input and output are a synthetic run's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_of: Option<(Teller, Teller)>,
}

/// The kind as the span says, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnKind(pub(crate) String, pub(crate) String);

/// Status code, message and type of error as the span says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnStatus(pub(crate) i16, pub(crate) String, pub(crate) Option<String>);

/// Id and name of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnAgent(pub(crate) Option<String>, pub(crate) Option<String>);

/// A span that tells something, as its id in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Teller(String);

impl Teller {
    pub(crate) fn new(span_id: &[u8]) -> Self {
        Self(SpanId::from_slice(span_id).map(|id| id.to_string()).unwrap_or_default())
    }

    /// The id as the tables hold it.
    pub(crate) fn span_id(&self) -> Vec<u8> {
        self.0.parse::<SpanId>().map(|id| id.as_bytes().to_vec()).unwrap_or_default()
    }
}

impl Derived {
    /// Whether other spans tell what a price is looked up by.
    pub(crate) const fn tells_call(&self) -> bool {
        self.has_usage || self.has_provider || self.has_request_model || self.has_response_model
    }

    /// As the column holds it; nothing where nothing is derived.
    pub(crate) fn encode(&self) -> Result<Option<Vec<u8>>> {
        if *self == Self::default() { Ok(None) } else { to_json(self).map(Some) }
    }

    pub(crate) fn decode(column: Option<&[u8]>) -> Result<Self> {
        column.map_or_else(|| Ok(Self::default()), |bytes| decode("relations", bytes))
    }
}

impl ContentRow {
    /// What this payload tells of another span, with the attributes that it stands for. One of a form that a newer version writes tells
    /// nothing.
    pub(crate) fn tells(&self, lifts: &[Lift]) -> Result<Vec<(String, Value)>> {
        if self.encoding != ENCODING {
            return Ok(Vec::new());
        }
        let attributes: Attributes = decode("attributes", &self.attributes)?;
        let events: Vec<Event> = decode("events", &self.events)?;
        Ok(resolve_lifts(lifts, &attributes, &events))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}
