//! Statistics from roll-ups: whole days and hours from sums, what is left of the time at its ends from the spans.

use std::collections::BTreeSet;

use super::query::{Group, StatsQuery};
use super::read::add_spans;
use super::tally::Tallies;
use crate::error::Result;
use crate::model::{DAY_NS, SpanState, StatusCode};
use crate::repository::filter::{Conditions, Field, TimeRange};
use crate::repository::statements::{Among, ask, ask_each};
use crate::store::rollup::{Cells, HOUR_NS, Place, level, piece_of};
use crate::store::{AnyConnection, Failure};

/// A question that roll-ups can answer.
pub(super) struct Question<'a> {
    conditions: &'a Conditions,
    group: Group,
    /// What a cell must have one of, and what it must not have.
    wanted: Vec<(Field, BTreeSet<String>)>,
    excluded: Vec<(Field, BTreeSet<String>)>,
    /// The status codes and states that are asked for; `None`: any.
    statuses: Option<Vec<i16>>,
    states: Option<Vec<i16>>,
    excluded_statuses: Vec<i16>,
    /// Whether days can be read in place of their hours.
    takes_days: bool,
    /// Whether it asks for something that coarse cells do not tell.
    is_fine: bool,
}

impl<'a> Question<'a> {
    /// `None` where the spans themselves must be read.
    pub(super) fn of(conditions: &'a Conditions, query: &StatsQuery) -> Result<Option<Self>> {
        let bucket_ns = query.bucket_ns()?;
        let asks_for_spans = query.is_exact()
            || bucket_ns.is_some_and(|length| length % HOUR_NS != 0)
            || !conditions.duration.is_open()
            || !conditions.tokens.is_open()
            || !conditions.text.is_empty()
            || conditions.excluded.contains_key(&Field::State)
            || conditions.values.keys().chain(conditions.excluded.keys()).any(|field| !is_rolled_up(*field))
            || matches!(query.group, Group::Step | Group::User | Group::Session | Group::Name);
        if asks_for_spans {
            return Ok(None);
        }
        let is_text = |field: &Field| !matches!(field, Field::Status | Field::State);
        let texts = |(field, keys): (Field, Vec<String>)| (field, keys.into_iter().collect());
        let wanted =
            conditions.values.keys().copied().filter(is_text).map(|field| texts((field, conditions.keys(field))));
        let excluded = conditions.excluded_keys().filter(|(field, _)| is_text(field)).map(texts);
        let codes = |codes: Vec<StatusCode>| codes.into_iter().map(StatusCode::otlp).collect();
        let states = |states: Vec<SpanState>| states.into_iter().map(SpanState::rank).collect();
        let excluded_statuses = conditions.excluded_keys().filter(|(field, _)| *field == Field::Status);
        let mut question = Self {
            conditions,
            group: query.group,
            wanted: wanted.collect(),
            excluded: excluded.collect(),
            statuses: conditions.ids(Field::Status).map(codes),
            states: conditions.ids(Field::State).map(states),
            excluded_statuses: codes(
                excluded_statuses.flat_map(|(_, keys)| keys).filter_map(|key| key.parse().ok()).collect(),
            ),
            takes_days: bucket_ns.is_none_or(|length| length % DAY_NS == 0),
            is_fine: !matches!(query.group, Group::All | Group::Kind),
        };
        let mut fields = question.wanted.iter().chain(&question.excluded).map(|(field, _)| *field);
        question.is_fine |= fields.any(|field| field != Field::Kind);
        Ok(Some(question))
    }

    /// Adds the spans that pass.
    pub(super) async fn add_spans(&self, connection: &mut AnyConnection, tallies: &mut Tallies) -> Result<(), Failure> {
        let time = self.conditions.time_range();
        let uncovered: Vec<i64> = ask!(connection, statements => statements::rollups::uncovered())?;
        let rolled = whole(
            TimeRange { since_ns: time.since_ns.max(uncovered.first().copied().unwrap_or(i64::MIN)), ..time },
            HOUR_NS,
        );
        let mut unrolled = without(time, rolled);
        if !is_empty(rolled) {
            let days =
                if self.takes_days { whole(rolled, DAY_NS) } else { TimeRange { until_ns: rolled.since_ns, ..rolled } };
            let mut hours = without(rolled, days);
            if !is_empty(days) {
                hours.extend(self.add_pieces(connection, level::DAY, days, &BTreeSet::new(), tallies).await?);
            }
            let mut coarse = Vec::new();
            for range in hours {
                coarse.extend(self.add_pieces(connection, level::HOUR, range, &BTreeSet::new(), tallies).await?);
            }
            let left_out = coarse.iter().map(|hour| hour.since_ns).collect();
            self.add_pieces(connection, level::CHANGE, rolled, &left_out, tallies).await?;
            unrolled.extend(joined(coarse));
        }
        for range in unrolled {
            add_spans(connection, self.conditions, self.group, (Among::Time(range), range), tallies).await?;
        }
        Ok(())
    }

    /// Adds what pieces of time that begin in a range hold, but for those that are left out. Returns the ones that do not tell what is asked
    /// for.
    async fn add_pieces(
        &self,
        connection: &mut AnyConnection,
        level: i16,
        range: TimeRange,
        left_out: &BTreeSet<i64>,
        tallies: &mut Tallies,
    ) -> Result<Vec<TimeRange>, Failure> {
        let length_ns = if level == level::DAY { DAY_NS } else { HOUR_NS };
        let mut coarse = Vec::new();
        ask_each!(connection, statements => statements::rollups::pieces(level, range), row: (i64, Vec<u8>) => {
            let (start_ns, bytes) = row;
            if left_out.contains(&start_ns) {
                continue;
            }
            let cells = Cells::decode(&bytes)?;
            if cells.is_coarse && self.is_fine {
                coarse.push(TimeRange { since_ns: start_ns, until_ns: start_ns.saturating_add(length_ns) });
                continue;
            }
            for (place, sums) in cells.sums.iter().filter(|(place, _)| self.holds(place)) {
                tallies.add_cell(start_ns, self.key_of(place), place, sums);
            }
        });
        Ok(coarse)
    }

