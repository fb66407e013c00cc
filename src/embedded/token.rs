//! Token values: JWTs signed with the directory's own key (HS256). A value is never stored; the key and a token's row
//! make the same value again. Other values that are made again come from the same key.

use std::sync::Arc;

use aws_lc_rs::hmac;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::DirectoryError;

/// Length of the signing key: RFC 7518, section 3.2, wants no less than the hash has.
pub(super) const SIGNING_KEY_BYTES: usize = 32;

/// What a token says. The members are in alphabetical order and stay so: the value is made again from them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// Seconds since 1970 UTC from which on it is not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exp: Option<i64>,
    /// When it was minted, in seconds since 1970 UTC.
    pub(super) iat: i64,
    /// The dialect that minted it.
    pub(super) iss: String,
    /// Not accepted before; the time of minting.
    pub(super) nbf: i64,
    /// The organisation that it is for; none where a dialect mints one for a user who is in no organisation yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) org_id: Option<String>,
    /// Its own id.
    pub(super) token_id: String,
    /// Whose it is.
    pub(super) user_id: String,
}

/// Signs and verifies with the directory's key. All clones share the key.
#[derive(Clone)]
pub(super) struct Signer {
    key: Arc<Zeroizing<Vec<u8>>>,
}

impl Signer {
    pub(super) fn new(key: Zeroizing<Vec<u8>>) -> Self {
        Self { key: Arc::new(key) }
    }

    /// 32 bytes that only the holder of the key can make, the same for the same purpose and parts: their HMAC-SHA256.
    /// Each part goes in with its length, so that no two lists are the same text; and the purpose is followed by a
    /// zero, so that none is what a token's signature signs.
    pub(super) fn derive(&self, purpose: &str, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.key));
        context.update(purpose.as_bytes());
        context.update(&[0]);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        Zeroizing::new(context.sign().as_ref().to_vec())
    }

    /// The value of the token with those claims; the same claims give the same value.
    pub(super) fn sign(&self, claims: &Claims) -> Result<SecretString, DirectoryError> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(&self.key))
            .map(SecretString::from)
            .map_err(DirectoryError::unavailable)
    }

    /// The claims of a value that this key signed. Times are not judged here: the token's row is the truth.
    pub(super) fn verify(&self, value: &SecretString) -> Option<Claims> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        jsonwebtoken::decode(value.expose_secret(), &DecodingKey::from_secret(&self.key), &validation)
            .ok()
            .map(|token| token.claims)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn claims() -> Claims {
        Claims {
            exp: None,
            iat: 1_700_000_000,
            iss: "org-operator".to_owned(),
            nbf: 1_700_000_000,
            org_id: Some("o".to_owned()),
            token_id: "t".to_owned(),
            user_id: "u".to_owned(),
        }
    }

    fn signer(byte: u8) -> Signer {
        Signer::new(Zeroizing::new(vec![byte; SIGNING_KEY_BYTES]))
    }

    #[test]
    fn the_same_claims_give_the_same_value() {
        let first = signer(1).sign(&claims()).unwrap();
        let again = signer(1).sign(&claims()).unwrap();
        assert_eq!(first.expose_secret(), again.expose_secret());
        assert_eq!(signer(1).verify(&first), Some(claims()));
    }

    #[test]
    fn what_is_derived_depends_on_all_that_goes_in() {
        let all = [
            signer(1).derive("a", &[b"b", b"c"]),
            signer(2).derive("a", &[b"b", b"c"]),
            signer(1).derive("ab", &[b"", b"c"]),
            signer(1).derive("a", &[b"bc", b""]),
            signer(1).derive("a", &[b"bc"]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert_eq!(one.len(), 32);
            assert!(!all[..at].contains(one), "{at}");
        }
        assert_eq!(signer(1).derive("a", &[b"b", b"c"]), all[0]);
    }

    #[test]
    fn a_value_is_an_ordinary_jwt() {
        let value = signer(1).sign(&Claims { exp: Some(1_800_000_000), ..claims() }).unwrap();
        let parts: Vec<_> = value.expose_secret().split('.').collect();
        let json = |part: &str| -> serde_json::Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        assert_eq!(json(parts[0]), serde_json::json!({"alg": "HS256", "typ": "JWT"}));
        assert_eq!(
            json(parts[1]),
            serde_json::json!({
                "exp": 1_800_000_000, "iat": 1_700_000_000, "iss": "org-operator", "nbf": 1_700_000_000,
                "org_id": "o", "token_id": "t", "user_id": "u",
            })
        );
    }

    #[test]
    fn a_token_of_no_organisation_says_nothing_of_one() {
        let none = Claims { org_id: None, ..claims() };
        let value = signer(1).sign(&none).unwrap();
        let payload = URL_SAFE_NO_PAD.decode(value.expose_secret().split('.').nth(1).unwrap()).unwrap();
        assert!(!String::from_utf8(payload).unwrap().contains("org_id"));
        assert_eq!(signer(1).verify(&value), Some(none));
    }

    #[test]
    fn what_this_key_did_not_sign_does_not_verify() {
        let value = signer(1).sign(&claims()).unwrap();
        assert_eq!(signer(2).verify(&value), None);
        let parts: Vec<_> = value.expose_secret().split('.').collect();
        let changed = Claims { org_id: Some("other".to_owned()), ..claims() };
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&changed).unwrap());
        let unsigned = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        for forged in [
            format!("{}.{payload}.{}", parts[0], parts[2]),
            format!("{unsigned}.{payload}."),
            format!("{}.{}", parts[0], parts[1]),
            String::new(),
            "..".to_owned(),
        ] {
            assert_eq!(signer(1).verify(&forged.clone().into()), None, "{forged}");
        }
    }
}
