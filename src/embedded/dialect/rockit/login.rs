//! Sessions of the older generation, and the links of invitations.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::response::{Html, IntoResponse};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::caller::{Path, header};
use super::refusal::Refusal;
use super::shown::success_with;
use super::{Face, Served};
use crate::embedded::dialect::body::{BodyError, Members};
use crate::embedded::{Principal, Session};
use crate::keys;

/// How long a session lasts: the vendor's 24 hours.
const SESSION: SignedDuration = SignedDuration::from_hours(24);

/// How long an auth token lasts: the vendor's 5 minutes.
const ACCESS: SignedDuration = SignedDuration::from_mins(5);

pub(super) async fn login(State(face): Served, body: Result<Members, BodyError>) -> Result<Json<Value>, Refusal> {
    let mut body = body?;
    let (organization, username) = (body.text("orgname")?, body.text("username")?);
    let password = body.secret("password")?;
    let _login = face.logins.try_acquire().map_err(|_| Refusal::Busy)?;
    let who = face.serving.directory.login(&organization, &username, password).await?;
    let token = open(&face, Session::Login, who, SESSION).await?;
    Ok(success_with("logged in", [("sessionToken", json!(token.expose_secret()))]))
}

/// The body is `{}` by the vendor's page; nothing in it counts.
pub(super) async fn auth(State(face): Served, headers: HeaderMap) -> Result<Json<Value>, Refusal> {
    let session = header(&headers, "x-rockit-besession-token").ok_or(Refusal::Unauthorized)?;
    let session = SecretString::from(session);
    let who = face.serving.directory.session(Session::Login, &session, face.serving.clock.now()).await?;
    let token = open(&face, Session::Access, who, ACCESS).await?;
    Ok(success_with("authenticated", [("authToken", json!(token.expose_secret()))]))
}

async fn open(
    face: &Face,
    kind: Session,
    who: Option<Principal>,
    lasting: SignedDuration,
) -> Result<SecretString, Refusal> {
    let who = who.ok_or(Refusal::Unauthorized)?;
    let end = face.serving.clock.now().checked_add(lasting).unwrap_or(Timestamp::MAX);
    face.serving.directory.open_session(kind, &who, end).await?.ok_or(Refusal::Unauthorized)
}

/// The same page for every link. Its form goes to the address that it is shown at, so nothing of that is in it.
const PAGE: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Invitation</title></head><body>\n\
    <p>Enable the account that was made for you? If you have no password yet, one is shown then, this once.</p>\n\
    <form method=\"post\"><button>Enable the account</button></form>\n</body></html>\n";

/// Does nothing but ask, because programs that look for harm in mails follow their links.
pub(super) async fn show_invitation() -> impl IntoResponse {
    let policy = "default-src 'none'; form-action 'self'; frame-ancestors 'none'";
    ([(CONTENT_SECURITY_POLICY, policy), (REFERRER_POLICY, "no-referrer")], Html(PAGE))
}

/// Enables the account. Whoever opens the link reads the mail, so who has no password is shown one, this once.
pub(super) async fn open_invitation(
    State(face): Served,
    Path((id, code)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    let (code, password) = (SecretString::from(code), keys::password()?);
    let opened = face.serving.directory.open_invitation(&id, &code, password.clone()).await?;
    let opened = opened.ok_or(Refusal::NotFound("this link was opened before, or is none of ours"))?;
    let names = [("orgname", json!(opened.organization)), ("username", json!(opened.username))];
    let Json(mut body) = success_with("account enabled", names);
    if opened.password_set {
        body["password"] = json!(password.expose_secret());
    }
    Ok(Json(body))
}
