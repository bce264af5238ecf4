//! How much of a span is kept.

/// Limits of what one span may hold. What exceeds them is counted on the span, never lost silently.
///
/// They bound what a runaway loop or a huge answer can cost the host. A limit of 0 drops everything that it counts.
///
/// The nouns are OpenTelemetry's (`OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT` and its neighbours); the defaults are wider than its 128, because
/// a conversation's messages are many attributes and events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Attributes of a span, repeated keys included; later ones are dropped and counted in
    /// [`SpanRecord::dropped_attributes`](crate::model::SpanRecord::dropped_attributes). A number that is recorded again takes the
    /// place of the key's last one, which is counted. Default 4,096.
    pub attributes: usize,
    /// Events of a span; later ones are dropped and counted in
    /// [`SpanRecord::dropped_events`](crate::model::SpanRecord::dropped_events). An ERROR event that is dropped still makes the
    /// span's status an error. Default 4,096.
    pub events: usize,
    /// Links of a span; later ones are dropped and counted in
    /// [`SpanRecord::dropped_links`](crate::model::SpanRecord::dropped_links). Default 1,024.
    pub links: usize,
    /// Attributes of an event, its message aside; later ones are dropped and counted in
    /// [`Event::dropped_attributes`](crate::model::Event::dropped_attributes). Default 128.
    pub event_attributes: usize,
    /// Bytes of one value's text, or of one event's name. A longer text is cut at a character's border and ends in `…[+N bytes]`;
    /// N is added to [`SpanRecord::truncated_bytes`](crate::model::SpanRecord::truncated_bytes). Default 16 MiB. It protects the recording
    /// thread, and knows nothing of JSON or secrets: to keep less, set [`Builder::max_value_bytes`](crate::Builder::max_value_bytes).
    pub value_bytes: usize,
}

impl Limits {
    /// The same, where no value is larger than can be recorded at all (4 GiB).
    pub(super) fn bounded(self) -> Self {
        Self { value_bytes: self.value_bytes.min(super::tape::MAX_TEXT), ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { attributes: 4096, events: 4096, links: 1024, event_attributes: 128, value_bytes: 16 << 20 }
    }
}
