//! What may happen to a world beside passes.

use std::time::Duration;

use proptest::prelude::*;

use super::pass::{Cut, End};
use super::world::{Cluster, EDITED, Label, Mark, Memory, Object, Secret, Setting, Shape, Status, Whose, World};
use crate::domain::entity::Kind;
use crate::domain::plan::Powers;
use crate::domain::policy::{AdoptionPolicy, DeletionPolicy, DriftPolicy};
use crate::domain::rotation::Rotation;

/// For how many seconds something is not shown that was shown before.
const BLINK: i64 = 20;

/// How many backups are kept.
const BACKUPS: usize = 16;

/// What happens between passes, and passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Happening {
    Pass,
    Cut(Cut),
    /// The process is started anew.
    Restart,
    Wait(i64),
    Outage,
    // Another hand at a Secret.
    Lose(usize),
    /// Its value is edited, or taken out.
    Edit(usize, bool),
    EditID(usize, usize),
    /// What can be derived is edited.
    Strip(usize),
    /// One of somebody else's takes its place.
    Plant(usize),
    /// A copy that claims to be ours takes its place.
    Claim(usize, usize),
    /// An older version of itself takes its place.
    RestoreSecret(usize, usize),
    // Another hand at the platform.
    Vanish(usize),
    Appear(Mark),
    Remark(usize, Mark),
    Drift,
    /// The platform does not show the object for a moment.
    Blink,
    // The manifest.
    Deletion(DeletionPolicy),
    ReportDrift(bool),
    Adoption(AdoptionPolicy),
    TakeOver,
    Rotation(usize),
    Style,
    Rotate,
    /// Adopt, or start over; of the attempt that the message names, or of another.
    Resolve(bool, bool),
    // The Platform's owner.
    Refuse,
    MayAdopt,
    MayDelete,
    Brake,
    Dependents(usize),
    /// The cluster is set back to an earlier state.
    Restore(usize),
    /// The cluster is built anew from its manifests, with the Secrets from a backup or without.
    Rebuild(bool),
}

/// Settings that the API takes: a token outlives its overlap.
const ROTATIONS: [Rotation; 6] = [
    Rotation { lifetime: None, every: None, overlap: None },
    Rotation { lifetime: None, every: Some(Duration::from_hours(20)), overlap: None },
    Rotation { lifetime: Some(Duration::from_hours(60)), every: None, overlap: None },
    Rotation { lifetime: None, every: Some(Duration::from_hours(50)), overlap: Some(Duration::ZERO) },
    Rotation { lifetime: Some(Duration::from_hours(90)), every: Some(Duration::from_hours(40)), overlap: None },
    Rotation { lifetime: None, every: Some(Duration::from_hours(40)), overlap: Some(Duration::from_hours(30)) },
];

impl World {
    /// Chooses settings of renewal.
    pub(super) fn rotate_by(&mut self, choice: usize) {
        self.cluster.rotation = ROTATIONS[choice % ROTATIONS.len()];
    }

    pub(super) fn happen(&mut self, happening: Happening) {
        if self.gone {
            return;
        }
        self.undergo(happening);
        self.backups.push(self.cluster.clone());
        if self.backups.len() > BACKUPS {
            self.backups.remove(0);
        }
    }

