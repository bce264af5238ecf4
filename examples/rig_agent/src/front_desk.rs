//! The concierge on loopback, and a guest who asks there.

use crate::provider::loopback;
use crate::routes::{self, Inquiry};
use anyhow::ensure;
use reqwest::header::CONTENT_TYPE;
use rig::agent::Agent;
use std::net::Ipv4Addr;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// The running server, with a client of its own. It ends when this is dropped.
#[derive(Debug)]
pub struct FrontDesk {
    url: String,
    http: reqwest::Client,
    task: AbortHandle,
}

impl FrontDesk {
    /// Has `concierge` answer on a free port of 127.0.0.1, on the current tokio runtime.
    ///
    /// # Errors
    /// When loopback cannot be listened on.
    pub async fn open(concierge: Agent) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}/ask", listener.local_addr()?);
        let router = routes::router(concierge);
        let task = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Ok(Self { url, http: loopback()?, task })
    }

    /// Asks over HTTP and waits for the answer.
    ///
    /// # Errors
    /// When the request fails or the answer's status is not 200.
    pub async fn ask(&self, inquiry: &Inquiry) -> anyhow::Result<String> {
        let request = self.http.post(&self.url).header(CONTENT_TYPE, "application/json");
        let response = request.body(serde_json::to_vec(inquiry)?).send().await?;
        let status = response.status();
        let body = response.text().await?;
        ensure!(status.is_success(), "{status}: {body}");
        Ok(body)
    }
}

impl Drop for FrontDesk {
    fn drop(&mut self) {
        self.task.abort();
    }
}
