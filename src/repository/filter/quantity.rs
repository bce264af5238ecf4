//! Durations, counts and times as filters write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Units of durations and their nanoseconds, the largest first.
const DURATIONS: [(&str, i64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];
/// Multipliers of counts, the largest first.
const COUNTS: [(&str, i64); 2] = [("M", 1_000_000), ("k", 1_000)];

/// Nanoseconds of `1.5s`, `200ms`, `2h` …: a number and a unit.
pub(super) fn parse_duration(text: &str) -> Option<i64> {
    let text = text.replace('µ', "u");
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let (_, factor) = DURATIONS.into_iter().find(|(name, _)| *name == unit)?;
    scaled(number, factor)
}

/// A duration in its largest unit that leaves no rest, so that it reads back as the same.
pub(super) fn show_duration(nanoseconds: i64) -> String {
    let (unit, factor) = largest(&DURATIONS, nanoseconds).unwrap_or(("ns", 1));
    format!("{}{unit}", nanoseconds / factor)
}

/// A count: `500`, `1k`, `2.5M`.
///
/// Exact: `None` for a part of a token.
pub(super) fn parse_count(text: &str) -> Option<i64> {
    let unit =
        |letter: char| COUNTS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(letter.encode_utf8(&mut [0; 4])));
    match text.chars().last().and_then(unit) {
        Some((_, factor)) => scaled(text.get(..text.len() - 1)?, factor),
        None => scaled(text, 1),
    }
}

/// A count with its largest multiplier that leaves no rest.
pub(super) fn show_count(count: i64) -> String {
    match largest(&COUNTS, count) {
        Some((unit, factor)) => format!("{}{unit}", count / factor),
        None => count.to_string(),
    }
}

/// The largest unit that measures `amount` without a rest.
fn largest(units: &[(&'static str, i64)], amount: i64) -> Option<(&'static str, i64)> {
    units.iter().copied().find(|(_, factor)| amount != 0 && amount % factor == 0)
}

/// `number` × `factor`, exactly: `None` when it is no decimal number, too large, or finer than the smallest unit.
fn scaled(number: &str, factor: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let has_empty_part = whole.is_empty() || (number.contains('.') && fraction.is_empty());
    if has_empty_part || !is_number(whole) || !is_number(fraction) || fraction.len() > 15 {
        return None;
    }
    let mut amount = whole.parse::<i64>().ok()?.checked_mul(factor)?;
    let mut place = i128::from(factor);
    let mut rest: i128 = 0;
    let mut scale: i128 = 1;
    for digit in fraction.bytes() {
        scale *= 10;
        rest = rest * 10 + i128::from(digit - b'0');
    }
    place *= rest;
    if place % scale != 0 {
        return None;
    }
    amount = amount.checked_add(i64::try_from(place / scale).ok()?)?;
    Some(amount)
}

/// Nanoseconds since 1970 of an RFC 3339 time, or of a date or a time of day without offset, which are UTC.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    let timestamp = text.parse::<Timestamp>().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })?;
    i64::try_from(timestamp.as_nanosecond()).ok()
}

/// A time as RFC 3339 in UTC, to the nanosecond; midnight as its date alone.
pub(super) fn show_time(time_ns: i64) -> String {
    // Every i64 of nanoseconds lies in the years 1677 to 2262, which the library can show.
    let text = Timestamp::from_nanosecond(time_ns.into()).unwrap_or_default().to_string();
    text.strip_suffix("T00:00:00Z").unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("2s", Some(2_000_000_000)),
            ("1.5s", Some(1_500_000_000)),
            ("0.000001ms", Some(1)),
            ("0.5ns", None),
            ("24h", Some(86_400_000_000_000)),
            ("7d", Some(604_800_000_000_000)),
            ("5µs", Some(5_000)),
            ("1m", Some(60_000_000_000)),
            ("0s", Some(0)),
            ("2", None),
            ("s", None),
            ("-2s", None),
            ("1e3s", None),
            ("1.s", None),
            ("99999999999d", None),
            ("2 s", None),
        ] {
            assert_eq!(parse_duration(text), expected, "{text}");
        }
        assert_eq!(show_duration(90_000_000_000), "90s");
        assert_eq!(show_duration(86_400_000_000_000), "1d");
        assert_eq!(show_duration(1), "1ns");
        assert_eq!(show_duration(0), "0ns");
    }

    #[test]
    fn counts() {
        for (text, expected) in [
            ("1k", Some(1_000)),
            ("1K", Some(1_000)),
            ("2.5M", Some(2_500_000)),
            ("17", Some(17)),
            ("1.5", None),
            ("k", None),
            ("", None),
            ("é", None),
        ] {
            assert_eq!(parse_count(text), expected, "{text}");
        }
        assert_eq!(show_count(1_500), "1500");
        assert_eq!(show_count(2_000_000), "2M");
    }

    #[test]
    fn times_are_utc() {
        let midnight = 1_795_305_600_000_000_000;
        for text in ["2026-11-22", "2026-11-22T00:00", "2026-11-22T00:00:00Z", "2026-11-22T01:00:00+01:00"] {
            assert_eq!(parse_time(text), Some(midnight), "{text}");
        }
        assert_eq!(show_time(midnight), "2026-11-22");
        assert_eq!(show_time(midnight + 43_200_000_000_001), "2026-11-22T12:00:00.000000001Z");
        for text in ["", "today", "2026-13-01", "9000-01-01", "2026-11-22T25:00:00Z"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