    /// As that, and no backup is made of what comes of it.
    pub(super) fn undergo(&mut self, happening: Happening) {
        match happening {
            Happening::Pass => drop(self.pass()),
            Happening::Cut(cut) => drop(self.cut_pass(Some(cut))),
            Happening::Restart => self.memory = Memory::default(),
            Happening::Wait(seconds) => self.wait(seconds),
            Happening::Outage => self.outage = !self.outage,
            Happening::Vanish(_) | Happening::Appear(_) | Happening::Remark(..) | Happening::Drift => {
                self.tamper(happening);
            }
            Happening::Blink => self.blink(),
            Happening::Deletion(policy) => self.cluster.policy.deletion = policy,
            Happening::ReportDrift(report) if !self.is_token() => {
                self.cluster.policy.drift = if report { DriftPolicy::Report } else { DriftPolicy::Correct };
            }
            Happening::Adoption(adoption) if !self.is_token() => self.cluster.policy.adoption = adoption,
            Happening::ReportDrift(_) | Happening::Adoption(_) => {}
            Happening::TakeOver => self.cluster.take_over = !self.cluster.take_over,
            Happening::Rotation(choice) => self.rotate_by(choice),
            Happening::Style => self.cluster.style += 1,
            Happening::Rotate => self.cluster.rotate = Some(self.cluster.rotate.unwrap_or_default() + 1),
            Happening::Resolve(adopt, right) => {
                self.cluster.resolve = Some((adopt, self.cluster.status.attempt + i64::from(!right)));
            }
            Happening::Refuse => self.refused = !self.refused,
            Happening::MayAdopt => self.cluster.policy.may_adopt = !self.cluster.policy.may_adopt,
            Happening::MayDelete => self.cluster.policy.may_delete = !self.cluster.policy.may_delete,
            Happening::Brake => self.braked = !self.braked,
            Happening::Dependents(number) => self.dependents = number,
            Happening::Restore(back) => self.restore(back),
            Happening::Rebuild(secrets) => self.rebuild(secrets),
            secret => self.handle(secret),
        }
    }

    fn tamper(&mut self, happening: Happening) {
        let count = self.objects.len();
        match happening {
            Happening::Vanish(which) if count > 0 => drop(self.objects.remove(which % count)),
            Happening::Remark(which, mark) if count > 0 && self.setting.powers.marks => {
                let id = self.objects[which % count].id;
                let (recorded, token) = (self.cluster.status.id == Some(id), self.is_token());
                let object = self.object_mut(id).unwrap();
                object.mark = mark;
                object.whose = match (mark, object.whose) {
                    (Mark::Other | Mark::Former, _) => Whose::Stranger,
                    // Nobody could know that it is ours.
                    (_, Whose::Us | Whose::Stranger) if recorded && !token => Whose::Us,
                    (_, Whose::Us) => Whose::Lost,
                    (_, Whose::Stranger) if object.made => Whose::Lost,
                    (_, whose) => whose,
                };
            }
            Happening::Appear(mark) if self.is_token() || self.setting.shared_names || count == 0 => {
                let id = self.fresh();
                let mark = if self.setting.powers.marks { mark } else { Mark::None };
                self.objects.push(Object {
                    id,
                    mark,
                    made: false,
                    stored: false,
                    used: false,
                    whose: Whose::Stranger,
                    drifted: true,
                    shown_from: self.now,
                    issued_at: self.now,
                    expires_at: None,
                    password: None,
                });
            }
            Happening::Drift => self.objects.iter_mut().for_each(|object| object.drifted = true),
            _ => {}
        }
    }

    fn blink(&mut self) {
        // Twice, and at no time between, is to be gone.
        if self.memory.missing.is_some() {
            return;
        }
        let (id, until) = (self.current().or(self.cluster.status.id), self.now + BLINK);
        if let Some(object) = id.and_then(|id| self.object_mut(id)) {
            object.shown_from = object.shown_from.max(until);
            self.handled = true;
        }
    }

    /// Another hand at a Secret.
    fn handle(&mut self, happening: Happening) {
        let ids: Vec<u32> = self.objects.iter().map(|object| object.id).collect();
        let one = |which: usize| ids.get(which % ids.len().max(1)).copied();
        let count = self.cluster.secrets.len();
        let copy = |slot: usize, back: usize| -> Option<Secret> {
            let backup: &Cluster = self.backups.get(back % self.backups.len().max(1))?;
            backup.secrets[slot].clone()
        };
        let (slot, secret) = match happening {
            _ if count == 0 => return,
            Happening::Lose(slot) => (slot, None),
            Happening::RestoreSecret(slot, back) => (slot, copy(slot % count, back)),
            Happening::Plant(slot) => {
                let value = Some(EDITED);
                (slot, Some(Secret { label: Label::Foreign, value, external_id: None, ..self.blank() }))
            }
            Happening::Claim(slot, which) => {
                let stored = copy(slot % count, which).unwrap_or_else(|| {
                    let id = one(which);
                    Secret { value: id.or(Some(EDITED)), external_id: id, ..self.blank() }
                });
                // What answered a request in another life answers none here.
                let claimed = Secret { label: Label::Claimed, collected: false, rotated_for: None, ..stored };
                (slot, Some(claimed))
            }
            Happening::Edit(slot, _) | Happening::EditID(slot, _) | Happening::Strip(slot) => {
                let mut secret = self.cluster.secrets[slot % count].clone();
                if let Some(secret) = &mut secret {
                    match happening {
                        Happening::Edit(_, out) => secret.value = (!out).then_some(EDITED),
                        // Where there are no marks and no value can be tried, nothing but the Secret says what is ours.
                        Happening::EditID(_, which) if self.setting.powers.marks && self.setting.tries => {
                            secret.external_id = one(which);
                        }
                        Happening::Strip(_) => secret.derived = self.is_token(),
                        _ => {}
                    }
                }
                (slot, secret)
            }
            _ => return,
        };
        // Whoever has a token's value and says that it is this resource's hands the token over.
        if let Some(id) = secret.as_ref().filter(|secret| secret.label == Label::Claimed).and_then(|s| s.value)
            && self.is_token()
            && let Some(object) = self.object_mut(id)
        {
            object.whose = Whose::Lost;
        }
        self.cluster.secrets[slot % count] = secret;
        self.handled = true;
        self.lose_sight();
    }

