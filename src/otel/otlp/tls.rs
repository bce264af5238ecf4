//! TLS with a provider of its own: the process's default is neither needed nor changed.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use crate::error::{Error, ErrorKind, Result};

/// The public authorities, on `ring`.
pub(super) fn config() -> Result<ClientConfig> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder =
        builder.map_err(|error| Error::with_source(ErrorKind::Connect, "TLS for `otlp` could not be set up", error))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
