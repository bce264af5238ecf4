//! Settings, and what OpenTelemetry's variables say where they are silent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::settings::{Otlp, Protocol, TRACES_PATH};
use super::tls::{Pem, Trust};
use crate::error::{Error, ErrorKind, Result};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Settings without a gap.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) endpoint: Url,
    pub(super) protocol: Protocol,
    pub(super) headers: HeaderMap,
    pub(super) gzip: bool,
    pub(super) timeout: Duration,
    pub(super) trust: Trust,
}

impl Resolved {
    /// The endpoint without what may be a secret.
    pub(super) fn shown_endpoint(&self) -> String {
        let url = &self.endpoint;
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path().trim_end_matches('/'))
    }
}

/// A variable's name for traces alone, and for all signals.
fn names(option: &str) -> [String; 2] {
    [format!("OTEL_EXPORTER_OTLP_TRACES_{option}"), format!("OTEL_EXPORTER_OTLP_{option}")]
}

/// Fills the gaps of `otlp`. A number or word that nobody understands is told in `misunderstood` and ignored, as OpenTelemetry asks; an
/// address or a header is not, since spans would go elsewhere or unnamed.
pub(super) fn resolve(
    otlp: Otlp,
    variable: impl Fn(&str) -> Option<String>,
    misunderstood: &mut Vec<Error>,
) -> Result<Resolved> {
    let set = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let first = |option: &str| names(option).into_iter().find_map(|name| Some((set(&name)?, name)));
    // The first of both variables that can be understood.
    fn read<T>(
        option: &str,
        set: impl Fn(&str) -> Option<String>,
        known: &str,
        parse: impl Fn(&str) -> Option<T>,
        misunderstood: &mut Vec<Error>,
    ) -> Option<T> {
        names(option).into_iter().find_map(|name| {
            let text = set(&name)?;
            let parsed = parse(&text);
            if parsed.is_none() {
                let message = format!("{name}={text:?} is not {known}; the variable is ignored");
                misunderstood.push(Error::new(ErrorKind::InvalidInput, message));
            }
            parsed
        })
    }

    let protocol = otlp.protocol.or_else(|| read("PROTOCOL", set, "http/protobuf or grpc", protocol, misunderstood));
    let protocol = protocol.unwrap_or(Protocol::HttpProtobuf);
    let gzip = otlp.gzip.or_else(|| read("COMPRESSION", set, "gzip or none", compression, misunderstood));
    let timeout =
        otlp.timeout.or_else(|| read("TIMEOUT", set, "a number of milliseconds", milliseconds, misunderstood));

    let endpoint = match otlp.endpoint {
        Some(endpoint) => Some((endpoint, "the endpoint of `otlp`".to_owned(), UrlPath::IfNone)),
        None => {
            let [of_traces, of_all] = names("ENDPOINT");
            let all = || set(&of_all).map(|endpoint| (endpoint, of_all.clone(), UrlPath::Append));
            set(&of_traces).map(|endpoint| (endpoint, of_traces.clone(), UrlPath::AsItIs)).or_else(all)
        }
    };
    let is_plain = read("INSECURE", set, "true or false", truth, misunderstood).unwrap_or(false);
    let endpoint = match (endpoint, protocol) {
        (Some((text, source, path)), Protocol::Grpc) if !text.contains("://") => {
            let scheme = if is_plain { "http" } else { "https" };
            self::endpoint(&format!("{scheme}://{}", text.trim()), &source, protocol, path)?
        }
        (Some((text, source, path)), _) => self::endpoint(&text, &source, protocol, path)?,
        (None, Protocol::HttpProtobuf) => {
            self::endpoint("http://localhost:4318", "the endpoint", protocol, UrlPath::Append)?
        }
        (None, Protocol::Grpc) => self::endpoint("http://localhost:4317", "the endpoint", protocol, UrlPath::AsItIs)?,
    };

    let mut headers = HeaderMap::new();
    if let Some((text, source)) = first("HEADERS") {
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| wrong_header(&source, "an entry has no `=`"))?;
            let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8();
            let value = value.map_err(|_| wrong_header(&source, &format!("the value of {name:?} is no UTF-8")))?;
            insert(&mut headers, name.trim(), &value, &source)?;
        }
    }
    for (name, value) in &otlp.headers {
        insert(&mut headers, name, value, "a header of `otlp`")?;
    }
    let file = |own: Option<&PathBuf>, what: &str, option: &str| match own {
        Some(file) => Pem::read(file, what).map(Some),
        None => first(option).map(|(file, name)| Pem::read(Path::new(&file), &name)).transpose(),
    };
    let own = otlp.client_certificate.as_ref();
    let shown = file(own.map(|own| &own.0), "the client certificate of `otlp`", "CLIENT_CERTIFICATE")?;
    let key = file(own.map(|own| &own.1), "the client key of `otlp`", "CLIENT_KEY")?;
    let identity = match (shown, key) {
        (Some(shown), Some(key)) => Some((shown, key)),
        (None, None) => None,
        _ => {
            let message = "a client certificate needs its key, and the key its certificate: of _CLIENT_CERTIFICATE and _CLIENT_KEY only one is set";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
    };
    let authorities = file(otlp.certificate.as_ref(), "the certificate of `otlp`", "CERTIFICATE")?;
    let (gzip, timeout) = (gzip.unwrap_or(false), timeout.unwrap_or(TIMEOUT));
    Ok(Resolved { endpoint, protocol, headers, gzip, timeout, trust: Trust { authorities, identity } })
}

