//! `tracing` callsites that are made at run time.
//!
//! A callsite written in source is a static; one read from a file has to live as long, so it is leaked, once for each different
//! one. It answers like the statics of `tracing`'s macros: its interest is cached, and a disabled callsite costs no span.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use tracing::callsite::{Callsite, Identifier};
use tracing::field::FieldSet;
use tracing::level_filters::LevelFilter;
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, dispatcher};

use super::recording::{EventLine, SpanLine};

/// All that tells one callsite from another.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Description {
    is_span: bool,
    name: String,
    target: String,
    level: Level,
    file: Option<String>,
    line: Option<u32>,
    fields: Vec<String>,
}

/// A callsite, registered with `tracing`.
pub(crate) struct Site {
    metadata: OnceLock<Metadata<'static>>,
    interest: AtomicU8,
}

const NEVER: u8 = 0;
const SOMETIMES: u8 = 1;
const ALWAYS: u8 = 2;

static SITES: LazyLock<Mutex<HashMap<Description, &'static Site>>> = LazyLock::new(Mutex::default);

/// The callsite of a recorded span.
pub(crate) fn of_span(span: &SpanLine) -> &'static Site {
    site(Description {
        is_span: true,
        name: span.name.clone(),
        target: span.target.clone(),
        level: span.level,
        file: span.file.clone(),
        line: span.line,
        fields: span.fields(),
    })
}

/// The callsite of a recorded event.
pub(crate) fn of_event(event: &EventLine) -> &'static Site {
    site(Description {
        is_span: false,
        name: event.name.clone(),
        target: event.target.clone(),
        level: event.level,
        file: event.file.clone(),
        line: event.line,
        fields: event.fields.iter().map(|field| field.name.clone()).collect(),
    })
}

fn site(description: Description) -> &'static Site {
    let mut sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(site) = sites.get(&description) {
        return site;
    }
    let site: &'static Site = Box::leak(Box::new(Site { metadata: OnceLock::new(), interest: AtomicU8::new(NEVER) }));
    let Description { is_span, name, target, level, file, line, fields } = description.clone();
    let fields: Vec<&'static str> = fields.into_iter().map(|name| &*name.leak()).collect();
    site.metadata.get_or_init(|| {
        Metadata::new(
            name.leak(),
            target.leak(),
            level,
            file.map(|file| &*file.leak()),
            line,
            None,
            FieldSet::new(fields.leak(), Identifier(site)),
            if is_span { Kind::SPAN } else { Kind::EVENT },
        )
    });
    tracing::callsite::register(site);
    sites.insert(description, site);
    site
}

impl Site {
    #[expect(clippy::expect_used, reason = "set before the site leaves the function that makes it")]
    pub(crate) fn metadata(&self) -> &Metadata<'static> {
        self.metadata.get().expect("a callsite has its metadata")
    }

    /// Whether a subscriber wants this callsite: the question that `tracing`'s macros ask.
    pub(crate) fn is_enabled(&self) -> bool {
        let metadata = self.metadata();
        *metadata.level() <= LevelFilter::current()
            && match self.interest.load(Ordering::Relaxed) {
                NEVER => false,
                ALWAYS => true,
                _ => dispatcher::get_default(|dispatch| dispatch.enabled(metadata)),
            }
    }
}

impl Callsite for Site {
    fn set_interest(&self, interest: Interest) {
        let interest = match () {
            () if interest.is_never() => NEVER,
            () if interest.is_always() => ALWAYS,
            () => SOMETIMES,
        };
        self.interest.store(interest, Ordering::Relaxed);
    }

    fn metadata(&self) -> &Metadata<'_> {
        Site::metadata(self)
    }
}
