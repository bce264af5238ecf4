//! What a span tells about another one, or about its own life as a run.

use serde::{Deserialize, Serialize};

use super::{Kind, Lift, Usage};

/// What an event tells about a span below the one in which it happened: frameworks log a tool's result on the agent, its failure on the
/// step, a stream's usage after its end. It is matched when both spans are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Told {
    /// What the other span is: a child of this kind that began before.
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
