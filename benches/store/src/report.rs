//! What was measured, as the table that people read.

use std::time::Duration;

use bench_goals::{Goals, Spread};

use crate::clock::Measure;
use crate::layouts::{Layouts, Written};

/// All rounds of one database.
pub(crate) struct Outcome {
    /// The name on the command line.
    pub(crate) database: String,
    pub(crate) version: String,
    pub(crate) spans: f64,
    /// The raw method that was fastest.
    pub(crate) method: &'static str,
    /// The whole path.
    pub(crate) ours: Vec<Measure>,
    /// From interpreted spans on.
    pub(crate) store: Vec<Measure>,
    pub(crate) raw: Vec<Measure>,
    pub(crate) interpretation: Vec<Measure>,
    /// Of SQLite alone.
    pub(crate) layouts: Option<Layouts>,
}

/// Whole thousands and hundreds are enough: `12.3k (11.0k..13.1k)`.
fn in_thousands(rates: Spread) -> String {
    let Spread { least, median, greatest } = rates;
    let thousands = |value: f64| format!("{:.1}k", value / 1000.0);
    format!("{} ({}..{})", thousands(median), thousands(least), thousands(greatest))
}

fn rates(measures: &[Measure], spans: f64) -> Option<Spread> {
    Spread::of(measures.iter().map(|measure| spans / measure.wall.as_secs_f64()))
}

/// CPU time a span, in microseconds: the middle, or `-`.
fn microseconds(times: impl Iterator<Item = Option<Duration>>, spans: f64) -> String {
    let spread = Spread::of(times.flatten().map(|time| time.as_secs_f64() * 1e6 / spans));
    spread.map_or("-".to_owned(), |spread| format!("{:.0}", spread.median))
}

const HEADING: [&str; 8] = [
    "database",
    "ours, spans/s",
    "its store alone, spans/s",
    "raw limit, spans/s",
    "raw by",
    "before the database, spans/s",
    "CPU here, µs/span: ours, before, raw",
    "server: ours, raw",
];

/// The table: medians, with the least and the greatest of the rounds.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let mut rows = vec![HEADING.map(str::to_owned)];
    for outcome in outcomes {
        let spans = outcome.spans;
        let rates = |measures: &[Measure]| rates(measures, spans).map_or("-".to_owned(), in_thousands);
        let here = [&outcome.ours, &outcome.interpretation, &outcome.raw];
        let here = here.map(|measures| microseconds(measures.iter().map(|measure| measure.cpu), spans));
        let server = [&outcome.ours, &outcome.raw];
        let server = server.map(|measures| microseconds(measures.iter().map(|measure| measure.server), spans));
        rows.push([
            outcome.database.clone(),
            rates(&outcome.ours),
            rates(&outcome.store),
            rates(&outcome.raw),
            outcome.method.to_owned(),
            rates(&outcome.interpretation),
            here.join(", "),
            server.join(", "),
        ]);
    }
    aligned(&rows)
}

/// What was to be reached.
pub(crate) fn goals(outcomes: &[Outcome]) -> Goals {
    let mut goals = Goals::default();
    for outcome in outcomes {
        let (database, spans) = (&outcome.database, outcome.spans);
        let middle = |measures: &[Measure]| rates(measures, spans).map_or(0.0, |rates| rates.median);
        let seconds = |measures: &[Measure]| measures.iter().map(|it| it.wall.as_secs_f64()).collect::<Vec<_>>();
        for (what, measures, goal) in [
            ("spans a second through the store", &outcome.store, "≥ 0.9"),
            ("the same, whole path", &outcome.ours, "-"),
        ] {
            if let Some(ratio) = Spread::of_ratios(seconds(&outcome.raw), seconds(measures)) {
                let (ours, raw) = (middle(measures), middle(&outcome.raw));
                let what = format!("{database}: {what}, beside {}", outcome.method);
                goals.ratio(&what, format!("{ours:.0}"), format!("{raw:.0}"), ratio, goal);
            }
        }
        if let Some(layouts) = &outcome.layouts {
            of_layouts(&mut goals, layouts, spans);
            let rates = outcome.ours.iter().filter_map(|it| Some(spans / it.cpu?.as_secs_f64()));
            match Spread::of(rates) {
                Some(rates) => {
                    goals.figure("sqlite: whole path, spans a second of CPU time", format!("{rates:.0}"), "≥ 30000");
                }
                None => goals.skipped("sqlite: whole path, spans a second of CPU time", "no /proc here", "≥ 30000"),
            }
        }
    }
    goals
}

