//! swiftide: spans of its own, content in DEBUG events.
//!
//! Names that it shares with everybody (`step`, `tool`, `complete`); a tool's span gets its tool's name late, as `otel.name`. `hook` and
//! `add_message` are its inner workings, and stay plain spans.

use super::{Profile, unknown_counting};
use crate::model::Kind;

pub(super) const PROFILE: Profile = Profile {
    crates: &[
        "swiftide",
        "swiftide_agents",
        "swiftide_core",
        "swiftide_indexing",
        "swiftide_integrations",
        "swiftide_query",
        "swiftide_tasks",
    ],
    spans: &[
        ("swiftide_agents", "agent.query", Kind::Agent),
        ("swiftide_agents", "agent.query_once", Kind::Agent),
        ("swiftide_agents", "agent.run", Kind::Agent),
        ("swiftide_agents", "agent.run_once", Kind::Agent),
        ("swiftide_agents", "step", Kind::Step),
        ("swiftide_agents", "tool", Kind::Tool),
        ("swiftide_integrations", "complete", Kind::Model),
        ("swiftide_integrations", "complete_stream", Kind::Model),
        ("swiftide_query", "query_pipeline.query", Kind::Workflow),
        ("swiftide_query", "then_transform_query", Kind::Step),
        ("swiftide_query", "then_retrieve", Kind::Retriever),
        ("swiftide_query", "then_answer", Kind::Step),
        ("swiftide_indexing", "indexing_pipeline.run", Kind::Workflow),
        ("swiftide_tasks", "task.run", Kind::Workflow),
        ("swiftide_tasks", "task.resume", Kind::Workflow),
        ("swiftide_tasks", "task.step", Kind::Step),
    ],
    aliases: &[],
    debug_events: true,
    counting: unknown_counting,
};
