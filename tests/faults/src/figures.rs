//! What can be said of many measurements.

use std::fmt;

/// Median, p99.9 and maximum.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spread {
    pub(crate) p50: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
}

impl Spread {
    pub(crate) fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let [p50, p999, max] = [500, 999, 1000].map(|thousandth| at(&values, thousandth));
        Self { p50, p999, max }
    }
}

/// Of nanoseconds.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p999, max] = [self.p50, self.p999, self.max].map(|ns| ns as f64 / 1000.0);
        write!(f, "p50 {p50:.1} µs, p99.9 {p999:.1} µs, max {max:.0} µs")
    }
}

/// Of values in order, the one below which so many thousandths of them are.
pub(crate) fn at<T: Copy + Default>(values: &[T], thousandth: usize) -> T {
    values.get((values.len().max(1) - 1) * thousandth / 1000).copied().unwrap_or_default()
}

/// The median of ratios that were measured one after the other, and between which values the true one is in 99 of 100 cases, whatever
/// their distribution: so many of them are cut off at either end as are rarely on the wrong side of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    /// Nothing can be said of fewer than eight.
    pub(crate) between: Option<(f64, f64)>,
}

impl Ratio {
    pub(crate) fn of(mut ratios: Vec<f64>) -> Self {
        ratios.sort_unstable_by(f64::total_cmp);
        let cut = cut(ratios.len());
        let last = ratios.len().saturating_sub(cut);
        let between = cut.checked_sub(1).and_then(|low| Some((*ratios.get(low)?, *ratios.get(last)?)));
        Self { median: at(&ratios, 500), between }
    }

    /// Whether it is certain that the true one is above `bound`.
    pub(crate) fn is_above(&self, bound: f64) -> bool {
        self.between.is_some_and(|(low, _)| low > bound)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.median)?;
        match self.between {
            Some((low, high)) => write!(f, " ({low:.2} to {high:.2})"),
            None => f.write_str(" (too few to say how sure)"),
        }
    }
}

/// The largest number of `count` tosses of a coin of which fewer heads come in half a percent of cases at most.
fn cut(count: usize) -> usize {
    let (mut heads, mut chance, mut sum) = (0, 0.5_f64.powf(count as f64), 0.0);
    loop {
        sum += chance;
        if sum > 0.005 || heads == count {
            return heads;
        }
        chance *= (count - heads) as f64 / (heads + 1) as f64;
        heads += 1;
    }
}

/// How much `values` grow from one to the next, by the straight line that fits them best.
pub(crate) fn slope(values: &[u64]) -> f64 {
    let count = values.len() as f64;
    let (middle, mean) = ((count - 1.0) / 2.0, values.iter().sum::<u64>() as f64 / count.max(1.0));
    let (mut above, mut below) = (0.0, 0.0);
    for (place, value) in values.iter().enumerate() {
        let from_middle = place as f64 - middle;
        above += from_middle * (*value as f64 - mean);
        below += from_middle * from_middle;
    }
    if below > 0.0 { above / below } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_between_values_that_a_fair_coin_gives() {
        // By the tables of the sign test at one percent.
        for (count, cut_off) in [(7, 0), (8, 1), (16, 3), (20, 4), (100, 37)] {
            assert_eq!(cut(count), cut_off, "{count}");
        }
        let ratio = Ratio::of((1..=16).map(f64::from).collect());
        assert_eq!((ratio.median, ratio.between), (8.0, Some((3.0, 14.0))));
        assert!(ratio.is_above(2.9) && !ratio.is_above(3.0));
        assert!(Ratio::of(vec![9.0; 7]).between.is_none());
    }

    #[test]
    fn a_slope_is_that_of_the_line() {
        let is = |values: &[u64], expected: f64| (slope(values) - expected).abs() < 1e-9;
        assert!(
            is(&[5, 7, 9, 11], 2.0) && is(&[4, 4, 4], 0.0) && is(&[9, 6, 3], -3.0) && is(&[4], 0.0) && is(&[], 0.0)
        );
    }

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let spread = Spread::of((0..=1000).rev().collect());
        assert_eq!((spread.p50, spread.p999, spread.max), (500, 999, 1000));
        assert_eq!(at::<u64>(&[], 500), 0);
    }
}
