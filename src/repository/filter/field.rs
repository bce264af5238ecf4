//! The words of the filter language.

use crate::store::Facet;

/// A field with values. The order is that of selectivity: the first field of a filter leads the search, the others are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Trace,
    Parent,
    Call,
    Run,
    Session,
    Conversation,
    User,
    Tool,
    Agent,
    Team,
    Workflow,
    Step,
    Model,
    Name,
    Provider,
    Service,
    Kind,
    State,
    Status,
}

/// Fields that stand for something that took part in a trace: all filters have them.
const COMMON: [Field; 14] = [
    Field::Run,
    Field::Session,
    Field::Conversation,
    Field::User,
    Field::Tool,
    Field::Agent,
    Field::Team,
    Field::Workflow,
    Field::Step,
    Field::Model,
    Field::Name,
    Field::Provider,
    Field::Service,
    Field::Kind,
];

impl Field {
    /// The word before the values.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Parent => "parent",
            Self::Call => "call",
            Self::Run => "run",
            Self::Session => "session",
            Self::Conversation => "conversation",
            Self::User => "user",
            Self::Tool => "tool",
            Self::Agent => "agent",
            Self::Team => "team",
            Self::Workflow => "workflow",
            Self::Step => "step",
            Self::Model => "model",
            Self::Name => "name",
            Self::Provider => "provider",
            Self::Service => "service",
            Self::Kind => "kind",
            Self::State => "state",
            Self::Status => "status",
        }
    }

    /// Where `trace_facets` keeps the field's values; `None` for fields of a single span or a key.
    pub(crate) const fn facet(self) -> Option<Facet> {
        match self {
            Self::Trace | Self::Parent | Self::Call | Self::State => None,
            Self::Run => Some(Facet::Run),
            Self::Session => Some(Facet::Session),
            Self::Conversation => Some(Facet::Conversation),
            Self::User => Some(Facet::User),
            Self::Tool => Some(Facet::Tool),
            Self::Agent => Some(Facet::Agent),
            Self::Team => Some(Facet::Team),
            Self::Workflow => Some(Facet::Workflow),
            Self::Step => Some(Facet::Step),
            Self::Model => Some(Facet::Model),
            Self::Name => Some(Facet::Name),
            Self::Provider => Some(Facet::Provider),
            Self::Service => Some(Facet::Service),
            Self::Kind => Some(Facet::Kind),
            Self::Status => Some(Facet::Status),
        }
    }
}

/// What a filter's text may say: which fields, which words a closed field knows, and whether there are ranges and free text.
pub(crate) struct Language {
    /// Fields beside the common ones.
    pub(crate) own: &'static [Field],
    /// The words of `status:`.
    pub(crate) statuses: &'static [&'static str],
    /// Whether `duration` and `tokens` can be bounded.
    pub(crate) has_ranges: bool,
    /// Whether words without a field search in text.
    pub(crate) has_text: bool,
}

/// Words that are no [`Field`]: they hold a time, a number or a place.
pub(crate) const SINCE: &str = "since";
pub(crate) const UNTIL: &str = "until";
pub(crate) const LAST: &str = "last";
pub(crate) const LIMIT: &str = "limit";
pub(crate) const AFTER: &str = "after";
pub(crate) const DURATION: &str = "duration";
pub(crate) const TOKENS: &str = "tokens";

impl Language {
    /// The fields of this language.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field> {
        self.own.iter().copied().chain(COMMON)
    }

    /// The field of this word, in upper or lower case.
    pub(crate) fn field(&self, word: &str) -> Option<Field> {
        self.fields().find(|field| field.as_str().eq_ignore_ascii_case(word))
    }

    /// All words that can stand before a value, for messages.
    pub(crate) fn words(&self) -> Vec<&'static str> {
        let mut words: Vec<&str> = self.fields().map(Field::as_str).collect();
        words.sort_unstable();
        words.extend([SINCE, UNTIL, LAST]);
        if self.has_ranges {
            words.extend([DURATION, TOKENS]);
        }
        words.extend([LIMIT, AFTER]);
        words
    }
}
