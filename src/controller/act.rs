//! Carries out a plan: one match, each step idempotent, no choices.
//!
//! It runs in a task of its own (see [`super::in_flight`]): between a call that mints a value and the Secret that holds
//! it there is no point at which it could be cut off but by the end of the process.

use std::sync::Arc;
use std::time::Duration;

use kube::{Api, ResourceExt};

use super::attempt::Attempt;
use super::brake;
use super::context::Context;
use super::describe;
use super::finalizer::{add_finalizer, hold_platform, remove_finalizer};
use super::in_flight::Progress;
use super::managed::{Desired, Managed};
use super::note::Note;
use super::observe::{of_user, visible_after};
use super::stop::{Stop, within};
use crate::api::ManagedStatus as _;
use crate::domain::capability::deletion_of;
use crate::domain::condition::{Reason, State};
use crate::domain::entity::{Created, Entity, Kind, Lookup, Record as _};
use crate::domain::facts::Late;
use crate::domain::fault::{FaultKind, Requeue};
use crate::domain::naming::Ownership;
use crate::domain::plan::{ABSENCE, Step};
use crate::domain::policy::{AdoptionPolicy, Origin};
use crate::kubernetes::secret::StoredSecret;
use crate::platform::{self, AdminApi, Ended};

/// How long it is remembered that a user was ended.
const REMEMBERED: Duration = Duration::from_hours(1);

/// Soon enough to be called at once.
const AT_ONCE: Duration = Duration::from_millis(100);

/// A plan being carried out.
pub struct Act<K: Managed> {
    /// What every pass has.
    pub context: Arc<Context>,
    /// The resource, as of the last write.
    pub object: Arc<K>,
    /// What it asks for.
    pub desired: Arc<Desired<K>>,
    /// Its status so far.
    pub draft: K::Status,
    /// Its Secrets, as of the last read or write.
    pub secrets: Vec<Option<StoredSecret>>,
    /// The object on the platform, as of the last step that showed it.
    pub record: Option<<K::Entity as Entity>::Record>,
    /// For those who wait.
    pub progress: Progress,
    /// What is worth an event.
    pub notes: Vec<Note>,
    /// This plan has created the object or a credential.
    pub created: bool,
    /// What is known of the credential that this plan created.
    pub minted: Minted,
}

/// What is known of a credential beside the platform's record.
#[derive(Clone, Debug, Default)]
pub struct Minted {
    /// The attempt that minted it.
    pub attempt: Option<i64>,
    /// The one before it, which goes on working for a while.
    pub previous: Option<String>,
}

/// What came of it.
pub struct Done<K: Managed> {
    /// The resource as of the last write.
    pub object: Arc<K>,
    /// Its status so far.
    pub draft: K::Status,
    /// The object on the platform as of the last step that showed it.
    pub record: Option<<K::Entity as Entity>::Record>,
    /// Its Secrets.
    pub secrets: Vec<Option<StoredSecret>>,
    /// What is worth an event.
    pub notes: Vec<Note>,
    /// Why it ended early.
    pub failure: Option<Stop>,
}

fn is_taken<T>(created: &Result<T, platform::Error>) -> bool {
    created.as_ref().is_err_and(|error| error.kind == FaultKind::AlreadyExists)
}

impl<K: Managed> Act<K> {
    /// Carries out the steps in order, up to the first that fails.
    pub async fn run(mut self, steps: Vec<Step<<K::Entity as Entity>::Change>>) -> Done<K> {
        let mut failure = None;
        for step in steps {
            if let Err(stop) = self.step(step).await {
                failure = Some(stop);
                break;
            }
        }
        let Self { object, draft, record, secrets, notes, .. } = self;
        Done { object, draft, record, secrets, notes, failure }
    }

