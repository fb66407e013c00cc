//! What may be done to a world in a systematic search: what is free, and what is a fault.

use super::engine::Engine;
use super::happen::Happening;
use super::look::at;
use super::pass::{Cut, End, calls};
use super::standing::Why;
use super::world::{Label, Mark, Memory, Object, Secret, Shape, Whose, World};
use crate::domain::plan::{ABSENCE, PATIENCE, Step};
use crate::domain::policy::{AdoptionPolicy, DeletionPolicy, DriftPolicy};
use crate::domain::rotation::Share;

/// How many older copies of the cluster are kept: as it was when a pass had ended, and as it was before that.
const COPIES: usize = 2;

/// Up to how far away a date is approached as well as reached.
const NEAR: i64 = 100;

/// When a search begins: within a minute, and not at its start.
pub(super) const BEGINNING: i64 = 1_000_000_020;

/// For how long time passes: long enough for three renewals or the end of a token.
const HORIZON: i64 = 60 * 3600;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Move {
    Happens(Happening),
    /// The resource is deleted.
    Delete,
    /// A pass stands still in that step, which has been applied or not.
    Stands(usize, bool, Why),
    /// It goes on.
    GoesOn,
    /// A pass acts on that older copy of the resource.
    Stale(usize),
    /// A creation of that attempt reaches the platform, again or only now.
    Arrives(i64),
    /// Nothing is left on the platform.
    Emptied,
    /// The platform is as it was when the last copy of the cluster was made.
    BackThen,
}

impl World {
    /// What costs nothing: passes, time, and what an owner may ask for.
    pub(super) fn free_moves(&self) -> Vec<Move> {
        if self.gone {
            return Vec::new();
        }
        let mut moves = Vec::new();
        let standing = self.standing.as_ref().map(|standing| standing.why);
        if standing.is_some() {
            moves.push(Move::GoesOn);
        }
        if !self.outage || self.deleting {
            moves.push(Move::Happens(Happening::Pass));
        }
        if self.outage {
            moves.push(Move::Happens(Happening::Outage));
        }
        if let Some(next) = self.next_date().filter(|next| self.may_pass(*next)) {
            if (21..NEAR).contains(&next) {
                moves.push(Move::Happens(Happening::Wait(20)));
            }
            moves.push(Move::Happens(Happening::Wait(next)));
        }
        if !self.deleting {
            moves.push(Move::Delete);
            let renewable = matches!(self.setting.shape, Shape::Token | Shape::Person);
            if renewable && self.cluster.rotate.is_none() {
                moves.push(Move::Happens(Happening::Rotate));
            }
        }
        moves
    }

    /// A call does not hang for hours.
    fn may_pass(&self, seconds: i64) -> bool {
        self.now < BEGINNING + HORIZON && (self.standing.is_none() || seconds < NEAR)
    }

    /// In how many seconds the next date is that a plan looks at.
    fn next_date(&self) -> Option<i64> {
        let seconds = |length: std::time::Duration| i64::try_from(length.as_secs()).unwrap();
        let (visible, rotation) = (seconds(self.setting.powers.visible_after), &self.cluster.rotation);
        let mut dates: Vec<i64> =
            self.objects.iter().flat_map(|o| [Some(o.shown_from), o.expires_at]).flatten().collect();
        dates.extend(self.memory.missing.into_iter().flat_map(|since| [since + seconds(ABSENCE), since + visible]));
        dates.extend(self.memory.outage.map(|since| since + seconds(PATIENCE)));
        dates.extend(self.memory.made.max(self.cluster.status.ready_since).map(|made| made + visible));
        if self.is_token()
            && let Some(secret) = self.cluster.secrets[0].as_ref().filter(|secret| secret.label != Label::Foreign)
        {
            dates.extend([secret.issued_at + visible, secret.issued_at + seconds(rotation.overlap())]);
            let end = secret.expires_at.map(at);
            let due = rotation.rotate_at(Share::default(), at(secret.issued_at), end);
            dates.extend(due.map(jiff::Timestamp::as_second).into_iter().chain(secret.expires_at));
        }
        if self.setting.hourly > 0 {
            dates.extend(self.memory.recreations.iter().map(|counted| counted.at.as_second() + 3660));
        }
        dates.into_iter().filter(|date| *date > self.now).min().map(|date| date - self.now)
    }

