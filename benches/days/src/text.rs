//! Text that reads and compresses like people's, with what JSON must escape and what is not ASCII.

use fastrand::Rng;

const WORDS: &str = "the of and to in is that for it as was with be by on not he this are or his from at which but have an \
had they you were their one all we can her has there been if more when will would who so no said what up its about into than \
them only other new some could time these two may then do first any my now such like our over man me even most made after also \
did many before must through years where much your way well down should because each just those people how too little state \
good very make world still own see men work long get here between both life being under never day same another know while last \
might us great old year off come since against go came right used take three invoice customer delivery café naïve Zürich Ελλάδα \
東京 refund shipment \"quoted\" C:\\path question answer source table column query 42 2026 99.5 % €120 ✓";

/// Bytes that texts are cut from. Each cut begins elsewhere, so two texts share a run of words at most.
const STOCK: usize = 512 * 1024;
/// The bytes of attributes a span that texts are made for.
const USUAL: usize = 1_500;

/// Where texts come from.
#[derive(Debug)]
pub(crate) struct Text {
    stock: String,
    scale: usize,
    is_repeating: bool,
}

impl Text {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let words: Vec<&str> = WORDS.split_ascii_whitespace().collect();
        let mut stock = String::with_capacity(STOCK + 16);
        while stock.len() < STOCK {
            stock.push_str(rng.choice(&words).copied().unwrap_or_default());
            stock.push_str(match rng.u8(..) {
                0..=9 => ".\n",
                10..=29 => ", ",
                _ => " ",
            });
        }
        Self { stock, scale: USUAL, is_repeating: false }
    }

    pub(crate) const fn set_scale(&mut self, bytes: usize) {
        self.scale = bytes;
    }

    pub(crate) const fn repeat_prompts(&mut self) {
        self.is_repeating = true;
    }

    /// Whether an agent's instructions are long and the same each time.
    pub(crate) const fn is_repeating(&self) -> bool {
        self.is_repeating
    }

    /// Some words of about `bytes` bytes, more or less by a half, where spans have their usual size.
    pub(crate) fn some(&self, rng: &mut Rng, bytes: usize) -> &str {
        let bytes = bytes * self.scale / USUAL;
        let bytes = rng.usize(bytes / 2..=bytes + bytes / 2);
        self.exactly(rng, bytes)
    }

    /// Some words of `bytes` bytes, or a few fewer.
    pub(crate) fn exactly(&self, rng: &mut Rng, bytes: usize) -> &str {
        let begin = self.stock.floor_char_boundary(rng.usize(..STOCK));
        self.cut(begin, bytes)
    }

    /// The words from a place on: the same each time.
    pub(crate) fn at(&self, place: usize, bytes: usize) -> &str {
        self.cut(self.stock.floor_char_boundary(place % STOCK), bytes)
    }

    fn cut(&self, begin: usize, bytes: usize) -> &str {
        let begin = begin.min(self.stock.floor_char_boundary(STOCK.saturating_sub(bytes)));
        let end = self.stock.floor_char_boundary(begin + bytes);
        self.stock.get(begin..end).unwrap_or_default()
    }
}
