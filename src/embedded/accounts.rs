//! Users as the whole directory sees them: in a dialect with global users they are there before any membership, have
//! tokens without an organisation, and stay when a membership ends.
//!
//! Reads take the time up to which what was made is seen, because a dialect may show new objects late.

use futures::FutureExt;
use jiff::Timestamp;
use secrecy::SecretString;
use sqlx::SqliteConnection;

use super::directory::Directory;
use super::error::DirectoryError;
use super::memberships::{UserRow, insert_user};
use super::rules::{Rights, Rules};
use super::tokens::{TokenRow, insert_row, whole_seconds};
use crate::domain::entity::{Kind, UserType};

/// A user, whatever they are a member of.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Account {
    /// The user's id.
    pub id: String,
    /// The e-mail address, by which such a dialect knows them.
    pub email: String,
}

/// A live token, without its value.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AccountToken {
    /// The token's id.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// The organisation that it was minted for, if its user had one.
    pub organization_id: Option<String>,
}

/// A membership of a user.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Membership {
    /// The organisation's id.
    pub organization_id: String,
    /// The organisation's name.
    pub name: String,
    /// Whether one of the user's roles has every right.
    pub is_administrator: bool,
    /// Whether reads show it already.
    pub is_seen: bool,
}

/// Who has shown a token, in a dialect with global users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user's id.
    pub user_id: String,
    /// The organisation that the token was minted for, if its user had one then.
    pub organization_id: Option<String>,
    /// The user's memberships, the oldest first.
    pub memberships: Vec<Membership>,
}

impl Directory {
    /// Creates a user who is in no organisation, with an initial token; its value comes with it.
    ///
    /// [`Invalid`](DirectoryError::Invalid) if the address breaks the dialect's rule for names.
    pub async fn create_account(
        &self,
        rules: &'static Rules,
        email: String,
        now: Timestamp,
    ) -> Result<(Account, SecretString), DirectoryError> {
        (rules.check_name)(&email)
            .map_err(|rule| DirectoryError::Invalid { field: "the e-mail address", rule: rule.to_owned() })?;
        let user = UserRow {
            id: (rules.new_id)(),
            user_type: UserType::Person,
            username: email.clone(),
            email: Some(email.clone()),
            first_name: None,
            last_name: None,
            password_hash: None,
        };
        let account = Account { id: user.id.clone(), email };
        let token = new_token(rules, &account.id, None, now);
        let token = self
            .write(move |connection| {
                async move {
                    insert_user(connection, rules, &user, now).await?;
                    insert_row(connection, &token, None).await?;
                    Ok(token)
                }
                .boxed()
            })
            .await?;
        Ok((account, self.inner.signer.sign(&token.claims())?))
    }

    /// The user with that id, if they were made up to `seen`.
    pub async fn account(&self, id: &str, seen: Timestamp) -> Result<Option<Account>, DirectoryError> {
        Ok(sqlx::query_as(
            "SELECT id, COALESCE(email, username) AS email FROM users WHERE id = $1 AND created_at <= $2",
        )
        .bind(id)
        .bind(seen.as_millisecond())
        .fetch_optional(&mut *self.reader().await?)
        .await?)
    }

    /// All users that were made up to `seen`, in the order of their ids.
    pub async fn accounts(&self, seen: Timestamp) -> Result<Vec<Account>, DirectoryError> {
        Ok(sqlx::query_as(
            "SELECT id, COALESCE(email, username) AS email FROM users WHERE created_at <= $1 ORDER BY id",
        )
        .bind(seen.as_millisecond())
        .fetch_all(&mut *self.reader().await?)
        .await?)
    }

    /// Removes a user with their memberships and tokens; false if there is none.
    pub async fn delete_account(&self, id: &str) -> Result<bool, DirectoryError> {
        self.change("DELETE FROM users WHERE id = $1", [id.to_owned()]).await
    }

    /// Ends a membership and its tokens, and lets the user be; false if there is none.
    pub async fn end_membership(&self, organization_id: &str, user_id: &str) -> Result<bool, DirectoryError> {
        let of = [organization_id.to_owned(), user_id.to_owned()];
        self.change("DELETE FROM memberships WHERE organization_id = $1 AND user_id = $2", of).await
    }

    /// Removes an organisation with its memberships, projects, roles and tokens, and lets its users be; false if there is
    /// none.
    pub async fn dissolve_organization(&self, id: &str) -> Result<bool, DirectoryError> {
        self.change("DELETE FROM organizations WHERE id = $1", [id.to_owned()]).await
    }

    /// Runs one statement and tells whether it found something to change.
    pub(super) async fn change<const N: usize>(
        &self,
        sql: &'static str,
        values: [String; N],
    ) -> Result<bool, DirectoryError> {
        self.write(move |connection| {
            async move {
                let query = values.into_iter().fold(sqlx::query(sql), sqlx::query::Query::bind);
                Ok(query.execute(connection).await?.rows_affected() > 0)
            }
            .boxed()
        })
        .await
    }

