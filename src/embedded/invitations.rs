//! Invitations: a new person's account waits until the link that only their mailbox has was opened.
//!
//! They are kept here whether or not a mail server is configured, so that none is lost with a mail that was not taken.
//! They do not end: the vendor's pages name no time, and an administrator who deletes the user takes the invitation too.

use std::future::Future;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{Connection as _, SqliteConnection};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::directory::{Directory, stored_time};
use super::error::{DirectoryError, OpenError};
use super::memberships::UserRow;
use super::rules::Rules;
use super::storage;
use super::token::Signer;
use crate::domain::entity::{Kind, OfUser};

/// What the codes of invitations are made for, so that no other code opens one.
const PURPOSE: &str = "invitation";

/// An invitation whose link nobody has opened yet.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Its id.
    pub id: String,
    /// The name of the organisation that it invites to.
    pub organization: String,
    /// The login name of the account.
    pub username: String,
    /// Where it goes.
    pub email: String,
    /// First name of the person.
    pub first_name: Option<String>,
    /// Last name of the person.
    pub last_name: Option<String>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When a mail server took it; `None`: not yet, or none is configured.
    pub sent_at: Option<Timestamp>,
    /// What only the mailbox is told. It enables the account, so it is a secret like a password.
    pub code: SecretString,
}

impl Invitation {
    /// The path of its link, `/invitations/{id}/{code}`; the address that the dialect is served at goes before it.
    pub fn path(&self) -> SecretString {
        SecretString::from(format!("/invitations/{}/{}", self.id, self.code.expose_secret()))
    }
}

/// An account whose link was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The name of the organisation.
    pub organization: String,
    /// The login name.
    pub username: String,
    /// Whether the account had no password and has the new one now.
    pub password_set: bool,
}

#[derive(sqlx::FromRow)]
struct InvitationRow {
    id: String,
    organization: String,
    username: String,
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
    created_at: i64,
    sent_at: Option<i64>,
}

impl Directory {
    /// The invitations whose link nobody has opened yet, the oldest first: those that were sent, and those that were not.
    pub async fn invitations(&self) -> Result<Vec<Invitation>, DirectoryError> {
        all(&mut *self.reader().await?, &self.inner.signer).await
    }

    /// The same of the data directory at that path, which another process may have open: it is read and nothing else.
    pub async fn invitations_of(directory: &Path) -> Result<Vec<Invitation>, OpenError> {
        let (mut connection, signing_key) = storage::read_only(directory).await?;
        let invitations = all(&mut connection, &Signer::new(signing_key)).await;
        // Nothing was written, so nothing is lost.
        let _ = connection.close().await;
        invitations.map_err(OpenError::Invitations)
    }

    /// Ends once an invitation was made since the last call ended; the first call looks back to the opening of the
    /// directory. For one caller: with several, one of them is woken. Look at [`invitations`](Self::invitations) once
    /// before the first call, because those of an earlier process wake nobody.
    pub fn invited(&self) -> impl Future<Output = ()> + Send + '_ {
        self.inner.invited.notified()
    }

    /// Keeps that a mail server took the invitation at `now`. An invitation that is gone or was sent is no error.
    pub async fn invitation_sent(&self, id: &str, now: Timestamp) -> Result<(), DirectoryError> {
        let id = id.to_owned();
        self.write(move |connection| {
            async move {
                sqlx::query("UPDATE invitations SET sent_at = $2 WHERE id = $1 AND sent_at IS NULL")
                    .bind(id)
                    .bind(now.as_millisecond())
                    .execute(connection)
                    .await?;
                Ok(())
            }
            .boxed()
        })
        .await
    }

    /// Opens the link: enables the account, gives it this password if it has none, and ends the invitation. None, and
    /// nothing changes, if there is no such invitation, it was opened before, or the code is another.
    pub async fn open_invitation(
        &self,
        id: &str,
        code: &SecretString,
        password: SecretString,
    ) -> Result<Option<Opened>, DirectoryError> {
        let right = self::code(&self.inner.signer, id);
        if !bool::from(right.expose_secret().as_bytes().ct_eq(code.expose_secret().as_bytes())) {
            return Ok(None);
        }
        // After the code was right, so that nobody else makes the directory hash.
        let hash = self.inner.passwords.hash(password).await?;
        let id = id.to_owned();
        self.write(move |connection| {
            async move {
                let invited: Option<(String, String)> =
                    sqlx::query_as("DELETE FROM invitations WHERE id = $1 RETURNING organization_id, user_id")
                        .bind(id)
                        .fetch_optional(&mut *connection)
                        .await?;
                let Some((organization, user)) = invited else { return Ok(None) };
                let (username, password): (String, Option<String>) = sqlx::query_as(
                    "UPDATE users SET enabled = TRUE, password_hash = COALESCE(password_hash, $2) WHERE id = $1 \
                     RETURNING username, password_hash",
                )
                .bind(user)
                .bind(&hash)
                .fetch_one(&mut *connection)
                .await?;
                let organization = sqlx::query_scalar("SELECT name FROM organizations WHERE id = $1")
                    .bind(organization)
                    .fetch_one(connection)
                    .await?;
                Ok(Some(Opened { organization, username, password_set: password.as_deref() == Some(&*hash) }))
            }
            .boxed()
        })
        .await
    }

    /// Takes a person's password away and invites them again: the account is disabled until the new link is opened, and
    /// an older link opens nothing any more.
    ///
    /// [`NotFound`](DirectoryError::NotFound) if the user is no member who has an e-mail address.
    pub async fn invite_again(&self, of: &OfUser, now: Timestamp) -> Result<(), DirectoryError> {
        let of = of.clone();
        self.write_and_invite(true, move |connection| async move { again(connection, &of, now).await }.boxed()).await
    }
}