    /// What carries no mark, and neither status nor Secret names, is lost.
    pub(super) fn lose_sight(&mut self) {
        let stored = self.cluster.secrets.first().and_then(|stored| stored.as_ref());
        let stored = stored.filter(|stored| stored.label == Label::Ours);
        let held = stored.and_then(|stored| stored.external_id.filter(|id| stored.value == Some(*id)));
        let named = [self.cluster.status.id, held, stored.and_then(|stored| stored.previous)];
        for object in &mut self.objects {
            if object.whose == Whose::Us && object.mark == Mark::None && !named.contains(&Some(object.id)) {
                object.whose = Whose::Lost;
            }
        }
    }

    fn restore(&mut self, back: usize) {
        if self.deleting || self.backups.is_empty() {
            return;
        }
        // Whoever brings etcd back stops what works on it.
        self.break_off();
        self.rebuilt = true;
        self.cluster = self.backups[back % self.backups.len()].clone();
        (self.handled, self.memory) = (true, Memory::default());
        self.forget_unseen();
        self.wait(BLINK);
        self.lose_sight();
    }

    fn rebuild(&mut self, secrets: bool) {
        if self.deleting {
            return;
        }
        self.break_off();
        self.rebuilt = true;
        let count = self.cluster.secrets.len();
        (self.cluster.finalizer, self.cluster.platform_held) = (false, false);
        (self.cluster.status, self.handled) = (Status::new(count), true);
        self.change_uid();
        for stored in &mut self.cluster.secrets {
            *stored = stored.take().filter(|stored| secrets || stored.label == Label::Foreign);
            if let Some(stored) = stored.as_mut().filter(|stored| stored.label == Label::Ours) {
                (stored.label, stored.collected, stored.rotated_for) = (Label::Claimed, false, None);
            }
        }
        self.memory = Memory::default();
        self.wait(BLINK);
        self.lose_sight();
    }
}

pub(super) fn cut() -> impl Strategy<Value = Cut> {
    let ends = [End::Crash, End::Again, End::Refused, End::Busy, End::Unknown, End::NotStored];
    (0usize..9, any::<bool>(), prop::sample::select(ends.to_vec())).prop_map(|(step, applied, end)| Cut {
        step,
        applied,
        end,
    })
}

/// Passes, whole and cut off, and time.
pub(super) fn alone() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => Just(Happening::Pass),
        5 => cut().prop_map(Happening::Cut),
        1 => Just(Happening::Restart),
        2 => prop::sample::select(vec![1, 20, 40, 100, 3600]).prop_map(Happening::Wait),
    ]
}

fn secret() -> impl Strategy<Value = Happening> {
    let slot = 0usize..2;
    prop_oneof![
        slot.clone().prop_map(Happening::Lose),
        (slot.clone(), any::<bool>()).prop_map(|(slot, out)| Happening::Edit(slot, out)),
        (slot.clone(), 0usize..4).prop_map(|(slot, which)| Happening::EditID(slot, which)),
        slot.clone().prop_map(Happening::Strip),
        slot.clone().prop_map(Happening::Plant),
        (slot.clone(), 0..BACKUPS).prop_map(|(slot, which)| Happening::Claim(slot, which)),
        (slot, 0..BACKUPS).prop_map(|(slot, back)| Happening::RestoreSecret(slot, back)),
    ]
}

