//! Where spans go over OTLP, and how.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The path of traces under a receiver's address.
pub(super) const TRACES_PATH: &str = "v1/traces";

/// A receiver of OTLP: its address, and how spans get there. For [`Builder::otlp`](crate::Builder::otlp).
///
/// What is not set here comes from the environment, as OpenTelemetry has it: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` (as it is) or
/// `OTEL_EXPORTER_OTLP_ENDPOINT` (to which `/v1/traces` is appended), and `_HEADERS`, `_PROTOCOL` (`http/protobuf`, `grpc`), `_TIMEOUT`
/// (milliseconds), `_COMPRESSION` (`gzip`, `none`), `_CERTIFICATE`, `_CLIENT_CERTIFICATE` and `_CLIENT_KEY` (files), and for a gRPC endpoint
/// without a scheme `_INSECURE` (`true`: it is not encrypted), of which the one with `TRACES` in it wins. Else it is HTTP to
/// `http://localhost:4318/v1/traces`, or gRPC to `http://localhost:4317`, without compression, for 10 seconds at most.
///
/// ```no_run
/// use std::time::Duration;
/// use tracing_agents::AgentTracing;
/// use tracing_agents::otel::Otlp;
///
/// # fn main() -> Result<(), tracing_agents::Error> {
/// let collector = Otlp::grpc("https://collector.example:4317").header("api-key", "…").gzip(true).timeout(Duration::from_secs(5));
/// let tracing = AgentTracing::builder("sqlite://traces.db").otlp(collector).open()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[must_use = "settings do nothing until a builder has them"]
pub struct Otlp {
    pub(super) endpoint: Option<String>,
    pub(super) protocol: Option<Protocol>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) gzip: Option<bool>,
    pub(super) timeout: Option<Duration>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) client_certificate: Option<(PathBuf, PathBuf)>,
}

/// How OTLP travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// Protobuf over HTTP.
    HttpProtobuf,
    /// gRPC.
    Grpc,
}

impl Otlp {
    /// All of it from the environment.
    pub fn from_env() -> Self {
        Self::default()
    }

    /// Over HTTP to `endpoint`. One without a path gets `/v1/traces`; one with a path is taken as it is.
    pub fn http(endpoint: impl Into<String>) -> Self {
        Self { endpoint: Some(endpoint.into()), protocol: Some(Protocol::HttpProtobuf), ..Self::default() }
    }

    /// Over gRPC to `endpoint`, such as `http://127.0.0.1:4317`; with `https://`, or without a scheme, it is encrypted.
    pub fn grpc(endpoint: impl Into<String>) -> Self {
        Self { endpoint: Some(endpoint.into()), protocol: Some(Protocol::Grpc), ..Self::default() }
    }

    /// To an [Arize Phoenix](https://phoenix.arize.com) at `url`, such as `http://127.0.0.1:6006`. The resource attribute
    /// `openinference.project.name` names the project ([`Builder::resource_attribute`](crate::Builder::resource_attribute)); Phoenix
    /// Cloud wants a [`header`](Self::header) `authorization`, `Bearer` and its key.
    pub fn phoenix(url: impl AsRef<str>) -> Self {
        Self::http(under(url.as_ref(), ""))
    }

    /// To a [Langfuse](https://langfuse.com) at `host`, such as `https://cloud.langfuse.com`, with a project's two keys.
    pub fn langfuse(host: impl AsRef<str>, public_key: impl AsRef<str>, secret_key: impl AsRef<str>) -> Self {
        let credentials = BASE64.encode(format!("{}:{}", public_key.as_ref(), secret_key.as_ref()));
        Self::http(under(host.as_ref(), "api/public/otel/")).header("authorization", format!("Basic {credentials}"))
    }

    /// One more header (metadata, over gRPC), over one of the same name in the environment.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Whether requests are compressed.
    pub fn gzip(mut self, gzip: bool) -> Self {
        self.gzip = Some(gzip);
        self
    }

    /// A file with the authorities, in PEM form, that the receiver's certificate may be from. By default the public ones.
    pub fn certificate(mut self, file: impl Into<PathBuf>) -> Self {
        self.certificate = Some(file.into());
        self
    }

    /// Files with the certificate (and those of its authorities) and the private key, in PEM form, for a receiver that wants to know who
    /// sends.
    pub fn client_certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.client_certificate = Some((certificate.into(), key.into()));
        self
    }

    /// How long one request may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// Where traces go under `base`, whether or not the path stands in it already.
fn under(base: &str, path: &str) -> String {
    let base = base.trim_end_matches('/');
    if base.ends_with(TRACES_PATH) { base.to_owned() } else { format!("{base}/{path}{TRACES_PATH}") }
}

impl From<&str> for Otlp {
    fn from(endpoint: &str) -> Self {
        Self { endpoint: Some(endpoint.to_owned()), ..Self::default() }
    }
}

impl From<String> for Otlp {
    fn from(endpoint: String) -> Self {
        Self { endpoint: Some(endpoint), ..Self::default() }
    }
}

/// Without the headers' values and the endpoint's query, which may be secrets.
impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Otlp").field("protocol", &self.protocol).field("headers", &names).finish_non_exhaustive()
    }
}
