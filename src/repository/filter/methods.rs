//! The builder methods that filters share, with their documentation.

/// Stamps a builder method that adds a value of a field, or a family of methods, by name.
macro_rules! filter_method {
    ($($name:ident),+ $(,)?) => { $(filter_method!(@ $name);)+ };

    (@ values) => {
        filter_method!(@ value run, not_run, id, Run, "A run's id.");
        filter_method!(@ value session, not_session, id, Session, "A session's id.");
        filter_method!(@ value conversation, not_conversation, id, Conversation, "A conversation's id, as the model provider or the framework numbers it.");
        filter_method!(@ value user, not_user, id, User, "A user's id.");
        filter_method!(@ value agent, not_agent, id_or_name, Agent, "An agent's id or name.");
        filter_method!(@ value team, not_team, id_or_name, Team, "A team's id or name.");
        filter_method!(@ value workflow, not_workflow, id_or_name, Workflow, "A workflow's id or name.");
        filter_method!(@ value step, not_step, name, Step, "The name of a step of a workflow or of an agent's loop; of nested ones, the innermost.");
        filter_method!(@ value tool, not_tool, name, Tool, "A tool's name.");
        filter_method!(@ value model, not_model, model, Model, "A model, the one asked for or the one that answered.");
        filter_method!(@ value provider, not_provider, provider, Provider, "A model provider, in any spelling that is read: `openai`, `OpenAI`, `aws.bedrock`, `AwsBedrock` …");
        filter_method!(@ value name, not_name, name, Name, "A span's name, as recorded or as shown.");
        filter_method!(@ value service, not_service, name, Service, "A service: `service.name` of the resource.");
        filter_method!(@ kind);
    };
    (@ value $name:ident, $not:ident, $value:ident, $field:ident, $what:literal) => {
        #[doc = $what]
        #[must_use]
        pub fn $name(self, $value: impl Into<String>) -> Self {
            self.with(Field::$field, $value)
        }

        #[doc = concat!("Leaves out what [`", stringify!($name), "`](Self::", stringify!($name), ") finds.")]
        #[must_use]
        pub fn $not(self, $value: impl Into<String>) -> Self {
            self.without(Field::$field, $value)
        }
    };
    (@ kind) => {
        /// A kind of span.
        #[must_use]
        pub fn kind(self, kind: Kind) -> Self {
            self.with(Field::Kind, kind.as_str())
        }

        /// Leaves out what [`kind`](Self::kind) finds.
        #[must_use]
        pub fn not_kind(self, kind: Kind) -> Self {
            self.without(Field::Kind, kind.as_str())
        }
    };

    (@ times) => {
        /// From this time on.
        #[must_use]
        pub fn since(self, time: SystemTime) -> Self {
            self.since_ns(unix_ns(time))
        }

        /// From this time on, in nanoseconds since 1970.
        #[must_use]
        pub fn since_ns(mut self, time_ns: i64) -> Self {
            self.conditions.since_ns = Some(time_ns);
            self
        }

        /// Before this time.
        #[must_use]
        pub fn until(self, time: SystemTime) -> Self {
            self.until_ns(unix_ns(time))
        }

        /// Before this time, in nanoseconds since 1970.
        #[must_use]
        pub fn until_ns(mut self, time_ns: i64) -> Self {
            self.conditions.until_ns = Some(time_ns);
            self
        }

        /// Within this time before the moment of asking. Where [`since`](Self::since) is given too, the later of both counts.
        #[must_use]
        pub fn last(mut self, duration: Duration) -> Self {
            self.conditions.last = Some(Duration::from_nanos(duration_ns(duration).unsigned_abs()));
            self
        }
    };

    (@ ranges) => {
        /// At least this long. What still runs has no duration and is not found.
        #[must_use]
        pub fn min_duration(mut self, duration: Duration) -> Self {
            self.conditions.duration.min = Some(Bound::inclusive(duration_ns(duration)));
            self
        }

        /// At most this long. What still runs has no duration and is not found.
        #[must_use]
        pub fn max_duration(mut self, duration: Duration) -> Self {
            self.conditions.duration.max = Some(Bound::inclusive(duration_ns(duration)));
            self
        }

        /// At least this many tokens in all. What reports no tokens is not found.
        #[must_use]
        pub fn min_tokens(mut self, tokens: u64) -> Self {
            self.conditions.tokens.min = Some(Bound::inclusive(i64::try_from(tokens).unwrap_or(i64::MAX)));
            self
        }

        /// At most this many tokens in all. What reports no tokens is not found.
        #[must_use]
        pub fn max_tokens(mut self, tokens: u64) -> Self {
            self.conditions.tokens.max = Some(Bound::inclusive(i64::try_from(tokens).unwrap_or(i64::MAX)));
            self
        }
    };

    (@ paging) => {
        /// Items on a page: 20 by default; numbers outside 1 to 1,000 are brought into that range.
        #[must_use]
        pub fn limit(mut self, limit: u32) -> Self {
            self.conditions.limit = limit.clamp(1, MAX_LIMIT);
            self
        }

        /// Goes on after a page: give its [`next`](crate::model::Page::next).
        #[must_use]
        pub fn after(mut self, cursor: impl Into<Option<Cursor>>) -> Self {
            self.conditions.after = cursor.into();
            self
        }
    };
}
pub(super) use filter_method;

/// Stamps what every filter type is: conditions with a language, their text form, and access for the repository.
macro_rules! filter_type {
    ($type:ident, $language:expr) => {
        impl $type {
            /// A filter that everything passes.
            #[must_use]
            pub fn new() -> Self {
                Self::default()
            }

            fn with(mut self, field: Field, value: impl Into<String>) -> Self {
                self.conditions.add(field, value.into());
                self
            }

            fn without(mut self, field: Field, value: impl Into<String>) -> Self {
                self.conditions.exclude(field, value.into());
                self
            }

            pub(crate) const fn conditions(&self) -> &Conditions {
                &self.conditions
            }
        }

        impl std::str::FromStr for $type {
            type Err = crate::Error;

            /// # Errors
            /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput), whose message underlines the wrong word and lists what is known.
            fn from_str(text: &str) -> crate::Result<Self> {
                const LANGUAGE: Language = $language;
                parse(text, &LANGUAGE).map(|conditions| Self { conditions })
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.conditions, f)
            }
        }
    };
}
pub(super) use filter_type;