/// What becomes of an endpoint's path, over HTTP.
enum UrlPath {
    AsItIs,
    /// The path of traces is appended.
    Append,
    /// The path of traces is appended where there is none.
    IfNone,
}

fn endpoint(text: &str, source: &str, protocol: Protocol, path: UrlPath) -> Result<Url> {
    let example = match protocol {
        Protocol::HttpProtobuf => "http://127.0.0.1:4318",
        Protocol::Grpc => "http://127.0.0.1:4317",
    };
    let wrong = |why: &str| {
        Error::new(ErrorKind::InvalidUrl, format!("{source} is no OTLP endpoint: {why}; give it one like {example}"))
    };
    let mut url = Url::parse(text.trim()).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(&format!("its scheme is {:?}, not http or https", url.scheme())));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("it names no host"));
    }
    let is_root = matches!(url.path(), "" | "/");
    if protocol == Protocol::HttpProtobuf
        && (matches!(path, UrlPath::Append) || matches!(path, UrlPath::IfNone) && is_root)
    {
        let longer = format!("{}/{TRACES_PATH}", url.path().trim_end_matches('/'));
        url.set_path(&longer);
    }
    Ok(url)
}

fn protocol(text: &str) -> Option<Protocol> {
    match text.to_ascii_lowercase().as_str() {
        "http/protobuf" => Some(Protocol::HttpProtobuf),
        "grpc" => Some(Protocol::Grpc),
        _ => None,
    }
}

fn compression(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "gzip" => Some(true),
        "none" => Some(false),
        _ => None,
    }
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn milliseconds(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_millis)
}

fn insert(headers: &mut HeaderMap, name: &str, value: &str, source: &str) -> Result<()> {
    let key = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| wrong_header(source, &format!("{name:?} is no header's name")))?;
    // The value is not shown: it may be a key.
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| wrong_header(source, &format!("the value of {name:?} has characters that no header can have")))?;
    value.set_sensitive(true);
    headers.insert(key, value);
    Ok(())
}

