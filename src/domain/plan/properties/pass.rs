//! Passes over a world: a plan is made, carried out up to where it is cut off, and reported, as the shell does it.

use super::engine::Engine;
use super::look::{Change, at};
use super::world::{Id, Label, Mark, Memory, Place, Read, Status, Whose, World};
use crate::domain::brake;
use crate::domain::fault::Requeue;
use crate::domain::plan::{How, Plan, Step, Verdict, plan};
use crate::domain::policy::{AdoptionPolicy, DeletionPolicy, DriftPolicy};
use crate::domain::request::Resolve;

/// How a pass ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The process dies.
    Crash,
    /// The API server has a newer version, or does not answer: nothing is reported.
    Again,
    /// The platform refuses: nothing happened, and that is reported.
    Refused,
    /// The platform is busy: nothing happened, and what is Ready stays so.
    Busy,
    /// The platform does not answer: nobody knows.
    Unknown,
    /// What was minted cannot be stored, and is taken back.
    NotStored,
}

/// Where a pass ends early.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
    /// In this step.
    pub(super) step: usize,
    /// What it does to the platform or the cluster is done, and what comes of it is lost.
    pub(super) applied: bool,
    pub(super) end: End,
}

/// What a pass has found out and not written yet.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) status: Status,
    /// The object, as of the last step that showed it.
    pub(super) record: Option<Id>,
    /// What an engine that is broken stores only after its report.
    pub(super) unstored: Option<Unstored>,
}

/// A token that is not in its Secret yet.
#[derive(Clone, Debug)]
pub(super) struct Unstored {
    pub(super) id: Id,
    pub(super) attempt: i64,
    pub(super) previous: Option<String>,
}

/// A pass that has its plan, and nothing of it is done.
pub(super) struct Begun {
    pub(super) plan: Plan<Change>,
    pub(super) draft: Draft,
    /// A person's answer is in it.
    pub(super) resolved: bool,
}

pub(super) fn creates(plan: &Plan<Change>) -> bool {
    plan.steps.iter().any(|step| matches!(step, Step::Create { .. }))
}

/// Whether a step is a call to the platform.
pub(super) fn calls(step: &Step<Change>) -> bool {
    matches!(
        step,
        Step::Create { .. }
            | Step::Update { .. }
            | Step::Push { .. }
            | Step::Revoke(_)
            | Step::Delete(_)
            | Step::RemoveTwin { .. }
            | Step::Release(_)
    )
}

impl World {
    /// A pass that nothing cuts off.
    pub(super) fn pass(&mut self) -> Option<Plan<Change>> {
        self.cut_pass(None)
    }

    /// A pass. `None` where it ends before its plan.
    pub(super) fn cut_pass(&mut self, cut: Option<Cut>) -> Option<Plan<Change>> {
        self.join();
        let Begun { plan, mut draft, resolved } = self.begin()?;
        self.cut_in_creation |= cut.is_some() && creates(&plan);
        let mut end = None;
        for (index, step) in plan.steps.iter().enumerate() {
            end = match cut.filter(|cut| cut.step == index) {
                Some(cut) => self.cut(&mut draft, step, cut).err(),
                None => self.step(&mut draft, step).err(),
            };
            self.look_around();
            if end.is_some() {
                break;
            }
        }
        let unstored = draft.unstored.take();
        match end {
            Some(end) => self.failed(draft.status, end),
            None => self.report(draft, &plan, resolved),
        }
        match unstored {
            Some(_) if cut.is_some_and(|cut| cut.step == plan.steps.len()) => self.memory = Memory::default(),
            Some(Unstored { id, attempt, previous }) => self.store(id, attempt, previous.as_deref()),
            None => {}
        }
        self.look_around();
        Some(plan)
    }

