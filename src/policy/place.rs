//! Where a text stands that a redactor is asked about.

use crate::model::text_enum;

text_enum! {
    /// The part of a record that a text belongs to.
    pub enum Part, "part of a record" {
        /// A span's name.
        Name = "name",
        /// The message of a span's status.
        Status = "status",
        /// W3C trace state, of a span or a link.
        TraceState = "trace_state",
        /// The value of a span's attribute.
        Attribute = "attribute",
        /// An event's name, or its message.
        EventName = "event_name",
        /// The value of an event's attribute.
        EventAttribute = "event_attribute",
        /// The value of a link's attribute.
        LinkAttribute = "link_attribute",
        /// An id or a name from an ancestor.
        Inherited = "inherited",
        /// The resource.
        Resource = "resource",
        /// The instrumentation scope.
        Scope = "scope",
        /// The key of an attribute or of an entry in a map, where it came with the data.
        Key = "key",
    }
}

/// Where a text stands: a part of the record, and the attribute's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    part: Part,
    key: &'a str,
}

impl<'a> Place<'a> {
    pub(super) const fn new(part: Part, key: &'a str) -> Self {
        Self { part, key }
    }

    /// The part of the record.
    #[must_use]
    pub const fn part(&self) -> Part {
        self.part
    }

    /// The key of the attribute in whose value the text is, at any depth; the column's name of an inherited id. Empty elsewhere.
    #[must_use]
    pub const fn key(&self) -> &'a str {
        self.key
    }
}
