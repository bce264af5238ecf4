//! Recorded values, one behind the other in one piece of memory.
//!
//! Each is a head of eight bytes and its value: a number's bytes, or a text's. A head is a kind (eight bits), a key (24 bits: the place of a
//! field among those that its callsite declares, or of a key that was told), and the length of the value (32 bits). So a value costs the
//! thread that records it one copy, takes no memory from the allocator once the tape has been used, and is moved with others by one copy.

use std::fmt;

use super::declared::Declared;
use super::text;
use crate::model::{Attributes, IdentityField, Key, Value};
use crate::semconv::identity_of;

const HEAD: usize = 8;

/// Keys that a head can tell apart.
const MAX_KEYS: usize = 1 << 24;

/// Bytes of a text that a head can count, with room for what says how much was cut.
pub(super) const MAX_TEXT: usize = (u32::MAX - 1024) as usize;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    I64,
    U64,
    I128,
    U128,
    F64,
    Str,
    Debug,
    Error,
    Bytes,
    /// A value without a flat form: nothing, a list or a map.
    Whole,
}

impl Kind {
    const ALL: [Self; 11] = [
        Self::Bool,
        Self::I64,
        Self::U64,
        Self::I128,
        Self::U128,
        Self::F64,
        Self::Str,
        Self::Debug,
        Self::Error,
        Self::Bytes,
        Self::Whole,
    ];

    /// Whether it takes few bytes.
    pub(super) const fn is_number(self) -> bool {
        matches!(self, Self::Bool | Self::I64 | Self::U64 | Self::I128 | Self::U128 | Self::F64)
    }
}

/// How a value is called, as it stands in a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(u32);

/// The same, understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Called {
    /// As the field at that place, of the callsite that the values' owner knows.
    Field(usize),
    /// As the key at that place among the tape's.
    Told(usize),
    /// Not at all: it is what an event is called.
    Message,
}

/// Beside the kind.
const IS_TOLD: u32 = 0x40;
const IS_MESSAGE: u32 = 0x80;

impl Name {
    /// It is what an event is called.
    pub(super) const MESSAGE: Self = Self(IS_MESSAGE);

    /// As the field at that place among those that the callsite declares.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a callsite has some fields, and no millions")]
    pub(super) const fn field(place: usize) -> Self {
        Self((place as u32) << 8)
    }

    #[expect(clippy::cast_possible_truncation, reason = "bounded by `MAX_KEYS`")]
    const fn told(place: usize) -> Self {
        Self((place as u32) << 8 | IS_TOLD)
    }

    const fn called(self) -> Called {
        let place = (self.0 >> 8) as usize;
        match self.0 & (IS_TOLD | IS_MESSAGE) {
            0 => Called::Field(place),
            IS_TOLD => Called::Told(place),
            _ => Called::Message,
        }
    }
}

/// A head in parts.
#[derive(Clone, Copy)]
struct Head {
    kind: Kind,
    name: Name,
    len: usize,
}

impl Head {
    #[inline]
    const fn bytes(self) -> [u8; HEAD] {
        (self.name.0 as u64 | self.kind as u64 | (self.len as u64) << 32).to_le_bytes()
    }

    #[expect(clippy::cast_possible_truncation, reason = "parts of a word")]
    fn read(bytes: &[u8]) -> Option<Self> {
        let word = u64::from_le_bytes(bytes.get(..HEAD)?.try_into().ok()?);
        let name = Name(word as u32 & !0x3f);
        Some(Self { kind: *Kind::ALL.get((word & 0x3f) as usize)?, name, len: (word >> 32) as usize })
    }
}

#[derive(Debug, Default)]
pub(super) struct Tape {
    bytes: Vec<u8>,
    /// Keys that no callsite declares.
    keys: Vec<Key>,
    /// The values of [`Kind::Whole`].
    wholes: Vec<Value>,
    /// Bytes of `keys` and `wholes`, roughly.
    beside: usize,
}

