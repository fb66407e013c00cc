//! What the HTTP clients of all platforms share: one origin with its budget, requests that cannot leave it, and what an
//! answer, or none, means.
//!
//! An [`Origin`] follows no redirect (a credential in a header of a vendor's own would go along), uses no proxy, verifies
//! TLS, reads no more of a reply than it was asked to, and refuses addresses that are link-local. Ids and names go into a
//! path as one segment each, so that none of them can name another path.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::ServiceExt as _;
use url::Url;
use zeroize::Zeroizing;

use super::{Budget, Error};
use crate::clock::Clock;
use crate::domain::fault::FaultKind;
use crate::fence::Fence;

mod fault;
mod transport;

pub use fault::Effect;
pub use transport::{BadTrust, Limit, Service, Transport, TransportError, Trust, service};

/// The longest reply that is read where a call says nothing else, in bytes.
const REPLY_LIMIT: usize = 1024 * 1024;

/// One admin API's address: scheme, host, port and the path that it begins with.
#[derive(Clone)]
pub struct Origin {
    base: Url,
    service: Service,
    budget: Arc<Budget>,
    clock: Clock,
    fence: Fence,
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// An address that no request can be sent to; the text says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadAddress(&'static str);

impl Origin {
    /// The API at `base`, reached through `service`.
    pub fn new(base: &str, service: Service, budget: Arc<Budget>, clock: Clock) -> Result<Self, BadAddress> {
        let base = Url::parse(base).map_err(|_| BadAddress("write a URL such as https://host:port"))?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() || base.host().is_none() {
            return Err(BadAddress("write a URL that begins with https:// or http://"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(BadAddress("leave user and password out of the URL: the credential has a Secret of its own"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(BadAddress("leave ? and # out of the URL"));
        }
        if base.host().is_some_and(|host| transport::is_link_local(&host)) {
            return Err(BadAddress("a link-local address is no platform's"));
        }
        Ok(Self { base, service, budget, clock, fence: Fence::open() })
    }

    /// The same, which sends what may change something only while `fence` lets it begin.
    #[must_use]
    pub fn fenced(self, fence: Fence) -> Self {
        Self { fence, ..self }
    }

    /// The address as it tells one platform from another: without a slash at the end.
    pub fn address(&self) -> String {
        self.base.as_str().trim_end_matches('/').to_owned()
    }

    /// Sends one request within the budget. Answers that are neither a success nor among those that the call wants to
    /// see itself are errors.
    pub async fn send(&self, call: Call) -> Result<Reply, Error> {
        let operation = call.operation.clone();
        let request = self.request(&call)?;
        self.budget.spend(&operation, self.exchange(call, request)).await
    }

    async fn exchange(&self, call: Call, request: Request<Bytes>) -> Result<Reply, Error> {
        // Not before the budget's turn, which may be long in coming.
        if call.effect != Effect::Reads && !self.fence.may_begin() {
            return Err(Error::not_leading(call.operation));
        }
        let response = self
            .service
            .clone()
            .oneshot(request)
            .await
            .map_err(|error| fault::transport(error, &call.operation, call.effect))?;
        let (head, body) = response.into_parts();
        let Call { operation, effect, wanted, judge, .. } = call;
        let reply = Reply { status: head.status, headers: head.headers, body, operation, effect };
        if let Some(error) = judge.and_then(|judge| judge(&reply, self.clock.now())) {
            return Err(error);
        }
        if !reply.status.is_success() && !wanted.contains(&reply.status) {
            return Err(reply.fault(self.clock.now()));
        }
        Ok(reply)
    }

    fn request(&self, call: &Call) -> Result<Request<Bytes>, Error> {
        let mut url = self.base.clone();
        // A URL drops empty and dotted segments, and the request would go to what is above. It drops tabs and line breaks
        // first, so that a segment with one may turn into such a one.
        let own = call
            .segments
            .iter()
            .all(|segment| !matches!(segment.as_str(), "" | "." | "..") && !segment.chars().any(char::is_control));
        if !own {
            let message = "what was to be asked for has an id that no object can have";
            return Err(Error::new(FaultKind::NotFound, &call.operation, message));
        }
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(&call.segments);
            if call.slash {
                path.push("");
            }
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query.iter().map(|(name, value)| (*name, value.expose_secret())));
        }
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(url.as_str())
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .extension(Limit(call.limit));
        for (name, value) in &call.headers {
            let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| {
                let message =
                    "the credential has characters that no HTTP header may have: look for a line break in its Secret";
                Error::new(FaultKind::Unauthenticated, &call.operation, message)
            })?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        let body = match &call.body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Bytes::from_owner(body.clone())
            }
            None => Bytes::new(),
        };
        request.body(body).map_err(|error| {
            Error::new(FaultKind::Invalid, &call.operation, "the request cannot be written").with_source(error)
        })
    }
}

/// What an answer means where its body says more than its status; `None` leaves it to the status.
pub type Judge = fn(&Reply, Timestamp) -> Option<Error>;

/// One request.
pub struct Call {
    operation: String,
    effect: Effect,
    method: Method,
    segments: Vec<String>,
    slash: bool,
    query: Vec<(&'static str, SecretString)>,
    headers: Vec<(HeaderName, SecretString)>,
    body: Option<Zeroizing<Vec<u8>>>,
    wanted: Vec<StatusCode>,
    judge: Option<Judge>,
    limit: usize,
}

/// Its body may hold a password.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("operation", &self.operation)
            .field("effect", &self.effect)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

impl Call {
    /// A request for what `operation` names (as `create Organization`), with that method, to the path of these segments
    /// below the origin. They are escaped here.
    pub fn new<'a>(
        operation: impl Into<String>,
        effect: Effect,
        method: Method,
        segments: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self {
            operation: operation.into(),
            effect,
            method,
            segments: segments.into_iter().map(str::to_owned).collect(),
            slash: false,
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            wanted: Vec::new(),
            judge: None,
            limit: REPLY_LIMIT,
        }
    }

