//! genai: OpenTelemetry's names throughout; counts as OpenTelemetry asks.

use super::{Counting, Profile};
use crate::model::UsageBasis;

pub(super) const PROFILE: Profile = Profile {
    crates: &["genai"],
    spans: &[],
    aliases: &[],
    debug_events: false,
    counting: |_| Some(Counting::of(UsageBasis::Inclusive)),
};
