//! The directory itself: opening, closing, and the two ways in.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use sqlx::SqlitePool;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{Sqlite, SqliteConnection};
use tokio::sync::Notify;
use uuid::Uuid;

use super::error::{DirectoryError, OpenError};
use super::password::{Hashing, Passwords};
use super::storage::Storage;
use super::token::Signer;
use super::writer::Writer;

/// A directory of organisations, users, roles, projects and tokens, in a data directory that one process has open.
///
/// Cheap to clone; all clones are the same directory. Every call that writes answers after the commit. Calls that
/// create take an idempotency key: repeated with the same key they return the first object and change nothing (an empty
/// key is no key). Times come in as arguments, so tests choose them.
#[derive(Clone)]
pub struct Directory {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    id: Uuid,
    readers: SqlitePool,
    writer: Writer,
    pub(super) passwords: Passwords,
    pub(super) signer: Signer,
    /// Wakes whoever sends invitations.
    pub(super) invited: Arc<Notify>,
}

/// What the directory has done since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Transactions that reached the disk.
    pub commits: u64,
    /// Writes in them, refused ones included.
    pub writes: u64,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("id", &self.inner.id).finish_non_exhaustive()
    }
}

impl Directory {
    /// Opens the data directory at that path; makes it, with a new id and signing key, if it is not there.
    ///
    /// Needs a tokio runtime, which then runs the task that writes.
    pub async fn open(directory: &Path) -> Result<Self, OpenError> {
        Self::open_with(directory, Hashing::default()).await
    }

    /// As [`open`](Self::open), with that cost of a password.
    pub async fn open_with(directory: &Path, hashing: Hashing) -> Result<Self, OpenError> {
        let storage = Storage::open(directory).await?;
        let passwords = Passwords::new(hashing).await.map_err(OpenError::Passwords)?;
        Ok(Self {
            inner: Arc::new(Inner {
                id: storage.id,
                readers: storage.readers,
                writer: Writer::start(storage.options, storage.writer, storage.lock),
                passwords,
                signer: Signer::new(storage.signing_key),
                invited: Arc::default(),
            }),
        })
    }

    /// The directory's own id, made on first start.
    pub fn id(&self) -> Uuid {
        self.inner.id
    }

    /// Commits what is queued and lets the data directory go. Later calls on any clone answer
    /// [`Closed`](DirectoryError::Closed).
    pub async fn close(&self) {
        // The writer's connection is the last one, and the lock is freed after it.
        self.inner.readers.close().await;
        self.inner.writer.close().await;
    }

    /// What it has done since it was opened.
    pub fn statistics(&self) -> Statistics {
        let counters = self.inner.writer.counters();
        Statistics {
            commits: counters.commits.load(Ordering::Relaxed),
            writes: counters.writes.load(Ordering::Relaxed),
        }
    }

    /// A connection that only reads, and sees every commit that was acknowledged.
    pub(super) async fn reader(&self) -> Result<PoolConnection<Sqlite>, DirectoryError> {
        Ok(self.inner.readers.acquire().await?)
    }

    /// Queues a write; see [`Writer::write`].
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, DirectoryError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, DirectoryError>> + Send + 'static,
    {
        self.inner.writer.write(work).await
    }

    /// As [`write`](Self::write). Where it `invites`, whoever sends invitations is woken once it is committed, also if the
    /// caller has gone meanwhile.
    pub(super) async fn write_and_invite<T, F>(&self, invites: bool, work: F) -> Result<T, DirectoryError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, DirectoryError>> + Send + 'static,
    {
        let wake = invites.then(|| Wake(Arc::clone(&self.inner.invited)));
        let written = self.write(move |connection| async move { Ok((work(connection).await?, wake)) }.boxed()).await;
        written.map(|(written, _wake)| written)
    }
}

/// Wakes whoever sends invitations when it is dropped. As a part of a write's result it is dropped after the commit, by the
/// caller, or by the writer where nobody waits for the result any more. One of a write that is refused wakes too early and
/// for nothing, which does no harm.
struct Wake(Arc<Notify>);

impl Drop for Wake {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// An idempotency key as it is stored: an empty one is none.
pub(super) fn idempotency_key(key: &str) -> Option<&str> {
    Some(key).filter(|key| !key.is_empty())
}

/// A time as it was stored.
pub(super) fn stored_time(milliseconds: i64) -> Result<Timestamp, DirectoryError> {
    Timestamp::from_millisecond(milliseconds).map_err(DirectoryError::unavailable)
}
