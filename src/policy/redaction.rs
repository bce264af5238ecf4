//! Redactors, applied to every text of a record.
//!
//! What the program's source says stays: callsites, and keys that are constants of it. Keys that came with the data are data.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use super::place::{Part, Place};
use super::redact::{FAILED, Redactor};
use crate::model::{Attributes, Event, Identity, Key, MAX_DEPTH, Resource, Scope, SpanRecord, Value, cut_marker};

/// A program's own redactor.
pub(crate) type Redact = Box<dyn Fn(&str, &Place<'_>) -> Option<String> + Send + Sync>;

/// One redactor.
pub(crate) enum Rule {
    Ready(Redactor),
    Own(Redact),
}

/// All redactors, in the order in which they were given.
#[derive(Default)]
pub(crate) struct Redaction {
    rules: Vec<Rule>,
    failures: AtomicU64,
}

impl Redaction {
    pub(super) fn new(rules: Vec<Rule>) -> Self {
        Self { rules, failures: AtomicU64::new(0) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Texts on which a redactor panicked, and which were replaced.
    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// All of a record but its scope and resource, which others share.
    pub(super) fn record(&self, record: &mut SpanRecord) {
        self.text(Part::Name, "", &mut record.name);
        self.text(Part::Status, "", &mut record.status.message);
        self.text(Part::TraceState, "", &mut record.trace_state);
        record.truncated_bytes += self.attributes(Part::Attribute, &mut record.attributes);
        for event in &mut record.events {
            record.truncated_bytes += self.event(event);
        }
        for link in &mut record.links {
            self.text(Part::TraceState, "", &mut link.trace_state);
            record.truncated_bytes += self.attributes(Part::LinkAttribute, &mut link.attributes);
        }
        self.identity(&mut record.inherited);
    }

    /// An event; how many bytes were cut because they were nested too deep.
    pub(super) fn event(&self, event: &mut Event) -> u64 {
        self.text(Part::EventName, "", &mut event.name);
        self.attributes(Part::EventAttribute, &mut event.attributes)
    }

    pub(super) fn resource(&self, resource: &mut Resource) {
        self.attributes(Part::Resource, &mut resource.attributes);
        self.text(Part::Resource, "", &mut resource.schema_url);
        for entity in &mut resource.entity_refs {
            self.text(Part::Resource, "", &mut entity.schema_url);
            self.text(Part::Resource, "", &mut entity.kind);
            for key in entity.id_keys.iter_mut().chain(&mut entity.description_keys) {
                self.text(Part::Key, "", key);
            }
        }
        // It may hold what no field says, and nobody has looked at that.
        resource.verbatim = None;
    }

    pub(super) fn scope(&self, scope: &mut Scope) {
        self.text(Part::Scope, "", &mut scope.name);
        self.text(Part::Scope, "", &mut scope.version);
        self.text(Part::Scope, "", &mut scope.schema_url);
        self.attributes(Part::Scope, &mut scope.attributes);
        scope.verbatim = None;
    }

    fn identity(&self, identity: &mut Identity) {
        let mut clean = Identity::default();
        for (field, text) in identity.iter() {
            let mut text = text.to_owned();
            self.text(Part::Inherited, field.as_str(), &mut text);
            clean.set(field, text);
        }
        *identity = clean;
    }

    fn attributes(&self, part: Part, attributes: &mut Attributes) -> u64 {
        let mut cut = 0;
        for (key, value) in attributes.entries_mut() {
            cut += self.value(part, &[key.as_ref()], value);
            if let Key::Owned(key) = key {
                self.text(Part::Key, "", key);
            }
        }
        cut
    }

    /// A value under these names, the outermost first; how many bytes were cut because they were nested too deep.
    fn value(&self, part: Part, names: &[&str], value: &mut Value) -> u64 {
        if names.len() > MAX_DEPTH {
            // The store would cut it there, and nobody looks deeper.
            let size = value.size() as u64;
            *value = Value::Str(cut_marker(size));
            return size;
        }
        for rule in &self.rules {
            match rule {
                Rule::Ready(redactor) => drop(redactor.value(names, value)),
                Rule::Own(redact) => {
                    if let Value::Str(text) | Value::Debug(text) | Value::Error(text) = value {
                        self.own(redact, &Place::new(part, names.first().copied().unwrap_or_default()), text);
                    }
                }
            }
        }
        match value {
            Value::Array(items) => {
                let names: Vec<&str> = names.iter().copied().chain([""]).collect();
                items.iter_mut().map(|item| self.value(part, &names, item)).sum()
            }
            Value::Map(entries) => {
                let mut cut = 0;
                for (key, item) in entries {
                    let names: Vec<&str> = names.iter().copied().chain([key.as_str()]).collect();
                    cut += self.value(part, &names, item);
                    self.text(Part::Key, "", key);
                }
                cut
            }
            _ => 0,
        }
    }

    /// A text that is no attribute's value.
    fn text(&self, part: Part, key: &str, text: &mut String) {
        for rule in &self.rules {
            match rule {
                Rule::Ready(redactor) => drop(redactor.text(text)),
                Rule::Own(redact) => self.own(redact, &Place::new(part, key), text),
            }
        }
    }

    /// A redactor of the program's. One that panics may have seen a secret.
    fn own(&self, redact: &Redact, place: &Place<'_>, text: &mut String) {
        match catch_unwind(AssertUnwindSafe(|| redact(text, place))) {
            Ok(None) => {}
            Ok(Some(replacement)) => *text = replacement,
            Err(_) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                FAILED.clone_into(text);
            }
        }
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redaction").field("rules", &self.rules.len()).field("failures", &self.failures).finish()
    }
}
