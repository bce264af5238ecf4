//! Durations in buckets: how many lie where, to within one per cent.

/// Pieces that each power of two is cut into. The middle of a piece is at most 1/128 away from what lies in it, relative to that.
const PIECES: u32 = 64;
/// The power of two that this is.
const PIECE_BITS: u32 = PIECES.trailing_zeros();

/// How many durations lie in each bucket. Counts may be negative: what is taken away may be known before what it is taken from.
///
/// Buckets are told by integers alone, not by logarithms: what one machine has added another one must be able to take away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Histogram {
    /// Buckets in their order, without empty ones.
    counts: Vec<(u16, i64)>,
}

impl Histogram {
    /// Adds so many durations of this length, in nanoseconds.
    pub(crate) fn add(&mut self, duration_ns: i64, times: i64) {
        self.add_to_bucket(bucket_of(duration_ns), times);
    }

    /// Adds another one.
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.counts.is_empty() {
            self.counts.clone_from(&other.counts);
            return;
        }
        other.counts.iter().for_each(|(bucket, count)| self.add_to_bucket(*bucket, *count));
    }

    /// The same with all counts negated.
    pub(crate) fn negate(&mut self) {
        self.counts.iter_mut().for_each(|(_, count)| *count = count.wrapping_neg());
    }

    /// How many there are in all.
    pub(crate) fn count(&self) -> i64 {
        self.counts.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The middle of the bucket of the duration that so many do not exceed; the longest, where there are not as many.
    pub(crate) fn at_rank(&self, rank: i64) -> Option<i64> {
        let mut seen = 0_i64;
        let reached = self.counts.iter().find(|(_, count)| {
            seen = seen.saturating_add(*count);
            seen >= rank
        });
        reached.or_else(|| self.counts.last()).map(|(bucket, _)| middle_of(*bucket))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    pub(super) fn counts(&self) -> &[(u16, i64)] {
        &self.counts
    }

    /// From buckets in their order.
    pub(super) const fn of(counts: Vec<(u16, i64)>) -> Self {
        Self { counts }
    }

    fn add_to_bucket(&mut self, bucket: u16, times: i64) {
        match self.counts.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(place) => {
                if let Some((_, count)) = self.counts.get_mut(place) {
                    *count = count.saturating_add(times);
                    if *count == 0 {
                        self.counts.remove(place);
                    }
                }
            }
            Err(place) if times != 0 => self.counts.insert(place, (bucket, times)),
            Err(_) => {}
        }
    }
}

/// A duration below [`PIECES`] is its own bucket; above, each power of two has as many.
fn bucket_of(duration_ns: i64) -> u16 {
    let value = duration_ns.max(0).cast_unsigned();
    if value < u64::from(PIECES) {
        return u16::try_from(value).unwrap_or(0);
    }
    let beyond = value.ilog2() - PIECE_BITS;
    // From 64 to 127: the power of two and the six bits behind it.
    let leading = u32::try_from(value >> beyond).unwrap_or(PIECES);
    u16::try_from(beyond * PIECES + leading).unwrap_or(u16::MAX)
}

fn middle_of(bucket: u16) -> i64 {
    let bucket = u32::from(bucket);
    if bucket < PIECES {
        return i64::from(bucket);
    }
    let beyond = (bucket - PIECES) / PIECES;
    let leading = i64::from(PIECES + bucket % PIECES);
    let width = 1_i64.checked_shl(beyond).unwrap_or(i64::MAX);
    leading.saturating_mul(width).saturating_add((width - 1) / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Durations of all sizes alike.
    fn duration() -> impl Strategy<Value = i64> {
        (0..63_u32, any::<i64>()).prop_map(|(bits, value)| (value & i64::MAX) >> bits)
    }

    #[test]
    fn buckets_follow_each_other() {
        let of: Vec<u16> = (0..=300).map(bucket_of).collect();
        assert!(of.is_sorted_by(|one, next| next - one <= 1), "{of:?}");
        assert_eq!((of[63], of[64], of[127], of[128], of[129], of[130]), (63, 64, 127, 128, 128, 129));
        assert_eq!(bucket_of(-5), 0);
        assert!(bucket_of(i64::MAX) < u16::MAX && middle_of(bucket_of(i64::MAX)) > i64::MAX / 128 * 127);
    }

    proptest! {
        #[test]
        fn the_middle_of_a_bucket_is_within_one_per_cent(duration in duration()) {
            let (found, error) = (middle_of(bucket_of(duration)), duration / 100);
            prop_assert!(duration.abs_diff(found) <= error.unsigned_abs(), "{duration} became {found}");
        }

        #[test]
        fn percentiles_are_within_one_per_cent(mut durations in proptest::collection::vec(duration(), 1..200), percent in 1..=100_usize) {
            let mut histogram = Histogram::default();
            durations.iter().for_each(|duration| histogram.add(*duration, 1));
            durations.sort_unstable();
            let rank = (durations.len() * percent).div_ceil(100);
            let (exact, found) = (durations[rank - 1], histogram.at_rank(i64::try_from(rank).unwrap()).unwrap());
            prop_assert!(exact.abs_diff(found) <= exact.unsigned_abs() / 100, "{exact} became {found}");
        }

        #[test]
        fn what_is_added_can_be_taken_away_in_any_order(durations in proptest::collection::vec(duration(), 0..60), at in 0..60_usize) {
            let (some, others) = durations.split_at(at.min(durations.len()));
            let of = |durations: &[i64]| {
                let mut histogram = Histogram::default();
                durations.iter().for_each(|duration| histogram.add(*duration, 1));
                histogram
            };
            let mut gone = of(some);
            gone.negate();
            // Less than nothing, before all is there.
            gone.merge(&of(&durations));
            prop_assert_eq!(gone, of(others));
        }
    }
}
