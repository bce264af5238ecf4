//! How much content is kept, by its class.

mod messages;
mod record;
mod settings;
#[cfg(test)]
mod tests;
mod withheld;

pub(super) use record::Capturing;
pub(crate) use settings::Hidden;
pub use settings::{CaptureLevel, CapturePolicy, ContentClass};
