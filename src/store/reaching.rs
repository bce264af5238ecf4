//! Reaching the database for the first time: connecting and bringing its tables up to date, by one thread of the process at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::{Error, ErrorKind, Result};

/// Whether the database was reached, and who is on the way.
#[derive(Debug, Default)]
pub(super) struct Reaching {
    /// The same as the state, for the many who come later.
    is_reached: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
enum State {
    /// Nobody is on the way. How often it was tried, and how the last try failed.
    Away {
        tries: u64,
        failure: Option<(ErrorKind, String)>,
    },
    /// Somebody is: the try of this number.
    Underway(u64),
    Reached,
}

impl Default for State {
    fn default() -> Self {
        Self::Away { tries: 0, failure: None }
    }
}

impl Reaching {
    /// Returns when the database is reached. Whoever finds nobody on the way goes, by `go`; the others wait for him until their deadline, and
    /// hear what he hears, so that a server that is away is not asked by each of them in turn.
    ///
    /// # Errors
    /// How `go` failed; [`ErrorKind::Connect`] at the deadline.
    pub(super) fn reach(&self, deadline: Instant, go: impl FnOnce() -> Result<()>) -> Result<()> {
        if self.is_reached.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut state = self.state();
        let mut waited_for = None;
        loop {
            match &*state {
                State::Reached => return Ok(()),
                State::Away { tries, failure: Some((kind, message)) } if waited_for == Some(*tries) => {
                    return Err(Error::new(*kind, message.clone()));
                }
                State::Away { tries, .. } => {
                    let number = tries + 1;
                    *state = State::Underway(number);
                    drop(state);
                    return Try { reaching: self, number }.go(go);
                }
                State::Underway(number) => {
                    waited_for = Some(*number);
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        let message = "another thread connects and brings the tables up to date, and is not done yet";
                        return Err(Error::new(ErrorKind::Connect, message));
                    }
                    state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A try that is underway; it counts as failed when its thread panics.
struct Try<'a> {
    reaching: &'a Reaching,
    number: u64,
}

impl Try<'_> {
    fn go(self, go: impl FnOnce() -> Result<()>) -> Result<()> {
        let outcome = go();
        let next = match &outcome {
            Ok(()) => State::Reached,
            Err(error) => State::Away { tries: self.number, failure: Some((error.kind(), error.to_string())) },
        };
        *self.reaching.state() = next;
        self.reaching.is_reached.store(outcome.is_ok(), Ordering::Release);
        outcome
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        let mut state = self.reaching.state();
        if matches!(*state, State::Underway(_)) {
            let message = "the thread that connected panicked; please report this".to_owned();
            *state = State::Away { tries: self.number, failure: Some((ErrorKind::Connect, message)) };
        }
        self.reaching.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    #[test]
    fn one_goes_and_all_others_wait_for_him() {
        let (reaching, gone) = (Reaching::default(), AtomicUsize::new(0));
        let go = || {
            std::thread::sleep(Duration::from_millis(30));
            gone.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| reaching.reach(soon(), go))).collect();
            assert!(all.into_iter().all(|one| one.join().unwrap().is_ok()));
        });
        reaching.reach(soon(), || Err(Error::write("it was reached before"))).unwrap();
        assert_eq!(gone.into_inner(), 1);
    }

    #[test]
    fn those_who_wait_hear_the_failure_and_later_ones_try_again() {
        let (reaching, gone) = (Reaching::default(), AtomicUsize::new(0));
        let (started, wait) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let first = scope.spawn(|| {
                reaching.reach(soon(), || {
                    started.send(()).unwrap();
                    std::thread::sleep(Duration::from_millis(50));
                    Err(Error::new(ErrorKind::NewerSchema, "too new"))
                })
            });
            wait.recv().unwrap();
            let waiting = reaching.reach(soon(), || Err(Error::write("asked in its turn"))).unwrap_err();
            assert_eq!((waiting.kind(), waiting.to_string().as_str()), (ErrorKind::NewerSchema, "too new"));
            assert_eq!(first.join().unwrap().unwrap_err().kind(), ErrorKind::NewerSchema);
        });
        let go = || {
            gone.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        reaching.reach(soon(), go).unwrap();
        assert_eq!(gone.into_inner(), 1);
    }

    #[test]
    fn nobody_waits_longer_than_he_may_and_a_panic_is_a_failure() {
        let reaching = Reaching::default();
        let (started, wait) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let first = scope.spawn(|| {
                reaching.reach(soon(), || {
                    started.send(()).unwrap();
                    std::thread::sleep(Duration::from_millis(200));
                    panic!("on the way");
                })
            });
            wait.recv().unwrap();
            let begun = Instant::now();
            let error = reaching.reach(begun + Duration::from_millis(20), || Ok(())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Connect);
            assert!(begun.elapsed() < Duration::from_millis(190), "{:?}", begun.elapsed());
            assert!(first.join().is_err());
        });
        reaching.reach(soon(), || Ok(())).unwrap();
    }
}
