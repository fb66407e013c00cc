//! A pass that stands still in the middle of a step while the world goes on: its call hangs, or its process is stopped and
//! another one takes over. It goes on later with the copies that it read.

use super::engine::Engine;
use super::look::Change;
use super::pass::{Begun, Draft, End, creates};
use super::world::{Cluster, Memory, World};
use crate::domain::plan::{Plan, Step};

/// Why a pass stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Its call is on its way: the next pass of the same process joins it.
    Hangs,
    /// Its process is stopped, and another one acts.
    Stopped,
    /// It acts on an older copy of the resource: nobody waits for it.
    Stale,
}

/// A pass that stands still.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) why: Why,
    /// What is left to do.
    pub(super) steps: Vec<Step<Change>>,
    /// The first of them has reached whom it is for, and the answer is on its way.
    pub(super) applied: bool,
    pub(super) draft: Draft,
    pub(super) plan: Plan<Change>,
    pub(super) resolved: bool,
    /// What it has read.
    pub(super) read: Cluster,
    /// What it has read was being deleted.
    pub(super) deleting: bool,
}

impl Cluster {
    /// Whether the resource is the same; the Secrets have versions of their own.
    fn is_same_resource(&self, other: &Self) -> bool {
        self.finalizer == other.finalizer
            && self.status == other.status
            && self.policy == other.policy
            && (self.rotation, self.take_over, self.style) == (other.rotation, other.take_over, other.style)
            && (self.rotate, self.resolve) == (other.rotate, other.resolve)
    }

    /// Whether nothing changed.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.is_same_resource(other) && self.secrets == other.secrets && self.platform_held == other.platform_held
    }
}

impl World {
    /// A pass begins, and stands still in that step.
    pub(super) fn stand_still(&mut self, at: usize, applied: bool, why: Why) {
        let Some(Begun { plan, mut draft, resolved }) = self.begin() else { return };
        for step in &plan.steps[..at.min(plan.steps.len())] {
            let end = self.step(&mut draft, step).err();
            self.look_around();
            if let Some(end) = end {
                return self.failed(draft.status, end);
            }
        }
        self.cut_in_creation |= creates(&plan);
        let mut standing = Standing {
            why,
            steps: plan.steps.get(at..).unwrap_or_default().to_vec(),
            applied,
            draft,
            plan,
            resolved,
            read: self.cluster.clone(),
            deleting: self.deleting,
        };
        if applied && let Err(end) = self.send(&mut standing) {
            return self.failed(standing.draft.status, end);
        }
        if why == Why::Stopped {
            self.memory = Memory::default();
        }
        self.standing = Some(Box::new(standing));
        if why != Why::Stale {
            self.look_around();
        }
    }

    /// The first step reaches whom it is for.
    fn send(&mut self, standing: &mut Standing) -> Result<(), End> {
        let Some(step) = standing.steps.first().cloned() else { return Ok(()) };
        if let Step::Create { attempt, .. } = step {
            let id = self.create(&standing.draft, attempt)?;
            standing.draft.record = Some(id);
            return Ok(());
        }
        self.step(&mut standing.draft, &step)?;
        standing.read = self.cluster.clone();
        Ok(())
    }

    /// What stands still never goes on.
    pub(super) fn break_off(&mut self) {
        let Some(standing) = self.standing.take() else { return };
        let creates = matches!(standing.steps.first(), Some(Step::Create { .. }));
        if let Some(id) = standing.draft.record.filter(|_| standing.applied && creates) {
            self.give_up_one(id);
        }
    }

    /// The call that hangs is waited for.
    pub(super) fn join(&mut self) {
        let hangs = self.standing.as_ref().is_some_and(|standing| standing.why == Why::Hangs);
        if hangs && self.engine != Engine::JoinsNoCall {
            self.go_on();
        }
    }

    /// The pass that stands still goes on.
    pub(super) fn go_on(&mut self) {
        let Some(standing) = self.standing.take() else { return };
        self.late = true;
        self.carry_out(*standing);
        self.late = false;
        self.look_around();
    }