/// A value where it stands.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    tape: &'a Tape,
    /// Where its head is.
    pub(super) place: usize,
    pub(super) kind: Kind,
    pub(super) name: Name,
    bytes: &'a [u8],
}

impl Tape {
    /// How far it is written.
    #[inline]
    pub(super) const fn end(&self) -> usize {
        self.bytes.len()
    }

    /// The name for a key that no callsite declares.
    pub(super) fn tell(&mut self, key: Key) -> Name {
        if self.keys.len() + 1 >= MAX_KEYS {
            // There is no place for more, and they have no name.
            return Name::told(MAX_KEYS - 1);
        }
        self.beside += size_of::<Key>() + key.len();
        self.keys.push(key);
        Name::told(self.keys.len() - 1)
    }

    /// Appends a number of eight bytes.
    #[inline]
    pub(super) fn push_word(&mut self, name: Name, kind: Kind, word: [u8; HEAD]) {
        let mut both = [0; 2 * HEAD];
        let (head, value) = both.split_at_mut(HEAD);
        head.copy_from_slice(&Head { kind, name, len: HEAD }.bytes());
        value.copy_from_slice(&word);
        self.bytes.extend_from_slice(&both);
    }

    /// Appends a value that is `bytes`, at most [`MAX_TEXT`].
    #[inline]
    pub(super) fn push(&mut self, name: Name, kind: Kind, bytes: &[u8]) {
        self.bytes.reserve(HEAD + bytes.len());
        self.bytes.extend_from_slice(&Head { kind, name, len: bytes.len() }.bytes());
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends a value that has no flat form.
    pub(super) fn push_whole(&mut self, name: Name, value: Value) {
        let place = u64::try_from(self.wholes.len()).unwrap_or(u64::MAX);
        self.beside += value.size();
        self.wholes.push(value);
        self.push(name, Kind::Whole, &place.to_le_bytes());
    }

    /// Appends a text that is being made, cut where it is longer than `limit`. Answers how many bytes were.
    pub(super) fn format(
        &mut self,
        name: Name,
        kind: Kind,
        limit: usize,
        write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result,
    ) -> u64 {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; HEAD]);
        let cut = text::format(&mut self.bytes, limit, write);
        let head = Head { kind, name, len: self.bytes.len() - start - HEAD };
        if let Some(place) = self.bytes.get_mut(start..start + HEAD) {
            place.copy_from_slice(&head.bytes());
        }
        cut
    }

    /// Takes back all from `end` on. What stood there beside the tape is one key and one value at most.
    pub(super) fn cut(&mut self, end: usize) {
        let Some((name, kind)) = self.entry(end).map(|entry| (entry.name, entry.kind)) else { return };
        if matches!(name.called(), Called::Told(place) if place + 1 == self.keys.len())
            && let Some(key) = self.keys.pop()
        {
            self.beside = self.beside.saturating_sub(size_of::<Key>() + key.len());
        }
        if kind == Kind::Whole
            && let Some(value) = self.wholes.pop()
        {
            self.beside = self.beside.saturating_sub(value.size());
        }
        self.bytes.truncate(end);
    }

    /// Puts a number in the place of another one that takes as many bytes.
    pub(super) fn replace(&mut self, place: usize, kind: Kind, value: &[u8]) {
        let Some(Head { name, len, .. }) = self.bytes.get(place..).and_then(Head::read) else { return };
        let Some(there) = self.bytes.get_mut(place..place + HEAD + len) else { return };
        let (head, number) = there.split_at_mut(HEAD);
        if number.len() == value.len() {
            head.copy_from_slice(&Head { kind, name, len }.bytes());
            number.copy_from_slice(value);
        }
    }

    /// Appends all of another tape, whose fields are of the same callsite.
    #[inline]
    pub(super) fn append(&mut self, from: &mut Self) {
        if from.keys.is_empty() && from.wholes.is_empty() {
            self.bytes.extend_from_slice(&from.bytes);
        } else {
            self.append_each(from);
        }
    }

    /// The same for one that has more than bytes.
    fn append_each(&mut self, from: &mut Self) {
        for entry in from.entries(0..from.end()) {
            self.copy(&entry);
        }
    }

    /// Appends a value of another tape.
    pub(super) fn copy(&mut self, entry: &Entry<'_>) {
        let name = match entry.name.called() {
            Called::Told(_) => self.tell(entry.told_key()),
            Called::Field(_) | Called::Message => entry.name,
        };
        match entry.whole() {
            Some(value) => self.push_whole(name, value.clone()),
            None => self.push(name, entry.kind, entry.bytes),
        }
    }

    /// The value whose head is at `place`.
    pub(super) fn entry(&self, place: usize) -> Option<Entry<'_>> {
        let Head { kind, name, len } = Head::read(self.bytes.get(place..)?)?;
        let body = place + HEAD;
        Some(Entry { tape: self, place, kind, name, bytes: self.bytes.get(body..body + len)? })
    }

    /// The values in a part of the tape, in their order.
    pub(super) fn entries(&self, part: std::ops::Range<usize>) -> impl Iterator<Item = Entry<'_>> {
        let mut place = part.start;
        std::iter::from_fn(move || {
            let entry = self.entry(place).filter(|_| place < part.end)?;
            place += HEAD + entry.bytes.len();
            Some(entry)
        })
    }

    /// Bytes held, roughly.
    pub(super) const fn size(&self) -> usize {
        self.bytes.len() + self.beside
    }

    /// Bytes that are kept when it is cleared, roughly.
    pub(super) const fn capacity(&self) -> usize {
        self.bytes.capacity() + self.keys.capacity() * size_of::<Key>() + self.wholes.capacity() * size_of::<Value>()
    }

    /// Empties it and keeps its memory.
    pub(super) fn clear(&mut self) {
        let Self { bytes, keys, wholes, beside } = self;
        bytes.clear();
        keys.clear();
        wholes.clear();
        *beside = 0;
    }
}

