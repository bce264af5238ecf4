//! Bytes that are written as text: base64, hexadecimal, lists of numbers. A secret in them is seen only when they are bytes again.

use std::ops::Range;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use regex::Regex;

/// Shorter texts hold no secret worth the name.
const MIN_BYTES: usize = 8;

/// Reads whatever can be read: padded or not, and without regard to the last bits.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Digits one after the other, over any number of lines; or pairs of them with signs between, which begin where a word does.
static HEXADECIMAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"([0-9A-Fa-f]{16,}(?:\r?\n[ \t]*[0-9A-Fa-f]{2,})*)|(?:^|[^0-9A-Za-z])((?:0x)?[0-9A-Fa-f]{2}(?:[ :,\-]{0,2}(?:\r?\n[ \t]*)?(?:0x)?[0-9A-Fa-f]{2}){7,})",
    )
    .ok()
});

/// A list of bytes, as `Debug` and JSON write one.
static NUMBERS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b[0-9]{1,3}(?:\s*,\s*[0-9]{1,3}){7,}\b").ok());

/// The parts of a text that are bytes in one of these forms, and tell something to `secret` when they are read.
pub(super) fn find<T>(text: &str, secret: impl Fn(&str) -> Option<T>) -> Vec<(Range<usize>, T)> {
    let mut found = Vec::new();
    for run in base64_runs(text) {
        let of_run = (0..4).filter_map(|offset| BASE64.decode(whole(run.letters.get(offset..)?)).ok());
        found.extend(of_run.filter_map(|bytes| secret(&readable(&bytes)?)).next().map(|hit| (run.range, hit)));
    }
    let captures = HEXADECIMAL.iter().flat_map(|regex| regex.captures_iter(text));
    for run in captures.filter_map(|captures| captures.get(1).or_else(|| captures.get(2))) {
        let digits = run.as_str().replace("0x", "");
        let digits: Vec<u8> = digits.bytes().filter_map(value_of_digit).collect();
        let of_run = (0..2).filter_map(|offset| Some(bytes_of_digits(digits.get(offset..)?)));
        found.extend(of_run.filter_map(|bytes| secret(&readable(&bytes)?)).next().map(|hit| (run.range(), hit)));
    }
    found.extend(numbers(text, secret));
    found
}

/// The same for lists of numbers alone.
pub(super) fn numbers<T>(text: &str, secret: impl Fn(&str) -> Option<T>) -> Vec<(Range<usize>, T)> {
    let lists = NUMBERS.iter().flat_map(|regex| regex.find_iter(text));
    let read = lists.filter_map(|list| {
        let bytes: Vec<u8> = list.as_str().split(',').map_while(|number| number.trim().parse().ok()).collect();
        Some((list.range(), secret(&readable(&bytes)?)?))
    });
    read.collect()
}

/// Bytes as text, if any of it can be read. What is no UTF-8 is some character; UTF-16's empty halves are left out.
pub(super) fn readable(bytes: &[u8]) -> Option<String> {
    let mut run = 0;
    let is_readable = bytes.iter().filter(|byte| **byte != 0).any(|byte| {
        run = if byte.is_ascii_graphic() || byte.is_ascii_whitespace() { run + 1 } else { 0 };
        run >= MIN_BYTES
    });
    is_readable.then(|| String::from_utf8_lossy(bytes).replace('\0', ""))
}

struct Run {
    range: Range<usize>,
    /// In base64's standard alphabet, without breaks.
    letters: Vec<u8>,
}

/// All that could be base64, also when it is broken over lines. What stands directly before it may be part of the run: whoever decodes
/// it tries all four places where it can begin.
fn base64_runs(text: &str) -> Vec<Run> {
    const MIN_LETTERS: usize = MIN_BYTES * 4 / 3 + 1;
    let bytes = text.as_bytes();
    let at = |place: usize| bytes.get(place).copied();
    let mut runs = Vec::new();
    let mut place = 0;
    while place < bytes.len() {
        let (start, mut end, mut letters) = (place, place, Vec::new());
        loop {
            while let Some(letter) = at(place).and_then(letter) {
                letters.push(letter);
                place += 1;
            }
            end = end.max(place);
            if letters.is_empty() || !matches!(at(place), Some(b'\r' | b'\n')) {
                break;
            }
            let next = (place..).find(|next| !matches!(at(*next), Some(b'\r' | b'\n' | b' ' | b'\t'))).unwrap_or(place);
            if at(next).and_then(letter).is_none() {
                break;
            }
            place = next;
        }
        if letters.len() >= MIN_LETTERS {
            let padding = (end..).take_while(|place| at(*place) == Some(b'=')).take(2).count();
            runs.push(Run { range: start..end + padding, letters });
        }
        place = end.max(start + 1);
    }
    runs
}

/// Base64's letters of both alphabets, in the standard one.
const fn letter(byte: u8) -> Option<u8> {
    match byte {
        b'-' | b'+' => Some(b'+'),
        b'_' | b'/' => Some(b'/'),
        byte if byte.is_ascii_alphanumeric() => Some(byte),
        _ => None,
    }
}

/// The letters without a last one that stands for no byte.
fn whole(letters: &[u8]) -> &[u8] {
    letters.get(..letters.len() - usize::from(letters.len() % 4 == 1)).unwrap_or(letters)
}

fn value_of_digit(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

fn bytes_of_digits(digits: &[u8]) -> Vec<u8> {
    let (pairs, _) = digits.as_chunks::<2>();
    pairs.iter().map(|[high, low]| high << 4 | low).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        find(text, |read| read.contains("hello world").then_some(()))
            .into_iter()
            .map(|(range, ())| text[range].to_owned())
            .collect()
    }

    #[test]
    fn bytes_in_any_form_are_read() {
        for text in [
            "aGVsbG8gd29ybGQ=",
            "aGVsbG8g\n  d29ybGQ",
            "68656c6c6f20776f726c64",
            "68 65 6C 6C 6F 20 77 6F 72 6C 64",
            "0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x20, 0x77, 0x6f, 0x72, 0x6c, 0x64",
            "104, 101, 108, 108, 111, 32, 119, 111, 114, 108, 100",
        ] {
            assert_eq!(texts(&format!("it is ({text}).")), [text]);
        }
        assert_eq!(texts("key_aGVsbG8gd29ybGQ"), ["key_aGVsbG8gd29ybGQ"], "what stands before it moves it");
        assert_eq!(texts("f68656c6c6f20776f726c64"), ["f68656c6c6f20776f726c64"]);
    }

    #[test]
    fn the_patterns_compile() {
        assert!(HEXADECIMAL.is_some() && NUMBERS.is_some());
    }
}
