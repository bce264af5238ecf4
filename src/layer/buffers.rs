//! What was recorded on one span, in flat buffers that are used again for later spans.

use std::sync::Arc;

use tracing::field::Field;
use tracing::{Level, Metadata};

use super::declared::Declared;
use super::limits::Limits;
use super::tape::{self, Entry, Kind, Name, Tape};
use crate::model::{Attributes, Identity, IdentityField, Key, Link, Status, Value};
use crate::semconv;

/// Buffers beyond these sizes are freed instead of kept, so that one long answer does not occupy memory for ever.
const KEPT_BYTES: usize = 64 << 10;
const KEPT_ENTRIES: usize = 256;

/// Stands in [`OwnId::late`] until it is known when the id came.
const LATEST: u64 = u64::MAX;

/// Which list an attribute goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    /// The span's own.
    Span,
    /// Those of the event that is being built.
    Event,
}

/// How a value is called on its tape.
#[derive(Clone, Copy)]
pub(super) struct FieldName {
    pub(super) name: Name,
    /// Whether the value may give an id.
    pub(super) may_be_id: bool,
}

impl FieldName {
    /// An event's message.
    pub(super) const MESSAGE: Self = Self { name: Name::MESSAGE, may_be_id: false };
}

/// An event; its values are a part of [`Buffers`]' event attributes, and its name one of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawEvent {
    /// `None` for an event of [`SpanExt`](super::SpanExt), which has no callsite.
    pub(super) metadata: Option<&'static Metadata<'static>>,
    /// Nanoseconds since the trace's anchor; a user may name a time before it.
    pub(super) time: i64,
    pub(super) dropped_attributes: u32,
    start: usize,
    end: usize,
}

/// An attribute by which the span gives itself and its descendants an id or name. It is read when somebody asks: most spans have no
/// children.
#[derive(Debug)]
struct OwnId {
    field: IdentityField,
    rank: u8,
    value: OwnValue,
    /// What the layer's count of late ids was when it came; 0 for one from the span's start.
    late: u64,
}

/// Where an id stands.
#[derive(Debug)]
enum OwnValue {
    /// It is the attribute at this place.
    At(usize),
    /// A limit dropped the attribute.
    Dropped(Arc<str>),
}

/// Attributes, events and links. Their values stand on two tapes; everything else names places there. Emptied and used again, they take
/// no memory from the allocator for a span of usual size.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// The callsite of the fields on the tape of attributes, and of the event that is being built.
    declared: Option<&'static Declared>,
    attributes: Tape,
    /// How many there are.
    kept_attributes: usize,
    events: Vec<RawEvent>,
    /// Those of all events, each event's in one piece.
    event_attributes: Tape,
    /// Those of the event that is being built, its message aside.
    kept_event_attributes: usize,
    pub(super) links: Vec<Link>,
    /// In the order in which they came.
    ids: Vec<OwnId>,
    /// Whether `ids` changed since someone last looked.
    pub(super) ids_changed: bool,
    /// The message of an error status. Beside the tape, since a later one takes its place.
    pub(super) failure: Option<String>,
    /// The status and the name that a user gave the span through a companion.
    pub(super) status: Option<Status>,
    pub(super) name: Option<String>,
    /// What was recorded past a companion.
    beside: Beside,
    pub(super) dropped_attributes: u32,
    pub(super) dropped_events: u32,
    pub(super) dropped_links: u32,
    /// Attributes of the event being built that its limit dropped.
    dropped_event_attributes: u32,
    /// Bytes that the length limit cut from values.
    pub(super) truncated_bytes: u64,
}

/// Places of what was recorded past a companion.
#[derive(Debug, Default)]
struct Beside {
    attributes: Vec<usize>,
    events: Vec<usize>,
    links: Vec<usize>,
}

/// How much is recorded.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    attributes: usize,
    events: usize,
    links: usize,
}

impl Buffers {
    /// Appends a number of eight bytes; one too many is counted instead.
    #[inline]
    pub(super) fn push_word(&mut self, list: List, limits: &Limits, field: FieldName, kind: Kind, word: [u8; 8]) {
        let place = self.tape(list).end();
        self.tape(list).push_word(field.name, kind, word);
        self.keep(list, limits, place, field);
    }

