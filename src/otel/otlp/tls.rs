//! TLS with a provider of its own: the process's default is neither needed nor changed.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::error::{Error, ErrorKind, Result};

/// Whom a receiver is to be known by, and who we are to it. Texts in PEM form.
#[derive(Debug, Default)]
pub(super) struct Trust {
    /// The authorities that a receiver's certificate may be from; the public ones where there are none.
    pub(super) authorities: Option<Pem>,
    /// The certificate, with those of its authorities, and the key that we show.
    pub(super) identity: Option<(Pem, Pem)>,
}

/// A file in PEM form, as it was read.
#[derive(Debug)]
pub(super) struct Pem {
    text: Vec<u8>,
    /// Where it came from, for errors.
    source: String,
}

impl Pem {
    /// Reads a file; `named_by` says who asked for it.
    pub(super) fn read(file: &Path, named_by: &str) -> Result<Self> {
        let source = format!("{named_by}, {}", file.display());
        match std::fs::read(file) {
            Ok(text) => Ok(Self { text, source }),
            Err(error) => Err(Error::with_source(ErrorKind::InvalidInput, format!("{source}, cannot be read"), error)),
        }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>> {
        let certificates = CertificateDer::pem_slice_iter(&self.text).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|error| self.wrong(&error.to_string()))?;
        if certificates.is_empty() { Err(self.wrong("it holds no certificate in PEM form")) } else { Ok(certificates) }
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>> {
        PrivateKeyDer::from_pem_slice(&self.text).map_err(|_| self.wrong("it holds no private key in PEM form"))
    }

    fn wrong(&self, why: &str) -> Error {
        Error::new(ErrorKind::InvalidInput, format!("{} is of no use: {why}", self.source))
    }
}

impl Trust {
    /// For HTTP.
    pub(super) fn config(&self) -> Result<ClientConfig> {
        let wrong = |error| Error::with_source(ErrorKind::Connect, "TLS for `otlp` could not be set up", error);
        let mut roots = RootCertStore::empty();
        match &self.authorities {
            Some(pem) => {
                for certificate in pem.certificates()? {
                    roots.add(certificate).map_err(|error| pem.wrong(&error.to_string()))?;
                }
            }
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(wrong)?.with_root_certificates(roots);
        match &self.identity {
            Some((certificates, key)) => {
                let shown = builder.with_client_auth_cert(certificates.certificates()?, key.key()?);
                shown.map_err(|error| certificates.wrong(&error.to_string()))
            }
            None => Ok(builder.with_no_client_auth()),
        }
    }

    /// For gRPC.
    pub(super) fn grpc_config(&self) -> Result<ClientTlsConfig> {
        // Read once before, so that what is wrong with a file is told with its name.
        drop(self.config()?);
        let config = match &self.authorities {
            Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&pem.text)),
            None => ClientTlsConfig::new().with_webpki_roots(),
        };
        Ok(match &self.identity {
            Some((certificates, key)) => config.identity(Identity::from_pem(&certificates.text, &key.text)),
            None => config,
        })
    }
}