    /// With a slash at the end of the path.
    #[must_use]
    pub fn slash(mut self) -> Self {
        self.slash = true;
        self
    }

    /// With a parameter.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<SecretString>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// With a credential's header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: SecretString) -> Self {
        self.headers.push((HeaderName::from_static(name), value));
        self
    }

    /// With a body of JSON. What it is written into is zeroed.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self, Error> {
        let mut text = Zeroizing::new(Vec::with_capacity(16 * 1024));
        serde_json::to_writer(&mut *text, body).map_err(|error| {
            Error::new(FaultKind::Invalid, &self.operation, "the request cannot be written").with_source(error)
        })?;
        self.body = Some(text);
        Ok(self)
    }

    /// The answers of these statuses are no errors here: the caller looks at them itself.
    #[must_use]
    pub fn wants(mut self, statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        self.wanted.extend(statuses);
        self
    }

    /// Lets `judge` see every answer first, within the budget: so that a platform whose body asks to be left alone is.
    #[must_use]
    pub fn judged(mut self, judge: Judge) -> Self {
        self.judge = Some(judge);
        self
    }

    /// Reads so many bytes of a reply and no more.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }
}

/// An answer.
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: http::HeaderMap,
    body: Bytes,
    operation: String,
    effect: Effect,
}

impl Reply {
    /// Its body, understood. A creation whose answer cannot be understood may have happened.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|_| self.strange("answered something that is not this API's JSON"))
    }

    /// Whether it is a page for people: what a proxy answers, or what a wrong URL leads to.
    pub fn is_page(&self) -> bool {
        let content_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        content_type.is_some_and(|value| value.to_ascii_lowercase().starts_with("text/html"))
            || self.body.trim_ascii_start().starts_with(b"<")
    }

    /// The error of a page in the place of a success.
    pub fn page(&self) -> Error {
        self.strange("answered with a web page")
    }

    /// The error of an answer that says success and means something else.
    pub fn strange(&self, message: &str) -> Error {
        let (status, url) = (self.status.as_u16(), "is the Platform's URL the admin API's?");
        Error::new(self.effect.strange(), &self.operation, format!("the platform {message} (status {status}): {url}"))
    }

    /// The error of an answer that was wanted and is an error all the same.
    pub fn refusal(&self, kind: FaultKind, message: impl Into<String>) -> Error {
        Error::new(kind, &self.operation, message)
    }

    /// The error that its status stands for where nothing more is known of it.
    pub fn fault(&self, now: Timestamp) -> Error {
        fault::status(self.status, &self.headers, &self.operation, self.effect, now)
    }
}

/// A secret that a body holds.
pub struct Exposed<'a>(pub &'a SecretString);

impl Serialize for Exposed<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

/// Reads a secret from a body: `#[serde(deserialize_with = "secret")]`.
pub fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    <String as serde::Deserialize>::deserialize(deserializer).map(SecretString::from)
}

#[cfg(test)]
mod fenced_tests;
#[cfg(test)]
mod tests;
