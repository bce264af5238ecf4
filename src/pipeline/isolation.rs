//! Calling code that is not ours, on the worker thread.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::Dispatch;
use tracing::dispatcher::with_default;

/// Runs `call` with tracing disabled, and turns a panic into its message.
///
/// Sinks, callbacks and database drivers may trace; telemetry must not trace itself. `Dispatch::none()` is used around each call,
/// rather than a `NoSubscriber` around the whole thread, for the host's sake: a new subscriber would be registered and take every
/// callsite of the process off its cached interest, and a scoped dispatcher takes every thread off `tracing`'s fast path for as
/// long as it stands.
///
/// What `call` borrows may be in any state after a panic. That is right here: sinks say in their contract that a write is all or
/// nothing and are probed before they are used again, and nothing else is used again.
pub(super) fn isolated<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(|| with_default(&Dispatch::none(), call))).map_err(|payload| message(&*payload))
}

fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_become_their_message() {
        assert_eq!(isolated(|| 7), Ok(7));
        assert_eq!(isolated(|| -> u8 { panic!("plain") }), Err("plain".to_owned()));
        assert_eq!(isolated(|| -> u8 { panic!("with {}", 1) }), Err("with 1".to_owned()));
        assert!(isolated(|| std::panic::panic_any(7_u8)).unwrap_err().contains("without a message"));
    }

    #[test]
    fn tracing_is_off_inside_and_on_again_after() {
        let subscriber = tracing_subscriber::registry();
        tracing::subscriber::with_default(subscriber, || {
            let inside = isolated(|| tracing::info_span!("inside").is_disabled());
            assert_eq!(inside, Ok(true));
            assert!(!tracing::info_span!("outside").is_disabled());
        });
    }
}
