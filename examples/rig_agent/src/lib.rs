//! A real [rig](https://docs.rs/rig) agent, and the service behind it when there is no key.
//!
//! [`assistant`] is the agent, [`provider`] says where its model lives, [`fake_openai`] is the model's service when there is no key.

pub mod assistant;
pub mod fake_openai;
pub mod provider;
mod script;
pub mod tokens;

/// What the agent is asked.
pub const QUESTION: &str = "Do I need an umbrella in Oslo now, and what time is it there?";