    async fn step(&mut self, step: Step<<K::Entity as Entity>::Change>) -> Result<(), Stop> {
        match step {
            Step::HoldPlatform => hold_platform(&self.context, &self.desired).await,
            Step::AddFinalizer => {
                self.progress.doing("adding the finalizer");
                self.object = add_finalizer(&self.context, &self.object, K::made_in(&self.desired)).await?;
                Ok(())
            }
            Step::Generate(slot) => self.generate(slot).await,
            Step::RecordAttempt(attempt) => self.record_attempt(attempt).await,
            Step::StartOver(attempt) => {
                self.draft.set_external_id(None);
                self.draft.give_up();
                self.record_attempt(attempt).await
            }
            Step::ProveWritable(slot) => self.prove_writable(slot).await,
            Step::Create { attempt, previous } => self.create(attempt, previous).await,
            Step::Update { id, change } => {
                self.progress.doing("changing on the platform");
                let api = self.api()?;
                self.record = Some(K::backend(api.as_ref()).update(&self.desired.place.scope, &id, &change).await?);
                Ok(())
            }
            Step::Refresh(slot) => self.refresh(slot).await,
            Step::Publish(slot) => self.publish(slot).await,
            Step::Renew { id, slot } => self.renew(&id, slot).await,
            Step::Stage(slot) => self.stage(slot).await,
            Step::Push { id, slot } => self.push(&id, slot).await,
            Step::Promote(slot) => self.promote(slot).await,
            Step::Revoke(id) => {
                self.progress.doing("revoking on the platform");
                let api = self.api()?;
                self.end(api.as_ref(), &id).await?;
                self.note("Revoked", format!("revoked the {} {id} on the platform", K::KIND));
                Ok(())
            }
            Step::CountDeletion => brake::count(&self.context, &self.desired.place.platform).await,
            Step::Delete(id) => {
                self.progress.doing("deleting on the platform");
                self.still_meant().await?;
                let api = self.api()?;
                self.end(api.as_ref(), &id).await?;
                self.republish(api.as_ref()).await?;
                self.note("Deleted", format!("deleted the {} {} on the platform ({id})", K::KIND, self.desired.name));
                Ok(())
            }
            Step::RemoveTwin { id, of } => self.remove_twin(&id, &of).await,
            Step::Release(id) => self.release(&id).await,
            Step::ReleaseSecret(slot) => match &self.secrets[slot] {
                Some(read) => {
                    let name = &self.desired.slots[slot].name;
                    Ok(self.context.secrets.release(&self.namespace(), name, read, self.context.now()).await?)
                }
                None => Ok(()),
            },
            Step::AttachSecret(slot) => {
                let Some(read) = &self.secrets[slot] else { return Ok(()) };
                self.progress.doing("changing the owner of a Secret");
                let (name, owner) = (&self.desired.slots[slot].name, describe::owner(&*self.object));
                Ok(self.context.secrets.set_owner(&self.namespace(), name, read, owner).await?)
            }
            Step::RemoveFinalizer => remove_finalizer(&self.context, &self.object).await,
        }
    }

    pub(super) fn api(&self) -> Result<Arc<dyn AdminApi>, Stop> {
        let unreachable = || Stop::outage(Reason::DependencyNotReady, "the Platform cannot be reached");
        self.desired.place.api.clone().ok_or_else(unreachable)
    }

    pub(super) fn namespace(&self) -> String {
        self.object.namespace().unwrap_or_default()
    }

    pub(super) fn note(&mut self, reason: &'static str, message: String) {
        self.notes.push(Note { reason, message });
    }

    /// A deletion cannot be undone, so the manifest is read once more: the copy in hand may be from before somebody
    /// patched it to Retain.
    async fn still_meant(&self) -> Result<(), Stop> {
        let api: Api<K> = Api::namespaced(self.context.client.clone(), &self.namespace());
        let live = within(api.get_metadata(&self.object.name_any())).await?;
        let same = live.uid() == self.object.uid() && live.metadata.generation == self.object.meta().generation;
        if same { Ok(()) } else { Err(Stop::Again) }
    }

    async fn create(&mut self, attempt: Option<i64>, previous: Option<String>) -> Result<(), Stop> {
        self.progress.doing("creating on the platform");
        let api = self.api()?;
        let of = attempt.map(|number| Attempt { number, mark: self.draft.attempt_mark(number) });
        let new = K::creation(&self.desired, &self.secrets, of, self.context.now());
        let mut created = K::backend(api.as_ref()).create(new).await;
        if attempt.is_some() && is_taken(&created) && self.appeared(api.as_ref()).await {
            let message = "there is one of that name now, and there was none before the request: it may be this one's";
            created = Err(platform::Error::new(FaultKind::OutcomeUnknown, format!("create {}", K::KIND), message));
        }
        let unknown = |kind| matches!(kind, FaultKind::OutcomeUnknown | FaultKind::TimedOut);
        match &created {
            // From now on it may be there and not be shown yet.
            Err(error) if unknown(error.kind) => self.context.made.set(&self.desired.uid, self.context.now()),
            Err(_) if attempt.is_some() => self.came_to(None, false),
            _ => {}
        }
        if is_taken(&created) {
            self.look_at_what_is_there(api.as_ref())?;
        }
        let Created { record, one_time, unfinished } = created?;
        self.context.made.set(&self.desired.uid, self.context.now());
        self.created = true;
        self.minted = Minted { attempt, previous };
        // A token is recorded once its Secret has it; what is no token is there from now on, whatever follows.
        if K::KIND != Kind::Token {
            self.draft.set_external_id(Some(record.id().to_owned()));
            self.draft.set_origin(Origin::Created);
            self.came_to(Some(record.id()), self.draft.attempt_open());
        }
        let expected = self.desired.slots.iter().any(|slot| slot.content.shown().is_some() && slot.late == Late::Never);
        let shown = one_time.is_some();
        if let Some(value) = one_time {
            self.keep(api.as_ref(), value, &record).await?;
        }
        // Only when what was shown is stored, nothing of the attempt is open any more.
        match attempt {
            // Until status has its id, the open attempt is what a token's Secret is believed for.
            Some(attempt) if K::KIND == Kind::Token => self.draft.set_attempt(attempt, false),
            Some(_) => self.came_to(Some(record.id()), false),
            None => {}
        }
        if expected && !shown && self.desired.shared.is_none() {
            return Err(Stop::Held {
                state: State::new(Reason::Progressing, "the platform did not show the value that it was to show"),
                requeue: Requeue::After(AT_ONCE),
                outage: false,
            });
        }
        if api.invites() && K::is_invited(&self.desired) {
            self.note("InvitationSent", "the platform sends an invitation by e-mail".to_owned());
        }
        let rest = unfinished.then(|| K::change(&self.desired, &record, Ownership::Unmarked).0).flatten();
        self.record = Some(match rest {
            Some(change) => {
                let scope = &self.desired.place.scope;
                K::backend(api.as_ref()).update(scope, record.id(), &change).await?
            }
            None => record,
        });
        Ok(())
    }

