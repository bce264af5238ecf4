//! What a filter asks for, whatever its type.

use std::collections::BTreeMap;
use std::time::Duration;

use super::field::Field;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Cursor;
use crate::model::time::{duration_ns, now_ns};
use crate::semconv::canonical_provider;
use crate::store::key_text;

/// Items on a page unless the filter says otherwise.
pub(crate) const DEFAULT_LIMIT: u32 = 20;
/// Items on a page at most.
pub(crate) const MAX_LIMIT: u32 = 1_000;
/// Values of one field at most: each is a bound parameter, and one index range of the search.
pub(crate) const MAX_VALUES: usize = 1_000;

/// Different fields must all hold; of one field's values, one must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conditions {
    /// The values of each field, as they were given; each once.
    pub(crate) values: BTreeMap<Field, Vec<String>>,
    /// Values of each field that must not occur, as they were given; each once.
    pub(crate) excluded: BTreeMap<Field, Vec<String>>,
    /// The earliest time.
    pub(crate) since_ns: Option<i64>,
    /// The time before which.
    pub(crate) until_ns: Option<i64>,
    /// How long ago at most, counted when the question is asked.
    pub(crate) last: Option<Duration>,
    /// Bounds of the duration in nanoseconds.
    pub(crate) duration: Range,
    /// Bounds of the tokens in all.
    pub(crate) tokens: Range,
    /// Texts that must all be found.
    pub(crate) text: Vec<String>,
    /// Items on a page, from 1 to [`MAX_LIMIT`].
    pub(crate) limit: u32,
    /// Where the page before this one ended.
    pub(crate) after: Option<Cursor>,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            values: BTreeMap::new(),
            excluded: BTreeMap::new(),
            since_ns: None,
            until_ns: None,
            last: None,
            duration: Range::default(),
            tokens: Range::default(),
            text: Vec::new(),
            limit: DEFAULT_LIMIT,
            after: None,
        }
    }
}

/// Bounds of a number: nanoseconds or tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Range {
    /// `>` or `>=`.
    pub(crate) min: Option<Bound>,
    /// `<` or `<=`.
    pub(crate) max: Option<Bound>,
}

/// A bound as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    /// Nanoseconds or tokens.
    pub(crate) value: i64,
    /// Whether the value itself holds.
    pub(crate) is_inclusive: bool,
}

impl Bound {
    /// A bound that is within the range itself.
    pub(crate) const fn inclusive(value: i64) -> Self {
        Self { value, is_inclusive: true }
    }
}

impl Range {
    /// Whether every number holds, and a missing one too.
    pub(crate) const fn is_open(&self) -> bool {
        self.min.is_none() && self.max.is_none()
    }

    /// The smallest number that holds.
    pub(crate) fn lowest(&self) -> Option<i64> {
        self.min.map(|bound| if bound.is_inclusive { bound.value } else { bound.value.saturating_add(1) })
    }

    /// The largest number that holds.
    pub(crate) fn highest(&self) -> Option<i64> {
        self.max.map(|bound| if bound.is_inclusive { bound.value } else { bound.value.saturating_sub(1) })
    }
}

/// Times from `since_ns` on and before `until_ns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeRange {
    pub(crate) since_ns: i64,
    pub(crate) until_ns: i64,
}

impl TimeRange {
    /// All of time.
    pub(crate) const ALL: Self = Self { since_ns: i64::MIN, until_ns: i64::MAX };

    /// Whether a time lies in the range.
    pub(crate) const fn contains(&self, time_ns: i64) -> bool {
        self.since_ns <= time_ns && (time_ns < self.until_ns || self.until_ns == i64::MAX)
    }
}

impl Conditions {
    /// Adds a value of a field, unless it is there.
    pub(crate) fn add(&mut self, field: Field, value: String) {
        add(&mut self.values, field, value);
    }

    /// Adds a value that a field must not have, unless it is there.
    pub(crate) fn exclude(&mut self, field: Field, value: String) {
        add(&mut self.excluded, field, value);
    }

    /// An empty text is found everywhere and says nothing.
    pub(crate) fn add_text(&mut self, text: String) {
        if !text.is_empty() && !self.text.contains(&text) {
            self.text.push(text);
        }
    }

    /// The field's values as columns hold them; empty when the filter does not ask for the field.
    pub(crate) fn keys(&self, field: Field) -> Vec<String> {
        self.values.get(&field).map(|values| keys(field, values)).unwrap_or_default()
    }

    /// The fields with values that must not occur, as columns hold them.
    pub(crate) fn excluded_keys(&self) -> impl Iterator<Item = (Field, Vec<String>)> {
        self.excluded.iter().map(|(field, values)| (*field, keys(*field, values)))
    }

    /// The field's values as ids. Values that are no id cannot be found, and are left out.
    pub(crate) fn ids<T: std::str::FromStr>(&self, field: Field) -> Option<Vec<T>> {
        Some(self.values.get(&field)?.iter().filter_map(|value| value.parse().ok()).collect())
    }

    /// The times asked for; `last` counts back from now.
    pub(crate) fn time_range(&self) -> TimeRange {
        let last = self.last.map(|last| now_ns().saturating_sub(duration_ns(last)));
        TimeRange { since_ns: self.since_ns.max(last).unwrap_or(i64::MIN), until_ns: self.until_ns.unwrap_or(i64::MAX) }
    }

    /// Items on a page, as a length.
    pub(crate) fn limit(&self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX)
    }

    /// Refuses more values than a statement can take.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`].
    pub(crate) fn check(&self) -> Result<()> {
        match self.values.iter().chain(&self.excluded).find(|(_, values)| values.len() > MAX_VALUES) {
            Some((field, values)) => Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "a filter takes at most {MAX_VALUES} values of one field, and this one has {} of `{}`; ask several times",
                    values.len(),
                    field.as_str()
                ),
            )),
            None => Ok(()),
        }
    }
}

fn add(all: &mut BTreeMap<Field, Vec<String>>, field: Field, value: String) {
    let values = all.entry(field).or_default();
    if !values.contains(&value) {
        values.push(value);
    }
}

fn keys(field: Field, values: &[String]) -> Vec<String> {
    let key = |value: &String| match field {
        // Stored in one spelling, whatever the program wrote; who asks may write what the program wrote.
        Field::Provider => key_text(&canonical_provider(value)),
        _ => key_text(value),
    };
    values.iter().map(key).collect()
}
