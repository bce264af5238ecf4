//! A text as it reads when an encoding is taken off, and where in it each piece stood.
//!
//! A secret is found in the decoded text and taken out of the recorded one, encoded characters whole. What is searched for is ASCII, so
//! a byte beyond it is any character.

use std::ops::Range;

/// A decoded text.
#[derive(Debug)]
pub(super) struct View {
    pub(super) text: String,
    edges: Vec<Edge>,
}

/// A sequence that was decoded: where what it stands for is now, and where it stood.
#[derive(Debug)]
struct Edge {
    at: Range<usize>,
    from: Range<usize>,
}

/// What a sequence is: its length, and the character that it stands for, if any.
type Sequence = (usize, Option<char>);

impl View {
    /// The text without one level of escapes: those of JSON, Rust and C, of URLs (`%41`), and of HTML (`&#65;`). None where it has none.
    pub(super) fn unescaped(text: &str) -> Option<Self> {
        Self::of(text, &['\\', '%', '&'], |_, rest| match rest.bytes().next()? {
            b'\\' => backslash(rest),
            b'%' => hexadecimal(rest.get(1..3)?).map(|c| (3, Some(c))),
            _ => entity(rest),
        })
    }

    /// The text as MIME's quoted-printable: `=41`, and `=` at the end of a line. Apart from the others, since `=` often is just that.
    pub(super) fn quoted_printable(text: &str) -> Option<Self> {
        Self::of(text, &['='], |_, rest| {
            if let Some(length) = line_break(rest.get(1..)?) {
                return Some((1 + length, None));
            }
            let digits = rest.get(1..3)?;
            // Encoders write capitals; `=ab` is more often a value.
            let is_code = digits.bytes().all(|c| c.is_ascii_digit() || (b'A'..=b'F').contains(&c));
            is_code.then(|| hexadecimal(digits)).flatten().map(|c| (3, Some(c)))
        })
    }

    /// The text without the ends of its lines, and what the next one is indented by, as a key reads that was broken over lines.
    pub(super) fn joined(text: &str) -> Option<Self> {
        Self::of(text, &['\n', '\r'], |before, rest| {
            let length = line_break(rest)?;
            let length = length + rest.get(length..)?.bytes().take_while(|c| matches!(c, b' ' | b'\t')).count();
            let is_word = |c: Option<u8>| c.is_some_and(|c| !c.is_ascii_whitespace());
            let joins = is_word(before.bytes().next_back()) && is_word(rest.get(length..)?.bytes().next());
            joins.then_some((length, None))
        })
    }

    /// Where a part of the [joined](Self::joined) text stood, as far as it is surely of one piece: a key at the end of a line seems to go on with
    /// the next line's first word, whatever that is.
    pub(super) fn source_of_joined(&self, text: &str, range: &Range<usize>) -> Range<usize> {
        let mut source = self.source(range);
        while let Some(last) = text.get(source.clone()).and_then(|found| found.rfind(['\n', '\r'])) {
            let tail = text.get(source.start + last..source.end).unwrap_or_default().trim_start();
            let is_alone = text.get(source.end..).unwrap_or_default().starts_with(['\n', '\r', '"', '\''])
                || source.end == text.len();
            if is_alone || looks_random(tail) || tail.bytes().any(|c| c.is_ascii_digit()) {
                break;
            }
            let before = text.get(source.start..source.start + last).unwrap_or_default();
            source.end = source.start + before.trim_end().len();
        }
        source
    }

    /// Reads a text, asking at each of `signs` (with what stands before and from there on) whether a sequence begins.
    fn of(text: &str, signs: &[char], read: impl Fn(&str, &str) -> Option<Sequence>) -> Option<Self> {
        let mut view = Self { text: String::new(), edges: Vec::new() };
        let mut place = 0;
        while let Some((before, rest, found)) = next(text, place, signs) {
            view.text.push_str(before);
            let at = text.len() - rest.len();
            match read(text.get(..at)?, rest) {
                Some((length, character)) => {
                    let start = view.text.len();
                    view.text.extend(character);
                    view.edges.push(Edge { at: start..view.text.len(), from: at..at + length });
                    place = at + length;
                }
                None => {
                    view.text.push(found);
                    place = at + found.len_utf8();
                }
            }
        }
        view.text.push_str(text.get(place..)?);
        (!view.edges.is_empty()).then_some(view)
    }

    /// Where a part of the decoded text stood.
    pub(super) fn source(&self, range: &Range<usize>) -> Range<usize> {
        let before = |index: usize| index.checked_sub(1).and_then(|index| self.edges.get(index));
        let start = match before(self.edges.partition_point(|edge| edge.at.start <= range.start)) {
            None => range.start,
            Some(edge) if range.start < edge.at.end => edge.from.start,
            Some(edge) => edge.from.end + (range.start - edge.at.end),
        };
        let end = match before(self.edges.partition_point(|edge| edge.at.start < range.end)) {
            None => range.end,
            Some(edge) => edge.from.end + range.end.saturating_sub(edge.at.end),
        };
        start..end
    }
}

/// The next sign from a place on: what stands before it, and the text from it on.
fn next<'t>(text: &'t str, place: usize, signs: &[char]) -> Option<(&'t str, &'t str, char)> {
    let (before, rest) = text.get(place..)?.split_at_checked(text.get(place..)?.find(signs)?)?;
    Some((before, rest, rest.chars().next()?))
}

