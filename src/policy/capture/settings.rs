//! What a program wants to be kept, and what its environment hides.

use std::str::FromStr;

use crate::error::{Error, ErrorKind};
use crate::model::text_enum;
use crate::semconv::{Holds, Side};

text_enum! {
    /// A class of content: what an agent's run reads and writes.
    pub enum ContentClass, "class of content" {
        /// System prompts and instructions.
        System = "system",
        /// What users and programs ask: prompts, queries, inputs of agents.
        Prompts = "prompts",
        /// What models and agents answer.
        Completions = "completions",
        /// What tools are called with.
        ToolArguments = "tool_arguments",
        /// What tools answer.
        ToolResults = "tool_results",
        /// Documents that were found or ranked, and texts that were embedded.
        Documents = "documents",
        /// Images, audio, files: parts of messages, data URLs, and long texts of base64.
        Media = "media",
    }
}

text_enum! {
    /// How much of a class of content is kept.
    #[doc(alias = "record_content")]
    pub enum CaptureLevel, "capture level" {
        /// Nothing: attributes and messages are gone.
        Off = "off",
        /// What it is and how long, and not what it says: roles, types of parts, tool names and call ids stay, texts become
        /// `[withheld 12 bytes]`; media become a reference with type, length and digest.
        Metadata = "metadata",
        /// All of it.
        Full = "full",
    }
}

/// How much content is kept, of each class. By default all.
///
/// ```
/// use tracing_agents::{AgentTracing, CaptureLevel, CapturePolicy, ContentClass};
///
/// # fn main() -> Result<(), tracing_agents::Error> {
/// let policy = CapturePolicy::metadata()
///     .with(ContentClass::ToolArguments, CaptureLevel::Full)
///     .with(ContentClass::Documents, CaptureLevel::Off);
/// assert_eq!(policy, "metadata,tool_arguments=full,documents=off".parse()?);
///
/// let tracing = AgentTracing::builder("sqlite::memory:").capture(policy).open()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapturePolicy {
    levels: Levels,
    max_media_bytes: Option<usize>,
}

/// A level for each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Levels([CaptureLevel; ContentClass::ALL.len()]);

impl CapturePolicy {
    /// All content is kept: the default.
    #[must_use]
    pub const fn full() -> Self {
        Self::of(CaptureLevel::Full)
    }

    /// Of all content it is kept what it is and how long.
    #[must_use]
    pub const fn metadata() -> Self {
        Self::of(CaptureLevel::Metadata)
    }

    /// No content is kept.
    #[must_use]
    pub const fn off() -> Self {
        Self::of(CaptureLevel::Off)
    }

    const fn of(level: CaptureLevel) -> Self {
        Self { levels: Levels::all(level), max_media_bytes: None }
    }

    /// The same with another level for one class.
    #[must_use]
    pub fn with(mut self, class: ContentClass, level: CaptureLevel) -> Self {
        self.levels.set(class, level);
        self
    }

    /// Larger media become a reference (`media:image/png;length=48213;sha256=…`), also where media are kept. By default none.
    #[must_use]
    pub const fn max_media_bytes(mut self, bytes: usize) -> Self {
        self.max_media_bytes = Some(bytes);
        self
    }

    /// How much is kept of a class.
    #[must_use]
    pub fn level(&self, class: ContentClass) -> CaptureLevel {
        self.levels.of(class)
    }

    pub(crate) const fn levels(&self) -> Levels {
        self.levels
    }

    /// The length beyond which media become a reference.
    pub(crate) const fn media_limit(&self) -> Option<usize> {
        self.max_media_bytes
    }
}

impl Default for CapturePolicy {
    fn default() -> Self {
        Self::full()
    }
}

/// A level (`metadata`), exceptions by class (`prompts=off`), or both, separated by commas.
impl FromStr for CapturePolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |error: crate::model::UnknownWord| {
            Error::with_source(ErrorKind::InvalidInput, format!("capture {text:?}"), error)
        };
        let (mut policy, mut exceptions) = (Self::default(), Vec::new());
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            match item.split_once('=') {
                Some((class, level)) => {
                    exceptions.push((class.trim().parse().map_err(wrong)?, level.trim().parse().map_err(wrong)?));
                }
                None => policy = Self::of(item.parse().map_err(wrong)?),
            }
        }
        Ok(exceptions.into_iter().fold(policy, |policy, (class, level)| policy.with(class, level)))
    }
}

