//! Users, seen from an organisation that they are members of.

use std::collections::BTreeMap;

use futures::FutureExt;
use jiff::Timestamp;
use secrecy::SecretString;
use sqlx::SqliteConnection;

use super::access_keys;
use super::directory::{Directory, idempotency_key};
use super::documents::{UserParticulars, serialized};
use super::error::DirectoryError;
use super::invitations::invite;
use super::memberships::{
    NewMembership, UserRow, check_username, insert_membership, insert_user, roles_or_default, set_roles, user_type,
};
use super::rules::Rules;
use crate::domain::entity::{Kind, NewUser, OfUser, UserChange, UserRecord};

/// Every read of users differs only in which members it looks for. One row for each role; a user without any has one
/// row without a role.
macro_rules! select_members {
    ($filter:literal) => {
        concat!(
            "SELECT u.id, u.kind, u.username, u.email, u.first_name, u.last_name, u.owner, r.role FROM \
             (SELECT users.id, kind, username, email, first_name, last_name, owner, organization_id \
             FROM users JOIN memberships ON user_id = users.id WHERE organization_id = $1 ",
            $filter,
            ") u LEFT JOIN membership_roles r ON r.organization_id = u.organization_id AND r.user_id = u.id \
             ORDER BY u.id, r.role"
        )
    };
}

#[derive(sqlx::FromRow)]
struct MemberRow {
    id: String,
    kind: String,
    username: String,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    owner: Option<String>,
    role: Option<String>,
}

impl Directory {
    /// Creates a user and makes it a member of the organisation, with the dialect's default roles where none are named.
    ///
    /// [`NotFound`](DirectoryError::NotFound) without the organisation; [`AlreadyExists`](DirectoryError::AlreadyExists)
    /// if the username is taken where the dialect wants it unique; [`Invalid`](DirectoryError::Invalid) if it breaks its
    /// rule or a role does not exist.
    pub async fn create_user(
        &self,
        rules: &'static Rules,
        new: NewUser,
        now: Timestamp,
    ) -> Result<UserRecord, DirectoryError> {
        let (created, _) = self.create_user_with(rules, new, UserParticulars::default(), now).await?;
        Ok(created)
    }

    /// As [`create_user`](Self::create_user), with what the dialect keeps beside it, and with the access key if it wants
    /// one.
    pub async fn create_user_with(
        &self,
        rules: &'static Rules,
        new: NewUser,
        particulars: UserParticulars,
        now: Timestamp,
    ) -> Result<(UserRecord, Option<SecretString>), DirectoryError> {
        (rules.check_name)(&new.username)
            .map_err(|rule| DirectoryError::Invalid { field: "the user name", rule: rule.to_owned() })?;
        let password_hash = match new.password {
            Some(password) => Some(self.inner.passwords.hash(password).await?),
            None => None,
        };
        let user = UserRow {
            id: (rules.new_id)(),
            user_type: new.user_type,
            username: new.username,
            email: new.email,
            first_name: new.first_name,
            last_name: new.last_name,
            password_hash,
        };
        let membership = NewMembership {
            organization_id: new.organization_id,
            user_id: user.id.clone(),
            owner: Some(new.owner),
            idempotency_key: idempotency_key(&new.idempotency_key).map(str::to_owned),
            roles: roles_or_default(rules, new.roles),
            now,
        };
        let (signer, attributes) = (self.inner.signer.clone(), serialized(&particulars.attributes)?);
        let invited = user.is_invited(rules);
        self.write_and_invite(invited, move |connection| {
            async move {
                if let Some(first) = by_key(connection, &membership).await? {
                    let of = OfUser { organization_id: membership.organization_id, user_id: first.id.clone() };
                    let key = access_keys::current(connection, &signer, &of).await?;
                    return Ok((first, key));
                }
                check_username(connection, rules, &membership.organization_id, &user.id, &user.username).await?;
                insert_user(connection, rules, &user, now).await?;
                let organization_id = membership.organization_id.clone();
                insert_membership(connection, rules, membership).await?;
                invite(connection, rules, &organization_id, &user, now).await?;
                let of = OfUser { organization_id, user_id: user.id };
                sqlx::query("UPDATE users SET attributes = $2, enabled = enabled AND $3 WHERE id = $1")
                    .bind(&of.user_id)
                    .bind(attributes)
                    .bind(!particulars.disabled)
                    .execute(&mut *connection)
                    .await?;
                let key = if particulars.access_key {
                    Some(access_keys::renew(connection, &signer, &of).await?)
                } else {
                    None
                };
                Ok((existing(connection, &of.organization_id, &of.user_id).await?, key))
            }
            .boxed()
        })
        .await
    }

