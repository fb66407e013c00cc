//! The API server's own account of what was asked of it: what a test counts writes with.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::owner::{ControlPlane, Error};

/// How long a request may take to show in the log.
const SHOWN_WITHIN: Duration = Duration::from_secs(30);

/// A finished request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// `create`, `update`, `patch`, `delete`, `deletecollection`, `get`, `list` or `watch`.
    pub verb: String,
    /// Who asked, such as `system:serviceaccount:org-operator:org-operator`.
    pub user: String,
    /// The client's name for itself, which distinguishes programs that share an account.
    pub user_agent: String,
    /// The API group; empty for the core group and for what is not a resource.
    pub api_group: String,
    /// The plural, such as `secrets`; empty for what is not a resource.
    pub resource: String,
    /// Such as `status`; empty for the resource itself.
    pub subresource: String,
    /// The namespace; empty for what is in none.
    pub namespace: String,
    /// The object's name; empty where a request names none.
    pub name: String,
    /// Whether it was a dry-run, which changes nothing.
    pub dry_run: bool,
    /// The path and query.
    pub uri: String,
    /// The HTTP status of the answer; 0 where there was none.
    pub code: u16,
    /// When the request came in, RFC 3339 with microseconds; texts compare as times do.
    pub received: String,
}

impl AuditEvent {
    /// Whether it changed something, or would have: a write that was not a dry-run.
    pub fn is_write(&self) -> bool {
        let verbs = ["create", "update", "patch", "delete", "deletecollection"];
        !self.dry_run && verbs.contains(&self.verb.as_str())
    }

    /// Whether the API server did it.
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.code)
    }
}

impl ControlPlane {
    /// The requests finished so far that `filter` lets through, in the order of the log.
    ///
    /// Waits for the log to catch up first: what was answered before the call is in it. The plane's own programs are
    /// there with their writes alone, everybody else with all requests.
    pub fn audit_events(&self, filter: impl Fn(&AuditEvent) -> bool) -> Result<Vec<AuditEvent>, Error> {
        self.catch_up()?;
        audit_events(self.audit_log(), filter)
    }

    /// Makes a request that nobody else makes and waits until the log shows it. An event is written when its request is
    /// done, which may be a moment after the client has the answer.
    fn catch_up(&self) -> Result<(), Error> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let uri = format!("/version?mark={}-{number}", std::process::id());
        self.run(["get", "--raw", &uri])?;
        let until = Instant::now() + SHOWN_WITHIN;
        while audit_events(self.audit_log(), |event| event.uri == uri)?.is_empty() {
            if Instant::now() > until {
                let path = self.audit_log().to_owned();
                return Err(Error::AuditLog { path, seconds: SHOWN_WITHIN.as_secs() });
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// The events of a log that `filter` lets through. A last line that is still being written is left out.
pub fn audit_events(log: &Path, filter: impl Fn(&AuditEvent) -> bool) -> Result<Vec<AuditEvent>, Error> {
    let text = fs::read_to_string(log).map_err(|source| Error::File { path: log.to_owned(), source })?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut events = Vec::new();
    for (index, line) in whole.lines().enumerate() {
        let event: Line = serde_json::from_str(line).map_err(|error| Error::Content {
            what: format!("{} line {}", log.display(), index + 1),
            source: error.into(),
        })?;
        let event = AuditEvent::from(event);
        if filter(&event) {
            events.push(event);
        }
    }
    Ok(events)
}

/// An event as the API server writes it (`audit.k8s.io/v1`), as far as it is read here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    verb: String,
    user: User,
    #[serde(default)]
    user_agent: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    #[serde(default)]
    object_ref: Object,
    #[serde(default)]
    response_status: Status,
    request_received_timestamp: String,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
}

impl From<Line> for AuditEvent {
    fn from(line: Line) -> Self {
        let query = line.request_uri.split_once('?').map_or("", |(_, query)| query);
        let dry_run = query.split('&').any(|pair| pair.starts_with("dryRun="));
        let Object { api_group, resource, subresource, namespace, name } = line.object_ref;
        Self {
            verb: line.verb,
            user: line.user.username,
            user_agent: line.user_agent,
            api_group,
            resource,
            subresource,
            namespace,
            name,
            dry_run,
            uri: line.request_uri,
            code: line.response_status.code,
            received: line.request_received_timestamp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"1","stage":"ResponseComplete","requestURI":"/apis/org-operator.dev/v1alpha1/namespaces/a/tokens/t/status?fieldManager=x&dryRun=All","verb":"patch","user":{"username":"u","groups":["g"]},"sourceIPs":["127.0.0.1"],"userAgent":"agent","objectRef":{"resource":"tokens","namespace":"a","name":"t","apiGroup":"org-operator.dev","apiVersion":"v1alpha1","subresource":"status"},"responseStatus":{"metadata":{},"code":409},"requestReceivedTimestamp":"2026-01-02T03:04:05.000006Z","stageTimestamp":"2026-01-02T03:04:05.000007Z"}"#;
    const GET: &str = r#"{"stage":"ResponseComplete","requestURI":"/version","verb":"get","user":{"username":"u"},"requestReceivedTimestamp":"2026-01-02T03:04:05.000006Z"}"#;

    fn read(text: &str) -> Result<Vec<AuditEvent>, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        audit_events(file.path(), |_| true)
    }

    #[test]
    fn an_event_has_what_a_count_needs() {
        let events = read(&format!("{PATCH}\n{GET}\n")).unwrap();
        let [patch, get] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(
            (patch.verb.as_str(), patch.resource.as_str(), patch.subresource.as_str()),
            ("patch", "tokens", "status")
        );
        assert_eq!((patch.namespace.as_str(), patch.name.as_str(), patch.code), ("a", "t", 409));
        assert!(patch.dry_run && !patch.is_write() && !patch.succeeded());
        assert_eq!((get.resource.as_str(), get.code, get.dry_run), ("", 0, false));
        assert!(AuditEvent { dry_run: false, ..patch.clone() }.is_write());
        assert!(!get.is_write());
    }

    #[test]
    fn a_line_that_is_being_written_is_left_out() {
        assert_eq!(read("").unwrap(), []);
        assert_eq!(read(&PATCH[..40]).unwrap(), []);
        assert_eq!(read(&format!("{GET}\n{}", &PATCH[..40])).unwrap().len(), 1);
        // A whole one that is wrong is not.
        assert!(read("{}\n").is_err());
    }
}
