//! Hand-written cases for the rules that need a whole span.

use std::sync::Arc;

use super::*;
use crate::model::{
    Attributes, Callsite, Cost, CostSource, Event, IdentityField, Kind, Scope, SpanId, Status, StatusCode, TraceId,
    Usage, UsageBasis, Value,
};

mod agno;
mod content;
mod kinds;
mod logged;
mod never_panics;
mod status;
mod tool_results;
mod usage;

/// A span under test, written down in one line.
pub(super) struct Case(SpanRecord);

pub(super) fn case(name: &str) -> Case {
    Case(SpanRecord::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([1; 8]), name, 1_000))
}

pub(super) fn debug(text: &str) -> Value {
    Value::Debug(text.to_owned())
}

pub(super) fn callsite(name: &str, target: &str, level: &str, fields: &[&str]) -> Arc<Callsite> {
    Arc::new(Callsite {
        name: name.to_owned(),
        target: target.to_owned(),
        level: level.to_owned(),
        file: None,
        line: None,
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
    })
}

impl Case {
    pub(super) fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.0.attributes.push(key, value);
        self
    }

    /// [`Case::with`] for a key that is put together.
    pub(super) fn with_key(mut self, key: String, value: Value) -> Self {
        self.0.attributes.push(key, value);
        self
    }

    /// Attributes as `key=value` words.
    pub(super) fn pairs(mut self, pairs: &[(&'static str, &str)]) -> Self {
        for (key, value) in pairs {
            self.0.attributes.push(*key, *value);
        }
        self
    }

    pub(super) fn target(mut self, target: &str, declared: &[&str]) -> Self {
        self.0.callsite = Some(callsite(&self.0.name, target, "INFO", declared));
        self
    }

    pub(super) fn scope(mut self, name: &str) -> Self {
        self.0.scope = Arc::new(Scope { name: name.to_owned(), ..Scope::default() });
        self
    }

    pub(super) fn status(mut self, code: StatusCode, message: &str) -> Self {
        self.0.status = Status { code, message: message.to_owned() };
        self
    }

    pub(super) fn event(mut self, name: &str, level: Option<&str>, pairs: &[(&'static str, Value)]) -> Self {
        self.0.events.push(Event {
            name: name.to_owned(),
            time_ns: 1_500,
            attributes: pairs.iter().map(|(key, value)| ((*key).into(), value.clone())).collect(),
            dropped_attributes: 0,
            callsite: level.map(|level| callsite("event src/lib.rs:1", "app", level, &[])),
        });
        self
    }

    pub(super) fn inherited(mut self, field: IdentityField, value: &str) -> Self {
        self.0.inherited.set(field, value);
        self
    }

    pub(super) fn span(self) -> Span {
        interpret(self.0).span
    }

    pub(super) fn content(self, kind: Kind) -> Content {
        let item = interpret(self.0);
        read_content(&item.record.attributes, &item.record.events, &item.lifts, kind)
    }
}
