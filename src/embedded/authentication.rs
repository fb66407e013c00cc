//! Who a token or a password belongs to.

use jiff::Timestamp;
use secrecy::SecretString;

use super::directory::Directory;
use super::error::DirectoryError;
use super::memberships::user_type;
use super::token::Claims;
use super::tokens::TokenRow;
use crate::domain::entity::UserType;

/// A member who has shown who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user's id.
    pub user_id: String,
    /// The organisation that they act in.
    pub organization_id: String,
    /// Login name.
    pub username: String,
    /// Person or machine.
    pub user_type: UserType,
    /// Roles in that organisation, sorted.
    pub roles: Vec<String>,
    /// The token that was shown; none after a login by password.
    pub token_id: Option<String>,
}

#[derive(sqlx::FromRow)]
struct SignedRow {
    #[sqlx(flatten)]
    token: TokenRow,
    username: String,
    kind: String,
}

#[derive(sqlx::FromRow)]
struct Candidate {
    organization_id: String,
    by_id: bool,
    user_id: String,
    username: String,
    kind: String,
    enabled: bool,
    password_hash: Option<String>,
}

impl Directory {
    /// Whose token that is: signed by this directory, live at `now`, its user enabled and still a member.
    pub async fn authenticate(
        &self,
        token: &SecretString,
        now: Timestamp,
    ) -> Result<Option<Principal>, DirectoryError> {
        Ok(self.introspect(token, now).await?.map(|(principal, _)| principal))
    }

    /// As [`authenticate`](Self::authenticate), with what the token says.
    pub(super) async fn introspect(
        &self,
        token: &SecretString,
        now: Timestamp,
    ) -> Result<Option<(Principal, Claims)>, DirectoryError> {
        let Some(shown) = self.inner.signer.verify(token) else {
            return Ok(None);
        };
        let row: Option<SignedRow> = sqlx::query_as(
            "SELECT t.id, t.user_id, t.organization_id, t.owner, t.issuer, t.issued_at, t.expires_at, t.revoked_at, \
             u.username, u.kind FROM tokens t JOIN users u ON u.id = t.user_id \
             JOIN memberships m ON m.organization_id = t.organization_id AND m.user_id = t.user_id \
             WHERE t.id = $1 AND u.enabled",
        )
        .bind(&shown.token_id)
        .fetch_optional(&mut *self.reader().await?)
        .await?;
        let Some(row) = row.filter(|row| row.token.is_live(now) && row.token.claims() == shown) else {
            return Ok(None);
        };
        // A token of no organisation makes nobody a member, and the query has found none for it.
        let Some(organization_id) = shown.org_id.clone() else {
            return Ok(None);
        };
        let principal = Principal {
            roles: self.roles(&organization_id, &shown.user_id).await?,
            user_id: shown.user_id.clone(),
            organization_id,
            username: row.username,
            user_type: user_type(&row.kind)?,
            token_id: Some(shown.token_id.clone()),
        };
        Ok(Some((principal, shown)))
    }

    /// Who logs in with that password, in the organisation with that id or else that name. The work is the same whatever
    /// is wrong, so that its time does not tell which users there are.
    pub async fn login(
        &self,
        organization: &str,
        username: &str,
        password: SecretString,
    ) -> Result<Option<Principal>, DirectoryError> {
        let found = self.candidate(organization, username).await?;
        let stored = found.as_ref().and_then(|found| found.password_hash.clone());
        let matches = self.inner.passwords.verify(password, stored).await?;
        let Some(found) = found.filter(|found| matches && found.enabled) else {
            return Ok(None);
        };
        Ok(Some(Principal {
            roles: self.roles(&found.organization_id, &found.user_id).await?,
            user_type: user_type(&found.kind)?,
            user_id: found.user_id,
            organization_id: found.organization_id,
            username: found.username,
            token_id: None,
        }))
    }

    /// The one user that those names can mean; none if they could mean several.
    async fn candidate(&self, organization: &str, username: &str) -> Result<Option<Candidate>, DirectoryError> {
        let mut candidates: Vec<Candidate> = sqlx::query_as(
            "SELECT o.id AS organization_id, o.id = $1 AS by_id, u.id AS user_id, u.username, u.kind, u.enabled, \
             u.password_hash FROM organizations o JOIN memberships m ON m.organization_id = o.id \
             JOIN users u ON u.id = m.user_id WHERE (o.id = $1 OR o.name = $1) AND u.username = $2",
        )
        .bind(organization)
        .bind(username)
        .fetch_all(&mut *self.reader().await?)
        .await?;
        if candidates.iter().any(|candidate| candidate.by_id) {
            candidates.retain(|candidate| candidate.by_id);
        }
        let one = candidates.pop();
        Ok(one.filter(|_| candidates.is_empty()))
    }

    /// The roles of a member, sorted.
    pub(super) async fn roles(&self, organization_id: &str, user_id: &str) -> Result<Vec<String>, DirectoryError> {
        Ok(sqlx::query_scalar(
            "SELECT role FROM membership_roles WHERE organization_id = $1 AND user_id = $2 ORDER BY role",
        )
        .bind(organization_id)
        .bind(user_id)
        .fetch_all(&mut *self.reader().await?)
        .await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entity::{NewAdmin, NewOrganization, TykSettings};
    use crate::embedded::OPERATOR;

    async fn directory_with_an_admin(path: &std::path::Path) -> Directory {
        let directory = Directory::open(path).await.unwrap();
        let new = NewOrganization {
            idempotency_key: String::new(),
            name: "Example".to_owned(),
            display_name: None,
            owner: "owner".to_owned(),
            admin: Some(NewAdmin {
                username: "admin".to_owned(),
                email: "admin@example.org".to_owned(),
                first_name: None,
                last_name: None,
                password: Some("correct horse".into()),
            }),
            key_pair: None,
            link: None,
            tyk: TykSettings::default(),
        };
        directory.create_organization(&OPERATOR, new, Timestamp::UNIX_EPOCH).await.unwrap();
        directory
    }

    #[tokio::test]
    async fn every_login_hashes_once_whatever_is_wrong() {
        let path = tempfile::tempdir().unwrap();
        let directory = directory_with_an_admin(path.path()).await;
        for (organization, username, password, is_right) in [
            ("Example", "admin", "correct horse", true),
            ("Example", "admin", "wrong", false),
            ("Example", "nobody", "correct horse", false),
            ("Nowhere", "admin", "correct horse", false),
        ] {
            let before = directory.inner.passwords.so_far();
            let answer = directory.login(organization, username, password.into()).await.unwrap();
            assert_eq!(answer.is_some(), is_right, "{organization}/{username}");
            assert_eq!(directory.inner.passwords.so_far() - before, 1, "{organization}/{username}");
        }
    }

    #[tokio::test]
    async fn many_logins_hash_two_at_a_time_at_most() {
        let path = tempfile::tempdir().unwrap();
        let directory = directory_with_an_admin(path.path()).await;
        let logins = (0..8).map(|_| directory.login("Example", "admin", "correct horse".into()));
        let answers = futures::future::try_join_all(logins).await.unwrap();
        assert!(answers.iter().all(Option::is_some));
        let most = directory.inner.passwords.most_at_once();
        assert!((1..=2).contains(&most), "{most}");
    }
}
