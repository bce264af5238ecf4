//! Texts that are longer than they may be, cut so that JSON stays JSON.

use super::json_text;
use crate::model::{Attributes, SpanRecord, Value, cut_marker, cut_text};

/// Cuts the values of a record and the names of its events to `limit` bytes, and counts what that took.
pub(super) fn record(record: &mut SpanRecord, limit: usize) {
    let mut cut = attributes(&mut record.attributes, limit);
    for event in &mut record.events {
        cut += text(&mut event.name, limit) + attributes(&mut event.attributes, limit);
    }
    cut += record.links.iter_mut().map(|link| attributes(&mut link.attributes, limit)).sum::<u64>();
    record.truncated_bytes += cut;
}

/// Cuts attributes; how many bytes that took.
pub(super) fn attributes(attributes: &mut Attributes, limit: usize) -> u64 {
    attributes.entries_mut().iter_mut().map(|(_, item)| value(item, limit)).sum()
}

fn value(value: &mut Value, limit: usize) -> u64 {
    match value {
        Value::Str(content) | Value::Debug(content) | Value::Error(content) => text(content, limit),
        Value::Bytes(_) => value.cut(limit),
        Value::Array(items) => items.iter_mut().map(|item| self::value(item, limit)).sum(),
        Value::Map(entries) => entries.iter_mut().map(|(_, item)| self::value(item, limit)).sum(),
        _ => 0,
    }
}

/// Cuts one text, what says so included. Of JSON, the longest of its texts are cut, all to one length; where that is not enough, it becomes
/// one JSON text that has its beginning.
fn text(text: &mut String, limit: usize) -> u64 {
    if text.len() <= limit {
        return 0;
    }
    let before = text.len();
    if json_text::is_editable(text) {
        *text = shortened(text, limit).unwrap_or_else(|| beginning(text, limit));
    } else {
        plain(text, limit);
    }
    (before - text.len().min(before)) as u64
}

/// A text of `limit` bytes at most, with a mark at its end where there is room for one.
fn plain(text: &mut String, limit: usize) {
    if text.len() <= limit {
        return;
    }
    // The mark for all of it is the longest that it can be.
    let room = limit.saturating_sub(cut_marker(text.len() as u64).len());
    if room == 0 {
        text.truncate(text.floor_char_boundary(limit));
    } else {
        cut_text(text, room);
    }
}

/// JSON with its longest texts cut, if that makes it short enough.
fn shortened(text: &str, limit: usize) -> Option<String> {
    // Shorter ones would be little else than marks.
    const MIN_TEXT: usize = 32;
    let (mut low, mut high, mut best) = (MIN_TEXT, limit, None);
    while low <= high {
        let length = low + (high - low) / 2;
        let cut = json_text::edit(text, |leaf| {
            let mut inner = leaf.text().filter(|inner| !leaf.is_key && inner.len() > length)?.into_owned();
            plain(&mut inner, length);
            Some(json_text::quoted(&inner))
        });
        match cut.filter(|cut| cut.len() <= limit) {
            Some(cut) => {
                best = Some(cut);
                low = length + 1;
            }
            None => high = length.checked_sub(1)?,
        }
    }
    best
}

/// JSON's beginning, as one JSON text. Where there is no room for one, it is an empty one.
fn beginning(text: &str, limit: usize) -> String {
    let mut room = limit.saturating_sub(2);
    loop {
        let mut kept = text.to_owned();
        plain(&mut kept, room);
        let quoted = json_text::quoted(&kept);
        if quoted.len() <= limit || room == 0 {
            return quoted;
        }
        // Quotes and line ends take two.
        room = room.saturating_sub((quoted.len() - limit).max(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(content: &str, limit: usize) -> String {
        let mut content = content.to_owned();
        let (before, lost) = (content.len(), 0);
        let lost = lost + text(&mut content, limit);
        assert_eq!(usize::try_from(lost).unwrap(), before - content.len().min(before));
        content
    }

    #[test]
    fn the_longest_texts_of_json_are_cut_and_it_stays_json() {
        let long = "word ".repeat(100);
        let json = format!(r#"[{{"role":"user","content":"{long}"}},{{"role":"assistant","content":"short"}}]"#);
        let cut = cut(&json, 200);
        assert!(cut.len() <= 200 && cut.len() > 150, "{cut}");
        let read: serde_json::Value = serde_json::from_str(&cut).unwrap();
        assert_eq!(read[1]["content"], "short");
        assert_eq!(read[0]["role"], "user");
        assert!(read[0]["content"].as_str().unwrap().ends_with(" bytes]"), "{cut}");
    }

    #[test]
    fn plain_text_says_how_much_is_missing() {
        assert_eq!(cut(&"a".repeat(100), 50), format!("{}…[+{} bytes]", "a".repeat(35), 65));
        assert_eq!(cut("0123456789", 4), "0123");
    }

    proptest! {
        #[test]
        fn what_is_cut_fits_is_json_where_it_was_and_is_not_cut_again(
            texts in proptest::collection::vec(any::<String>(), 0..20), limit in 2_usize..400
        ) {
            let json = serde_json::json!({ "a": texts, "b": [1, null] }).to_string();
            let once = cut(&json, limit);
            prop_assert!(once.len() <= limit, "{once}");
            prop_assert!(serde_json::from_str::<serde_json::Value>(&once).is_ok(), "{once}");
            prop_assert_eq!(cut(&once, limit), once);
        }
    }
}