    fn carry_out(&mut self, standing: Standing) {
        let Standing { steps, mut applied, mut draft, plan, resolved, mut read, deleting, .. } = standing;
        let mut end = None;
        for step in &steps {
            let done = self.go_on_with(&mut draft, step, (&mut read, deleting), applied);
            self.look_around();
            applied = false;
            end = done.err();
            if end.is_some() {
                break;
            }
        }
        self.ended_late |= self.gone;
        // A report is written only on the version that was read.
        if self.gone || self.deleting != deleting || !self.cluster.is_same_resource(&read) {
            return;
        }
        // It says what it has read and written itself.
        std::mem::swap(&mut self.cluster.secrets, &mut read.secrets);
        match end {
            Some(end) => self.failed(draft.status, end),
            None => self.report(draft, &plan, resolved),
        }
        std::mem::swap(&mut self.cluster.secrets, &mut read.secrets);
        // What the Secret named that somebody took away meanwhile, and status names no more.
        if self.handled {
            self.lose_sight();
        }
    }

    fn go_on_with(
        &mut self,
        draft: &mut Draft,
        step: &Step<Change>,
        (read, deleting): (&mut Cluster, bool),
        applied: bool,
    ) -> Result<(), End> {
        if let Step::Create { attempt, previous } = step {
            let id = if applied { draft.record.unwrap_or_default() } else { self.create(draft, *attempt)? };
            draft.record = Some(id);
            if attempt.is_some() {
                draft.status.open = false;
            }
            self.memory.made = Some(self.now);
            self.came_to(*attempt, id);
            if !self.is_token() {
                return Ok(());
            }
            if self.terminating || self.cluster.secrets[0] != read.secrets[0] {
                // It cannot be stored, and is taken back.
                if self.setting.powers.deletes {
                    self.objects.retain(|object| object.id != id);
                } else {
                    self.give_up_one(id);
                }
                return Err(End::NotStored);
            }
            self.store(id, attempt.unwrap_or_default(), previous.as_deref());
            read.secrets.clone_from(&self.cluster.secrets);
            return Ok(());
        }
        if applied {
            return Ok(());
        }
        if let Step::Push { id, slot } = step {
            // The password that it has in hand.
            let next = read.secrets[*slot].as_ref().and_then(|secret| secret.next);
            let object = id.parse().ok().and_then(|id| self.object_mut(id)).ok_or(End::Refused)?;
            object.password = next;
            return Ok(());
        }
        if !self.may(step, read, deleting) {
            return Err(End::Again);
        }
        self.step(draft, step)?;
        match step {
            Step::AddFinalizer | Step::RecordAttempt(_) | Step::StartOver(_) => {
                (read.finalizer, read.status) = (self.cluster.finalizer, self.cluster.status.clone());
            }
            Step::Generate(slot)
            | Step::Refresh(slot)
            | Step::Stage(slot)
            | Step::Promote(slot)
            | Step::ReleaseSecret(slot)
            | Step::AttachSecret(slot) => read.secrets[*slot].clone_from(&self.cluster.secrets[*slot]),
            _ => {}
        }
        Ok(())
    }

    /// Where there is no mark to find it by, it is lost.
    fn give_up_one(&mut self, id: u32) {
        let marks = self.setting.powers.marks;
        if let Some(object) = self.object_mut(id).filter(|_| !marks) {
            object.whose = super::world::Whose::Lost;
        }
    }

    /// Whether the API server takes that step: it is asked to only where nothing changed since it was read.
    fn may(&self, step: &Step<Change>, read: &Cluster, deleting: bool) -> bool {
        match step {
            Step::AddFinalizer | Step::RecordAttempt(_) | Step::StartOver(_) | Step::RemoveFinalizer => {
                !self.gone && self.deleting == deleting && self.cluster.is_same_resource(read)
            }
            Step::Delete(_) => {
                !self.gone && self.deleting == deleting && self.cluster.policy.deletion == read.policy.deletion
            }
            Step::ProveWritable(slot)
            | Step::Generate(slot)
            | Step::Refresh(slot)
            | Step::Stage(slot)
            | Step::Promote(slot)
            | Step::ReleaseSecret(slot)
            | Step::AttachSecret(slot) => self.cluster.secrets[*slot] == read.secrets[*slot],
            _ => true,
        }
    }
}
