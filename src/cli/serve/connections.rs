//! Taking connections, and ending those whose client is too slow to say what it wants.

use std::future::Future;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

/// What HTTP/2 connections begin with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Between two looks at a client that has sent a part of that.
const PAUSE: Duration = Duration::from_millis(20);
/// After an error that is no connection's own, such as too many open files.
const AFTER_ERROR: Duration = Duration::from_millis(500);

/// Serves until `stopping`, then until all that was asked is answered. A client has `patience` for the head of each request; the time between
/// two requests counts.
pub(super) async fn serve(listener: TcpListener, app: Router, patience: Duration, stopping: impl Future<Output = ()>) {
    let connections = GracefulShutdown::new();
    tokio::pin!(stopping);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) if is_of_one_connection(&error) => continue,
                Err(_) => {
                    tokio::time::sleep(AFTER_ERROR).await;
                    continue;
                }
            },
            () = &mut stopping => break,
        };
        // Answers are small and awaited.
        let _ = stream.set_nodelay(true);
        let (app, watcher) = (app.clone(), connections.watcher());
        tokio::spawn(async move {
            if tokio::time::timeout(patience, is_told(&stream)).await.is_err() {
                return;
            }
            let mut builder = auto::Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new()).header_read_timeout(patience);
            // Who is gone without a word is found out; who is only idle answers.
            builder.http2().timer(TokioTimer::new()).keep_alive_interval(patience).keep_alive_timeout(patience);
            let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
            let _ = watcher.watch(connection.into_owned()).await;
        });
    }
    drop(listener);
    connections.shutdown().await;
}

/// Waits until the client has sent enough to tell which HTTP it speaks: what reads it has no limit of time of its own.
async fn is_told(stream: &TcpStream) {
    let mut begun = [0; PREFACE.len()];
    while let Ok(length) = stream.peek(&mut begun).await {
        let so_far = begun.get(..length).unwrap_or_default();
        if length == 0 || length == PREFACE.len() || !PREFACE.starts_with(so_far) {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
