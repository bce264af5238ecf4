//! What users get, from a span in a program to an answer of the repository.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../../src/policy/encodings.rs"]
mod encodings;
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
mod lossless;
#[cfg(feature = "opentelemetry")]
mod only_door;
mod opening;
#[cfg(feature = "otlp")]
mod otlp;
mod policy;
#[cfg(feature = "opentelemetry")]
mod propagation;
mod seams;
#[cfg(all(feature = "postgres", feature = "mysql"))]
mod secrets;
mod selection;
mod support;
