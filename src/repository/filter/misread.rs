//! Errors that point at the wrong word.

use std::ops::Range;

use crate::error::{Error, ErrorKind};

/// Characters of the filter's text that a message shows on either side of the wrong word.
const SHOWN: usize = 60;

/// What is wrong in a filter's text, and where.
#[derive(Debug)]
pub(super) struct Misread {
    place: Range<usize>,
    message: String,
}

impl Misread {
    /// What is wrong with the bytes at `place`.
    pub(super) fn new(place: Range<usize>, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }

    /// The error: what is wrong at which character, and below it the text with the wrong word underlined.
    pub(super) fn into_error(self, text: &str) -> Error {
        let before = text.get(..self.place.start).unwrap_or_default().chars().count();
        let word = text.get(self.place.clone()).unwrap_or_default().chars().count().max(1);
        let from = before.saturating_sub(SHOWN);
        let shown: String = text
            .chars()
            .skip(from)
            .take(before - from + word.min(SHOWN) + SHOWN)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let underline = format!("{}{}", " ".repeat(before - from), "^".repeat(word.min(SHOWN)));
        Error::new(
            ErrorKind::InvalidInput,
            format!("filter, character {}: {}\n  {shown}\n  {underline}", before + 1, self.message),
        )
    }
}