    /// What costs a fault.
    pub(super) fn faults(&self) -> Vec<Move> {
        if self.gone {
            return Vec::new();
        }
        let mut moves = Vec::new();
        self.broken_passes(&mut moves);
        let happens = [
            Happening::Restart,
            Happening::Drift,
            Happening::Blink,
            Happening::TakeOver,
            Happening::Style,
            Happening::Refuse,
            Happening::MayAdopt,
            Happening::MayDelete,
            Happening::Brake,
            Happening::Dependents(1 - self.dependents.min(1)),
            Happening::Rebuild(false),
            Happening::Rebuild(true),
            Happening::ReportDrift(self.cluster.policy.drift == DriftPolicy::Correct),
            Happening::Deletion(match self.cluster.policy.deletion {
                DeletionPolicy::Delete => DeletionPolicy::Retain,
                DeletionPolicy::Retain => DeletionPolicy::Delete,
            }),
            Happening::Adoption(match self.cluster.policy.adoption {
                AdoptionPolicy::Never => AdoptionPolicy::IfExists,
                AdoptionPolicy::IfExists => AdoptionPolicy::Never,
            }),
            Happening::Resolve(true, true),
            Happening::Resolve(false, true),
        ];
        moves.extend(happens.into_iter().map(Move::Happens));
        if !self.outage {
            moves.push(Move::Happens(Happening::Outage));
        }
        if self.cluster.rotate.is_some() {
            moves.push(Move::Happens(Happening::Rotate));
        }
        for slot in 0..self.cluster.secrets.len() {
            let mut hands = vec![Happening::Lose(slot), Happening::Plant(slot)];
            hands.extend([Happening::Edit(slot, false), Happening::Edit(slot, true), Happening::Strip(slot)]);
            hands.extend((0..self.backups.len().max(1)).map(|back| Happening::Claim(slot, back)));
            hands.extend((0..self.backups.len()).map(|back| Happening::RestoreSecret(slot, back)));
            // Where status is older than the Secret, nothing but the id in it says what its value belongs to.
            let answered = |secret: &Secret| [None, self.cluster.status.rotated].contains(&secret.rotated_for);
            let vouched = !self.rebuilt && self.cluster.secrets[slot].as_ref().is_some_and(answered);
            let edited = (0..self.objects.len()).filter(|_| vouched);
            hands.extend(edited.map(|which| Happening::EditID(slot, which)));
            moves.extend(hands.into_iter().map(Move::Happens));
        }
        let marks = [Mark::None, Mark::Other, Mark::Former];
        moves.extend(marks.map(|mark| Move::Happens(Happening::Appear(mark))));
        for which in 0..self.objects.len() {
            moves.push(Move::Happens(Happening::Vanish(which)));
            moves.extend(marks.map(|mark| Move::Happens(Happening::Remark(which, mark))));
        }
        moves.extend((0..self.backups.len()).map(|back| Move::Happens(Happening::Restore(back))));
        // Whoever sets the cluster back starts anew what reads it.
        moves.extend((0..self.backups.len()).filter(|_| !self.rebuilt && self.standing.is_none()).map(Move::Stale));
        moves.extend(self.arrivals());
        moves.extend([Move::Emptied, Move::BackThen]);
        moves
    }

