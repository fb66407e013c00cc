//! The one task that writes.
//!
//! Whatever has queued up while the last commit went to disk shares the next one: each write in a savepoint of its own,
//! so that a refused one leaves its neighbours alone, and nobody is answered, not even with a refusal (which may rest
//! on what a neighbour did), before the commit is on disk.

use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Transaction};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::DirectoryError;

/// The most writes in one commit: bounds how long the first of them waits for the last.
const BATCH: usize = 256;

/// A panic in a write, which ends that write and nothing else.
#[derive(Debug, thiserror::Error)]
#[error("a write to the directory ended in a panic")]
struct Panicked;

/// How many commits there were, and how many writes in them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) commits: AtomicU64,
    pub(super) writes: AtomicU64,
}

/// A write in the queue, whatever it answers.
trait Write: Send {
    /// Does the work and keeps its result. An error says only that its savepoint is to be rolled back.
    fn run<'c>(&'c mut self, connection: &'c mut SqliteConnection) -> BoxFuture<'c, Result<(), Refused>>;
    /// Answers the caller, who may be gone.
    fn answer(self: Box<Self>, committed: Result<(), DirectoryError>);
}

struct Refused;

struct Queued<T, F> {
    work: Option<F>,
    result: Option<Result<T, DirectoryError>>,
    caller: oneshot::Sender<Result<T, DirectoryError>>,
}

impl<T, F> Write for Queued<T, F>
where
    T: Send,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, DirectoryError>> + Send,
{
    fn run<'c>(&'c mut self, connection: &'c mut SqliteConnection) -> BoxFuture<'c, Result<(), Refused>> {
        let Some(work) = self.work.take() else {
            return futures::future::ready(Err(Refused)).boxed();
        };
        async move {
            let result = AssertUnwindSafe(async { work(connection).await })
                .catch_unwind()
                .await
                .unwrap_or_else(|_| Err(DirectoryError::unavailable(Panicked)));
            let verdict = if result.is_ok() { Ok(()) } else { Err(Refused) };
            self.result = Some(result);
            verdict
        }
        .boxed()
    }

    fn answer(self: Box<Self>, committed: Result<(), DirectoryError>) {
        let answer = match (committed, self.result) {
            (Ok(()), Some(result)) => result,
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(DirectoryError::Closed),
        };
        // The caller may have given up; what was committed stays.
        let _ = self.caller.send(answer);
    }
}

/// Queues writes.
#[derive(Debug)]
pub(super) struct Writer {
    /// Without a bound: each write in it has a caller who waits, so the callers are the bound. In a bounded one a caller
    /// who has a place but is not polled would keep `close` waiting for ever.
    queue: mpsc::UnboundedSender<Box<dyn Write>>,
    closing: CancellationToken,
    task: TaskTracker,
    counters: Arc<Counters>,
}

impl Writer {
    /// Starts the task. It keeps the lock on the data directory until the last write is done.
    pub(super) fn start(options: SqliteConnectOptions, connection: SqliteConnection, lock: File) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        let closing = CancellationToken::new();
        let task = TaskTracker::new();
        let counters = Arc::new(Counters::default());
        let work = Work { options, connection: Some(connection), counters: Arc::clone(&counters), _lock: lock };
        task.spawn(work.until_closed(waiting, closing.clone()));
        task.close();
        Self { queue, closing, task, counters }
    }

    /// Queues that write and waits until it is committed. Once queued it happens even if the caller goes.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, DirectoryError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, DirectoryError>> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let queued = Queued { work: Some(work), result: None, caller };
        self.queue.send(Box::new(queued)).map_err(|_| DirectoryError::Closed)?;
        answer.await.unwrap_or(Err(DirectoryError::Closed))
    }

    /// Takes no further writes, and waits until those in the queue are committed and the lock is free.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        self.task.wait().await;
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }
}

struct Work {
    options: SqliteConnectOptions,
    /// None after a failure that leaves the state of the connection unknown; the next batch opens a new one.
    connection: Option<SqliteConnection>,
    counters: Arc<Counters>,
    _lock: File,
}

impl Work {
    async fn until_closed(mut self, mut waiting: mpsc::UnboundedReceiver<Box<dyn Write>>, closing: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                () = closing.cancelled(), if !waiting.is_closed() => waiting.close(),
                received = waiting.recv_many(&mut batch, BATCH) => {
                    if received == 0 {
                        break;
                    }
                    self.commit(&mut batch).await;
                }
            }
        }
        if let Some(connection) = self.connection
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the directory's database did not close cleanly");
        }
    }

    /// Empties the batch: every write in it is answered.
    async fn commit(&mut self, batch: &mut Vec<Box<dyn Write>>) {
        let outcome = match self.connection().await {
            Ok(mut connection) => {
                let outcome = commit(&mut connection, batch).await;
                if outcome.is_ok() {
                    self.connection = Some(connection);
                }
                outcome
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => {
                self.counters.commits.fetch_add(1, Ordering::Relaxed);
                self.counters.writes.fetch_add(batch.len() as u64, Ordering::Relaxed);
                for write in batch.drain(..) {
                    write.answer(Ok(()));
                }
            }
            Err(error) => {
                tracing::error!(%error, writes = batch.len(), "the directory's database refused a commit");
                let error = DirectoryError::from(error);
                for write in batch.drain(..) {
                    write.answer(Err(error.clone()));
                }
            }
        }
    }

    async fn connection(&mut self) -> Result<SqliteConnection, sqlx::Error> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.options.connect().await,
        }
    }
}

/// All of the batch in one transaction. An error means that none of it counts, refusals included.
async fn commit(connection: &mut SqliteConnection, batch: &mut [Box<dyn Write>]) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for write in batch {
        let mut savepoint: Transaction<'_, sqlx::Sqlite> = transaction.begin().await?;
        match write.run(&mut savepoint).await {
            Ok(()) => savepoint.commit().await?,
            // SQLite ends the whole transaction by itself after some errors (disk full, input or output); then there
            // is no savepoint to go back to, and the batch is lost here instead of half-way done.
            Err(Refused) => savepoint.rollback().await?,
        }
    }
    transaction.commit().await
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
