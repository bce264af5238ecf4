//! `prune`: deleting traces that need not be kept.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use clap::Args;
use jiff::{Span, SpanRelativeTo, Timestamp, civil, tz::TimeZone};
use tracing_agents::Retention;
use tracing_agents::model::TraceStatus;

use super::failure::Failure;
use super::{Database, output};

/// Deletes traces that are too old, too many or too large together, and gives space back.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Options {
    /// Traces whose last activity is longer ago: `30d`, `12h`, `2w`. It counts from the latest activity that is stored, so that a wrong
    /// clock deletes nothing.
    #[arg(long, value_name = "AGE", value_parser = age, conflicts_with = "before")]
    older_than: Option<Duration>,
    /// Traces whose last activity lies before a date or time: `2026-11-01`, `2026-11-01T12:00:00Z`. Dates are in UTC.
    #[arg(long, value_name = "TIME", value_parser = time)]
    before: Option<SystemTime>,
    /// All but so many, the latest.
    #[arg(long, value_name = "NUMBER")]
    keep: Option<u64>,
    /// The oldest, until the database takes no more than this: `2GiB`, `500MB`.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,
    /// Only traces of this status: ok, error, interrupted.
    #[arg(long, value_name = "STATUS", value_parser = status)]
    status: Option<TraceStatus>,
    /// Keeps traces that failed for so long, whatever else is said.
    #[arg(long, value_name = "AGE", value_parser = age)]
    keep_failed: Option<Duration>,
    /// Running traces too.
    #[arg(long)]
    running: bool,
    /// Deletes nothing: tells what would be deleted.
    #[arg(long)]
    dry_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  agent-traces prune --older-than 30d --keep-failed 90d
  agent-traces prune --max-size 2GiB --dry-run
  agent-traces prune --before 2026-11-01 --status ok

A trace goes, whole, when one of the limits says so. Traces that still run stay, unless --running is given.
Programs go on writing meanwhile.";

pub(super) fn run(database: &Database, options: &Options) -> Result<(), Failure> {
    let retention = options.retention();
    let repository = database.repository()?;
    let mut out = output::stdout();
    if options.dry_run {
        let pruned = repository.prunable(&retention)?;
        writeln!(out, "would delete {} traces with {} spans", pruned.traces, pruned.spans)?;
    } else {
        let pruned = repository.prune(&retention)?;
        let (traces, spans, bytes) = (pruned.traces, pruned.spans, pruned.freed_bytes);
        writeln!(out, "deleted {traces} traces with {spans} spans; {bytes} bytes given back")?;
    }
    Ok(out.flush()?)
}

impl Options {
    fn retention(&self) -> Retention {
        let mut retention = Retention::new();
        if let Some(age) = self.older_than {
            retention = retention.older_than(age);
        }
        if let Some(time) = self.before {
            retention = retention.before(time);
        }
        if let Some(number) = self.keep {
            retention = retention.keep(number);
        }
        if let Some(bytes) = self.max_size {
            retention = retention.max_size(bytes);
        }
        if let Some(status) = self.status {
            retention = retention.only(status);
        }
        if let Some(age) = self.keep_failed {
            retention = retention.keep_failed(age);
        }
        if self.running { retention.running_too() } else { retention }
    }
}

fn age(text: &str) -> Result<Duration, String> {
    let refused = || format!("{text:?} is no age; write for example 30d, 12h or 2w");
    let span: Span = text.parse().map_err(|_| refused())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| refused())?;
    Duration::try_from(duration).map_err(|_| refused())
}

fn time(text: &str) -> Result<SystemTime, String> {
    let time = text.parse::<Timestamp>().ok().or_else(|| {
        let date: civil::Date = text.parse().ok()?;
        Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
    });
    let refused = || format!("{text:?} is no date; write for example 2026-11-01 or 2026-11-01T12:00:00Z");
    time.map(SystemTime::from).ok_or_else(refused)
}

fn size(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "" | "B" => Some(1),
        "kB" | "KB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        "TB" => Some(1_000_000_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        "TiB" => Some(1 << 40),
        _ => None,
    };
    let bytes = number.parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    bytes.ok_or_else(|| format!("{text:?} is no size; write for example 2GiB or 500MB"))
}

fn status(text: &str) -> Result<TraceStatus, String> {
    text.parse().map_err(|_| format!("{text:?} is no status; it is ok, error or interrupted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn ages_sizes_and_times_are_read_as_people_write_them() {
        assert_eq!((age("30d"), age("2w"), age("12h")), (Ok(30 * DAY), Ok(14 * DAY), Ok(DAY / 2)));
        assert_eq!((size("2GiB"), size("500MB"), size("4096")), (Ok(2 << 30), Ok(500_000_000), Ok(4_096)));
        assert_eq!(time("1970-01-02"), Ok(SystemTime::UNIX_EPOCH + DAY));
        assert_eq!(time("1970-01-02T00:00:00Z"), time("1970-01-02"));
    }

    #[test]
    fn what_is_none_is_refused_with_an_example() {
        for text in ["", "30", "-3d", "1mo", "1y", "soon"] {
            assert!(age(text).unwrap_err().contains("30d"), "{text}");
        }
        for text in ["", "GiB", "2 gigs", "-1", "99999999999TiB", "1.5GiB"] {
            assert!(size(text).unwrap_err().contains("2GiB"), "{text}");
        }
        assert!(time("yesterday").unwrap_err().contains("2026-11-01"));
        assert!(status("fine").unwrap_err().contains("error"));
    }
}
