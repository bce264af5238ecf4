//! rmcp (Model Context Protocol): no span a request; requests and results are DEBUG events.
//!
//! Its spans are those of connections: they close with them, and every request is handled inside. What its transports say at DEBUG is no
//! content, and may be a secret: an OAuth client's codes and tokens.

use super::Profile;

pub(super) fn profile() -> Profile {
    Profile::new("rmcp 3")
        .target("rmcp")
        .boundary("rmcp", "serve_inner")
        .boundary("rmcp", "streamable_http_session")
        .boundary("rmcp", "transport_worker")
        .debug_events("rmcp::service")
}
