//! Where the network connections live: one quiet thread a process, whoever asks and from wherever.
//!
//! The drivers are asynchronous. Their sockets belong to a runtime of our own, so that a connection outlives the runtime in which it was
//! asked for, blocking callers need none, and a blocking call inside somebody's runtime is no panic.

use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use tokio::runtime::{Handle, Runtime};

use crate::error::{Error, ErrorKind, Result};
#[cfg(any(feature = "postgres", feature = "mysql"))]
use crate::pipeline::block_on;

/// The runtime that drives the sockets of all stores of this process.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("tracing-agents-io")
            .on_thread_start(|| {
                // Telemetry does not trace itself: what the drivers say here goes nowhere.
                std::mem::forget(tracing::subscriber::set_default(tracing::subscriber::NoSubscriber::new()));
            })
            .enable_all()
            .build()
    });
    runtime.as_ref().map_err(|error| {
        Error::new(ErrorKind::Thread, format!("cannot start the thread that database connections need: {error}"))
    })
}

/// Runs what blocks on a thread of its own, while the caller awaits it. It is done to its end whether or not somebody still awaits it.
#[cfg(feature = "async")]
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    handle()?.spawn_blocking(work).await.map_err(|error| {
        Error::with_source(ErrorKind::Thread, "the thread that asked the database did not come to an end", error)
    })?
}

/// The runtime's handle, or why there is none. Whoever opens a connection asks here first.
pub(crate) fn handle() -> Result<Handle> {
    runtime().map(|runtime| runtime.handle().clone())
}

/// Runs a future of ours on the calling thread, which waits for it. Sockets and timers that it makes belong to our runtime.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    block_on(within(future))
}

/// `future`, polled as if in our runtime, on whatever executor.
pub(crate) fn within<F: Future>(future: F) -> Within<F> {
    // The caller's task may have used up the work that its runtime allows it at once; without this, a waiting thread would be asked
    // to yield for ever.
    Within(Box::pin(tokio::task::unconstrained(future)))
}

pub(crate) struct Within<F>(Pin<Box<tokio::task::Unconstrained<F>>>);

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Without a runtime there is no connection whose future could come here.
        let _inside = runtime().ok().map(Runtime::enter);
        self.0.as_mut().poll(context)
    }
}

/// Lets Diesel's blocking interface wait for an asynchronous connection.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) struct Io;

#[cfg(any(feature = "postgres", feature = "mysql"))]
impl diesel_async::async_connection_wrapper::BlockOn for Io {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        wait(future)
    }

    fn get_runtime() -> Self {
        Self
    }
}

#[cfg(all(test, any(feature = "postgres", feature = "mysql")))]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn nap() -> u8 {
        tokio::time::sleep(Duration::from_millis(2)).await;
        7
    }

    #[test]
    fn waits_outside_of_any_runtime() {
        assert_eq!(wait(nap()), 7);
    }

    #[test]
    fn waits_inside_of_runtimes_too() {
        for mut builder in [tokio::runtime::Builder::new_current_thread(), tokio::runtime::Builder::new_multi_thread()]
        {
            // Without timers: those of our own runtime are used.
            let runtime = builder.build().unwrap();
            assert_eq!(runtime.block_on(async { wait(nap()) }), 7);
            assert_eq!(runtime.block_on(async { tokio::spawn(async { wait(nap()) }).await.unwrap() }), 7);
            assert_eq!(runtime.block_on(within(nap())), 7);
        }
    }

    #[test]
    fn a_task_that_used_up_its_budget_still_gets_through() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let sum: u64 = runtime.block_on(async {
            let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
            (0..1000_u64).for_each(|number| sender.send(number).unwrap());
            let mut sum = 0;
            while let Ok(number) = receiver.try_recv() {
                sum += number;
                wait(tokio::task::consume_budget());
            }
            sum
        });
        assert_eq!(sum, 499_500);
    }
}
