//! Cutting and joining, without a database.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::cut::pieces;
use super::entry::{Column, Entry, Name, entries};
use super::frame;
use super::split::{INLINE_BYTES, MAX_DEPTH, Parts};
use super::whole::{Joining, Known};

/// The content that a column stands for.
fn joined(column: &[u8], parts: &Parts) -> Result<Vec<u8>, String> {
    let known: Known = parts.all.iter().map(|(name, part)| ((7, *name), (part.is_list, part.bytes.clone()))).collect();
    match Column::read(column).ok_or("no column")? {
        Column::Inline(content) => Ok(content.to_vec()),
        Column::Compressed(frame) => frame::decompress(frame, 64 << 20),
        Column::Shared(length, entries) => Joining::of(&known, 7, length).join(&entries),
    }
}

/// How deep the lists of a column go.
fn depth(entries: &[Entry<'_>], parts: &Parts) -> usize {
    let below = entries.iter().filter_map(|entry| match entry {
        Entry::List(name) => Some(1 + depth(&super::entry::entries(&parts.all[name].bytes).unwrap(), parts)),
        _ => None,
    });
    below.max().unwrap_or(0)
}

fn names(content: &[u8]) -> BTreeSet<Name> {
    pieces(content).into_iter().map(|piece| Name::of(false, piece)).collect()
}

/// Words without meaning, different ones for each number.
fn words(seed: u64, length: usize) -> String {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut text = String::new();
    while text.len() < length {
        let length = dice.usize(2..9);
        text.extend(std::iter::repeat_with(|| dice.lowercase()).take(length));
        text.push_str(if dice.u8(..30) == 0 { ".\n\"So\", " } else { " " });
    }
    text.truncate(length);
    text
}

/// A message of a conversation, of half a kilobyte to one.
fn message(number: u64) -> String {
    words(number, 500 + usize::try_from(number.wrapping_mul(7_919) % 500).unwrap())
}

/// A conversation so far: a system prompt, and messages in turn.
fn history(session: u64, turns: u64) -> Vec<(&'static str, String)> {
    let system = ("system", words(u64::MAX, 4_000));
    let turn = |turn: u64| ["user", "assistant"].into_iter().zip([2 * turn, 2 * turn + 1]);
    let messages = (0..turns).flat_map(turn);
    // The last answer is not given yet.
    let messages = messages.take(usize::try_from(2 * turns).unwrap().saturating_sub(1));
    std::iter::once(system).chain(messages.map(|(role, number)| (role, message(1_000 * session + number)))).collect()
}

/// Attributes as they are stored.
fn attributes(list: &[(String, String)]) -> String {
    serde_json::to_string(&list.iter().map(|(key, value)| (key, "str", value)).collect::<Vec<_>>()).unwrap()
}

/// The ways in which instrumentations record a history, and what else they say.
fn forms(turn: u64, history: &[(&'static str, String)]) -> [(&'static str, String); 4] {
    let own = |list: Vec<(String, String)>| {
        let id = |key: &str| (key.to_owned(), words(turn ^ 0xabcd, 36));
        let constant = |key: &str| (key.to_owned(), "gpt-4o-mini".to_owned());
        let head = [
            constant("gen_ai.request.model"),
            id("gen_ai.response.id"),
            constant("gen_ai.provider.name"),
            id("run_id"),
        ];
        head.into_iter()
            .chain(list)
            .chain([id("http.request.id"), constant("gen_ai.response.model")])
            .collect::<Vec<_>>()
    };
    let parts: Vec<_> = history
        .iter()
        .map(|(role, text)| serde_json::json!({"role": role, "parts": [{"type": "text", "content": text}]}))
        .collect();
    let flat = history.iter().enumerate().flat_map(|(place, (role, text))| {
        let key = |what: &str| format!("llm.input_messages.{place}.message.{what}");
        [(key("role"), (*role).to_owned()), (key("content"), text.clone())]
    });
    let messages: Vec<_> =
        history.iter().map(|(role, text)| serde_json::json!({"role": role, "content": text})).collect();
    let body =
        serde_json::json!({"model": "gpt-4o-mini", "messages": messages, "temperature": 0.2, "user": words(turn, 20)});
    let events: Vec<_> = history
        .iter()
        .map(|(role, text)| {
            let attributes = vec![("content".to_owned(), text.clone())];
            serde_json::json!({"name": format!("gen_ai.{role}.message"), "time_ns": turn, "attributes": attributes})
        })
        .collect();
    [
        (
            "messages",
            attributes(&own(vec![("gen_ai.input.messages".to_owned(), serde_json::to_string(&parts).unwrap())])),
        ),
        ("flattened", attributes(&own(flat.collect()))),
        ("request body", attributes(&own(vec![("input.value".to_owned(), body.to_string())]))),
        ("events", serde_json::to_string(&events).unwrap()),
    ]
}

#[test]
fn a_conversation_costs_little_more_than_its_messages_in_any_form() {
    const TURNS: u64 = 100;
    let said: usize = history(0, TURNS).iter().map(|(_, text)| text.len()).sum();
    for form in 0..4 {
        let (mut stored, mut whole, mut kept) = (0, 0, BTreeSet::new());
        let mut name = "";
        for turn in 1..=TURNS {
            let content;
            (name, content) = forms(turn, &history(0, turn))[form].clone();
            let mut parts = Parts::default();
            let column = parts.split(content.as_bytes());
            assert_eq!(joined(&column, &parts).unwrap(), content.as_bytes());
            whole += content.len();
            stored += column.len();
            for (name, part) in &parts.all {
                // With what a row and its place in an index take.
                stored += if kept.insert(*name) { part.bytes.len() + 20 + 60 } else { 0 };
            }
        }
        let ratio = stored as f64 / said as f64;
        println!("{name}: {said} bytes said, {whole} recorded, {stored} stored, {ratio:.2} times");
        // Each event tells a time, here another one in each turn: then some hundred bytes a message are new.
        let most = if name == "events" { 8.0 } else { 3.0 };
        assert!(ratio <= most, "{name}: {ratio}");
    }
}

#[test]
fn the_same_message_is_one_part_in_whatever_form_it_is_recorded() {
    let text = "One long line without anything that has to be escaped. ".repeat(40);
    let recorded = [
        format!(r#"[["a","str","b"],["llm.input_messages.0.message.content","str","{text}"],["c","str","d"]]"#),
        format!(r#"[["input.value","str","{{\"messages\":[{{\"role\":\"user\",\"content\":\"{text}\"}}]}}"]]"#),
        format!(r#"[["input.value","str","{{\"messages\": [{{\"content\": \"{text}\", \"role\": \"user\"}}]}}"]]"#),
        format!(r#"[["gen_ai.input.messages","str","[{{\"parts\":[{{\"content\":\"{text}\"}}]}}]"]]"#),
    ];
    let [first, others @ ..] = recorded.map(|content| names(content.as_bytes()));
    let shared = others.iter().fold(first, |shared, other| shared.intersection(other).copied().collect());
    assert_eq!(shared, BTreeSet::from([Name::of(false, text.as_bytes())]));
}

#[test]
fn an_edit_changes_a_few_pieces_only() {
    type Edit = fn(&mut Vec<(&'static str, String)>);
    let messages: Vec<(&str, String)> = (0..200).map(|number| ("user", words(number, 300))).collect();
    let document = |messages: &[(&'static str, String)]| serde_json::to_vec(messages).unwrap();
    let before = names(&document(&messages));
    let edits: [Edit; 4] = [
        |messages| messages.push(("user", words(1_000, 300))),
        |messages| messages.insert(0, ("user", words(1_001, 300))),
        |messages| messages[100].1.insert_str(50, "something else, of some length"),
        |messages| drop(messages.remove(100)),
    ];
    for (place, edit) in edits.iter().enumerate() {
        let mut messages = messages.clone();
        edit(&mut messages);
        let after = names(&document(&messages));
        let new = after.difference(&before).count();
        assert!(new <= 4, "edit {place}: {new} of {} pieces are new", after.len());
    }
}

#[test]
fn values_of_one_size_come_to_the_same_ends_wherever_one_begins() {
    let messages: Vec<String> = (0..300).map(|number| words(number, 190)).collect();
    let of = |from: usize| {
        names(&serde_json::to_vec(&messages[from..].iter().map(|text| [text]).collect::<Vec<_>>()).unwrap())
    };
    let whole = of(0);
    for from in 1..6 {
        let shared = of(from).intersection(&whole).count();
        assert!(shared * 10 >= whole.len() * 9, "from {from}: {shared} of {}", whole.len());
    }
}

#[test]
fn a_long_text_without_any_form_is_cut_by_what_it_says() {
    let text = words(5, 400_000).replace('"', "'").into_bytes();
    let lengths: Vec<usize> = pieces(&text).iter().map(|piece| piece.len()).collect();
    assert!(lengths.iter().all(|length| *length <= 16 * 1024) && lengths.len() > 40, "{lengths:?}");
    let mut longer = words(6, 777).replace('"', "'").into_bytes();
    longer.extend_from_slice(&text);
    let new = names(&longer).difference(&names(&text)).count();
    assert!(new <= 2, "{new}");
}

#[test]
fn what_is_cut_is_the_same_on_every_machine() {
    let [_, (_, content), ..] = forms(3, &history(1, 30));
    let mut parts = Parts::default();
    let column = parts.split(content.as_bytes());
    // Should this fail, nothing written by an older version is shared any more, and rows of one content differ.
    let name = Name::of(false, &column).to_string();
    assert_eq!((content.len(), name.as_str()), (55_367, "ded50a6b4cce8ac8c0ff74b412f94ccaa644a51d"));
}

#[test]
fn lists_are_listed_and_stay_shallow_however_many_parts_there_are() {
    let varied: Vec<u8> =
        (0..4_000_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).take(15 << 20).collect();
    let objects: String = (0..150_000).map(|number| format!(r#"{{"id":{number},"name":"{}"}},"#, number * 7)).collect();
    for content in [varied, vec![b'x'; 15 << 20], objects.into_bytes(), b"\"}],".repeat(2 << 20)] {
        let mut parts = Parts::default();
        let column = parts.split(&content);
        let Some(Column::Shared(length, entries)) = Column::read(&column) else { panic!("it is in one piece") };
        assert_eq!(length, content.len() as u64);
        assert!(column.len() < 2_000, "{}", column.len());
        assert!((2..MAX_DEPTH).contains(&depth(&entries, &parts)), "{}", depth(&entries, &parts));
        assert!(joined(&column, &parts).unwrap() == content);
    }
}

#[test]
fn what_is_short_stays_in_its_row() {
    for content in [vec![], vec![1], vec![b'"'; INLINE_BYTES]] {
        let mut parts = Parts::default();
        let column = parts.split(&content);
        assert_eq!(Column::read(&column), Some(Column::Inline(&content)));
        assert_eq!(parts, Parts::default());
    }
}

#[test]
fn columns_that_lie_are_refused_and_never_run_on() {
    let mut parts = Parts::default();
    let content = words(9, 60_000).into_bytes();
    let column = parts.split(&content);
    let Some(Column::Shared(length, entries)) = Column::read(&column) else { panic!("it is in one piece") };
    let with_length = |length| Column::Shared(length, entries.clone()).write();
    for wrong in [0, length - 1, length + 1, u64::MAX] {
        assert!(joined(&with_length(wrong), &parts).unwrap_err().contains("bytes"), "{wrong}");
    }
    assert!(joined(&column, &Parts::default()).unwrap_err().contains("missing"));
    for cut in 0..column.len() {
        let _ = joined(&column[..cut], &parts);
    }
    // A list of itself cannot be made, but a deep one of many can: 4,096 to the power of 9 bytes.
    let mut name = Name::of(false, b"x");
    let mut known = Known::from([((7, name), (false, b"x".to_vec()))]);
    for level in 0..9 {
        let mut list = Vec::new();
        (0..4_096).for_each(|_| if level == 0 { Entry::Part(name) } else { Entry::List(name) }.write(&mut list));
        name = Name::of(true, &list);
        known.insert((7, name), (true, list));
    }
    assert!(Joining::of(&known, 7, 1_000).join(&[Entry::List(name)]).is_err());
}

/// Bytes that look like recorded content here and there.
fn contents() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        any::<Vec<u8>>(),
        "[a-z \\\\\"]{0,40}".prop_map(String::into_bytes),
        prop::sample::select(vec![
            r#"{"role":"user","content":""#,
            r#"\"},{\"role\":\""#,
            "},",
            "]]",
            "\"",
            "\\\\\\\"",
            ": \""
        ])
        .prop_map(|token: &str| token.as_bytes().to_vec()),
        (any::<u8>(), 0..9_000_usize).prop_map(|(byte, length)| vec![byte; length]),
        (any::<u64>(), 0..9_000_usize).prop_map(|(seed, length)| words(seed, length).into_bytes()),
    ];
    prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_content_comes_back(content in contents()) {
        let cut = pieces(&content);
        prop_assert!(cut.iter().all(|piece| !piece.is_empty()));
        prop_assert_eq!(cut.concat(), content.clone());
        for is_compressed in [false, true] {
            let mut parts = Parts::new(is_compressed);
            let column = parts.split(&content);
            prop_assert_eq!(&joined(&column, &parts).unwrap(), &content);
            prop_assert_eq!(Column::read(&column).unwrap().write(), column);
        }
    }

    #[test]
    fn any_bytes_are_read_as_a_column_or_refused(bytes in any::<Vec<u8>>()) {
        if let Some(column) = Column::read(&bytes) {
            let again = column.write();
            prop_assert_eq!(Column::read(&again), Some(column));
        }
        if let Some(entries) = entries(&bytes) {
            let mut again = Vec::new();
            entries.iter().for_each(|entry| entry.write(&mut again));
            prop_assert_eq!(again, bytes);
        }
    }
}
