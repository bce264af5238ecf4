//! What was recorded on one span, in flat buffers that are used again for later spans.

use std::sync::Arc;

use tracing::{Level, Metadata};

use super::limits::Limits;
use super::raw::{Entry, OwnId, OwnValue, Raw, RawEvent, read};
use super::text::{Formatted, Text};
use crate::model::{Attributes, Identity, IdentityField, Key, Link, Status, Value};
use crate::semconv;

/// Buffers beyond these sizes are freed instead of kept, so that one long answer does not occupy memory for ever.
const KEPT_BYTES: usize = 64 << 10;
const KEPT_ENTRIES: usize = 256;

/// Which list an attribute goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    /// The span's own.
    Span,
    /// Those of the event that is being built.
    Event,
}

/// Attributes, events, links and their texts. The texts stand one behind the other in one arena; everything else names places in
/// it. Emptied and used again, they take no memory from the allocator for a span of usual size.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    attributes: Vec<Entry>,
    events: Vec<RawEvent>,
    /// Those of all events, each event's in one piece.
    event_attributes: Vec<Entry>,
    pub(super) links: Vec<Link>,
    pub(super) arena: Vec<u8>,
    /// Bytes behind [`Raw::Whole`].
    whole_bytes: usize,
    /// In the order in which they came.
    ids: Vec<OwnId>,
    /// Whether `ids` changed since someone last looked.
    pub(super) ids_changed: bool,
    /// The message of an error status. Beside the arena, since a later one takes its place.
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
    /// Appends an attribute; one too many is counted instead. A span's attribute that has a text must have the arena's last.
    pub(super) fn push(&mut self, list: List, limits: &Limits, key: Key, value: Raw) {
        match list {
            List::Span => {
                let id = semconv::identity_of(&key);
                if self.attributes.len() < limits.attributes {
                    if let Some((field, rank)) = id {
                        self.note_id(field, rank, &value);
                    }
                    if let Raw::Whole(value) = &value {
                        self.whole_bytes += value.size();
                    }
                    self.attributes.push(Entry { key, value });
                } else {
                    if let Some((field, rank)) = id {
                        self.note_dropped_id(field, rank, &value);
                    }
                    self.drop_attribute(&key, value);
                }
            }
            List::Event if self.event_attributes.len() < limits.event_attributes => {
                self.event_attributes.push(Entry { key, value });
            }
            List::Event => self.dropped_event_attributes = self.dropped_event_attributes.saturating_add(1),
        }
    }

    /// Appends an attribute of the span whose key `tracing` declares: what nearly all of them are, without any detour.
    #[inline]
    pub(super) fn push_declared(&mut self, limits: &Limits, key: &'static str, value: Raw) {
        if self.attributes.len() >= limits.attributes || matches!(value, Raw::Whole(_)) {
            return self.push(List::Span, limits, key.into(), value);
        }
        if let Some((field, rank)) = semconv::identity_of(key) {
            self.note_id(field, rank, &value);
        }
        self.attributes.push(Entry { key: key.into(), value });
    }

    /// Counts an attribute that is one too many, and gives the room of its text back: what is dropped takes no memory, however often.
    ///
    /// A number takes the place of the key's last one instead, so that a count of tokens which is recorded with every chunk of a
    /// stream ends as the last of them.
    fn drop_attribute(&mut self, key: &str, value: Raw) {
        self.dropped_attributes = self.dropped_attributes.saturating_add(1);
        if let Some(text) = value.text() {
            text.take_back(&mut self.arena);
        } else if value.is_number()
            && let Some(last) = self.attributes.iter_mut().rfind(|entry| entry.key == key)
            && last.value.is_number()
        {
            last.value = value;
        }
    }

    /// Appends an attribute that no limit may drop.
    pub(super) fn push_always(&mut self, key: &'static str, text: &str) {
        let text = Text::append(&mut self.arena, text.as_bytes());
        self.attributes.push(Entry { key: key.into(), value: Raw::Str(text) });
    }

    /// Appends an attribute whose value is at hand.
    pub(super) fn push_value(&mut self, list: List, limits: &Limits, key: Key, value: Value) {
        let raw = match value {
            Value::Bool(value) => Raw::Bool(value),
            Value::I64(value) => Raw::I64(value),
            Value::U64(value) => Raw::U64(value),
            Value::I128(value) => Raw::I128(value),
            Value::U128(value) => Raw::U128(value),
            Value::F64(value) => Raw::F64(value),
            Value::Str(text) => Raw::Str(self.text(limits, &text)),
            Value::Debug(text) => Raw::Debug(self.text(limits, &text)),
            Value::Error(text) => Raw::Error(self.text(limits, &text)),
            Value::Bytes(bytes) => Raw::Bytes(self.bytes(limits, &bytes)),
            mut nested => {
                self.truncated_bytes += nested.cut(limits.value_bytes);
                Raw::Whole(Box::new(nested))
            }
        };
        self.push(list, limits, key, raw);
    }

    /// Copies a text, cut where it is too long.
    #[inline]
    pub(super) fn text(&mut self, limits: &Limits, text: &str) -> Text {
        if text.len() <= limits.value_bytes {
            return Text::append(&mut self.arena, text.as_bytes());
        }
        self.formatted(limits, |out| out.write_str(text))
    }

    /// Writes a text that is being made, cut where it is too long.
    pub(super) fn formatted(
        &mut self,
        limits: &Limits,
        write: impl FnOnce(&mut dyn std::fmt::Write) -> std::fmt::Result,
    ) -> Text {
        let Formatted { text, cut } = super::text::format(&mut self.arena, limits.value_bytes, write);
        self.truncated_bytes += cut;
        text
    }

    /// Copies bytes; what is too long is cut and counted, without a marker.
    pub(super) fn bytes(&mut self, limits: &Limits, bytes: &[u8]) -> Text {
        let kept = bytes.get(..limits.value_bytes).unwrap_or(bytes);
        self.truncated_bytes += (bytes.len() - kept.len()) as u64;
        Text::append(&mut self.arena, kept)
    }

    /// Ends the event whose attributes were pushed with [`List::Event`] into these, otherwise unused, buffers.
    pub(super) fn push_event(&mut self, metadata: Option<&'static Metadata<'static>>, name: Option<Text>, time: i64) {
        self.events.push(RawEvent {
            metadata,
            name,
            time,
            dropped_attributes: std::mem::take(&mut self.dropped_event_attributes),
            first_attribute: 0,
            attributes: self.event_attributes.len(),
        });
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
        for entry in from.attributes.drain(..) {
            let Entry { key, value } = entry.moved(&from.arena, &mut self.arena);
            self.push(List::Span, limits, key, value);
        }
        if let Some(event) = from.events.pop() {
            self.append_event(limits, event, from);
        }
        if let Some(failure) = from.failure.take() {
            self.failure = Some(failure);
        }
        self.dropped_attributes = self.dropped_attributes.saturating_add(from.dropped_attributes);
        self.truncated_bytes += from.truncated_bytes;
    }

    /// Moves the only event of `from`; one too many is counted instead.
    fn append_event(&mut self, limits: &Limits, event: RawEvent, from: &mut Self) {
        if self.events.len() >= limits.events {
            self.dropped_events = self.dropped_events.saturating_add(1);
            if self.failure.is_none() {
                self.failure = from.failure_of(&event);
            }
            return;
        }
        let first_attribute = self.event_attributes.len();
        let arena = &mut self.arena;
        self.event_attributes.extend(from.event_attributes.drain(..).map(|entry| entry.moved(&from.arena, arena)));
        let name = event.name.map(|name| name.moved(&from.arena, &mut self.arena));
        self.events.push(RawEvent { first_attribute, name, ..event });
    }

    /// What an ERROR event says of its span: the status is told by events, and must not get lost with one that is too many.
    fn failure_of(&self, event: &RawEvent) -> Option<String> {
        event.metadata.filter(|metadata| *metadata.level() == Level::ERROR)?;
        let error = self.event_attributes.iter().find(|entry| matches!(&*entry.key, "error" | "err"));
        let error = error.and_then(|entry| Some(semconv::clean_text(&entry.value.read(&self.arena))?.into_owned()));
        Some(error.or_else(|| Some(event.name?.read(&self.arena))).unwrap_or_default())
    }

    /// The attribute that is about to be appended gives an id.
    fn note_id(&mut self, field: IdentityField, rank: u8, value: &Raw) {
        let is_known =
            self.ids.iter().rfind(|id| id.field == field && id.rank == rank).is_some_and(|id| match id.value {
                OwnValue::At(place) => {
                    self.attributes.get(place).is_some_and(|known| known.value.is_same_text(value, &self.arena))
                }
                OwnValue::Dropped(_) => false,
            });
        if !is_known {
            self.ids_changed = true;
            self.ids.push(OwnId { field, rank, value: OwnValue::At(self.attributes.len()) });
        }
    }

    /// An attribute that a limit is about to drop gives an id, which counts all the same. No attribute that is kept comes after it.
    fn note_dropped_id(&mut self, field: IdentityField, rank: u8, value: &Raw) {
        let value = value.read(&self.arena);
        let Some(text) = semconv::clean_text(&value) else { return };
        self.ids_changed = true;
        let value = OwnValue::Dropped(Arc::from(text.as_ref()));
        let is_it = |id: &&mut OwnId| id.field == field && id.rank == rank && matches!(id.value, OwnValue::Dropped(_));
        match self.ids.iter_mut().find(is_it) {
            Some(known) => known.value = value,
            None => self.ids.push(OwnId { field, rank, value }),
        }
    }

    /// The ids and names that the span gives itself. Of two keys for one field the stronger wins, of two writes of one key the last.
    pub(super) fn own_ids(&self) -> Identity {
        let mut identity = Identity::default();
        let mut ranks = [u8::MAX; IdentityField::ALL.len()];
        for OwnId { field, rank, value } in &self.ids {
            let Some(best) = ranks.get_mut(*field as usize).filter(|best| *rank <= **best) else { continue };
            let text = match value {
                OwnValue::At(place) => self.attributes.get(*place).and_then(|attribute| {
                    Some(Arc::from(semconv::clean_text(&attribute.value.read(&self.arena))?.as_ref()))
                }),
                OwnValue::Dropped(text) => Some(Arc::clone(text)),
            };
            if let Some(text) = text {
                *best = *rank;
                identity.set(*field, text);
            }
        }
        identity
    }

    /// The span's attributes, as the model has them.
    pub(super) fn attributes(&self) -> Attributes {
        read(&self.attributes, &self.arena)
    }

    /// The events with their attributes.
    pub(super) fn events(&self) -> impl Iterator<Item = (&RawEvent, Attributes)> {
        self.event_entries().map(|(event, entries)| (event, read(entries, &self.arena)))
    }

    /// The span's attributes in their place, with the arena of their texts.
    pub(super) fn entries(&self) -> (&[Entry], &[u8]) {
        (&self.attributes, &self.arena)
    }

    /// Each event with its attributes in their place.
    pub(super) fn event_entries(&self) -> impl Iterator<Item = (&RawEvent, &[Entry])> {
        self.events.iter().map(|event| {
            let range = event.first_attribute..event.first_attribute + event.attributes;
            (event, self.event_attributes.get(range).unwrap_or_default())
        })
    }

    /// Whether the span may give itself ids.
    pub(super) const fn has_ids(&self) -> bool {
        !self.ids.is_empty()
    }

    /// How much is recorded now.
    pub(super) fn extent(&self) -> Extent {
        Extent { attributes: self.attributes.len(), events: self.events.len(), links: self.links.len() }
    }

    /// A companion was not told of what was recorded since.
    pub(super) fn set_beside(&mut self, since: Extent) {
        self.beside.attributes.extend(since.attributes..self.attributes.len());
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
        let entries = self.attributes.len() + self.event_attributes.len();
        self.arena.len()
            + self.whole_bytes
            + self.failure.as_ref().map_or(0, String::len)
            + entries * size_of::<Entry>()
            + self.events.len() * size_of::<RawEvent>()
            + self
                .links
                .iter()
                .map(|link| size_of::<Link>() + link.attributes.size() + link.trace_state.len())
                .sum::<usize>()
            + self.status.as_ref().map_or(0, |status| status.message.len())
            + self.name.as_ref().map_or(0, String::len)
    }

    /// Bytes that are kept when the buffers are cleared, roughly.
    pub(super) fn capacity(&self) -> usize {
        let entries = self.attributes.capacity() + self.event_attributes.capacity();
        self.arena.capacity()
            + entries * size_of::<Entry>()
            + self.events.capacity() * size_of::<RawEvent>()
            + self.links.capacity() * size_of::<Link>()
            + self.ids.capacity() * size_of::<OwnId>()
    }

    /// Whether the buffers are small enough to wait for the next span.
    pub(super) fn is_worth_keeping(&self) -> bool {
        self.arena.capacity() <= KEPT_BYTES
            && self.attributes.capacity() <= KEPT_ENTRIES
            && self.event_attributes.capacity() <= KEPT_ENTRIES
            && self.events.capacity() <= KEPT_ENTRIES
            && self.links.capacity() <= KEPT_ENTRIES
    }

    /// Empties the buffers and keeps their memory.
    pub(super) fn clear(&mut self) {
        // Every field by name, so that one that is added cannot be forgotten.
        let Self {
            attributes,
            events,
            event_attributes,
            links,
            arena,
            whole_bytes,
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
        arena.clear();
        ids.clear();
        *whole_bytes = 0;
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