    /// Whether the spans of a cell pass.
    fn holds(&self, place: &Place<'_>) -> bool {
        let has_one = |(field, keys): &(Field, BTreeSet<String>)| {
            texts_of(place, *field).into_iter().flatten().any(|text| keys.contains(text))
        };
        self.statuses.as_ref().is_none_or(|codes| codes.contains(&place.status_code))
            && self.states.as_ref().is_none_or(|states| states.contains(&place.state))
            && !self.excluded_statuses.contains(&place.status_code)
            && self.wanted.iter().all(has_one)
            && !self.excluded.iter().any(has_one)
    }

    /// A cell's key and label in the question's group; where one is missing, the other stands for it.
    fn key_of<'p>(&self, place: &Place<'p>) -> [Option<&'p str>; 2] {
        match self.group {
            Group::Agent => texts_of(place, Field::Agent),
            Group::Team => texts_of(place, Field::Team),
            Group::Workflow => texts_of(place, Field::Workflow),
            Group::Model => texts_of(place, Field::Model),
            Group::Tool => texts_of(place, Field::Tool),
            Group::Provider => texts_of(place, Field::Provider),
            Group::Kind => texts_of(place, Field::Kind),
            Group::All | Group::Step | Group::User | Group::Session | Group::Name => [None, None],
        }
    }
}

/// Whether cells tell a field's values.
const fn is_rolled_up(field: Field) -> bool {
    matches!(
        field,
        Field::Kind
            | Field::Status
            | Field::State
            | Field::Agent
            | Field::Team
            | Field::Workflow
            | Field::Model
            | Field::Provider
            | Field::Tool
            | Field::Service
    )
}

/// What a cell has of a field whose values are texts: ids before names, and the model that answered before the one asked for.
const fn texts_of<'p>(place: &Place<'p>, field: Field) -> [Option<&'p str>; 2] {
    match field {
        Field::Kind => [Some(place.kind), None],
        Field::Agent => [place.agent_id, place.agent_name],
        Field::Team => [place.team_id, place.team_name],
        Field::Workflow => [place.workflow_id, place.workflow_name],
        Field::Model => [place.response_model, place.request_model],
        Field::Provider => [place.provider, None],
        Field::Tool => [place.tool_name, None],
        Field::Service => [place.service_name, None],
        _ => [None, None],
    }
}

const fn is_empty(time: TimeRange) -> bool {
    time.since_ns >= time.until_ns
}

/// The part of a range that is made of whole pieces of this length. The ends of all time cut none.
fn whole(time: TimeRange, length_ns: i64) -> TimeRange {
    let since_ns = match piece_of(time.since_ns, length_ns) {
        start if start == time.since_ns => start,
        start => start.saturating_add(length_ns),
    };
    let until_ns = if time.until_ns == i64::MAX { i64::MAX } else { piece_of(time.until_ns, length_ns) };
    // Where there is none, nothing is cut out of the range.
    if since_ns < until_ns {
        TimeRange { since_ns, until_ns }
    } else {
        TimeRange { since_ns: time.since_ns, until_ns: time.since_ns }
    }
}

/// What is left of a range when a part of it, or an empty one anywhere, is taken out.
fn without(time: TimeRange, part: TimeRange) -> Vec<TimeRange> {
    let before = TimeRange { until_ns: part.since_ns.min(time.until_ns), ..time };
    let after = TimeRange { since_ns: part.until_ns.max(time.since_ns), ..time };
    [before, after].into_iter().filter(|range| !is_empty(*range)).collect()
}

/// Pieces of time that follow each other as one range.
fn joined(mut pieces: Vec<TimeRange>) -> Vec<TimeRange> {
    pieces.sort_unstable_by_key(|piece| piece.since_ns);
    let mut ranges: Vec<TimeRange> = Vec::new();
    for piece in pieces {
        match ranges.last_mut() {
            Some(last) if last.until_ns == piece.since_ns => last.until_ns = piece.until_ns,
            _ => ranges.push(piece),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn range(since_ns: i64, until_ns: i64) -> TimeRange {
        TimeRange { since_ns, until_ns }
    }

    #[test]
    fn a_range_is_whole_pieces_and_what_is_left_at_its_ends() {
        for (time, pieces, ends) in [
            (range(0, 30), range(0, 30), vec![]),
            (range(-7, 35), range(0, 30), vec![range(-7, 0), range(30, 35)]),
            (range(1, 19), range(1, 1), vec![range(1, 19)]),
            (range(9, 10), range(9, 9), vec![range(9, 10)]),
            (range(10, 20), range(10, 20), vec![]),
            (range(i64::MIN, 25), range(i64::MIN, 20), vec![range(20, 25)]),
            (range(5, i64::MAX), range(10, i64::MAX), vec![range(5, 10)]),
            (TimeRange::ALL, TimeRange::ALL, vec![]),
        ] {
            assert_eq!(whole(time, 10), pieces, "{time:?}");
            assert_eq!(without(time, whole(time, 10)), ends, "{time:?}");
        }
        assert_eq!(without(range(0, 30), whole(range(i64::MAX, 30), 10)), [range(0, 30)]);
    }

    #[test]
    fn pieces_in_a_row_are_one_range() {
        let pieces = vec![range(20, 30), range(0, 10), range(10, 20), range(50, 60)];
        assert_eq!(joined(pieces), [range(0, 30), range(50, 60)]);
    }
}
