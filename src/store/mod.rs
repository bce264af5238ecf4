//! The database.

pub mod schema;
