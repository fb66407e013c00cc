//! Engines that are broken on purpose: the shipped one behind a layer, between it and the wire, that makes of what it asks
//! for what a broken one would have asked for. The servers cannot tell, and the shipped engine has no switch for it.

mod requests;

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use org_operator::embedded::Directory;
use org_operator::platform::http::TransportError;
use serde_json::Value;

use self::requests::{
    creates, deletes, dry, is_status_write, keeps_minted, opened_attempt, uid_of, version_of, with_body, with_target,
};
use super::cluster::{Answer, Cluster, client};
use super::platform::Platforms;
use super::server::Server;
use super::time::Time;

/// How long a creation takes that a second pass does not wait for.
const MEANWHILE: Duration = Duration::from_millis(200);

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Status says it before the Secret has it.
    StoreAfterStatus,
    /// It creates, and only then records that it tries to.
    MintBeforeRecord,
    /// The token before this one ends before a Secret has this one.
    RevokeBeforeStore,
    /// What has the name is deleted, whoever's it is.
    DeleteWithoutId,
    /// A creation without an answer is sent again.
    RetryCreate,
    /// A second pass acts while a call is in flight, and nothing is said to be as it was read.
    JoinNothing,
}

impl Broken {
    pub(crate) const ALL: [Self; 6] = [
        Self::StoreAfterStatus,
        Self::MintBeforeRecord,
        Self::RevokeBeforeStore,
        Self::DeleteWithoutId,
        Self::RetryCreate,
        Self::JoinNothing,
    ];
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StoreAfterStatus => "store-after-status",
            Self::MintBeforeRecord => "mint-before-record",
            Self::RevokeBeforeStore => "revoke-before-store",
            Self::DeleteWithoutId => "delete-without-id",
            Self::RetryCreate => "retry-create",
            Self::JoinNothing => "join-nothing",
        })
    }
}

impl FromStr for Broken {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|broken| broken.to_string() == text).ok_or_else(|| format!("nothing is broken so: {text}"))
    }
}

/// What stands between one life of a broken engine and the wire. What it holds back dies with that life.
#[derive(Clone)]
pub(crate) struct Layer(Arc<Inner>);

struct Inner {
    broken: Broken,
    cluster: Cluster,
    directory: Directory,
    server: Server,
    time: Time,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What was answered as if it were written, by the uid of the object that it is about.
    held: Vec<(String, Request<Bytes>)>,
    /// What the engine takes for the version of an object, and which one it is in truth.
    versions: Vec<(String, Value, Value)>,
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Layer({})", self.0.broken)
    }
}

impl Layer {
    pub(crate) fn new(broken: Broken, cluster: Cluster, directory: Directory, server: Server) -> Self {
        let time = cluster.time.clone();
        Self(Arc::new(Inner { broken, cluster, directory, server, time, state: Mutex::default() }))
    }

    /// The engine's client of the API server.
    pub(crate) fn client(&self) -> kube::Client {
        let layer = self.clone();
        client(move |request| {
            let layer = layer.clone();
            async move { layer.cluster(request).await }
        })
    }

    async fn cluster(&self, mut request: Request<Bytes>) -> std::io::Result<Answer> {
        let cluster = self.0.cluster.clone();
        match self.0.broken {
            Broken::StoreAfterStatus => {
                if let Some(owner) = keeps_minted(&request) {
                    return Ok(self.hold(owner, request));
                }
                let told = is_status_write(&request).then(|| uid_of(&request));
                let answer = cluster.ask(request).await;
                if let Some(uid) = told {
                    self.release(Some(&uid)).await;
                }
                answer
            }
            Broken::MintBeforeRecord => {
                if opened_attempt(&request, &cluster.api) {
                    return Ok(self.hold(uid_of(&request), request));
                }
                if is_status_write(&request) {
                    self.catch_up(&mut request);
                }
                cluster.ask(request).await
            }
            Broken::JoinNothing => {
                if is_status_write(&request) {
                    with_body(&mut request, |body| {
                        body["metadata"].as_object_mut().map(|metadata| metadata.remove("resourceVersion"));
                    });
                }
                cluster.ask(request).await
            }
            Broken::RevokeBeforeStore | Broken::DeleteWithoutId | Broken::RetryCreate => cluster.ask(request).await,
        }
    }

