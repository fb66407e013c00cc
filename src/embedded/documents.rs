//! Objects with all that a dialect keeps of them: beside the columns that every dialect has, a JSON object of its own.
//!
//! Reads take the time up to which what was made is seen, because a dialect may show new objects late.

use futures::FutureExt;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value};
use sqlx::SqliteConnection;

use super::access_keys;
use super::directory::{Directory, stored_time};
use super::error::DirectoryError;
use super::memberships::check_username;
use super::rules::Rules;
use super::token::Signer;
use crate::domain::entity::{Kind, OfUser};

/// What a dialect keeps beside the columns: the members of a JSON object. No secret belongs in it.
pub type Attributes = Map<String, Value>;

/// What a dialect keeps of a new organisation beside what every one does.
#[derive(Debug, Default)]
pub struct OrganizationParticulars {
    /// Its id, where that comes from elsewhere; else the dialect makes one.
    pub id: Option<String>,
    /// The dialect's own members.
    pub attributes: Attributes,
}

/// What a dialect keeps of a new user beside what every one does.
#[derive(Debug, Default)]
pub struct UserParticulars {
    /// Whether the account may not be used.
    pub disabled: bool,
    /// The dialect's own members.
    pub attributes: Attributes,
    /// Whether the user gets an access key.
    pub access_key: bool,
}

/// A change of a user and of what a dialect keeps of it; what is `None` is not touched.
#[derive(Debug, Default)]
pub struct UserPatch {
    /// New login name.
    pub username: Option<String>,
    /// New e-mail address.
    pub email: Option<String>,
    /// New first name.
    pub first_name: Option<String>,
    /// New last name.
    pub last_name: Option<String>,
    /// Whether the account may be used from now on.
    pub enabled: Option<bool>,
    /// New password.
    pub password: Option<SecretString>,
    /// These take the place of the members of the same names; the others stay.
    pub attributes: Attributes,
}

/// Which part of a list is read, in the order of creation.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// What was made later is not seen.
    pub seen: Timestamp,
    /// How many come before it.
    pub skip: u64,
    /// How many there are in it at most; `None` for all.
    pub limit: Option<u64>,
}

/// An organisation as a dialect sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct OrganizationDocument {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The dialect's own members.
    pub attributes: Attributes,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A member of an organisation as a dialect sees it.
#[derive(Clone, Debug)]
pub struct UserDocument {
    /// The user's id.
    pub id: String,
    /// The organisation's id.
    pub organization_id: String,
    /// E-mail address.
    pub email: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Whether the account may be used.
    pub enabled: bool,
    /// The dialect's own members.
    pub attributes: Attributes,
    /// When the user was made.
    pub created_at: Timestamp,
    /// The access key as it is now.
    pub access_key: Option<SecretString>,
}

#[derive(sqlx::FromRow)]
struct OrganizationRow {
    id: String,
    name: String,
    attributes: String,
    created_at: i64,
}

impl OrganizationRow {
    fn document(self) -> Result<OrganizationDocument, DirectoryError> {
        Ok(OrganizationDocument {
            id: self.id,
            name: self.name,
            attributes: parsed(&self.attributes)?,
            created_at: stored_time(self.created_at)?,
        })
    }
}

/// Every read of user documents differs only in which members it looks for.
macro_rules! select_users {
    ($filter:literal) => {
        concat!(
            "SELECT u.id, m.organization_id, u.email, u.first_name, u.last_name, u.enabled, u.attributes, u.created_at, \
             k.serial FROM users u JOIN memberships m ON m.user_id = u.id LEFT JOIN access_keys k \
             ON k.organization_id = m.organization_id AND k.user_id = m.user_id AND k.digest IS NOT NULL ",
            $filter
        )
    };
}

#[derive(sqlx::FromRow)]
struct UserRow {
    id: String,
    organization_id: String,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    enabled: bool,
    attributes: String,
    created_at: i64,
    serial: Option<i64>,
}

