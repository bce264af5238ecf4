//! goose: a mixture of generations, moving to OpenTelemetry's names.

use super::Profile;
use crate::model::Kind;
use crate::semconv::field;

pub(super) fn profile() -> Profile {
    Profile::new("goose 2025 to 2026")
        .target("goose")
        .span("goose", "reply", Kind::Agent)
        .span("goose", "reply_stream", Kind::Agent)
        .span("goose", "provider_generation", Kind::Model)
        .alias("provider", field::PROVIDER)
        .alias("model", field::REQUEST_MODEL)
        .alias("user_message", field::INPUT)
}
