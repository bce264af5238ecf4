//! The builder methods that filters share, with their documentation.

/// Stamps a builder method that adds a value of a field, or a family of methods, by name.
macro_rules! filter_method {
    ($($name:ident),+ $(,)?) => { $(filter_method!(@ $name);)+ };

    (@ values) => {
        filter_method!(run, session, conversation, user, agent, team, workflow, tool, model, provider, name, service, kind);
    };
    (@ run) => {
        /// A run's id.
        #[must_use]
        pub fn run(self, id: impl Into<String>) -> Self {
            self.with(Field::Run, id)
        }
    };
    (@ session) => {
        /// A session's id.
        #[must_use]
        pub fn session(self, id: impl Into<String>) -> Self {
            self.with(Field::Session, id)
        }
    };
    (@ conversation) => {
        /// A conversation's id, as the model provider or the framework numbers it.
        #[must_use]
        pub fn conversation(self, id: impl Into<String>) -> Self {
            self.with(Field::Conversation, id)
        }
    };
    (@ user) => {
        /// A user's id.
        #[must_use]
        pub fn user(self, id: impl Into<String>) -> Self {
            self.with(Field::User, id)
        }
    };
    (@ agent) => {
        /// An agent's id or name.
        #[must_use]
        pub fn agent(self, id_or_name: impl Into<String>) -> Self {
            self.with(Field::Agent, id_or_name)
        }
    };
    (@ team) => {
        /// A team's id or name.
        #[must_use]
        pub fn team(self, id_or_name: impl Into<String>) -> Self {
            self.with(Field::Team, id_or_name)
        }
    };
    (@ workflow) => {
        /// A workflow's id or name.
        #[must_use]
        pub fn workflow(self, id_or_name: impl Into<String>) -> Self {
            self.with(Field::Workflow, id_or_name)
        }
    };
    (@ tool) => {
        /// A tool's name.
        #[must_use]
        pub fn tool(self, name: impl Into<String>) -> Self {
            self.with(Field::Tool, name)
        }
    };
    (@ model) => {
        /// A model, the one asked for or the one that answered.
        #[must_use]
        pub fn model(self, model: impl Into<String>) -> Self {
            self.with(Field::Model, model)
        }
    };
    (@ provider) => {
        /// A model provider, in OpenTelemetry's spelling: `openai`, `anthropic`, `aws.bedrock` …
        #[must_use]
        pub fn provider(self, provider: impl Into<String>) -> Self {
            self.with(Field::Provider, provider)
        }
    };
    (@ name) => {
        /// A span's name, as recorded or as shown.
        #[must_use]
        pub fn name(self, name: impl Into<String>) -> Self {
            self.with(Field::Name, name)
        }
    };
    (@ service) => {
        /// A service: `service.name` of the resource.
        #[must_use]
        pub fn service(self, name: impl Into<String>) -> Self {
            self.with(Field::Service, name)
        }
    };
    (@ kind) => {
        /// A kind of span.
        #[must_use]
        pub fn kind(self, kind: Kind) -> Self {
            self.with(Field::Kind, kind.as_str())
        }
    };

    (@ times) => {
        /// From this time on.
        #[must_use]
        pub fn since(self, time: SystemTime) -> Self {
            self.since_ns(nanos_of(time))
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
            self.until_ns(nanos_of(time))
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
            self.conditions.last = Some(Duration::from_nanos(nanos(duration).unsigned_abs()));
            self
        }
    };

    (@ ranges) => {
        /// At least this long. What still runs has no duration and is not found.
        #[must_use]
        pub fn min_duration(mut self, duration: Duration) -> Self {
            self.conditions.duration.min = Some(Bound::inclusive(nanos(duration)));
            self
        }

        /// At most this long. What still runs has no duration and is not found.
        #[must_use]
        pub fn max_duration(mut self, duration: Duration) -> Self {
            self.conditions.duration.max = Some(Bound::inclusive(nanos(duration)));
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
