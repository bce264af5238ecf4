//! What a span is: an agent run, a model call, a tool call …

use std::fmt;

macro_rules! text_enum {
    (
        $(#[$doc:meta])*
        pub enum $name:ident, $what:literal {
            $( $(#[$vdoc:meta])* $variant:ident = $text:literal, )+
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$vdoc])* $variant, )+
        }

        impl $name {
            /// All values, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that stands in the database, in filters and on the command line.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::model::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|value| value.as_str().eq_ignore_ascii_case(text))
                    .ok_or_else(|| $crate::model::UnknownWord {
                        what: $what,
                        word: text.chars().take(80).collect(),
                        known: Self::ALL.iter().map(|value| value.as_str()).collect(),
                    })
            }
        }
    };
}
/// Writes and reads a value as its word.
macro_rules! word_serde {
    ($name:ident) => {
        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <::std::borrow::Cow<'de, str> as ::serde::Deserialize>::deserialize(deserializer)?;
                word.parse().map_err(::serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use {text_enum, word_serde};

/// A word that is none of a closed set, with the set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord {
    pub(crate) what: &'static str,
    pub(crate) word: String,
    pub(crate) known: Vec<&'static str>,
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no {}; known: {}", self.word, self.what, self.known.join(", "))
    }
}

impl std::error::Error for UnknownWord {}

text_enum! {
    /// What a span stands for. Decided on the worker from the span's attributes, by `semconv`.
    pub enum Kind, "span kind" {
        /// One invocation of an agent.
        Agent = "agent",
        /// A team that coordinates agents.
        Team = "team",
        /// A workflow: a chain of steps.
        Workflow = "workflow",
        /// One step of a workflow or of an agent loop.
        Step = "step",
        /// A call of a language model.
        Model = "model",
        /// A tool call.
        Tool = "tool",
        /// A search in documents.
        Retriever = "retriever",
        /// A call of an embedding model.
        Embedding = "embedding",
        /// A call of a reranking model.
        Reranker = "reranker",
        /// A check of input or output.
        Guardrail = "guardrail",
        /// A judgement of another span's result.
        Evaluator = "evaluator",
        /// The rendering of a prompt template.
        Prompt = "prompt",
        /// An agent's plan for its task.
        Plan = "plan",
        /// A read or write of an agent's memory.
        Memory = "memory",
        /// A Model Context Protocol request that is no tool call.
        Mcp = "mcp",
        /// A transcription, image or audio generation.
        Media = "media",
        /// Anything else.
        Span = "span",
    }
}

word_serde!(Kind);

impl Kind {
    /// Whether a span of this kind is a model's own call, whose usage is billed.
    #[must_use]
    pub const fn is_model_call(self) -> bool {
        matches!(self, Self::Model | Self::Embedding | Self::Reranker | Self::Media)
    }

    /// Whether a span of this kind is a run of an agent, a team or a workflow: what names a trace.
    #[must_use]
    pub const fn is_run(self) -> bool {
        matches!(self, Self::Agent | Self::Team | Self::Workflow)
    }

    /// Whether model calls below and above a span of this kind are different calls, although one contains the other.
    #[must_use]
    pub const fn separates_calls(self) -> bool {
        self.is_run() || matches!(self, Self::Tool)
    }
}

text_enum! {
    /// OpenTelemetry's span kind.
    pub enum OtelKind, "OpenTelemetry span kind" {
        /// Work inside the process.
        Internal = "internal",
        /// The handling of a remote request.
        Server = "server",
        /// A request to a remote service.
        Client = "client",
        /// The start of a message's way.
        Producer = "producer",
        /// The handling of a message.
        Consumer = "consumer",
    }
}

impl OtelKind {
    /// The number that OTLP gives this kind (1–5; 0 is unspecified).
    #[must_use]
    pub const fn otlp(self) -> i32 {
        match self {
            Self::Internal => 1,
            Self::Server => 2,
            Self::Client => 3,
            Self::Producer => 4,
            Self::Consumer => 5,
        }
    }

    /// The kind that OTLP numbers so; unknown numbers and 0 are internal, as the specification says.
    #[must_use]
    pub const fn from_otlp(number: i32) -> Self {
        match number {
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Internal,
        }
    }
}

text_enum! {
    /// How far a span has come. Versions of one span merge by this rank: a closed one replaces an interrupted or open one.
    pub enum SpanState, "span state" {
        /// Running when it was written.
        Open = "open",
        /// Open when its process died.
        Interrupted = "interrupted",
        /// Ended.
        Closed = "closed",
    }
}

impl SpanState {
    /// 0, 1 or 2: the merge rank.
    #[must_use]
    pub const fn rank(self) -> i16 {
        match self {
            Self::Open => 0,
            Self::Interrupted => 1,
            Self::Closed => 2,
        }
    }

    /// The state of a span of which only the end is known.
    pub(crate) const fn by_end(end_ns: Option<i64>) -> Self {
        if end_ns.is_some() { Self::Closed } else { Self::Open }
    }

    /// The state of this rank.
    #[must_use]
    pub const fn from_rank(rank: i16) -> Self {
        match rank {
            0 => Self::Open,
            1 => Self::Interrupted,
            _ => Self::Closed,
        }
    }
}

text_enum! {
    /// OpenTelemetry's status code.
    pub enum StatusCode, "status code" {
        /// Nothing was said.
        Unset = "unset",
        /// The application said that it went well.
        Ok = "ok",
        /// It failed.
        Error = "error",
    }
}

impl StatusCode {
    /// The number that OTLP gives this code: 0, 1 or 2.
    #[must_use]
    pub const fn otlp(self) -> i16 {
        match self {
            Self::Unset => 0,
            Self::Ok => 1,
            Self::Error => 2,
        }
    }

    /// The code that OTLP numbers so; unknown numbers are unset.
    #[must_use]
    pub const fn from_otlp(number: i32) -> Self {
        match number {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }
}