/// As [`Directory::invite_again`], inside a transaction.
pub(super) async fn again(
    connection: &mut SqliteConnection,
    of: &OfUser,
    now: Timestamp,
) -> Result<(), DirectoryError> {
    let email: Option<String> = sqlx::query_scalar(
        "UPDATE users SET enabled = FALSE, password_hash = NULL WHERE id = $2 AND email IS NOT NULL \
         AND EXISTS (SELECT 1 FROM memberships m WHERE m.organization_id = $1 AND m.user_id = $2) RETURNING email",
    )
    .bind(&of.organization_id)
    .bind(&of.user_id)
    .fetch_optional(&mut *connection)
    .await?;
    let email = email.ok_or_else(|| DirectoryError::not_found(Kind::User, &of.user_id))?;
    sqlx::query("DELETE FROM invitations WHERE organization_id = $1 AND user_id = $2")
        .bind(&of.organization_id)
        .bind(&of.user_id)
        .execute(&mut *connection)
        .await?;
    insert(connection, &of.organization_id, &of.user_id, &email, now).await
}

/// Replaces an invitation that waits for another address: whoever reads the mail there is not who is meant any more.
pub(super) async fn redirect(
    connection: &mut SqliteConnection,
    of: &OfUser,
    email: &str,
    now: Timestamp,
) -> Result<(), DirectoryError> {
    let ended = sqlx::query("DELETE FROM invitations WHERE organization_id = $1 AND user_id = $2 AND email <> $3")
        .bind(&of.organization_id)
        .bind(&of.user_id)
        .bind(email)
        .execute(&mut *connection)
        .await?;
    if ended.rows_affected() == 0 {
        return Ok(());
    }
    insert(connection, &of.organization_id, &of.user_id, email, now).await
}

/// 256 bits in the characters of an address, which only the holder of the key can make.
fn code(signer: &Signer, id: &str) -> SecretString {
    SecretString::from(URL_SAFE_NO_PAD.encode(&*signer.derive(PURPOSE, &[id.as_bytes()])))
}

/// All that are there.
async fn all(connection: &mut SqliteConnection, signer: &Signer) -> Result<Vec<Invitation>, DirectoryError> {
    let rows: Vec<InvitationRow> = sqlx::query_as(
        "SELECT i.id, o.name AS organization, u.username, i.email, u.first_name, u.last_name, i.created_at, i.sent_at \
         FROM invitations i JOIN organizations o ON o.id = i.organization_id JOIN users u ON u.id = i.user_id \
         ORDER BY i.created_at, i.id",
    )
    .fetch_all(connection)
    .await?;
    let invitation = |row: InvitationRow| {
        Ok(Invitation {
            code: code(signer, &row.id),
            created_at: stored_time(row.created_at)?,
            sent_at: row.sent_at.map(stored_time).transpose()?,
            id: row.id,
            organization: row.organization,
            username: row.username,
            email: row.email,
            first_name: row.first_name,
            last_name: row.last_name,
        })
    };
    rows.into_iter().map(invitation).collect()
}

/// Writes the invitation of a new member where the dialect invites them, in the transaction that makes them.
pub(super) async fn invite(
    connection: &mut SqliteConnection,
    rules: &Rules,
    organization_id: &str,
    user: &UserRow,
    now: Timestamp,
) -> Result<(), DirectoryError> {
    match &user.email {
        Some(email) if user.is_invited(rules) => insert(connection, organization_id, &user.id, email, now).await,
        _ => Ok(()),
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    organization_id: &str,
    user_id: &str,
    email: &str,
    now: Timestamp,
) -> Result<(), DirectoryError> {
    sqlx::query(
        "INSERT INTO invitations (id, organization_id, user_id, email, created_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(Uuid::new_v4().to_string())
    .bind(organization_id)
    .bind(user_id)
    .bind(email)
    .bind(now.as_millisecond())
    .execute(connection)
    .await?;
    Ok(())
}