    /// Answers as if it were written.
    fn hold(&self, about: String, request: Request<Bytes>) -> Answer {
        let answer = self.0.cluster.api.handle(dry(&request));
        if answer.status().is_success() {
            self.state().held.push((about, request));
        }
        answer
    }

    /// Sends what was held back: what is about that object, or all.
    async fn release(&self, about: Option<&str>) {
        let (due, kept) = std::mem::take(&mut self.state().held)
            .into_iter()
            .partition(|(uid, _)| about.is_none_or(|about| about == uid.as_str()));
        self.state().held = kept;
        let due: Vec<(String, Request<Bytes>)> = due;
        for (uid, request) in due {
            let told = version_of(&request);
            // Whatever comes of it, the engine was told that all is well.
            let Ok(answer) = self.0.cluster.clone().ask(request).await else { continue };
            let body = answer.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            let written: Value = serde_json::from_slice(&body).unwrap_or_default();
            let version = written["metadata"]["resourceVersion"].clone();
            if !version.is_null() {
                self.state().versions.push((uid, told, version));
            }
        }
    }

    /// A later write of the same status makes one that is held back superfluous, and builds on what was written.
    fn catch_up(&self, request: &mut Request<Bytes>) {
        let uid = uid_of(request);
        let mut state = self.state();
        state.held.retain(|(held, _)| *held != uid);
        let versions = std::mem::take(&mut state.versions);
        with_body(request, |body| {
            for (_, told, is) in versions.iter().filter(|(about, ..)| *about == uid) {
                if body["metadata"]["resourceVersion"] == *told {
                    body["metadata"]["resourceVersion"] = is.clone();
                }
            }
        });
        state.versions = versions.into_iter().filter(|(about, ..)| *about != uid).collect();
    }

    /// A request to a platform.
    pub(crate) async fn platform(
        &self,
        platforms: &Platforms,
        timeout: Duration,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let creates = creates(&request);
        if creates {
            self.creating().await;
        }
        if let Some(id) = deletes(&request).filter(|_| self.0.broken == Broken::DeleteWithoutId)
            && let Some(named) = self.of_that_name(&id)
        {
            with_target(&mut request, &named);
        }
        let mut answer = platforms.within(timeout, request.clone()).await;
        if creates && answer.is_err() && self.0.broken == Broken::RetryCreate {
            answer = platforms.within(timeout, request).await;
        }
        if creates && answer.is_ok() {
            self.created().await;
        }
        answer
    }

    /// Something is about to be created.
    pub(crate) async fn creating(&self) {
        if self.0.broken == Broken::JoinNothing {
            tokio::time::sleep(MEANWHILE).await;
        }
    }

    /// Something was created.
    pub(crate) async fn created(&self) {
        if self.0.broken == Broken::MintBeforeRecord {
            self.release(None).await;
        }
    }

    /// The tokens that end as soon as there is another.
    pub(crate) fn ended_by_the_next(&self) -> Vec<String> {
        if self.0.broken != Broken::RevokeBeforeStore {
            return Vec::new();
        }
        let (directory, now) = (self.0.directory.clone(), self.0.time.now());
        let tokens =
            self.0.server.run(move || async move { directory.account_tokens(now, jiff::Timestamp::MAX).await });
        tokens.expect("tokens").into_iter().map(|token| token.id).collect()
    }

    /// The way to another one with the name of that one: as chance has it, it is the first one found.
    fn of_that_name(&self, id: &str) -> Option<String> {
        let (directory, id) = (self.0.directory.clone(), id.to_owned());
        self.0.server.run(move || async move {
            let mut named: Vec<(String, String, String)> = Vec::new();
            for organization in directory.organizations(None, 1000).await.expect("organisations") {
                let path = format!("/organization/{}", organization.id);
                for user in directory.users(&organization.id, None, 1000).await.expect("users") {
                    let path = format!("{path}/user/{}", user.id);
                    named.push((path, user.id, user.email.unwrap_or(user.username)));
                }
                named.push((path, organization.id, organization.name));
            }
            let name = named.iter().find(|(_, found, _)| *found == id)?.2.clone();
            named.into_iter().find(|(_, found, called)| *found != id && *called == name).map(|(path, ..)| path)
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many engines work at once.
    pub(crate) fn engines(&self) -> usize {
        if self.0.broken == Broken::JoinNothing { 2 } else { 1 }
    }
}