/// The length of a line's end that a text begins with.
fn line_break(text: &str) -> Option<usize> {
    ["\r\n", "\n", "\r"].iter().find(|end| text.starts_with(**end)).map(|end| end.len())
}

/// Whether a word is none that people write: letters and digits in one, or very long.
pub(super) fn looks_random(word: &str) -> bool {
    let has = |is: fn(&u8) -> bool| word.as_bytes().iter().any(is);
    (word.len() >= 6 && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)) || word.len() >= 32
}

/// The character of two hexadecimal digits.
fn hexadecimal(digits: &str) -> Option<char> {
    let is_code = digits.bytes().all(|c| c.is_ascii_hexdigit());
    is_code.then(|| u8::from_str_radix(digits, 16).ok()).flatten().map(char::from)
}

/// The escapes of JSON, Rust, C and shells.
fn backslash(rest: &str) -> Option<Sequence> {
    let plain = |c| Some((2, Some(c)));
    match rest.as_bytes().get(1).copied()? {
        b'n' => plain('\n'),
        b'r' => plain('\r'),
        b't' => plain('\t'),
        b'b' => plain('\u{8}'),
        b'f' => plain('\u{c}'),
        c @ (b'"' | b'\'' | b'\\' | b'/') => plain(char::from(c)),
        b'x' => hexadecimal(rest.get(2..4)?).map(|c| (4, Some(c))),
        b'u' if rest.get(2..3) == Some("{") => {
            let digits = rest.get(3..)?.split_once('}').map(|(digits, _)| digits).filter(|digits| digits.len() <= 6)?;
            Some((digits.len() + 4, Some(scalar(digits, 16)?)))
        }
        b'u' => Some((6, Some(scalar(rest.get(2..6)?, 16)?))),
        b'U' => Some((10, Some(scalar(rest.get(2..10)?, 16)?))),
        b'0'..=b'3' => match rest.get(1..4).filter(|digits| digits.bytes().all(|c| (b'0'..=b'7').contains(&c))) {
            Some(digits) => Some((4, Some(scalar(digits, 8)?))),
            None if rest.as_bytes().get(1) == Some(&b'0') => plain('\0'),
            None => None,
        },
        b'\n' | b'\r' => line_break(rest.get(1..)?).map(|length| (1 + length, None)),
        _ => None,
    }
}

/// HTML's and XML's entities.
fn entity(rest: &str) -> Option<Sequence> {
    let name = rest.get(1..)?.split(';').next()?;
    let length = name.len() + 2;
    if length > 12 || rest.len() < length {
        return None;
    }
    let character = match name.strip_prefix('#') {
        Some(code) => match code.strip_prefix(['x', 'X']) {
            Some(digits) => scalar(digits, 16)?,
            None => scalar(code, 10)?,
        },
        None => match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            "nbsp" => ' ',
            "sol" => '/',
            "equals" => '=',
            "colon" => ':',
            "plus" => '+',
            "period" => '.',
            "lowbar" => '_',
            "hyphen" | "dash" => '-',
            "commat" => '@',
            _ => return None,
        },
    };
    Some((length, Some(character)))
}

/// The character of a code; one that is no character by itself (half of a surrogate pair) is any.
fn scalar(digits: &str, radix: u32) -> Option<char> {
    let is_code = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    let code = is_code.then(|| u32::from_str_radix(digits, radix).ok()).flatten()?;
    Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_escape_is_taken_off_and_maps_back() {
        for (text, expected) in [
            (r#"a\"b\\n\u0041\u{42}\x43\104\/é"#, "a\"b\\nABCD/é"),
            ("%41b%zz%4", "Ab%zz%4"),
            ("&amp;&#65;&#x42;&quot;&unknown;&", "&AB\"&unknown;&"),
        ] {
            let view = View::unescaped(text).unwrap();
            assert_eq!(view.text, expected);
            assert_eq!(view.source(&(0..view.text.len())), 0..text.len(), "{text}");
        }
        assert!(View::unescaped("plain").is_none());
        assert_eq!(View::quoted_printable("a=41=\r\nb=ab").unwrap().text, "aAb=ab");
    }

    #[test]
    fn a_part_of_the_view_is_a_part_of_the_text() {
        let text = "x%41%42y\\u0043z";
        let view = View::unescaped(text).unwrap();
        assert_eq!(view.text, "xAByCz");
        for (range, source) in [(1..3, "%41%42"), (2..4, "%42y"), (4..5, "\\u0043"), (5..6, "z"), (0..1, "x")] {
            assert_eq!(text.get(view.source(&range)), Some(source));
        }
    }

    #[test]
    fn words_are_joined_only_where_a_key_goes_on() {
        for (text, found, source) in [
            ("sk-ab12\r\n  cd34ef rest", "sk-ab12cd34ef", "sk-ab12\r\n  cd34ef"),
            ("sk-ab12\ncdef\ngh", "sk-ab12cdefgh", "sk-ab12\ncdef\ngh"),
            ("sk-ab12cd\nThen it goes on", "sk-ab12cdThen", "sk-ab12cd"),
            ("sk-ab12\n34cd\nThen it goes on", "sk-ab1234cdThen", "sk-ab12\n34cd"),
        ] {
            let view = View::joined(text).unwrap();
            assert!(view.text.starts_with(found), "{}", view.text);
            assert_eq!(&text[view.source_of_joined(text, &(0..found.len()))], source);
        }
        assert!(View::joined("the end \n").is_none());
    }
}