    /// Appends a value that is `bytes`; one too many is counted instead.
    #[inline]
    pub(super) fn push(&mut self, list: List, limits: &Limits, field: FieldName, kind: Kind, bytes: &[u8]) {
        let place = self.tape(list).end();
        self.tape(list).push(field.name, kind, bytes);
        self.keep(list, limits, place, field);
    }

    /// Appends a text, cut where it is too long.
    #[inline]
    pub(super) fn push_text(&mut self, list: List, limits: &Limits, field: FieldName, kind: Kind, text: &str) {
        if text.len() <= limits.value_bytes {
            self.push(list, limits, field, kind, text.as_bytes());
        } else {
            self.push_formatted(list, limits, field, kind, |out| out.write_str(text));
        }
    }

    /// Appends a text that is being made, cut where it is too long.
    pub(super) fn push_formatted(
        &mut self,
        list: List,
        limits: &Limits,
        field: FieldName,
        kind: Kind,
        write: impl FnOnce(&mut dyn std::fmt::Write) -> std::fmt::Result,
    ) {
        let place = self.tape(list).end();
        self.truncated_bytes += self.tape(list).format(field.name, kind, limits.value_bytes, write);
        self.keep(list, limits, place, field);
    }

    /// Appends bytes; what is too long is cut and counted, without a marker.
    pub(super) fn push_bytes(&mut self, list: List, limits: &Limits, field: FieldName, bytes: &[u8]) {
        let kept = bytes.get(..limits.value_bytes).unwrap_or(bytes);
        self.truncated_bytes += (bytes.len() - kept.len()) as u64;
        self.push(list, limits, field, Kind::Bytes, kept);
    }

    /// Appends a value under a key that no callsite declares.
    pub(super) fn push_value(&mut self, list: List, limits: &Limits, key: Key, value: Value) {
        let field = self.tell(list, key);
        match value {
            Value::Bool(value) => self.push(list, limits, field, Kind::Bool, &[u8::from(value)]),
            Value::I64(value) => self.push(list, limits, field, Kind::I64, &value.to_le_bytes()),
            Value::U64(value) => self.push(list, limits, field, Kind::U64, &value.to_le_bytes()),
            Value::I128(value) => self.push(list, limits, field, Kind::I128, &value.to_le_bytes()),
            Value::U128(value) => self.push(list, limits, field, Kind::U128, &value.to_le_bytes()),
            Value::F64(value) => self.push(list, limits, field, Kind::F64, &value.to_le_bytes()),
            Value::Str(text) => self.push_text(list, limits, field, Kind::Str, &text),
            Value::Debug(text) => self.push_text(list, limits, field, Kind::Debug, &text),
            Value::Error(text) => self.push_text(list, limits, field, Kind::Error, &text),
            Value::Bytes(bytes) => self.push_bytes(list, limits, field, &bytes),
            mut nested => {
                self.truncated_bytes += nested.cut(limits.value_bytes);
                let place = self.tape(list).end();
                self.tape(list).push_whole(field.name, nested);
                self.keep(list, limits, place, field);
            }
        }
    }

    /// Appends an attribute that no limit may drop.
    pub(super) fn push_always(&mut self, key: &'static str, text: &str) {
        let name = self.attributes.tell(key.into());
        self.attributes.push(name, Kind::Str, text.as_bytes());
        self.kept_attributes += 1;
    }

    /// What the event that is being built is called, cut where it is too long.
    pub(super) fn push_message(&mut self, limits: &Limits, text: &str) {
        self.push_text(List::Event, limits, FieldName::MESSAGE, Kind::Str, text);
    }

    /// The name for a key that no callsite declares, of a value that is to be appended next.
    pub(super) fn tell(&mut self, list: List, key: Key) -> FieldName {
        FieldName { may_be_id: semconv::identity_of(&key).is_some(), name: self.tape(list).tell(key) }
    }

    #[inline]
    const fn tape(&mut self, list: List) -> &mut Tape {
        match list {
            List::Span => &mut self.attributes,
            List::Event => &mut self.event_attributes,
        }
    }

