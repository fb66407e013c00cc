//! No secret outside Secrets: every value that is secret is a canary, and it is searched wherever else something is said.

mod forms;
mod page;
mod proof;
mod search;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

use page::ON_PURPOSE;
pub(crate) use page::{Page, forget_panics, panics};
pub(crate) use proof::prove;
pub(crate) use search::Search;

use crate::sim::World;

/// What a Secret holds beside secrets: names, the public half of a key, and the id of a technical administrator, which the
/// operator names where it could not remove one.
const OPEN: [&str; 3] = ["username", "public.pem", "userID"];
/// What dialects call a credential, in their replies and in what they are asked.
const CREDENTIALS: [&str; 12] = [
    "adminPW",
    "access_key",
    "accessKey",
    "apiKey",
    "authToken",
    "token",
    "password",
    "passphrase",
    "secret",
    "inviteCode",
    "invite_code",
    "dxorglnk",
];
/// Where a request carries one.
const HEADERS: [&str; 3] = ["authorization", "admin-auth", "x-api-key"];
/// A password moves from one key of its Secret to another.
const STAGED: [&str; 2] = ["password", "password.next"];

/// All values that are secret, and all that the API server was told outside the values of Secrets. It is filled while
/// operators live.
#[derive(Clone, Debug, Default)]
pub(crate) struct Canaries(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// By value: the keys that it has in Secrets.
    values: BTreeMap<String, Vec<String>>,
    /// Values of Secrets that may not hold another key's.
    kept: BTreeSet<(String, String)>,
    said: Vec<u8>,
    /// Where an engine that is broken on purpose tells what a Secret holds.
    leak: Option<Leak>,
}

/// Where something is told that is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leak {
    /// In the log, at the finest level.
    Log,
    /// In an annotation.
    Annotation,
    /// In a panic.
    Panic,
    /// Under another key of a Secret.
    Key,
}

impl Leak {
    pub(crate) const ALL: [Self; 4] = [Self::Log, Self::Annotation, Self::Panic, Self::Key];
}

impl Canaries {
    /// Something is secret.
    pub(crate) fn add(&self, value: &str) {
        self.state().values.entry(value.to_owned()).or_default();
    }

    /// From now on it is told there.
    pub(crate) fn leak(&self, leak: Leak) {
        self.state().leak = Some(leak);
    }

    /// What the API server is asked by an engine that tells.
    pub(crate) fn told(&self, request: &mut Request<Bytes>) {
        let leak = self.state().leak;
        let mut body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let Some(token) = body["data"]["token"].as_str().filter(|token| token.len() < 1000).map(str::to_owned) else {
            return;
        };
        match leak {
            Some(Leak::Log) => tracing::trace!(?body, "asking"),
            Some(Leak::Annotation) => body["metadata"]["annotations"]["told"] = Value::from(token),
            Some(Leak::Panic) => drop(std::panic::catch_unwind(|| panic!("{ON_PURPOSE}{token}"))),
            Some(Leak::Key) => body["data"]["other"] = Value::from(token),
            None => return,
        }
        *request.body_mut() = Bytes::from(body.to_string());
        request.headers_mut().remove("content-length");
    }

    /// Looks at what the API server is asked.
    pub(crate) fn cluster(&self, request: &Request<Bytes>) {
        let uri = request.uri();
        self.say(uri.to_string().as_bytes());
        let mut body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        if uri.path().contains("/secrets") && !uri.to_string().contains("dryRun=All") {
            self.secret(&body);
        }
        if uri.path().contains("/secrets") {
            take_values(&mut body);
            self.say(body.to_string().as_bytes());
        } else {
            self.say(request.body());
        }
    }

    /// Looks at what a platform is asked, and at what it answers.
    pub(crate) fn platform(&self, request: &Request<Bytes>, answer: Option<&Response<Bytes>>) {
        for value in HEADERS.iter().filter_map(|name| request.headers().get(*name)?.to_str().ok()) {
            let value = value.rsplit(' ').next().unwrap_or_default();
            self.add(value);
        }
        for body in [Some(request.body()), answer.map(Response::body)].into_iter().flatten() {
            self.credentials(&serde_json::from_slice(body).unwrap_or_default());
        }
    }

    fn credentials(&self, body: &Value) {
        match body {
            Value::Object(fields) => {
                for (name, field) in fields {
                    match field.as_str() {
                        Some(value) if CREDENTIALS.contains(&name.as_str()) => self.add(value),
                        _ => self.credentials(field),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.credentials(item)),
            _ => {}
        }
    }

    /// The values of a Secret are secret.
    pub(crate) fn secret(&self, secret: &Value) {
        let mut state = self.state();
        for (key, value) in secret["data"].as_object().into_iter().flatten() {
            let decoded = value.as_str().and_then(|value| STANDARD.decode(value).ok());
            let Some(value) = decoded.and_then(|value| String::from_utf8(value).ok()) else { continue };
            if !OPEN.contains(&key.as_str()) {
                let keys = state.values.entry(value.clone()).or_default();
                if !keys.contains(key) {
                    keys.push(key.clone());
                }
            }
            state.kept.insert((key.clone(), value));
        }
    }

    fn say(&self, text: &[u8]) {
        let mut state = self.state();
        state.said.extend_from_slice(text);
        state.said.push(b'\n');
    }

    /// Says what is where it should not be, when all is over.
    pub(crate) fn search(&self, world: &World, log: &[u8]) -> Result<usize, String> {
        for secret in world.api.all("Secret") {
            self.secret(&secret);
        }
        let state = self.state();
        let values: Vec<(&String, &Vec<String>)> =
            state.values.iter().filter(|(value, _)| value.len() >= forms::SHORTEST).collect();
        let search = Search::new(values.iter().map(|(value, _)| value.as_str()));
        let objects = objects(world);
        let places: [(&str, &[u8]); 5] = [
            ("the log", log),
            ("what was written", &state.said),
            ("an object", objects.as_bytes()),
            ("the metrics", world.metrics.as_bytes()),
            ("a panic", &panics()),
        ];
        for (place, text) in places {
            if let Some(found) = search.find(text).first() {
                let keys = values[found.value].1;
                return Err(format!("{place} holds a secret ({keys:?}) {}: {}", found.form, around(text, found.at)));
            }
        }
        for (key, value) in &state.kept {
            for found in search.find(value.as_bytes()) {
                let own = values[found.value].1;
                let moved = STAGED.contains(&key.as_str()) && own.iter().all(|own| STAGED.contains(&own.as_str()));
                let alone = own.iter().all(|own| own == key);
                if !own.is_empty() && !moved && !alone {
                    return Err(format!("a Secret holds under {key} what is {own:?}, {}", found.form));
                }
            }
        }
        Ok(values.len())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All objects of the API server, Secrets without their values.
fn objects(world: &World) -> String {
    let mut objects = String::new();
    for kind in ["Platform", "Organization", "User", "Token", "Namespace", "Event", "Lease", "Secret"] {
        for mut object in world.api.all(kind) {
            if kind == "Secret" {
                take_values(&mut object);
            }
            objects += &object.to_string();
        }
    }
    objects
}

fn take_values(secret: &mut Value) {
    if let Some(fields) = secret.as_object_mut() {
        fields.remove("data");
    }
}

/// The line that holds it, for who has to find out why.
fn around(text: &[u8], at: usize) -> String {
    let begin = text[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |before| before + 1);
    let end = text[at..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |after| at + after);
    String::from_utf8_lossy(&text[begin.max(at.saturating_sub(600))..end.min(at + 200)]).into_owned()
}
