//! A span's attributes by key, and where the span comes from: what the rules read.

use std::borrow::Cow;
use std::collections::HashMap;

use super::coerce::{clean_text, count, float, is_blank};
use super::lift::Lifted;
use super::profiles::Profiles;
use super::profiles::profile::Profile;
use crate::model::{Attributes, SpanRecord, Value};

/// Attributes by key. The last write wins, except that a value which stands for none does not replace one that is there.
pub(super) struct Reading<'a> {
    by_key: HashMap<&'a str, &'a Value>,
}

impl<'a> Reading<'a> {
    /// Indexes the attributes once, so that asking for many names costs as much as asking for one.
    pub(super) fn new(attributes: &'a Attributes) -> Self {
        let mut by_key = HashMap::with_capacity(attributes.len());
        for (key, value) in attributes.iter() {
            if !is_blank(value) {
                by_key.insert(key, value);
            }
        }
        Self { by_key }
    }

    /// Adds what a framework tells under names of its own or by events, where the standard name is not recorded: of several events the
    /// last one, else the first of its names.
    pub(super) fn with_lifted(mut self, lifted: &'a [Lifted<'a>]) -> Self {
        let (told, named): (Vec<_>, Vec<_>) = lifted.iter().partition(|lifted| lifted.lift.event.is_some());
        for Lifted { lift, value } in told.into_iter().rev().chain(named) {
            self.by_key.entry(&lift.key).or_insert(value);
        }
        self
    }

    /// The value that was recorded last under `key`, unless it stands for none.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.by_key.get(key).copied()
    }

    /// The first of `keys` that has a value.
    pub(super) fn first(&self, keys: &[&'static str]) -> Option<&'static str> {
        keys.iter().copied().find(|key| self.by_key.contains_key(key))
    }

    /// The id-like text of the first of `keys` that has one.
    pub(super) fn text(&self, keys: &[&str]) -> Option<Cow<'a, str>> {
        keys.iter().find_map(|key| clean_text(self.get(key)?))
    }

    /// [`Reading::text`], owned.
    pub(super) fn string(&self, keys: &[&str]) -> Option<String> {
        self.text(keys).map(Cow::into_owned)
    }

    /// The count under the first of `keys` that has one.
    pub(super) fn count(&self, keys: &[&str]) -> Option<u64> {
        keys.iter().find_map(|key| count(self.get(key)?))
    }

    /// The number under the first of `keys` that has one.
    pub(super) fn float(&self, keys: &[&str]) -> Option<f64> {
        keys.iter().find_map(|key| float(self.get(key)?))
    }

    /// Whether a key begins with `prefix`.
    pub(super) fn has_prefix(&self, prefix: &str) -> bool {
        self.by_key.keys().any(|key| key.starts_with(prefix))
    }
}

/// Where a span was written down.
pub(super) struct Site<'a> {
    /// The callsite's name, which `otel.name` does not change.
    pub(super) name: &'a str,
    /// The `tracing` target; empty when unknown.
    pub(super) target: &'a str,
    /// The instrumentation scope's name.
    pub(super) scope: &'a str,
    /// The fields that the callsite declares, recorded or not.
    pub(super) declared: &'a [String],
    /// The framework, when its target is known.
    pub(super) profile: Option<&'a Profile>,
}

impl<'a> Site<'a> {
    /// The site of a record: its `tracing` callsite, else what a bridge or another exporter wrote down in place of it.
    pub(super) fn new(record: &'a SpanRecord, profiles: &'a Profiles) -> Self {
        let callsite = record.callsite.as_deref();
        // Bridges to OpenTelemetry write the target down as an attribute.
        let bridged = || {
            ["target", "code.module.name", "code.namespace"].iter().find_map(|key| record.attributes.get(key)?.as_str())
        };
        let target = callsite.map(|callsite| callsite.target.as_str()).or_else(bridged).unwrap_or_default();
        Self {
            name: callsite.map_or(record.name.as_str(), |callsite| callsite.name.as_str()),
            target,
            scope: &record.scope.name,
            declared: callsite.map_or(&[], |callsite| callsite.fields.as_slice()),
            profile: profiles.of(if target.is_empty() { &record.scope.name } else { target }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_write_wins_unless_it_is_empty() {
        let mut attributes = Attributes::new();
        attributes.push("a", "first");
        attributes.push("a", "second");
        attributes.push("a", "");
        attributes.push("n", 0_i64);
        let reading = Reading::new(&attributes);
        assert_eq!(reading.string(&["missing", "a"]).as_deref(), Some("second"));
        assert_eq!(reading.count(&["n"]), Some(0));
        assert_eq!(reading.first(&["missing", "n"]), Some("n"));
    }
}
