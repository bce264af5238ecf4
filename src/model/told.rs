//! What a span tells about another one, or about its own life as a run.

use serde::{Deserialize, Serialize};

use super::{Cost, Kind, Lift, Usage};

/// What an event tells about a span below the one in which it happened: frameworks log a tool's result on the agent, its failure on the
/// step, a stream's usage after its end. It is matched when both spans are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Told {
    /// What the other span is.
    pub kind: Kind,
    /// When it was told, nanoseconds since 1970.
    pub time_ns: i64,
    /// The name of the tool, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_name: Option<String>,
    /// The id of the tool call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// How it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The agent, if it is a run of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_name: Option<String>,
    /// What it is about a run that its span alone does not show: that one without a span as long as itself began or ended, or how its
    /// framework kept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The tokens that it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What it went in or came out with, in the attributes and events of the span that tells it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lifts: Vec<Lift>,
    /// The rest of what is known of the span, where the framework opens none and the event is all there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unrecorded: Option<Unrecorded>,
}

impl Told {
    /// Whether there is anything in it.
    pub(crate) const fn says_anything(&self) -> bool {
        self.error.is_some()
            || self.usage.is_some()
            || self.phase.is_some()
            || self.unrecorded.is_some()
            || !self.lifts.is_empty()
    }

    /// Whether it is told inside the run that it is about, or before that begins: a run's children are not told of as runs.
    pub(crate) const fn is_of_run_around(&self) -> bool {
        self.kind.is_run() && self.phase.is_none() && self.unrecorded.is_none()
    }
}

/// A span that an event stands for. It ended when it was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Unrecorded {
    /// A name for people: the operation and the model or tool.
    pub name: String,
    /// How long it took, in nanoseconds, where that is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ns: Option<i64>,
    /// The model provider, in OpenTelemetry's spelling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_model: Option<String>,
    /// The model that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_model: Option<String>,
    /// `error.type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// What it cost, as far as that is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// What is told of a run that its span alone does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Phase {
    /// It began: the span that tells it is only its marker, and ends before the work begins.
    Began,
    /// It ended, as the span above the marker tells.
    Ended,
    /// Its framework does not keep it as the current span from its beginning to its end: what it does may be recorded beside it, and what
    /// comes after it below it. The run or step tells it of itself.
    Adrift,
    /// It ended without an answer, although its framework says that it went well. The run tells it of itself.
    Unanswered,
}
