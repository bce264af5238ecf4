//! rmcp (Model Context Protocol): no span a request; requests and results are DEBUG events.

use super::Profile;

pub(super) fn profile() -> Profile {
    Profile::new("rmcp 3").target("rmcp").debug_events("rmcp")
}
