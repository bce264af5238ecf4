//! OTLP's messages: the name of each field and its form.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use serde::de::MapAccess;
use serde::ser::SerializeMap;

use super::form::{Base64, Code, Float, Form, Hex, Kind, Many, Number, One, Text, Truth, Wide};
use super::message::{Message, read_optional, read_value, write_always, write_field};

/// `"name in JSON" | "name in protobuf" => field: form`.
macro_rules! messages {
    ($($message:ty, $what:literal { $($name:literal $(| $original:literal)? => $field:ident: $form:ty,)+ })+) => {
        $(impl Message for $message {
            const NAME: &'static str = $what;

            fn write_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                $(write_field::<$form, _, M>(map, $name, &self.$field)?;)+
                Ok(())
            }

            fn read_field<'de, M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error> {
                match name {
                    $($name $(| $original)? => self.$field = read_value::<$form, _, M>(map)?,)+
                    _ => return Ok(false),
                }
                Ok(true)
            }
        })+
    };
}

messages! {
    ExportTraceServiceRequest, "a request with spans" {
        "resourceSpans" | "resource_spans" => resource_spans: Many,
    }
    ResourceSpans, "a resource with its spans" {
        "resource" => resource: One,
        "scopeSpans" | "scope_spans" => scope_spans: Many,
        "schemaUrl" | "schema_url" => schema_url: Text,
    }
    Resource, "a resource" {
        "attributes" => attributes: Many,
        "droppedAttributesCount" | "dropped_attributes_count" => dropped_attributes_count: Number,
        "entityRefs" | "entity_refs" => entity_refs: Many,
    }
    EntityRef, "a reference to an entity" {
        "schemaUrl" | "schema_url" => schema_url: Text,
        "type" => r#type: Text,
        "idKeys" | "id_keys" => id_keys: Text,
        "descriptionKeys" | "description_keys" => description_keys: Text,
    }
    ScopeSpans, "a scope with its spans" {
        "scope" => scope: One,
        "spans" => spans: Many,
        "schemaUrl" | "schema_url" => schema_url: Text,
    }
    InstrumentationScope, "a scope" {
        "name" => name: Text,
        "version" => version: Text,
        "attributes" => attributes: Many,
        "droppedAttributesCount" | "dropped_attributes_count" => dropped_attributes_count: Number,
    }
    Span, "a span" {
        "traceId" | "trace_id" => trace_id: Hex,
        "spanId" | "span_id" => span_id: Hex,
        "traceState" | "trace_state" => trace_state: Text,
        "parentSpanId" | "parent_span_id" => parent_span_id: Hex,
        "flags" => flags: Number,
        "name" => name: Text,
        "kind" => kind: Kind,
        "startTimeUnixNano" | "start_time_unix_nano" => start_time_unix_nano: Wide,
        "endTimeUnixNano" | "end_time_unix_nano" => end_time_unix_nano: Wide,
        "attributes" => attributes: Many,
        "droppedAttributesCount" | "dropped_attributes_count" => dropped_attributes_count: Number,
        "events" => events: Many,
        "droppedEventsCount" | "dropped_events_count" => dropped_events_count: Number,
        "links" => links: Many,
        "droppedLinksCount" | "dropped_links_count" => dropped_links_count: Number,
        "status" => status: One,
    }
    span::Event, "an event" {
        "timeUnixNano" | "time_unix_nano" => time_unix_nano: Wide,
        "name" => name: Text,
        "attributes" => attributes: Many,
        "droppedAttributesCount" | "dropped_attributes_count" => dropped_attributes_count: Number,
    }
    span::Link, "a link" {
        "traceId" | "trace_id" => trace_id: Hex,
        "spanId" | "span_id" => span_id: Hex,
        "traceState" | "trace_state" => trace_state: Text,
        "attributes" => attributes: Many,
        "droppedAttributesCount" | "dropped_attributes_count" => dropped_attributes_count: Number,
        "flags" => flags: Number,
    }
    Status, "a status" {
        "message" => message: Text,
        "code" => code: Code,
    }
    ExportLogsServiceRequest, "a request with log records" {
        "resourceLogs" | "resource_logs" => resource_logs: Many,
    }
    ResourceLogs, "a resource with its log records" {
        "scopeLogs" | "scope_logs" => scope_logs: Many,
    }
    ScopeLogs, "a scope with its log records" {
        "logRecords" | "log_records" => log_records: Many,
    }
    // Of log records, what makes them events of spans: they are read, and never sent on.
    LogRecord, "a log record" {
        "timeUnixNano" | "time_unix_nano" => time_unix_nano: Wide,
        "observedTimeUnixNano" | "observed_time_unix_nano" => observed_time_unix_nano: Wide,
        "body" => body: One,
        "attributes" => attributes: Many,
        "droppedAttributesCount" | "dropped_attributes_count" => dropped_attributes_count: Number,
        "traceId" | "trace_id" => trace_id: Hex,
        "spanId" | "span_id" => span_id: Hex,
        "eventName" | "event_name" => event_name: Text,
    }
    KeyValue, "an attribute" {
        "key" => key: Text,
        "value" => value: One,
        "keyStrindex" | "key_strindex" => key_strindex: Number,
    }
    ArrayValue, "a list of values" {
        "values" => values: Many,
    }
    KeyValueList, "a list of attributes" {
        "values" => values: Many,
    }
}

