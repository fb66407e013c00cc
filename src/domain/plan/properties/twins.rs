//! A creation that the platform carries out twice, or that reaches it only after another attempt has taken its place.

use super::moves::Move;
use super::pass::End;
use super::world::{Id, Mark, Object, Status, Whose, World};
use crate::domain::naming::Ownership;

/// Creations that arrive once too often, in one world.
const MOST: usize = 2;

impl World {
    /// Whether a look at what status records shows that one as well.
    pub(super) fn may_be_twin(&self, other: &Object) -> bool {
        let told = if self.setting.powers.marks {
            matches!(self.ownership(other), Ownership::OurAttempt(_))
        } else {
            !self.deleting
        };
        self.is_organization() && self.setting.shared_names && told
    }

    /// Creations of recorded attempts that may arrive once more.
    pub(super) fn arrivals(&self) -> impl Iterator<Item = Move> + use<> {
        let powers = &self.setting.powers;
        let told = self.is_organization() && self.setting.shared_names && powers.marks;
        let there = self.objects.iter().filter(|object| matches!(object.mark, Mark::Attempt(_))).count();
        // What arrives when the resource's last look is over, no resource knows of: docs/reliability.md says so.
        let looks = self.cluster.finalizer && self.standing.is_none();
        let most = if told && there < MOST && looks { self.cluster.status.attempt } else { 0 };
        (1..=most).map(Move::Arrives)
    }

    pub(super) fn arrives(&mut self, attempt: i64) {
        let id = self.fresh();
        // What a person said of the attempt before was said of this one too.
        let whose = if attempt > self.cluster.status.given_up { Whose::Us } else { Whose::Lost };
        self.objects.push(Object {
            id,
            mark: Mark::Attempt(attempt),
            made: true,
            stored: false,
            used: false,
            whose,
            drifted: false,
            shown_from: self.now,
            issued_at: self.now,
            expires_at: None,
            password: None,
        });
    }

    /// Whether the platform proves that it is there beside what status records.
    pub(super) fn is_proved_twin(&self, id: Id) -> bool {
        let status = &self.cluster.status;
        let attempt = |id: Id| match self.object(id).map(|object| self.ownership(object)) {
            Some(Ownership::OurAttempt(n)) => Some(n),
            _ => None,
        };
        let made = attempt(id).is_some_and(|n| (status.given_up + 1..=status.attempt).contains(&n));
        let recorded = status.id.and_then(attempt).is_some() && status.id != Some(id);
        let shown = self.object(id).is_some_and(|object| object.shown_from <= self.now);
        self.setting.shared_names && self.setting.powers.deletes && shown && made && recorded
    }

    /// The resource is another one under the same name: no attempt of the former one is its own.
    pub(super) fn change_uid(&mut self) {
        let token = self.is_token();
        for object in self.objects.iter_mut().chain(&mut self.former).filter(|_| !token) {
            if matches!(object.mark, Mark::Attempt(_)) {
                object.mark = Mark::Ours;
            }
        }
    }

    /// The cluster is set back: what was made since and not shown yet nobody has used, though status recorded it, and the
    /// attempt that made it is counted again.
    pub(super) fn forget_unseen(&mut self) {
        let now = self.now;
        self.objects.iter_mut().filter(|object| object.shown_from > now).for_each(|object| object.used = false);
    }

    /// Status is about to record that one.
    pub(super) fn takes(&mut self, status: &mut Status, id: Id) {
        let before = status.id.filter(|before| *before != id);
        if let Some(before) = before {
            let there = self.object(before).is_some_and(|object| matches!(object.mark, Mark::Attempt(_)));
            if there && !self.is_token() && !self.handled {
                self.breaks("a twin took the place of what is there");
            }
            status.given_up = status.attempt;
        }
        if let Some(object) = self.object_mut(id) {
            object.used = true;
        }
    }

    /// Removes what is there beside `of`, which status has to record still.
    pub(super) fn remove_twin(&mut self, id: Id, of: Id) -> Result<(), End> {
        if self.cluster.status.id != Some(of) {
            return Err(End::Again);
        }
        let Some(object) = self.object(id) else { return Ok(()) };
        if !object.made || object.used || object.whose == Whose::Stranger {
            let what = format!("{object:?} was removed as a twin");
            self.breaks(what);
        }
        self.objects.retain(|object| object.id != id);
        Ok(())
    }
}
