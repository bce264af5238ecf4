//! What many records share is protected once, and stays shared.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// A process has one resource and a few scopes; a receiver gets new ones with each request.
const MAX_KNOWN: usize = 64;

/// Shared parts of records, and what became of them.
#[derive(Debug)]
pub(super) struct Shared<T>(Mutex<VecDeque<(Arc<T>, Arc<T>)>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone + PartialEq> Shared<T> {
    /// What became of this one. `protect` is called when it is not known, and not under the lock: it may run code of the program's.
    pub(super) fn of(&self, part: &Arc<T>, protect: impl FnOnce(&mut T)) -> Arc<T> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Known ones are held, so that no other can come to stand at their address.
        let is_same = |(from, to): &&(Arc<T>, Arc<T>)| Arc::ptr_eq(from, part) || Arc::ptr_eq(to, part);
        if let Some((_, known)) = lock().iter().find(is_same) {
            return Arc::clone(known);
        }
        let mut clean = T::clone(part);
        protect(&mut clean);
        let clean = if clean == **part { Arc::clone(part) } else { Arc::new(clean) };
        let mut known = lock();
        if known.len() == MAX_KNOWN {
            known.pop_front();
        }
        known.push_back((Arc::clone(part), Arc::clone(&clean)));
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_is_protected_once_and_stays_shared() {
        let shared = Shared::default();
        let secret = Arc::new("secret".to_owned());
        let mut calls = 0;
        let mut protect = |text: &mut String| {
            calls += 1;
            *text = text.replace("secret", "none");
        };
        let first = shared.of(&secret, &mut protect);
        let again = shared.of(&Arc::clone(&secret), &mut protect);
        let twice = shared.of(&first, &mut protect);
        assert!(Arc::ptr_eq(&first, &again) && Arc::ptr_eq(&first, &twice));
        assert_eq!((first.as_str(), calls), ("none", 1));
        let harmless = Arc::new("x".to_owned());
        assert!(Arc::ptr_eq(&harmless, &shared.of(&harmless, |_| {})), "what does not change is not copied");
    }

    #[test]
    fn no_more_than_a_few_are_held() {
        let shared = Shared::default();
        for number in 0..1000 {
            shared.of(&Arc::new(number), |_| {});
        }
        assert_eq!(shared.0.lock().unwrap().len(), MAX_KNOWN);
    }
}
