//! goose: a mixture of generations, moving to OpenTelemetry's names.

use super::{Profile, unknown_counting};
use crate::model::Kind;
use crate::semconv::field;

pub(super) const PROFILE: Profile = Profile {
    crates: &["goose"],
    spans: &[("goose", "reply", Kind::Agent), ("goose", "provider_generation", Kind::Model)],
    aliases: &[("provider", field::PROVIDER), ("model", field::REQUEST_MODEL)],
    debug_events: false,
    counting: unknown_counting,
};
