//! The steps of a plan, as the shell carries them out, and what must never happen in one.

use super::engine::Engine;
use super::look::{Change, at};
use super::pass::{Draft, End, Unstored};
use super::world::{Id, Label, Mark, Object, Place, Secret, Whose, World};
use crate::domain::naming::Ownership;
use crate::domain::plan::{Source, Step};
use crate::domain::policy::DeletionPolicy;

impl World {
    /// Carries out a step.
    pub(super) fn step(&mut self, draft: &mut Draft, step: &Step<Change>) -> Result<(), End> {
        match step {
            Step::AddFinalizer => self.cluster.finalizer = true,
            Step::HoldPlatform if self.place != Place::There => return Err(End::Refused),
            Step::HoldPlatform => self.cluster.platform_held = true,
            Step::Generate(slot) => {
                if self.cluster.secrets[*slot].is_some() {
                    self.breaks("a value was made over one that is there");
                }
                let value = self.fresh();
                self.cluster.secrets[*slot] = Some(Secret { value: Some(value), ..self.blank() });
            }
            Step::RecordAttempt(attempt) => self.record(draft, *attempt),
            Step::StartOver(attempt) => {
                (draft.status.id, draft.status.given_up) = (None, draft.status.attempt);
                self.give_up();
                self.record(draft, *attempt);
            }
            Step::ProveWritable(_) => {}
            // Every platform of this model lets a user have several tokens.
            Step::Publish(_) | Step::Renew { .. } => self.breaks("a key was published where tokens are their own"),
            Step::Create { attempt, previous } => {
                let id = self.create(draft, *attempt)?;
                if attempt.is_some() {
                    draft.status.open = false;
                }
                self.memory.made = Some(self.now);
                self.came_to(*attempt, id);
                if self.is_token() {
                    let (attempt, previous) = (attempt.unwrap_or_default(), previous.clone());
                    match self.engine {
                        Engine::StoresAfterStatus => draft.unstored = Some(Unstored { id, attempt, previous }),
                        _ => self.store(id, attempt, previous.as_deref()),
                    }
                }
                draft.record = Some(id);
            }
            Step::Update { id, change } => self.update(id, change)?,
            Step::Refresh(slot) => self.refresh(*slot, draft.record),
            Step::Stage(slot) => {
                let (next, blank) = (self.fresh(), self.blank());
                let stored = self.cluster.secrets[*slot].take().unwrap_or(Secret { derived: true, ..blank });
                self.cluster.secrets[*slot] =
                    Some(Secret { next: Some(next), label: Label::Ours, derived: true, ..stored });
            }
            Step::Push { id, slot } => {
                let next = self.cluster.secrets[*slot].as_ref().and_then(|secret| secret.next);
                if next.is_none() {
                    self.breaks("the platform got a password that no Secret holds");
                }
                let id: Id = id.parse().unwrap();
                match self.object_mut(id) {
                    Some(object) => object.password = next,
                    None => return Err(End::Refused),
                }
            }
            Step::Promote(slot) => {
                let (rotate, style) = (self.cluster.rotate, self.cluster.style);
                let Some(secret) = self.cluster.secrets[*slot].as_mut() else { return Err(End::Again) };
                secret.value = secret.next.take();
                secret.rotated_for = rotate.or(secret.rotated_for);
                (secret.external_id, secret.style, secret.label) = (draft.record, style, Label::Ours);
                self.promoted += 1;
            }
            Step::Revoke(id) | Step::Delete(id) => self.remove(id.parse().unwrap()),
            Step::RemoveTwin { id, of } => self.remove_twin(id.parse().unwrap(), of.parse().unwrap())?,
            Step::CountDeletion => {
                if self.braked {
                    return Err(End::Refused);
                }
            }
            Step::Release(id) => self.release(id.parse().unwrap()),
            Step::ReleaseSecret(slot) => self.own(*slot, false),
            Step::AttachSecret(slot) => self.own(*slot, true),
            Step::RemoveFinalizer => {
                (self.cluster.finalizer, self.gone) = (false, true);
                let collected = |secret: &Secret| secret.label == Label::Ours && secret.collected;
                self.cluster.secrets.iter_mut().for_each(|slot| *slot = slot.take().filter(|s| !collected(s)));
            }
        }
        Ok(())
    }

