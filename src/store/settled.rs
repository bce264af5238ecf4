//! Which of a process's spans have come to an end in the database: sets of their numbers.
//!
//! Each transaction that stores spans, or keeps a dead letter, tells their numbers in a row of its own, which never changes. What is
//! settled is the union of all rows: so a replay, two writers of the same spans and any order come to the same, nobody holds anything
//! that others wait for, and deleting spans later makes no holes. A batch in order is a row of some 60 bytes.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use prost::encoding::{decode_varint, encode_varint};

use super::column::{count, from_count, hash128};
use super::rows::SettledRow;
use crate::error::{Error, ErrorKind, Result};

/// Numbers, as ranges that neither touch nor overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Numbers(BTreeMap<u64, u64>);

impl Numbers {
    /// Adds a range.
    pub(crate) fn add(&mut self, range: RangeInclusive<u64>) {
        let (mut first, mut last) = range.into_inner();
        // Those that begin behind the new one's end, and one, cannot touch it.
        let touching = |(_, end): &(&u64, &u64)| end.saturating_add(1) >= first;
        let known: Vec<(u64, u64)> = self
            .0
            .range(..=last.saturating_add(1))
            .rev()
            .take_while(touching)
            .map(|(first, last)| (*first, *last))
            .collect();
        for (start, end) in known {
            self.0.remove(&start);
            (first, last) = (first.min(start), last.max(end));
        }
        self.0.insert(first, last);
    }

    /// How many they are.
    pub(crate) fn count(&self) -> u64 {
        self.ranges().fold(0, |sum, range| sum.saturating_add(range.end() - range.start()).saturating_add(1))
    }

    /// The largest one.
    pub(crate) fn last(&self) -> Option<u64> {
        self.0.last_key_value().map(|(_, last)| *last)
    }

    /// What lies between the ranges, and before the first.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = RangeInclusive<u64>> + '_ {
        let mut next = 0;
        self.ranges().filter_map(move |range| {
            let gap = (next < *range.start()).then(|| next..=range.start() - 1);
            next = range.end().saturating_add(1);
            gap
        })
    }

    fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u64>> + '_ {
        self.0.iter().map(|(first, last)| *first..=*last)
    }

    /// The row that tells these numbers of a process; none for no numbers.
    pub(crate) fn row(&self, process_id: &[u8]) -> Option<SettledRow> {
        let (first, last) = (*self.0.first_key_value()?.0, self.last()?);
        let mut runs = Vec::new();
        let mut end = None;
        for range in self.ranges() {
            if let Some(end) = end {
                encode_varint(range.start() - end - 1, &mut runs);
            }
            encode_varint(range.end() - range.start() + 1, &mut runs);
            end = Some(*range.end());
        }
        Some(SettledRow {
            process_id: process_id.to_vec(),
            first_sequence: count(first),
            set_id: hash128(&runs).to_vec(),
            last_sequence: count(last),
            span_count: count(self.count()),
            runs,
        })
    }

    /// Adds the numbers that a row tells.
    pub(crate) fn add_row(&mut self, row: &SettledRow) -> Result<()> {
        let unreadable =
            || Error::new(ErrorKind::Decode, "the database holds a set of span numbers that cannot be read");
        let mut runs = row.runs.as_slice();
        let mut first = from_count(row.first_sequence);
        while !runs.is_empty() {
            let length = decode_varint(&mut runs).map_err(|_| unreadable())?;
            let last = length.checked_sub(1).and_then(|length| first.checked_add(length)).ok_or_else(unreadable)?;
            self.add(first..=last);
            if runs.is_empty() {
                break;
            }
            let gap = decode_varint(&mut runs).map_err(|_| unreadable())?;
            first = last.checked_add(gap).and_then(|first| first.checked_add(1)).ok_or_else(unreadable)?;
        }
        Ok(())
    }
}

impl FromIterator<u64> for Numbers {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut all: Vec<u64> = numbers.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for number in all {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == number => *last = number,
                _ => ranges.push((number, number)),
            }
        }
        Self(ranges.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_batch_in_order_is_a_small_row() {
        let row = (1_000_000..1_000_512).collect::<Numbers>().row(&[7; 16]).unwrap();
        assert_eq!((row.first_sequence, row.last_sequence, row.span_count), (1_000_000, 1_000_511, 512));
        assert_eq!(row.runs.len(), 2);
        assert_eq!(Numbers::default().row(&[7; 16]), None);
    }

    #[test]
    fn rows_that_make_no_sense_are_refused() {
        let row = (0..3).collect::<Numbers>().row(&[7; 16]).unwrap();
        for runs in [vec![0], vec![0x80], vec![1, 0x80], [vec![1], vec![0xff; 9], vec![1, 1]].concat()] {
            let error = Numbers::default().add_row(&SettledRow { runs, ..row.clone() }).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Decode);
        }
    }

    proptest! {
        #[test]
        fn rows_of_any_order_and_overlap_tell_the_same_numbers(
            parts in proptest::collection::vec(proptest::collection::btree_set(0_u64..200, 1..40), 1..8),
        ) {
            let expected: BTreeSet<u64> = parts.iter().flatten().copied().collect();
            for reversed in [false, true] {
                let mut numbers = Numbers::default();
                let rows = parts.iter().map(|part| part.iter().copied().collect::<Numbers>().row(&[1; 16]).unwrap());
                let mut rows: Vec<_> = rows.collect();
                if reversed {
                    rows.reverse();
                }
                rows.iter().chain(&rows).for_each(|row| numbers.add_row(row).unwrap());
                prop_assert_eq!(&numbers, &expected.iter().copied().collect::<Numbers>());
                prop_assert_eq!(numbers.count(), expected.len() as u64);
                prop_assert_eq!(numbers.last(), expected.last().copied());
                let missing: Vec<u64> = (0..*expected.last().unwrap()).filter(|n| !expected.contains(n)).collect();
                prop_assert_eq!(numbers.gaps().flatten().collect::<Vec<_>>(), missing);
            }
        }
    }
}
