//! Remembering the newest of things.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// So many things are remembered, some megabytes of them.
const MAX: usize = 65_536;

/// A map that forgets the oldest of its entries when there are too many.
#[derive(Debug)]
pub(super) struct Memory<K, V> {
    entries: HashMap<K, V>,
    /// In the order in which they came; some may be gone.
    order: VecDeque<K>,
    max: usize,
}

impl<K: Copy + Eq + Hash, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self::of(MAX)
    }
}

impl<K: Copy + Eq + Hash, V> Memory<K, V> {
    pub(super) fn of(max: usize) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), max }
    }

    pub(super) fn add(&mut self, key: K, value: V) {
        if self.entries.insert(key, value).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > self.max {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten() {
        let mut memory = Memory::of(2);
        memory.add(1, 'a');
        memory.add(2, 'b');
        memory.add(1, 'c');
        assert_eq!((memory.get(&1), memory.get(&2)), (Some(&'c'), Some(&'b')), "one that comes again takes no more room");
        memory.add(3, 'd');
        assert_eq!((memory.get(&1), memory.get(&2), memory.get(&3)), (None, Some(&'b'), Some(&'d')));
    }
}
