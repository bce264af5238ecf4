//! Text of a wanted length that reads and compresses like people's, with what JSON must escape and what is not ASCII.

use std::ops::Range;

use fastrand::Rng;

const WORDS: &str = "the of and to in is that for it as was with be by on not he this are or his from at which but have an \
had they you were their one all we can her has there been if more when will would who so no said what up its about into than \
them only other new some could time these two may then do first any my now such like our over man me even most made after also \
did many before must through years where much your way well down should because each just those people how too little state \
good very make world still own see men work long get here between both life being under never day same another know while last \
might us great old year off come since against go came right used take three invoice customer delivery café naïve Zürich Ελλάδα \
東京 refund shipment \"quoted\" C:\\path question answer source table column query 42 2026 99.5 % €120 ✓";

/// Some words, cut to a length in bytes within `length`.
pub(super) fn of(rng: &mut Rng, length: Range<usize>) -> String {
    let words: Vec<&str> = WORDS.split_ascii_whitespace().collect();
    let length = rng.usize(length);
    let mut text = String::with_capacity(length + 16);
    while text.len() < length {
        text.push_str(words[rng.usize(..words.len())]);
        text.push_str(match rng.u8(..) {
            0..=9 => ".\n",
            10..=29 => ", ",
            _ => " ",
        });
    }
    text.truncate(text.floor_char_boundary(length));
    text
}
