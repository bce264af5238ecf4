//! OpenTelemetry's environment variables, as far as they have a meaning here.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::layer::Limits;
use crate::model::{Attributes, Value};
use crate::policy::Hidden;

/// What the environment says. What it does not say is `None` or empty.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Environment {
    pub(super) is_disabled: bool,
    /// Whether a sampler is named, other than the one that takes all. Which one, the SDK reads.
    pub(super) has_sampler: bool,
    pub(super) max_queue_size: Option<usize>,
    pub(super) max_export_batch_size: Option<usize>,
    pub(super) scheduled_delay: Option<Duration>,
    attribute_count: Option<usize>,
    event_count: Option<usize>,
    link_count: Option<usize>,
    event_attribute_count: Option<usize>,
    pub(super) value_length: Option<usize>,
    service_name: Option<String>,
    resource: Vec<(String, String)>,
    /// Content that the environment keeps out.
    pub(super) hidden: Hidden,
}

/// Which of the variables that are read here are set, with their values, and what cannot be understood of them.
pub(super) fn understood() -> (Vec<(String, String)>, Vec<Error>) {
    understood_of(|name| std::env::var(name).ok())
}

fn understood_of(variable: impl Fn(&str) -> Option<String>) -> (Vec<(String, String)>, Vec<Error>) {
    let set = RefCell::new(BTreeMap::new());
    let (_, misunderstood) = Environment::read(|name| {
        let value = variable(name)?;
        set.borrow_mut().insert(name.to_owned(), value.clone());
        Some(value)
    });
    (set.into_inner().into_iter().collect(), misunderstood)
}

impl Environment {
    /// Reads the variables; also returns what cannot be understood.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> (Self, Vec<Error>) {
        let mut errors = Vec::new();
        // "The SDK MUST interpret an empty value the same way as when the variable is unset."
        let text = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let mut number = |names: &[&str]| {
            let (name, text) = names.iter().find_map(|name| text(name).map(|text| (*name, text)))?;
            let number = text.parse::<usize>();
            if number.is_err() {
                errors.push(Error::new(
                    ErrorKind::InvalidInput,
                    format!("{name}={text:?} is no whole number; the variable is ignored"),
                ));
            }
            number.ok()
        };
        let mut environment = Self {
            is_disabled: text("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true")),
            has_sampler: text("OTEL_TRACES_SAMPLER").is_some_and(|text| text != "always_on"),
            max_queue_size: number(&["OTEL_BSP_MAX_QUEUE_SIZE"]),
            max_export_batch_size: number(&["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"]),
            scheduled_delay: number(&["OTEL_BSP_SCHEDULE_DELAY"]).map(|ms| Duration::from_millis(ms as u64)),
            attribute_count: number(&["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"]),
            event_count: number(&["OTEL_SPAN_EVENT_COUNT_LIMIT"]),
            link_count: number(&["OTEL_SPAN_LINK_COUNT_LIMIT"]),
            event_attribute_count: number(&["OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"]),
            value_length: number(&["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"]),
            service_name: text("OTEL_SERVICE_NAME"),
            resource: text("OTEL_RESOURCE_ATTRIBUTES").map(|text| pairs(&text, &mut errors)).unwrap_or_default(),
            hidden: Hidden::default(),
        };
        environment.hidden = Hidden::read(variable, &mut errors);
        (environment, errors)
    }

    /// The default limits, as far as the environment does not change them.
    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        for (limit, variable) in [
            (&mut limits.attributes, self.attribute_count),
            (&mut limits.events, self.event_count),
            (&mut limits.links, self.link_count),
            (&mut limits.event_attributes, self.event_attribute_count),
        ] {
            *limit = variable.unwrap_or(*limit);
        }
        limits
    }

    /// The resource's attributes: what the program said over what the environment says over what is known anyway.
    pub(super) fn resource(self, service_name: Option<String>, own: Attributes) -> Attributes {
        let mut resource = Attributes::new();
        let from_variable = self.resource.iter().rev().find(|(key, _)| key == "service.name");
        let name = service_name
            .or_else(|| own.get("service.name").and_then(Value::as_str).map(str::to_owned))
            .or(self.service_name)
            .or_else(|| from_variable.map(|(_, value)| value.clone()))
            .unwrap_or_else(unknown_service);
        resource.push("service.name", name);
        resource.push("telemetry.sdk.name", env!("CARGO_PKG_NAME"));
        resource.push("telemetry.sdk.language", "rust");
        resource.push("telemetry.sdk.version", env!("CARGO_PKG_VERSION"));
        for (key, value) in self.resource {
            if key != "service.name" && own.get(&key).is_none() {
                resource.push(key, value);
            }
        }
        for (key, value) in own {
            if key != "service.name" {
                resource.push(key, value);
            }
        }
        resource
    }
}

