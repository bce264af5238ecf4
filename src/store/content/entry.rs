//! What stands in a column in place of its content: names of parts, and what is too short to be one.

use prost::encoding::{decode_varint, encode_varint};
use sha2::{Digest as _, Sha256};

/// Bytes of a name.
const NAME: usize = 20;
/// A piece up to this length stands where it belongs: as a part it would cost more.
const LITERAL: usize = 64;
/// The bytes that an entry begins with; others are the length of a literal.
const PART: u8 = 0;
const LIST: u8 = 128;
/// The first byte of a column: the content follows as it is.
const INLINE: u8 = 0;
/// The first byte of a column: the content's length follows, and then entries.
const SHARED: u8 = 1;
/// The first byte of a column: a [frame](super::frame) of the content follows.
const COMPRESSED: u8 = 2;

/// What a part is called: a hash of what it is and of its bytes, so that the same bytes have the same name wherever they come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name([u8; NAME]);

impl Name {
    /// Whether it is a list is a part of the name: else a text could be made to pass for a list.
    pub(super) fn of(is_list: bool, bytes: &[u8]) -> Self {
        let hash = Sha256::new().chain_update([u8::from(is_list)]).chain_update(bytes).finalize();
        let mut name = [0; NAME];
        name.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        Self(name)
    }

    pub(super) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(super) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A bit pattern that one name of four has.
    pub(super) const fn is_marked(&self) -> bool {
        self.0[0] < 64
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One piece of a content, or of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry<'a> {
    /// These bytes themselves.
    Literal(&'a [u8]),
    /// The bytes of a part.
    Part(Name),
    /// The entries that a part holds.
    List(Name),
}

impl<'a> Entry<'a> {
    /// A piece that is too short to be a part.
    pub(super) fn literal(piece: &'a [u8]) -> Option<Self> {
        (piece.len() <= LITERAL).then_some(Self::Literal(piece))
    }

    pub(super) const fn name(&self) -> Option<Name> {
        match self {
            Self::Literal(_) => None,
            Self::Part(name) | Self::List(name) => Some(*name),
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (first, bytes) = match self {
            Self::Literal(bytes) => (u8::try_from(bytes.len()).unwrap_or(0), *bytes),
            Self::Part(name) => (PART, name.as_bytes()),
            Self::List(name) => (LIST, name.as_bytes()),
        };
        out.push(first);
        out.extend_from_slice(bytes);
    }

    pub(super) const fn size(&self) -> usize {
        match self {
            Self::Literal(bytes) => 1 + bytes.len(),
            Self::Part(_) | Self::List(_) => 1 + NAME,
        }
    }

    /// The first entry, and what follows it.
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (first, rest) = bytes.split_first()?;
        let length = match *first {
            PART | LIST => NAME,
            length => usize::from(length),
        };
        let (bytes, rest) = rest.split_at_checked(length)?;
        let entry = match *first {
            PART => Self::Part(Name::from_slice(bytes)?),
            LIST => Self::List(Name::from_slice(bytes)?),
            length if usize::from(length) <= LITERAL => Self::Literal(bytes),
            _ => return None,
        };
        Some((entry, rest))
    }
}

/// All entries that some bytes hold; none where they are anything else.
pub(super) fn entries(mut bytes: &[u8]) -> Option<Vec<Entry<'_>>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let entry;
        (entry, bytes) = Entry::read(bytes)?;
        entries.push(entry);
    }
    Some(entries)
}

/// A column of a row that does not hold its content as it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Column<'a> {
    /// The content itself.
    Inline(&'a [u8]),
    /// The content in less room.
    Compressed(&'a [u8]),
    /// What it is made of, and how long it is.
    Shared(u64, Vec<Entry<'a>>),
}

impl<'a> Column<'a> {
    pub(super) fn read(column: &'a [u8]) -> Option<Self> {
        match column.split_first()? {
            (&INLINE, content) => Some(Self::Inline(content)),
            (&COMPRESSED, frame) => Some(Self::Compressed(frame)),
            (&SHARED, mut rest) => {
                let length = decode_varint(&mut rest).ok()?;
                Some(Self::Shared(length, entries(rest)?))
            }
            _ => None,
        }
    }

    pub(super) fn write(&self) -> Vec<u8> {
        match self {
            Self::Inline(content) => [&[INLINE], *content].concat(),
            Self::Compressed(frame) => [&[COMPRESSED], *frame].concat(),
            Self::Shared(length, entries) => {
                let mut out = vec![SHARED];
                encode_varint(*length, &mut out);
                entries.iter().for_each(|entry| entry.write(&mut out));
                out
            }
        }
    }

    /// The names that stand in it.
    pub(super) fn names(&self) -> impl Iterator<Item = (Name, bool)> + '_ {
        let entries = match self {
            Self::Inline(_) | Self::Compressed(_) => &[][..],
            Self::Shared(_, entries) => entries,
        };
        names(entries)
    }
}

/// The names among some entries, and whether each is a list's.
pub(super) fn names<'e>(entries: &'e [Entry<'_>]) -> impl Iterator<Item = (Name, bool)> + 'e {
    entries.iter().filter_map(|entry| Some((entry.name()?, matches!(entry, Entry::List(_)))))
}
