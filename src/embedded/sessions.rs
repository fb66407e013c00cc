//! What a login is worth for a while: values that show who logged in, without a row of their own.
//!
//! A value is a JWT (HS256) whose key is made from the directory's key, the kind of session, the member and their password
//! hash. So a session ends with the password, the membership and the user, and one kind never passes for another.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, dangerous};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::authentication::Principal;
use super::directory::Directory;
use super::error::DirectoryError;
use super::memberships::user_type;

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// It is exchanged for values of the other kind, and does nothing else.
    Login,
    /// It is shown with each call.
    Access,
}

impl Session {
    const fn purpose(self) -> &'static str {
        match self {
            Self::Login => "login session",
            Self::Access => "access session",
        }
    }
}

#[derive(Serialize, Deserialize)]
struct SessionClaims {
    exp: i64,
    org_id: String,
    user_id: String,
}

#[derive(sqlx::FromRow)]
struct MemberRow {
    username: String,
    kind: String,
    password_hash: Option<String>,
}

impl Directory {
    /// A value of that kind for a member who has shown who they are; it is taken up to `end`, in whole seconds. None if
    /// they are an enabled member no longer.
    pub async fn open_session(
        &self,
        kind: Session,
        who: &Principal,
        end: Timestamp,
    ) -> Result<Option<SecretString>, DirectoryError> {
        let claims =
            SessionClaims { exp: end.as_second(), org_id: who.organization_id.clone(), user_id: who.user_id.clone() };
        let Some(member) = self.session_member(&claims).await? else {
            return Ok(None);
        };
        let key = EncodingKey::from_secret(&self.session_key(kind, &claims, &member));
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
            .map(|value| Some(SecretString::from(value)))
            .map_err(DirectoryError::unavailable)
    }

    /// Whose value of that kind that is; none if it has ended at `now`, or with the password, the membership or the user.
    pub async fn session(
        &self,
        kind: Session,
        shown: &SecretString,
        now: Timestamp,
    ) -> Result<Option<Principal>, DirectoryError> {
        // Read unproved, only to find the key that proves it.
        let Ok(claims) = dangerous::insecure_decode_claims::<SessionClaims>(shown.expose_secret()) else {
            return Ok(None);
        };
        let Some(member) = self.session_member(&claims).await? else {
            return Ok(None);
        };
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        // By the caller's clock, below.
        validation.validate_exp = false;
        validation.validate_aud = false;
        let key = DecodingKey::from_secret(&self.session_key(kind, &claims, &member));
        let Ok(proved) = jsonwebtoken::decode::<SessionClaims>(shown.expose_secret(), &key, &validation) else {
            return Ok(None);
        };
        let claims = proved.claims;
        if now.as_second() >= claims.exp {
            return Ok(None);
        }
        Ok(Some(Principal {
            roles: self.roles(&claims.org_id, &claims.user_id).await?,
            user_type: user_type(&member.kind)?,
            user_id: claims.user_id,
            organization_id: claims.org_id,
            username: member.username,
            token_id: None,
        }))
    }

    async fn session_member(&self, claims: &SessionClaims) -> Result<Option<MemberRow>, DirectoryError> {
        Ok(sqlx::query_as(
            "SELECT u.username, u.kind, u.password_hash FROM users u JOIN memberships m ON m.user_id = u.id \
             WHERE m.organization_id = $1 AND u.id = $2 AND u.enabled",
        )
        .bind(&claims.org_id)
        .bind(&claims.user_id)
        .fetch_optional(&mut *self.reader().await?)
        .await?)
    }

    fn session_key(&self, kind: Session, claims: &SessionClaims, member: &MemberRow) -> Zeroizing<Vec<u8>> {
        let hash = member.password_hash.as_deref().unwrap_or_default();
        let parts = [claims.org_id.as_bytes(), claims.user_id.as_bytes(), hash.as_bytes()];
        self.inner.signer.derive(kind.purpose(), &parts)
    }
}
