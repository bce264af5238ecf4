//! Looking at a database without changing anything in it.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::Text;

use super::connection::{AnyConnection, dispatch};
use super::content::{READABLE, make_whole_if_possible};
use super::convert::ENCODING;
use super::rows::{ContentRow, FacetRow, SessionRow};
use super::schema::{sessions, span_contents, trace_facets};
use super::url::DatabaseUrl;
use super::{Failure, Store, migrate, write};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{SpanId, TraceId};
use crate::semconv::Prices;

/// Payloads that are in memory together: each may be some megabytes.
const CONTENTS_AT_ONCE: i64 = 50;

/// What is found at a database's address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// The URL, without a password.
    pub url: String,
    /// What answers there: its product and version.
    pub server: String,
    /// How long it took to connect and to answer.
    pub answered_in: Duration,
    /// The migrations that have run, and that this program knows.
    pub applied: Vec<String>,
    /// Those that the next program to open the database runs.
    pub pending: Vec<String>,
    /// Those that a newer version ran: this program refuses the database.
    pub newer: Vec<String>,
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

impl Store {
    /// Looks at the database at `url`, and changes nothing: makes no file, no tables, and brings none up to date.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidUrl`]; [`ErrorKind::Connect`] when there is no such database, or no traces' tables in it.
    pub fn inspect(url: &str) -> Result<Inspection> {
        let url = DatabaseUrl::parse(url)?.absolute();
        super::dialect::expect_traces(&url)?;
        let begun = Instant::now();
        let mut connection = AnyConnection::open(&url)?;
        let version = diesel::sql_query(connection.version_query());
        let version: Version =
            dispatch!(&mut connection, concrete => version.get_result(concrete)).map_err(|error| {
                Error::with_source(ErrorKind::Connect, format!("{url} does not tell its version"), error)
            })?;
        let answered_in = begun.elapsed();
        let (stored, known) = migrate::versions_of(&mut connection)?;
        let (applied, newer): (Vec<String>, _) = stored.into_iter().partition(|version| known.contains(version));
        let pending = known.into_iter().filter(|version| !applied.contains(version)).collect();
        Ok(Inspection { url: url.to_string(), server: version.version, answered_in, applied, pending, newer })
    }

    /// Whether a trace's summary, its facets and its session's summary are what its spans say; `None` when it is not stored. Changes
    /// nothing: [`recompute_trace`](Self::recompute_trace) does.
    ///
    /// # Errors
    /// [`ErrorKind::Connect`] or [`ErrorKind::Write`] when the database is away or refuses, as it does to a user who may only read.
    pub fn check_trace(&self, trace_id: TraceId) -> Result<Option<bool>> {
        let id = trace_id.as_bytes();
        let mut connection = self.connection_from(&self.0.writer)?;
        let outcome = connection.rehearse(|connection| {
            let Some((before, of_session)) = summary(connection, id)? else { return Ok(None) };
            write::recompute_trace(connection, id, &Prices::default())?;
            let after = summary(connection, id)?;
            Ok(Some(after == Some((before, of_session))))
        });
        outcome.map_err(|failure| self.explain(failure, ErrorKind::Write, "cannot check a trace of"))
    }

    /// The spans of a trace whose content cannot be put together, since something of it is missing or damaged, in the order of their ids.
    /// Reads all content of the trace, some spans at a time.
    ///
    /// # Errors
    /// [`ErrorKind::Connect`] or [`ErrorKind::Query`] when the database is away or refuses.
    pub fn unreadable_content(&self, trace_id: TraceId) -> Result<Vec<SpanId>> {
        self.read(|connection| {
            let mut unreadable = Vec::new();
            let mut last = Vec::new();
            let is_readable = |form: &str| READABLE.contains(&form);
            loop {
                let mut contents = next_contents(connection, trace_id.as_bytes(), &last)?;
                let Some(row) = contents.last() else { return Ok(unreadable) };
                last.clone_from(&row.span_id);
                connection.wait(async |connection| make_whole_if_possible(connection, &mut contents).await)?;
                let broken = contents.iter().filter(|row| is_readable(&row.encoding) && row.encoding != ENCODING);
                unreadable.extend(broken.filter_map(|row| SpanId::from_slice(&row.span_id)));
            }
        })
    }
}

/// The next payloads of a trace behind a span, in the order of their ids.
fn next_contents(connection: &mut AnyConnection, trace_id: &[u8], last: &[u8]) -> QueryResult<Vec<ContentRow>> {
    dispatch!(connection, concrete => {
        span_contents::table
            .filter(span_contents::trace_id.eq(trace_id))
            .filter(span_contents::span_id.gt(last))
            .order((span_contents::span_id, span_contents::start_day))
            .limit(CONTENTS_AT_ONCE)
            .select(ContentRow::as_select())
            .load(concrete)
    })
}

/// All that is made of a trace's spans, as text: what it is compared by.
fn summary(connection: &mut AnyConnection, id: &[u8]) -> Result<Option<(String, Option<String>)>, Failure> {
    let Some(row) = write::load_trace(connection, id)? else { return Ok(None) };
    // A trace of very many spans is not made anew with each of them.
    if row.structured_count.is_some_and(|count| count != row.span_count) {
        return Ok(None);
    }
    let facets: Vec<FacetRow> = dispatch!(&mut *connection, concrete => {
        trace_facets::table
            .filter(trace_facets::trace_id.eq(id))
            .order((trace_facets::field, trace_facets::value))
            .load(concrete)
    })?;
    let session: Option<SessionRow> = match &row.session_id {
        Some(session) => dispatch!(&mut *connection, concrete => {
            sessions::table.filter(sessions::session_id.eq(session)).first(concrete).optional()
        })?,
        None => None,
    };
    Ok(Some((format!("{row:?} {facets:?}"), session.map(|session| format!("{session:?}")))))
}