    /// A Secret of ours, as the manifest says now.
    pub(super) fn blank(&self) -> Secret {
        Secret {
            label: Label::Ours,
            collected: self.cluster.policy.deletion == DeletionPolicy::Delete,
            style: self.cluster.style,
            external_id: None,
            value: None,
            derived: true,
            next: None,
            attempt: 0,
            issued_at: 0,
            expires_at: None,
            previous: None,
            rotated_for: None,
        }
    }

    /// Another hand may have been at it since it was read, and no call can be made to depend on that.
    fn overtaken(&self) -> bool {
        self.late && !self.alone
    }

    fn own(&mut self, slot: usize, collected: bool) {
        if let Some(secret) = &mut self.cluster.secrets[slot] {
            if secret.label == Label::Ours {
                secret.collected = collected;
            } else {
                self.breaks("the owner of somebody else's Secret was changed");
            }
        }
    }

    fn record(&mut self, draft: &mut Draft, attempt: i64) {
        if attempt <= self.cluster.status.attempt {
            self.breaks("an attempt was counted twice");
        }
        (draft.status.attempt, draft.status.open, draft.status.observed) = (attempt, true, true);
        self.cluster.status = draft.status.clone();
    }

    /// What came of an attempt is known to the process until status says it.
    pub(super) fn came_to(&mut self, attempt: Option<i64>, made: Id) {
        if let Some(attempt) = attempt.filter(|_| !self.is_token()) {
            self.memory.outcome = Some((attempt, made));
        }
    }

    /// Makes the object, and stores nothing.
    pub(super) fn create(&mut self, draft: &Draft, attempt: Option<i64>) -> Result<Id, End> {
        let (setting, token) = (self.setting.clone(), self.is_token());
        // A Platform that is made again meanwhile is held by the next pass.
        if !self.cluster.finalizer || !(self.cluster.platform_held || self.late) {
            self.breaks("something was made that nothing would clean up");
        }
        let recorded = attempt == Some(self.cluster.status.attempt) && self.cluster.status.open;
        // Another process may have begun an attempt since.
        let recorded = recorded || (self.late && attempt.is_some_and(|attempt| attempt <= self.cluster.status.attempt));
        if !recorded && (token || !setting.powers.marks || attempt.is_some()) {
            self.breaks("something was made that would not be found again, and no attempt is recorded for it");
        }
        let slots = self.slots();
        let held = |secret: &Option<Secret>| {
            let is_held = |secret: &Secret| secret.value.is_some() || secret.next.is_some();
            secret.as_ref().is_some_and(|secret| secret.label == Label::Ours && is_held(secret))
        };
        // A Secret that somebody takes away while the call is on its way is missed by the next pass.
        let guarded = !(self.late && self.handled);
        if guarded && setting.shape.source() != Source::ShownOnce && !self.cluster.secrets.iter().take(slots).all(held)
        {
            self.breaks("the platform saw a value that no Secret holds");
        }
        if !token && !setting.shared_names && !self.objects.is_empty() {
            return Err(End::Refused);
        }
        let mark = match attempt {
            _ if !setting.powers.marks => Mark::None,
            Some(attempt) if token || self.is_organization() => Mark::Attempt(attempt),
            _ => Mark::Ours,
        };
        let twin = |object: &Object| object.mark == mark && object.shown_from <= self.now;
        if token && matches!(mark, Mark::Attempt(_)) && self.objects.iter().any(twin) && !(self.late && self.handled) {
            self.breaks("two tokens carry the mark of one attempt");
        }
        let (id, password) =
            (self.fresh(), self.cluster.secrets.iter().take(slots).next().and_then(|s| s.as_ref()?.value));
        let expires_at = self.cluster.rotation.expires_at(at(self.now)).map(jiff::Timestamp::as_second);
        self.objects.push(Object {
            id,
            mark,
            made: true,
            stored: false,
            used: false,
            whose: Whose::Us,
            drifted: false,
            shown_from: self.now + i64::try_from(setting.powers.visible_after.as_secs()).unwrap(),
            issued_at: self.now,
            expires_at: expires_at.filter(|_| token),
            password: password.filter(|_| !token),
        });
        let known = |object: &Object| {
            object.whose == Whose::Us && object.shown_from <= self.now && !draft.status.left_behind.contains(&object.id)
        };
        let before = self.objects.iter().filter(|object| object.id != id && known(object)).count();
        // A token that another process made meanwhile is found by its mark, and ended.
        // One that a former life of the cluster made is shown while the call is on its way.
        if before > usize::from(token) && !(self.late && (token || self.rebuilt)) {
            self.breaks("more than one of a kind");
        }
        Ok(id)
    }

