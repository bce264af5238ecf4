//! A server's connection that does not wait for ever.
//!
//! A server that is frozen, or behind a network that swallows packets, acknowledges nothing and refuses nothing: without a deadline, whoever
//! asked it would wait until the system gives the socket up, which may be never. A connection that has let a deadline pass is in the middle of
//! an answer that may still come, so it is not used again: all that is asked of it fails at once, and the pool drops it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use diesel::connection::{CacheSize, Instrumentation};
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel::result::{DatabaseErrorKind, Error, QueryResult};
use diesel_async::{AnsiTransactionManager, AsyncConnection, AsyncConnectionCore, SimpleAsyncConnection};
use futures_core::Stream;
use tokio::time::{Sleep, sleep};

/// An asynchronous connection, and how long each of its answers may take.
pub(crate) struct Timed<C> {
    inner: C,
    limit: Limit,
}

#[derive(Clone)]
struct Limit {
    time: Duration,
    is_late: Arc<AtomicBool>,
}

impl<C> Timed<C> {
    pub(crate) fn new(inner: C, time: Duration) -> Self {
        Self { inner, limit: Limit { time, is_late: Arc::default() } }
    }

    #[cfg(feature = "async")]
    pub(crate) const fn inner(&self) -> &C {
        &self.inner
    }

    /// How long answers may take from now on; returns what held before.
    pub(crate) const fn set_time(&mut self, time: Duration) -> Duration {
        std::mem::replace(&mut self.limit.time, time)
    }

    /// Whether an answer took too long.
    pub(crate) fn is_late(&self) -> bool {
        self.limit.is_late.load(Ordering::Relaxed)
    }
}

impl Limit {
    /// The error once the time is over; it begins when this is first asked.
    fn poll<T>(&self, sleeping: &mut Option<Pin<Box<Sleep>>>, context: &mut Context<'_>) -> Poll<QueryResult<T>> {
        if !self.is_late.load(Ordering::Relaxed) {
            ready!(sleeping.get_or_insert_with(|| Box::pin(sleep(self.time))).as_mut().poll(context));
            self.is_late.store(true, Ordering::Relaxed);
        }
        let message = format!(
            "the server gave no answer within {} s, and the connection was given up (`timeout` in the database's URL changes that)",
            self.time.as_secs_f64()
        );
        Poll::Ready(Err(Error::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new(message))))
    }
}

/// An answer that may take so long.
pub(crate) struct Answer<F> {
    future: Pin<Box<F>>,
    limit: Limit,
    sleeping: Option<Pin<Box<Sleep>>>,
}

impl<F> Answer<F> {
    fn new(future: F, limit: Limit) -> Self {
        Self { future: Box::pin(future), limit, sleeping: None }
    }
}

impl<F: Future<Output = QueryResult<T>>, T> Future for Answer<F> {
    type Output = QueryResult<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { future, limit, sleeping } = self.get_mut();
        if !limit.is_late.load(Ordering::Relaxed)
            && let Poll::Ready(answer) = future.as_mut().poll(context)
        {
            return Poll::Ready(answer);
        }
        limit.poll(sleeping, context)
    }
}

/// An answer of many rows.
pub(crate) struct RowsAnswer<F>(Answer<F>);

impl<F: Future<Output = QueryResult<S>>, S> Future for RowsAnswer<F> {
    type Output = QueryResult<Rows<S>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = &mut self.get_mut().0;
        let rows = ready!(Pin::new(&mut *answer).poll(context))?;
        Poll::Ready(Ok(Rows { rows: Box::pin(rows), limit: answer.limit.clone(), sleeping: None }))
    }
}

/// Rows, each of which may take so long.
pub(crate) struct Rows<S> {
    rows: Pin<Box<S>>,
    limit: Limit,
    sleeping: Option<Pin<Box<Sleep>>>,
}

impl<S: Stream<Item = QueryResult<R>>, R> Stream for Rows<S> {
    type Item = QueryResult<R>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { rows, limit, sleeping } = self.get_mut();
        if !limit.is_late.load(Ordering::Relaxed)
            && let Poll::Ready(row) = rows.as_mut().poll_next(context)
        {
            *sleeping = None;
            return Poll::Ready(row);
        }
        limit.poll(sleeping, context).map(Some)
    }
}

impl<C: SimpleAsyncConnection> SimpleAsyncConnection for Timed<C> {
    fn batch_execute(&mut self, query: &str) -> impl Future<Output = QueryResult<()>> + Send {
        Answer::new(self.inner.batch_execute(query), self.limit.clone())
    }
}

impl<C: AsyncConnectionCore> AsyncConnectionCore for Timed<C> {
    type ExecuteFuture<'conn, 'query> = Answer<C::ExecuteFuture<'conn, 'query>>;
    type LoadFuture<'conn, 'query> = RowsAnswer<C::LoadFuture<'conn, 'query>>;
    type Stream<'conn, 'query> = Rows<C::Stream<'conn, 'query>>;
    type Row<'conn, 'query> = C::Row<'conn, 'query>;
    type Backend = C::Backend;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> Self::LoadFuture<'conn, 'query>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Self::Backend> + QueryId + 'query,
    {
        RowsAnswer(Answer::new(self.inner.load(source), self.limit.clone()))
    }

    fn execute_returning_count<'conn, 'query, T>(&'conn mut self, source: T) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Self::Backend> + QueryId + 'query,
    {
        Answer::new(self.inner.execute_returning_count(source), self.limit.clone())
    }
}

impl<C: AsyncConnection<TransactionManager = AnsiTransactionManager>> AsyncConnection for Timed<C> {
    type TransactionManager = AnsiTransactionManager;

    async fn establish(database_url: &str) -> diesel::ConnectionResult<Self> {
        // Connections are opened elsewhere, with their own limit.
        C::establish(database_url).await.map(|inner| Self::new(inner, Duration::MAX))
    }

    fn transaction_state(&mut self) -> &mut AnsiTransactionManager {
        self.inner.transaction_state()
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        self.inner.instrumentation()
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.inner.set_instrumentation(instrumentation);
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        self.inner.set_prepared_statement_cache_size(size);
    }
}
