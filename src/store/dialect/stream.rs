//! Rows as they come from a server.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use diesel::result::QueryResult;
use futures_core::Stream;

/// After so many rows other tasks of the caller's executor get their turn: the drivers never ask for it while rows are there.
const TURN: u32 = 128;

/// The rows of a statement, one by one.
pub(crate) struct RowStream<S> {
    rows: Pin<Box<S>>,
    count: u32,
}

impl<S: Stream> RowStream<S> {
    pub(crate) fn new(rows: S) -> Self {
        Self { rows: Box::pin(rows), count: 0 }
    }

    pub(crate) async fn next(&mut self) -> Option<S::Item> {
        self.count += 1;
        if self.count == TURN {
            self.count = 0;
            yield_now().await;
        }
        poll_fn(|context| self.rows.as_mut().poll_next(context)).await
    }
}

/// All rows of a statement.
pub(crate) async fn collect<T, S: Stream<Item = QueryResult<T>>>(rows: S) -> QueryResult<Vec<T>> {
    let mut rows = RowStream::new(rows);
    let mut all = Vec::new();
    while let Some(row) = rows.next().await {
        all.push(row?);
    }
    Ok(all)
}

/// Lets the executor run others first, whichever it is.
async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
