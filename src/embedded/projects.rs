//! Projects of an organisation, in dialects that have them.
//!
//! Reads take the time up to which what was made is seen, because a dialect may show new objects late.

use futures::FutureExt;
use jiff::Timestamp;

use super::directory::Directory;
use super::error::DirectoryError;
use super::rules::Rules;
use crate::domain::entity::Kind;

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Project {
    /// The project's id.
    pub id: String,
    /// The organisation that it is in.
    pub organization_id: String,
    /// Its name; shared names are no error.
    pub name: String,
    /// Who made it, or whose membership did; none once that user is gone.
    pub owner_id: Option<String>,
    /// Whether it is the one that the organisation's first membership made.
    pub is_default: bool,
}

/// Every read of projects differs only in which ones it looks for.
macro_rules! select_projects {
    ($filter:literal) => {
        concat!("SELECT id, organization_id, name, owner_id, is_default FROM projects WHERE created_at <= $1 ", $filter)
    };
}

impl Directory {
    /// Creates a project that is not the default one.
    ///
    /// [`NotFound`](DirectoryError::NotFound) if the owner is no member of the organisation; [`Invalid`](DirectoryError::Invalid) if the name
    /// breaks the dialect's rule.
    pub async fn create_project(
        &self,
        rules: &'static Rules,
        organization_id: &str,
        owner_id: &str,
        name: String,
        now: Timestamp,
    ) -> Result<Project, DirectoryError> {
        check_name(rules, &name)?;
        let project = Project {
            id: (rules.new_id)(),
            organization_id: organization_id.to_owned(),
            name,
            owner_id: Some(owner_id.to_owned()),
            is_default: false,
        };
        self.write(move |connection| {
            async move {
                let made = sqlx::query(
                    "INSERT INTO projects (id, organization_id, name, owner_id, is_default, created_at) \
                     SELECT $1, m.organization_id, $2, m.user_id, FALSE, $3 FROM memberships m \
                     WHERE m.organization_id = $4 AND m.user_id = $5",
                )
                .bind(&project.id)
                .bind(&project.name)
                .bind(now.as_millisecond())
                .bind(&project.organization_id)
                .bind(&project.owner_id)
                .execute(connection)
                .await?;
                if made.rows_affected() == 0 {
                    return Err(DirectoryError::not_found(Kind::Organization, &project.organization_id));
                }
                Ok(project)
            }
            .boxed()
        })
        .await
    }

    /// The project with that id, if it was made up to `seen`.
    pub async fn project(&self, id: &str, seen: Timestamp) -> Result<Option<Project>, DirectoryError> {
        Ok(sqlx::query_as(select_projects!("AND id = $2"))
            .bind(seen.as_millisecond())
            .bind(id)
            .fetch_optional(&mut *self.reader().await?)
            .await?)
    }

    /// The projects of that organisation, or of all, that were made up to `seen`, in the order of their making.
    pub async fn projects(
        &self,
        organization_id: Option<&str>,
        seen: Timestamp,
    ) -> Result<Vec<Project>, DirectoryError> {
        Ok(sqlx::query_as(select_projects!("AND ($2 IS NULL OR organization_id = $2) ORDER BY created_at, rowid"))
            .bind(seen.as_millisecond())
            .bind(organization_id)
            .fetch_all(&mut *self.reader().await?)
            .await?)
    }

    /// Gives a project another name; false if there is none. [`Invalid`](DirectoryError::Invalid) if the name breaks the
    /// dialect's rule.
    pub async fn rename_project(&self, rules: &'static Rules, id: &str, name: &str) -> Result<bool, DirectoryError> {
        check_name(rules, name)?;
        self.change("UPDATE projects SET name = $2 WHERE id = $1", [id.to_owned(), name.to_owned()]).await
    }

    /// Removes a project; false if there is none. Without its default project an organisation gets another with its next
    /// membership.
    pub async fn delete_project(&self, id: &str) -> Result<bool, DirectoryError> {
        self.change("DELETE FROM projects WHERE id = $1", [id.to_owned()]).await
    }
}

fn check_name(rules: &Rules, name: &str) -> Result<(), DirectoryError> {
    (rules.check_name)(name)
        .map_err(|rule| DirectoryError::Invalid { field: "the project's name", rule: rule.to_owned() })
}
