//! Runs that ended without an answer, although their framework says that they went well ([`Phase::Unanswered`]).
//!
//! The last model call says how such a run went: if it failed, the run did.

use std::collections::BTreeMap;

use super::super::graph::{SpanKey, kind};
use super::Family;
use crate::model::{Phase, StatusCode, Told};
use crate::store::derived::OwnStatus;
use crate::store::rows::SpanRow;

/// Gives runs without an answer the failure of their last model call.
pub(super) fn apply(family: &mut Family, told: &BTreeMap<SpanKey, Vec<Told>>) {
    let is_unanswered = |told: &[Told]| told.iter().any(|told| told.phase == Some(Phase::Unanswered));
    for (span, _) in told.iter().filter(|(_, told)| is_unanswered(told)) {
        // Rows are in the order of their start.
        let calls = |row: &&SpanRow| kind(row).is_model_call() && row.stands_under() == Some(span);
        let last = family.rows.iter().rfind(calls).filter(|call| call.status_code == StatusCode::Error.otlp());
        let failure = last.map(|call| (call.status_message.clone(), call.error_type.clone()));
        let run = family.places.get(span).and_then(|place| family.rows.get_mut(*place));
        let run = run.filter(|run| run.status_code == StatusCode::Unset.otlp());
        if let (Some(run), Some((message, error_type))) = (run, failure) {
            let own = OwnStatus(
                std::mem::replace(&mut run.status_code, StatusCode::Error.otlp()),
                std::mem::replace(&mut run.status_message, message),
                std::mem::replace(&mut run.error_type, error_type),
            );
            family.derived_of(span).status.get_or_insert(own);
        }
    }
}
