//! URLs of database servers. The drivers read them, but for what they do not know: how TLS is verified, and the layout of new tables.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How long a server may take to answer a statement, where the URL does not say it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where a database server is, and how to speak to it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    /// The URL with the parameters that its driver knows. Holds the password.
    pub(crate) driver: String,
    /// The URL without the password.
    pub(crate) shown: String,
    pub(crate) tls: TlsMode,
    /// A PEM file with the authorities that sign the server's certificate, in place of the public ones.
    pub(crate) authorities: Option<PathBuf>,
    /// How new tables are laid out (PostgreSQL).
    pub(crate) partition: Option<Partition>,
    /// How long the server may take to answer a statement.
    pub(crate) timeout: Duration,
}

/// Whether the connection is encrypted, and what is demanded of the server's certificate. The words are those of libpq's `sslmode`
/// and of MySQL's `ssl-mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsMode {
    /// Never encrypted.
    Disable,
    /// Encrypted when the server can; any certificate will do.
    Prefer,
    /// Encrypted; any certificate will do.
    Require,
    /// Encrypted; a known authority signed the certificate.
    VerifyCa,
    /// Encrypted; a known authority signed the certificate for this host.
    VerifyFull,
}

impl TlsMode {
    fn from_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().replace('_', "-").as_str() {
            "disable" | "disabled" => Self::Disable,
            "allow" | "prefer" | "preferred" => Self::Prefer,
            "require" | "required" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" | "verify-identity" => Self::VerifyFull,
            _ => return None,
        })
    }
}

/// The time that one partition of the span tables holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Partition {
    Daily,
    Weekly,
}

impl Partition {
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "daily" => Some(Self::Daily),
            "weekly" => Some(Self::Weekly),
            _ => None,
        }
    }

    #[cfg(feature = "postgres")]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
        }
    }

    /// The days that one partition holds.
    #[cfg(feature = "postgres")]
    pub(crate) const fn days(self) -> i32 {
        match self {
            Self::Daily => 1,
            Self::Weekly => 7,
        }
    }
}

impl ServerUrl {
    /// `rest` is what follows `postgres:`.
    #[cfg(feature = "postgres")]
    pub(crate) fn postgres(rest: &str) -> Result<Self, String> {
        let url = Self::new("postgres", rest)?;
        // The driver's own words name the part that is wrong; they quote no value that could be the password.
        url.driver.parse::<tokio_postgres::Config>().map_err(|error| format!("is no PostgreSQL URL ({error})"))?;
        Ok(url)
    }

    /// `rest` is what follows `mysql:` or `mariadb:`.
    #[cfg(feature = "mysql")]
    pub(crate) fn mysql(rest: &str) -> Result<Self, String> {
        let url = Self::new("mysql", rest)?;
        if url.partition.is_some() {
            return Err("asks for partitions, which only PostgreSQL has here".to_owned());
        }
        let options = mysql_async::Opts::from_url(&url.driver).map_err(|error| match error {
            mysql_async::UrlError::UnknownParameter { param } => format!("has the unknown parameter {param:?}"),
            mysql_async::UrlError::InvalidParamValue { param, .. } => format!("has a wrong value of {param:?}"),
            _ => "is no MySQL URL".to_owned(),
        })?;
        match options.db_name() {
            Some(name) if !name.is_empty() => Ok(url),
            _ => Err("names no database".to_owned()),
        }
    }

    /// The address as this driver understands it: hosts, ports and the database, without who asks.
    #[cfg(feature = "postgres")]
    pub(super) fn postgres_address(&self) -> String {
        let Ok(config) = self.driver.parse::<tokio_postgres::Config>() else { return self.shown.clone() };
        // The server takes the user's name where none is given.
        let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
        let ports = if config.get_ports().is_empty() { &[5432] } else { config.get_ports() };
        format!("postgres {:?} {ports:?} {database:?}", config.get_hosts())
    }

    /// The same.
    #[cfg(feature = "mysql")]
    pub(super) fn mysql_address(&self) -> String {
        let Ok(options) = mysql_async::Opts::from_url(&self.driver) else { return self.shown.clone() };
        let database = options.db_name().unwrap_or_default();
        format!("mysql {:?} {} {:?} {database:?}", options.ip_or_hostname(), options.tcp_port(), options.socket())
    }

    /// Takes out the parameters that the driver does not know.
    fn new(scheme: &str, rest: &str) -> Result<Self, String> {
        if !rest.starts_with("//") {
            return Err(format!("must begin with {scheme}://"));
        }
        let (address, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let mut url = Self {
            driver: format!("{scheme}:{address}"),
            shown: super::shown(&format!("{scheme}:{rest}")),
            tls: TlsMode::Prefer,
            authorities: None,
            partition: None,
            timeout: TIMEOUT,
        };
        let mut separator = '?';
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
            match name.to_ascii_lowercase().replace('_', "-").as_str() {
                "sslmode" | "ssl-mode" => {
                    url.tls = TlsMode::from_word(&value).ok_or_else(|| {
                        format!(
                            "has the unknown {name} {value:?} (known: disable, prefer, require, verify-ca, verify-full)"
                        )
                    })?;
                }
                "sslrootcert" | "ssl-ca" if value == "system" => url.authorities = None,
                "sslrootcert" | "ssl-ca" => url.authorities = Some(PathBuf::from(value.as_ref())),
                "partition" => {
                    url.partition = Some(
                        Partition::from_word(&value)
                            .ok_or_else(|| format!("has the unknown partition {value:?} (known: daily, weekly)"))?,
                    );
                }
                "timeout" => {
                    let seconds = value.parse().ok().filter(|seconds| *seconds > 0);
                    url.timeout = seconds.map(Duration::from_secs).ok_or_else(|| {
                        format!("has the timeout {value:?}, which is no whole number of seconds above 0")
                    })?;
                }
                _ => {
                    url.driver.push(separator);
                    url.driver.push_str(parameter);
                    separator = '&';
                }
            }
        }
        Ok(url)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}
