//! The type list: what OTLP's value types do not say, see the parent module.

use std::fmt::Write as _;

/// A type that an OTLP value cannot have by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    /// OTLP has an int, or text above `i64::MAX`.
    U64,
    /// OTLP has an int, or text beyond 64 bits.
    I128,
    /// OTLP has an int, or text above `i64::MAX`.
    U128,
    /// OTLP has text.
    Debug,
    /// OTLP has text.
    Error,
    /// OTLP has bytes: an `AnyValue` message that holds an array or a map.
    Packed,
}

impl Tag {
    const ALL: [Self; 6] = [Self::U64, Self::I128, Self::U128, Self::Debug, Self::Error, Self::Packed];

    const fn letter(self) -> char {
        match self {
            Self::U64 => 'u',
            Self::I128 => 'i',
            Self::U128 => 'n',
            Self::Debug => 'd',
            Self::Error => 'e',
            Self::Packed => 'p',
        }
    }
}

/// Makes a type list, value by value.
#[derive(Debug, Default)]
pub(super) struct TagWriter {
    text: String,
    skipped: u64,
}

impl TagWriter {
    /// The next value is what OTLP says.
    pub(super) fn skip(&mut self) {
        self.skipped += 1;
    }

    /// The next value is a `tag`.
    pub(super) fn tag(&mut self, tag: Tag) {
        if self.skipped > 0 {
            // Writing to a `String` cannot fail.
            let _ = write!(self.text, "{}", self.skipped);
            self.skipped = 0;
        }
        self.text.push(tag.letter());
    }

    /// The list; `None` when OTLP says it all.
    pub(super) fn finish(self) -> Option<String> {
        (!self.text.is_empty()).then_some(self.text)
    }
}

/// Reads a type list, value by value.
#[derive(Debug, Default)]
pub(super) struct TagReader {
    /// The tags still to come, the next one last, each with the number of values to skip before it.
    entries: Vec<(u64, Tag)>,
}

impl TagReader {
    /// The list in `text`; `None` when it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut entries = Vec::new();
        let mut skip: Option<u64> = None;
        for letter in text.chars() {
            if let Some(digit) = letter.to_digit(10) {
                skip = Some(skip.unwrap_or(0).checked_mul(10)?.checked_add(digit.into())?);
            } else {
                let tag = Tag::ALL.into_iter().find(|tag| tag.letter() == letter)?;
                entries.push((skip.take().unwrap_or(0), tag));
            }
        }
        entries.reverse();
        skip.is_none().then_some(Self { entries })
    }

    /// The tag of the next value.
    pub(super) fn next_tag(&mut self) -> Option<Tag> {
        match self.entries.last_mut()? {
            (0, _) => self.entries.pop().map(|(_, tag)| tag),
            (skip, _) => {
                *skip -= 1;
                None
            }
        }
    }

    /// Whether all tags found their values.
    pub(super) fn is_done(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_what_was_written() {
        let mut writer = TagWriter::default();
        writer.skip();
        writer.skip();
        writer.tag(Tag::U64);
        writer.tag(Tag::Debug);
        writer.skip();
        let text = writer.finish().unwrap();
        assert_eq!(text, "2ud");

        let mut reader = TagReader::parse(&text).unwrap();
        let tags: Vec<_> = (0..4).map(|_| reader.next_tag()).collect();
        assert_eq!(tags, [None, None, Some(Tag::U64), Some(Tag::Debug)]);
        assert!(reader.is_done());
        assert_eq!(reader.next_tag(), None);
    }

    #[test]
    fn only_values_that_otlp_knows_need_no_list() {
        let mut writer = TagWriter::default();
        writer.skip();
        assert_eq!(writer.finish(), None);
    }

    #[test]
    fn other_texts_are_no_lists() {
        for text in ["x", "u2", "99999999999999999999u", "-1u", "u u", "é", "１u"] {
            assert!(TagReader::parse(text).is_none(), "{text}");
        }
    }
}
