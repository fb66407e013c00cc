//! Organisations.

use futures::FutureExt;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::directory::{Directory, idempotency_key};
use super::documents::{OrganizationParticulars, serialized};
use super::error::DirectoryError;
use super::invitations::invite;
use super::memberships::{NewMembership, UserRow, insert_membership, insert_user};
use super::rules::Rules;

use crate::domain::entity::{Kind, NewOrganization, OrganizationChange, OrganizationRecord, TykSettings, UserType};

/// Every read of organisations differs only in what it looks for.
macro_rules! select_organizations {
    ($filter:literal) => {
        concat!(
            "SELECT o.id, o.name, o.display_name, o.owner, p.id AS default_project_id \
             FROM organizations o LEFT JOIN projects p ON p.organization_id = o.id AND p.is_default ",
            $filter
        )
    };
}

#[derive(sqlx::FromRow)]
struct OrganizationRow {
    id: String,
    name: String,
    display_name: Option<String>,
    owner: Option<String>,
    default_project_id: Option<String>,
}

impl From<OrganizationRow> for OrganizationRecord {
    fn from(row: OrganizationRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            display_name: row.display_name,
            owner: row.owner,
            default_project_id: row.default_project_id,
            tyk: TykSettings::default(),
            partial: false,
        }
    }
}

fn records(rows: Vec<OrganizationRow>) -> Vec<OrganizationRecord> {
    rows.into_iter().map(OrganizationRecord::from).collect()
}

impl Directory {
    /// Creates an organisation with the dialect's roles and, where one is given, its first administrator. Of a key pair
    /// only the public key is kept.
    ///
    /// [`AlreadyExists`](DirectoryError::AlreadyExists) if the name is taken and the dialect wants it unique;
    /// [`Invalid`](DirectoryError::Invalid) if a name breaks its rule.
    pub async fn create_organization(
        &self,
        rules: &'static Rules,
        new: NewOrganization,
        now: Timestamp,
    ) -> Result<OrganizationRecord, DirectoryError> {
        self.create_organization_with(rules, new, OrganizationParticulars::default(), now).await
    }

    /// As [`create_organization`](Self::create_organization), with what the dialect keeps beside it.
    ///
    /// Also [`AlreadyExists`](DirectoryError::AlreadyExists) if an id is given that an organisation has.
    pub async fn create_organization_with(
        &self,
        rules: &'static Rules,
        new: NewOrganization,
        particulars: OrganizationParticulars,
        now: Timestamp,
    ) -> Result<OrganizationRecord, DirectoryError> {
        (rules.check_name)(&new.name).map_err(|rule| invalid("the organisation's name", rule))?;
        let mut admin = None;
        if let Some(given) = new.admin {
            (rules.check_name)(&given.username).map_err(|rule| invalid("the administrator's user name", rule))?;
            let password_hash = match given.password {
                Some(password) => Some(self.inner.passwords.hash(password).await?),
                None => None,
            };
            admin = Some(UserRow {
                id: (rules.new_id)(),
                user_type: UserType::Person,
                username: given.username,
                email: Some(given.email),
                first_name: given.first_name,
                last_name: given.last_name,
                password_hash,
            });
        }
        let insert = Insert {
            id: particulars.id.unwrap_or_else(rules.new_id),
            idempotency_key: idempotency_key(&new.idempotency_key).map(str::to_owned),
            name: new.name,
            display_name: new.display_name,
            owner: new.owner,
            public_key: new.key_pair.map(|pair| pair.public_pem),
            admin,
            attributes: serialized(&particulars.attributes)?,
            now,
        };
        let invited = insert.admin.as_ref().is_some_and(|admin| admin.is_invited(rules));
        self.write_and_invite(invited, move |connection| insert.run(connection, rules).boxed()).await
    }

    /// The organisation with that id.
    pub async fn organization(&self, id: &str) -> Result<Option<OrganizationRecord>, DirectoryError> {
        by_id(&mut *self.reader().await?, id).await
    }

    /// As [`organization`](Self::organization), if it was made up to `seen`.
    pub(super) async fn organization_seen(
        &self,
        id: &str,
        seen: Timestamp,
    ) -> Result<Option<OrganizationRecord>, DirectoryError> {
        let row: Option<OrganizationRow> =
            sqlx::query_as(select_organizations!("WHERE o.id = $1 AND o.created_at <= $2"))
                .bind(id)
                .bind(seen.as_millisecond())
                .fetch_optional(&mut *self.reader().await?)
                .await?;
        Ok(row.map(OrganizationRecord::from))
    }

    /// All organisations that were made up to `seen`, in the order of their ids.
    pub(super) async fn organizations_seen(&self, seen: Timestamp) -> Result<Vec<OrganizationRecord>, DirectoryError> {
        let rows = sqlx::query_as(select_organizations!("WHERE o.created_at <= $1 ORDER BY o.id"))
            .bind(seen.as_millisecond())
            .fetch_all(&mut *self.reader().await?)
            .await?;
        Ok(records(rows))
    }

    /// The organisations with exactly that name: several, where a dialect lets names be shared.
    pub async fn organizations_by_name(&self, name: &str) -> Result<Vec<OrganizationRecord>, DirectoryError> {
        let rows = sqlx::query_as(select_organizations!("WHERE o.name = $1 ORDER BY o.id"))
            .bind(name)
            .fetch_all(&mut *self.reader().await?)
            .await?;
        Ok(records(rows))
    }

    /// The organisations with that owner mark.
    pub async fn organizations_by_owner(&self, owner: &str) -> Result<Vec<OrganizationRecord>, DirectoryError> {
        let rows = sqlx::query_as(select_organizations!("WHERE o.owner = $1 ORDER BY o.id"))
            .bind(owner)
            .fetch_all(&mut *self.reader().await?)
            .await?;
        Ok(records(rows))
    }

