//! Finding traces: candidates from one index, in order, and the other conditions checked on them piece by piece.

use std::collections::{HashMap, HashSet, VecDeque};

use super::cursor;
use super::filter::{Conditions, Field, TimeRange};
use super::statements::{TraceKey, ask};
use crate::error::Result;
use crate::model::{Cursor, TraceId};
use crate::store::rows::TraceRow;
use crate::store::{AnyConnection, Facet, Failure};

/// Candidates that one call of a list looks at, at most: what bounds its time when few of them hold.
pub(super) const SCAN_BUDGET: usize = 2_000;
/// Candidates that are checked at once.
const PIECE: usize = 250;
/// Keys that are read at once of one of many values, at least.
const MIN_AHEAD: usize = 16;

/// A walk over the traces that a filter finds, newest first.
pub(super) struct Search<'a> {
    conditions: &'a Conditions,
    /// What is walked along, all at the same pace: one for each value of the leading field.
    streams: Vec<Stream>,
    /// Fields that the streams do not hold by themselves.
    others: Vec<(Facet, Vec<String>)>,
    /// Fields with values that must not occur.
    excluded: Vec<(Facet, Vec<String>)>,
    time: TimeRange,
}

/// A candidate, with its summary when it passed all conditions.
pub(super) type Examined = (TraceKey, Option<TraceRow>);

/// Keys from one index range, in order, read ahead piece by piece.
struct Stream {
    source: Source,
    ahead: VecDeque<TraceKey>,
    last: Option<TraceKey>,
    /// Whether nothing is left to be read ahead.
    is_done: bool,
}

/// Where a stream reads its keys.
enum Source {
    /// All traces, by their start.
    Start,
    /// The traces in which a value occurs.
    Facet(Facet, String),
    /// Keys that were looked up beforehand.
    Listed,
}

impl<'a> Search<'a> {
    /// A search that begins after the filter's cursor. Of its fields, the most selective one leads: its values' index ranges are merged.
    pub(super) async fn new(conditions: &'a Conditions, connection: &mut AnyConnection) -> Result<Self, Failure> {
        conditions.check()?;
        let time = conditions.time_range();
        let after = conditions.after.as_ref().map(key_of).transpose()?;
        let mut fields: VecDeque<(Facet, Vec<String>)> =
            conditions.values.keys().filter_map(|field| Some((field.facet()?, conditions.keys(*field)))).collect();
        let streams = if let Some(ids) = conditions.ids::<TraceId>(Field::Trace) {
            vec![Stream::listed(&ids, time, after.as_ref(), connection).await?]
        } else if let Some((facet, values)) = fields.pop_front() {
            values.into_iter().map(|value| Stream::new(Source::Facet(facet, value), after.clone())).collect()
        } else {
            vec![Stream::new(Source::Start, after)]
        };
        let excluded =
            conditions.excluded_keys().filter_map(|(field, values)| Some((field.facet()?, values))).collect();
        Ok(Self { conditions, streams, others: fields.into(), excluded, time })
    }

    /// Whether each candidate holds by itself, so that no more need be read than are wanted.
    fn is_direct(&self) -> bool {
        let conditions = self.conditions;
        self.others.is_empty()
            && self.excluded.is_empty()
            && conditions.duration.is_open()
            && conditions.tokens.is_open()
            && conditions.text.is_empty()
    }

    /// The next candidates in order, about `wanted` of them or a larger piece where they have to be checked; none at the end.
    pub(super) async fn next(
        &mut self,
        connection: &mut AnyConnection,
        wanted: usize,
    ) -> Result<Vec<Examined>, Failure> {
        if connection.reads_rows_in_order()
            && self.is_direct()
            && let [stream] = self.streams.as_mut_slice()
            && matches!(stream.source, Source::Start)
        {
            let rows = stream.rows(connection, self.time, wanted).await?;
            return Ok(rows.into_iter().map(|row| (key_of_row(&row), Some(row))).collect());
        }
        let count = if self.is_direct() { wanted } else { wanted.max(PIECE) };
        let keys = self.next_keys(connection, count).await?;
        let mut rows = self.holding(connection, &keys).await?;
        Ok(keys
            .into_iter()
            .map(|key| {
                let row = rows.remove(&key.1);
                (key, row)
            })
            .collect())
    }

    /// The number of traces that hold from here on.
    pub(super) async fn count(&mut self, connection: &mut AnyConnection) -> Result<u64, Failure> {
        let mut count = 0;
        loop {
            let keys = self.next_keys(connection, SCAN_BUDGET).await?;
            if keys.is_empty() {
                return Ok(count);
            }
            let held = if self.is_direct() { keys.len() } else { self.holding(connection, &keys).await?.len() };
            count += held as u64;
        }
    }

