//! The host comes first: however its process ends, forks or freezes, and whatever its code does inside of ours, nothing hangs, nothing
//! panics, and the accounts hold.
//!
//! Where the failure would take the test's process with it, the test starts itself again as the process that is to suffer.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod child;
#[cfg(target_os = "linux")]
mod clock;
mod ends;
mod fork;
mod frozen;
mod inside;
mod interrupted;
#[cfg(feature = "signals")]
mod signals;
mod told;

use std::time::{Duration, Instant};

/// Long enough for a busy machine; only a hang takes it all.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something holds.
#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
