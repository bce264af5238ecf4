//! genai: OpenTelemetry's names throughout; counts as OpenTelemetry asks.

use super::{CountingRule, Profile};

pub(super) fn profile() -> Profile {
    Profile::new("genai 0.7").target("genai").counting(CountingRule::inclusive())
}