    /// Makes a user of another organisation a member of this one too, or gives a member these roles, whole. The owner
    /// mark is left as it is, or empty.
    ///
    /// [`NotFound`](DirectoryError::NotFound) without the organisation or the user;
    /// [`AlreadyExists`](DirectoryError::AlreadyExists) if another user has the username where the dialect wants it
    /// unique; [`Invalid`](DirectoryError::Invalid) if a role does not exist.
    pub async fn add_member(
        &self,
        dialect: &'static Rules,
        organization_id: &str,
        user_id: &str,
        roles: Option<Vec<String>>,
        now: Timestamp,
    ) -> Result<UserRecord, DirectoryError> {
        let (organization_id, user_id) = (organization_id.to_owned(), user_id.to_owned());
        self.write(move |connection| {
            async move {
                let roles = roles_or_default(dialect, roles);
                if by_id(connection, &organization_id, &user_id).await?.is_some() {
                    set_roles(connection, &organization_id, &user_id, roles).await?;
                } else {
                    let username: Option<String> = sqlx::query_scalar("SELECT username FROM users WHERE id = $1")
                        .bind(&user_id)
                        .fetch_optional(&mut *connection)
                        .await?;
                    let username = username.ok_or_else(|| DirectoryError::not_found(Kind::User, &user_id))?;
                    check_username(connection, dialect, &organization_id, &user_id, &username).await?;
                    let membership = NewMembership {
                        organization_id: organization_id.clone(),
                        user_id: user_id.clone(),
                        owner: None,
                        idempotency_key: None,
                        roles,
                        now,
                    };
                    insert_membership(connection, dialect, membership).await?;
                }
                existing(connection, &organization_id, &user_id).await
            }
            .boxed()
        })
        .await
    }

    /// The member with that id.
    pub async fn user(&self, organization_id: &str, id: &str) -> Result<Option<UserRecord>, DirectoryError> {
        by_id(&mut *self.reader().await?, organization_id, id).await
    }

    /// The members with exactly that username: several, where a dialect lets usernames be shared.
    pub async fn users_by_name(
        &self,
        organization_id: &str,
        username: &str,
    ) -> Result<Vec<UserRecord>, DirectoryError> {
        let rows = sqlx::query_as(select_members!("AND username = $2"))
            .bind(organization_id)
            .bind(username)
            .fetch_all(&mut *self.reader().await?)
            .await?;
        records(rows)
    }

    /// The members with that owner mark.
    pub async fn users_by_owner(&self, organization_id: &str, owner: &str) -> Result<Vec<UserRecord>, DirectoryError> {
        let rows = sqlx::query_as(select_members!("AND owner = $2"))
            .bind(organization_id)
            .bind(owner)
            .fetch_all(&mut *self.reader().await?)
            .await?;
        records(rows)
    }

