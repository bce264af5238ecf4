//! What users get, from a span in a program to an answer of the repository.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[cfg(all(feature = "async", feature = "sqlite"))]
mod async_repository;
mod bad_input;
#[cfg(all(feature = "opentelemetry", feature = "sqlite"))]
mod bridge;
mod broken_cases;
mod capture;
mod content;
mod handle;
mod load;
mod opening;
mod seams;
mod support;
