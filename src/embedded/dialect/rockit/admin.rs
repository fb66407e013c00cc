//! The admin API: creating an organisation, and the pings.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::caller::header;
use super::refusal::Refusal;
use super::shown::{success, success_with};
use super::{Face, ROCKIT, Served, check_name};
use crate::domain::entity::{KeyPairValue, NewAdmin, NewOrganization, TykSettings};
use crate::embedded::dialect::Quirk;
use crate::embedded::dialect::body::{BodyError, Members, Unfit};
use crate::embedded::rules::printable_name;
use crate::keys::{self, ImportError};

/// Somebody with a valid admin token.
pub(super) struct Administrator;

/// The payload of an admin token: this member and no other, so no end either.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdminClaims {
    #[serde(rename = "username")]
    _username: String,
}

impl FromRequestParts<Arc<Face>> for Administrator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, face: &Arc<Face>) -> Result<Self, Refusal> {
        let token = header(&parts.headers, "x-rockit-admin-token").ok_or(Refusal::Unauthorized)?;
        let key = face.admin_key.as_ref().ok_or(Refusal::Unauthorized)?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        jsonwebtoken::decode::<AdminClaims>(token, &DecodingKey::from_secret(key), &validation)
            .map(|_| Self)
            .map_err(|_| Refusal::Unauthorized)
    }
}

/// Both pings want the admin token, so that a call that changes nothing proves it. That is our own decision.
pub(super) async fn ping(_: Administrator) -> Json<Value> {
    success("pong")
}

/// Takes a name that fits the vendor's pattern.
pub(super) fn name(body: &mut Members, member: &'static str) -> Result<String, Unfit> {
    let name = body.text(member)?;
    check_name(&name).map_err(|rule| Unfit::new(member, rule))?;
    Ok(name)
}

/// Takes a text for people: printable, not empty.
pub(super) fn label(body: &mut Members, member: &'static str) -> Result<String, Unfit> {
    let text = body.text(member)?;
    printable_name(&text).map_err(|rule| Unfit::new(member, rule))?;
    Ok(text)
}

/// Takes an e-mail address.
pub(super) fn email(body: &mut Members) -> Result<String, Unfit> {
    let address = label(body, "email")?;
    match address.split_once('@') {
        Some((name, domain)) if !name.is_empty() && !domain.is_empty() => Ok(address),
        _ => Err(Unfit::new("email", "give an address such as name@example.org")),
    }
}

pub(super) async fn create_organization(
    State(face): Served,
    _: Administrator,
    body: Result<Members, BodyError>,
) -> Result<Json<Value>, Refusal> {
    let mut body = body?;
    let organization = name(&mut body, "name")?;
    let display_name = label(&mut body, "label")?;
    let username = name(&mut body, "username")?;
    let email = email(&mut body)?;
    let first_name = label(&mut body, "firstname")?;
    let last_name = label(&mut body, "surname")?;
    if body.secret("dxorglnk")?.expose_secret().trim().is_empty() {
        return Err(Unfit::new("dxorglnk", "give the link that the vendor made for this organization").into());
    }
    let (encoded, passphrase) = (body.secret("orgPrivPemB64")?, body.secret("orgPrivPW")?);
    let key_pair = key_pair(encoded, passphrase).await?;
    let shows_password = !face.serving.has(Quirk::RockitWithoutAdminPassword);
    let password = if shows_password { Some(keys::password()?) } else { None };
    let new = NewOrganization {
        idempotency_key: String::new(),
        name: organization,
        display_name: Some(display_name),
        owner: String::new(),
        admin: Some(NewAdmin {
            username,
            email,
            first_name: Some(first_name),
            last_name: Some(last_name),
            password: password.clone(),
        }),
        key_pair: Some(key_pair),
        link: None,
        tyk: TykSettings::default(),
    };
    face.serving.directory.create_organization(&ROCKIT, new, face.serving.clock.now()).await?;
    let message = "organization created";
    Ok(match password {
        Some(password) => success_with(message, [("adminPW", json!(password.expose_secret()))]),
        None => success(message),
    })
}

/// The key pair of those two parameters, off the async threads, because opening a file may take seconds.
async fn key_pair(encoded: SecretString, passphrase: SecretString) -> Result<KeyPairValue, Refusal> {
    let opened = tokio::task::spawn_blocking(move || open(&encoded, passphrase)).await;
    opened.map_err(|_| Refusal::Unavailable)?.map_err(Refusal::from)
}

fn open(encoded: &SecretString, passphrase: SecretString) -> Result<KeyPairValue, Unfit> {
    const PEM: &str = "orgPrivPemB64";
    // The tool of that name breaks its lines.
    let mut one_line = Zeroizing::new(encoded.expose_secret().to_owned());
    one_line.retain(|character| !character.is_ascii_whitespace());
    let decoded = STANDARD.decode(one_line.as_bytes()).map(Zeroizing::new);
    let decoded = decoded.map_err(|_| Unfit::new(PEM, "give the base64 of the private key's PEM file"))?;
    let text = std::str::from_utf8(&decoded).map_err(|_| Unfit::new(PEM, "give the base64 of a PEM file"))?;
    let private_pem = SecretString::from(text);
    match keys::import(&private_pem, Some(&passphrase), None) {
        Ok(key) => Ok(KeyPairValue { private_pem, public_pem: key.public_pem, passphrase: Some(passphrase) }),
        Err(ImportError::WrongPassphrase) => Err(Unfit::new("orgPrivPW", "it does not open the private key")),
        Err(ImportError::NotPem | ImportError::NoPrivateKey) => {
            Err(Unfit::new(PEM, "give the base64 of a private key's PEM file"))
        }
        Err(ImportError::TooShort { .. }) => Err(Unfit::new(PEM, "give an RSA key of at least 2048 bits")),
        // What it says in full is made for the operator's own resources.
        Err(_) => Err(Unfit::new(PEM, "give an RSA key as `ssh-keygen -t rsa -b 4096 -m PEM` writes it")),
    }
}