    /// A pass that is cut off in each of its steps in each way, or that stands still there.
    fn broken_passes(&self, moves: &mut Vec<Move>) {
        let mut copy = self.clone();
        copy.join();
        let Some(begun) = copy.begin() else { return };
        for (index, step) in begun.plan.steps.iter().enumerate() {
            let mut ends = vec![(false, End::Crash), (true, End::Crash)];
            if calls(step) {
                ends.extend([(false, End::Refused), (false, End::Busy), (false, End::Unknown), (true, End::Unknown)]);
                if matches!(step, Step::Create { .. }) && self.is_token() {
                    ends.extend([(false, End::NotStored), (true, End::NotStored)]);
                }
            } else {
                ends.extend([(false, End::Again), (true, End::Again)]);
            }
            let cut = |(applied, end)| Move::Happens(Happening::Cut(Cut { step: index, applied, end }));
            moves.extend(ends.into_iter().map(cut));
            if self.standing.is_none() {
                // One that is stopped sends nothing more once another one leads: that is to die there.
                let stopped = (self.engine == Engine::HasNoFence).then_some(Why::Stopped);
                for why in stopped.into_iter().chain([Why::Hangs]) {
                    moves.extend([false, true].map(|applied| Move::Stands(index, applied, why)));
                }
            }
        }
        if self.engine == Engine::StoresAfterStatus && !begun.plan.steps.is_empty() {
            let (step, applied, end) = (begun.plan.steps.len(), true, End::Crash);
            moves.push(Move::Happens(Happening::Cut(Cut { step, applied, end })));
        }
    }

    pub(super) fn go(&mut self, what: Move) {
        self.note(what);
        match what {
            Move::Happens(happening) => {
                self.undergo(happening);
                if happening == Happening::Pass {
                    self.back_up();
                }
            }
            Move::Delete => (self.deleting, self.begun) = (true, self.cluster.finalizer),
            Move::Stands(step, applied, why) => self.stand_still(step, applied, why),
            Move::GoesOn => self.go_on(),
            Move::Stale(back) => self.act_on_a_copy(back),
            Move::Arrives(attempt) => self.arrives(attempt),
            Move::Emptied => self.objects.clear(),
            Move::BackThen => {
                let (mut former, standing) = (self.former.clone(), self.standing.is_some());
                for object in &mut former {
                    let is_back = self.object(object.id).is_none();
                    // Whoever ends it has ended it already, and looks for it no more where there is no mark to see.
                    if is_back && standing && !self.setting.powers.marks && object.whose == Whose::Us {
                        object.whose = Whose::Lost;
                    }
                }
                self.objects = former;
                self.handled = true;
                self.wait(0);
                self.lose_sight();
            }
        }
        self.stored.clear();
    }

    /// What may be expected after that move.
    fn note(&mut self, what: Move) {
        let alone = match what {
            Move::Happens(happening) => matches!(
                happening,
                Happening::Pass
                    | Happening::Cut(_)
                    | Happening::Restart
                    | Happening::Wait(_)
                    | Happening::Outage
                    | Happening::Rotate
                    | Happening::Style
            ),
            Move::Delete | Move::Stands(..) | Move::GoesOn | Move::Arrives(_) => true,
            Move::Stale(_) | Move::Emptied | Move::BackThen => false,
        };
        self.alone &= alone;
        let promised = matches!(
            what,
            Move::Happens(Happening::Refuse | Happening::Blink | Happening::Brake | Happening::Dependents(_))
                | Move::Stale(_)
        );
        self.relied_on &= alone || promised;
    }

    fn back_up(&mut self) {
        let known = self.backups.last().is_some_and(|last| last.is_like(&self.cluster));
        if known {
            return;
        }
        self.backups.push(self.cluster.clone());
        if self.backups.len() > COPIES {
            self.backups.remove(0);
        }
        self.former =
            self.objects.iter().filter(|object| object.whose != Whose::Stranger).cloned().collect::<Vec<Object>>();
    }

    /// A pass plans with an older copy of the resource, and with what the platform and the Secrets are now.
    fn act_on_a_copy(&mut self, back: usize) {
        if self.backups.is_empty() {
            return;
        }
        let mut copy = self.backups[back % self.backups.len()].clone();
        copy.secrets.clone_from(&self.cluster.secrets);
        let now = std::mem::replace(&mut self.cluster, copy);
        let deleting = std::mem::replace(&mut self.deleting, false);
        // A process that is new, and has not heard of the latest version yet.
        self.memory = Memory::default();
        self.stand_still(0, false, Why::Stale);
        (self.cluster, self.deleting) = (now, deleting);
        self.go_on();
    }
}