    /// Keeps the value that was appended at `place`, if the limits allow it.
    #[inline]
    fn keep(&mut self, list: List, limits: &Limits, place: usize, field: FieldName) {
        match list {
            List::Span if self.kept_attributes < limits.attributes => {
                self.kept_attributes += 1;
                if field.may_be_id {
                    self.note_id(place);
                }
            }
            List::Span => self.drop_attribute(place),
            List::Event if field.name == Name::MESSAGE => {}
            List::Event if self.kept_event_attributes < limits.event_attributes => self.kept_event_attributes += 1,
            List::Event => {
                self.dropped_event_attributes = self.dropped_event_attributes.saturating_add(1);
                self.event_attributes.cut(place);
            }
        }
    }

    /// Counts an attribute that is one too many, and gives its room back: what is dropped takes no memory, however often.
    ///
    /// A number takes the place of the key's last one instead, so that a count of tokens which is recorded with every chunk of a
    /// stream ends as the last of them. An id counts all the same.
    #[cold]
    fn drop_attribute(&mut self, place: usize) {
        self.dropped_attributes = self.dropped_attributes.saturating_add(1);
        self.note_dropped_id(place);
        if let Some(dropped) = self.attributes.entry(place)
            && dropped.kind.is_number()
        {
            let key = dropped.key_text(self.declared);
            let is_it = |entry: &Entry<'_>| entry.key_text(self.declared) == key;
            let last = self.attributes.entries(0..place).filter(is_it).last().filter(|last| last.kind.is_number());
            if let Some(last) = last.map(|last| last.place) {
                let (kind, value) = (dropped.kind, dropped.bytes().to_vec());
                self.attributes.replace(last, kind, &value);
            }
        }
        self.attributes.cut(place);
    }

    /// Ends the event whose values were pushed with [`List::Event`] into these, otherwise unused, buffers.
    pub(super) fn push_event(&mut self, metadata: Option<&'static Metadata<'static>>, time: i64) {
        let dropped_attributes = std::mem::take(&mut self.dropped_event_attributes);
        self.events.push(RawEvent { metadata, time, dropped_attributes, start: 0, end: self.event_attributes.end() });
    }

    /// Appends a link; one too many is counted instead.
    pub(super) fn push_link(&mut self, limits: &Limits, link: Link) {
        if self.links.len() < limits.links {
            self.links.push(link);
        } else {
            self.dropped_links = self.dropped_links.saturating_add(1);
        }
    }

    /// Moves what was recorded in `from`, at most one event, to the end of this, within the limits. `from` is to be cleared then.
    pub(super) fn append(&mut self, limits: &Limits, from: &mut Self) {
        for entry in from.attributes.entries(0..from.attributes.end()) {
            let place = self.attributes.end();
            self.attributes.copy(&entry);
            let may_be_id = entry.identity(from.declared).is_some();
            self.keep(List::Span, limits, place, FieldName { name: entry.name, may_be_id });
        }
        self.append_event(limits, from);
        if let Some(failure) = from.failure.take() {
            self.failure = Some(failure);
        }
        self.dropped_attributes = self.dropped_attributes.saturating_add(from.dropped_attributes);
    }

    /// Moves the only event of `from`, if there is one; one too many is counted instead. So is what was cut, of whatever is in `from`.
    pub(super) fn append_event(&mut self, limits: &Limits, from: &mut Self) {
        self.truncated_bytes += from.truncated_bytes;
        let Some(event) = from.events.pop() else { return };
        if self.events.len() >= limits.events {
            self.dropped_events = self.dropped_events.saturating_add(1);
            if self.failure.is_none() {
                self.failure = from.failure_of(&event);
            }
            return;
        }
        let start = self.event_attributes.end();
        self.event_attributes.append(&mut from.event_attributes);
        self.events.push(RawEvent { start, end: self.event_attributes.end(), ..event });
    }

    /// What an ERROR event says of its span: the status is told by events, and must not get lost with one that is too many.
    fn failure_of(&self, event: &RawEvent) -> Option<String> {
        let metadata = event.metadata.filter(|metadata| *metadata.level() == Level::ERROR)?;
        let declared = Some(Declared::of(metadata));
        let error = self
            .entries_of(event)
            .find(|entry| entry.name != Name::MESSAGE && matches!(entry.key_text(declared), "error" | "err"));
        let error = error.and_then(|entry| Some(semconv::clean_text(&entry.value())?.into_owned()));
        Some(error.or_else(|| self.name_of(event)).unwrap_or_default())
    }