impl Levels {
    pub(super) const fn all(level: CaptureLevel) -> Self {
        Self([level; ContentClass::ALL.len()])
    }

    pub(super) fn of(&self, class: ContentClass) -> CaptureLevel {
        self.0.get(class as usize).copied().unwrap_or(CaptureLevel::Off)
    }

    fn set(&mut self, class: ContentClass, level: CaptureLevel) {
        if let Some(slot) = self.0.get_mut(class as usize) {
            *slot = level;
        }
    }

    /// The same, and no class at more than `level`.
    pub(super) fn at_most(mut self, level: CaptureLevel) -> Self {
        self.0.iter_mut().for_each(|own| *own = level.min(*own));
        self
    }

    /// Whether everything but media is kept.
    pub(super) fn keeps_texts(&self) -> bool {
        let texts = ContentClass::ALL.iter().filter(|class| **class != ContentClass::Media);
        texts.into_iter().all(|class| self.of(*class) == CaptureLevel::Full)
    }
}

/// What environment variables hide. They name places rather than classes, and can only reduce what is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one variable")]
pub(crate) struct Hidden {
    /// No content at all.
    pub(crate) all: bool,
    /// No content on spans, but in events by OpenTelemetry's conventions; and the other way round.
    pub(crate) on_spans: bool,
    pub(crate) in_events: bool,
    pub(crate) inputs: bool,
    pub(crate) outputs: bool,
    pub(crate) input_messages: bool,
    pub(crate) output_messages: bool,
    pub(crate) input_text: bool,
    pub(crate) output_text: bool,
    pub(crate) images: bool,
    pub(crate) prompts: bool,
    pub(crate) choices: bool,
    pub(crate) invocation_parameters: bool,
    pub(crate) tools: bool,
    pub(crate) embedding_vectors: bool,
    pub(crate) embedding_text: bool,
    /// Characters of base64 from which on an image becomes a reference.
    pub(crate) max_image_length: Option<usize>,
}

impl Hidden {
    /// How much may be kept of what stands in a place.
    pub(super) fn allows(&self, holds: Holds<'_>, is_event: bool) -> CaptureLevel {
        let by_side = |side, [hides_in, hides_out]: [bool; 2]| if side == Side::In { hides_in } else { hides_out };
        let values = [self.inputs, self.outputs];
        let messages = [self.inputs || self.input_messages, self.outputs || self.output_messages];
        let texts = [self.input_text, self.output_text];
        let (is_off, is_text_off) = match holds {
            Holds::Value(side) | Holds::Documents(side) | Holds::DocumentLeaf(side, _) => {
                (by_side(side, values), false)
            }
            Holds::Messages(side) | Holds::Leaf(side, ..) => (by_side(side, messages), by_side(side, texts)),
            Holds::Instructions => (by_side(Side::In, messages), self.input_text),
            Holds::Conversation => (messages != [false; 2], texts != [false; 2]),
            Holds::Text(side, _) => (by_side(side, [self.inputs || self.prompts, self.outputs || self.choices]), false),
            Holds::ToolArguments | Holds::Query => (self.inputs, false),
            Holds::ToolResult => (self.outputs, false),
            Holds::EmbeddedText => (self.embedding_text, false),
            Holds::EmbeddingVector => (self.embedding_vectors, false),
            Holds::Tools => (self.inputs || self.tools, false),
            Holds::Parameters => (self.invocation_parameters, false),
        };
        let is_elsewhere = if is_event { self.in_events } else { self.on_spans };
        match (self.all || is_elsewhere || is_off, is_text_off) {
            (true, _) => CaptureLevel::Off,
            (false, true) => CaptureLevel::Metadata,
            (false, false) => CaptureLevel::Full,
        }
    }

    /// The policy as far as it does not depend on places.
    pub(crate) fn reduce(&self, mut policy: CapturePolicy) -> CapturePolicy {
        if self.all {
            policy.levels = policy.levels.at_most(CaptureLevel::Off);
        }
        if self.images {
            policy.levels.set(ContentClass::Media, CaptureLevel::Off);
        }
        if let Some(length) = self.max_image_length {
            let bytes = length / 4 * 3;
            policy.max_media_bytes = Some(policy.max_media_bytes.map_or(bytes, |own| own.min(bytes)));
        }
        policy
    }

    /// Whether nothing is hidden that a place decides.
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self { max_image_length: self.max_image_length, images: self.images, ..Self::default() }
    }
}
