//! The layer's side of what it tells a companion, and what that tells it.

use std::sync::Arc;

use tracing::Level;
use tracing::span::Id;

use super::buffers::List;
use super::declared::Declared;
use super::shared::with_scratch;
use super::slot::Slot;
use super::state::LayerState;
use super::tape::{Entry, Kind};
use crate::model::{Attributes, Identity, Status, StatusCode, Value};
use crate::pipeline::companion::{Bound, Ending, Look, OwnedSpan, OwnedSpans, Peek, Place, Untold, UserSet};

impl OwnedSpans for LayerState {
    fn get(&self, id: u64) -> Option<Arc<dyn OwnedSpan>> {
        let id = Id::from_non_zero_u64(std::num::NonZeroU64::new(id)?);
        Some(self.table.get(&id)? as Arc<dyn OwnedSpan>)
    }
}

impl OwnedSpan for Slot {
    fn place(&self) -> Place {
        let parent = self.parent.as_ref();
        Place {
            start_ns: self.start_ns(),
            hides_parent: self.ids.hides_parent,
            is_cut: parent.is_some() && self.parent_in_trace().is_none(),
            parent: parent.and_then(|parent| parent.ids.known().map(|(trace, span)| (trace, span, parent.ids.flags()))),
        }
    }

    fn inherited(&self) -> Identity {
        self.inherited_only()
    }

    fn look(&self, read: &mut dyn FnMut(&Look<'_>)) {
        let recorded = self.lock();
        let buffers = &recorded.buffers;
        let [beside, _, beside_links] = buffers.beside();
        let told = |beside: &[usize], place: usize| beside.binary_search(&place).is_err();
        let of_tracing = || buffers.events().iter().filter_map(|event| Some((event.metadata?, event)));
        read(&Look {
            attributes: buffers
                .entries()
                .enumerate()
                .filter(|(place, _)| told(beside, *place))
                .map(|(_, entry)| (buffers.key_text(&entry), entry.peek()))
                .collect(),
            links: (buffers.links.iter().enumerate())
                .filter(|(place, _)| told(beside_links, *place))
                .map(|(_, link)| link)
                .collect(),
            has_error_event: of_tracing().any(|(metadata, _)| *metadata.level() == Level::ERROR),
            has_error_field: of_tracing().any(|(metadata, event)| {
                let declared = Some(Declared::of(metadata));
                buffers.entries_of(event).any(|entry| entry.key_text(declared) == "error")
            }),
        });
    }

    fn wide_integer(&self, key: &str) -> Option<Value> {
        let recorded = self.lock();
        let last = recorded.buffers.last(key)?;
        matches!(last.kind, Kind::U64 | Kind::I128 | Kind::U128).then(|| last.value())
    }

    fn bind(&self, ids: Bound) {
        // Whoever came first has told the ids to others.
        let _ = self.ids.bind(ids);
    }

    fn take_untold(&self) -> Untold {
        let mut recorded = self.lock();
        let [attributes, events, links] = recorded.buffers.take_beside();
        if attributes.is_empty() && events.is_empty() && links.is_empty() {
            return Untold::default();
        }
        let all = if attributes.is_empty() { Attributes::default() } else { recorded.buffers.attributes() };
        let is_untold = |(place, attribute)| attributes.binary_search(&place).is_ok().then_some(attribute);
        Untold {
            attributes: all.into_iter().enumerate().filter_map(is_untold).collect(),
            events: if events.is_empty() {
                Vec::new()
            } else {
                let mut all = self.events(&recorded.buffers);
                let mut place = 0;
                all.retain(|_| {
                    place += 1;
                    events.binary_search(&(place - 1)).is_ok()
                });
                all
            },
            links: links.into_iter().filter_map(|place| recorded.buffers.links.get(place).cloned()).collect(),
        }
    }

    fn set(&self, what: UserSet) {
        let limits = &self.trace.shared.limits;
        match what {
            UserSet::Attribute(key, value) => {
                self.write(|buffers| buffers.push_value(List::Span, limits, key, value));
            }
            UserSet::Event(event) => with_scratch(|scratch| {
                scratch.push_message(limits, &event.name);
                for (key, value) in event.attributes {
                    scratch.push_value(List::Event, limits, key, value);
                }
                scratch.push_event(None, self.trace.since_anchor(event.time_ns));
                self.write(|buffers| buffers.append(limits, scratch));
            }),
            UserSet::Link(link) => self.write(|buffers| buffers.push_link(limits, link)),
            UserSet::Status(status) => self.write(|buffers| {
                if buffers.status.as_ref().is_none_or(|known| outranks(&status, known)) {
                    buffers.status = Some(status);
                }
            }),
            UserSet::Name(name) => self.write(|buffers| buffers.name = Some(name)),
        }
    }

    fn ending(&self) -> Option<Ending> {
        let end_ns = self.end_ns()?;
        let recorded = self.lock();
        let buffers = &recorded.buffers;
        let name = || match buffers.last("otel.name")?.value() {
            Value::Str(name) | Value::Debug(name) => Some(name),
            _ => None,
        };
        let failure = self.status(buffers);
        Some(Ending {
            end_ns,
            failure: (failure.code == StatusCode::Error).then_some(failure.message),
            name: if buffers.name.is_none() { name() } else { None },
        })
    }
}

/// OpenTelemetry's order, as its SDK has it: `Ok` is final, an error replaces none, and of two errors the greater text stays.
fn outranks(status: &Status, known: &Status) -> bool {
    let rank = |status: &Status| match status.code {
        StatusCode::Unset => 0,
        StatusCode::Error => 1,
        StatusCode::Ok => 2,
    };
    (rank(status), &status.message) > (rank(known), &known.message)
}

impl<'a> Entry<'a> {
    /// The value where it stands.
    fn peek(&self) -> Peek<'a> {
        match self.kind {
            Kind::Bool => Peek::Bool(self.bytes() == [1]),
            Kind::I64 => Peek::I64(i64::from_le_bytes(self.number())),
            Kind::F64 => Peek::F64(f64::from_le_bytes(self.number())),
            Kind::U64 | Kind::I128 | Kind::U128 => Peek::Wide(self.value()),
            Kind::Str | Kind::Debug => Peek::Text(self.text()),
            Kind::Error => Peek::Error(self.text()),
            Kind::Bytes | Kind::Whole => Peek::Other,
        }
    }
}
