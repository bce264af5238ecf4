//! What a benchmark measured, beside what was to be reached: the rows that `benches/run` makes one table of.
//!
//! A program prints its [`Goals`] last. They are a table for people, whose heading `benches/run` knows; whether a goal is met is decided there, in one place for
//! all programs: a goal that begins with `≤` or `≥` holds for the ratio, or, where there is none, for the figure itself.

use std::fmt;

/// The least, the middle and the greatest of some figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The least.
    pub least: f64,
    /// The one in the middle, or between the two in the middle.
    pub median: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Spread {
    /// Of these; `None` where there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (least, greatest) = (*values.first()?, *values.last()?);
        let (below, above) = (*values.get((values.len() - 1) / 2)?, *values.get(values.len() / 2)?);
        Some(Self { least, median: f64::midpoint(below, above), greatest })
    }

    /// Of what one way took in each round, as a part of what the other took in the same round.
    pub fn of_ratios(ours: impl IntoIterator<Item = f64>, theirs: impl IntoIterator<Item = f64>) -> Option<Self> {
        Self::of(ours.into_iter().zip(theirs).map(|(ours, theirs)| ours / theirs))
    }
}

impl fmt::Display for Spread {
    /// `0.42 (0.40..0.47)`, or without the parentheses where nothing was spread.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        let [least, median, greatest] =
            [self.least, self.median, self.greatest].map(|figure| format!("{figure:.digits$}"));
        if least == greatest { f.write_str(&median) } else { write!(f, "{median} ({least}..{greatest})") }
    }
}

/// The rows.
#[derive(Debug, Clone, Default)]
pub struct Goals(Vec<String>);

impl Goals {
    /// A figure of ours as a part of another one of the same run.
    pub fn ratio(&mut self, what: &str, ours: impl fmt::Display, theirs: impl fmt::Display, ratio: Spread, goal: &str) {
        self.0.push(format!("| {what} | {ours} | {theirs} | {ratio} | {goal} |"));
    }

    /// A figure that is held against the goal itself: a number first.
    pub fn figure(&mut self, what: &str, ours: impl fmt::Display, goal: &str) {
        self.0.push(format!("| {what} | {ours} | - | - | {goal} |"));
    }

    /// What could not be measured here.
    pub fn skipped(&mut self, what: &str, why: &str, goal: &str) {
        self.0.push(format!("| {what} | SKIPPED: {why} | - | - | {goal} |"));
    }
}

impl fmt::Display for Goals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| what | ours | beside | ratio | goal |\n|---|---:|---:|---:|---|")?;
        self.0.iter().try_for_each(|row| write!(f, "\n{row}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_its_median_in_the_middle() {
        let of = |values: &[f64]| Spread::of(values.iter().copied()).map(|spread| spread.to_string());
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]).as_deref(), Some("2.50 (1.00..4.00)"));
        assert_eq!(of(&[3.0, 1.0, 9.0]).as_deref(), Some("3.00 (1.00..9.00)"));
        assert_eq!(of(&[2.0]).as_deref(), Some("2.00"));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let ratios = Spread::of_ratios([1.0, 4.0, 9.0], [2.0, 4.0, 3.0]);
        assert_eq!(ratios.map(|spread| spread.to_string()).as_deref(), Some("1.00 (0.50..3.00)"));
    }
}
