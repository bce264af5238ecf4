//! The reads as Diesel statements, built apart from being run: one module for each database that is compiled in, stamped from one
//! text, so that each statement is written once and checked against each database, without a wall of trait bounds.

mod details;
mod losses;
mod rollups;
mod sessions;
mod spans;
mod traces;

use super::filter::TimeRange;
use crate::store::for_each_backend;

macro_rules! stamp {
    ($module:ident, $backend:ty) => {
        /// The statements as this database writes them.
        pub(crate) mod $module {
            use $backend as Db;

            pub(crate) mod traces {
                super::super::traces::trace_statements!();
            }
            pub(crate) mod spans {
                super::super::spans::span_statements!();
            }
            pub(crate) mod sessions {
                super::super::sessions::session_statements!();
            }
            pub(crate) mod details {
                super::super::details::detail_statements!();
            }
            pub(crate) mod rollups {
                super::super::rollups::rollup_statements!();
            }
            pub(crate) mod losses {
                super::super::losses::loss_statements!();
            }
        }
    };
}

for_each_backend!(stamp);

/// Awaits all rows of a statement of the connection's database.
macro_rules! ask {
    ($connection:expr, $statements:ident => $statement:expr) => {
        $crate::store::load!($connection, $statements in crate::repository::statements => $statement)
    };
}
pub(crate) use ask;

/// Awaits the rows of a statement of the connection's database, and does something with each as it comes.
macro_rules! ask_each {
    ($connection:expr, $statements:ident => $statement:expr, $row:ident: $type:ty => $body:expr) => {
        $crate::store::for_each_row!(
            $connection, $statements in crate::repository::statements => $statement, $row: $type => $body
        )
    };
}
pub(crate) use ask_each;

/// A place in a list of traces: the start and the trace's id.
pub(crate) type TraceKey = (i64, Vec<u8>);
/// A place in a list of spans: the start, the trace's id and the span's.
pub(crate) type SpanKey = (i64, Vec<u8>, Vec<u8>);
/// A place in a list of sessions: the last activity and the session's id.
pub(crate) type SessionKey = (i64, String);
/// A place in a list of losses or dead letters: the time, the process, and the number in it.
pub(crate) type LossKey = (i64, Vec<u8>, i64);

/// Where spans are looked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Among {
    /// In these traces.
    Traces(Vec<Vec<u8>>),
    /// In a range of time.
    Time(TimeRange),
}

#[cfg(test)]
mod tests;
