//! All that can be done for a batch outside the transaction.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::rc::Rc;
use std::sync::Arc;

use super::fit::{self, Fitting};
use super::{graph, lineage};
use crate::error::Result;
use crate::model::canonical::{self, Extra, to_json};
use crate::model::{Attributes, Event, InterpretedSpan, Kind, Lift, Resource, Scope, SpanState, Value};
use crate::semconv;
use crate::store::column::{count, message_text};
use crate::store::content::{Parts, pack};
use crate::store::convert::ENCODING;
use crate::store::rows::{ContentRow, ResourceRow, ScopeRow, SpanRow};

/// A span ready to be written: all that can be done outside the transaction is done.
pub(crate) struct Prepared<'a> {
    pub(super) item: &'a InterpretedSpan,
    pub(super) row: SpanRow,
    pub(super) content: ContentRow,
    /// What the row's content was cut into, where it is large.
    pub(super) parts: Parts,
    pub(super) resource: Rc<ResourceRow>,
    pub(super) scope: Rc<ScopeRow>,
}

/// Rows of the resources and scopes that a batch's spans share, by the place of the shared value.
#[derive(Default)]
struct Senders {
    resources: BTreeMap<*const Resource, Rc<ResourceRow>>,
    scopes: BTreeMap<*const Scope, Rc<ScopeRow>>,
}

/// Does all that can be done outside the transaction.
pub(crate) fn prepare<'a>(
    batch: impl IntoIterator<Item = &'a InterpretedSpan>,
    now_ns: i64,
    is_compressed: bool,
) -> Result<Vec<Prepared<'a>>> {
    let mut senders = Senders::default();
    batch.into_iter().map(|item| Prepared::new(item, &mut senders, now_ns, is_compressed)).collect()
}

impl<'a> Prepared<'a> {
    fn new(item: &'a InterpretedSpan, senders: &mut Senders, now_ns: i64, is_compressed: bool) -> Result<Self> {
        let resource = match senders.resources.entry(Arc::as_ptr(&item.record.resource)) {
            Entry::Occupied(known) => Rc::clone(known.get()),
            Entry::Vacant(new) => Rc::clone(new.insert(Rc::new(ResourceRow::new(&item.record.resource)?))),
        };
        let scope = match senders.scopes.entry(Arc::as_ptr(&item.record.scope)) {
            Entry::Occupied(known) => Rc::clone(known.get()),
            Entry::Vacant(new) => Rc::clone(new.insert(Rc::new(ScopeRow::new(&item.record.scope)?))),
        };
        let Fitting { content, cut_bytes, dropped } = fit::encode(item)?;
        let told = if item.told.is_empty() { None } else { Some(to_json(&item.told)?) };
        let mut row = SpanRow::new(item, &content, &scope.scope_id, &resource.resource_id, now_ns);
        row.inherited_ids = lineage::given(item);
        row.truncated_bytes = row.truncated_bytes.saturating_add(count(cut_bytes));
        row.dropped_count = row.dropped_count.saturating_add(i64::from(dropped));
        let mut content = ContentRow::new(&row, content, told);
        // A version that is not the last is soon replaced: it is not worth the work, and would leave its parts behind.
        let is_last = row.state == SpanState::Closed.rank();
        let parts = if is_last { pack(&mut content, is_compressed) } else { Parts::default() };
        Ok(Self { item, content, parts, row, resource, scope })
    }
}

/// The starts of a span's input and output, for lists, with the events that were logged of it.
pub(super) fn previews(item: &InterpretedSpan, logged: Vec<Event>) -> (Option<String>, Option<String>) {
    let own = &item.record.events;
    let events = if logged.is_empty() { Cow::Borrowed(own) } else { Cow::Owned([own.clone(), logged].concat()) };
    previews_of(&item.record.attributes, &events, &item.lifts, item.span.kind)
}

fn previews_of(
    attributes: &Attributes,
    events: &[Event],
    lifts: &[Lift],
    kind: Kind,
) -> (Option<String>, Option<String>) {
    let content = semconv::read_content(attributes, events, lifts, kind);
    let preview =
        |text: Option<String>| text.map(|text| message_text(&semconv::preview(&text))).filter(|text| !text.is_empty());
    (preview(content.input), preview(content.output))
}

/// The same from a stored payload, and what other spans and logged events tell of it.
pub(super) fn preview_of_content(
    row: &SpanRow,
    content: Option<ContentRow>,
    told: Vec<(String, Value)>,
    mut logged: Vec<Event>,
) -> Result<(Option<String>, Option<String>)> {
    let Some(content) = content.filter(|content| content.encoding == ENCODING) else {
        return Ok((None, None));
    };
    let mut attributes: Attributes = canonical::decode("attributes", &content.attributes)?;
    let told: Vec<_> = told.into_iter().filter(|(key, _)| attributes.get(key).is_none()).collect();
    told.into_iter().for_each(|(key, value)| attributes.push(key, value));
    let mut events: Vec<Event> = canonical::decode("events", &content.events)?;
    events.append(&mut logged);
    let extra: Extra = canonical::decode("particulars", &content.extra)?;
    Ok(previews_of(&attributes, &events, &extra.lifts, graph::kind(row)))
}
