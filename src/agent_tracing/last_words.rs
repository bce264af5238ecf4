//! What a program may ask for in case that it ends otherwise than by returning from `main`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::{AgentTracing, Inner};
use crate::error::{Error, ErrorKind, Result};
use crate::layer::is_formatting;

impl AgentTracing {
    /// Has each panic of the program flush before it goes on, for at most `deadline`: what has ended is stored, and spans that are still open
    /// are as far as they have come. Without it, what the queue holds is lost where a panic aborts the process, and kept where it unwinds to
    /// where the last handle is dropped.
    ///
    /// It sets a panic hook that calls the one before it first, so call it after others have set theirs. The panicking thread waits, also where
    /// the panic will be caught: in a task of an async runtime, say. It does not where another thread waits already, where the database is
    /// known to be out, or for panics on this crate's own threads and in a `Debug` that the layer called, which end there. The hook does not
    /// keep the tracing alive, and does nothing once it has ended.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tracing_agents::AgentTracing;
    ///
    /// # fn main() -> Result<(), tracing_agents::Error> {
    /// let tracing = AgentTracing::open("sqlite::memory:")?;
    /// tracing.flush_on_panic(Duration::from_secs(2))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] on a thread that is panicking, where no hook can be set.
    pub fn flush_on_panic(&self, deadline: Duration) -> Result<()> {
        if std::thread::panicking() {
            return Err(Error::new(ErrorKind::InvalidInput, "a panic hook cannot be set while the thread panics"));
        }
        let tracing = Arc::downgrade(&self.0);
        let is_waiting = AtomicBool::new(false);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            before(panic);
            if !is_formatting() {
                flush_once(&tracing, &is_waiting, deadline);
            }
        }));
        Ok(())
    }

    /// Has SIGTERM and SIGINT shut the tracing down, for at most `deadline`, before they end the process as they always do. A second signal
    /// ends it at once.
    ///
    /// For programs that do not handle these signals themselves: who does, as servers with a graceful shutdown do, should call
    /// [`shutdown`](Self::shutdown) there instead, since here the process is over as soon as the traces are written. It starts a thread; no
    /// code of this crate runs in a signal handler.
    ///
    /// # Errors
    /// [`ErrorKind::Thread`] when the system gives no thread or refuses the handlers.
    #[cfg(all(unix, feature = "signals"))]
    pub fn flush_on_signals(&self, deadline: Duration) -> Result<()> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        use signal_hook::{flag, iterator::Signals, low_level};

        let failed = |error| Error::with_source(ErrorKind::Thread, "signals cannot be waited for", error);
        let is_second = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // Before the handler that passes the signal on: a first one must not be taken for a second.
            flag::register_conditional_default(signal, Arc::clone(&is_second)).map_err(failed)?;
        }
        let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(failed)?;
        let tracing = Arc::downgrade(&self.0);
        let wait = move || {
            let Some(signal) = signals.forever().next() else { return };
            is_second.store(true, Ordering::Release);
            if let Some(tracing) = tracing.upgrade() {
                // What could not be written is counted; there is nobody left to tell.
                let _ = tracing.pipeline.shutdown(deadline);
            }
            // It ends the process. Should it not, the second signal does.
            let _ = low_level::emulate_default_handler(signal);
        };
        let thread = std::thread::Builder::new().name("tracing-agents-signals".to_owned());
        thread.spawn(wait).map(drop).map_err(failed)
    }
}

/// Flushes, unless that would be in vain or another thread does.
fn flush_once(tracing: &Weak<Inner>, is_waiting: &AtomicBool, deadline: Duration) {
    let Some(tracing) = tracing.upgrade() else { return };
    let pipeline = &tracing.pipeline;
    if pipeline.is_own_thread() || pipeline.health().degraded || is_waiting.swap(true, Ordering::AcqRel) {
        return;
    }
    // Late or refused: health tells, and the panic is what the program is to hear of.
    let _ = pipeline.force_flush_with_open(deadline);
    is_waiting.store(false, Ordering::Release);
}
