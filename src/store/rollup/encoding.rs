//! Cells as bytes.
//!
//! A byte for the form (1), a byte that says whether the cells are coarse, then the texts, each once: their number, and of each its length and
//! its bytes. Then the number of cells, in the order of their places, and of each: kind (as the place of its text), status, state, eleven
//! texts (0: none; else the place of the text, from 1), the counts, the amounts that are not nothing (a bit each, then reporters and sum of
//! each of them), the sum of durations, and the buckets of the histogram, each as its distance from the one before, with its count. Numbers
//! are varints; those that can be negative are zigzag.

use std::collections::{BTreeMap, BTreeSet};

use super::cell::{AMOUNTS, Amount, Place, Sums, TEXTS};
use super::histogram::Histogram;
use crate::error::{Error, ErrorKind, Result};

const FORM: u8 = 1;

/// The cells of a piece of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cells<'a> {
    /// Whether the places say only what programs do not choose.
    pub(crate) is_coarse: bool,
    /// None of them empty, once they are [encoded](Cells::encode).
    pub(crate) sums: BTreeMap<Place<'a>, Sums>,
}

impl<'a> Cells<'a> {
    /// Reads cells.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when these are none.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self> {
        Reader(bytes).cells().ok_or_else(|| {
            Error::new(
                ErrorKind::Query,
                "a roll-up cannot be read; `Store::rebuild_rollups` makes it anew from the spans",
            )
        })
    }

    /// Adds the cells of another piece of time, or of a change.
    pub(super) fn merge(&mut self, other: Self) {
        if other.is_coarse {
            self.make_coarse();
        }
        for (place, sums) in other.sums {
            let place = if self.is_coarse { place.coarse() } else { place };
            match self.sums.get_mut(&place) {
                Some(known) => known.merge(&sums),
                None => {
                    self.sums.insert(place, sums);
                }
            }
        }
    }

    pub(super) fn negate(&mut self) {
        self.sums.values_mut().for_each(Sums::negate);
    }

    /// Keeps apart only what programs do not choose.
    pub(super) fn make_coarse(&mut self) {
        if !self.is_coarse {
            let fine = std::mem::take(self);
            self.is_coarse = true;
            self.merge(fine);
        }
    }

    /// The cells that are not empty.
    pub(super) fn filled(&self) -> impl Iterator<Item = (&Place<'a>, &Sums)> {
        self.sums.iter().filter(|(_, sums)| !sums.is_zero())
    }

    /// The cells as bytes, without empty ones; `None` where nothing is left to say. That cells are coarse is: what adds up to nothing in them
    /// may be one thing that is not there yet and another one that is not gone yet.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let filled: Vec<(&Place<'_>, &Sums)> = self.filled().collect();
        if filled.is_empty() && !self.is_coarse {
            return None;
        }
        let texts: BTreeSet<&str> =
            filled.iter().flat_map(|(place, _)| place.texts().into_iter().flatten().chain([place.kind])).collect();
        let numbers: BTreeMap<&str, u128> = texts.iter().copied().zip(1..).collect();
        let number = |text: &str| numbers.get(text).copied().unwrap_or_default();
        let mut out = Writer(vec![FORM, u8::from(self.is_coarse)]);
        out.size(texts.len());
        for text in texts {
            out.size(text.len());
            out.0.extend_from_slice(text.as_bytes());
        }
        out.size(filled.len());
        for (place, sums) in filled {
            out.unsigned(number(place.kind).saturating_sub(1));
            out.signed(place.status_code.into());
            out.signed(place.state.into());
            for text in place.texts() {
                out.unsigned(text.map_or(0, number));
            }
            out.sums(sums);
        }
        Some(out.0)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn unsigned(&mut self, mut number: u128) {
        loop {
            let low = u8::try_from(number & 0x7f).unwrap_or_default();
            number >>= 7;
            if number == 0 {
                return self.0.push(low);
            }
            self.0.push(low | 0x80);
        }
    }

    fn signed(&mut self, number: i128) {
        self.unsigned(((number << 1) ^ (number >> 127)).cast_unsigned());
    }

    fn size(&mut self, size: usize) {
        self.unsigned(size as u128);
    }

    fn sums(&mut self, sums: &Sums) {
        self.signed(sums.count.into());
        self.signed(sums.unpriced.into());
        let said = |amount: &Amount| *amount != Amount::default();
        let bits = sums.amounts.iter().rev().fold(0, |bits, amount| bits << 1 | u128::from(said(amount)));
        self.unsigned(bits);
        for amount in sums.amounts.iter().filter(|amount| said(amount)) {
            self.signed(amount.reporters.into());
            self.signed(amount.sum);
        }
        self.signed(sums.duration_ns);
        let counts = sums.durations.counts();
        self.size(counts.len());
        let mut last = 0;
        for (bucket, count) in counts {
            self.unsigned((bucket - last).into());
            self.signed((*count).into());
            last = *bucket;
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn cells(mut self) -> Option<Cells<'a>> {
        if self.byte()? != FORM {
            return None;
        }
        let is_coarse = self.byte()? != 0;
        let count = self.size()?;
        let mut texts: Vec<&str> = Vec::with_capacity(count);
        for _ in 0..count {
            let length = self.size()?;
            let (text, rest) = self.0.split_at_checked(length)?;
            texts.push(std::str::from_utf8(text).ok()?);
            self.0 = rest;
        }
        let mut cells = Vec::new();
        for _ in 0..self.size()? {
            let kind = *texts.get(self.size()?)?;
            let (status, state) = (self.signed()?, self.signed()?);
            let mut own = [None; TEXTS];
            for text in &mut own {
                *text = match self.size()? {
                    0 => None,
                    number => Some(*texts.get(number - 1)?),
                };
            }
            let place = Place::new(kind, status.try_into().ok()?, state.try_into().ok()?, own);
            cells.push((place, self.sums()?));
        }
        // They are in order, so this is linear.
        self.0.is_empty().then(|| Cells { is_coarse, sums: cells.into_iter().collect() })
    }

    fn sums(&mut self) -> Option<Sums> {
        let (count, unpriced) = (self.signed()?, self.signed()?);
        let bits = self.unsigned()?;
        let mut amounts = [Amount::default(); AMOUNTS];
        for (place, amount) in amounts.iter_mut().enumerate() {
            if bits >> place & 1 == 1 {
                *amount = Amount { reporters: self.signed()?.try_into().ok()?, sum: self.signed()? };
            }
        }
        let duration_ns = self.signed()?;
        let mut counts = Vec::new();
        let mut bucket = 0_u16;
        for _ in 0..self.size()? {
            bucket = bucket.checked_add(self.unsigned()?.try_into().ok()?)?;
            counts.push((bucket, self.signed()?.try_into().ok()?));
        }
        Some(Sums {
            count: count.try_into().ok()?,
            unpriced: unpriced.try_into().ok()?,
            amounts,
            duration_ns,
            durations: Histogram::of(counts),
        })
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn unsigned(&mut self) -> Option<u128> {
        let mut number = 0_u128;
        for shift in (0..128).step_by(7) {
            let byte = self.byte()?;
            number |= u128::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i128> {
        let number = self.unsigned()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// A number of things that follow, each of a byte at least; or a place among those that came.
    fn size(&mut self) -> Option<usize> {
        usize::try_from(self.unsigned()?).ok().filter(|size| *size <= MAX_SIZE)
    }
}

/// No roll-up has as many texts, bytes of a text, cells or buckets: bytes that are none must not take memory for them.
const MAX_SIZE: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sums() -> impl Strategy<Value = Sums> {
        let amount = (any::<i64>(), any::<i128>()).prop_map(|(reporters, sum)| Amount { reporters, sum });
        let amounts = proptest::array::uniform7(prop_oneof![Just(Amount::default()), amount]);
        let durations = proptest::collection::vec((any::<i64>(), -3_i64..3), 0..8);
        (any::<i64>(), any::<i64>(), amounts, any::<i128>(), durations).prop_map(
            |(count, unpriced, amounts, duration_ns, some)| {
                let mut durations = Histogram::default();
                some.into_iter().for_each(|(duration, times)| durations.add(duration, times));
                Sums { count, unpriced, amounts, duration_ns, durations }
            },
        )
    }

    type Told = (u8, i16, i16, [Option<u8>; TEXTS], Sums);

    fn told() -> impl Strategy<Value = Told> {
        let texts = proptest::array::uniform11(proptest::option::of(0..4_u8));
        (0..4_u8, any::<i16>(), 0..3_i16, texts, sums())
    }

    const TEXT: [&str; 4] = ["", "model", "a b", "héllo\u{2400}"];

    fn cells(told: Vec<Told>) -> Cells<'static> {
        let text = |number: u8| TEXT[usize::from(number)];
        let sums = told.into_iter().map(|(kind, status, state, texts, sums)| {
            (Place::new(text(kind), status, state, texts.map(|number| number.map(text))), sums)
        });
        Cells { is_coarse: false, sums: sums.filter(|(_, sums)| !sums.is_zero()).collect() }
    }

    proptest! {
        #[test]
        fn cells_come_back(told in proptest::collection::vec(told(), 0..6)) {
            let cells = cells(told);
            match cells.encode() {
                Some(bytes) => prop_assert_eq!(Cells::decode(&bytes).unwrap(), cells),
                None => prop_assert!(cells.sums.is_empty()),
            }
        }

        #[test]
        fn other_bytes_are_refused_or_read_and_never_more(mut bytes in proptest::collection::vec(any::<u8>(), 0..60), told in proptest::collection::vec(told(), 1..3), at in any::<prop::sample::Index>()) {
            let _ = Cells::decode(&bytes);
            if let Some(whole) = cells(told).encode() {
                prop_assert!(Cells::decode(&whole[..at.index(whole.len())]).is_err());
                bytes.splice(0..0, whole);
                let _ = Cells::decode(&bytes);
            }
        }
    }

    #[test]
    fn coarse_cells_add_up_what_programs_choose() {
        let of = |tool: &'static str| {
            let mut texts = [None; TEXTS];
            texts[9] = Some(tool);
            (Place::new("tool", 0, 2, texts), Sums { count: 1, ..Sums::default() })
        };
        let mut cells = Cells { is_coarse: false, sums: BTreeMap::from([of("a"), of("b")]) };
        cells.make_coarse();
        let mut more = Cells { is_coarse: false, sums: BTreeMap::from([of("c"), of("a")]) };
        cells.merge(more.clone());
        let counts: Vec<(&str, Option<&str>, i64)> =
            cells.sums.iter().map(|(place, sums)| (place.kind, place.tool_name, sums.count)).collect();
        assert_eq!(counts, [("tool", None, 4)]);
        more.negate();
        cells.merge(more.clone());
        cells.merge(more);
        assert_eq!(cells.filled().count(), 0);
        assert!(Cells::decode(&cells.encode().unwrap()).unwrap().is_coarse);
    }
}
