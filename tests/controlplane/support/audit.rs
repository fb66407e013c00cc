//! What the operator wrote, by the API server's own account.

use std::collections::BTreeMap;

use control_plane::AuditEvent;

use super::operator::Process;

/// The operator's writes in a namespace. Refused ones count: they cost the API server as much.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Writes {
    /// By resource (`tokens/ci`, `secrets/ci-token`), in order: `finalizer` (a patch of the object), `status`, `create` and
    /// `patch` (of a Secret), `dry-run`, and what is none of that by its verb; each with its answer's status if that is
    /// no success.
    pub(crate) of: BTreeMap<String, Vec<String>>,
    /// Events.
    pub(crate) events: usize,
    /// Leases.
    pub(crate) leases: usize,
}

impl Writes {
    /// All writes of objects, Secrets and status: all but dry-runs, events and leases.
    pub(crate) fn total(&self) -> usize {
        self.of.values().flatten().filter(|write| *write != "dry-run").count()
    }

    /// Those of one resource, such as `tokens/ci`.
    pub(crate) fn of(&self, resource: &str) -> Vec<&str> {
        self.of.get(resource).into_iter().flatten().map(String::as_str).collect()
    }

    fn add(&mut self, event: &AuditEvent) {
        match event.resource.as_str() {
            "events" => self.events += 1,
            "leases" => self.leases += 1,
            resource => {
                let of = self.of.entry(format!("{resource}/{}", event.name)).or_default();
                let mut write = match (event.subresource.as_str(), event.verb.as_str()) {
                    _ if event.dry_run => "dry-run".to_owned(),
                    ("", "patch") if resource != "secrets" => "finalizer".to_owned(),
                    ("", verb) => verb.to_owned(),
                    (subresource, _) => subresource.to_owned(),
                };
                if !event.succeeded() {
                    write = format!("{write} {}", event.code);
                }
                of.push(write);
            }
        }
    }
}

impl Process<'_> {
    /// What it wrote in that namespace until now.
    pub(crate) fn writes(&self, namespace: &str) -> Writes {
        self.writes_since(namespace, 0)
    }

    /// How many of its requests to write in that namespace there were until now: a mark for [`Self::writes_since`].
    pub(crate) fn mark(&self, namespace: &str) -> usize {
        self.requests(namespace).len()
    }

    /// What it wrote in that namespace since the mark.
    pub(crate) fn writes_since(&self, namespace: &str, mark: usize) -> Writes {
        let mut writes = Writes::default();
        for event in self.requests(namespace).iter().skip(mark) {
            writes.add(event);
        }
        writes
    }

    fn requests(&self, namespace: &str) -> Vec<AuditEvent> {
        let user = self.user();
        let wanted = |event: &AuditEvent| {
            event.user == user && event.namespace == namespace && (event.is_write() || event.dry_run)
        };
        self.plane().audit_events(wanted).unwrap()
    }
}
