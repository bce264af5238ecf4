//! What was to be reached.

use bench_goals::{Goals, Spread};

use crate::Measured;
use crate::questions::{DAY_BY_HOUR, LISTS, MONTH_BY_HOUR, OPENED, Outcome};

/// As many spans as dashboards and lists are to be fast with.
const MANY: usize = 10_000_000;

/// Of the database with the most spans, which is the last, beside the others.
pub(crate) fn of(all: &[Measured]) -> Goals {
    let mut goals = Goals::default();
    let Some((most, others)) = all.split_last() else { return goals };
    if let Some(fewest) = others.first() {
        steps(&mut goals, most, fewest);
    }
    if let Some(before) = others.last().filter(|before| most.spans >= 10 * before.spans) {
        times(&mut goals, most, before);
    }
    for name in LISTS {
        figure(&mut goals, most, name, name, "≤ 1");
    }
    figure(&mut goals, most, OPENED, "a trace of 1,000 spans with 1.8 MB of content", "≤ 8");
    for (place, name, most_ms) in [(0, DAY_BY_HOUR, 10), (1, MONTH_BY_HOUR, 100)] {
        if most.spans >= MANY {
            figure(&mut goals, most, name, name, &format!("≤ {most_ms}"));
        }
        dashboard(&mut goals, most, place, name);
    }
    goals
}

fn named<'a>(measured: &'a Measured, name: &str) -> Option<&'a Outcome> {
    measured.outcomes.iter().find(|outcome| outcome.name == name)
}

/// Of the lists that show as much in both databases, the one whose figure has grown most: what it is, and what it was before.
fn most_grown(
    most: &Measured,
    before: &Measured,
    figure: impl Fn(&Outcome) -> Option<f64>,
) -> Option<(&'static str, f64, f64)> {
    let grown = LISTS.into_iter().filter_map(|name| {
        let (ours, before) = (named(most, name)?, named(before, name)?);
        (ours.rows == before.rows).then_some((name, figure(ours)?, figure(before)?))
    });
    grown.max_by(|a, b| (a.1 / a.2).total_cmp(&(b.1 / b.2)))
}

fn figure(goals: &mut Goals, most: &Measured, name: &str, what: &str, goal: &str) {
    if let Some(outcome) = named(most, name) {
        goals.figure(&format!("{what}, ms, {} spans", most.spans), format!("{:.3}", outcome.milliseconds()), goal);
    }
}

fn steps(goals: &mut Goals, most: &Measured, fewest: &Measured) {
    let steps = |outcome: &Outcome| u32::try_from(outcome.steps?).ok().map(f64::from);
    let Some((name, ours, before)) = most_grown(most, fewest, steps) else { return };
    let what =
        format!("SQLite's steps of a list, {} spans beside {}, the most grown: {name}", most.spans, fewest.spans);
    if let Some(ratio) = Spread::of([ours / before]) {
        goals.ratio(&what, ours, before, ratio, "≤ 1.00");
    }
}

fn times(goals: &mut Goals, most: &Measured, before: &Measured) {
    let time = |outcome: &Outcome| Some(outcome.milliseconds().median);
    let Some((name, ours, theirs)) = most_grown(most, before, time) else { return };
    let what = format!("ms of a list, {} spans beside {}, the most grown: {name}", most.spans, before.spans);
    let goal = if most.spans >= MANY { "≤ 1.5" } else { "-" };
    if let Some(ratio) = Spread::of([ours / theirs]) {
        goals.ratio(&what, format!("{ours:.3}"), format!("{theirs:.3}"), ratio, goal);
    }
}

/// A dashboard beside DuckDB.
fn dashboard(goals: &mut Goals, most: &Measured, place: usize, name: &str) {
    let what = format!("{name}, ms, {} spans, beside DuckDB", most.spans);
    let Some(columnar) = &most.columnar else {
        return goals.skipped(&what, "there is no DuckDB here", "≤ 1");
    };
    let theirs = columnar.get(place).and_then(|times| Spread::of(times.iter().copied()));
    let Some((ours, theirs)) = named(most, name).map(Outcome::milliseconds).zip(theirs) else { return };
    // Both were asked one after the other, not in turn: the ends of both spreads make the ratio's.
    let ratio = Spread {
        least: ours.least / theirs.greatest,
        median: ours.median / theirs.median,
        greatest: ours.greatest / theirs.least,
    };
    goals.ratio(&what, format!("{:.3}", ours.median), format!("{:.3}", theirs.median), ratio, "≤ 1");
}
