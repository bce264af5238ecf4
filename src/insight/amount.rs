//! Durations, tokens, cost and foreign text, as people read them.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::model::Usage;

/// A duration in nanoseconds with three digits: `850 ns`, `12.3 µs`, `480 ms`, `1.24 s`, `2 min 5 s`, `1 h 2 min`.
pub struct Nanoseconds(pub i64);

impl Display for Nanoseconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const MICROSECOND: i64 = 1_000;
        const MILLISECOND: i64 = 1_000_000;
        const SECOND: i64 = 1_000_000_000;
        let ns = self.0.max(0);
        let seconds = ns / SECOND;
        if ns < MICROSECOND {
            write!(f, "{ns} ns")
        } else if ns < MILLISECOND {
            decimal(f, ns, MICROSECOND, "µs")
        } else if ns < SECOND {
            decimal(f, ns, MILLISECOND, "ms")
        } else if seconds < 60 {
            decimal(f, ns, SECOND, "s")
        } else if seconds < 3_600 {
            write!(f, "{} min {} s", seconds / 60, seconds % 60)
        } else {
            write!(f, "{} h {} min", seconds / 3_600, seconds % 3_600 / 60)
        }
    }
}

/// `amount` in `unit`s, cut to three digits.
fn decimal(f: &mut Formatter<'_>, amount: i64, unit: i64, name: &str) -> fmt::Result {
    let (whole, rest) = (amount / unit, amount % unit);
    match whole {
        100.. => write!(f, "{whole} {name}"),
        10.. => write!(f, "{whole}.{} {name}", rest * 10 / unit),
        _ => write!(f, "{whole}.{:02} {name}", rest * 100 / unit),
    }
}

/// Input and output tokens, `812→96 tokens`; a side that nobody reported is `?`.
pub struct Tokens<'a>(pub &'a Usage);

impl Display for Tokens<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let side = |f: &mut Formatter<'_>, tokens: Option<u64>| match tokens {
            Some(tokens) => write!(f, "{tokens}"),
            None => f.write_char('?'),
        };
        match (self.0.input, self.0.output, self.0.total()) {
            (None, None, total) => side(f, total)?,
            (input, output, _) => {
                side(f, input)?;
                f.write_char('→')?;
                side(f, output)?;
            }
        }
        f.write_str(" tokens")
    }
}

/// Billionths of a US dollar, as `$1.25` or `$0.000042`.
pub struct NanoUsd(pub i64);

impl Display for NanoUsd {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nano = self.0.unsigned_abs();
        let (dollars, micro) = (nano / 1_000_000_000, nano % 1_000_000_000 / 1_000);
        if dollars > 0 {
            return write!(f, "{sign}${dollars}.{:02}", micro / 10_000);
        }
        if micro == 0 && nano > 0 {
            return write!(f, "{sign}<$0.000001");
        }
        let digits = format!("{micro:06}");
        let shown = digits.trim_end_matches('0');
        write!(f, "{sign}$0.{shown:0<2}")
    }
}

/// Text from a trace, safe to print: control characters and those that turn the direction of writing are escaped.
pub struct Printable<'a>(pub &'a str);

impl Display for Printable<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            let turns =
                matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let breaks = matches!(c, '\u{2028}' | '\u{2029}');
            if c.is_control() || turns || breaks {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (ns, expected) in [
            (-5, "0 ns"),
            (850, "850 ns"),
            (12_345, "12.3 µs"),
            (1_000_000, "1.00 ms"),
            (999_999_999, "999 ms"),
            (1_249_000_000, "1.24 s"),
            (59_999_000_000, "59.9 s"),
            (125_000_000_000, "2 min 5 s"),
            (3_720_000_000_000, "1 h 2 min"),
            (i64::MAX, "2562047 h 47 min"),
        ] {
            assert_eq!(Nanoseconds(ns).to_string(), expected);
        }
    }

    #[test]
    fn tokens_say_what_is_unknown() {
        assert_eq!(Tokens(&Usage::new(812, 96)).to_string(), "812→96 tokens");
        assert_eq!(Tokens(&Usage { output: Some(3), ..Usage::default() }).to_string(), "?→3 tokens");
        assert_eq!(Tokens(&Usage { total: Some(9), ..Usage::default() }).to_string(), "9 tokens");
    }

    #[test]
    fn costs() {
        for (nano, expected) in [
            (0, "$0.00"),
            (1, "<$0.000001"),
            (42_000, "$0.000042"),
            (1_200_000, "$0.0012"),
            (500_000_000, "$0.50"),
            (12_345_678_901, "$12.34"),
            (-1_200_000, "-$0.0012"),
        ] {
            assert_eq!(NanoUsd(nano).to_string(), expected);
        }
    }

    #[test]
    fn hostile_text_cannot_reach_the_terminal() {
        assert_eq!(Printable("a\u{1b}[31m\nb\u{202e}c\u{61c}").to_string(), "a\\u{1b}[31m\\nb\\u{202e}c\\u{61c}");
        assert_eq!(Printable("Zoë 🦀").to_string(), "Zoë 🦀");
    }
}
