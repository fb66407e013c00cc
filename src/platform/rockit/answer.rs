//! What answers mean. Public are the reply to creating an organisation, the one to deleting it, and the one of a gateway
//! under maintenance: objects with `status` (`success` or `failed`) and, of a failure, `error` (one word). The words
//! `item-exists`, `invalid-param` and `unauthorized` are the names that the vendor's page gives to 409, 400 and 401.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::StatusCode;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::domain::entity::{Record as _, UserRecord, UserType};
use crate::domain::fault::FaultKind;
use crate::platform::http::Reply;
use crate::platform::{Ended, Error};

/// The parameters that the requests here have.
const PARAMETERS: [&str; 10] =
    ["name", "label", "username", "email", "firstname", "surname", "dxorglnk", "orgPrivPemB64", "orgPrivPW", "roles"];

/// What all of its own answers have, as far as is known.
#[derive(Debug, Deserialize)]
struct Envelope {
    status: Option<String>,
    error: Option<String>,
}

/// Refuses an answer without the envelope of a success, for the two calls that are known to have it.
pub(super) fn success(reply: &Reply) -> Result<(), Error> {
    match reply.json::<Envelope>()?.status.as_deref() {
        Some("success") => Ok(()),
        _ => Err(reply.strange("answered a success without saying so as this API does")),
    }
}

/// What a deletion came to: a 404 counts as absence only in the API's own form, because a gateway that does not know the
/// path says 404 too.
pub(super) fn gone(reply: &Reply) -> Result<Ended, Error> {
    let is_own = || reply.json::<Envelope>().is_ok_and(|envelope| envelope.status.is_some());
    match reply.status {
        StatusCode::NOT_FOUND if !is_own() => Err(reply.strange("answered a 404 that is not this API's")),
        StatusCode::NOT_FOUND => Ok(Ended::Absent),
        _ => Ok(Ended::Done),
    }
}

/// What pruning an organisation came to. The page has 400 and 401 for it, and no 404: so an `invalid-param` that names
/// `ORG_NAME`, which is what the page calls the name in the path, says that there is none of this name. Any other 400 says
/// nothing of the kind, and is not believed to.
pub(super) fn pruned(reply: &Reply) -> Result<Ended, Error> {
    match reply.status {
        StatusCode::NOT_FOUND => gone(reply),
        StatusCode::BAD_REQUEST if names(reply, "ORG_NAME") => Ok(Ended::Absent),
        StatusCode::BAD_REQUEST => Err(reply.refusal(
            FaultKind::Invalid,
            "the platform refuses to delete it and does not say why (status 400): if it is gone already, patch \
             deletionPolicy to Retain, which lets this resource go",
        )),
        _ => success(reply).map(|()| Ended::Done),
    }
}

/// Refuses a 404 to a read that cannot be this API's. Its form is not public; all that is known of the API is JSON, and a
/// gateway that does not know the path sends a page or a text.
pub(super) fn absent(reply: &Reply) -> Result<(), Error> {
    reply.json::<Map<String, Value>>().map(|_| ())
}

/// What the envelope of a failure says beyond its status: that the platform is under maintenance, which parameter it
/// refuses, and, where the status says success, that it is none.
pub(super) fn judge(reply: &Reply, now: Timestamp) -> Option<Error> {
    let fault = |kind, message: &str| {
        Some(reply.refusal(kind, format!("the platform {message} (status {})", reply.status.as_u16())))
    };
    if reply.status.is_success() && reply.is_page() {
        return Some(reply.page());
    }
    let failed: Envelope = reply.json().ok().filter(|found: &Envelope| found.status.as_deref() == Some("failed"))?;
    let succeeded = reply.status.is_success();
    match failed.error.as_deref() {
        Some("maintenance") if reply.status == StatusCode::SERVICE_UNAVAILABLE => {
            fault(reply.fault(now).kind, "is under maintenance")
        }
        Some("maintenance") if succeeded => fault(FaultKind::Unavailable(None), "is under maintenance"),
        Some("item-exists") if succeeded => fault(FaultKind::AlreadyExists, "has one already"),
        Some("invalid-param") if succeeded => fault(FaultKind::Invalid, "refuses what was asked"),
        Some("unauthorized") if succeeded => fault(FaultKind::Unauthenticated, "does not accept the credential"),
        _ if succeeded => Some(reply.strange("answered a success that says that it failed")),
        _ if reply.status == StatusCode::BAD_REQUEST => {
            let parameter = parameter(reply)?;
            fault(FaultKind::Invalid, &format!("refuses the parameter {parameter}"))
        }
        _ => None,
    }
}