/// `key=value,key=value`, both percent-encoded (OpenTelemetry resource specification).
fn pairs(text: &str, errors: &mut Vec<Error>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                pairs.push((percent_decoded(key.trim()), percent_decoded(value.trim())));
            }
            _ => errors.push(Error::new(
                ErrorKind::InvalidInput,
                format!("OTEL_RESOURCE_ATTRIBUTES: {pair:?} is no key=value; it is ignored"),
            )),
        }
    }
    pairs
}

/// What stands behind `%XX`; text that is not encoded right stays as it is.
fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8().map_or_else(|_| text.to_owned(), Into::into)
}

fn unknown_service() -> String {
    let executable = std::env::current_exe().ok();
    match executable.as_deref().and_then(|path| path.file_stem()).and_then(|name| name.to_str()) {
        Some(name) => format!("unknown_service:{name}"),
        None => "unknown_service".to_owned(),
    }
}

/// The machine's name where the system tells it in a file, else `HOSTNAME`, else empty.
pub(super) fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> (Environment, Vec<Error>) {
        Environment::read(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn batch_variables_are_opentelemetrys() {
        let (environment, errors) = read(&[
            ("OTEL_BSP_MAX_QUEUE_SIZE", "9"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", " 3 "),
            ("OTEL_BSP_SCHEDULE_DELAY", "250"),
            ("OTEL_SDK_DISABLED", "TRUE"),
        ]);
        assert!(errors.is_empty());
        assert_eq!((environment.max_queue_size, environment.max_export_batch_size), (Some(9), Some(3)));
        assert_eq!(environment.scheduled_delay, Some(Duration::from_millis(250)));
        assert!(environment.is_disabled);
    }

    #[test]
    fn nonsense_is_named_and_ignored() {
        let (environment, errors) = read(&[("OTEL_BSP_MAX_QUEUE_SIZE", "many"), ("OTEL_RESOURCE_ATTRIBUTES", "a=1,b")]);
        assert_eq!(environment.max_queue_size, None);
        assert_eq!(environment.resource, [("a".to_owned(), "1".to_owned())]);
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(texts[0].contains("OTEL_BSP_MAX_QUEUE_SIZE") && texts[1].contains("\"b\""), "{texts:?}");
    }

    #[test]
    fn what_is_set_and_read_is_told() {
        let given = [("OTEL_SERVICE_NAME", "shop"), ("OPENINFERENCE_HIDE_INPUTS", "1"), ("PATH", "/bin")];
        let (set, misunderstood) =
            understood_of(|name| given.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()));
        let set: Vec<_> = set.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(set, [("OPENINFERENCE_HIDE_INPUTS", "1"), ("OTEL_SERVICE_NAME", "shop")]);
        assert_eq!(misunderstood.len(), 1);
    }

    #[test]
    fn empty_is_unset() {
        let (environment, errors) = read(&[("OTEL_BSP_MAX_QUEUE_SIZE", ""), ("OTEL_SERVICE_NAME", " ")]);
        assert_eq!((environment, errors.len()), (Environment::default(), 0));
    }

    #[test]
    fn span_limits_win_over_general_ones() {
        let limits = read(&[("OTEL_ATTRIBUTE_COUNT_LIMIT", "5"), ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "7")]).0.limits();
        assert_eq!((limits.attributes, limits.events), (7, Limits::default().events));
    }

    #[test]
    fn the_service_name_has_an_order() {
        let name = |variables: &[(&str, &str)], own: Option<&str>| {
            let resource = read(variables).0.resource(own.map(str::to_owned), Attributes::new());
            resource.get("service.name").and_then(Value::as_str).map(str::to_owned)
        };
        let both = [("OTEL_SERVICE_NAME", "a"), ("OTEL_RESOURCE_ATTRIBUTES", "service.name=b%20c,x=1")];
        assert_eq!(name(&both, Some("own")).as_deref(), Some("own"));
        assert_eq!(name(&both, None).as_deref(), Some("a"));
        assert_eq!(name(&both[1..], None).as_deref(), Some("b c"));
        assert!(name(&[], None).is_some_and(|name| name.starts_with("unknown_service")));
    }

    #[test]
    fn wrong_percent_codes_stay() {
        assert_eq!(percent_decoded("50%25 %zz %"), "50% %zz %");
        assert_eq!(percent_decoded("%ff"), "%ff");
    }
}