    /// A page of at most `limit` members in the order of their ids: the first, or the one that follows the id `after`.
    /// A page that is not full is the last.
    pub async fn users(
        &self,
        organization_id: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<UserRecord>, DirectoryError> {
        let rows = sqlx::query_as(select_members!("AND users.id > $2 ORDER BY users.id LIMIT $3"))
            .bind(organization_id)
            .bind(after.unwrap_or_default())
            .bind(limit)
            .fetch_all(&mut *self.reader().await?)
            .await?;
        records(rows)
    }

    /// Changes what the change names. E-mail and names are the user's everywhere; roles and owner mark are those in this
    /// organisation.
    ///
    /// [`NotFound`](DirectoryError::NotFound) if the user is no member; [`Invalid`](DirectoryError::Invalid) if a role
    /// does not exist, and then nothing is changed.
    pub async fn update_user(
        &self,
        organization_id: &str,
        id: &str,
        change: UserChange,
    ) -> Result<UserRecord, DirectoryError> {
        let (organization_id, id) = (organization_id.to_owned(), id.to_owned());
        self.write(move |connection| {
            async move {
                existing(connection, &organization_id, &id).await?;
                sqlx::query(
                    "UPDATE users SET email = COALESCE($2, email), first_name = COALESCE($3, first_name), \
                     last_name = COALESCE($4, last_name) WHERE id = $1",
                )
                .bind(&id)
                .bind(change.email)
                .bind(change.first_name)
                .bind(change.last_name)
                .execute(&mut *connection)
                .await?;
                if let Some(owner) = change.owner {
                    sqlx::query("UPDATE memberships SET owner = $3 WHERE organization_id = $1 AND user_id = $2")
                        .bind(&organization_id)
                        .bind(&id)
                        .bind(owner)
                        .execute(&mut *connection)
                        .await?;
                }
                if let Some(roles) = change.roles {
                    set_roles(connection, &organization_id, &id, roles).await?;
                }
                existing(connection, &organization_id, &id).await
            }
            .boxed()
        })
        .await
    }

    /// Sets the password of a member, which is the user's everywhere. Their tokens are not touched.
    ///
    /// [`NotFound`](DirectoryError::NotFound) if the user is no member.
    pub async fn set_password(
        &self,
        organization_id: &str,
        id: &str,
        password: SecretString,
    ) -> Result<(), DirectoryError> {
        // Before the write is queued: hashing takes longer than all that waits behind it.
        let password_hash = self.inner.passwords.hash(password).await?;
        let (organization_id, id) = (organization_id.to_owned(), id.to_owned());
        self.write(move |connection| {
            async move {
                let set = sqlx::query(
                    "UPDATE users SET password_hash = $3 WHERE id = $2 AND EXISTS \
                     (SELECT 1 FROM memberships m WHERE m.organization_id = $1 AND m.user_id = users.id)",
                )
                .bind(&organization_id)
                .bind(&id)
                .bind(password_hash)
                .execute(connection)
                .await?;
                if set.rows_affected() == 0 {
                    return Err(DirectoryError::not_found(Kind::User, &id));
                }
                Ok(())
            }
            .boxed()
        })
        .await
    }

    /// Ends the membership, and with it the user's tokens in this organisation; a user who is in no other organisation
    /// goes too. Removing what is not there is no error.
    pub async fn delete_user(&self, organization_id: &str, id: &str) -> Result<(), DirectoryError> {
        let (organization_id, id) = (organization_id.to_owned(), id.to_owned());
        self.write(move |connection| {
            async move {
                let ended = sqlx::query("DELETE FROM memberships WHERE organization_id = $1 AND user_id = $2")
                    .bind(&organization_id)
                    .bind(&id)
                    .execute(&mut *connection)
                    .await?;
                if ended.rows_affected() > 0 {
                    sqlx::query(
                        "DELETE FROM users WHERE id = $1 \
                         AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = users.id)",
                    )
                    .bind(&id)
                    .execute(&mut *connection)
                    .await?;
                }
                Ok(())
            }
            .boxed()
        })
        .await
    }
}

/// The member that a creation with this key made before.
async fn by_key(
    connection: &mut SqliteConnection,
    membership: &NewMembership,
) -> Result<Option<UserRecord>, DirectoryError> {
    let Some(key) = &membership.idempotency_key else {
        return Ok(None);
    };
    let rows = sqlx::query_as(select_members!("AND idempotency_key = $2"))
        .bind(&membership.organization_id)
        .bind(key)
        .fetch_all(connection)
        .await?;
    Ok(records(rows)?.pop())
}

async fn by_id(
    connection: &mut SqliteConnection,
    organization_id: &str,
    id: &str,
) -> Result<Option<UserRecord>, DirectoryError> {
    let rows = sqlx::query_as(select_members!("AND users.id = $2"))
        .bind(organization_id)
        .bind(id)
        .fetch_all(connection)
        .await?;
    Ok(records(rows)?.pop())
}

async fn existing(
    connection: &mut SqliteConnection,
    organization_id: &str,
    id: &str,
) -> Result<UserRecord, DirectoryError> {
    by_id(connection, organization_id, id).await?.ok_or_else(|| DirectoryError::not_found(Kind::User, id))
}

/// Folds the rows of each user, which follow each other, into one record.
fn records(rows: Vec<MemberRow>) -> Result<Vec<UserRecord>, DirectoryError> {
    let mut records: Vec<UserRecord> = Vec::new();
    for row in rows {
        match records.last_mut() {
            Some(last) if last.id == row.id => last.roles.get_or_insert_default().extend(row.role),
            _ => records.push(UserRecord {
                user_type: user_type(&row.kind)?,
                id: row.id,
                username: row.username,
                email: row.email,
                first_name: row.first_name,
                last_name: row.last_name,
                roles: Some(row.role.into_iter().collect()),
                permissions: BTreeMap::new(),
                partial: false,
                key_id: None,
                owner: row.owner,
            }),
        }
    }
    Ok(records)
}