fn platform() -> impl Strategy<Value = Happening> {
    let mark = || prop::sample::select(vec![Mark::None, Mark::Other, Mark::Former]);
    prop_oneof![
        (0usize..4).prop_map(Happening::Vanish),
        mark().prop_map(Happening::Appear),
        (0usize..4, mark()).prop_map(|(which, mark)| Happening::Remark(which, mark)),
        Just(Happening::Drift),
        Just(Happening::Blink),
    ]
}

fn deletion() -> impl Strategy<Value = DeletionPolicy> {
    prop_oneof![Just(DeletionPolicy::Delete), Just(DeletionPolicy::Retain)]
}

fn adoption() -> impl Strategy<Value = AdoptionPolicy> {
    prop_oneof![Just(AdoptionPolicy::Never), Just(AdoptionPolicy::IfExists)]
}

fn manifest() -> impl Strategy<Value = Happening> {
    prop_oneof![
        1 => deletion().prop_map(Happening::Deletion),
        1 => any::<bool>().prop_map(Happening::ReportDrift),
        1 => adoption().prop_map(Happening::Adoption),
        1 => Just(Happening::TakeOver),
        1 => (0..ROTATIONS.len()).prop_map(Happening::Rotation),
        1 => Just(Happening::Style),
        2 => Just(Happening::Rotate),
        2 => (any::<bool>(), prop::bool::weighted(0.8)).prop_map(|(adopt, right)| Happening::Resolve(adopt, right)),
    ]
}

fn owner() -> impl Strategy<Value = Happening> {
    prop_oneof![
        Just(Happening::Refuse),
        Just(Happening::MayAdopt),
        Just(Happening::MayDelete),
        Just(Happening::Brake),
        (0usize..2).prop_map(Happening::Dependents),
    ]
}

/// All that may happen but the deletion.
pub(super) fn anything() -> impl Strategy<Value = Happening> {
    prop_oneof![
        9 => alone(),
        2 => prop::sample::select(vec![40_000, 90_000, 400_000]).prop_map(Happening::Wait),
        1 => Just(Happening::Outage),
        3 => secret(),
        3 => platform(),
        3 => manifest(),
        1 => owner(),
        1 => (0..BACKUPS).prop_map(Happening::Restore),
        1 => any::<bool>().prop_map(Happening::Rebuild),
    ]
}

fn world_of(shape: impl Strategy<Value = Shape> + 'static) -> impl Strategy<Value = World> {
    let late = prop_oneof![3 => Just(Duration::ZERO), 1 => Just(Duration::from_secs(90))];
    let often = || prop::bool::weighted(0.75);
    let powers = (often(), often(), late);
    let choices = (any::<bool>(), often(), prop_oneof![3 => Just(0), 1 => Just(1)], 0..ROTATIONS.len());
    (shape, powers, choices, deletion(), adoption()).prop_map(|(shape, powers, choices, deletion, adoption)| {
        let (marks, deletes, visible_after) = powers;
        let (shared, tries, hourly, rotation) = choices;
        let powers = Powers { marks, deletes, renews: true, visible_after };
        // Where names are shared and reads are late nobody could tell twins apart: there is no such platform.
        let shared_names = shared && visible_after.is_zero();
        let mut world = World::new(Setting { shape, powers, shared_names, tries, hourly }, deletion, adoption);
        world.rotate_by(rotation);
        world
    })
}

pub(super) fn world() -> impl Strategy<Value = World> {
    world_of(prop_oneof![
        1 => Just(Shape::Bare),
        2 => any::<bool>().prop_map(Shape::Full),
        1 => Just(Shape::Machine),
        2 => Just(Shape::Person),
        5 => Just(Shape::Token),
    ])
}

pub(super) fn token() -> impl Strategy<Value = World> {
    world_of(Just(Shape::Token))
}

/// One whose credential is renewed on request.
pub(super) fn renewable() -> impl Strategy<Value = World> {
    world_of(prop_oneof![Just(Shape::Token), Just(Shape::Person)])
}

impl World {
    pub(super) fn is_organization(&self) -> bool {
        self.kind() == Kind::Organization
    }
}