impl<'a> Entry<'a> {
    /// How it is called, where `declared` is the callsite of its fields.
    pub(super) fn key(&self, declared: Option<&'static Declared>) -> Key {
        match self.name.called() {
            Called::Field(place) => declared.map_or("", |declared| declared.name(place)).into(),
            Called::Told(_) => self.told_key(),
            Called::Message => "message".into(),
        }
    }

    /// The same where it stands.
    pub(super) fn key_text(&self, declared: Option<&'static Declared>) -> &'a str {
        match self.name.called() {
            Called::Field(place) => declared.map_or("", |declared| declared.name(place)),
            Called::Told(place) => self.tape.keys.get(place).map_or("", |key| &**key),
            Called::Message => "message",
        }
    }

    /// Which id or name of the span it gives, and with what rank.
    pub(super) fn identity(&self, declared: Option<&'static Declared>) -> Option<(IdentityField, u8)> {
        match self.name.called() {
            Called::Field(place) => declared?.identity(place),
            Called::Told(_) => identity_of(self.key_text(declared)),
            Called::Message => None,
        }
    }

    fn told_key(&self) -> Key {
        match self.name.called() {
            Called::Told(place) => self.tape.keys.get(place).cloned(),
            Called::Field(_) | Called::Message => None,
        }
        .unwrap_or_else(|| "".into())
    }

    /// The value, if it has no flat form.
    fn whole(&self) -> Option<&'a Value> {
        if self.kind != Kind::Whole {
            return None;
        }
        let place = u64::from_le_bytes(self.bytes.try_into().ok()?);
        self.tape.wholes.get(usize::try_from(place).ok()?)
    }

