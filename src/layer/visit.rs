//! Copies the fields of spans and events, with their types.

use std::error::Error;
use std::fmt;

use tracing::field::{Field, Visit};

use super::buffers::{Buffers, FieldName, List};
use super::limits::Limits;
use super::shared::with_scratch;
use super::slot::Slot;
use super::tape::Kind;
use super::text::write_error_chain;

/// Visits fields of a span, or those of an event, and copies them into buffers that only the visiting call can reach: a value's `Debug`
/// may record on the very span whose field it is. The buffers must know the [declared](Buffers::declare) fields.
pub(super) struct FieldVisitor<'a> {
    buffers: &'a mut Buffers,
    limits: &'a Limits,
    list: List,
    has_message: bool,
}

impl<'a> FieldVisitor<'a> {
    pub(super) const fn new(buffers: &'a mut Buffers, limits: &'a Limits, list: List) -> Self {
        Self { buffers, limits, list, has_message: false }
    }

    /// Whether `field` is what names the event. A second field of that name stays an attribute.
    #[inline]
    fn names_event(&mut self, field: &Field) -> bool {
        let is_it = self.list == List::Event && !self.has_message && field.name() == "message";
        self.has_message |= is_it;
        is_it
    }

    #[inline]
    fn push_word(&mut self, field: &Field, kind: Kind, word: [u8; 8], text: &dyn fmt::Display) {
        if let Some(name) = self.name_of_number(field, text) {
            self.buffers.push_word(self.list, self.limits, name, kind, word);
        }
    }

    fn push_number(&mut self, field: &Field, kind: Kind, bytes: &[u8], text: &dyn fmt::Display) {
        if let Some(name) = self.name_of_number(field, text) {
            self.buffers.push(self.list, self.limits, name, kind, bytes);
        }
    }

    /// What a number is called, unless it names the event: then it is written as that, and done.
    #[inline]
    fn name_of_number(&mut self, field: &Field, text: &dyn fmt::Display) -> Option<FieldName> {
        if self.names_event(field) {
            self.format(FieldName::MESSAGE, Kind::Str, |out| write!(out, "{text}"));
            return None;
        }
        Some(self.buffers.name_of_field(self.list, field))
    }

    #[inline]
    fn name_of_text(&mut self, field: &Field) -> FieldName {
        if self.names_event(field) { FieldName::MESSAGE } else { self.buffers.name_of_field(self.list, field) }
    }

    fn format(&mut self, name: FieldName, kind: Kind, write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result) {
        self.buffers.push_formatted(self.list, self.limits, name, kind, write);
    }
}

impl Visit for FieldVisitor<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push_number(field, Kind::Bool, &[u8::from(value)], &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push_word(field, Kind::I64, value.to_le_bytes(), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push_word(field, Kind::U64, value.to_le_bytes(), &value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.push_number(field, Kind::I128, &value.to_le_bytes(), &value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.push_number(field, Kind::U128, &value.to_le_bytes(), &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push_word(field, Kind::F64, value.to_le_bytes(), &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let name = self.name_of_text(field);
        self.buffers.push_text(self.list, self.limits, name, Kind::Str, value);
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        let name = self.buffers.name_of_field(self.list, field);
        self.buffers.push_bytes(self.list, self.limits, name, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let name = self.name_of_text(field);
        self.format(name, Kind::Error, |out| write_error_chain(out, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let name = self.name_of_text(field);
        self.format(name, Kind::Debug, |out| write!(out, "{value:?}"));
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

    #[inline]
    fn copy(&self, visit: impl FnOnce(&mut FieldVisitor<'_>)) {
        self.write(|buffers| visit(&mut FieldVisitor::new(buffers, self.limits, List::Span)));
    }

    fn format(&self, visit: impl FnOnce(&mut FieldVisitor<'_>)) {
        with_scratch(|scratch| {
            scratch.declare(self.slot.declared);
            visit(&mut FieldVisitor::new(scratch, self.limits, List::Span));
            self.write(|buffers| buffers.append(self.limits, scratch));
        });
    }
}

impl Visit for LateVisitor<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.copy(|visitor| visitor.record_bool(field, value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.copy(|visitor| visitor.record_i64(field, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.copy(|visitor| visitor.record_u64(field, value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.copy(|visitor| visitor.record_i128(field, value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.copy(|visitor| visitor.record_u128(field, value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.copy(|visitor| visitor.record_f64(field, value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.copy(|visitor| visitor.record_str(field, value));
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.copy(|visitor| visitor.record_bytes(field, value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.format(|visitor| visitor.record_error(field, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.format(|visitor| visitor.record_debug(field, value));
    }
}
