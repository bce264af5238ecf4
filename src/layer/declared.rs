//! What a callsite declares, looked at once: the names of its fields, and which of them are ids.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use tracing::Metadata;
use tracing::callsite::Identifier;

use crate::model::IdentityField;
use crate::semconv::identity_of;

/// An id or name, and the rank among the keys that give it.
type Gives = (IdentityField, u8);

/// A callsite with its fields. There is one of each, which is kept as long as the callsite itself: for ever.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) metadata: &'static Metadata<'static>,
    pub(super) callsite: Identifier,
    /// By the fields' places: what they are called, and which id they give.
    fields: Box<[(&'static str, Option<Gives>)]>,
    /// A bit for each of the first 64 fields that give an id.
    ids: u64,
}

/// Callsites that each thread has at hand. A power of two.
const AT_HAND: usize = 64;

type Places = [Cell<Option<&'static Declared>>; AT_HAND];

thread_local! {
    static HANDY: Places = const { [const { Cell::new(None) }; AT_HAND] };
}

impl Declared {
    /// What the callsite of `metadata` declares.
    #[inline]
    pub(super) fn of(metadata: &'static Metadata<'static>) -> &'static Self {
        // Callsites are some hundred bytes apart.
        let place = (std::ptr::from_ref(metadata).addr() >> 4) % AT_HAND;
        let at_hand = HANDY.try_with(|places| places.get(place)?.get()).ok().flatten();
        match at_hand {
            Some(known) if std::ptr::eq(known.metadata, metadata) => known,
            _ => Self::look_up(metadata, place),
        }
    }

    #[cold]
    fn look_up(metadata: &'static Metadata<'static>, place: usize) -> &'static Self {
        // By the callsite *and* the address: a program that makes callsites at run time may give two the same identity.
        type Known = HashMap<(usize, Identifier), &'static Declared>;
        static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
        let key = (std::ptr::from_ref(metadata).addr(), metadata.callsite());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let declared = *known.entry(key).or_insert_with(|| Box::leak(Box::new(Self::read(metadata))));
        drop(known);
        let _ = HANDY.try_with(|places| {
            if let Some(at_hand) = places.get(place) {
                at_hand.set(Some(declared));
            }
        });
        declared
    }

    fn read(metadata: &'static Metadata<'static>) -> Self {
        let fields = metadata.fields().iter().map(|field| (field.name(), identity_of(field.name())));
        let fields: Box<[_]> = fields.collect();
        let ids = (0..64).zip(&fields).filter(|(_, (_, identity))| identity.is_some());
        let ids = ids.fold(0, |ids, (place, _)| ids | 1_u64 << place);
        Self { metadata, callsite: metadata.callsite(), fields, ids }
    }

    /// The name of the field at `place`.
    pub(super) fn name(&self, place: usize) -> &'static str {
        self.fields.get(place).map_or("", |(name, _)| name)
    }

    /// Which id or name of the span the field at `place` gives, and with what rank.
    pub(super) fn identity(&self, place: usize) -> Option<Gives> {
        self.fields.get(place)?.1
    }

    /// Whether the field at `place` may give an id.
    #[inline]
    pub(super) const fn may_be_id(&self, place: usize) -> bool {
        place >= 64 || self.ids >> place & 1 == 1
    }
}
