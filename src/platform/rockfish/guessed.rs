//! The calls that the page does not show: every object has an address of its own (`self`), so reading and deleting it
//! there, and listing what is beside it, are the natural guesses.
//!
//! A server without such a call answers 404, 405 or 501 to every object; one with it answers 404 only to objects that are
//! not there. So a 404 counts as absence only where an answer has proved that the call is there. Without that proof it is
//! [`FaultKind::Unsupported`], which says "this cannot be told": never "absent", or what is there would be made again or
//! believed gone.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::send;
use super::shown::Shown;
use crate::clock::Clock;
use crate::domain::capability::Support;
use crate::domain::entity::Kind;
use crate::domain::fault::FaultKind;
use crate::domain::plan::ABSENCE;
use crate::platform::http::{Call, Effect, Origin, Reply};
use crate::platform::tried::Tried;
use crate::platform::{Ended, Error};

/// The longest list that is read, in bytes: room for some ten thousand objects, because no paging is documented.
pub(super) const LIST_LIMIT: usize = 16 * 1024 * 1024;

/// For how long what a list told goes for the next object too: less than what is missed is looked for again after.
const SEARCHED: Duration = Duration::from_secs(25);

const ABSENT: [StatusCode; 2] = [StatusCode::NOT_FOUND, StatusCode::GONE];
const UNKNOWN_CALL: [StatusCode; 2] = [StatusCode::METHOD_NOT_ALLOWED, StatusCode::NOT_IMPLEMENTED];

/// What is known of these calls for one kind of object.
#[derive(Debug)]
pub(super) struct Guessed {
    segment: &'static str,
    kind: Kind,
    read: Tried,
    list: Tried,
    delete: Tried,
    /// Since when deletions have not found what was there.
    unfound: Mutex<Option<Timestamp>>,
    /// When an object was looked for that would prove the read, and whether there was none at all.
    searched: Mutex<Option<(Timestamp, bool)>>,
    clock: Clock,
}

impl Guessed {
    /// Nothing yet, of the objects below that path.
    pub(super) fn new(segment: &'static str, kind: Kind, clock: Clock) -> Self {
        Self {
            segment,
            kind,
            read: Tried::default(),
            list: Tried::default(),
            delete: Tried::default(),
            unfound: Mutex::default(),
            searched: Mutex::default(),
            clock,
        }
    }

    /// What an earlier client of the same server found out: without it a deletion whose answer was lost could not be told
    /// from a server that has no such call.
    pub(super) fn learn(&self, [read, list, delete]: [Support; 3]) {
        for (call, known) in [(&self.read, read), (&self.list, list), (&self.delete, delete)] {
            if known == Support::Supported {
                call.prove();
            }
        }
    }

    /// Whether one can be read.
    pub(super) fn read(&self) -> Support {
        self.read.support()
    }

    /// Whether they can be listed.
    pub(super) fn list(&self) -> Support {
        self.list.support()
    }

    /// Whether one can be deleted. On a server that can be asked what is there, a deletion that found nothing leaves the
    /// next one to be tried.
    pub(super) fn delete(&self) -> Support {
        if self.delete.is_doubted() && self.read.is_proved() { Support::Unknown } else { self.delete.support() }
    }

    /// The object with that id; `None` only where the server is known to show what is there.
    pub(super) async fn get<T: Shown + DeserializeOwned>(
        &self,
        origin: &Origin,
        operation: &str,
        id: &str,
    ) -> Result<Option<T>, Error> {
        let call = Call::new(operation, Effect::Reads, Method::GET, [self.segment, id]);
        let asked = match self.ask(origin, call, operation, &self.read).await {
            Err(error) if error.kind == FaultKind::NotFound => return Ok(None),
            asked => asked?,
        };
        let Some(reply) = asked else {
            return if self.read.is_proved() || self.is_told::<T>(origin, operation, id).await? {
                Ok(None)
            } else {
                self.read.doubt();
                Err(self.untold(operation))
            };
        };
        let shown: T = reply.json()?;
        if shown.id() != id {
            return Err(reply.strange("answered another object than the one that was asked for"));
        }
        self.read.prove();
        Ok(Some(shown))
    }