    /// Mints a token for a user, for the organisation that they have been in longest; for none if they are in none. Its
    /// value comes with it.
    ///
    /// [`NotFound`](DirectoryError::NotFound) without the user.
    pub async fn mint_account_token(
        &self,
        rules: &'static Rules,
        user_id: &str,
        now: Timestamp,
    ) -> Result<(AccountToken, SecretString), DirectoryError> {
        let user_id = user_id.to_owned();
        let row = self
            .write(move |connection| {
                async move {
                    let found: Option<String> = sqlx::query_scalar("SELECT id FROM users WHERE id = $1")
                        .bind(&user_id)
                        .fetch_optional(&mut *connection)
                        .await?;
                    found.ok_or_else(|| DirectoryError::not_found(Kind::User, &user_id))?;
                    let organization = memberships(connection, &user_id, now).await?.into_iter().next();
                    let organization_id = organization.map(|oldest| oldest.organization_id);
                    let row = new_token(rules, &user_id, organization_id, now);
                    insert_row(connection, &row, None).await?;
                    Ok(row)
                }
                .boxed()
            })
            .await?;
        let value = self.inner.signer.sign(&row.claims())?;
        Ok((AccountToken { id: row.id, user_id: row.user_id, organization_id: row.organization_id }, value))
    }

    /// The token with that id, if it is live at `now` and was minted up to `seen`.
    pub async fn account_token(
        &self,
        id: &str,
        now: Timestamp,
        seen: Timestamp,
    ) -> Result<Option<AccountToken>, DirectoryError> {
        Ok(sqlx::query_as(
            "SELECT id, user_id, organization_id FROM tokens WHERE revoked_at IS NULL \
             AND (expires_at IS NULL OR expires_at > $1) AND issued_at <= $2 AND id = $3",
        )
        .bind(now.as_millisecond())
        .bind(seen.as_millisecond())
        .bind(id)
        .fetch_optional(&mut *self.reader().await?)
        .await?)
    }

    /// All tokens that are live at `now` and were minted up to `seen`, in the order of their ids.
    pub async fn account_tokens(&self, now: Timestamp, seen: Timestamp) -> Result<Vec<AccountToken>, DirectoryError> {
        Ok(sqlx::query_as(
            "SELECT id, user_id, organization_id FROM tokens WHERE revoked_at IS NULL \
             AND (expires_at IS NULL OR expires_at > $1) AND issued_at <= $2 ORDER BY id",
        )
        .bind(now.as_millisecond())
        .bind(seen.as_millisecond())
        .fetch_all(&mut *self.reader().await?)
        .await?)
    }

    /// Revokes a token for good; false if none is live.
    pub async fn revoke_account_token(&self, id: &str, now: Timestamp) -> Result<bool, DirectoryError> {
        let id = id.to_owned();
        self.write(move |connection| {
            async move {
                let revoked = sqlx::query("UPDATE tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
                    .bind(id)
                    .bind(now.as_millisecond())
                    .execute(connection)
                    .await?;
                Ok(revoked.rows_affected() > 0)
            }
            .boxed()
        })
        .await
    }

    /// Who shows that token: signed by this directory, live at `now`, its user enabled. Unlike
    /// [`authenticate`](Self::authenticate) it takes users who are in no organisation. Memberships count at once; whether
    /// they were made up to `seen` is told.
    pub async fn caller(
        &self,
        token: &SecretString,
        now: Timestamp,
        seen: Timestamp,
    ) -> Result<Option<Caller>, DirectoryError> {
        let Some(shown) = self.inner.signer.verify(token) else {
            return Ok(None);
        };
        let mut reader = self.reader().await?;
        let row: Option<TokenRow> = sqlx::query_as(
            "SELECT t.id, t.user_id, t.organization_id, t.owner, t.issuer, t.issued_at, t.expires_at, t.revoked_at \
             FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.id = $1 AND u.enabled",
        )
        .bind(&shown.token_id)
        .fetch_optional(&mut *reader)
        .await?;
        if !row.is_some_and(|row| row.is_live(now) && row.claims() == shown) {
            return Ok(None);
        }
        Ok(Some(Caller {
            memberships: memberships(&mut reader, &shown.user_id, seen).await?,
            user_id: shown.user_id,
            organization_id: shown.org_id,
        }))
    }
}

fn new_token(rules: &Rules, user_id: &str, organization_id: Option<String>, now: Timestamp) -> TokenRow {
    TokenRow {
        id: (rules.new_id)(),
        user_id: user_id.to_owned(),
        organization_id,
        owner: None,
        issuer: rules.issuer.to_owned(),
        issued_at: whole_seconds(now),
        expires_at: None,
        revoked_at: None,
    }
}

/// The user's memberships, the oldest first.
async fn memberships(
    connection: &mut SqliteConnection,
    user_id: &str,
    seen: Timestamp,
) -> Result<Vec<Membership>, DirectoryError> {
    Ok(sqlx::query_as(
        "SELECT m.organization_id, o.name, EXISTS (SELECT 1 FROM membership_roles g \
         JOIN roles r ON r.organization_id = g.organization_id AND r.name = g.role \
         WHERE g.organization_id = m.organization_id AND g.user_id = m.user_id AND r.rights = $2) AS is_administrator, m.created_at <= $3 AS is_seen \
         FROM memberships m JOIN organizations o ON o.id = m.organization_id \
         WHERE m.user_id = $1 ORDER BY m.created_at, m.rowid",
    )
    .bind(user_id)
    .bind(Rights::ALL.bits())
    .bind(seen.as_millisecond())
    .fetch_all(connection)
    .await?)
}