impl UserRow {
    fn document(self, signer: &Signer) -> Result<UserDocument, DirectoryError> {
        let of = OfUser { organization_id: self.organization_id, user_id: self.id };
        Ok(UserDocument {
            access_key: self.serial.map(|serial| access_keys::value(signer, &of, serial)),
            id: of.user_id,
            organization_id: of.organization_id,
            email: self.email,
            first_name: self.first_name,
            last_name: self.last_name,
            enabled: self.enabled,
            attributes: parsed(&self.attributes)?,
            created_at: stored_time(self.created_at)?,
        })
    }
}

impl Directory {
    /// The organisation with that id, if it was made up to `seen`.
    pub async fn organization_document(
        &self,
        id: &str,
        seen: Timestamp,
    ) -> Result<Option<OrganizationDocument>, DirectoryError> {
        let row: Option<OrganizationRow> = sqlx::query_as(
            "SELECT id, name, attributes, created_at FROM organizations WHERE id = $1 AND created_at <= $2",
        )
        .bind(id)
        .bind(seen.as_millisecond())
        .fetch_optional(&mut *self.reader().await?)
        .await?;
        row.map(OrganizationRow::document).transpose()
    }

    /// Part of the organisations, and how many there are in all.
    pub async fn organization_documents(&self, part: Part) -> Result<(Vec<OrganizationDocument>, u64), DirectoryError> {
        let mut reader = self.reader().await?;
        let rows: Vec<OrganizationRow> = sqlx::query_as(
            "SELECT id, name, attributes, created_at FROM organizations WHERE created_at <= $1 \
             ORDER BY created_at, id LIMIT $2 OFFSET $3",
        )
        .bind(part.seen.as_millisecond())
        .bind(part.limit())
        .bind(part.offset())
        .fetch_all(&mut *reader)
        .await?;
        let all: i64 = sqlx::query_scalar("SELECT count(*) FROM organizations WHERE created_at <= $1")
            .bind(part.seen.as_millisecond())
            .fetch_one(&mut *reader)
            .await?;
        let documents = rows.into_iter().map(OrganizationRow::document).collect::<Result<_, _>>()?;
        Ok((documents, all.unsigned_abs()))
    }

    /// Gives an organisation this name and these members, whole: what was there is gone.
    ///
    /// [`NotFound`](DirectoryError::NotFound) if there is none; [`Invalid`](DirectoryError::Invalid) if the name breaks
    /// its rule.
    pub async fn replace_organization_document(
        &self,
        rules: &'static Rules,
        id: &str,
        name: String,
        attributes: &Attributes,
    ) -> Result<(), DirectoryError> {
        (rules.check_name)(&name)
            .map_err(|rule| DirectoryError::Invalid { field: "the organisation's name", rule: rule.to_owned() })?;
        let (id, attributes) = (id.to_owned(), serialized(attributes)?);
        self.write(move |connection| {
            async move {
                let replaced = sqlx::query("UPDATE organizations SET name = $2, attributes = $3 WHERE id = $1")
                    .bind(&id)
                    .bind(name)
                    .bind(attributes)
                    .execute(connection)
                    .await?;
                if replaced.rows_affected() == 0 {
                    return Err(DirectoryError::not_found(Kind::Organization, &id));
                }
                Ok(())
            }
            .boxed()
        })
        .await
    }

    /// The user with that id, if it was made up to `seen`: for dialects whose users are in one organisation each. Where
    /// there are several, as a member of the first.
    pub async fn user_document(&self, id: &str, seen: Timestamp) -> Result<Option<UserDocument>, DirectoryError> {
        let row: Option<UserRow> = sqlx::query_as(select_users!(
            "WHERE u.id = $1 AND u.created_at <= $2 ORDER BY m.created_at, m.organization_id LIMIT 1"
        ))
        .bind(id)
        .bind(seen.as_millisecond())
        .fetch_optional(&mut *self.reader().await?)
        .await?;
        row.map(|row| row.document(&self.inner.signer)).transpose()
    }

