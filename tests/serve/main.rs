//! `agent-traces serve`, asked by clients good and bad, and the other commands.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod access;
mod client;
mod commands;
mod doctor;
mod export;
mod exporters;
mod files;
mod http;
mod logs;
#[cfg(unix)]
mod modes;
mod policy;
mod pressure;
mod prune;
mod server;
mod slow;
mod spans;
