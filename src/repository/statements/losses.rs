//! Statements about what was lost, and what was not.

/// Stamps the statements for the backend `super::Db`.
macro_rules! loss_statements {
    () => {
        use diesel::dsl::{AsSelect, SqlTypeOf};
        use diesel::prelude::*;
        use diesel::sql_types::BigInt;

        use super::Db;
        use crate::repository::statements::LossKey;
        use crate::store::rows::{DeadLetterPartRow, DeadLetterRow, LossRow, ProcessRow, SettledRow};
        use crate::store::schema::{dead_letter_parts, dead_letters, losses, processes, settled_sequences};

        /// A process.
        pub(crate) fn process<'a>(
            process_id: Vec<u8>,
        ) -> processes::BoxedQuery<'a, Db, SqlTypeOf<AsSelect<ProcessRow, Db>>> {
            processes::table.select(ProcessRow::as_select()).filter(processes::process_id.eq(process_id)).into_boxed()
        }

        /// All sets of numbers that a process's spans were settled in.
        pub(crate) fn settled<'a>(
            process_id: Vec<u8>,
        ) -> settled_sequences::BoxedQuery<'a, Db, SqlTypeOf<AsSelect<SettledRow, Db>>> {
            settled_sequences::table
                .select(SettledRow::as_select())
                .filter(settled_sequences::process_id.eq(process_id))
                .order((settled_sequences::first_sequence, settled_sequences::set_id))
                .into_boxed()
        }

        /// All that a process told of its losses.
        pub(crate) fn losses_of<'a>(
            process_id: Vec<u8>,
        ) -> losses::BoxedQuery<'a, Db, SqlTypeOf<AsSelect<LossRow, Db>>> {
            losses::table
                .select(LossRow::as_select())
                .filter(losses::process_id.eq(process_id))
                .order(losses::number)
                .into_boxed()
        }

        /// How many dead letters are kept of a process.
        pub(crate) fn count_letters<'a>(process_id: Vec<u8>) -> dead_letters::BoxedQuery<'a, Db, BigInt> {
            dead_letters::table
                .select(diesel::dsl::count_star())
                .filter(dead_letters::process_id.eq(process_id))
                .into_boxed()
        }

        /// Losses, the latest first.
        pub(crate) fn losses<'a>(
            after: Option<LossKey>,
            limit: i64,
        ) -> losses::BoxedQuery<'a, Db, SqlTypeOf<AsSelect<LossRow, Db>>> {
            let mut query = losses::table.select(LossRow::as_select()).into_boxed::<Db>();
            if let Some((time_ns, process, number)) = after {
                let is_later = losses::process_id
                    .lt(process.clone())
                    .or(losses::process_id.eq(process).and(losses::number.lt(number)));
                query = query.filter(losses::to_ns.le(time_ns)).filter(losses::to_ns.lt(time_ns).or(is_later));
            }
            query.order((losses::to_ns.desc(), losses::process_id.desc(), losses::number.desc())).limit(limit)
        }

        /// Dead letters, the latest first.
        pub(crate) fn letters<'a>(
            after: Option<LossKey>,
            limit: i64,
        ) -> dead_letters::BoxedQuery<'a, Db, SqlTypeOf<AsSelect<DeadLetterRow, Db>>> {
            let mut query = dead_letters::table.select(DeadLetterRow::as_select()).into_boxed::<Db>();
            if let Some((time_ns, process, sequence)) = after {
                let is_later = dead_letters::process_id
                    .lt(process.clone())
                    .or(dead_letters::process_id.eq(process).and(dead_letters::sequence.lt(sequence)));
                query = query
                    .filter(dead_letters::time_ns.le(time_ns))
                    .filter(dead_letters::time_ns.lt(time_ns).or(is_later));
            }
            let order = (dead_letters::time_ns.desc(), dead_letters::process_id.desc(), dead_letters::sequence.desc());
            query.order(order).limit(limit)
        }

        /// A dead letter.
        pub(crate) fn letter<'a>(
            process_id: Vec<u8>,
            sequence: i64,
        ) -> dead_letters::BoxedQuery<'a, Db, SqlTypeOf<AsSelect<DeadLetterRow, Db>>> {
            dead_letters::table
                .select(DeadLetterRow::as_select())
                .filter(dead_letters::process_id.eq(process_id))
                .filter(dead_letters::sequence.eq(sequence))
                .into_boxed()
        }

        /// A part of a dead letter's payload.
        pub(crate) fn part<'a>(
            process_id: Vec<u8>,
            sequence: i64,
            part: i32,
        ) -> dead_letter_parts::BoxedQuery<'a, Db, SqlTypeOf<AsSelect<DeadLetterPartRow, Db>>> {
            dead_letter_parts::table
                .select(DeadLetterPartRow::as_select())
                .filter(dead_letter_parts::process_id.eq(process_id))
                .filter(dead_letter_parts::sequence.eq(sequence))
                .filter(dead_letter_parts::part.eq(part))
                .into_boxed()
        }
    };
}
pub(super) use loss_statements;
