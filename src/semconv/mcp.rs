//! Model Context Protocol requests, as OpenTelemetry's conventions for it describe them: one span a request, on either side.
//!
//! A session of the protocol (`mcp.session.id`) is a transport's, not a user's, and is not read as one.

use crate::model::Kind;

/// The request's method, such as `tools/call`.
pub(super) const METHOD: &str = "mcp.method.name";

/// What a method is: a tool call, or another request of the protocol.
pub(super) fn kind_of(method: &str) -> Kind {
    if method == "tools/call" { Kind::Tool } else { Kind::Mcp }
}
