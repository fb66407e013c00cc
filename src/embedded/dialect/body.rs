//! The JSON object that a request brings, taken apart member by member, so that a refusal can name the member and never
//! repeats what it holds.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde_json::{Map, Value};

/// The longest body that is read, in bytes.
pub(super) const BODY_LIMIT: usize = 1024 * 1024;

/// Why a body is no JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It is longer than [`BODY_LIMIT`].
    TooLarge,
    /// It is something else, or was cut.
    NotAnObject,
}

/// The framework wants every rejection to be a reply. Each dialect puts its own in this one's place.
impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotAnObject => StatusCode::BAD_REQUEST,
        }
        .into_response()
    }
}

/// A member that is missing or cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    /// Its name.
    pub(super) member: &'static str,
    /// What to do.
    pub(super) rule: String,
}

impl Unfit {
    pub(super) fn new(member: &'static str, rule: impl Into<String>) -> Self {
        Self { member, rule: rule.into() }
    }
}

/// The members that are left of a body. Any `Content-Type` is taken, because scripts leave it out. It is not
/// `Debug`, because it may hold secrets.
pub(super) struct Members(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Members {
    type Rejection = BodyError;

    async fn from_request(request: Request, state: &S) -> Result<Self, BodyError> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => BodyError::TooLarge,
            _ => BodyError::NotAnObject,
        })?;
        serde_json::from_slice(&bytes).map(Self).map_err(|_| BodyError::NotAnObject)
    }
}

impl Members {
    /// Takes a text that may be left out; `null` is left out.
    pub(super) fn optional(&mut self, member: &'static str) -> Result<Option<String>, Unfit> {
        match self.0.remove(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Unfit::new(member, "give it as a string")),
        }
    }

    /// Takes a text that has to be there.
    pub(super) fn text(&mut self, member: &'static str) -> Result<String, Unfit> {
        self.optional(member)?.ok_or_else(|| Unfit::new(member, "give it: it is missing"))
    }

    /// Takes a secret that has to be there.
    pub(super) fn secret(&mut self, member: &'static str) -> Result<SecretString, Unfit> {
        self.text(member).map(SecretString::from)
    }

    /// Takes a whole number that may be left out.
    pub(super) fn integer(&mut self, member: &'static str) -> Result<Option<i64>, Unfit> {
        match self.0.remove(member) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| Unfit::new(member, "give it as a whole number")),
        }
    }

    /// Takes a yes or no that may be left out; left out is no.
    pub(super) fn flag(&mut self, member: &'static str) -> Result<bool, Unfit> {
        match self.0.remove(member) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(Unfit::new(member, "give it as true or false")),
        }
    }

    /// Takes a list of texts that may be left out.
    pub(super) fn texts(&mut self, member: &'static str) -> Result<Option<Vec<String>>, Unfit> {
        let unfit = || Unfit::new(member, "give it as a list of strings");
        match self.0.remove(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(values)) => {
                let text = |value| match value {
                    Value::String(text) => Ok(text),
                    _ => Err(unfit()),
                };
                values.into_iter().map(text).collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(unfit()),
        }
    }

    /// Whether that member is there still.
    pub(super) fn has(&self, member: &str) -> bool {
        self.0.contains_key(member)
    }

    /// Whether all members were taken.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(value: Value) -> Members {
        match value {
            Value::Object(map) => Members(map),
            _ => Members(Map::new()),
        }
    }

    #[test]
    fn members_are_taken_by_their_type_and_a_refusal_names_them() {
        let mut body = members(
            json!({"a": "x", "b": null, "c": 17, "d": ["p", "q"], "e": ["p", 1], "f": "p", "g": 3, "h": true, "i": 3.5}),
        );
        assert_eq!(body.text("a"), Ok("x".to_owned()));
        assert_eq!(body.optional("a"), Ok(None), "taken");
        assert_eq!(body.optional("b"), Ok(None));
        assert_eq!(body.optional("z"), Ok(None));
        assert_eq!(body.text("z").unwrap_err().member, "z");
        let unfit = body.text("c").unwrap_err();
        assert_eq!((unfit.member, unfit.rule.contains("17")), ("c", false));
        assert_eq!(body.texts("d"), Ok(Some(vec!["p".to_owned(), "q".to_owned()])));
        assert_eq!(body.texts("z"), Ok(None));
        assert_eq!(body.texts("e").unwrap_err().member, "e");
        assert_eq!((body.integer("g"), body.integer("z")), (Ok(Some(3)), Ok(None)));
        assert_eq!((body.flag("h"), body.flag("z")), (Ok(true), Ok(false)));
        assert_eq!(body.integer("i").unwrap_err().member, "i");
        assert!(body.has("f") && !body.has("g") && !body.is_empty());
        assert_eq!(body.texts("f").unwrap_err().member, "f");
        assert!(body.is_empty(), "also what was refused is taken");
    }
}
