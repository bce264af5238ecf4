//! What was measured, as the table that people read.

use std::time::Duration;

use crate::clock::Measure;

/// All rounds of one database.
pub(crate) struct Outcome {
    /// The name on the command line.
    pub(crate) database: String,
    pub(crate) version: String,
    pub(crate) spans: usize,
    /// The raw method that was fastest.
    pub(crate) method: &'static str,
    pub(crate) ours: Vec<Measure>,
    pub(crate) raw: Vec<Measure>,
    pub(crate) interpretation: Vec<Measure>,
}

/// The least part of the raw limit that is good enough.
fn goal(database: &str) -> f64 {
    if database == "postgres" { 0.6 } else { 0.7 }
}

/// The least, the middle and the greatest.
#[derive(Clone, Copy)]
struct Spread {
    least: f64,
    median: f64,
    greatest: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (least, greatest) = (*values.first()?, *values.last()?);
        let half = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) };
        Some(Self { least, median, greatest })
    }

    /// Whole thousands and hundreds are enough: `12.3k (11.0k..13.1k)`.
    fn rates(self) -> String {
        let thousands = |value: f64| format!("{:.1}k", value / 1000.0);
        format!("{} ({}..{})", thousands(self.median), thousands(self.least), thousands(self.greatest))
    }
}

fn rates(measures: &[Measure], spans: f64) -> Option<Spread> {
    Spread::of(measures.iter().map(|measure| spans / measure.wall.as_secs_f64()))
}

/// CPU time a span, in microseconds: the middle, or `-`.
fn microseconds(times: impl Iterator<Item = Option<Duration>>, spans: f64) -> String {
    let spread = Spread::of(times.flatten().map(|time| time.as_secs_f64() * 1e6 / spans));
    spread.map_or("-".to_owned(), |spread| format!("{:.0}", spread.median))
}

const HEADING: [&str; 9] = [
    "database",
    "ours, spans/s",
    "raw limit, spans/s",
    "raw by",
    "ours/raw",
    "goal",
    "before the database, spans/s",
    "CPU here, µs/span: ours, before, raw",
    "server: ours, raw",
];

/// The table: medians, with the least and the greatest of the rounds.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let mut rows = vec![HEADING.map(str::to_owned)];
    for outcome in outcomes {
        let Ok(spans) = u32::try_from(outcome.spans).map(f64::from) else { continue };
        let measured = (rates(&outcome.ours, spans), rates(&outcome.raw, spans), rates(&outcome.interpretation, spans));
        let (Some(ours), Some(raw), Some(before)) = measured else { continue };
        let ratio = ours.median / raw.median;
        let here = [&outcome.ours, &outcome.interpretation, &outcome.raw];
        let here = here.map(|measures| microseconds(measures.iter().map(|measure| measure.cpu), spans));
        let server = [&outcome.ours, &outcome.raw];
        let server = server.map(|measures| microseconds(measures.iter().map(|measure| measure.server), spans));
        rows.push([
            outcome.database.clone(),
            ours.rates(),
            raw.rates(),
            outcome.method.to_owned(),
            format!("{ratio:.2}"),
            verdict(ratio, goal(&outcome.database)),
            before.rates(),
            here.join(", "),
            server.join(", "),
        ]);
    }
    aligned(&rows)
}

fn verdict(ratio: f64, goal: f64) -> String {
    if ratio >= goal { format!("{goal}: met") } else { format!("{goal}: missed by {:.2}", goal - ratio) }
}

fn aligned(rows: &[[String; 9]]) -> String {
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
    fn the_ratio_is_of_the_medians_and_is_held_against_the_goal() {
        let mut outcome = Outcome {
            database: "postgres".to_owned(),
            version: String::new(),
            spans: 1000,
            method: "COPY",
            ours: rounds(&[100, 500, 125]),
            raw: rounds(&[50, 20, 1000]),
            interpretation: rounds(&[10]),
        };
        let text = table(std::slice::from_ref(&outcome));
        assert!(text.contains("| 8.0k (2.0k..10.0k) "), "{text}");
        assert!(text.contains("| 20.0k (1.0k..50.0k) "), "{text}");
        assert!(text.contains("| 0.40     | 0.6: missed by 0.20 "), "{text}");
        outcome.raw = rounds(&[80]);
        let text = table(&[outcome]);
        assert!(text.contains("| 0.64     | 0.6: met "), "{text}");
    }

    #[test]
    fn an_even_number_of_rounds_has_its_median_in_the_middle() {
        let spread = Spread::of([4.0, 1.0, 2.0, 3.0].into_iter()).unwrap();
        assert!((spread.median - 2.5).abs() < f64::EPSILON);
    }
}
