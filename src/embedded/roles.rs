//! Roles of an organisation, in dialects where they are made and changed.

use futures::FutureExt;
use sqlx::SqliteConnection;

use super::directory::Directory;
use super::error::DirectoryError;
use super::rules::Rights;

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRecord {
    /// Its name, unique in its organisation.
    pub name: String,
    /// What it allows.
    pub rights: Rights,
}

/// What became of a change to roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleOutcome {
    /// It was done.
    Done,
    /// There is no such role, or no such organisation.
    Absent,
    /// There is such a role already.
    Exists,
    /// Users have it, so it was not removed.
    InUse,
}

impl Directory {
    /// The roles of an organisation, by name.
    pub async fn roles_of(&self, organization_id: &str) -> Result<Vec<RoleRecord>, DirectoryError> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT name, rights FROM roles WHERE organization_id = $1 ORDER BY name")
                .bind(organization_id)
                .fetch_all(&mut *self.reader().await?)
                .await?;
        Ok(rows.into_iter().map(|(name, rights)| RoleRecord { name, rights: Rights::from_stored(rights) }).collect())
    }

    /// What a member may do: the rights of all their roles; none for somebody who is no member.
    pub async fn rights(&self, organization_id: &str, user_id: &str) -> Result<Rights, DirectoryError> {
        let rights: Vec<i64> = sqlx::query_scalar(
            "SELECT r.rights FROM membership_roles m JOIN roles r \
             ON r.organization_id = m.organization_id AND r.name = m.role \
             WHERE m.organization_id = $1 AND m.user_id = $2",
        )
        .bind(organization_id)
        .bind(user_id)
        .fetch_all(&mut *self.reader().await?)
        .await?;
        Ok(rights.into_iter().map(Rights::from_stored).fold(Rights::NONE, Rights::and))
    }

    /// Makes a role.
    pub async fn create_role(&self, organization_id: &str, role: RoleRecord) -> Result<RoleOutcome, DirectoryError> {
        let organization_id = organization_id.to_owned();
        self.write(move |connection| {
            async move {
                if exists(connection, &organization_id, &role.name).await? {
                    return Ok(RoleOutcome::Exists);
                }
                let made = sqlx::query(
                    "INSERT INTO roles (organization_id, name, rights) SELECT id, $2, $3 FROM organizations WHERE id = $1",
                )
                .bind(organization_id)
                .bind(role.name)
                .bind(role.rights.bits())
                .execute(connection)
                .await?;
                Ok(if made.rows_affected() > 0 { RoleOutcome::Done } else { RoleOutcome::Absent })
            }
            .boxed()
        })
        .await
    }

    /// Gives a role other rights, and with it all who have it.
    pub async fn update_role(&self, organization_id: &str, role: RoleRecord) -> Result<RoleOutcome, DirectoryError> {
        let organization_id = organization_id.to_owned();
        self.write(move |connection| {
            async move {
                let changed = sqlx::query("UPDATE roles SET rights = $3 WHERE organization_id = $1 AND name = $2")
                    .bind(organization_id)
                    .bind(role.name)
                    .bind(role.rights.bits())
                    .execute(connection)
                    .await?;
                Ok(if changed.rows_affected() > 0 { RoleOutcome::Done } else { RoleOutcome::Absent })
            }
            .boxed()
        })
        .await
    }

    /// Removes a role that nobody has.
    pub async fn delete_role(&self, organization_id: &str, name: &str) -> Result<RoleOutcome, DirectoryError> {
        let (organization_id, name) = (organization_id.to_owned(), name.to_owned());
        self.write(move |connection| {
            async move {
                if !exists(connection, &organization_id, &name).await? {
                    return Ok(RoleOutcome::Absent);
                }
                let removed = sqlx::query(
                    "DELETE FROM roles WHERE organization_id = $1 AND name = $2 AND NOT EXISTS \
                     (SELECT 1 FROM membership_roles m WHERE m.organization_id = $1 AND m.role = $2)",
                )
                .bind(organization_id)
                .bind(name)
                .execute(connection)
                .await?;
                Ok(if removed.rows_affected() > 0 { RoleOutcome::Done } else { RoleOutcome::InUse })
            }
            .boxed()
        })
        .await
    }
}

async fn exists(connection: &mut SqliteConnection, organization_id: &str, name: &str) -> Result<bool, DirectoryError> {
    let found: Option<String> = sqlx::query_scalar("SELECT name FROM roles WHERE organization_id = $1 AND name = $2")
        .bind(organization_id)
        .bind(name)
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}
