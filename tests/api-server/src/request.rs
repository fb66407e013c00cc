//! What a request asks for.

use std::borrow::Cow;

use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::Value;

use crate::resource::{self, Resource};
use crate::selector::Selector;
use crate::status::Status;

/// A request, as rules see it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: &'static str,
    /// The kind, such as `Secret`.
    pub kind: String,
    /// The resource's plural name.
    pub resource: String,
    /// Its namespace; empty for all, and for what has none.
    pub namespace: String,
    /// Its name; empty for all, and where it is in the body alone.
    pub name: String,
    /// `status`, or empty.
    pub subresource: String,
    /// Nothing is to be written.
    pub dry_run: bool,
    /// Field manager, or else user agent.
    pub agent: String,
    /// What was sent; null for nothing.
    pub body: Value,
}

impl Asked {
    /// Whether it may write something.
    pub fn is_write(&self) -> bool {
        !matches!(self.verb, "get" | "list" | "watch") && !self.dry_run
    }
}

/// How a patch is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchKind {
    Merge,
    Apply,
}

/// The parameters of a request.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) selector: Selector,
    pub(crate) limit: usize,
    pub(crate) continued: String,
    pub(crate) revision: String,
    pub(crate) exact: Option<bool>,
    pub(crate) bookmarks: bool,
    pub(crate) initial_events: Option<bool>,
    pub(crate) timeout: Option<u64>,
    pub(crate) propagation: Option<String>,
    pub(crate) manager: Option<String>,
    pub(crate) force: bool,
    pub(crate) patch: Option<PatchKind>,
    /// Only metadata is wanted.
    pub(crate) partial: bool,
}

/// A request that is understood.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) resource: &'static Resource,
    pub(crate) asked: Asked,
    pub(crate) options: Options,
}

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Route {
    Call(Box<Call>),
    /// A list of what is served.
    Discovery(String),
    /// Nothing.
    Nowhere,
}

/// A resource, a namespace, a name and a subresource.
type Place<'a> = (&'static Resource, &'a str, &'a str, &'a str);

fn place(path: &str) -> Option<Place<'_>> {
    let mut words = path.trim_matches('/').split('/');
    let (group, version) = match words.next()? {
        "api" => ("", words.next()?),
        "apis" => (words.next()?, words.next()?),
        _ => return None,
    };
    let rest: Vec<&str> = words.collect();
    let known = |plural: &str, namespaced: bool| {
        resource::all().iter().find(|resource| {
            resource.group == group
                && resource.version == version
                && resource.plural == plural
                && resource.namespaced == namespaced
        })
    };
    match *rest.as_slice() {
        ["namespaces", namespace, plural] if known(plural, true).is_some() => {
            Some((known(plural, true)?, namespace, "", ""))
        }
        ["namespaces", namespace, plural, name] => Some((known(plural, true)?, namespace, name, "")),
        ["namespaces", namespace, plural, name, sub] => Some((known(plural, true)?, namespace, name, sub)),
        [plural] => Some((known(plural, true).or_else(|| known(plural, false))?, "", "", "")),
        [plural, name] => Some((known(plural, false)?, "", name, "")),
        [plural, name, sub] => Some((known(plural, false)?, "", name, sub)),
        _ => None,
    }
}

/// Reads a request.
pub(crate) fn read(request: Request<Bytes>) -> Result<Route, Status> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let Some((resource, namespace, name, subresource)) = place(path) else {
        let known = path == "/version" || path.starts_with("/api");
        return Ok(if known { Route::Discovery(path.to_owned()) } else { Route::Nowhere });
    };
    let is_known = subresource.is_empty() || (subresource == "status" && resource.has_status);
    if !is_known || (resource.custom && namespace.is_empty() && parts.method == Method::POST) {
        return if resource.custom { Ok(Route::Nowhere) } else { Err(Status::nothing()) };
    }
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut options =
        Options { partial: header(header::ACCEPT).contains("as=PartialObjectMetadata"), ..Options::default() };
    let (mut watch, mut dry_run) = (false, false);
    for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
        let is_set = matches!(value.as_ref(), "true" | "1");
        match name.as_ref() {
            "watch" => watch = is_set,
            "dryRun" => dry_run = is_all(&value)?,
            _ => option(resource, &mut options, &name, value, is_set)?,
        }
    }
    let verb = match (&parts.method, name.is_empty()) {
        (&Method::GET, _) if watch => "watch",
        (&Method::GET, false) => "get",
        (&Method::GET, true) => "list",
        (&Method::POST, true) => "create",
        (&Method::PUT, false) => "update",
        (&Method::PATCH, false) => "patch",
        (&Method::DELETE, false) => "delete",
        (&Method::DELETE, true) => "deletecollection",
        _ => {
            let message = "the server does not allow this method on the requested resource";
            return Err(Status::new(405, "MethodNotAllowed", message));
        }
    };
    if verb == "patch" {
        options.patch = Some(match header(header::CONTENT_TYPE).split(';').next().unwrap_or_default() {
            "application/merge-patch+json" => PatchKind::Merge,
            "application/apply-patch+yaml" => PatchKind::Apply,
            other => {
                let message = format!("the body of the request was in an unknown format: {other}");
                return Err(Status::new(415, "UnsupportedMediaType", message));
            }
        });
    }
    let body = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body).map_err(|error| Status::bad_request(format!("the body is no JSON: {error}")))?
    };
    dry_run |= verb == "delete" && body["dryRun"].as_array().is_some_and(|all| !all.is_empty());
    let agent = options.manager.clone().unwrap_or_else(|| header(header::USER_AGENT).to_owned());
    let asked = Asked {
        verb,
        kind: resource.kind.clone(),
        resource: resource.plural.clone(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource: subresource.to_owned(),
        dry_run,
        agent,
        body,
    };
    Ok(Route::Call(Box::new(Call { resource, asked, options })))
}

fn is_all(value: &str) -> Result<bool, Status> {
    if value == "All" { Ok(true) } else { Err(Status::bad_request(format!("dryRun: unknown value {value}"))) }
}

fn option(
    resource: &Resource,
    options: &mut Options,
    name: &str,
    value: Cow<'_, str>,
    is_set: bool,
) -> Result<(), Status> {
    match name {
        "labelSelector" => options.selector.add_labels(&value)?,
        "fieldSelector" => options.selector.add_fields(resource, &value)?,
        "limit" => options.limit = number(name, &value)?,
        "timeoutSeconds" => options.timeout = Some(number(name, &value)?),
        "continue" => options.continued = value.into_owned(),
        "resourceVersion" => options.revision = value.into_owned(),
        "resourceVersionMatch" => options.exact = Some(value == "Exact"),
        "allowWatchBookmarks" => options.bookmarks = is_set,
        "sendInitialEvents" => options.initial_events = Some(is_set),
        "propagationPolicy" => options.propagation = Some(value.into_owned()),
        "fieldManager" => options.manager = Some(value.into_owned()),
        "force" => options.force = is_set,
        _ => {}
    }
    Ok(())
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Status> {
    value.parse().map_err(|_| Status::bad_request(format!("{name}: {value} is no number")))
}
