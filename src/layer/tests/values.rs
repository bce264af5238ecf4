//! Values keep their types and their text, whatever it is; limits cut and count.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock};

use tracing::{Span, field, info, info_span};

use super::{capture, capture_within, debug, event_names, pairs, text};
use crate::layer::{Limits, SpanExt};
use crate::model::Value;

#[derive(Debug)]
struct Failure(&'static str, Option<Box<Failure>>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|source| source as _)
    }
}

#[test]
fn every_type_of_tracing_is_kept() {
    let failure = Failure("outer", Some(Box::new(Failure("inner", None))));
    let records = capture(|| {
        let _span = info_span!(
            "typed",
            a = -1_i64,
            b = u64::MAX,
            c = i128::MIN,
            d = u128::MAX,
            e = 0.1_f64,
            nan = f64::NAN,
            f = true,
            g = "text",
            h = ?Some("quoted"),
            i = %"shown",
            j = &b"\x00\xff"[..],
            k = &failure as &(dyn Error + 'static),
            l = 7_u8,
        );
    });
    let attributes = &records.named("typed").attributes;
    assert!(matches!(attributes.get("nan"), Some(Value::F64(nan)) if nan.is_nan()));
    let mut others = pairs(attributes);
    others.retain(|(key, _)| *key != "nan");
    assert_eq!(
        others,
        [
            ("a", Value::I64(-1)),
            ("b", Value::U64(u64::MAX)),
            ("c", Value::I128(i128::MIN)),
            ("d", Value::U128(u128::MAX)),
            ("e", Value::F64(0.1)),
            ("f", Value::Bool(true)),
            ("g", text("text")),
            ("h", debug("Some(\"quoted\")")),
            ("i", debug("shown")),
            ("j", Value::Bytes(vec![0, 0xff])),
            ("k", Value::Error("outer: inner".to_owned())),
            ("l", Value::U64(7)),
        ]
    );
}

#[test]
fn a_source_that_is_told_already_is_told_once() {
    let source = Failure("no route", None);
    let failure = Failure("connect failed: no route", Some(Box::new(source)));
    let records = capture(|| {
        info_span!("call").in_scope(|| info!(error = &failure as &(dyn Error + 'static), "failed"));
    });
    let event = &records.named("call").events[0];
    assert_eq!(pairs(&event.attributes), [("error", Value::Error("connect failed: no route".to_owned()))]);
}

#[test]
fn any_text_is_kept() {
    let big = "ü".repeat(5 << 20);
    let odd = "a\0b 🦀 \u{200d} \r\n";
    let records = capture(|| {
        let span = info_span!("texts", big = big.as_str(), odd, late = field::Empty);
        span.record("late", big.as_str());
        span.in_scope(|| info!("{odd}"));
    });
    let span = records.named("texts");
    assert_eq!(pairs(&span.attributes), [("big", text(&big)), ("odd", text(odd)), ("late", text(&big))]);
    assert_eq!(event_names(span), [odd]);
    assert_eq!(span.truncated_bytes, 0);
}

fn tight() -> Limits {
    Limits { attributes: 3, events: 2, links: 1, event_attributes: 2, value_bytes: 8 }
}

#[test]
fn what_exceeds_a_limit_is_counted() {
    let records = capture_within(tight(), || {
        let span = info_span!("full", a = 1, b = 2, c = field::Empty, d = field::Empty);
        span.record("c", 3);
        span.record("d", 4);
        span.record_attribute("e", 5);
        span.in_scope(|| {
            for n in 0..5 {
                info!(n, m = n, o = n, "step");
            }
        });
        let (one, two) = (info_span!("one"), info_span!("two"));
        span.follows_from(&one);
        span.follows_from(&two);
    });
    let span = records.named("full");
    assert_eq!(pairs(&span.attributes), [("a", Value::I64(1)), ("b", Value::I64(2)), ("c", Value::I64(3))]);
    assert_eq!((span.dropped_attributes, span.dropped_events, span.dropped_links), (2, 3, 1));
    assert_eq!(span.events.len(), 2);
    assert_eq!(span.events[1].attributes.len(), 2);
    assert_eq!(span.events[1].dropped_attributes, 1);
    assert_eq!(span.links.len(), 1);
}

#[test]
fn long_texts_are_cut_between_characters() {
    let records = capture_within(tight(), || {
        let span = info_span!("cut", plain = "123456789", wide = "1234567ü", shown = %"🦀🦀🦀");
        let nested = Value::Array(vec![Value::Str("0123456789".to_owned()), Value::Bytes(vec![1; 10])]);
        info_span!("nested").record_attribute("list", nested).record_attribute("bytes", vec![0_u8; 9]);
        span.in_scope(|| info!("a long message"));
    });
    let span = records.named("cut");
    assert_eq!(
        pairs(&span.attributes),
        [
            ("plain", text("12345678…[+1 bytes]")),
            ("wide", text("1234567…[+2 bytes]")),
            ("shown", debug("🦀🦀…[+4 bytes]")),
        ]
    );
    assert_eq!(event_names(span), ["a long m…[+6 bytes]"]);
    assert_eq!(span.truncated_bytes, 1 + 2 + 4 + 6);

    let nested = records.named("nested");
    let list = Value::Array(vec![text("01234567…[+2 bytes]"), Value::Bytes(vec![1; 8])]);
    assert_eq!(pairs(&nested.attributes), [("list", list), ("bytes", Value::Bytes(vec![0; 8]))]);
    assert_eq!(nested.truncated_bytes, 2 + 2 + 1);
}

struct Explosive;

impl fmt::Debug for Explosive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half")?;
        panic!("no Debug today")
    }
}

#[test]
fn a_panicking_debug_costs_only_its_value() {
    let records = capture(|| {
        let span = info_span!("span", before = 1, bad = ?Explosive, after = 2, late = field::Empty);
        span.record("late", field::debug(Explosive));
        span.in_scope(|| info!(bad = ?Explosive, "event"));
    });
    let span = records.named("span");
    let bad = debug("<panicked while formatting>");
    assert_eq!(
        pairs(&span.attributes),
        [("before", Value::I64(1)), ("bad", bad.clone()), ("after", Value::I64(2)), ("late", bad.clone())]
    );
    assert_eq!(pairs(&span.events[0].attributes), [("bad", bad)]);
    assert_eq!(span.status.message, "");
}

/// Uses the span whose field it is, in every way there is, while that field is being recorded.
struct Nosy(Arc<OnceLock<Span>>);

impl fmt::Debug for Nosy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = self.0.get().unwrap();
        span.record("inner", field::debug("from Debug"));
        span.record_attribute("inner too", 1).record_failure("inner failure");
        // The macros find no subscriber from within one that a thread set for itself; a global one they would find.
        span.with_subscriber(|(id, dispatch)| {
            let metadata = span.metadata().unwrap();
            let values = metadata.fields().value_set(&[] as &[(&field::Field, Option<&dyn field::Value>); 0]);
            dispatch.event(&tracing::Event::new_child_of(id.clone(), metadata, &values));
            dispatch.try_close(dispatch.new_span(&tracing::span::Attributes::new_root(metadata, &values)));
        });
        f.write_str("nosy")
    }
}

