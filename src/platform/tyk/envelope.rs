//! What the Dashboard answers around its objects: `Status`, `Message` and `Meta`, and what its refusals mean.

use http::StatusCode;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;

use super::document::Document;
use crate::domain::fault::FaultKind;
use crate::platform::Error;
use crate::platform::http::{Reply, secret};

/// Every reply that is not a bare object. Its message may be a key, and its meta may hold one.
#[derive(Deserialize)]
pub(super) struct Envelope {
    #[serde(rename = "Status")]
    status: String,
    #[serde(rename = "Message", default = "nothing", deserialize_with = "secret")]
    message: SecretString,
}

fn nothing() -> SecretString {
    SecretString::from("")
}

/// The envelope of a creation whose `Meta` is an id.
#[derive(Deserialize)]
struct WithId {
    #[serde(rename = "Meta")]
    id: String,
}

/// The envelope of a creation whose `Meta` is the object.
#[derive(Deserialize)]
struct WithObject {
    #[serde(rename = "Meta")]
    object: Document,
}

/// The words that the Dashboard's refusals are told by. They are compared with and never repeated.
mod words {
    use secrecy::{ExposeSecret as _, SecretString};

    pub(super) fn are(message: &SecretString, words: &str) -> bool {
        message.expose_secret().starts_with(words)
    }

    pub(super) const EMAIL_TAKEN: &str = "User email already exists for this Org";
    pub(super) const MALFORMED: &str = "Request body malformed";
    pub(super) const NOT_STORED: &str = "Failed to update";
}

/// The statuses that [`refusal`] understands better than others do.
pub(super) const REFUSALS: [StatusCode; 1] = [StatusCode::FORBIDDEN];

/// The error of an answer that is no success. The Dashboard says 403 for much that has nothing to do with rights.
pub(super) fn refusal(reply: &Reply, now: Timestamp) -> Error {
    let message = match reply.json::<Envelope>() {
        Ok(envelope) if reply.status == StatusCode::FORBIDDEN => envelope.message,
        _ => return reply.fault(now),
    };
    if words::are(&message, words::EMAIL_TAKEN) {
        reply.refusal(
            FaultKind::AlreadyExists,
            "the organisation has a user of that e-mail address already (status 403)",
        )
    } else if words::are(&message, words::MALFORMED) {
        reply.refusal(FaultKind::Invalid, "the platform does not take what was sent (status 403)")
    } else if words::are(&message, words::NOT_STORED) {
        reply.refusal(FaultKind::Unavailable(None), "the platform could not store it (status 403)")
    } else {
        reply.fault(now)
    }
}

/// The envelope of a call that did what was asked; else its error.
pub(super) fn done(reply: &Reply, now: Timestamp) -> Result<SecretString, Error> {
    if !reply.status.is_success() {
        return Err(refusal(reply, now));
    }
    let envelope: Envelope = reply.json()?;
    if envelope.status == "OK" { Ok(envelope.message) } else { Err(reply.strange("says both success and failure")) }
}

/// The id of what was created.
pub(super) fn created(reply: &Reply, now: Timestamp) -> Result<String, Error> {
    done(reply, now)?;
    let WithId { id } = reply.json()?;
    if id.is_empty() { Err(reply.strange("names no id of what it made")) } else { Ok(id) }
}

/// The message and the object of what was created.
pub(super) fn shown(reply: &Reply, now: Timestamp) -> Result<(SecretString, Document), Error> {
    let message = done(reply, now)?;
    let WithObject { object } = reply.json()?;
    Ok((message, object))
}

/// The object of an answer, if it is the one that was asked for; `None` if the platform says that it is not there. A 404
/// that is not the Dashboard's own is no such word: a proxy before it that has lost its way says the same of everything,
/// and what is taken for gone is made a second time.
pub(super) fn object(reply: &Reply, is: impl FnOnce(&Document) -> bool) -> Result<Option<Document>, Error> {
    if reply.status.is_success() {
        let object: Document = reply.json()?;
        return if is(&object) { Ok(Some(object)) } else { Err(reply.strange("answers something else")) };
    }
    is_absence(reply).map(|()| None)
}

/// Whether a 404 is the Dashboard's own word that something is not there.
pub(super) fn is_absence(reply: &Reply) -> Result<(), Error> {
    match reply.json::<Envelope>() {
        Ok(envelope) if envelope.status == "Error" => Ok(()),
        _ => Err(reply.strange("answers as no Tyk Dashboard does")),
    }
}
