//! Writing a filter so that it reads back as the same.

use std::fmt::{self, Display, Formatter, Write as _};

use super::conditions::{Conditions, DEFAULT_LIMIT, Range};
use super::field::{AFTER, DURATION, LAST, LIMIT, SINCE, TOKENS, UNTIL};
use super::quantity::{show_count, show_duration, show_time};
use crate::model::time::duration_ns;

impl Display for Conditions {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut words = Words { f, is_first: true };
        for (sign, fields) in [("", &self.values), ("-", &self.excluded)] {
            for (field, values) in fields {
                for (place, value) in values.iter().enumerate() {
                    match place {
                        0 => words.start(format_args!("{sign}{}:", field.as_str()))?,
                        _ => words.f.write_char(',')?,
                    }
                    write_value(words.f, value)?;
                }
            }
        }
        for (word, time) in [(SINCE, self.since_ns), (UNTIL, self.until_ns)] {
            if let Some(time) = time {
                words.start(format_args!("{word}:{}", show_time(time)))?;
            }
        }
        if let Some(last) = self.last {
            words.start(format_args!("{LAST}:{}", show_duration(duration_ns(last))))?;
        }
        words.range(DURATION, self.duration, show_duration)?;
        words.range(TOKENS, self.tokens, show_count)?;
        for text in &self.text {
            words.start(format_args!("{}", Quoted(text)))?;
        }
        if self.limit != DEFAULT_LIMIT {
            words.start(format_args!("{LIMIT}:{}", self.limit))?;
        }
        if let Some(after) = &self.after {
            words.start(format_args!("{AFTER}:{after}"))?;
        }
        Ok(())
    }
}

/// Words with a space between each two.
struct Words<'a, 'b> {
    f: &'a mut Formatter<'b>,
    is_first: bool,
}

impl Words<'_, '_> {
    /// Begins a word.
    fn start(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        if !self.is_first {
            self.f.write_char(' ')?;
        }
        self.is_first = false;
        self.f.write_fmt(text)
    }

    /// Writes the bounds of a range, each as a word.
    fn range(&mut self, word: &str, range: Range, show: fn(i64) -> String) -> fmt::Result {
        for (sign, bound) in [('>', range.min), ('<', range.max)] {
            if let Some(bound) = bound {
                let equal = if bound.is_inclusive { "=" } else { "" };
                self.start(format_args!("{word}{sign}{equal}{}", show(bound.value)))?;
            }
        }
        Ok(())
    }
}

/// Writes a value, in quotes where it would not be read as one without them.
fn write_value(f: &mut Formatter<'_>, value: &str) -> fmt::Result {
    let needs_quotes = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '"');
    if value.is_empty() || value.contains(needs_quotes) { write!(f, "{}", Quoted(value)) } else { f.write_str(value) }
}

/// A text in quotes, with the escapes that the lexer reads.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}
