//! Executors to run on, and polling by hand.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::support::PATIENCE;

#[derive(Debug, Clone, Copy)]
pub(super) enum Executor {
    /// Tokio on the calling thread, without its timers and sockets.
    CurrentThread,
    /// Tokio on threads of its own.
    MultiThread,
    /// No runtime at all.
    Plain,
}

pub(super) const EXECUTORS: [Executor; 3] = [Executor::CurrentThread, Executor::MultiThread, Executor::Plain];

pub(super) fn run<T: Send + 'static>(executor: Executor, future: impl Future<Output = T> + Send) -> T {
    match executor {
        Executor::CurrentThread => tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future),
        Executor::MultiThread => {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
            runtime.block_on(future)
        }
        Executor::Plain => poll_some(future, usize::MAX).unwrap(),
    }
}

struct Unpark {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

fn unpark() -> Arc<Unpark> {
    Arc::new(Unpark { thread: std::thread::current(), is_woken: AtomicBool::new(false) })
}

/// Polls a future as often as it wakes, at most so many times, and drops it at once.
pub(super) fn poll_some<T>(future: impl Future<Output = T>, polls: usize) -> Result<T, ()> {
    let mut future = pin!(future);
    let unpark = unpark();
    let waker = Waker::from(Arc::clone(&unpark));
    for poll in 1..=polls {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Ok(value);
        }
        if poll == polls {
            break;
        }
        let started = Instant::now();
        while !unpark.is_woken.swap(false, Ordering::Acquire) {
            assert!(started.elapsed() < PATIENCE, "the future does not wake");
            std::thread::park_timeout(Duration::from_secs(1));
        }
    }
    Err(())
}

/// Polls a future until it has not woken for a while: it waits for something that does not come.
pub(super) fn poll_until_idle<F: Future>(mut future: Pin<&mut F>) {
    let unpark = unpark();
    let waker = Waker::from(Arc::clone(&unpark));
    loop {
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "the future is done");
        let started = Instant::now();
        while !unpark.is_woken.swap(false, Ordering::Acquire) {
            if started.elapsed() > Duration::from_millis(200) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}
