//! rmcp (Model Context Protocol): no span a request; requests and results are DEBUG events.

use super::{Profile, unknown_counting};

pub(super) const PROFILE: Profile =
    Profile { crates: &["rmcp"], spans: &[], aliases: &[], debug_events: true, counting: unknown_counting };
