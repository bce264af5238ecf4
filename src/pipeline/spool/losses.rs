//! What a process lost and could not tell its database, as it stands in a segment: JSON, one object a loss.

use serde::{Deserialize, Serialize};

use crate::model::{Loss, ProcessId};

#[derive(Serialize, Deserialize)]
struct Told {
    process: String,
    number: u64,
    reason: String,
    count: u64,
    accepted: u64,
    from_ns: i64,
    to_ns: i64,
}

/// Nothing where there is nothing to tell.
pub(in crate::pipeline) fn encode(losses: &[Loss]) -> Option<Vec<u8>> {
    let told: Vec<_> = losses
        .iter()
        .map(|loss| Told {
            process: loss.process.to_string(),
            number: loss.number,
            reason: loss.reason.as_str().to_owned(),
            count: loss.count,
            accepted: loss.accepted,
            from_ns: loss.from_ns,
            to_ns: loss.to_ns,
        })
        .collect();
    if told.is_empty() { None } else { serde_json::to_vec(&told).ok() }
}

/// Without those that a later version tells and this one does not understand.
pub(super) fn decode(bytes: &[u8]) -> Vec<Loss> {
    let told: Vec<Told> = serde_json::from_slice(bytes).unwrap_or_default();
    told.into_iter()
        .filter_map(|told| {
            let process = told.process.parse::<ProcessId>().ok()?;
            let mut loss = Loss::new(process, told.number, told.reason.parse().ok()?, told.count);
            (loss.accepted, loss.from_ns, loss.to_ns) = (told.accepted, told.from_ns, told.to_ns);
            Some(loss)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LossReason;

    #[test]
    fn what_is_told_is_understood() {
        let loss = |number, reason: LossReason| {
            let mut loss = Loss::new(ProcessId::from_bytes([7; 16]), number, reason, u64::MAX);
            (loss.accepted, loss.from_ns, loss.to_ns) = (3, -1, i64::MAX);
            loss
        };
        let losses: Vec<_> = LossReason::ALL.iter().zip(0..).map(|(reason, number)| loss(number, *reason)).collect();
        assert_eq!(decode(&encode(&losses).unwrap()), losses);
        assert_eq!(encode(&[]), None);
        assert!(decode(b"not JSON").is_empty());
        let later = String::from_utf8(encode(&losses[..2]).unwrap()).unwrap().replace("queue_full", "eaten");
        assert_eq!(decode(later.as_bytes()), losses[1..2]);
    }
}
