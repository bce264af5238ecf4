//! Where the model lives: OpenAI, or the fake server when there is no key.

use crate::fake_openai::FakeOpenAi;
use anyhow::Context;
use rig::http_client::ReqwestClient;
use rig::providers::openai::{OpenAI, OpenAIConfig};

/// A client of OpenAI's API, and the server behind it when that is the fake one.
#[derive(Debug)]
pub struct Provider {
    /// The client.
    pub client: OpenAI,
    fake: Option<FakeOpenAi>,
}

impl Provider {
    /// OpenAI when `OPENAI_API_KEY` is set (`OPENAI_BASE_URL` points it elsewhere), else [`Provider::fake`].
    ///
    /// # Errors
    /// When a variable cannot be used, or as [`Provider::fake`] does.
    pub async fn from_env() -> anyhow::Result<Self> {
        if std::env::var_os("OPENAI_API_KEY").is_none_or(|key| key.is_empty()) {
            return Self::fake().await;
        }
        install_tls();
        Ok(Self { client: OpenAI::from_env()?, fake: None })
    }

    /// A fake server of its own, and a client of it.
    ///
    /// # Errors
    /// When loopback cannot be listened on.
    pub async fn fake() -> anyhow::Result<Self> {
        let fake = FakeOpenAi::start().await.context("the fake server needs a port of 127.0.0.1")?;
        let config = OpenAIConfig::new("no key needed").with_base_url(fake.base_url());
        Ok(Self { client: config.connect(ReqwestClient::from(loopback()?)), fake: Some(fake) })
    }

    /// The answers that the fake server has given so far; `None` with the real service.
    #[must_use]
    pub fn answers(&self) -> Option<u64> {
        self.fake.as_ref().map(FakeOpenAi::answers)
    }
}

/// A client of plain HTTP on loopback: no proxy of the environment, and no need for the machine to have root certificates.
pub(crate) fn loopback() -> reqwest::Result<reqwest::Client> {
    install_tls();
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build()
}

/// Makes `ring` the process's cryptography. Only the first call counts, so an earlier choice of the process stands.
fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
