//! What users get, from a span in a program to an answer of the repository.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../../src/wire/payloads.rs"]
mod payloads;

#[cfg(all(feature = "async", feature = "sqlite"))]
mod async_repository;
mod bad_input;
#[cfg(all(feature = "opentelemetry", feature = "sqlite"))]
mod bridge;
mod broken_cases;
mod capture;
mod content;
#[cfg(feature = "opentelemetry")]
mod exporting;
mod handle;
mod load;
#[cfg(feature = "opentelemetry")]
mod only_door;
mod lossless;
mod opening;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(feature = "opentelemetry")]
mod propagation;
mod seams;
mod selection;
mod support;