fn wrong_header(source: &str, why: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("{source} cannot be sent: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(otlp: Otlp, variables: &[(&str, &str)]) -> (Result<Resolved>, Vec<String>) {
        let mut misunderstood = Vec::new();
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let resolved = resolve(otlp, variable, &mut misunderstood);
        (resolved, misunderstood.iter().map(ToString::to_string).collect())
    }

    fn resolved(otlp: Otlp, variables: &[(&str, &str)]) -> Resolved {
        let (resolved, misunderstood) = with(otlp, variables);
        assert_eq!(misunderstood, Vec::<String>::new());
        resolved.unwrap()
    }

    #[test]
    fn endpoints_come_from_code_then_from_the_traces_variable_then_from_the_general_one() {
        let (general, traces) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        for (otlp, variables, expected) in [
            (Otlp::from_env(), &[][..], "http://localhost:4318/v1/traces"),
            (Otlp::from_env(), &[(general, "http://a:1")], "http://a:1/v1/traces"),
            (Otlp::from_env(), &[(general, "https://a/base/")], "https://a/base/v1/traces"),
            (Otlp::from_env(), &[(general, "http://a:1"), (traces, "http://b:2")], "http://b:2/"),
            (Otlp::from_env(), &[(traces, "http://b:2/v1/traces?k=v")], "http://b:2/v1/traces?k=v"),
            (Otlp::from_env(), &[(general, " "), grpc], "http://localhost:4317/"),
            (Otlp::from_env(), &[(general, "http://a:1"), grpc], "http://a:1/"),
            (
                Otlp::http("http://c:3"),
                &[(general, "http://a:1"), (traces, "http://b:2"), grpc],
                "http://c:3/v1/traces",
            ),
            ("http://c:3/own/path".into(), &[(traces, "http://b:2")], "http://c:3/own/path"),
            (Otlp::grpc("http://c:3"), &[], "http://c:3/"),
            (Otlp::phoenix("http://127.0.0.1:6006/"), &[], "http://127.0.0.1:6006/v1/traces"),
            (Otlp::phoenix("http://127.0.0.1:6006/v1/traces"), &[], "http://127.0.0.1:6006/v1/traces"),
            (Otlp::langfuse("https://l.example", "pk", "sk"), &[], "https://l.example/api/public/otel/v1/traces"),
        ] {
            assert_eq!(resolved(otlp, variables).endpoint.as_str(), expected, "{variables:?}");
        }
    }

    #[test]
    fn the_variable_for_traces_wins_and_code_wins_over_both() {
        let variables = [
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=general,only=general"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=traces, B=Basic%20x=="),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2000"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
        ];
        let of = |settings: &Resolved, name: &str| settings.headers.get(name).map(|it| it.to_str().unwrap().to_owned());
        let settings = resolved(Otlp::from_env(), &variables);
        assert_eq!((of(&settings, "a"), of(&settings, "b")), (Some("traces".into()), Some("Basic x==".into())));
        assert_eq!(of(&settings, "only"), None, "the variable as a whole");
        assert_eq!((settings.protocol, settings.gzip), (Protocol::Grpc, false));
        assert_eq!(settings.timeout, Duration::from_secs(2));

        let code = Otlp::http("http://c").header("A", "code").gzip(true).timeout(Duration::from_secs(3));
        let settings = resolved(code, &variables);
        assert_eq!((of(&settings, "a"), of(&settings, "b")), (Some("code".into()), Some("Basic x==".into())));
        assert_eq!((settings.protocol, settings.gzip), (Protocol::HttpProtobuf, true));
        assert_eq!(settings.timeout, Duration::from_secs(3));
    }

    #[test]
    fn langfuse_gets_its_keys_as_basic_credentials() {
        let settings = resolved(Otlp::langfuse("https://l.example/", "pk-1", "sk-2"), &[]);
        assert_eq!(settings.headers.get("authorization").unwrap(), "Basic cGstMTpzay0y");
        assert!(!format!("{:?}", Otlp::langfuse("https://l.example", "pk-1", "sk-2")).contains("sk-2"));
    }

    #[test]
    fn what_nobody_understands_is_told_and_the_next_variable_is_asked() {
        let variables = [
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "GRPC"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "br"),
        ];
        let (settings, misunderstood) = with(Otlp::from_env(), &variables);
        let settings = settings.unwrap();
        assert_eq!((settings.protocol, settings.gzip, settings.timeout), (Protocol::Grpc, false, TIMEOUT));
        for name in ["TRACES_PROTOCOL", "OTLP_TIMEOUT", "OTLP_COMPRESSION"] {
            assert!(misunderstood.iter().any(|text| text.contains(name)), "{misunderstood:?}");
        }
        assert_eq!(misunderstood.len(), 3);
    }

    #[test]
    fn a_wrong_endpoint_or_header_is_named_with_where_it_was_said() {
        for (otlp, variables, parts) in [
            (Otlp::http("collector:4318"), &[][..], ["endpoint of `otlp`", "scheme"]),
            (Otlp::http("not a url"), &[], ["endpoint of `otlp`", "http://127.0.0.1:4318"]),
            (Otlp::from_env(), &[("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://a")], ["OTEL_EXPORTER_OTLP_ENDPOINT", "ftp"]),
            (Otlp::from_env(), &[("OTEL_EXPORTER_OTLP_HEADERS", "k")], ["OTEL_EXPORTER_OTLP_HEADERS", "="]),
            (Otlp::http("http://a").header("a b", "v"), &[], ["header of `otlp`", "a b"]),
            (Otlp::http("http://a").header("key", "line\nbreak"), &[], ["header of `otlp`", "key"]),
        ] {
            let error = with(otlp, variables).0.unwrap_err();
            assert!(parts.iter().all(|part| error.to_string().contains(part)), "{error}");
        }
    }

    #[test]
    fn the_shown_endpoint_has_no_secrets() {
        let settings = resolved(Otlp::http("https://me:secret@h.example:8443/v1/traces?token=t"), &[]);
        assert_eq!(settings.shown_endpoint(), "https://h.example:8443/v1/traces");
    }

    #[test]
    fn a_grpc_endpoint_without_a_scheme_is_encrypted_unless_it_is_said_to_be_insecure() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317");
        let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        for (variables, expected) in [
            (&[endpoint, grpc][..], "https://collector:4317/"),
            (&[endpoint, grpc, ("OTEL_EXPORTER_OTLP_INSECURE", "true")], "http://collector:4317/"),
            (&[endpoint, grpc, ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "false")], "https://collector:4317/"),
        ] {
            assert_eq!(resolved(Otlp::from_env(), variables).endpoint.as_str(), expected, "{variables:?}");
        }
    }

    #[test]
    fn certificates_come_from_files_that_variables_name() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/otlp/tls");
        let file = |name: &str| folder.join(name).display().to_string();
        let (authority, certificate, key) = (file("authority.pem"), file("client.pem"), file("client.key"));
        let variables = [
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere"),
            ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", authority.as_str()),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", certificate.as_str()),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", key.as_str()),
        ];
        let trust = resolved(Otlp::from_env(), &variables).trust;
        assert!(trust.authorities.is_some() && trust.identity.is_some());
        assert!(trust.config().is_ok() && trust.grpc_config().is_ok());

        let error = |variables: &[(&str, &str)]| with(Otlp::from_env(), variables).0.unwrap_err().to_string();
        let missing = error(&variables[..1]);
        assert!(missing.starts_with("OTEL_EXPORTER_OTLP_CERTIFICATE, /nowhere, cannot be read"), "{missing}");
        assert!(error(&variables[1..3]).contains("only one is set"));
    }
}