    /// Stores a token in its Secret.
    pub(super) fn store(&mut self, id: Id, attempt: i64, previous: Option<&str>) {
        let (issued_at, expires_at) = self.object(id).map(|o| (o.issued_at, o.expires_at)).unwrap_or_default();
        let rotated_for =
            self.cluster.rotate.or_else(|| self.cluster.secrets[0].as_ref().and_then(|stored| stored.rotated_for));
        self.cluster.secrets[0] = Some(Secret {
            external_id: Some(id),
            value: Some(id),
            attempt,
            issued_at,
            expires_at,
            previous: previous.map(|id| id.parse().unwrap()),
            rotated_for,
            ..self.blank()
        });
        self.stored.push(id);
        if let Some(object) = self.object_mut(id) {
            object.stored = true;
        }
    }

    fn update(&mut self, id: &str, change: &Change) -> Result<(), End> {
        let id: Id = id.parse().unwrap();
        let mark = if self.is_token() { Mark::Attempt(0) } else { Mark::Ours };
        let Some(ownership) = self.object(id).map(|object| self.ownership(object)) else { return Err(End::Refused) };
        if ownership == Ownership::Other && !self.overtaken() {
            self.breaks("somebody else's object was changed");
        }
        let object = self.object_mut(id).unwrap();
        object.drifted &= !change.fields;
        if change.mark {
            (object.mark, object.whose) = (mark, Whose::Us);
        }
        Ok(())
    }

    fn refresh(&mut self, slot: usize, record: Option<Id>) {
        let (style, collected) = (self.cluster.style, self.cluster.policy.deletion == DeletionPolicy::Delete);
        let Some(secret) = &mut self.cluster.secrets[slot] else { return };
        let theirs = match secret.label {
            Label::Foreign => true,
            Label::Claimed => secret.external_id != record,
            Label::Ours => false,
        };
        secret.external_id = record.or(secret.external_id);
        (secret.label, secret.style, secret.collected, secret.derived) = (Label::Ours, style, collected, true);
        if theirs {
            self.breaks("a Secret was taken that is not ours");
        }
    }

    fn remove(&mut self, id: Id) {
        let Some(object) = self.object(id).cloned() else { return };
        let (deleting, known) = (self.deleting, self.known_attempt());
        let taken_over = self.ownership(&object) == Ownership::Offered && self.cluster.status.id == Some(id);
        let strange = (object.whose == Whose::Stranger && !taken_over) || self.ownership(&object) == Ownership::Other;
        if strange && !self.overtaken() {
            self.breaks("what was not ours was removed");
        }
        if !self.setting.powers.deletes {
            self.breaks("removed where the platform cannot");
        }
        let stored = self.cluster.secrets.first().and_then(|stored| stored.as_ref());
        let believed = stored.is_some_and(|stored| stored.label == Label::Ours || self.setting.tries);
        if self.is_token() && !deleting && believed && self.current() == Some(id) && !self.overtaken() {
            self.breaks("the token in the Secret was revoked");
        }
        let ends_all = deleting && self.cluster.policy.deletion == DeletionPolicy::Delete;
        if matches!(object.mark, Mark::Attempt(n) if n > known) && !ends_all && !self.overtaken() {
            self.breaks("a token of an unrecorded attempt was revoked");
        }
        self.objects.retain(|object| object.id != id);
    }

    /// The last attempt that the cluster knows of.
    fn known_attempt(&self) -> i64 {
        let stored = self.cluster.secrets.first().and_then(|stored| stored.as_ref());
        self.cluster.status.attempt.max(stored.map_or(0, |stored| stored.attempt))
    }

    fn release(&mut self, id: Id) {
        let (recorded, overtaken) = (self.cluster.status.id == Some(id), self.overtaken());
        let Some(object) = self.object_mut(id) else { return };
        let ours = matches!(object.mark, Mark::Ours | Mark::Attempt(_));
        object.mark = Mark::None;
        // What is let go and recorded nowhere is known to nobody, whatever becomes of the policy then.
        if !recorded && object.whose == Whose::Us {
            object.whose = Whose::Lost;
        }
        if !ours && overtaken {
            object.whose = if recorded { Whose::Us } else { Whose::Lost };
        } else if !ours {
            self.breaks("a mark was taken off that is not ours");
        }
    }
}
