//! The files: the data directory, its lock, the database and what is made once on first start.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlitePool};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::error::OpenError;
use super::token::SIGNING_KEY_BYTES;

static MIGRATIONS: Migrator = sqlx::migrate!("src/embedded/migrations");

const DATABASE: &str = "directory.sqlite";
const LOCK: &str = "lock";

/// Connections that read. SQLite reads without waiting for the writer; more than a few only cost memory.
const READERS: u32 = 4;

/// How long SQLite waits for a lock of another connection of this process (a checkpoint, say).
const BUSY: Duration = Duration::from_secs(5);

/// An opened data directory.
pub(super) struct Storage {
    /// Made on first start; another directory has another one.
    pub(super) id: Uuid,
    pub(super) signing_key: Zeroizing<Vec<u8>>,
    pub(super) readers: SqlitePool,
    pub(super) options: SqliteConnectOptions,
    pub(super) writer: SqliteConnection,
    /// Whoever holds this open has the directory.
    pub(super) lock: File,
}

impl Storage {
    /// Opens a data directory, and makes it if it is not there.
    pub(super) async fn open(directory: &Path) -> Result<Self, OpenError> {
        let lock = lock(directory)?;
        let path = directory.join(DATABASE);
        private_file(&path)?;
        // The names of new files are on disk only once their directory is. Some file systems cannot sync a directory and
        // say so; SQLite goes on there as well.
        let _ = File::open(directory).and_then(|opened| opened.sync_all());

        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let unreadable = |source| OpenError::Unreadable { path: path.clone(), source };
        let mut writer = options.connect().await.map_err(unreadable)?;
        MIGRATIONS.run(&mut writer).await.map_err(|error| migration_failed(&path, error))?;
        let (id, signing_key) = identity(&mut writer, &path).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options.clone().pragma("query_only", "ON"))
            .await
            .map_err(unreadable)?;
        Ok(Self { id, signing_key, readers, options, writer, lock })
    }
}

/// Makes the directory for this user alone, and takes it for this process alone. A directory that is there already
/// keeps its mode: on a mounted volume that is the cluster's to choose, and the files in it are private all the same.
fn lock(directory: &Path) -> Result<File, OpenError> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(not_writable(directory))?;
    let path = directory.join(LOCK);
    let lock = private_file(&path)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { directory: directory.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::NotWritable { path, source }),
    }
}

/// Opens a file that only this user may read, and makes it if it is not there. SQLite gives its journal files the
/// database's mode.
fn private_file(path: &Path) -> Result<File, OpenError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(not_writable(path))
}

fn not_writable(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::NotWritable { path, source }
}

fn migration_failed(path: &Path, error: MigrateError) -> OpenError {
    let path = PathBuf::from(path);
    match error {
        // Its table of migrations knows one that this version does not.
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => OpenError::TooNew { path },
        error => OpenError::Migration { path, source: Box::new(error) },
    }
}

/// Opens the database of a data directory that another process may have open, to read and nothing else; with the signing
/// key. Nothing is made that is not there, and no form is changed.
pub(super) async fn read_only(directory: &Path) -> Result<(SqliteConnection, Zeroizing<Vec<u8>>), OpenError> {
    let path = directory.join(DATABASE);
    let unreadable = |source| OpenError::Unreadable { path: path.clone(), source };
    let mut connection = SqliteConnectOptions::new()
        .filename(&path)
        .read_only(true)
        .busy_timeout(BUSY)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(unreadable)?;
    let identity = stored_identity(&mut connection, &path).await?;
    let (_, key) = identity.ok_or(OpenError::Damaged { path, what: "the signing key is missing" })?;
    Ok((connection, key))
}

/// The directory's id and signing key, made in one transaction when neither is there.
async fn identity(connection: &mut SqliteConnection, path: &Path) -> Result<(Uuid, Zeroizing<Vec<u8>>), OpenError> {
    let unreadable = |source| OpenError::Unreadable { path: path.to_owned(), source };
    let mut transaction = connection.begin().await.map_err(unreadable)?;
    if let Some(stored) = stored_identity(&mut transaction, path).await? {
        return Ok(stored);
    }
    let id = Uuid::new_v4();
    let mut key = Zeroizing::new(vec![0; SIGNING_KEY_BYTES]);
    getrandom::fill(&mut key).map_err(OpenError::NoRandomness)?;
    let encoded = Zeroizing::new(STANDARD.encode(&*key));
    sqlx::query("INSERT INTO meta (name, value) VALUES ('directory_id', $1), ('signing_key', $2)")
        .bind(id.to_string())
        .bind(encoded.as_str())
        .execute(&mut *transaction)
        .await
        .map_err(unreadable)?;
    transaction.commit().await.map_err(unreadable)?;
    Ok((id, key))
}

/// The directory's id and signing key as they are stored; none where neither is.
async fn stored_identity(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<Option<(Uuid, Zeroizing<Vec<u8>>)>, OpenError> {
    let unreadable = |source| OpenError::Unreadable { path: path.to_owned(), source };
    let damaged = |what| OpenError::Damaged { path: path.to_owned(), what };
    let id: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'directory_id'")
        .fetch_optional(&mut *connection)
        .await
        .map_err(unreadable)?;
    let key: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'signing_key'")
        .fetch_optional(&mut *connection)
        .await
        .map_err(unreadable)?;
    match (id, key.map(Zeroizing::new)) {
        (Some(id), Some(key)) => {
            let id = Uuid::parse_str(&id).map_err(|_| damaged("the directory's id is no UUID"))?;
            let key = STANDARD.decode(key.as_bytes()).map(Zeroizing::new);
            let key = key.map_err(|_| damaged("the signing key is no base64"))?;
            if key.len() != SIGNING_KEY_BYTES {
                return Err(damaged("the signing key has the wrong length"));
            }
            Ok(Some((id, key)))
        }
        (None, None) => Ok(None),
        (None, Some(_)) => Err(damaged("the directory's id is missing")),
        (Some(_), None) => Err(damaged("the signing key is missing")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pragma(connection: &mut SqliteConnection, name: &str) -> String {
        let sql = sqlx::AssertSqlSafe(format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"));
        sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
    }

    #[tokio::test]
    async fn a_commit_is_on_disk_and_readers_only_read() {
        let directory = tempfile::tempdir().unwrap();
        let mut storage = Storage::open(directory.path()).await.unwrap();
        assert_eq!(pragma(&mut storage.writer, "journal_mode").await, "wal");
        assert_eq!(pragma(&mut storage.writer, "synchronous").await, "2", "FULL");
        assert_eq!(pragma(&mut storage.writer, "foreign_keys").await, "1");
        let mut reader = storage.readers.acquire().await.unwrap();
        let refused = sqlx::query("DELETE FROM meta").execute(&mut *reader).await;
        assert!(refused.unwrap_err().to_string().contains("readonly"));
    }
}
