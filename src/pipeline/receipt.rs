//! Telling those who delivered spans what became of them.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use super::isolation::isolated;
use super::queue::count;

/// What became of spans that were [delivered](super::Inlet::deliver) together.
///
/// `stored`, `kept_back` and `given_up` and the number of `left_out` add up to the number of spans that were delivered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// Spans that the store has committed.
    pub stored: u64,
    /// Spans that the program asked not to keep, or that are held until that is decided.
    pub kept_back: u64,
    /// Spans that can never be stored, however often they are delivered.
    pub left_out: Vec<LeftOut>,
    /// Spans of which a shutdown left unknown whether they are stored. They may be delivered again, here or to another process: a
    /// span that is there already stays one span.
    pub given_up: u64,
}

/// A span that cannot be stored, although the store is well.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// Its place among the spans that were delivered with it, from 0.
    pub index: u64,
    /// Which span it is, and why, in a sentence.
    pub reason: String,
}

/// Called once with the receipt, on the worker thread or on one that shuts the pipeline down.
pub(super) type OnReceipt = Box<dyn FnOnce(Receipt) + Send>;

/// A delivery whose fate is decided.
pub(super) struct Due {
    receipt: Receipt,
    tell: OnReceipt,
}

impl Due {
    /// Tells it. Not to be called under a lock: this is the host's code, and spans wait while it runs.
    pub(super) fn tell(self) {
        // A callback that panics has nobody else to tell.
        drop(isolated(|| (self.tell)(self.receipt)));
    }
}

/// The deliveries that are not decided yet, in order.
#[derive(Default)]
pub(super) struct Receipts {
    waiting: VecDeque<Waiting>,
    /// All spans below this number are stored or left out.
    decided: u64,
}

struct Waiting {
    numbers: Range<u64>,
    left_out: Vec<LeftOut>,
    kept_back: Vec<u64>,
    tell: OnReceipt,
}

impl fmt::Debug for Receipts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting: Vec<_> = self.waiting.iter().map(|waiting| &waiting.numbers).collect();
        f.debug_struct("Receipts").field("waiting", &waiting).field("decided", &self.decided).finish()
    }
}

impl Receipts {
    /// The spans of these numbers, which are the last that were accepted, are one delivery.
    pub(super) fn expect(&mut self, numbers: Range<u64>, tell: OnReceipt) {
        self.waiting.push_back(Waiting { numbers, left_out: Vec::new(), kept_back: Vec::new(), tell });
    }

    /// The span of this number will not be stored. To be said before it is decided.
    pub(super) fn leave_out(&mut self, number: u64, reason: &str) {
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.numbers.contains(&number)) {
            waiting.left_out.push(LeftOut { index: number - waiting.numbers.start, reason: reason.to_owned() });
        }
    }

    /// The span of this number is not stored, or not yet, because the program wants it so. To be said before it is decided.
    pub(super) fn keep_back(&mut self, number: u64) {
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.numbers.contains(&number)) {
            waiting.kept_back.push(number);
        }
    }

    /// All spans below `number` are stored or left out: those deliveries that are now decided.
    pub(super) fn decide(&mut self, number: u64) -> Vec<Due> {
        self.decided = self.decided.max(number);
        let decided = self.waiting.iter().take_while(|waiting| waiting.numbers.end <= self.decided).count();
        self.waiting.drain(..decided).map(|waiting| waiting.due(u64::MAX)).collect()
    }

    /// Nothing more is stored: all deliveries.
    pub(super) fn close(&mut self) -> Vec<Due> {
        self.waiting.drain(..).map(|waiting| waiting.due(self.decided)).collect()
    }
}

impl Waiting {
    /// The receipt, when the fate of the spans from `unknown` on is not known.
    fn due(mut self, unknown: u64) -> Due {
        self.left_out.sort_by_key(|left_out| left_out.index);
        let Range { start, end } = self.numbers;
        let from = unknown.clamp(start, end);
        let left_out_of = |range: Range<u64>| {
            count(self.left_out.iter().filter(|left_out| range.contains(&(start + left_out.index))).count())
        };
        let kept_back_of =
            |range: Range<u64>| count(self.kept_back.iter().filter(|number| range.contains(number)).count());
        let stored = (from - start).saturating_sub(left_out_of(start..from) + kept_back_of(start..from));
        let given_up = (end - from).saturating_sub(left_out_of(from..end) + kept_back_of(from..end));
        let receipt = Receipt { stored, kept_back: kept_back_of(start..end), left_out: self.left_out, given_up };
        Due { receipt, tell: self.tell }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    type Told = Arc<Mutex<Vec<(char, Receipt)>>>;

    fn expect(receipts: &mut Receipts, told: &Told, name: char, numbers: Range<u64>) {
        let told = Arc::clone(told);
        receipts.expect(numbers, Box::new(move |receipt| told.lock().unwrap().push((name, receipt))));
    }

    fn left_out(index: u64) -> LeftOut {
        LeftOut { index, reason: "no".to_owned() }
    }

    #[test]
    fn each_delivery_is_told_once_when_its_last_span_is_decided() {
        let (mut receipts, told) = (Receipts::default(), Told::default());
        expect(&mut receipts, &told, 'a', 0..3);
        expect(&mut receipts, &told, 'b', 5..7);
        receipts.leave_out(6, "no");
        receipts.leave_out(4, "nobody's");
        receipts.decide(2).into_iter().for_each(Due::tell);
        assert!(told.lock().unwrap().is_empty());
        receipts.decide(6).into_iter().for_each(Due::tell);
        receipts.decide(7).into_iter().for_each(Due::tell);
        receipts.decide(9).into_iter().for_each(Due::tell);
        let whole = Receipt { stored: 3, ..Receipt::default() };
        let partial = Receipt { stored: 1, left_out: vec![left_out(1)], ..Receipt::default() };
        assert_eq!(*told.lock().unwrap(), [('a', whole), ('b', partial)]);
    }

    #[test]
    fn what_is_undecided_at_the_end_is_given_up() {
        let (mut receipts, told) = (Receipts::default(), Told::default());
        expect(&mut receipts, &told, 'a', 0..10);
        receipts.leave_out(7, "no");
        receipts.leave_out(1, "no");
        assert!(receipts.decide(4).is_empty());
        receipts.close().into_iter().for_each(Due::tell);
        assert!(receipts.close().is_empty());
        let receipt = Receipt { stored: 3, left_out: vec![left_out(1), left_out(7)], given_up: 5, ..Receipt::default() };
        assert_eq!(*told.lock().unwrap(), [('a', receipt)]);
    }

    #[test]
    fn a_callback_that_panics_takes_nobody_with_it() {
        let mut receipts = Receipts::default();
        receipts.expect(0..1, Box::new(|_| panic!("a callback's bug")));
        receipts.decide(1).into_iter().for_each(Due::tell);
    }
}
