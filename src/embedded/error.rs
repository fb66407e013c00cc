//! What can go wrong, by meaning.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::entity::Kind;

/// Why a call to the directory did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DirectoryError {
    /// What the call is about is not there.
    #[error("{kind} {id} is not in the directory")]
    NotFound {
        /// What was looked for.
        kind: Kind,
        /// The id that was given.
        id: String,
    },
    /// Another object has the name, and the dialect wants names unique.
    #[error("{kind} {name} is in the directory already")]
    AlreadyExists {
        /// What was to be created.
        kind: Kind,
        /// The name that is taken.
        name: String,
    },
    /// A value breaks a rule of the dialect. Repeating the call does not help.
    #[error("{field} is refused: {rule}")]
    Invalid {
        /// The value that is wrong, in words.
        field: &'static str,
        /// The rule that it breaks.
        rule: String,
    },
    /// The idempotency key has been used, and the token that it made is revoked or past its end. Another key makes
    /// another token.
    #[error("token {id} was made with this idempotency key and is revoked or expired: use a new key")]
    Spent {
        /// The id of the dead token.
        id: String,
    },
    /// [`Directory::close`](super::Directory::close) was called.
    #[error("the directory is closed")]
    Closed,
    /// The database or the machine failed. A write may or may not have happened: repeat it with the same key.
    #[error("the directory cannot answer now")]
    Unavailable(#[source] Arc<dyn Error + Send + Sync>),
}

impl DirectoryError {
    /// An [`Unavailable`](Self::Unavailable) for that reason.
    pub(super) fn unavailable(source: impl Error + Send + Sync + 'static) -> Self {
        Self::Unavailable(Arc::new(source))
    }

    /// A [`NotFound`](Self::NotFound) for that object.
    pub(super) fn not_found(kind: Kind, id: &str) -> Self {
        Self::NotFound { kind, id: id.to_owned() }
    }
}

impl From<sqlx::Error> for DirectoryError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolClosed => Self::Closed,
            other => Self::unavailable(other),
        }
    }
}

/// Why the data directory could not be opened. Each message says what to do; with its sources it makes one line.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or a file in it cannot be made or written.
    #[error("cannot write {}: make it writable for this user, or name another data directory", path.display())]
    NotWritable {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has it open.
    #[error(
        "the data directory {} is in use by another process: stop that one, or name another data directory",
        directory.display()
    )]
    InUse {
        /// The directory.
        directory: PathBuf,
    },
    /// The file is there but is no database that can be read.
    #[error("cannot read the database {}: restore it from a backup, or name another data directory", path.display())]
    Unreadable {
        /// The database file.
        path: PathBuf,
        /// What the database said.
        source: sqlx::Error,
    },
    /// A newer version of the operator wrote it.
    #[error("the database {} was written by a newer version: start that version or a later one", path.display())]
    TooNew {
        /// The database file.
        path: PathBuf,
    },
    /// Its tables could not be brought to this version's form.
    #[error(
        "cannot bring the database {} to this version's form: restore it from a backup, or name another data directory",
        path.display()
    )]
    Migration {
        /// The database file.
        path: PathBuf,
        /// What went wrong.
        source: Box<sqlx::migrate::MigrateError>,
    },
    /// The directory's own id or signing key is missing or cut.
    #[error("the database {} is damaged ({what}): restore it from a backup", path.display())]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What is missing or wrong, in words.
        what: &'static str,
    },
    /// Its invitations cannot be listed.
    #[error("cannot list the invitations: let this version's backend open the data directory once")]
    Invitations(#[source] DirectoryError),
    /// Passwords cannot be hashed here.
    #[error("passwords cannot be hashed: give the process more memory")]
    Passwords(#[source] DirectoryError),
    /// The system gives no random numbers for the signing key.
    #[error("the system gives no random numbers, which a signing key needs")]
    NoRandomness(#[source] getrandom::Error),
}
