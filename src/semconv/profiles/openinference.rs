//! `openinference-instrumentation`, the convention's Rust builders: its words throughout, set on OpenTelemetry's span. What a plain
//! `tracing` layer sees is the name of the builder.

use super::Profile;
use crate::model::Kind;
use crate::semconv::field;

pub(super) fn profile() -> Profile {
    const CRATE: &str = "openinference_instrumentation";
    Profile::new("openinference-instrumentation 0.1")
        .target(CRATE)
        .span(CRATE, "llm", Kind::Model)
        .span(CRATE, "agent", Kind::Agent)
        .span(CRATE, "tool", Kind::Tool)
        .span(CRATE, "chain", Kind::Workflow)
        .span(CRATE, "retriever", Kind::Retriever)
        .span(CRATE, "embedding", Kind::Embedding)
        .span(CRATE, "reranker", Kind::Reranker)
        .span(CRATE, "guardrail", Kind::Guardrail)
        .span(CRATE, "evaluator", Kind::Evaluator)
        .alias("gen_ai.tool.arguments", field::TOOL_ARGUMENTS)
        .alias("gen_ai.tool.result", field::TOOL_RESULT)
}
