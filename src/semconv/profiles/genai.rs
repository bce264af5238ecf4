//! genai: OpenTelemetry's names throughout; counts as OpenTelemetry asks. Its spans name their operation, so the table serves those whose
//! operation did not arrive: an embedding names a model, too.

use super::{CountingRule, Profile};
use crate::model::Kind;

pub(super) fn profile() -> Profile {
    Profile::new("genai 0.7")
        .target("genai")
        .span("genai::otel", "genai.agent", Kind::Agent)
        .span("genai::otel", "genai.chat", Kind::Model)
        .span("genai::otel", "genai.embeddings", Kind::Embedding)
        .span("genai::otel", "genai.execute_tool", Kind::Tool)
        .counting(CountingRule::inclusive())
}