#[test]
fn a_debug_that_uses_its_own_span_does_no_harm() {
    let records = capture(|| {
        let own = Arc::new(OnceLock::new());
        let span = info_span!("span", outer = field::Empty, inner = field::Empty);
        own.set(span.clone()).unwrap();
        span.record("outer", field::debug(Nosy(Arc::clone(&own))));
        info!(parent: &span, nosy = ?Nosy(Arc::clone(&own)), "event");
        drop(info_span!(parent: &span, "child", nosy = ?Nosy(own)));
    });
    let inner = [("inner", debug("\"from Debug\"")), ("inner too", Value::I64(1))];
    let outer = [("outer", debug("nosy"))];
    let spans: Vec<_> = records.0.iter().filter(|record| record.name == "span").collect();
    let [.., span] = spans.as_slice() else { panic!("no span") };
    assert_eq!(spans.len(), 4, "three are from within");
    assert_eq!(pairs(&span.attributes), [&inner[..], &outer, &inner, &inner].concat());
    assert_eq!(event_names(span), ["exception", "span", "exception", "span", "event", "exception", "span"]);
    assert_eq!(pairs(&span.events[4].attributes), [("nosy", debug("nosy"))]);
    assert_eq!(pairs(&records.named("child").attributes), [("nosy", debug("nosy"))]);
}
