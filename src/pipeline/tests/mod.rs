//! The pipeline's promises, against sinks that fail in every way.

mod accounts;
mod ahead;
mod ends;
mod failures;
mod fakes;
mod flushes;
mod live_spans;
mod receipts;
mod runtimes;
mod selections;
mod sides;
mod spool;
