//! Access keys: the one secret of a member, in the dialects that give one instead of tokens (Tyk's access key, ROCKIT's
//! API key).
//!
//! A value is not stored. It is made from the signing key, the member and a serial, so that it can be shown again; who
//! shows one is found by its digest. A value that has been replaced or revoked never comes back: the serial only grows,
//! and where a member has none yet it begins at a random number, so that somebody who left and came back has another.

use futures::FutureExt;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use sqlx::SqliteConnection;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::authentication::Principal;
use super::directory::Directory;
use super::error::DirectoryError;
use super::memberships::user_type;
use super::token::Signer;
use crate::domain::entity::{Kind, OfUser};

/// How many bytes a value shows, each as two hexadecimal digits: 128 bits, as Tyk's 32 digits are.
const VALUE_BYTES: usize = 16;

/// First serials are drawn below this, which leaves room for more resets than there will be.
const FIRST_SERIALS: i64 = 1 << 62;

#[derive(sqlx::FromRow)]
struct HolderRow {
    organization_id: String,
    user_id: String,
    serial: i64,
    username: String,
    kind: String,
}

impl Directory {
    /// Gives a member a new access key, and ends the one before if there is one.
    ///
    /// [`NotFound`](DirectoryError::NotFound) if the user is no member.
    pub async fn renew_access_key(&self, of: &OfUser) -> Result<SecretString, DirectoryError> {
        let (of, signer) = (of.clone(), self.inner.signer.clone());
        self.write(move |connection| async move { renew(connection, &signer, &of).await }.boxed()).await
    }

    /// The member's access key as it is now; none if it was never given one or the last was revoked.
    pub async fn access_key(&self, of: &OfUser) -> Result<Option<SecretString>, DirectoryError> {
        current(&mut *self.reader().await?, &self.inner.signer, of).await
    }

    /// Ends the member's access key. Revoking what is not there is no error.
    pub async fn revoke_access_key(&self, of: &OfUser) -> Result<(), DirectoryError> {
        let of = of.clone();
        self.write(move |connection| {
            async move {
                sqlx::query("UPDATE access_keys SET digest = NULL WHERE organization_id = $1 AND user_id = $2")
                    .bind(&of.organization_id)
                    .bind(&of.user_id)
                    .execute(connection)
                    .await?;
                Ok(())
            }
            .boxed()
        })
        .await
    }

    /// Whose access key that is: an enabled member's, and neither replaced nor revoked.
    pub async fn authenticate_access_key(&self, shown: &SecretString) -> Result<Option<Principal>, DirectoryError> {
        let row: Option<HolderRow> = sqlx::query_as(
            "SELECT k.organization_id, k.user_id, k.serial, u.username, u.kind FROM access_keys k \
             JOIN users u ON u.id = k.user_id WHERE k.digest = $1 AND u.enabled",
        )
        .bind(digest(shown))
        .fetch_optional(&mut *self.reader().await?)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let of = OfUser { organization_id: row.organization_id, user_id: row.user_id };
        let own = value(&self.inner.signer, &of, row.serial);
        if !bool::from(own.expose_secret().as_bytes().ct_eq(shown.expose_secret().as_bytes())) {
            return Ok(None);
        }
        Ok(Some(Principal {
            roles: self.roles(&of.organization_id, &of.user_id).await?,
            user_type: user_type(&row.kind)?,
            user_id: of.user_id,
            organization_id: of.organization_id,
            username: row.username,
            token_id: None,
        }))
    }
}

/// As [`Directory::access_key`], inside a transaction.
pub(super) async fn current(
    connection: &mut SqliteConnection,
    signer: &Signer,
    of: &OfUser,
) -> Result<Option<SecretString>, DirectoryError> {
    let serial: Option<i64> = sqlx::query_scalar(
        "SELECT serial FROM access_keys WHERE organization_id = $1 AND user_id = $2 AND digest IS NOT NULL",
    )
    .bind(&of.organization_id)
    .bind(&of.user_id)
    .fetch_optional(connection)
    .await?;
    Ok(serial.map(|serial| value(signer, of, serial)))
}

/// As [`Directory::renew_access_key`], inside the transaction of whatever makes the member.
pub(super) async fn renew(
    connection: &mut SqliteConnection,
    signer: &Signer,
    of: &OfUser,
) -> Result<SecretString, DirectoryError> {
    let member: Option<String> =
        sqlx::query_scalar("SELECT user_id FROM memberships WHERE organization_id = $1 AND user_id = $2")
            .bind(&of.organization_id)
            .bind(&of.user_id)
            .fetch_optional(&mut *connection)
            .await?;
    member.ok_or_else(|| DirectoryError::not_found(Kind::User, &of.user_id))?;
    let last: Option<i64> =
        sqlx::query_scalar("SELECT serial FROM access_keys WHERE organization_id = $1 AND user_id = $2")
            .bind(&of.organization_id)
            .bind(&of.user_id)
            .fetch_optional(&mut *connection)
            .await?;
    let serial = last.map_or_else(first_serial, |last| last + 1);
    let value = value(signer, of, serial);
    sqlx::query(
        "INSERT INTO access_keys (organization_id, user_id, serial, digest) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (organization_id, user_id) DO UPDATE SET serial = excluded.serial, digest = excluded.digest",
    )
    .bind(&of.organization_id)
    .bind(&of.user_id)
    .bind(serial)
    .bind(digest(&value))
    .execute(connection)
    .await?;
    Ok(value)
}

/// The value with that serial, in lower-case hexadecimal.
pub(super) fn value(signer: &Signer, of: &OfUser, serial: i64) -> SecretString {
    let serial = serial.to_be_bytes();
    let tag = signer.derive("access key", &[of.organization_id.as_bytes(), of.user_id.as_bytes(), &serial]);
    hexadecimal(&tag[..VALUE_BYTES]).into()
}

fn first_serial() -> i64 {
    let (_, random) = Uuid::new_v4().as_u64_pair();
    i64::try_from(random >> 1).unwrap_or_default() % FIRST_SERIALS
}

fn digest(value: &SecretString) -> String {
    hexadecimal(&Sha256::digest(value.expose_secret().as_bytes()))
}

/// Two lower-case digits for each byte.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
