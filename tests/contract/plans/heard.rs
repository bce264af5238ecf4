//! The statements that the crate sends, as it sends them: heard where Diesel passes them on.

use std::cell::RefCell;
use std::fmt::Write as _;

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

thread_local! {
    /// What this thread has sent since it began to listen.
    static HEARD: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Lets all connections that are made from now on tell what they send.
pub(crate) fn listen() {
    fn listener() -> Option<Box<dyn Instrumentation>> {
        Some(Box::new(|event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                HEARD.with_borrow_mut(|heard| {
                    if let Some(heard) = heard {
                        heard.push(query.to_string());
                    }
                });
            }
        }))
    }
    set_default_instrumentation(listener).unwrap();
}

/// The queries that `body` sends from this thread, in their order.
pub(crate) fn during(body: impl FnOnce()) -> Vec<Statement> {
    HEARD.set(Some(Vec::new()));
    body();
    let heard = HEARD.take().unwrap_or_default();
    heard.iter().filter(|text| text.starts_with("SELECT")).map(|text| Statement::read(text)).collect()
}

/// A statement and the values that are bound to it.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) binds: Vec<Bind>,
}

/// A bound value. A list of numbers is bytes or an array of numbers: only the place where it is bound tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Bind {
    Number(i64),
    Text(String),
    List(Vec<Self>),
}

impl Statement {
    /// From the text that Diesel shows: the statement, and the values as Rust writes them.
    fn read(text: &str) -> Self {
        let (sql, binds) = text.rsplit_once(" -- binds: ").unwrap_or((text, "[]"));
        let (list, rest) = Bind::read(binds);
        assert!(rest.is_empty(), "{text}: {rest:?} is no value");
        let Bind::List(binds) = list else { panic!("{text}: the values are no list") };
        Self { sql: sql.to_owned(), binds }
    }

    /// How many rows it asks for by their keys.
    pub(crate) fn keys(&self) -> u64 {
        let arrays = self.binds.iter().map(|bind| match bind {
            Bind::List(items) if matches!(items.first(), Some(Bind::List(_) | Bind::Text(_))) => items.len(),
            _ => 1,
        });
        arrays.sum::<usize>() as u64
    }

    /// With the values written into it, as MySQL reads them.
    pub(crate) fn with_literals(&self) -> String {
        let mut pieces = self.sql.split('?');
        let mut sql = pieces.next().unwrap_or_default().to_owned();
        for (piece, bind) in pieces.zip(&self.binds) {
            sql.push_str(&bind.literal("x'"));
            sql.push_str(piece);
        }
        sql
    }
}

impl Bind {
    /// The value at the beginning of a text, and what follows.
    fn read(text: &str) -> (Self, &str) {
        if let Some(mut rest) = text.strip_prefix('[') {
            let mut items = Vec::new();
            loop {
                rest = rest.trim_start_matches([',', ' ']);
                if let Some(rest) = rest.strip_prefix(']') {
                    return (Self::List(items), rest);
                }
                let (item, after) = Self::read(rest);
                items.push(item);
                rest = after;
            }
        }
        if text.starts_with('"') {
            let mut is_escaped = false;
            let end = text.char_indices().skip(1).find(|(_, letter)| {
                let is_end = *letter == '"' && !is_escaped;
                is_escaped = *letter == '\\' && !is_escaped;
                is_end
            });
            let (end, _) = end.unwrap_or_else(|| panic!("{text}: a text without an end"));
            // Values of these questions have no other escapes than JSON has.
            let value = serde_json::from_str(&text[..=end]).unwrap();
            return (Self::Text(value), &text[end + 1..]);
        }
        let end = text.find([',', ']']).unwrap_or(text.len());
        let number = text[..end].parse().unwrap_or_else(|_| panic!("{text}: no number"));
        (Self::Number(number), &text[end..])
    }

    /// The bytes, where it is a list of such.
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        let Self::List(items) = self else { return None };
        let byte = |item: &Self| match item {
            Self::Number(number) => u8::try_from(*number).ok(),
            _ => None,
        };
        items.iter().map(byte).collect()
    }

    /// In SQL, where bytes in hexadecimal digits begin like this.
    fn literal(&self, before_bytes: &str) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Self::List(_) => format!("{before_bytes}{}'", hex(&self.bytes().unwrap_or_default())),
        }
    }

    /// As a value of a PostgreSQL type.
    pub(crate) fn of_type(&self, name: &str) -> String {
        let Some(item_type) = name.strip_suffix("[]") else { return self.literal("'\\x") };
        let Self::List(items) = self else { panic!("{self:?} is no {name}") };
        let items: Vec<String> = items.iter().map(|item| item.literal("'\\x")).collect();
        format!("ARRAY[{}]::{item_type}[]", items.join(", "))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
