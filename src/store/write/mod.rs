//! Writing batches.