fn of_layouts(goals: &mut Goals, layouts: &Layouts, spans: f64) {
    let seconds = |written: &[Written]| written.iter().map(|it| it.wall.as_secs_f64()).collect::<Vec<_>>();
    let middle = |written: &[Written]| Spread::of(seconds(written)).map_or(0.0, |it| spans / it.median);
    if let Some(ratio) = Spread::of_ratios(seconds(&layouts.naive), seconds(&layouts.ours)) {
        let what = "sqlite: spans a second through the store, beside the naive layout (text ids, 6 indexes)";
        let rates = (middle(&layouts.ours), middle(&layouts.naive));
        goals.ratio(what, format!("{:.0}", rates.0), format!("{:.0}", rates.1), ratio, "≥ 2.4");
    }
    let bytes = |written: &[Written]| {
        let totals = written.iter().filter_map(|it| u32::try_from(it.bytes?).ok());
        totals.map(|total| f64::from(total) / spans).collect::<Vec<_>>()
    };
    for (what, theirs, goal) in
        [("without any index", &layouts.bare, "≤ 1.6, aim 1.3"), ("in the naive layout", &layouts.naive, "-")]
    {
        let what = format!("sqlite: bytes written for a span, beside its rows {what}");
        let [ours, theirs] = [&layouts.ours, theirs].map(|written| bytes(written));
        let middle = |bytes: &[f64]| Spread::of(bytes.iter().copied()).map_or(0.0, |it| it.median);
        match Spread::of_ratios(ours.clone(), theirs.clone()) {
            Some(ratio) => {
                goals.ratio(&what, format!("{:.0}", middle(&ours)), format!("{:.0}", middle(&theirs)), ratio, goal);
            }
            None => goals.skipped(&what, "no /proc here", goal),
        }
    }
}

fn aligned(rows: &[[String; 8]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells: Vec<String> =
            row.iter().enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column))).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
        if number == 0 {
            let rule: Vec<String> = (0..row.len()).map(|column| "-".repeat(width(column))).collect();
            text.push_str(&format!("| {} |\n", rule.join(" | ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(milliseconds: &[u64]) -> Vec<Measure> {
        milliseconds.iter().map(|&ms| Measure { wall: Duration::from_millis(ms), cpu: None, server: None }).collect()
    }

    #[test]
    fn ratios_are_of_the_rounds_and_rates_of_their_medians() {
        let outcome = Outcome {
            database: "postgres".to_owned(),
            version: String::new(),
            spans: 1000.0,
            method: "COPY",
            ours: rounds(&[100, 500, 125]),
            store: rounds(&[100, 50, 80]),
            raw: rounds(&[50, 20, 100]),
            interpretation: rounds(&[10]),
            layouts: None,
        };
        let text = table(std::slice::from_ref(&outcome));
        assert!(text.contains("| 8.0k (2.0k..10.0k) "), "{text}");
        assert!(text.contains("| 20.0k (10.0k..50.0k) "), "{text}");
        let text = goals(&[outcome]).to_string();
        let row =
            "| postgres: spans a second through the store, beside COPY | 12500 | 20000 | 0.50 (0.40..1.25) | ≥ 0.9 |";
        assert!(text.contains(row), "{text}");
    }
}
