//! Time to the first token: from the span's start to the first chunk of a streamed answer.
//!
//! The unit follows the name: OpenTelemetry's are seconds, Vercel's milliseconds, Langfuse tells the instant.

use super::reading::Reading;
use super::{coerce, field};
use crate::model::Value;

/// Names whose values are seconds.
const SECONDS: &[&str] = &[field::TIME_TO_FIRST_CHUNK, "gen_ai.client.operation.time_to_first_chunk"];
/// Names whose values are milliseconds.
const MILLISECONDS: &[&str] =
    &["ai.response.msToFirstChunk", "ai.stream.msToFirstChunk", "gen_ai.response.time_to_first_token_ms"];
/// A name with two meanings in the wild: a float is seconds, an integer is nanoseconds.
const SECONDS_OR_NANOSECONDS: &str = "gen_ai.response.time_to_first_token";
/// Names whose values are points in time, as RFC 3339 text; some producers quote it once more.
const INSTANTS: &[&str] = &["langfuse.observation.completion_start_time", "completion_start_time"];

/// Nanoseconds from the span's start to the first token or chunk.
pub(super) fn to_first_token(reading: &Reading<'_>, start_ns: i64) -> Option<i64> {
    let either = || match reading.get(SECONDS_OR_NANOSECONDS)? {
        Value::I64(nanos) => Some(*nanos),
        Value::U64(nanos) => i64::try_from(*nanos).ok(),
        seconds => nanoseconds(coerce::float(seconds)?, 1e9),
    };
    let instant = || Some(rfc3339(&reading.text(INSTANTS)?)?.saturating_sub(start_ns));
    reading
        .float(SECONDS)
        .and_then(|seconds| nanoseconds(seconds, 1e9))
        .or_else(either)
        .or_else(|| nanoseconds(reading.float(MILLISECONDS)?, 1e6))
        .or_else(instant)
        .filter(|nanos| *nanos >= 0)
}

/// The milliseconds under `key`, in nanoseconds.
pub(super) fn milliseconds(reading: &Reading<'_>, key: &str) -> Option<i64> {
    nanoseconds(reading.float(&[key])?, 1e6)
}

/// A duration in units of `unit` nanoseconds; `None` when it is negative, not finite or beyond what 64 bits hold.
fn nanoseconds(number: f64, unit: f64) -> Option<i64> {
    let nanos = (number * unit).round();
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (0.0..9.2e18).contains(&nanos).then_some(nanos as i64)
}

/// Nanoseconds since 1970 of an RFC 3339 time, such as `2026-11-22T12:25:07.530102Z`.
fn rfc3339(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let (time, offset_s) = match time.strip_suffix(['Z', 'z']) {
        Some(utc) => (utc, 0),
        None => {
            let at = time.rfind(['+', '-'])?;
            let (local, offset) = time.split_at_checked(at)?;
            let (hours, minutes) = offset.get(1..)?.split_once(':')?;
            let seconds = part(hours, 23)? * 3600 + part(minutes, 59)? * 60;
            (local, if offset.starts_with('-') { -seconds } else { seconds })
        }
    };
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut clock = clock.split(':');
    let (hour, minute) = (part(clock.next()?, 23)?, part(clock.next()?, 59)?);
    let second = part(clock.next()?, 60)?;
    if clock.next().is_some() || fraction.len() > 9 {
        return None;
    }
    let nanos = part(&format!("{fraction:0<9}"), 999_999_999)?;
    let mut date = date.split('-');
    let (year, month, day) = (part(date.next()?, 9999)?, part(date.next()?, 12)?, part(date.next()?, 31)?);
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset_s;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// A number of digits only, at most `max`.
fn part(digits: &str, max: i64) -> Option<i64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten().filter(|number| *number <= max)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, counted in years that begin with March.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Attributes;

    fn first_token(key: &'static str, value: impl Into<Value>) -> Option<i64> {
        let mut attributes = Attributes::new();
        attributes.push(key, value);
        to_first_token(&Reading::new(&attributes), 1_795_350_307_000_000_000)
    }

    #[test]
    fn units_follow_the_name() {
        assert_eq!(first_token(field::TIME_TO_FIRST_CHUNK, 0.25), Some(250_000_000));
        assert_eq!(first_token("ai.response.msToFirstChunk", "250"), Some(250_000_000));
        assert_eq!(first_token(SECONDS_OR_NANOSECONDS, 0.25), Some(250_000_000));
        assert_eq!(first_token(SECONDS_OR_NANOSECONDS, 250_000_000_i64), Some(250_000_000));
        assert_eq!(first_token(field::TIME_TO_FIRST_CHUNK, -1.0), None);
        assert_eq!(first_token(field::TIME_TO_FIRST_CHUNK, f64::INFINITY), None);
        assert_eq!(first_token("other", 1.0), None);
    }

    #[test]
    fn instants_count_from_the_start() {
        for text in ["2026-11-22T12:25:07.250Z", "\"2026-11-22T12:25:07.25Z\"", "2026-11-22T13:25:07.250+01:00"] {
            assert_eq!(first_token(INSTANTS[0], text), Some(250_000_000), "{text}");
        }
        for text in
            ["2026-11-22T12:25:06Z", "2026-11-22", "T", "é-é-éTé:é:éZ", "2026-11-22T12:25:07", "2026-13-01T00:00:00Z"]
        {
            assert_eq!(first_token(INSTANTS[0], text), None, "{text}");
        }
        assert_eq!(rfc3339("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(rfc3339("2000-02-29T00:00:01Z"), Some(951_782_401_000_000_000));
        assert_eq!(rfc3339("9999-12-31T23:59:59Z"), None);
    }
}
