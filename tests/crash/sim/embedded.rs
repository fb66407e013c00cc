//! The embedded platform over the wire: a call is a request, and its fault an error of the directory.

use std::time::Duration;

use async_trait::async_trait;
use org_operator::domain::capability::Capabilities;
use org_operator::domain::entity::{Created, Entity, InOrganization, Kind, Lookup, OfUser, Page};
use org_operator::domain::fault::FaultKind;
use org_operator::embedded::Directory;
use org_operator::platform::{AdminApi, Backend, Embedded, Ended, Error};
use secrecy::SecretString;

use super::broken::Layer;
use super::fault::Fault;
use super::guard::Guard;
use super::stop::Stop;
use super::time::Time;
use super::wire::{Side, Turn};

/// The embedded platform of a simulation.
#[derive(Clone, Debug)]
pub(crate) struct Wired {
    pub(crate) inner: Embedded,
    pub(crate) guard: Guard,
    pub(crate) time: Time,
    pub(crate) directory: Directory,
    /// What an engine that is broken on purpose goes through.
    pub(crate) layer: Option<Layer>,
}

impl Wired {
    async fn call<T: Send + 'static>(
        &self,
        what: String,
        writes: bool,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let unknown = |message: &str| Error::new(FaultKind::Unavailable(None), what.clone(), message.to_owned());
        // The directory asks the fence itself.
        self.guard.wire.standstill().gate(writes).await;
        let (entry, fault) = match self.guard.wire.turn(self.time.now(), Side::Platform, writes, true, what.clone()) {
            Turn::Go(entry, fault) => (entry, fault),
            Turn::Dead => return std::future::pending().await,
        };
        // A call within the process is not on its way anywhere.
        match fault {
            Some(Fault::Stop(Stop::Before | Stop::Sent)) => self.guard.wire.standstill().stand_still(true).await,
            Some(Fault::Stop(Stop::Hold)) => self.guard.wire.standstill().stand_still(false).await,
            _ => {}
        }
        let resumed = matches!(fault, Some(Fault::Stop(Stop::Before | Stop::Sent | Stop::Hold)));
        let applied = resumed || fault.is_none_or(Fault::is_applied);
        let answer = applied.then(|| self.guard.server.run(move || work));
        let said = match &answer {
            None => "nothing".to_owned(),
            Some(Ok(_)) => "ok".to_owned(),
            Some(Err(error)) => error.kind.as_str().to_owned(),
        };
        if !self.guard.wire.answered(entry, fault, said) {
            return std::future::pending().await;
        }
        if let Some(Fault::Stop(Stop::Applied | Stop::Lost)) = fault {
            self.guard.wire.standstill().stand_still(true).await;
        }
        match (fault, answer) {
            (None | Some(Fault::CrashReplied | Fault::Twice), Some(answer)) => answer,
            (Some(Fault::Stop(stop)), Some(answer)) if stop != Stop::Lost => answer,
            // A directory in the same process answers, or says that the disk does not; what it does not say is whether it
            // wrote.
            _ => Err(unknown("the directory's file could not be written, on purpose")),
        }
    }
}

#[async_trait]
impl<E: Entity> Backend<E> for Wired
where
    Embedded: Backend<E>,
    E::Scope: Clone + 'static,
    E::Change: Clone + 'static,
    E::New: 'static,
    E::Record: 'static,
    Created<E>: Send + 'static,
{
    async fn find(&self, scope: &E::Scope, lookup: &Lookup) -> Result<Vec<E::Record>, Error> {
        let (inner, scope, lookup) = (self.inner.clone(), scope.clone(), lookup.clone());
        self.call(format!("find {} {lookup:?}", E::KIND), false, async move {
            Backend::<E>::find(&inner, &scope, &lookup).await
        })
        .await
    }

    async fn list(&self, scope: &E::Scope, from: Option<&str>) -> Result<Page<E::Record>, Error> {
        let (inner, scope, from) = (self.inner.clone(), scope.clone(), from.map(str::to_owned));
        self.call(format!("list {}s", E::KIND), false, async move {
            Backend::<E>::list(&inner, &scope, from.as_deref()).await
        })
        .await
    }

    async fn create(&self, new: E::New) -> Result<Created<E>, Error> {
        let (inner, what) = (self.inner.clone(), format!("create {}", E::KIND));
        let creation = self.call(what, true, async move { Backend::<E>::create(&inner, new).await });
        let Some(layer) = &self.layer else { return creation.await };
        layer.creating().await;
        let ended = if E::KIND == Kind::Token { layer.ended_by_the_next() } else { Vec::new() };
        let created = creation.await?;
        layer.created().await;
        for id in ended {
            let (directory, now) = (self.directory.clone(), self.time.now());
            let end = async move {
                directory.revoke_account_token(&id, now).await.expect("revoked");
                Ok(())
            };
            // Nobody asks what came of it.
            let _ = self.call("delete Token, too early".to_owned(), true, end).await;
        }
        Ok(created)
    }

    async fn update(&self, scope: &E::Scope, id: &str, change: &E::Change) -> Result<E::Record, Error> {
        let (inner, scope, id, change) = (self.inner.clone(), scope.clone(), id.to_owned(), change.clone());
        self.call(format!("update {} {id}", E::KIND), true, async move {
            Backend::<E>::update(&inner, &scope, &id, &change).await
        })
        .await
    }

    async fn delete(&self, scope: &E::Scope, id: &str) -> Result<Ended, Error> {
        let (inner, scope, id) = (self.inner.clone(), scope.clone(), id.to_owned());
        if E::KIND != Kind::Token {
            self.guard.look(&self.directory, E::KIND.as_str(), &id);
        }
        self.call(
            format!("delete {} {id}", E::KIND),
            true,
            async move { Backend::<E>::delete(&inner, &scope, &id).await },
        )
        .await
    }
}

#[async_trait]
impl AdminApi for Wired {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn url(&self) -> String {
        self.inner.url()
    }

    async fn probe(&self) -> Result<String, Error> {
        let inner = self.inner.clone();
        self.call("probe".to_owned(), false, async move { inner.probe().await }).await
    }

    async fn set_password(&self, scope: &InOrganization, user_id: &str, password: SecretString) -> Result<(), Error> {
        let (inner, scope, user_id) = (self.inner.clone(), scope.clone(), user_id.to_owned());
        self.call("set the password of User".to_owned(), true, async move {
            inner.set_password(&scope, &user_id, password).await
        })
        .await
    }

    async fn authenticates(&self, of: &OfUser, value: &SecretString) -> Result<Option<String>, Error> {
        let (inner, of, value) = (self.inner.clone(), of.clone(), value.clone());
        self.call("authenticate Token".to_owned(), false, async move { inner.authenticates(&of, &value).await }).await
    }

    fn visible_after(&self) -> Duration {
        self.inner.visible_after()
    }

    fn check_name(&self, kind: Kind, name: &str) -> Result<(), String> {
        self.inner.check_name(kind, name)
    }
}
