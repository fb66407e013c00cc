//! Watches, and what they are told.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use serde_json::json;

use crate::object::{Object, encode};
use crate::render::{self, Form};
use crate::request::Call;
use crate::resource::Resource;
use crate::selector::Selector;
use crate::state::{Change, State};
use crate::status::Status;

/// An open watch.
#[derive(Debug)]
pub(crate) struct Watch {
    resource: &'static Resource,
    namespace: String,
    selector: Selector,
    form: Form,
    bookmarks: bool,
    since: u64,
    pub(crate) queue: VecDeque<Bytes>,
    pub(crate) ended: bool,
    pub(crate) waker: Option<Waker>,
}

impl Watch {
    pub(crate) fn store(&self) -> usize {
        self.resource.store
    }

    pub(crate) fn since(&self) -> u64 {
        self.since
    }

    /// Tells of one change, if it is one for this watch.
    pub(crate) fn tell(&mut self, change: &Change, sent: &mut u64, swallowed: &mut BTreeSet<u64>) {
        if self.ended || change.revision <= self.since {
            return;
        }
        self.since = change.revision;
        if !self.namespace.is_empty() && change.shown.namespace() != self.namespace {
            return;
        }
        let matches = |object: &Option<Arc<Object>>| object.as_ref().is_some_and(|o| self.selector.matches(&o.value));
        let (event, object) = match (matches(&change.before), matches(&change.after)) {
            (false, false) => return,
            (false, true) => ("ADDED", render::object(self.resource, self.form, &change.shown)),
            (true, true) => ("MODIFIED", render::object(self.resource, self.form, &change.shown)),
            (true, false) => ("DELETED", self.last(change)),
        };
        *sent += 1;
        if !swallowed.remove(sent) {
            self.push(line(event, &object));
        }
    }

    /// The last version that passed the selector, at the revision of the change.
    fn last(&self, change: &Change) -> Bytes {
        match (&change.before, &change.after) {
            (Some(before), Some(_)) => render::object(self.resource, self.form, &before.at(change.revision)),
            _ => render::object(self.resource, self.form, &change.shown),
        }
    }

    fn push(&mut self, line: Bytes) {
        self.queue.push_back(line);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Ends it.
    pub(crate) fn end(&mut self) {
        self.ended = true;
        self.wake();
    }

    /// Says up to which revision everything was told, where that is wanted.
    pub(crate) fn bookmark(&mut self, revision: u64, initial: bool) {
        if !self.bookmarks || self.ended {
            return;
        }
        let mut bookmark = render::bookmark(self.resource, self.form);
        bookmark["metadata"]["resourceVersion"] = json!(revision.to_string());
        if initial {
            bookmark["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        self.push(line("BOOKMARK", &encode(&bookmark)));
    }
}

fn line(event: &str, object: &[u8]) -> Bytes {
    let mut line = Vec::with_capacity(object.len() + 40);
    line.extend_from_slice(b"{\"type\":\"");
    line.extend_from_slice(event.as_bytes());
    line.extend_from_slice(b"\",\"object\":");
    line.extend_from_slice(object);
    line.extend_from_slice(b"}\n");
    Bytes::from(line)
}

impl State {
    /// Opens the watch that was asked for; its number.
    pub(crate) fn watch(&mut self, call: &mut Call) -> Result<u64, Status> {
        let (resource, asked, options) = (call.resource, &call.asked, &mut call.options);
        if !asked.name.is_empty() {
            let field = format!("metadata.name={}", asked.name);
            options.selector.add_fields(resource, &field)?;
        }
        let mut watch = Watch {
            resource,
            namespace: asked.namespace.clone(),
            selector: std::mem::take(&mut options.selector),
            form: Form::of(options.partial),
            bookmarks: options.bookmarks,
            since: 0,
            queue: VecDeque::new(),
            ended: false,
            waker: None,
        };
        let from_now = matches!(options.revision.as_str(), "" | "0");
        let initial = options.initial_events.unwrap_or(from_now);
        if options.initial_events.is_some() && options.exact != Some(false) {
            let message = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            let cause = ("FieldValueForbidden", "resourceVersionMatch", message);
            return Err(Status::invalid_as("ListOptions", "meta.k8s.io", "", &[cause]));
        }
        let asked_for = if from_now {
            0
        } else {
            {
                // The real server takes one that is none for a fault of its own here.
                parse(&options.revision).map_err(|status| Status { code: 500, reason: "".into(), ..status })?
            }
        };
        let told = self.told(resource.store);
        if initial || from_now {
            if asked_for > told {
                return Err(Status::too_large(asked_for, told));
            }
            watch.since = told;
            if initial {
                self.send_initial(&mut watch, told, options.initial_events.is_some());
            }
        } else if let Err(status) = self.check_known(asked_for) {
            if self.gone_at_once {
                return Err(status);
            }
            watch.push(line("ERROR", &encode(&status.to_json())));
            watch.ended = true;
        } else {
            watch.since = asked_for;
        }
        Ok(self.open(watch))
    }

    fn send_initial(&self, watch: &mut Watch, told: u64, marked: bool) {
        let objects = self.stores[watch.store()].at(told);
        for object in objects.values() {
            let here = watch.namespace.is_empty() || object.namespace() == watch.namespace;
            if here && watch.selector.matches(&object.value) {
                let object = render::object(watch.resource, watch.form, object);
                watch.push(line("ADDED", &object));
            }
        }
        if marked {
            watch.bookmark(told, true);
        }
    }
}

/// Reads a revision.
pub(crate) fn parse(revision: &str) -> Result<u64, Status> {
    revision.parse().map_err(|_| Status::bad_request(format!("resourceVersion: invalid value: {revision}")))
}