    /// A page of at most `limit` organisations in the order of their ids: the first, or the one that follows the id
    /// `after`. A page that is not full is the last.
    pub async fn organizations(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<OrganizationRecord>, DirectoryError> {
        let rows = sqlx::query_as(select_organizations!("WHERE o.id > $1 ORDER BY o.id LIMIT $2"))
            .bind(after.unwrap_or_default())
            .bind(limit)
            .fetch_all(&mut *self.reader().await?)
            .await?;
        Ok(records(rows))
    }

    /// Changes what the change names; [`NotFound`](DirectoryError::NotFound) if the organisation is not there.
    pub async fn update_organization(
        &self,
        id: &str,
        change: OrganizationChange,
    ) -> Result<OrganizationRecord, DirectoryError> {
        let id = id.to_owned();
        self.write(move |connection| {
            async move {
                if let Some(display_name) = change.display_name {
                    sqlx::query("UPDATE organizations SET display_name = $2 WHERE id = $1")
                        .bind(&id)
                        .bind(display_name)
                        .execute(&mut *connection)
                        .await?;
                }
                if let Some(owner) = change.owner {
                    sqlx::query("UPDATE organizations SET owner = $2 WHERE id = $1")
                        .bind(&id)
                        .bind(owner)
                        .execute(&mut *connection)
                        .await?;
                }
                existing(connection, &id).await
            }
            .boxed()
        })
        .await
    }

    /// Removes the organisation and everything in it: its users who are in no other one, memberships, tokens, projects
    /// and roles. Removing what is not there is no error.
    pub async fn prune_organization(&self, id: &str) -> Result<(), DirectoryError> {
        let id = id.to_owned();
        self.write(move |connection| {
            async move {
                sqlx::query(
                    "DELETE FROM users WHERE id IN (SELECT user_id FROM memberships WHERE organization_id = $1) \
                     AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = users.id AND m.organization_id <> $1)",
                )
                .bind(&id)
                .execute(&mut *connection)
                .await?;
                sqlx::query("DELETE FROM organizations WHERE id = $1")
                    .bind(&id)
                    .execute(&mut *connection)
                    .await?;
                Ok(())
            }
            .boxed()
        })
        .await
    }
}

/// What is written for a new organisation, in one transaction.
struct Insert {
    id: String,
    idempotency_key: Option<String>,
    name: String,
    display_name: Option<String>,
    owner: String,
    public_key: Option<String>,
    admin: Option<UserRow>,
    attributes: String,
    now: Timestamp,
}

impl Insert {
    async fn run(self, connection: &mut SqliteConnection, rules: &Rules) -> Result<OrganizationRecord, DirectoryError> {
        if let Some(key) = &self.idempotency_key {
            let first: Option<OrganizationRow> = sqlx::query_as(select_organizations!("WHERE o.idempotency_key = $1"))
                .bind(key)
                .fetch_optional(&mut *connection)
                .await?;
            if let Some(first) = first {
                return Ok(first.into());
            }
        }
        if rules.unique_organization_names {
            let taken: Option<String> = sqlx::query_scalar("SELECT id FROM organizations WHERE name = $1 LIMIT 1")
                .bind(&self.name)
                .fetch_optional(&mut *connection)
                .await?;
            if taken.is_some() {
                return Err(DirectoryError::AlreadyExists { kind: Kind::Organization, name: self.name });
            }
        }
        if by_id(connection, &self.id).await?.is_some() {
            return Err(DirectoryError::AlreadyExists { kind: Kind::Organization, name: self.id });
        }
        sqlx::query(
            "INSERT INTO organizations \
             (id, name, display_name, owner, public_key, created_at, idempotency_key, attributes) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&self.id)
        .bind(&self.name)
        .bind(&self.display_name)
        .bind(&self.owner)
        .bind(&self.public_key)
        .bind(self.now.as_millisecond())
        .bind(&self.idempotency_key)
        .bind(&self.attributes)
        .execute(&mut *connection)
        .await?;
        for role in rules.roles {
            sqlx::query("INSERT INTO roles (organization_id, name, rights) VALUES ($1, $2, $3)")
                .bind(&self.id)
                .bind(role.name)
                .bind(role.rights.bits())
                .execute(&mut *connection)
                .await?;
        }
        if let Some(admin) = self.admin {
            let membership = NewMembership {
                organization_id: self.id.clone(),
                user_id: admin.id.clone(),
                // The administrator belongs to no resource of its own, so one may still take it over.
                owner: None,
                idempotency_key: None,
                roles: rules.administrator_roles.iter().map(|&role| role.to_owned()).collect(),
                now: self.now,
            };
            insert_user(connection, rules, &admin, self.now).await?;
            insert_membership(connection, rules, membership).await?;
            invite(connection, rules, &self.id, &admin, self.now).await?;
        }
        existing(connection, &self.id).await
    }
}

async fn by_id(connection: &mut SqliteConnection, id: &str) -> Result<Option<OrganizationRecord>, DirectoryError> {
    let row: Option<OrganizationRow> =
        sqlx::query_as(select_organizations!("WHERE o.id = $1")).bind(id).fetch_optional(connection).await?;
    Ok(row.map(OrganizationRecord::from))
}

async fn existing(connection: &mut SqliteConnection, id: &str) -> Result<OrganizationRecord, DirectoryError> {
    by_id(connection, id).await?.ok_or_else(|| DirectoryError::not_found(Kind::Organization, id))
}

fn invalid(field: &'static str, rule: &str) -> DirectoryError {
    DirectoryError::Invalid { field, rule: rule.to_owned() }
}