    /// Makes a plan. `None` where there is none to make.
    pub(super) fn begin(&mut self) -> Option<Begun> {
        if self.gone || (self.deleting && !self.cluster.finalizer) {
            self.gone = true;
            return None;
        }
        // What is recorded in status was made on a Platform, which waits for it; what is not was made on none.
        let recorded = self.cluster.status.observed;
        if self.deleting && self.place == Place::Gone && !recorded {
            (self.cluster.finalizer, self.gone) = (false, true);
            return None;
        }
        if !self.deleting && (self.is_down() || (self.place == Place::Leaving && !recorded)) {
            return None;
        }
        let mut status = self.cluster.status.clone();
        if !status.observed {
            status.rotated = self.cluster.rotate;
        }
        if let Some((attempt, made)) = self.memory.outcome
            && status.open
            && status.attempt == attempt
        {
            (status.open, status.id, status.adopted) = (false, Some(made), false);
        }
        let facts = self.facts(&status);
        self.plans += 1;
        let mut plan = plan(&facts, at(self.now));
        let shown = |id: &String| facts.candidates.iter().any(|found| found.id == *id);
        let unknown = !facts.recorded_id.as_ref().is_some_and(shown);
        if self.deleting && facts.resolve == Some(Resolve::StartOver) && unknown {
            self.give_up();
        }
        self.judge(&plan);
        let deletes = plan.steps.iter().any(|step| matches!(step, Step::Delete(_)));
        let asked = facts.policy.deletion == DeletionPolicy::Delete && facts.resolve != Some(Resolve::StartOver);
        let open = facts.attempt_open && !facts.powers.marks && facts.finalizer;
        if plan.verdict == Verdict::Gone && asked && open && !deletes {
            self.breaks("let go though nobody knows what came of its creation");
        }
        self.spoil(&mut plan);
        status.left_behind = plan.left_behind.iter().map(|id| id.parse().unwrap()).collect();
        let record = match &plan.verdict {
            Verdict::Settled { id: Some(id), .. } => Some(id.parse().unwrap()),
            _ => None,
        };
        let draft = Draft { status, record, unstored: None };
        if creates(&plan) {
            // Never more than two at a time: the one before last ends when another is made.
            let current = self.current();
            self.read.retain(|read| Some(read.id) == current);
        }
        Some(Begun { plan, draft, resolved: facts.resolve.is_some() })
    }

    /// A person says that what was made before is not there, or none of our business.
    pub(super) fn give_up(&mut self) {
        for object in self.objects.iter_mut().filter(|object| object.whose == Whose::Us) {
            object.whose = Whose::Lost;
        }
    }

    /// What must never be in a plan.
    fn judge(&mut self, plan: &Plan<Change>) {
        let (cluster, organization) = (&self.cluster, self.is_organization());
        let kept = !self.deleting || cluster.policy.deletion == DeletionPolicy::Retain;
        let held = organization && (self.dependents > 0 || self.braked || !cluster.policy.may_delete);
        if (kept || held) && plan.steps.iter().any(|step| matches!(step, Step::Delete(_))) {
            self.breaks("deleted against its policy");
        }
        for step in &plan.steps {
            let named = matches!(step, Step::Update { .. }) && !self.is_token();
            if named && self.cluster.policy.drift == DriftPolicy::Report {
                self.breaks("written to the platform though drift is only reported");
            }
            let writes = !matches!(step, Step::Revoke(_));
            if self.refused && !self.deleting && writes {
                self.breaks(format!("{step:?} for a namespace that may not use the Platform"));
            }
        }
    }

    fn cut(&mut self, draft: &mut Draft, step: &Step<Change>, Cut { applied, end, .. }: Cut) -> Result<(), End> {
        let calls = calls(step);
        let end = match end {
            End::Refused | End::Busy | End::Unknown if !calls => End::Again,
            End::NotStored if !matches!(step, Step::Create { .. }) || !self.is_token() => End::Again,
            end => end,
        };
        let Step::Create { attempt, .. } = step else {
            if applied && !matches!(end, End::Refused | End::Busy) {
                let _ = self.step(draft, step);
            }
            return Err(end);
        };
        let made = match end {
            End::NotStored => true,
            End::Refused | End::Busy => false,
            End::Crash | End::Again | End::Unknown => applied,
        };
        let created = if made { self.create(draft, *attempt) } else { Err(end) };
        if let (Ok(id), End::NotStored) = (&created, end)
            && applied
            && self.setting.powers.deletes
        {
            self.objects.retain(|object| object.id != *id);
        }
        // Where there is no mark to find it by, it is lost.
        if let Ok(id) = created
            && !self.setting.powers.marks
            && let Some(object) = self.object_mut(id)
        {
            object.whose = Whose::Lost;
        }
        if attempt.is_some() && end != End::Unknown {
            draft.status.open = false;
        }
        if end == End::Unknown && self.engine == Engine::RetriesTimedOut {
            return self.step(draft, step);
        }
        Err(end)
    }

    /// What the pass says when it ended early.
    pub(super) fn failed(&mut self, status: Status, end: End) {
        let ready = self.cluster.status.ready_since.is_some();
        match end {
            End::Crash => self.memory = Memory::default(),
            End::Again => {}
            End::Busy | End::Unknown if ready => {}
            _ => self.cluster.status = Status { ready_since: None, observed: true, ..status },
        }
    }

