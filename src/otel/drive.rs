//! Running an exporter's futures on its sink's thread.

#[cfg(not(feature = "otlp"))]
pub(super) use plain::Driver;
#[cfg(feature = "otlp")]
pub(super) use reactor::Driver;

/// With tokio: exporters that need its reactor have one, and exporters that block may block.
#[cfg(feature = "otlp")]
mod reactor {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};

    use tokio::runtime::Runtime;
    use tokio::sync::Notify;

    use crate::error::{Error, ErrorKind, Result};

    /// A runtime on the thread that waits in it, where telemetry is off: what an exporter spawns runs there too. There is one until the
    /// drop.
    #[derive(Debug)]
    pub(crate) struct Driver(Option<Runtime>);

    impl Drop for Driver {
        fn drop(&mut self) {
            // Where `open` fails, this may be a thread of the host's runtime, on which no other one can be waited for.
            if let Some(runtime) = self.0.take() {
                runtime.shutdown_background();
            }
        }
    }

    impl Driver {
        pub(crate) fn new() -> Result<Self> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| Self(Some(runtime))).map_err(|error| {
                Error::with_source(ErrorKind::Thread, "an exporter's async runtime could not be started", error)
            })
        }

        /// Runs `future` to its end. It is polled beside the runtime, not in it: a client that blocks (reqwest's) refuses to work inside
        /// of one. Between polls the runtime runs, with its sockets, timers and tasks.
        pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
            let _entered = self.0.as_ref().map(Runtime::enter);
            let signal = Arc::new(Signal::default());
            let waker = Waker::from(Arc::clone(&signal));
            let mut future = pin!(future);
            loop {
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return output;
                }
                if let Some(runtime) = &self.0 {
                    runtime.block_on(signal.0.notified());
                }
            }
        }

        /// Runs `make` where it can find the runtime.
        pub(crate) fn enter<T>(&self, make: impl FnOnce() -> T) -> T {
            let _entered = self.0.as_ref().map(Runtime::enter);
            make()
        }
    }

    /// Keeps one wake-up that nobody waits for yet.
    #[derive(Default)]
    struct Signal(Notify);

    impl Wake for Signal {
        fn wake(self: Arc<Self>) {
            self.0.notify_one();
        }
    }
}

/// Without tokio.
#[cfg(not(feature = "otlp"))]
mod plain {
    use crate::error::Result;

    #[derive(Debug)]
    pub(crate) struct Driver;

    impl Driver {
        #[expect(clippy::unnecessary_wraps, reason = "with tokio there is a runtime to be made")]
        pub(crate) const fn new() -> Result<Self> {
            Ok(Self)
        }

        /// Runs `future` to its end.
        pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
            crate::pipeline::block_on(future)
        }

        pub(crate) fn enter<T>(&self, make: impl FnOnce() -> T) -> T {
            make()
        }
    }
}