    /// The attribute at `place`, the last one, gives an id, if it is what it may be.
    #[inline(never)]
    fn note_id(&mut self, place: usize) {
        let Some(entry) = self.attributes.entry(place) else { return };
        let Some((field, rank)) = entry.identity(self.declared) else { return };
        let last = self.ids.iter().rfind(|id| id.field == field && id.rank == rank);
        let is_known = last.is_some_and(|id| match id.value {
            OwnValue::At(known) => self.attributes.entry(known).is_some_and(|known| {
                known.kind == entry.kind
                    && matches!(known.kind, Kind::Str | Kind::Debug)
                    && known.bytes() == entry.bytes()
            }),
            OwnValue::Dropped(_) => false,
        });
        if !is_known {
            self.ids_changed = true;
            self.ids.push(OwnId { field, rank, value: OwnValue::At(place), late: LATEST });
        }
    }

    /// An attribute that a limit is about to drop may give an id, which counts all the same. No attribute that is kept comes after it.
    fn note_dropped_id(&mut self, place: usize) {
        let Some(entry) = self.attributes.entry(place) else { return };
        let Some((field, rank)) = entry.identity(self.declared) else { return };
        let value = entry.value();
        let Some(text) = semconv::clean_text(&value) else { return };
        self.ids_changed = true;
        let value = OwnValue::Dropped(Arc::from(text.as_ref()));
        let is_it = |id: &&mut OwnId| id.field == field && id.rank == rank && matches!(id.value, OwnValue::Dropped(_));
        match self.ids.iter_mut().find(is_it) {
            Some(known) => known.value = value,
            None => self.ids.push(OwnId { field, rank, value, late: LATEST }),
        }
    }

    /// Says when the ids came that were noted last: `late` is the layer's count.
    pub(super) fn date_ids(&mut self, late: u64) {
        self.ids_changed = false;
        self.ids.iter_mut().rev().take_while(|id| id.late == LATEST).for_each(|id| id.late = late);
    }

    /// The ids and names that the span gives itself, as far as they came when the layer's count of late ids was at most `as_of`. Of two
    /// keys for one field the stronger wins, of two writes of one key the last.
    pub(super) fn own_ids(&self, as_of: u64) -> Identity {
        let mut identity = Identity::default();
        let mut ranks = [u8::MAX; IdentityField::ALL.len()];
        for OwnId { field, rank, value, late } in &self.ids {
            if *late > as_of {
                continue;
            }
            let Some(best) = ranks.get_mut(*field as usize).filter(|best| *rank <= **best) else { continue };
            let text = match value {
                OwnValue::At(place) => self
                    .attributes
                    .entry(*place)
                    .and_then(|entry| Some(Arc::from(semconv::clean_text(&entry.value())?.as_ref()))),
                OwnValue::Dropped(text) => Some(Arc::clone(text)),
            };
            if let Some(text) = text {
                *best = *rank;
                identity.set(*field, text);
            }
        }
        identity
    }

    /// The callsite of the fields that are recorded from now on.
    pub(super) const fn declare(&mut self, declared: &'static Declared) {
        self.declared = Some(declared);
    }

    /// The name of a field, whose callsite is the declared one nearly always.
    #[inline]
    pub(super) fn name_of_field(&mut self, list: List, field: &Field) -> FieldName {
        match self.declared {
            Some(declared) if declared.callsite == field.callsite() => {
                let place = field.index();
                FieldName { name: Name::field(place), may_be_id: declared.may_be_id(place) }
            }
            _ => self.tell(list, field.name().into()),
        }
    }

    /// The span's attributes, as the model has them.
    pub(super) fn attributes(&self) -> Attributes {
        tape::attributes(self.entries(), self.declared)
    }

