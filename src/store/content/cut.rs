//! Where bytes are cut into pieces: by what stands there and not by how far in, so that the pieces around a change stay what they were.
//!
//! Recorded content is text in JSON, often JSON in JSON, and what is long in it are its texts: prompts, answers, documents. So a long
//! text is a piece of its own (or several, if it is very long), whatever stands around it and however deep it is escaped, and what
//! stands between long texts is put together until there is enough of it. Bytes that are no JSON are one long text. No rule looks
//! further than some kilobytes, and none depends on the machine.

/// A text from this length on is a piece of its own.
const LONG: usize = 512;
/// Short values are put together up to this size at least ...
const GATHERED: usize = 512;
/// ... and up to this size at most, and one short value.
const MOST_GATHERED: usize = 4 * 1024;
/// A very long text is cut into pieces of these sizes, of some 6 KiB on average.
const LEAST_OF_TEXT: usize = 2 * 1024;
const MOST_OF_TEXT: usize = 16 * 1024;
/// A text is cut behind a byte where these bits of the rolling hash are all zero.
const CUT_MASK: u64 = 0xfff0_0000_0000_0000;
/// The rolling hash forgets what is further back.
const WINDOW: usize = 64;
/// So much of what stands before an end decides whether it is one of a piece.
const LOOK_BACK: usize = 512;

/// A place where a value begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edge {
    at: usize,
    /// Whether an object or a list ends here.
    is_end: bool,
}

/// The pieces of some bytes, in their order; none is empty.
pub(super) fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut push = |from: usize, to: usize| pieces.extend(bytes.get(from..to).filter(|piece| !piece.is_empty()));
    let (mut begun, mut before, mut last_end) = (0, 0, 0);
    for Edge { at, is_end } in edges(bytes).chain([Edge { at: bytes.len(), is_end: true }]) {
        if at - before >= LONG {
            push(begun, before);
            let mut from = before;
            while from < at {
                let length = text_piece(bytes.get(from..at).unwrap_or_default());
                push(from, from + length);
                from += length;
            }
            begun = at;
        } else {
            let size = at - begun;
            let may_end = is_end && size >= GATHERED;
            if size >= MOST_GATHERED || may_end && is_drawn(bytes.get(last_end..at).unwrap_or_default()) {
                push(begun, at);
                begun = at;
            }
        }
        if is_end {
            last_end = at;
        }
        before = at;
    }
    push(begun, bytes.len());
    pieces
}

/// Where values begin and end, in order, each place once. A quotation mark counts as one of JSON's by what stands around it, since texts
/// quote too; the backslashes before it, which depth puts there, belong to it.
fn edges(bytes: &[u8]) -> impl Iterator<Item = Edge> + '_ {
    let mut done = 0;
    memchr::memchr3_iter(b'"', b'}', b']', bytes)
        .flat_map(move |place| {
            let (before, after) = bytes.split_at_checked(place).unwrap_or_default();
            let is_quote = after.first() == Some(&b'"');
            let after = after.get(1..).unwrap_or_default();
            if !is_quote {
                let is_end = matches!(after.first(), Some(b',' | b']' | b'}'));
                return [is_end.then_some(Edge { at: place + 1, is_end }), None];
            }
            let escapes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
            let first = place - escapes;
            let edge = |at| Edge { at, is_end: false };
            [
                is_followed(after).then_some(edge(first)),
                is_led_up_to(before.get(..first).unwrap_or_default()).then_some(edge(place + 1)),
            ]
        })
        .flatten()
        .filter(move |edge| {
            let is_new = edge.at > done;
            done = done.max(edge.at);
            is_new
        })
}

/// Whether bytes go on as they do behind a text in JSON.
fn is_followed(after: &[u8]) -> bool {
    match after {
        [b']' | b'}', ..] => true,
        [b',' | b':', b' ', next, ..] | [b',' | b':', next, ..] => {
            matches!(next, b'"' | b'\\' | b'{' | b'[' | b'-' | b'\n' | b'0'..=b'9')
        }
        _ => false,
    }
}

/// Whether bytes end as they do before a text in JSON.
fn is_led_up_to(before: &[u8]) -> bool {
    match before {
        [.., b'[' | b'{'] => true,
        [.., last, b':' | b',', b' '] | [.., last, b':' | b','] => matches!(last, b'"' | b'}' | b']' | b'0'..=b'9'),
        _ => false,
    }
}

/// Whether a piece may end behind a value: every other one, by what the value is. Who begins elsewhere so comes to the same ends soon,
/// also where all values are of one size.
fn is_drawn(value: &[u8]) -> bool {
    let known = value.get(value.len().saturating_sub(LOOK_BACK)..).unwrap_or_default();
    let hash = known
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    // The lower bits follow the last byte alone.
    hash >> 32 & 1 == 0
}

/// The length of a very long text's first piece.
fn text_piece(text: &[u8]) -> usize {
    if text.len() <= LEAST_OF_TEXT {
        return text.len();
    }
    let mut hash = 0_u64;
    for (place, byte) in text.iter().enumerate().take(MOST_OF_TEXT).skip(LEAST_OF_TEXT - WINDOW) {
        hash = (hash << 1).wrapping_add(GEAR.get(usize::from(*byte)).copied().unwrap_or_default());
        if place >= LEAST_OF_TEXT && hash & CUT_MASK == 0 {
            return place + 1;
        }
    }
    text.len().min(MOST_OF_TEXT)
}

/// A number without meaning for each byte, the same for ever: other numbers would cut elsewhere, and nothing would be shared with what is
/// stored.
const GEAR: [u64; 256] = gear();

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn gear() -> [u64; 256] {
    let mut table = [0; 256];
    let mut state = 0_u64;
    let mut place = 0;
    while place < table.len() {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        table[place] = mixed ^ (mixed >> 31);
        place += 1;
    }
    table
}
