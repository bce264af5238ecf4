//! Those who wait for a flush.

/// How a flush went: what the sinks that failed said.
pub(super) type Outcome = Result<(), String>;

/// The flushes that were asked for. Each is removed by who asked for it.
#[derive(Debug, Default)]
pub(super) struct Flushes {
    waiting: Vec<Flush>,
    tickets: u64,
}

#[derive(Debug)]
struct Flush {
    ticket: u64,
    /// All spans below this number are to be out.
    target: u64,
    outcome: Option<Outcome>,
}

impl Flushes {
    /// Asks for all spans below `target`; returns a ticket.
    pub(super) fn request(&mut self, target: u64) -> u64 {
        self.tickets += 1;
        self.waiting.push(Flush { ticket: self.tickets, target, outcome: None });
        self.tickets
    }

    /// Whether someone waits for no more than the spans below `settled`.
    pub(super) fn is_due(&self, settled: u64) -> bool {
        self.waiting.iter().any(|flush| flush.outcome.is_none() && flush.target <= settled)
    }

    /// The sinks have flushed after the spans below `settled` had been written.
    pub(super) fn answer(&mut self, settled: u64, outcome: &Outcome) {
        for flush in &mut self.waiting {
            if flush.outcome.is_none() && flush.target <= settled {
                flush.outcome = Some(outcome.clone());
            }
        }
    }

    /// The answer, once; it removes the request.
    pub(super) fn take_outcome(&mut self, ticket: u64) -> Option<Outcome> {
        let place = self.waiting.iter().position(|flush| flush.ticket == ticket && flush.outcome.is_some())?;
        self.waiting.swap_remove(place).outcome
    }

    /// Removes a request that no one waits for any longer.
    pub(super) fn withdraw(&mut self, ticket: u64) {
        self.waiting.retain(|flush| flush.ticket != ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flush_is_answered_once_its_own_spans_are_out() {
        let mut flushes = Flushes::default();
        let early = flushes.request(3);
        let late = flushes.request(5);
        assert!(!flushes.is_due(2));
        assert!(flushes.is_due(3));
        flushes.answer(3, &Ok(()));
        assert_eq!(flushes.take_outcome(late), None);
        assert_eq!(flushes.take_outcome(early), Some(Ok(())));
        assert_eq!(flushes.take_outcome(early), None);
        assert!(!flushes.is_due(4), "the early one is gone");
        flushes.answer(9, &Err("no".to_owned()));
        assert_eq!(flushes.take_outcome(late), Some(Err("no".to_owned())));
        assert!(flushes.waiting.is_empty());
    }

    #[test]
    fn a_withdrawn_flush_is_not_due() {
        let mut flushes = Flushes::default();
        let ticket = flushes.request(0);
        flushes.withdraw(ticket);
        assert!(!flushes.is_due(7));
    }
}