    /// Part of an organisation's members, and how many there are in all.
    pub async fn user_documents(
        &self,
        organization_id: &str,
        part: Part,
    ) -> Result<(Vec<UserDocument>, u64), DirectoryError> {
        let mut reader = self.reader().await?;
        let rows: Vec<UserRow> = sqlx::query_as(select_users!(
            "WHERE m.organization_id = $1 AND u.created_at <= $2 ORDER BY u.created_at, u.id LIMIT $3 OFFSET $4"
        ))
        .bind(organization_id)
        .bind(part.seen.as_millisecond())
        .bind(part.limit())
        .bind(part.offset())
        .fetch_all(&mut *reader)
        .await?;
        let all: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM memberships m JOIN users u ON u.id = m.user_id \
             WHERE m.organization_id = $1 AND u.created_at <= $2",
        )
        .bind(organization_id)
        .bind(part.seen.as_millisecond())
        .fetch_one(&mut *reader)
        .await?;
        let documents = rows.into_iter().map(|row| row.document(&self.inner.signer)).collect::<Result<_, _>>()?;
        Ok((documents, all.unsigned_abs()))
    }

    /// Changes what the patch names, all of it or nothing.
    ///
    /// [`NotFound`](DirectoryError::NotFound) if the user is no member; [`AlreadyExists`](DirectoryError::AlreadyExists)
    /// if another user has the login name where the dialect wants it unique; [`Invalid`](DirectoryError::Invalid) if it
    /// breaks its rule.
    pub async fn patch_user(
        &self,
        rules: &'static Rules,
        of: &OfUser,
        patch: UserPatch,
    ) -> Result<UserDocument, DirectoryError> {
        if let Some(username) = &patch.username {
            (rules.check_name)(username)
                .map_err(|rule| DirectoryError::Invalid { field: "the user name", rule: rule.to_owned() })?;
        }
        let password_hash = match &patch.password {
            Some(password) => Some(self.inner.passwords.hash(password.clone()).await?),
            None => None,
        };
        let (of, signer) = (of.clone(), self.inner.signer.clone());
        self.write(move |connection| {
            async move {
                apply(connection, rules, &of, patch, password_hash).await?;
                member(connection, &of).await?.document(&signer)
            }
            .boxed()
        })
        .await
    }
}

/// Writes a patch, whose login name fits the dialect's rule and whose password is hashed, inside a transaction.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    rules: &Rules,
    of: &OfUser,
    patch: UserPatch,
    password_hash: Option<String>,
) -> Result<(), DirectoryError> {
    if let Some(username) = &patch.username {
        check_username(connection, rules, &of.organization_id, &of.user_id, username).await?;
    }
    let mut attributes = parsed(&member(connection, of).await?.attributes)?;
    attributes.extend(patch.attributes);
    sqlx::query(
        "UPDATE users SET username = COALESCE($2, username), email = COALESCE($3, email), \
         first_name = COALESCE($4, first_name), last_name = COALESCE($5, last_name), \
         enabled = COALESCE($6, enabled), password_hash = COALESCE($7, password_hash), attributes = $8 WHERE id = $1",
    )
    .bind(&of.user_id)
    .bind(patch.username)
    .bind(patch.email)
    .bind(patch.first_name)
    .bind(patch.last_name)
    .bind(patch.enabled)
    .bind(password_hash)
    .bind(serialized(&attributes)?)
    .execute(connection)
    .await?;
    Ok(())
}

impl Part {
    /// As SQLite takes it: a negative limit is none.
    fn limit(self) -> i64 {
        self.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX))
    }

    fn offset(self) -> i64 {
        i64::try_from(self.skip).unwrap_or(i64::MAX)
    }
}

async fn member(connection: &mut SqliteConnection, of: &OfUser) -> Result<UserRow, DirectoryError> {
    let row: Option<UserRow> = sqlx::query_as(select_users!("WHERE m.organization_id = $1 AND u.id = $2"))
        .bind(&of.organization_id)
        .bind(&of.user_id)
        .fetch_optional(connection)
        .await?;
    row.ok_or_else(|| DirectoryError::not_found(Kind::User, &of.user_id))
}

/// A dialect's members as they are stored.
pub(super) fn serialized(attributes: &Attributes) -> Result<String, DirectoryError> {
    serde_json::to_string(attributes).map_err(DirectoryError::unavailable)
}

fn parsed(stored: &str) -> Result<Attributes, DirectoryError> {
    serde_json::from_str(stored).map_err(DirectoryError::unavailable)
}
