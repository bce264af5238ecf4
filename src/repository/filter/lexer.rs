//! Cutting a filter's text into words.

use std::ops::Range;

use super::misread::Misread;

/// One word: a value or a list of values, and the field before it.
#[derive(Debug, PartialEq)]
pub(super) struct Word {
    /// Whether a minus stands before the field.
    pub(super) is_negated: bool,
    /// The name before the operator, with its place; `None` for text that stands alone.
    pub(super) field: Option<(String, Range<usize>)>,
    pub(super) operator: Operator,
    pub(super) values: Vec<Value>,
}

impl Word {
    /// Text that stands alone.
    fn text(value: Value) -> Self {
        Self { is_negated: false, field: None, operator: Operator::Is, values: vec![value] }
    }
}

/// A value, bare or quoted.
#[derive(Debug, PartialEq)]
pub(super) struct Value {
    /// The text, without quotes and escapes.
    pub(super) text: String,
    /// Where it stands, in bytes.
    pub(super) place: Range<usize>,
}

/// What stands between a field and its values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Operator {
    /// `:`
    Is,
    /// `>`, or `>=` when inclusive.
    Above { is_inclusive: bool },
    /// `<`, or `<=` when inclusive.
    Below { is_inclusive: bool },
}

/// Cuts a text into [`Word`]s, from left to right.
pub(super) struct Lexer<'a> {
    text: &'a str,
    /// The next byte.
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// What has not been read yet.
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next character.
    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// The length of the rest's start whose characters satisfy `holds`.
    fn span_of(&self, holds: impl Fn(char) -> bool) -> usize {
        let rest = self.rest();
        rest.find(|c| !holds(c)).unwrap_or(rest.len())
    }

    /// The next word; `None` at the end.
    pub(super) fn word(&mut self) -> Result<Option<Word>, Misread> {
        self.at += self.span_of(char::is_whitespace);
        let Some(first) = self.peek() else { return Ok(None) };
        if first == '"' {
            let value = self.quoted()?;
            self.expect_end_of_word(&value)?;
            return Ok(Some(Word::text(value)));
        }
        let start = self.at;
        let is_negated = first == '-';
        self.at += usize::from(is_negated);
        let name = self.at..self.at + self.span_of(|c| c.is_ascii_alphabetic() || c == '_');
        if let Some((operator, length)) = operator(self.text.get(name.end..).unwrap_or_default())
            && !name.is_empty()
        {
            self.at = name.end + length;
            let field = self.text.get(name.clone()).unwrap_or_default().to_owned();
            let values = self.values(start)?;
            return Ok(Some(Word { is_negated, field: Some((field, name)), operator, values }));
        }
        self.at = start;
        let end = start + self.span_of(|c| !c.is_whitespace());
        self.at = end;
        let text = self.text.get(start..end).unwrap_or_default();
        match meant_otherwise(text) {
            Some(hint) => Err(Misread::new(start..end, format!("{hint} (to search for this text, quote it)"))),
            None => Ok(Some(Word::text(Value { text: text.to_owned(), place: start..end }))),
        }
    }

    /// `a,b,"c d"` after a field, whose word began at `start`.
    fn values(&mut self, start: usize) -> Result<Vec<Value>, Misread> {
        let mut values = Vec::new();
        loop {
            if self.peek() == Some('"') {
                let value = self.quoted()?;
                values.push(value);
            } else {
                let place = self.at..self.at + self.span_of(|c| !c.is_whitespace() && c != ',');
                if place.is_empty() {
                    return Err(Misread::new(
                        start..self.at,
                        "a value must follow here, without a space (an empty one is written \"\")",
                    ));
                }
                self.at = place.end;
                values.push(Value { text: self.text.get(place.clone()).unwrap_or_default().to_owned(), place });
            }
            match (self.peek(), values.last()) {
                (Some(','), _) => self.at += 1,
                (_, Some(value)) => {
                    self.expect_end_of_word(value)?;
                    return Ok(values);
                }
                (_, None) => return Ok(values),
            }
        }
    }

    /// Refuses what is glued to the end of a value, such as `"a"b`.
    fn expect_end_of_word(&self, value: &Value) -> Result<(), Misread> {
        match self.peek() {
            Some(c) if !c.is_whitespace() => Err(Misread::new(
                value.place.start..self.at + self.span_of(|c| !c.is_whitespace()),
                "a space must follow the closing quote (a quote inside quotes is written \\\")",
            )),
            _ => Ok(()),
        }
    }

    /// A quoted value, from its opening quote on.
    fn quoted(&mut self) -> Result<Value, Misread> {
        let start = self.at;
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((offset, c)) = characters.next() {
            match c {
                '"' => {
                    self.at = start + offset + 1;
                    return Ok(Value { text, place: start..self.at });
                }
                '\\' => match characters.next().map(|(_, escaped)| escaped) {
                    Some(c @ ('"' | '\\')) => text.push(c),
                    Some('n') => text.push('\n'),
                    Some('r') => text.push('\r'),
                    Some('t') => text.push('\t'),
                    other => {
                        let place = start + offset;
                        return Err(Misread::new(
                            place..place + 1 + other.map_or(0, char::len_utf8),
                            r#"no such escape; known: \" \\ \n \r \t"#,
                        ));
                    }
                },
                c => text.push(c),
            }
        }
        Err(Misread::new(start..self.text.len(), "the closing quote is missing"))
    }
}

/// What to write instead of a bare word that is no text to search for: it would find nothing, and say nothing.
fn meant_otherwise(text: &str) -> Option<String> {
    let name = text.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '_');
    match text {
        "AND" => Some("conditions hold together as they stand: leave out AND".to_owned()),
        "OR" => Some("there is no OR between conditions; values of one field stand with a comma: FIELD:A,B".to_owned()),
        "NOT" => Some("there is no NOT; put a minus before the field: -FIELD:VALUE".to_owned()),
        _ if text.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c == '"' || c.is_alphabetic())) => {
            Some("a minus goes before a field, as in -FIELD:VALUE; text cannot be excluded".to_owned())
        }
        _ if name.len() < text.len() && name.starts_with("!=") => {
            Some("there is no !=; put a minus before the field: -FIELD:VALUE".to_owned())
        }
        _ => None,
    }
}

/// The operator at the start of `text`, and its length.
fn operator(text: &str) -> Option<(Operator, usize)> {
    let mut characters = text.chars();
    let is_inclusive = |next: Option<char>| next == Some('=');
    match characters.next()? {
        // `=` is read as `:`, so that the word's field can say what it takes.
        ':' | '=' => Some((Operator::Is, 1)),
        '>' => {
            let is_inclusive = is_inclusive(characters.next());
            Some((Operator::Above { is_inclusive }, 1 + usize::from(is_inclusive)))
        }
        '<' => {
            let is_inclusive = is_inclusive(characters.next());
            Some((Operator::Below { is_inclusive }, 1 + usize::from(is_inclusive)))
        }
        _ => None,
    }
}