    /// Whether a 404 of the read that is not proved means absence all the same: where the server lists such objects, reads
    /// one of those and does not list this one, or lists none.
    async fn is_told<T: Shown + DeserializeOwned>(
        &self,
        origin: &Origin,
        operation: &str,
        id: &str,
    ) -> Result<bool, Error> {
        let now = self.clock.now();
        let lately = |(at, _): &(Timestamp, bool)| now.duration_since(*at).unsigned_abs() < SEARCHED;
        if let Some((_, none)) = self.searched.lock().unwrap_or_else(PoisonError::into_inner).filter(lately) {
            return Ok(none);
        }
        let all: Vec<T> = match self.all(origin, operation).await {
            Err(error) if error.kind == FaultKind::Unsupported => return Ok(false),
            all => all?,
        };
        *self.searched.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, all.is_empty()));
        let Some(other) = all.first() else { return Ok(true) };
        if !other.has_id() || all.iter().any(|listed| listed.id() == id) {
            return Ok(false);
        }
        let call = Call::new(operation, Effect::Reads, Method::GET, [self.segment, other.id()]);
        let read = self.ask(origin, call, operation, &self.read).await?;
        if read.is_some() {
            self.read.prove();
        }
        Ok(read.is_some())
    }

    /// All objects. A list that is there is never 404, but a gateway's answer may be: it is asked for again.
    pub(super) async fn all<T: Shown + DeserializeOwned>(
        &self,
        origin: &Origin,
        operation: &str,
    ) -> Result<Vec<T>, Error> {
        let call = Call::new(operation, Effect::Reads, Method::GET, [self.segment]).limit(LIST_LIMIT);
        let Some(reply) = self.ask(origin, call, operation, &self.list).await? else {
            self.list.doubt();
            return Err(self.unknown(operation));
        };
        let all: Vec<T> = reply.json()?;
        self.list.prove();
        Ok(all)
    }

    /// Removes the object with that id. Where the server has it and has no such call, or where neither can be told, that
    /// is said: a deletion is never believed.
    pub(super) async fn remove<T: Shown + DeserializeOwned>(
        &self,
        origin: &Origin,
        operation: &str,
        id: &str,
    ) -> Result<Ended, Error> {
        let call = Call::new(operation, Effect::Repeatable, Method::DELETE, [self.segment, id]);
        if let Some(ended) = self.went(origin, operation, call).await? {
            return Ok(ended);
        }
        match self.get::<T>(origin, operation, id).await {
            Ok(None) => Ok(Ended::Absent),
            // It is there, and was not found: so it is the call that is not, or one of the two answers lied.
            Ok(Some(_)) if self.is_unfound() => {
                self.delete.miss();
                Err(self.unknown(operation))
            }
            Ok(Some(_)) => {
                let message = "the platform says that it is not there, and shows it all the same: trying again";
                Err(Error::new(FaultKind::Unavailable(None), operation, message))
            }
            Err(error) => Err(self.doubted(error)),
        }
    }

    /// Ends what hangs on an object of this kind, by a call that cannot be read back: a user's membership. That the user
    /// is gone is proof that it is.
    pub(super) async fn detach<T: Shown + DeserializeOwned>(
        &self,
        origin: &Origin,
        operation: &str,
        id: &str,
        path: [&str; 4],
    ) -> Result<Ended, Error> {
        let call = Call::new(operation, Effect::Repeatable, Method::DELETE, path);
        if let Some(ended) = self.went(origin, operation, call).await? {
            return Ok(ended);
        }
        match self.get::<T>(origin, operation, id).await {
            Ok(None) => Ok(Ended::Absent),
            Ok(Some(_)) => Err(self.doubted(self.untold(operation))),
            Err(error) => Err(self.doubted(error)),
        }
    }

    /// Sends a deletion. `None`: it found nothing, and the server is not known to delete.
    async fn went(&self, origin: &Origin, operation: &str, call: Call) -> Result<Option<Ended>, Error> {
        match self.ask(origin, call, operation, &self.delete).await {
            Err(error) if error.kind == FaultKind::NotFound => Ok(Some(Ended::Absent)),
            Ok(Some(_)) => {
                self.delete.prove();
                Ok(Some(Ended::Done))
            }
            Ok(None) => Ok(self.delete.is_proved().then_some(Ended::Absent)),
            Err(error) => Err(error),
        }
    }

    /// Takes note of that a deletion did not find what was there, and says whether another one had long before.
    fn is_unfound(&self) -> bool {
        let now = self.clock.now();
        let mut since = self.unfound.lock().unwrap_or_else(PoisonError::into_inner);
        now.duration_since(*since.get_or_insert(now)).unsigned_abs() >= ABSENCE
    }

    fn doubted(&self, error: Error) -> Error {
        if error.kind == FaultKind::Unsupported {
            self.delete.doubt();
        }
        error
    }

    /// Sends a call that may not be there; `None`: 404. [`FaultKind::NotFound`]: it was not sent, because no object can have
    /// such an id.
    async fn ask(&self, origin: &Origin, call: Call, operation: &str, tried: &Tried) -> Result<Option<Reply>, Error> {
        if tried.is_missing() {
            return Err(self.unknown(operation));
        }
        let reply = send(origin, call.wants(ABSENT.into_iter().chain(UNKNOWN_CALL))).await?;
        if UNKNOWN_CALL.contains(&reply.status) {
            tried.miss();
            return Err(self.unknown(operation));
        }
        // A proxy's page says nothing of what is behind it.
        if ABSENT.contains(&reply.status) && reply.is_page() {
            return Err(reply.page());
        }
        Ok((!ABSENT.contains(&reply.status)).then_some(reply))
    }

    fn unknown(&self, operation: &str) -> Error {
        let message = format!("this server has no call for that: Rockfish documents none for {}s", self.segment);
        Error::new(FaultKind::Unsupported, operation, message)
    }

    fn untold(&self, operation: &str) -> Error {
        let message = format!(
            "the platform answers 404, and it has not shown yet that it has such a call, which Rockfish does not document: \
             whether the {} is there cannot be told",
            self.kind
        );
        Error::new(FaultKind::Unsupported, operation, message)
    }
}