    /// The span's attributes in their place.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.attributes.entries(0..self.attributes.end())
    }

    /// The last attribute of that key.
    pub(super) fn last(&self, key: &str) -> Option<Entry<'_>> {
        self.entries().filter(|entry| entry.key_text(self.declared) == key).last()
    }

    /// The key of an attribute.
    pub(super) fn key_text<'a>(&'a self, entry: &Entry<'a>) -> &'a str {
        entry.key_text(self.declared)
    }

    /// The events.
    pub(super) fn events(&self) -> &[RawEvent] {
        &self.events
    }

    /// What stands on the tape for an event.
    pub(super) fn entries_of(&self, event: &RawEvent) -> impl Iterator<Item = Entry<'_>> {
        self.event_attributes.entries(event.start..event.end)
    }

    /// The message of an event.
    pub(super) fn name_of(&self, event: &RawEvent) -> Option<String> {
        self.entries_of(event).find(|entry| entry.name == Name::MESSAGE).map(|message| message.text().to_owned())
    }

    /// Whether the span may give itself ids.
    pub(super) const fn has_ids(&self) -> bool {
        !self.ids.is_empty()
    }

    /// How much is recorded now.
    pub(super) fn extent(&self) -> Extent {
        Extent { attributes: self.kept_attributes, events: self.events.len(), links: self.links.len() }
    }

    /// A companion was not told of what was recorded since.
    pub(super) fn set_beside(&mut self, since: Extent) {
        self.beside.attributes.extend(since.attributes..self.kept_attributes);
        self.beside.events.extend(since.events..self.events.len());
        self.beside.links.extend(since.links..self.links.len());
    }

    /// The places of attributes, events and links that a companion was not told of, in order.
    pub(super) fn beside(&self) -> [&[usize]; 3] {
        let Beside { attributes, events, links } = &self.beside;
        [attributes, events, links]
    }

    /// The same. It is told now.
    pub(super) fn take_beside(&mut self) -> [Vec<usize>; 3] {
        let Beside { attributes, events, links } = std::mem::take(&mut self.beside);
        [attributes, events, links]
    }

    /// Bytes held, roughly.
    pub(super) fn size(&self) -> usize {
        let bytes = self.attributes.size() + self.event_attributes.size() + self.events.len() * size_of::<RawEvent>();
        if self.links.is_empty() && self.failure.is_none() && self.status.is_none() && self.name.is_none() {
            return bytes;
        }
        let links = self.links.iter().map(|link| size_of::<Link>() + link.attributes.size() + link.trace_state.len());
        bytes
            + links.sum::<usize>()
            + self.failure.as_ref().map_or(0, String::len)
            + self.status.as_ref().map_or(0, |status| status.message.len())
            + self.name.as_ref().map_or(0, String::len)
    }

    /// Bytes that are kept when the buffers are cleared, roughly.
    pub(super) fn capacity(&self) -> usize {
        self.attributes.capacity()
            + self.event_attributes.capacity()
            + self.events.capacity() * size_of::<RawEvent>()
            + self.links.capacity() * size_of::<Link>()
            + self.ids.capacity() * size_of::<OwnId>()
    }

    /// Whether the buffers are small enough to wait for the next span.
    pub(super) fn is_worth_keeping(&self) -> bool {
        self.attributes.capacity() <= KEPT_BYTES
            && self.event_attributes.capacity() <= KEPT_BYTES
            && self.events.capacity() <= KEPT_ENTRIES
            && self.links.capacity() <= KEPT_ENTRIES
    }

    /// Empties the buffers and keeps their memory.
    pub(super) fn clear(&mut self) {
        // Every field by name, so that one that is added cannot be forgotten.
        let Self {
            declared,
            attributes,
            kept_attributes,
            events,
            event_attributes,
            kept_event_attributes,
            links,
            ids,
            ids_changed,
            failure,
            status,
            name,
            beside,
            dropped_attributes,
            dropped_events,
            dropped_links,
            dropped_event_attributes,
            truncated_bytes,
        } = self;
        attributes.clear();
        events.clear();
        event_attributes.clear();
        links.clear();
        ids.clear();
        *declared = None;
        (*kept_attributes, *kept_event_attributes) = (0, 0);
        *ids_changed = false;
        *failure = None;
        *status = None;
        *name = None;
        beside.attributes.clear();
        beside.events.clear();
        beside.links.clear();
        for count in [dropped_attributes, dropped_events, dropped_links, dropped_event_attributes] {
            *count = 0;
        }
        *truncated_bytes = 0;
    }
}
