//! Ways of tracing, and work that is traced: what the two programs of this crate measure.

pub mod callgrind;
pub mod clock;
pub mod gates;
pub mod measure;
pub mod report;
pub mod way;
pub mod workload;
