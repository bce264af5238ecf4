//! Copies the fields of spans and events, with their types.

use std::error::Error;
use std::fmt;

use tracing::field::{Field, Visit};

use super::buffers::{Buffers, List};
use super::limits::Limits;
use super::raw::Raw;
use super::shared::with_scratch;
use super::slot::Slot;
use super::text::{Text, write_error_chain};

/// Visits the first fields of a span, or those of an event, and copies them into buffers that only the visiting call can reach: a
/// value's `Debug` may record on the very span whose field it is.
pub(super) struct FieldVisitor<'a> {
    buffers: &'a mut Buffers,
    limits: &'a Limits,
    list: List,
    /// The text of an event's `message`.
    message: Option<Text>,
}

impl<'a> FieldVisitor<'a> {
    pub(super) const fn new(buffers: &'a mut Buffers, limits: &'a Limits, list: List) -> Self {
        Self { buffers, limits, list, message: None }
    }

    /// The text of the visited event's `message`.
    pub(super) const fn into_message(self) -> Option<Text> {
        self.message
    }

    /// Whether `field` is what names the event. A second field of that name stays an attribute.
    fn names_event(&self, field: &Field) -> bool {
        self.list == List::Event && self.message.is_none() && field.name() == "message"
    }

    #[inline]
    fn push(&mut self, field: &Field, raw: Raw) {
        match self.list {
            List::Span => self.buffers.push_declared(self.limits, field.name(), raw),
            List::Event => self.buffers.push(self.list, self.limits, field.name().into(), raw),
        }
    }

    #[inline]
    fn push_number(&mut self, field: &Field, raw: Raw, text: &dyn fmt::Display) {
        if self.names_event(field) {
            self.message = Some(self.buffers.formatted(self.limits, |out| write!(out, "{text}")));
        } else {
            self.push(field, raw);
        }
    }

    #[inline]
    fn push_text(&mut self, field: &Field, text: Text, raw: impl FnOnce(Text) -> Raw) {
        if self.names_event(field) {
            self.message = Some(text);
        } else {
            self.push(field, raw(text));
        }
    }
}

impl Visit for FieldVisitor<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push_number(field, Raw::Bool(value), &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push_number(field, Raw::I64(value), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push_number(field, Raw::U64(value), &value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.push_number(field, Raw::I128(value), &value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.push_number(field, Raw::U128(value), &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push_number(field, Raw::F64(value), &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let text = self.buffers.text(self.limits, value);
        self.push_text(field, text, Raw::Str);
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        let bytes = self.buffers.bytes(self.limits, value);
        self.push(field, Raw::Bytes(bytes));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let text = self.buffers.formatted(self.limits, |out| write_error_chain(out, value));
        self.push_text(field, text, Raw::Error);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = self.buffers.formatted(self.limits, |out| write!(out, "{value:?}"));
        self.push_text(field, text, Raw::Debug);
    }
}

/// Visits fields that are recorded on a running span. Plain values go straight to the span; those that run code to become text do so
/// in a scratch buffer, before the span is locked.
pub(super) struct LateVisitor<'a> {
    pub(super) slot: &'a Slot,
    pub(super) limits: &'a Limits,
    /// A companion is not told of it.
    pub(super) is_beside: bool,
}

impl LateVisitor<'_> {
    fn write(&self, change: impl FnOnce(&mut Buffers)) {
        if self.is_beside { self.slot.write_beside(change) } else { self.slot.write(change) }
    }

    fn push(&self, field: &Field, raw: Raw) {
        self.write(|buffers| buffers.push_declared(self.limits, field.name(), raw));
    }

    fn format(&self, visit: impl FnOnce(&mut FieldVisitor<'_>)) {
        with_scratch(|scratch| {
            visit(&mut FieldVisitor::new(scratch, self.limits, List::Span));
            self.write(|buffers| buffers.append(self.limits, scratch));
        });
    }
}

impl Visit for LateVisitor<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, Raw::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, Raw::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, Raw::U64(value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.push(field, Raw::I128(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.push(field, Raw::U128(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, Raw::F64(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(|buffers| FieldVisitor::new(buffers, self.limits, List::Span).record_str(field, value));
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.write(|buffers| FieldVisitor::new(buffers, self.limits, List::Span).record_bytes(field, value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.format(|visitor| visitor.record_error(field, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.format(|visitor| visitor.record_debug(field, value));
    }
}