    /// The next `count` keys of all streams together, the newest first, each once.
    async fn next_keys(&mut self, connection: &mut AnyConnection, count: usize) -> Result<Vec<TraceKey>, Failure> {
        let mut keys = Vec::with_capacity(count);
        // Many values share what is read ahead.
        let ahead = count.div_ceil(self.streams.len().max(1)).max(MIN_AHEAD.min(count));
        while keys.len() < count {
            let mut newest: Option<TraceKey> = None;
            for stream in &mut self.streams {
                stream.fill(connection, self.time, ahead).await?;
                newest = newest.max(stream.ahead.front().cloned());
            }
            let Some(newest) = newest else { break };
            for stream in &mut self.streams {
                stream.ahead.pop_front_if(|key| *key == newest);
            }
            keys.push(newest);
        }
        Ok(keys)
    }

    /// The summaries of those candidates that pass the other conditions, by id.
    async fn holding(
        &self,
        connection: &mut AnyConnection,
        keys: &[TraceKey],
    ) -> Result<HashMap<Vec<u8>, TraceRow>, Failure> {
        let mut ids: Vec<Vec<u8>> = keys.iter().map(|(_, id)| id.clone()).collect();
        let asked = self.others.iter().map(|field| (field, true));
        for ((facet, values), must_occur) in asked.chain(self.excluded.iter().map(|field| (field, false))) {
            let statement_ids = ids.clone();
            let with: Vec<Vec<u8>> = ask!(connection, statements => {
                statements::traces::with_facet(statement_ids, *facet, values.clone())
            })?;
            let with: HashSet<Vec<u8>> = with.into_iter().collect();
            ids.retain(|id| with.contains(id) == must_occur);
        }
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<TraceRow> = ask!(connection, statements => {
            statements::traces::rows(ids, self.conditions.duration, self.conditions.tokens)
        })?;
        let texts: Vec<String> = self.conditions.text.iter().map(|text| text.to_lowercase()).collect();
        Ok(rows
            .into_iter()
            .filter(|row| texts.iter().all(|text| contains(row, text)))
            .map(|row| (row.trace_id.clone(), row))
            .collect())
    }
}

/// Whether a trace's name, input or output preview contains `text`, which is in lower case. Compared here and not by LIKE, whose idea
/// of case and of wildcards differs from database to database.
fn contains(row: &TraceRow, text: &str) -> bool {
    [Some(&row.name), row.input_preview.as_ref(), row.output_preview.as_ref()]
        .into_iter()
        .flatten()
        .any(|column| column.to_lowercase().contains(text))
}

impl Stream {
    /// A stream that begins after a place.
    fn new(source: Source, after: Option<TraceKey>) -> Self {
        Self { source, ahead: VecDeque::new(), last: after, is_done: false }
    }

    /// A stream of named traces: so few that they are looked up and sorted here.
    async fn listed(
        ids: &[TraceId],
        time: TimeRange,
        after: Option<&TraceKey>,
        connection: &mut AnyConnection,
    ) -> Result<Self, Failure> {
        let ids: Vec<Vec<u8>> = ids.iter().map(|id| id.as_bytes().to_vec()).collect();
        let mut keys: Vec<TraceKey> = ask!(connection, statements => statements::traces::by_id(ids))?;
        keys.retain(|key| time.contains(key.0) && after.is_none_or(|after| key < after));
        keys.sort_unstable_by(|a, b| b.cmp(a));
        Ok(Self { source: Source::Listed, ahead: keys.into(), last: None, is_done: true })
    }

    /// The next `count` of all traces, whole: where each of them holds, its key need not be read first.
    async fn rows(
        &mut self,
        connection: &mut AnyConnection,
        time: TimeRange,
        count: usize,
    ) -> Result<Vec<TraceRow>, Failure> {
        if self.is_done {
            return Ok(Vec::new());
        }
        let limit = i64::try_from(count).unwrap_or(i64::MAX);
        let after = self.last.as_ref();
        let rows: Vec<TraceRow> =
            ask!(connection, statements => statements::traces::rows_by_start(time, after, limit))?;
        self.is_done = rows.len() < count;
        self.last = rows.last().map(key_of_row).or_else(|| self.last.take());
        Ok(rows)
    }

    /// Reads on when nothing is left ahead.
    async fn fill(&mut self, connection: &mut AnyConnection, time: TimeRange, count: usize) -> Result<(), Failure> {
        if self.is_done || !self.ahead.is_empty() {
            return Ok(());
        }
        let limit = i64::try_from(count).unwrap_or(i64::MAX);
        let after = self.last.as_ref();
        let keys: Vec<TraceKey> = match &self.source {
            Source::Start => ask!(connection, statements => statements::traces::by_start(time, after, limit))?,
            Source::Facet(facet, value) => ask!(connection, statements => {
                statements::traces::by_facet(*facet, value.clone(), time, after, limit)
            })?,
            Source::Listed => Vec::new(),
        };
        self.is_done = keys.len() < count;
        self.last = keys.last().cloned().or_else(|| self.last.take());
        self.ahead = keys.into();
        Ok(())
    }
}

/// A trace's place in the list.
fn key_of_row(row: &TraceRow) -> TraceKey {
    (row.start_ns, row.trace_id.clone())
}

/// The place that a cursor names, if it is one of a list of traces.
fn key_of(after: &Cursor) -> Result<TraceKey> {
    match TraceId::from_slice(&after.id) {
        Some(_) => Ok((after.time_ns, after.id.clone())),
        None => Err(cursor::refused()),
    }
}
