//! Which slot belongs to which open span.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::span::Id;

use super::slot::Slot;
use crate::model::{SpanId, TraceId};

const SHARDS: usize = 64;

/// How many open spans of a shard are looked through one by one: 256 in all, which is what most programs have open.
const NEAR: usize = 4;

/// How many closed spans each shard remembers: 4,096 in all.
const REMEMBERED: usize = 64;

/// Open spans by their `tracing` id, and the ids of those that closed last.
///
/// It stands beside the registry's extensions, not in them: a look-up there costs several times as much, and the worker could not
/// read running spans without holding the registry's locks.
#[derive(Default)]
pub(super) struct Table {
    shards: Shards,
}

struct Shards(Box<[Shard; SHARDS]>);

impl Default for Shards {
    fn default() -> Self {
        Self(Box::new(std::array::from_fn(|_| Shard::default())))
    }
}

/// Two cache lines apart from its neighbours, so that threads do not slow each other.
#[derive(Default)]
#[repr(align(128))]
struct Shard(Mutex<Spans>);

#[derive(Default)]
struct Spans {
    /// The first few, which are found without a hash.
    near: [Option<(u64, Arc<Slot>)>; NEAR],
    /// All others.
    open: HashMap<u64, Arc<Slot>, BuildHasherDefault<IdHasher>>,
    /// Frameworks link to the step before, which has usually closed (`follows_from`).
    closed: VecDeque<(u64, TraceId, SpanId)>,
}

impl Table {
    /// Adds an open span.
    pub(super) fn insert(&self, id: &Id, slot: Arc<Slot>) {
        self.shard(id).insert(id.into_u64(), slot);
    }

    /// The open span of that id. It stays alive in the caller's hand when it closes.
    pub(super) fn get(&self, id: &Id) -> Option<Arc<Slot>> {
        self.shard(id).get(id.into_u64()).cloned()
    }

    /// Looks at the open span of that id. `look` must be short: its shard is locked.
    pub(super) fn look<T>(&self, id: &Id, look: impl FnOnce(&Slot) -> T) -> Option<T> {
        self.shard(id).get(id.into_u64()).map(|slot| look(slot))
    }

    /// Takes a span out and remembers its ids.
    pub(super) fn remove(&self, id: &Id) -> Option<Arc<Slot>> {
        let mut spans = self.shard(id);
        let slot = spans.remove(id.into_u64())?;
        if spans.closed.len() == REMEMBERED {
            spans.closed.pop_front();
        }
        if let Some((trace_id, span_id)) = slot.ids.known() {
            spans.closed.push_back((id.into_u64(), trace_id, span_id));
        }
        Some(slot)
    }

    /// The ids of a span that is open and has some, or closed not long ago.
    pub(super) fn ids(&self, id: &Id) -> Option<(TraceId, SpanId)> {
        let spans = self.shard(id);
        let id = id.into_u64();
        if let Some(slot) = spans.get(id) {
            return slot.ids.known();
        }
        let closed = spans.closed.iter().rev().find(|(closed, ..)| *closed == id)?;
        Some((closed.1, closed.2))
    }

    /// The spans that are open now.
    pub(super) fn open(&self) -> Vec<Arc<Slot>> {
        self.shards.0.iter().flat_map(|shard| shard.lock().all()).collect()
    }

    /// Locks the shard of an id. Held for a look-up or a change of the map, never while a span's lock is taken.
    fn shard(&self, id: &Id) -> MutexGuard<'_, Spans> {
        let place = usize::try_from(mixed(id.into_u64()) >> 32).unwrap_or_default() % SHARDS;
        #[expect(clippy::indexing_slicing, reason = "the remainder of a division by the length")]
        self.shards.0[place].lock()
    }
}

impl Spans {
    #[inline]
    fn get(&self, id: u64) -> Option<&Arc<Slot>> {
        let near = self.near.iter().flatten().find(|(known, _)| *known == id);
        match near {
            Some((_, slot)) => Some(slot),
            None if self.open.is_empty() => None,
            None => self.open.get(&id),
        }
    }

    #[inline]
    fn insert(&mut self, id: u64, slot: Arc<Slot>) {
        match self.near.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some((id, slot)),
            None => drop(self.open.insert(id, slot)),
        }
    }

    #[inline]
    fn remove(&mut self, id: u64) -> Option<Arc<Slot>> {
        let is_it = |place: &&mut Option<(u64, Arc<Slot>)>| place.as_ref().is_some_and(|(known, _)| *known == id);
        match self.near.iter_mut().find(is_it) {
            Some(place) => place.take().map(|(_, slot)| slot),
            None => self.open.remove(&id),
        }
    }

    fn all(&self) -> Vec<Arc<Slot>> {
        let near = self.near.iter().flatten().map(|(_, slot)| slot);
        near.chain(self.open.values()).cloned().collect()
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, Spans> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Spreads a span's id, which is small and dense, over 64 bits (Fibonacci hashing).
const fn mixed(id: u64) -> u64 {
    id.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A hasher for numbers that nobody can choose: the registry makes them.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        let mixed = mixed(self.0 ^ id);
        self.0 = mixed ^ (mixed >> 32);
    }
}