/// What stands beside a NaN whose bits are not the usual ones.
const BITS: &str = "agentTracesBits";

impl Message for AnyValue {
    const NAME: &'static str = "a value";

    /// The one value, also where it is a default: absence is another value.
    fn write_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match &self.value {
            None => Ok(()),
            Some(Value::StringValue(text)) => write_always::<Text, _, M>(map, "stringValue", text),
            Some(Value::BoolValue(value)) => write_always::<Truth, _, M>(map, "boolValue", value),
            Some(Value::IntValue(number)) => write_always::<Wide, _, M>(map, "intValue", number),
            Some(Value::DoubleValue(number)) => {
                write_always::<Float, _, M>(map, "doubleValue", number)?;
                if number.is_nan() && number.to_bits() != f64::NAN.to_bits() {
                    write_always::<Hex, _, M>(map, BITS, &number.to_bits().to_be_bytes().to_vec())?;
                }
                Ok(())
            }
            Some(Value::ArrayValue(array)) => write_always::<One, _, M>(map, "arrayValue", array),
            Some(Value::KvlistValue(list)) => write_always::<One, _, M>(map, "kvlistValue", list),
            Some(Value::BytesValue(bytes)) => write_always::<Base64, _, M>(map, "bytesValue", bytes),
            Some(Value::StringValueStrindex(index)) => write_always::<Number, _, M>(map, "stringValueStrindex", index),
        }
    }

    fn read_field<'de, M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error> {
        let value = match name {
            "stringValue" | "string_value" => read_as::<Text, _, M>(map, Value::StringValue)?,
            "boolValue" | "bool_value" => read_as::<Truth, _, M>(map, Value::BoolValue)?,
            "intValue" | "int_value" => read_as::<Wide, _, M>(map, Value::IntValue)?,
            "doubleValue" | "double_value" => {
                // The bits may have come first.
                let bits = nan(self);
                read_as::<Float, _, M>(map, |number| {
                    Value::DoubleValue(bits.filter(|_| number.is_nan()).unwrap_or(number))
                })?
            }
            "arrayValue" | "array_value" => read_as::<One, _, M>(map, Value::ArrayValue)?,
            "kvlistValue" | "kvlist_value" => read_as::<One, _, M>(map, Value::KvlistValue)?,
            "bytesValue" | "bytes_value" => read_as::<Base64, _, M>(map, Value::BytesValue)?,
            "stringValueStrindex" | "string_value_strindex" => {
                read_as::<Number, _, M>(map, Value::StringValueStrindex)?
            }
            BITS => {
                let bits: Vec<u8> = read_value::<Hex, _, M>(map)?;
                let number = bits.try_into().ok().map(|bits| f64::from_bits(u64::from_be_bytes(bits)));
                let fits = self.value.is_none() || nan(self).is_some();
                number.filter(|number| fits && number.is_nan()).map(Value::DoubleValue)
            }
            _ => return Ok(false),
        };
        // A member that is `null` is one that is not set.
        if value.is_some() {
            self.value = value;
        }
        Ok(true)
    }
}

/// A member of a value.
fn read_as<'de, F: Form<T>, T, M: MapAccess<'de>>(
    map: &mut M,
    make: impl FnOnce(T) -> Value,
) -> Result<Option<Value>, M::Error> {
    Ok(read_optional::<F, T, M>(map)?.map(make))
}

/// The NaN that a value is so far.
const fn nan(value: &AnyValue) -> Option<f64> {
    match value.value {
        Some(Value::DoubleValue(number)) if number.is_nan() => Some(number),
        _ => None,
    }
}
