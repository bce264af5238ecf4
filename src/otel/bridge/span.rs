//! A span of the SDK that is also the layer's.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::trace::{Event, Link, Span, SpanContext, Status};
use opentelemetry::{KeyValue, Value as Otel};
use opentelemetry_sdk::trace::Span as SdkSpan;

use super::reconcile::{explains, is_text_of};
use crate::model::Identity;
use crate::model::time::system_time;
use crate::otel::convert::{to_event, to_link, to_otel_event, to_otel_link, to_status};
use crate::otel::values::{to_otel, to_value};
use crate::pipeline::companion::{OwnedSpan, UserSet, is_forwarding, outside};
use crate::semconv::attribute_of;

pub(super) struct BridgeSpan {
    sdk: SdkSpan,
    ours: Option<Arc<dyn OwnedSpan>>,
    /// The ids from ancestors that the span began with.
    inherited: Identity,
    /// The owned layer sets the builder's status right after the span is made, whoever put it there.
    awaits_status: bool,
}

impl BridgeSpan {
    pub(super) fn new(sdk: SdkSpan, ours: Option<Arc<dyn OwnedSpan>>, inherited: Identity) -> Self {
        Self { sdk, ours, inherited, awaits_status: true }
    }

    /// The layer's span, while anything can be set on it.
    fn open(&self) -> Option<&Arc<dyn OwnedSpan>> {
        self.ours.as_ref().filter(|_| self.sdk.is_recording())
    }

    /// The layer's span, where a user is setting something.
    fn set_by_user(&self) -> Option<&Arc<dyn OwnedSpan>> {
        self.open().filter(|_| !is_forwarding())
    }

    /// Puts on the SDK's span what only the layer knows. The SDK appends: of a key with several values the last counts.
    fn complete(&mut self) {
        let Some(ours) = self.open().map(Arc::clone) else { return };
        let untold = ours.take_untold();
        for (key, value) in untold.attributes {
            self.sdk.set_attribute(KeyValue::new(key, to_otel(&value)));
        }
        for event in &untold.events {
            let Event { name, timestamp, attributes, .. } = to_otel_event(event);
            self.sdk.add_event_with_timestamp(name, timestamp, attributes);
        }
        for link in &untold.links {
            let Link { span_context, attributes, .. } = to_otel_link(link);
            self.sdk.add_link(span_context, attributes);
        }
        for (field, value) in
            ours.inherited().iter().filter(|(field, value)| self.inherited.get(*field) != Some(*value))
        {
            self.sdk.set_attribute(KeyValue::new(attribute_of(field), value.to_owned()));
        }
        let Some(ending) = ours.ending() else { return };
        if let Some(failure) = ending.failure {
            self.sdk.set_status(Status::error(failure));
        }
        if let Some(name) = ending.name {
            self.sdk.update_name(name);
        }
    }
}

impl Span for BridgeSpan {
    fn add_event_with_timestamp<T>(&mut self, name: T, timestamp: SystemTime, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        let name = name.into();
        if let Some(ours) = self.set_by_user() {
            ours.set(UserSet::Event(to_event(Event::new(name.clone(), timestamp, attributes.clone(), 0))));
        }
        self.sdk.add_event_with_timestamp(name, timestamp, attributes);
    }

    fn span_context(&self) -> &SpanContext {
        self.sdk.span_context()
    }

    fn is_recording(&self) -> bool {
        self.sdk.is_recording()
    }

    fn set_attribute(&mut self, mut attribute: KeyValue) {
        if let Some(ours) = self.open() {
            if !is_forwarding() {
                let key = String::from(attribute.key.clone()).into();
                ours.set(UserSet::Attribute(key, to_value(attribute.value.clone())));
            } else if let Otel::String(text) = &attribute.value
                // Only then it can be a number that the owned layer has no type for.
                && text.as_str().bytes().next().is_some_and(|first| first == b'-' || first.is_ascii_digit())
                && let Some(number) = ours.wide_integer(attribute.key.as_str())
                && is_text_of(&number, text.as_str())
            {
                attribute.value = to_otel(&number);
            }
        }
        self.sdk.set_attribute(attribute);
    }

    fn set_status(&mut self, status: Status) {
        let is_builders = std::mem::take(&mut self.awaits_status);
        if let Some(ours) = self.open()
            && if is_builders { !explains(&**ours, &status) } else { !is_forwarding() }
        {
            ours.set(UserSet::Status(to_status(status.clone())));
        }
        self.sdk.set_status(status);
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        let name = new_name.into();
        if let Some(ours) = self.set_by_user() {
            ours.set(UserSet::Name(name.clone().into_owned()));
        }
        self.sdk.update_name(name);
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        if let Some(ours) = self.set_by_user() {
            ours.set(UserSet::Link(to_link(Link::new(span_context.clone(), attributes.clone(), 0))));
        }
        self.sdk.add_link(span_context, attributes);
    }

    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        self.complete();
        // The owned layer takes the last exit for the end; both records are to say the same.
        let end = self.ours.as_ref().and_then(|ours| ours.ending()).map(|ending| system_time(ending.end_ns));
        outside(|| self.sdk.end_with_timestamp(end.unwrap_or(timestamp)));
    }
}

impl Drop for BridgeSpan {
    fn drop(&mut self) {
        // The SDK ends a span that nobody has; its processors must not come back to us then either.
        if self.sdk.is_recording() {
            outside(|| self.sdk.end());
        }
    }
}
