//! The API server of a world: one in memory, or its part of a real one.

use api_server::{ApiServer, Snapshot};
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

use crate::real::part::Part;

/// What comes back.
pub(crate) type Answer = Response<Body>;

/// An API server. Its clones are the same one.
#[derive(Clone, Debug)]
pub(crate) enum Api {
    Memory(ApiServer),
    Real(Part),
}

impl From<ApiServer> for Api {
    fn from(server: ApiServer) -> Self {
        Self::Memory(server)
    }
}

impl Api {
    /// An object of that kind; no namespace where the kind has none.
    pub(crate) fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        match self {
            Self::Memory(server) => server.get(kind, namespace, name),
            Self::Real(part) => part.get(kind, namespace, name),
        }
    }

    /// All objects of that kind, by namespace and name.
    pub(crate) fn all(&self, kind: &str) -> Vec<Value> {
        match self {
            Self::Memory(server) => server.all(kind),
            Self::Real(part) => part.all(kind),
        }
    }

    /// The same, as nobody has seen it later.
    pub(crate) fn newest(&self, kind: &str) -> Vec<Value> {
        match self {
            Self::Memory(server) => server.all(kind),
            Self::Real(part) => part.newest(kind),
        }
    }

    /// Applies a manifest as a person does.
    pub(crate) fn apply(&self, object: Value) -> Result<Value, String> {
        match self {
            Self::Memory(server) => server.apply(object).map_err(|error| format!("{error:?}")),
            Self::Real(part) => part.apply(object),
        }
    }

    /// Deletes an object as a person does, or begins to; whether it was there.
    pub(crate) fn delete(&self, kind: &str, namespace: &str, name: &str) -> bool {
        match self {
            Self::Memory(server) => server.delete(kind, namespace, name),
            Self::Real(part) => part.delete(kind, namespace, name),
        }
    }

    /// Does what kube-controller-manager does, or waits for it where there is one.
    pub(crate) fn collect(&self) {
        match self {
            Self::Memory(server) => drop(server.collect()),
            Self::Real(part) => part.wait_for_controllers(),
        }
    }

    /// Deletes the definition of a kind, and with it all of the kind; whether it may, which is only where no other world is.
    pub(crate) fn delete_definition(&self, kind: &str) -> bool {
        match self {
            Self::Memory(_) => false,
            Self::Real(part) => part.delete_definition(kind),
        }
    }

    /// Makes again the definitions that are not there.
    pub(crate) fn define(&self) {
        if let Self::Real(part) = self {
            part.define();
        }
    }

    /// What grows when something of the world's changes.
    pub(crate) fn revision(&self) -> u64 {
        match self {
            Self::Memory(server) => server.revision(),
            Self::Real(part) => part.revision(),
        }
    }

    /// How many events watches were told; where nobody asks for single ones, none.
    pub(crate) fn events_sent(&self) -> u64 {
        match self {
            Self::Memory(server) => server.events_sent(),
            Self::Real(_) => 0,
        }
    }

    /// The namespaces that an operator is to watch; none means all.
    pub(crate) fn watched(&self) -> Vec<String> {
        match self {
            Self::Memory(_) => Vec::new(),
            Self::Real(part) => part.namespaces(),
        }
    }

    /// Asks it, and waits for the answer.
    pub(crate) fn handle(&self, request: Request<Bytes>) -> Answer {
        match self {
            Self::Memory(server) => server.handle(request).map(Body::new),
            Self::Real(part) => part.handle(request),
        }
    }

    /// Overwrites an object as it is.
    pub(crate) fn put(&self, object: Value) {
        self.memory().put(object);
    }

    /// What it holds.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.memory().snapshot()
    }

    /// Is as it was, with revisions that go on.
    pub(crate) fn restore(&self, snapshot: &Snapshot) {
        self.memory().restore(snapshot);
    }

    /// Is as it was, with revisions that go back.
    pub(crate) fn restore_back(&self, snapshot: &Snapshot) {
        self.memory().restore_back(snapshot);
    }

    /// Watches of that kind show nothing new.
    pub(crate) fn freeze(&self, kind: &str) {
        self.memory().freeze(kind);
    }

    /// They do again.
    pub(crate) fn thaw(&self, kind: &str) {
        self.memory().thaw(kind);
    }

    /// The event of that number is not told.
    pub(crate) fn drop_event(&self, number: u64) {
        self.memory().drop_event(number);
    }

    /// Every watch ends.
    pub(crate) fn cut_watches(&self) {
        self.memory().cut_watches();
    }

    /// What is older is forgotten.
    pub(crate) fn compact(&self) {
        self.memory().compact();
    }

    /// How a watch from what is forgotten is refused.
    pub(crate) fn refuse_forgotten(&self, at_once: bool) {
        self.memory().refuse_forgotten(at_once);
    }

    /// What only one in memory can be made to do.
    fn memory(&self) -> &ApiServer {
        match self {
            Self::Memory(server) => server,
            Self::Real(_) => panic!("a real API server cannot be made to do that"),
        }
    }
}
