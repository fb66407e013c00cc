//! Tokens of a member.

use futures::FutureExt;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::directory::{Directory, idempotency_key, stored_time};
use super::error::DirectoryError;
use super::rules::Rules;
use super::token::Claims;
use crate::domain::entity::{Created, Kind, NewToken, OfUser, Token, TokenChange, TokenRecord};

/// Every read of tokens differs only in which of a member's it looks for.
macro_rules! select_tokens {
    ($filter:literal) => {
        concat!(
            "SELECT id, user_id, organization_id, owner, issuer, issued_at, expires_at, revoked_at FROM tokens \
             WHERE organization_id = $1 AND user_id = $2 ",
            $filter
        )
    };
}

/// A token of a member as it is stored.
#[derive(sqlx::FromRow)]
pub(super) struct TokenRow {
    pub(super) id: String,
    pub(super) user_id: String,
    pub(super) organization_id: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) issuer: String,
    pub(super) issued_at: i64,
    pub(super) expires_at: Option<i64>,
    pub(super) revoked_at: Option<i64>,
}

impl TokenRow {
    /// Not revoked, and not at or past its end.
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now.as_millisecond() < end)
    }

    /// What its value says. The stored times are whole seconds, as a JWT's are.
    pub(super) fn claims(&self) -> Claims {
        let seconds = |milliseconds: i64| milliseconds.div_euclid(1000);
        Claims {
            exp: self.expires_at.map(seconds),
            iat: seconds(self.issued_at),
            iss: self.issuer.clone(),
            nbf: seconds(self.issued_at),
            org_id: self.organization_id.clone(),
            token_id: self.id.clone(),
            user_id: self.user_id.clone(),
        }
    }

    fn record(self) -> Result<TokenRecord, DirectoryError> {
        Ok(TokenRecord {
            id: self.id,
            owner: self.owner,
            issued_at: Some(stored_time(self.issued_at)?),
            expires_at: self.expires_at.map(stored_time).transpose()?,
        })
    }
}

/// A time cut to whole seconds, in milliseconds: what a JWT can say, so that record and claim never differ.
pub(super) fn whole_seconds(time: Timestamp) -> i64 {
    time.as_second().saturating_mul(1000)
}

impl Directory {
    /// Mints a token for a member; its value comes with it, and again with every repetition of the same idempotency key
    /// while it lives. Times are cut to whole seconds.
    ///
    /// [`NotFound`](DirectoryError::NotFound) if the user is no member; [`Invalid`](DirectoryError::Invalid) if it would
    /// be past its end already; [`Spent`](DirectoryError::Spent) if the key's token is dead.
    pub async fn mint_token(
        &self,
        rules: &'static Rules,
        new: NewToken,
        now: Timestamp,
    ) -> Result<Created<Token>, DirectoryError> {
        let row = TokenRow {
            id: (rules.new_id)(),
            user_id: new.of.user_id,
            organization_id: Some(new.of.organization_id),
            owner: Some(new.owner),
            issuer: rules.issuer.to_owned(),
            issued_at: whole_seconds(now),
            expires_at: new.expires_at.map(whole_seconds),
            revoked_at: None,
        };
        let key = idempotency_key(&new.idempotency_key).map(str::to_owned);
        let row = self.write(move |connection| async move { insert(connection, row, key, now).await }.boxed()).await?;
        let value = self.inner.signer.sign(&row.claims())?;
        Ok(Created::whole(row.record()?).showing(value))
    }

    /// The member's token with that id, if it is live at `now`.
    pub async fn token(&self, of: &OfUser, id: &str, now: Timestamp) -> Result<Option<TokenRecord>, DirectoryError> {
        let row = by_id(&mut *self.reader().await?, of, id).await?;
        row.filter(|row| row.is_live(now)).map(TokenRow::record).transpose()
    }

    /// The member's tokens that are live at `now`, in the order of their ids.
    pub async fn tokens(&self, of: &OfUser, now: Timestamp) -> Result<Vec<TokenRecord>, DirectoryError> {
        let rows: Vec<TokenRow> = sqlx::query_as(select_tokens!(
            "AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3) ORDER BY id"
        ))
        .bind(&of.organization_id)
        .bind(&of.user_id)
        .bind(now.as_millisecond())
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.into_iter().map(TokenRow::record).collect()
    }

