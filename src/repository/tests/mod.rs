mod records;
mod retention;
pub(super) mod sample;
mod sessions;
mod spans;
mod traces;
