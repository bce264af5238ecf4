//! The replay example: its emitters are faithful to the recordings, and the trees it prints are those that a reader expects.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../../examples/replay/agno/mod.rs"]
mod agno;
#[path = "../../examples/replay/frameworks/mod.rs"]
mod frameworks;
#[path = "../../examples/replay/recording.rs"]
mod recording;
#[path = "../../examples/replay/tree.rs"]
mod tree;

#[path = "agno.rs"]
mod agno_emitter;
mod expected;
mod exported;
#[path = "frameworks.rs"]
mod frameworks_emitter;
mod mutations;
mod trees;
