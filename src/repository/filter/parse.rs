//! Reading a filter's text.

use std::fmt::Display;
use std::mem::{Discriminant, discriminant};
use std::str::FromStr;
use std::time::Duration;

use super::conditions::{Bound, Conditions, MAX_LIMIT, Range};
use super::field::{AFTER, DURATION, Field, LAST, LIMIT, Language, SINCE, TOKENS, UNTIL};
use super::lexer::{Lexer, Operator, Value, Word};
use super::misread::Misread;
use super::quantity::{parse_count, parse_duration, parse_time};
use crate::error::Result;
use crate::model::{Cursor, Kind, SpanId, SpanState, TraceId};

/// The conditions that `text` states in `language`.
pub(super) fn parse(text: &str, language: &Language) -> Result<Conditions> {
    let mut reader = Reader { language, conditions: Conditions::default(), seen: Vec::new() };
    let mut lexer = Lexer::new(text);
    let read = || -> Result<Conditions, Misread> {
        while let Some(word) = lexer.word()? {
            reader.word(word)?;
        }
        Ok(reader.conditions)
    };
    read().map_err(|misread| misread.into_error(text))
}

/// The conditions so far.
struct Reader<'a> {
    language: &'a Language,
    conditions: Conditions,
    /// Words that can be given once, or once for each side of a range.
    seen: Vec<(&'static str, Discriminant<Operator>)>,
}

impl Reader<'_> {
    /// Takes a word into the conditions.
    fn word(&mut self, word: Word) -> Result<(), Misread> {
        let Word { is_negated, field, operator, values } = word;
        let Some((name, place)) = field else {
            return values.into_iter().try_for_each(|value| self.free_text(value));
        };
        if let Some(field) = self.language.field(&name) {
            if operator != Operator::Is {
                return Err(Misread::new(place, format!("`{name}` takes values: write {name}:VALUE")));
            }
            if is_negated && field.facet().is_none() {
                return Err(Misread::new(place, format!("`{name}` cannot be excluded; leave out the minus")));
            }
            for value in values {
                let value = self.known(field, value)?;
                if is_negated {
                    self.conditions.exclude(field, value);
                } else {
                    self.conditions.add(field, value);
                }
            }
            return Ok(());
        }
        let words = self.language.words();
        let Some(word) = words.iter().copied().find(|word| word.eq_ignore_ascii_case(&name)) else {
            let hint = "to search for text that looks like a field, quote it";
            return Err(Misread::new(place, format!("unknown field `{name}`; known: {} ({hint})", words.join(", "))));
        };
        if is_negated {
            return Err(Misread::new(place, format!("`{word}` cannot be excluded; leave out the minus")));
        }
        if self.seen.contains(&(word, discriminant(&operator))) {
            return Err(Misread::new(place, format!("`{word}` is given twice")));
        }
        self.seen.push((word, discriminant(&operator)));
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (Some(value), None) => self.scalar(word, operator, &value, place),
            (_, Some(second)) => Err(Misread::new(second.place, format!("`{word}` takes one value"))),
            (None, None) => Ok(()),
        }
    }

    /// Takes a text that stands without a field.
    fn free_text(&mut self, value: Value) -> Result<(), Misread> {
        if !self.language.has_text {
            return Err(Misread::new(
                value.place,
                format!(
                    "this list has no text to search in; write FIELD:VALUE, with one of: {}",
                    self.language.words().join(", ")
                ),
            ));
        }
        self.conditions.add_text(value.text);
        Ok(())
    }

    /// The value as it is stored; refuses what a closed field or an id field cannot have.
    fn known(&self, field: Field, value: Value) -> Result<String, Misread> {
        let text = value.text.as_str();
        let known = match field {
            Field::Trace => canonical::<TraceId>(text),
            Field::Parent => canonical::<SpanId>(text),
            Field::Kind => canonical::<Kind>(text),
            Field::State => canonical::<SpanState>(text),
            Field::Status => {
                let statuses = self.language.statuses;
                let status = statuses.iter().find(|status| status.eq_ignore_ascii_case(text));
                status
                    .map(|status| (*status).to_owned())
                    .ok_or_else(|| format!("{text:?} is no status here; known: {}", statuses.join(", ")))
            }
            _ => return Ok(value.text),
        };
        known.map_err(|problem| Misread::new(value.place, problem))
    }

    /// A word that holds a time, a number or a place.
    fn scalar(
        &mut self,
        word: &'static str,
        operator: Operator,
        value: &Value,
        place: std::ops::Range<usize>,
    ) -> Result<(), Misread> {
        let conditions = &mut self.conditions;
        let bad = |what: &str| Misread::new(value.place.clone(), format!("{:?} is no {what}", value.text));
        let is_range = word == DURATION || word == TOKENS;
        match (is_range, operator) {
            (true, Operator::Is) => {
                return Err(Misread::new(place, format!("`{word}` takes bounds: write {word}>VALUE, >=, < or <=")));
            }
            (false, Operator::Above { .. } | Operator::Below { .. }) => {
                return Err(Misread::new(place, format!("`{word}` takes a value: write {word}:VALUE")));
            }
            _ => {}
        }
        let time = || parse_time(&value.text).ok_or_else(|| bad("time such as 2026-11-22 or 2026-11-22T10:00:00Z"));
        let duration = || {
            let what = "duration such as 250ms, 1.5s, 2h or 7d (units: ns us ms s m h d)";
            parse_duration(&value.text).ok_or_else(|| bad(what))
        };
        match word {
            SINCE => conditions.since_ns = Some(time()?),
            UNTIL => conditions.until_ns = Some(time()?),
            LAST => conditions.last = Some(Duration::from_nanos(duration()?.unsigned_abs())),
            DURATION => set_bound(&mut conditions.duration, operator, duration()?),
            TOKENS => {
                let count = parse_count(&value.text).ok_or_else(|| bad("count such as 500, 1k or 2.5M"))?;
                set_bound(&mut conditions.tokens, operator, count);
            }
            LIMIT => {
                let limit = value.text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                conditions.limit = limit.ok_or_else(|| bad(&format!("limit from 1 to {MAX_LIMIT}")))?;
            }
            AFTER => {
                let cursor = value.text.parse::<Cursor>();
                conditions.after = Some(cursor.map_err(|error| Misread::new(value.place.clone(), error.to_string()))?);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Sets the side of a range that the operator means.
fn set_bound(range: &mut Range, operator: Operator, value: i64) {
    match operator {
        Operator::Above { is_inclusive } => range.min = Some(Bound { value, is_inclusive }),
        Operator::Below { is_inclusive } => range.max = Some(Bound { value, is_inclusive }),
        Operator::Is => {}
    }
}

/// `text` as a `T` writes itself, or what is wrong with it.
fn canonical<T: FromStr<Err: Display> + Display>(text: &str) -> Result<String, String> {
    text.parse::<T>().map(|value| value.to_string()).map_err(|error| error.to_string())
}