    /// Whether one of that name is shown now. The plan creates where none was: either somebody else was quicker by a
    /// moment, or the request was carried out twice and the answer is that to the second one. Whoever takes over what is
    /// there needs not know.
    async fn appeared(&self, api: &dyn AdminApi) -> bool {
        let desired = &self.desired;
        if K::KIND == Kind::Token || desired.policy.adoption != AdoptionPolicy::Never {
            return false;
        }
        let named = Lookup::Name(desired.name.clone());
        K::backend(api).find(&desired.place.scope, &named).await.is_ok_and(|found| !found.is_empty())
    }

    /// Where names cannot be looked up, a refused creation is how it is known that one is there: the next plan decides
    /// whether it may be taken over.
    fn look_at_what_is_there(&self, api: &dyn AdminApi) -> Result<(), Stop> {
        let desired = &self.desired;
        if desired.policy.adoption == AdoptionPolicy::Never || api.id_of_name(K::KIND, &desired.name).is_none() {
            return Ok(());
        }
        self.context.taken.set(&desired.uid, self.context.now());
        Err(Stop::Held {
            state: State::new(Reason::Progressing, format!("{} is there already: it is taken over", desired.name)),
            requeue: Requeue::After(AT_ONCE),
            outage: false,
        })
    }

    /// Where only trying tells whether the platform can, it is known now, and the next plan begins from that.
    pub(super) async fn end(&self, api: &dyn AdminApi, id: &str) -> Result<(), Stop> {
        let ended = K::backend(api).delete(&self.desired.place.scope, id).await;
        let tried = ended.as_ref().is_err_and(|error| error.kind == FaultKind::Unsupported);
        let (place, deletion) = (&self.desired.place, deletion_of(K::KIND));
        if tried && !place.can(deletion) && (place.cannot(deletion) || self.is_untold(id)) {
            return Err(Stop::Held {
                state: State::new(Reason::Progressing, "this server has no call that ends it, as trying has shown"),
                requeue: Requeue::After(AT_ONCE),
                outage: false,
            });
        }
        match ended? {
            Ended::Done => {
                self.ended(id);
                Ok(())
            }
            Ended::Absent if visible_after(&self.context, &self.desired).is_zero() => Ok(()),
            Ended::Absent => self.missed(id),
        }
    }

    /// A platform whose reads lag or lie may say as well of what lives that it is not there: on the way out, after which
    /// nobody looks again, it has to say so twice.
    fn missed(&self, id: &str) -> Result<(), Stop> {
        if self.object.meta().deletion_timestamp.is_none() || self.is_missed(id) {
            return Ok(());
        }
        let message = format!("the platform says that {id} is not there: asking again before it counts as deleted");
        let state = State::new(Reason::Deleting, message);
        Err(Stop::Held { state, requeue: Requeue::After(ABSENCE), outage: false })
    }

    /// Takes note of that it was missed, and says whether it had been long before.
    fn is_missed(&self, id: &str) -> bool {
        let now = self.context.now();
        let since = self.context.unfound.miss(&self.desired.uid, id, now);
        since.is_some_and(|since| now.duration_since(since).unsigned_abs() >= ABSENCE)
    }

    /// Whether the platform has said twice that it cannot tell what a deletion came to: it is not sent again and again then.
    fn is_untold(&self, id: &str) -> bool {
        let untold = self.object.meta().deletion_timestamp.is_some() && self.is_missed(id);
        if untold {
            self.context.untold.set(&self.desired.uid, self.context.now());
        }
        untold
    }

    /// With a user its tokens end, and their resources need not wait to see it.
    fn ended(&self, id: &str) {
        if K::KIND == Kind::User {
            let now = self.context.now();
            self.context.ended.drop_older(REMEMBERED, now);
            self.context.ended.set(&of_user(&self.desired.place.platform, id), now);
        }
    }

    async fn release(&mut self, id: &str) -> Result<(), Stop> {
        self.progress.doing("taking the owner mark off");
        let api = self.api()?;
        match K::backend(api.as_ref()).update(&self.desired.place.scope, id, &K::release()).await {
            Err(error) if !error.kind.is_outage() && error.kind != FaultKind::NotFound => return Err(error.into()),
            // What is only let go does not wait for a platform that is down.
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    id,
                    "released without taking the owner mark off"
                );
            }
            Ok(_) => {}
        }
        self.note("Released", format!("let go of the {} {} on the platform ({id})", K::KIND, self.desired.name));
        Ok(())
    }
}
