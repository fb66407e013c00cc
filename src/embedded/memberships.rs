//! How users and memberships are written, inside the transaction of whatever needs them.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::error::DirectoryError;
use super::rules::{Rules, Scope};
use crate::domain::entity::{Kind, UserType};

/// A new user, before it is a member of anything.
pub(super) struct UserRow {
    pub(super) id: String,
    pub(super) user_type: UserType,
    pub(super) username: String,
    pub(super) email: Option<String>,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) password_hash: Option<String>,
}

impl UserRow {
    /// Whether the dialect sends them an invitation.
    pub(super) fn is_invited(&self, rules: &Rules) -> bool {
        rules.invites && self.user_type == UserType::Person && self.email.is_some()
    }
}

/// A new membership.
pub(super) struct NewMembership {
    pub(super) organization_id: String,
    pub(super) user_id: String,
    pub(super) owner: Option<String>,
    pub(super) idempotency_key: Option<String>,
    pub(super) roles: Vec<String>,
    pub(super) now: Timestamp,
}

/// Refuses a username that another user has where the dialect wants it unique.
pub(super) async fn check_username(
    connection: &mut SqliteConnection,
    rules: &Rules,
    organization_id: &str,
    user_id: &str,
    username: &str,
) -> Result<(), DirectoryError> {
    let taken: Option<String> = match rules.unique_usernames {
        Scope::Nowhere => None,
        Scope::Organization => {
            sqlx::query_scalar(
                "SELECT u.id FROM users u JOIN memberships m ON m.user_id = u.id \
                 WHERE u.username = $1 AND u.id <> $2 AND m.organization_id = $3 LIMIT 1",
            )
            .bind(username)
            .bind(user_id)
            .bind(organization_id)
            .fetch_optional(connection)
            .await?
        }
        Scope::Directory => {
            sqlx::query_scalar("SELECT id FROM users WHERE username = $1 AND id <> $2 LIMIT 1")
                .bind(username)
                .bind(user_id)
                .fetch_optional(connection)
                .await?
        }
    };
    match taken {
        None => Ok(()),
        Some(_) => Err(DirectoryError::AlreadyExists { kind: Kind::User, name: username.to_owned() }),
    }
}

/// Writes a user, who can do nothing before the link of their invitation is opened where the dialect invites them.
pub(super) async fn insert_user(
    connection: &mut SqliteConnection,
    rules: &Rules,
    user: &UserRow,
    now: Timestamp,
) -> Result<(), DirectoryError> {
    sqlx::query(
        "INSERT INTO users (id, kind, username, email, first_name, last_name, password_hash, enabled, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&user.id)
    .bind(kind(user.user_type))
    .bind(&user.username)
    .bind(&user.email)
    .bind(&user.first_name)
    .bind(&user.last_name)
    .bind(&user.password_hash)
    .bind(!user.is_invited(rules))
    .bind(now.as_millisecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes a membership with its roles; an organisation's first one makes its default project.
pub(super) async fn insert_membership(
    connection: &mut SqliteConnection,
    rules: &Rules,
    new: NewMembership,
) -> Result<(), DirectoryError> {
    let found: Option<String> = sqlx::query_scalar("SELECT id FROM organizations WHERE id = $1")
        .bind(&new.organization_id)
        .fetch_optional(&mut *connection)
        .await?;
    found.ok_or_else(|| DirectoryError::not_found(Kind::Organization, &new.organization_id))?;
    sqlx::query(
        "INSERT INTO memberships (organization_id, user_id, owner, created_at, idempotency_key) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&new.organization_id)
    .bind(&new.user_id)
    .bind(&new.owner)
    .bind(new.now.as_millisecond())
    .bind(&new.idempotency_key)
    .execute(&mut *connection)
    .await?;
    set_roles(connection, &new.organization_id, &new.user_id, new.roles).await?;
    sqlx::query(
        "INSERT INTO projects (id, organization_id, name, owner_id, is_default, created_at) \
         SELECT $1, $2, $3, $4, TRUE, $5 \
         WHERE NOT EXISTS (SELECT 1 FROM projects WHERE organization_id = $2 AND is_default)",
    )
    .bind((rules.new_id)())
    .bind(&new.organization_id)
    .bind(rules.default_project)
    .bind(&new.user_id)
    .bind(new.now.as_millisecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives a member exactly those roles; each has to be one of the organisation's.
pub(super) async fn set_roles(
    connection: &mut SqliteConnection,
    organization_id: &str,
    user_id: &str,
    mut roles: Vec<String>,
) -> Result<(), DirectoryError> {
    roles.sort_unstable();
    roles.dedup();
    let known: Vec<String> = sqlx::query_scalar("SELECT name FROM roles WHERE organization_id = $1 ORDER BY name")
        .bind(organization_id)
        .fetch_all(&mut *connection)
        .await?;
    if let Some(unknown) = roles.iter().find(|role| !known.contains(role)) {
        return Err(DirectoryError::Invalid {
            field: "the list of roles",
            rule: format!("the organisation has no role {unknown:?}; it has {}", known.join(", ")),
        });
    }
    sqlx::query("DELETE FROM membership_roles WHERE organization_id = $1 AND user_id = $2")
        .bind(organization_id)
        .bind(user_id)
        .execute(&mut *connection)
        .await?;
    for role in roles {
        sqlx::query("INSERT INTO membership_roles (organization_id, user_id, role) VALUES ($1, $2, $3)")
            .bind(organization_id)
            .bind(user_id)
            .bind(role)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The roles that were named, else the dialect's default ones.
pub(super) fn roles_or_default(dialect: &Rules, roles: Option<Vec<String>>) -> Vec<String> {
    roles.unwrap_or_else(|| dialect.default_roles.iter().map(|&role| role.to_owned()).collect())
}

const fn kind(user_type: UserType) -> &'static str {
    match user_type {
        UserType::Person => "Person",
        UserType::Machine => "Machine",
    }
}

/// The user type of a stored kind.
pub(super) fn user_type(kind: &str) -> Result<UserType, DirectoryError> {
    match kind {
        "Person" => Ok(UserType::Person),
        "Machine" => Ok(UserType::Machine),
        other => Err(DirectoryError::unavailable(UnknownKind(other.to_owned()))),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the database holds a user of the unknown kind {0:?}")]
struct UnknownKind(String);
