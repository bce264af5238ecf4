//! Making files survive a power failure, now and then, by a thread that nobody waits for.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A thread that flushes the files which were written to, as often as asked.
#[derive(Debug)]
pub(super) struct Syncer(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    change: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Files that were written to since they were last flushed.
    dirty: HashMap<PathBuf, File>,
    is_over: bool,
}

impl Syncer {
    /// `None` where the system gives no thread: then the system flushes when it sees fit.
    pub(super) fn start(interval: Duration) -> Option<Self> {
        let shared = Arc::new(Shared::default());
        let work = {
            let shared = Arc::clone(&shared);
            move || shared.work(interval)
        };
        std::thread::Builder::new().name("tracing-agents-sync".to_owned()).spawn(work).ok()?;
        Some(Self(shared))
    }

    /// A file was written to.
    pub(super) fn wrote(&self, path: &Path, file: &File) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.dirty.contains_key(path)
            && let Ok(file) = file.try_clone()
        {
            let was_clean = state.dirty.is_empty();
            state.dirty.insert(path.to_owned(), file);
            if was_clean {
                self.0.change.notify_one();
            }
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
        self.0.change.notify_one();
    }
}

impl Shared {
    fn work(&self, interval: Duration) {
        loop {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let idle = |state: &mut State| state.dirty.is_empty() && !state.is_over;
            let state = self.change.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
            // What is written in the interval is flushed with it.
            let wait = self.change.wait_timeout_while(state, interval, |state| !state.is_over);
            let (mut state, _) = wait.unwrap_or_else(PoisonError::into_inner);
            let dirty = std::mem::take(&mut state.dirty);
            let is_over = state.is_over;
            drop(state);
            for file in dirty.into_values() {
                // A disk that cannot is told by the next write.
                let _ = file.sync_data();
            }
            if is_over {
                return;
            }
        }
    }
}
