//! Attempts: each is recorded before its call, and what it made beside what status records is removed.

use kube::{Api, ResourceExt};

use super::act::Act;
use super::managed::Managed;
use super::report;
use super::stop::{Stop, within};
use super::store::generation;
use crate::api::ManagedStatus as _;
use crate::domain::condition::{Reason, State};
use crate::domain::entity::Kind;
use crate::domain::naming;
use crate::keys;

/// An attempt that is recorded.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// Its number.
    pub number: i64,
    /// What it writes on what it makes, where attempts are told from those of others.
    pub mark: Option<&'a str>,
}

impl<K: Managed> Act<K> {
    pub(super) async fn record_attempt(&mut self, attempt: i64) -> Result<(), Stop> {
        self.progress.doing("recording the attempt");
        if self.draft.attempt_open() && K::KIND == Kind::Token && self.is_unknown_after_all() {
            let message = format!(
                "attempt {} to mint a token was not answered, and this platform cannot tell whether there is one: it may live \
                 on though nobody has its value; look for one of that time among the user's tokens there and revoke it",
                self.draft.attempt()
            );
            self.note("LeftBehind", message);
        }
        // What the number alone would say of it, another attempt says again after the cluster was set back.
        if self.desired.mark.tells_attempts() && self.desired.place.marks(K::KIND) {
            let nonce = keys::nonce().map_err(|error| generation(&error))?;
            self.draft.mark_attempt(naming::attempt_mark(attempt, nonce));
        }
        self.draft.set_attempt(attempt, true);
        // What is Ready stays so while its credential is renewed, and what waits for something says so and not that it is
        // being made each time that it is tried.
        if report::is_pending(&*self.object) {
            let state = State::new(Reason::Progressing, "creation is under way");
            self.object = report::write(&self.context, &self.object, self.draft.clone(), &state).await?;
        } else {
            self.object = report::keep(&self.context, &self.object, self.draft.clone()).await?;
        }
        Ok(())
    }

    /// Whether nothing will ever tell what came of a creation that was not answered.
    fn is_unknown_after_all(&self) -> bool {
        self.desired.shared.is_none() && !self.desired.place.marks(K::KIND)
    }

    /// The attempt's outcome, which the next report writes: this one's, or that of a later pass.
    pub(super) fn came_to(&mut self, made: Option<&str>, open: bool) {
        self.draft.set_attempt(self.draft.attempt(), open);
        self.context.outcomes.note(&self.desired.uid, &self.draft, made);
    }

    /// A process that was stopped since may remember another one than the one that stays, or attempts that are given up, so
    /// status is read once more.
    pub(super) async fn remove_twin(&mut self, id: &str, of: &str) -> Result<(), Stop> {
        self.progress.doing("removing a twin on the platform");
        let object: Api<K> = Api::namespaced(self.context.client.clone(), &self.namespace());
        let live = within(object.get(&self.object.name_any())).await?;
        let still = |status: &K::Status| {
            status.external_id() == Some(of) && status.attempt_marks() == self.draft.attempt_marks()
        };
        if live.uid() != self.object.uid() || !live.status().is_some_and(still) {
            return Err(Stop::Again);
        }
        let api = self.api()?;
        self.end(api.as_ref(), id).await?;
        self.note("TwinRemoved", format!("removed {id}, which a request that was carried out twice or late had made"));
        Ok(())
    }
}