/// The parameter that an `invalid-param` names: one of those that were sent, as the whole of a member. Under which member it
/// is named is not public, and a sentence around it is not read.
fn parameter(reply: &Reply) -> Option<&'static str> {
    PARAMETERS.into_iter().find(|parameter| names(reply, parameter))
}

/// Whether a reply is an object that has that text as the whole of a member.
fn names(reply: &Reply, text: &str) -> bool {
    let object: Option<Map<String, Value>> = reply.json().ok();
    object.is_some_and(|object| object.values().any(|value| value.as_str() == Some(text)))
}

/// The user of a reply: the object itself, or the first one in it that has a `username`.
pub(super) fn user(reply: &Reply, username: &str) -> Result<UserRecord, Error> {
    let object: Map<String, Value> = reply.json()?;
    let shown = if object.contains_key("username") {
        &object
    } else {
        let below = object.values().filter_map(Value::as_object);
        below.into_iter().find(|below| below.contains_key("username")).unwrap_or(&object)
    };
    let record = record(shown, username);
    if record.username == username {
        Ok(record)
    } else {
        Err(reply.strange("answered another user than the one that was asked for"))
    }
}

/// The users of a reply: an array, or the one that an object has as a member. What has no username is passed over.
pub(super) fn users(reply: &Reply) -> Result<Vec<UserRecord>, Error> {
    let strange = || reply.strange("answered something that is no list");
    let all = match reply.json()? {
        Value::Array(all) => all,
        Value::Object(object) => {
            let mut arrays = object.into_iter().filter_map(|(_, value)| match value {
                Value::Array(all) => Some(all),
                _ => None,
            });
            arrays.next().filter(|_| arrays.next().is_none()).ok_or_else(strange)?
        }
        _ => return Err(strange()),
    };
    let named = all.iter().filter_map(Value::as_object);
    Ok(named.filter_map(|shown| Some(record(shown, shown.get("username")?.as_str()?))).collect())
}

/// What of a user is shown under the names of the request's members. A machine has a label and no e-mail address.
fn record(shown: &Map<String, Value>, username: &str) -> UserRecord {
    let text = |name: &str| shown.get(name).and_then(Value::as_str).map(str::to_owned);
    let username = text("username").unwrap_or_else(|| username.to_owned());
    let is_machine = shown.contains_key("label") && !shown.contains_key("email");
    UserRecord {
        user_type: if is_machine { UserType::Machine } else { UserType::Person },
        email: text("email"),
        first_name: text("firstname"),
        last_name: text("surname"),
        roles: shown.get("roles").and_then(roles),
        ..UserRecord::unseen(&username, &username)
    }
}

/// Names, sorted. Anything else under that name is not known.
fn roles(shown: &Value) -> Option<Vec<String>> {
    let names = shown.as_array()?.iter().map(|role| role.as_str().map(str::to_owned));
    let mut names: Vec<String> = names.collect::<Option<_>>()?;
    names.sort();
    Some(names)
}

/// The value of a member: of the object, or of the first object in it that has one.
pub(super) fn value(reply: &Reply, member: &str) -> Result<Option<SecretString>, Error> {
    let object: Map<String, Value> = reply.json()?;
    let objects = std::iter::once(&object).chain(object.values().filter_map(Value::as_object));
    let mut values = objects.filter_map(|object| object.get(member)?.as_str());
    Ok(values.next().filter(|value| !value.is_empty()).map(SecretString::from))
}

/// The bytes of a text in base64, with or without its padding; the line break at the end of a Secret's value is not meant.
pub(super) fn decode(text: &SecretString) -> Option<Zeroizing<Vec<u8>>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&STANDARD, config).decode(text.expose_secret().trim()).ok().map(Zeroizing::new)
}