    /// A text's or a number's bytes.
    pub(super) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// A text where it stands. All that is not [`Kind::Bytes`] is UTF-8.
    pub(super) fn text(&self) -> &'a str {
        std::str::from_utf8(self.bytes).unwrap_or_default()
    }

    /// The value.
    pub(super) fn value(&self) -> Value {
        let text = || String::from_utf8_lossy(self.bytes).into_owned();
        match self.kind {
            Kind::Bool => Value::Bool(self.bytes == [1]),
            Kind::I64 => Value::I64(i64::from_le_bytes(self.number())),
            Kind::U64 => Value::U64(u64::from_le_bytes(self.number())),
            Kind::I128 => Value::I128(i128::from_le_bytes(self.number())),
            Kind::U128 => Value::U128(u128::from_le_bytes(self.number())),
            Kind::F64 => Value::F64(f64::from_le_bytes(self.number())),
            Kind::Str => Value::Str(text()),
            Kind::Debug => Value::Debug(text()),
            Kind::Error => Value::Error(text()),
            Kind::Bytes => Value::Bytes(self.bytes.to_vec()),
            Kind::Whole => self.whole().cloned().unwrap_or(Value::Null),
        }
    }

    /// The bytes of a number.
    pub(super) fn number<const N: usize>(&self) -> [u8; N] {
        self.bytes.try_into().unwrap_or([0; N])
    }
}

/// The attributes that values are, where `declared` is the callsite of their fields. A message is none.
pub(super) fn attributes<'a>(
    entries: impl Iterator<Item = Entry<'a>>,
    declared: Option<&'static Declared>,
) -> Attributes {
    entries.filter(|entry| entry.name != Name::MESSAGE).map(|entry| (entry.key(declared), entry.value())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::I64),
            any::<u64>().prop_map(Value::U64),
            any::<i128>().prop_map(Value::I128),
            any::<u128>().prop_map(Value::U128),
            (-1e300..1e300_f64).prop_map(Value::F64),
            ".{0,40}".prop_map(Value::Str),
            ".{0,40}".prop_map(Value::Debug),
            ".{0,40}".prop_map(Value::Error),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
            Just(Value::Null),
            Just(Value::Array(vec![Value::from("x"), Value::from(1_i64)])),
        ]
    }

    fn push(tape: &mut Tape, key: &str, value: &Value) {
        let name = tape.tell(key.to_owned().into());
        match value {
            Value::Bool(value) => tape.push(name, Kind::Bool, &[u8::from(*value)]),
            Value::I64(value) => tape.push(name, Kind::I64, &value.to_le_bytes()),
            Value::U64(value) => tape.push(name, Kind::U64, &value.to_le_bytes()),
            Value::I128(value) => tape.push(name, Kind::I128, &value.to_le_bytes()),
            Value::U128(value) => tape.push(name, Kind::U128, &value.to_le_bytes()),
            Value::F64(value) => tape.push(name, Kind::F64, &value.to_le_bytes()),
            Value::Str(text) => tape.push(name, Kind::Str, text.as_bytes()),
            Value::Debug(text) => tape.push(name, Kind::Debug, text.as_bytes()),
            Value::Error(text) => tape.push(name, Kind::Error, text.as_bytes()),
            Value::Bytes(bytes) => tape.push(name, Kind::Bytes, bytes),
            whole => tape.push_whole(name, whole.clone()),
        }
    }

    fn read(tape: &Tape) -> Vec<(String, Value)> {
        tape.entries(0..tape.end()).map(|entry| (entry.key(None).to_string(), entry.value())).collect()
    }

    proptest! {
        #[test]
        fn what_is_recorded_is_read_also_after_a_move_and_a_cut(
            first in prop::collection::vec(("[a-z.]{0,12}", value()), 0..12),
            second in prop::collection::vec(("[a-z.]{0,12}", value()), 0..12),
            last in ("[a-z.]{0,12}", value()),
        ) {
            let (mut tape, mut other) = (Tape::default(), Tape::default());
            for (key, value) in &first {
                push(&mut tape, key, value);
            }
            for (key, value) in &second {
                push(&mut other, key, value);
            }
            tape.append(&mut other);
            let all: Vec<_> = first.into_iter().chain(second).collect();
            prop_assert_eq!(&read(&tape), &all);

            let (end, size) = (tape.end(), tape.size());
            push(&mut tape, &last.0, &last.1);
            tape.cut(end);
            prop_assert_eq!(&read(&tape), &all);
            prop_assert_eq!(tape.size(), size);
        }
    }
}