    /// Changes the owner mark; [`NotFound`](DirectoryError::NotFound) if the token is not live at `now`.
    pub async fn update_token(
        &self,
        of: &OfUser,
        id: &str,
        change: TokenChange,
        now: Timestamp,
    ) -> Result<TokenRecord, DirectoryError> {
        let (of, id) = (of.clone(), id.to_owned());
        self.write(move |connection| {
            async move {
                let mut row = by_id(connection, &of, &id)
                    .await?
                    .filter(|row| row.is_live(now))
                    .ok_or_else(|| DirectoryError::not_found(Kind::Token, &id))?;
                if let Some(owner) = change.owner {
                    sqlx::query("UPDATE tokens SET owner = $2 WHERE id = $1")
                        .bind(&id)
                        .bind(&owner)
                        .execute(connection)
                        .await?;
                    row.owner = owner;
                }
                row.record()
            }
            .boxed()
        })
        .await
    }

    /// Revokes a token for good. Revoking what is not there or is revoked is no error.
    pub async fn revoke_token(&self, of: &OfUser, id: &str, now: Timestamp) -> Result<(), DirectoryError> {
        let (of, id) = (of.clone(), id.to_owned());
        self.write(move |connection| {
            async move {
                sqlx::query(
                    "UPDATE tokens SET revoked_at = $4 \
                     WHERE organization_id = $1 AND user_id = $2 AND id = $3 AND revoked_at IS NULL",
                )
                .bind(&of.organization_id)
                .bind(&of.user_id)
                .bind(&id)
                .bind(now.as_millisecond())
                .execute(connection)
                .await?;
                Ok(())
            }
            .boxed()
        })
        .await
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    row: TokenRow,
    key: Option<String>,
    now: Timestamp,
) -> Result<TokenRow, DirectoryError> {
    if let Some(key) = &key {
        let first: Option<TokenRow> = sqlx::query_as(select_tokens!("AND idempotency_key = $3"))
            .bind(&row.organization_id)
            .bind(&row.user_id)
            .bind(key)
            .fetch_optional(&mut *connection)
            .await?;
        match first {
            Some(first) if first.is_live(now) => return Ok(first),
            Some(first) => return Err(DirectoryError::Spent { id: first.id }),
            None => {}
        }
    }
    if !row.is_live(now) {
        return Err(DirectoryError::Invalid {
            field: "the token's end",
            rule: "give a time that is at least a second ahead".to_owned(),
        });
    }
    let member: Option<String> =
        sqlx::query_scalar("SELECT user_id FROM memberships WHERE organization_id = $1 AND user_id = $2")
            .bind(&row.organization_id)
            .bind(&row.user_id)
            .fetch_optional(&mut *connection)
            .await?;
    member.ok_or_else(|| DirectoryError::not_found(Kind::User, &row.user_id))?;
    insert_row(connection, &row, key.as_deref()).await?;
    Ok(row)
}

/// Writes a token.
pub(super) async fn insert_row(
    connection: &mut SqliteConnection,
    row: &TokenRow,
    key: Option<&str>,
) -> Result<(), DirectoryError> {
    sqlx::query(
        "INSERT INTO tokens (id, user_id, organization_id, owner, issuer, issued_at, expires_at, idempotency_key) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&row.id)
    .bind(&row.user_id)
    .bind(&row.organization_id)
    .bind(&row.owner)
    .bind(&row.issuer)
    .bind(row.issued_at)
    .bind(row.expires_at)
    .bind(key)
    .execute(connection)
    .await?;
    Ok(())
}

async fn by_id(connection: &mut SqliteConnection, of: &OfUser, id: &str) -> Result<Option<TokenRow>, DirectoryError> {
    Ok(sqlx::query_as(select_tokens!("AND id = $3"))
        .bind(&of.organization_id)
        .bind(&of.user_id)
        .bind(id)
        .fetch_optional(connection)
        .await?)
}