    pub(super) fn report(&mut self, draft: Draft, plan: &Plan<Change>, resolved: bool) {
        let Draft { mut status, record, .. } = draft;
        match plan.verdict {
            Verdict::Gone => self.gone = true,
            Verdict::Hidden(..) if self.cluster.status.ready_since.is_some() => {}
            Verdict::Held(..) | Verdict::Hidden(..) => {
                self.cluster.status = Status { ready_since: None, observed: true, ..status }
            }
            Verdict::Settled { how, .. } => {
                let Some(id) = record else { return self.breaks("settled on nothing") };
                if how == How::Recreated {
                    let counted = brake::count(&self.memory.recreations, 0, at(self.now));
                    self.memory.recreations = counted.unwrap_or_default();
                }
                self.settled(&mut status, how, id, resolved);
                self.cluster.status = status;
            }
        }
    }

    fn settled(&mut self, status: &mut Status, how: How, id: Id, resolved: bool) {
        let slots = self.slots();
        // By the manifest, or by a person's answer.
        let unasked = self.cluster.policy.adoption == AdoptionPolicy::Never && !resolved;
        if how == How::Adopted && unasked {
            self.breaks("nobody's object was taken unasked");
        }
        // Whoever says that a stranger's object is ours says that its value is the one in the Secret.
        if how == How::Adopted && resolved && self.object(id).is_some_and(|object| !object.made) {
            self.handled = true;
        }
        status.adopted = match how {
            How::Created | How::Recreated => false,
            How::Adopted | How::TakenOver => true,
            How::Known if status.id.is_none() && self.cluster.policy.adoption == AdoptionPolicy::Never => false,
            How::Known if status.id.is_none() && self.cluster.policy.external_id.is_some() => true,
            How::Known | How::Rotated | How::Restored => status.adopted,
        };
        self.takes(status, id);
        (status.id, status.open, status.observed) = (Some(id), false, true);
        status.rotated = self.cluster.rotate.or(status.rotated);
        if resolved {
            status.resolved = self.cluster.resolve;
        }
        for (slot, secret) in self.cluster.secrets.iter().take(slots).enumerate() {
            if let Some(secret) = secret.as_ref().filter(|secret| secret.label != Label::Foreign) {
                status.digests[slot] = Some(secret.value.unwrap_or_default());
            }
        }
        status.ready_since = status.ready_since.or(Some(self.now));
        let (now, marks, late) = (self.now, self.setting.powers.marks, self.late);
        for object in &mut self.objects {
            let taken = late && matches!(object.mark, Mark::Other | Mark::Former);
            if object.id == id && !taken {
                object.whose = Whose::Us;
            } else if object.whose == Whose::Us && object.shown_from > now && !marks {
                object.whose = Whose::Lost;
            }
        }
    }

    /// What a consumer of the Secret relies on: the token in it logs in, and so does the one that it read up to the
    /// overlap ago, unless they came to their own end.
    pub(super) fn look_around(&mut self) {
        let Some(secret) = self.cluster.secrets.first().and_then(|s| s.as_ref()).filter(|_| self.is_token()) else {
            return;
        };
        let (now, ended) = (self.now, |end: Option<i64>| end.is_some_and(|end| end <= self.now));
        let Some(id) = secret.value.filter(|value| secret.external_id == Some(*value)) else { return };
        let end = secret.expires_at;
        let overlap = i64::try_from(self.cluster.rotation.overlap().as_secs()).unwrap();
        let works = self.object(id).is_some() || ended(end);
        let before = self.read.iter().rev().find(|read| read.id != id);
        let lived = before
            .is_none_or(|read| now - read.last >= overlap || self.object(read.id).is_some() || ended(read.expires_at));
        self.read.retain(|read| read.id != id);
        self.read.push(Read { id, last: now, expires_at: end });
        if self.relied_on && !self.gone && !self.deleting {
            if !works {
                self.breaks("the token in the Secret does not log in");
            }
            if !lived {
                self.breaks("the token before the current one ended within its overlap");
            }
        }
    }

    /// How long the shell waits before it looks again.
    pub(super) fn pause(plan: &Plan<Change>) -> i64 {
        match &plan.verdict {
            Verdict::Held(_, Requeue::After(after) | Requeue::NotBefore(after))
            | Verdict::Hidden(_, Requeue::After(after)) => i64::try_from(after.as_secs()).unwrap(),
            Verdict::Held(_, Requeue::Backoff) => 60,
            _ => 10,
        }
    }
}
