//! When a span ends that outlived its work because a child still ran.
//!
//! A registry keeps a span open as long as it has children. A parent that was left long ago and closes only because its last child
//! closes must not look as long as the child: it ends where it was last exited. The registry closes such a parent from within the
//! child's removal, *before* it clears the child's extensions (`tracing-subscriber`, `registry/sharded.rs`, `DataInner::clear`). So a
//! closing child leaves a [`ClosingChild`] in its extensions, and for exactly as long as that lives, on exactly this thread, a close
//! of the parent is the child's doing. So is a panic that unwinds the thread meanwhile.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::slot::Slot;

/// A number that no other running or ended thread of the process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ThreadToken(u64);

impl ThreadToken {
    /// The calling thread's. Threads of the standard library have an id too, but reading it can allocate and fails late in a
    /// thread's life.
    pub(super) fn current() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        thread_local! {
            // Without a destructor, so that spans can close while their thread ends.
            static TOKEN: Cell<u64> = const { Cell::new(0) };
        }
        Self(TOKEN.with(|token| {
            if token.get() == 0 {
                token.set(NEXT.fetch_add(1, Ordering::Relaxed));
            }
            token.get()
        }))
    }
}

/// Says on a parent that this thread is closing a child of it. Its drop takes that back.
pub(super) struct ClosingChild {
    parent: Arc<Slot>,
    thread: ThreadToken,
}

impl ClosingChild {
    /// `None` where the parent's end is no question: it is entered now.
    pub(super) fn of(parent: &Arc<Slot>) -> Option<Self> {
        if parent.is_entered() {
            return None;
        }
        let thread = ThreadToken::current();
        parent.lock().closing_children.push(thread);
        Some(Self { parent: Arc::clone(parent), thread })
    }
}

/// The extension: one mark for each agent layer of the subscriber.
pub(super) struct ClosingChildren(pub(super) Vec<ClosingChild>);

impl Drop for ClosingChild {
    fn drop(&mut self) {
        let mut recorded = self.parent.lock();
        if let Some(place) = recorded.closing_children.iter().position(|thread| *thread == self.thread) {
            recorded.closing_children.swap_remove(place);
        }
    }
}
