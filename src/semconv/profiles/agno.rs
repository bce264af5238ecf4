//! Agno (Python), as its `OpenInference` instrumentor records it: the convention's words throughout ([`openinference`](super::super::openinference)
//! tells its teams and steps apart), but a context that it loses.
//!
//! | what runs | what is recorded |
//! |---|---|
//! | an agent or a team in a step of a workflow that streams | the step is made the current span again before each item, so that the run's calls and tools, and a team's members, stand beside the run |
//! | a team, a step that raises an error | stays the current span after its end, so that what comes next stands below it |
//! | a stream that fails or is broken off | the run says that it went well, and has no output |
//!
//! What runs inside a team or a workflow has the id of the node above it; an agent alone keeps its context.

use super::Profile;

pub(super) fn profile() -> Profile {
    Profile::new("openinference-instrumentation-agno 1.0 with Agno 2.5 to 3.1")
        .target("openinference.instrumentation.agno")
        .adrift("graph.node.parent_id")
        .adrift("agno.team")
        .ok_needs("output.value")
}
