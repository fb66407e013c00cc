//! Which worlds are one state: those that no plan, no move and no check can tell apart.
//!
//! Ids and values are numbered as they appear. Times count from now; one that lies further back than anything looks counts
//! as that far back. The attempts of a token count from the lowest that is there, unless that is 0, which is a number with
//! a meaning. What only the older copies of the cluster differ in counts as long as a move can bring one of them back.

use sha2::{Digest, Sha256};

use super::look::Change;
use super::pass::Draft;
use super::standing::Standing;
use super::world::{Cluster, Id, Mark, Object, Secret, Status, World};
use crate::domain::plan::{ABSENCE, Step, Verdict};

/// As far back as a token's date is looked at.
const LONG_AGO: i64 = 100 * 24 * 3600;

struct Canon<'a> {
    world: &'a World,
    bytes: Vec<u8>,
    ids: Vec<Id>,
    /// What is taken off the number of an attempt.
    shift: i64,
}

impl World {
    /// The state, with what a move can bring back or without.
    pub(super) fn fingerprint(&self, with_copies: bool) -> u128 {
        let mut canon =
            Canon { world: self, bytes: Vec::with_capacity(512), ids: Vec::new(), shift: self.shift(with_copies) };
        canon.world(with_copies);
        let digest = Sha256::digest(&canon.bytes);
        digest.iter().take(16).fold(0, |number, byte| (number << 8) | u128::from(*byte))
    }

    /// The lowest number of an attempt less one, so that what goes round comes round.
    fn shift(&self, with_copies: bool) -> i64 {
        if !self.is_token() || self.standing.is_some() {
            return 0;
        }
        let marked = |object: &Object| if let Mark::Attempt(n) = object.mark { Some(n) } else { None };
        let mut numbers: Vec<i64> = self.objects.iter().filter_map(marked).collect();
        if with_copies {
            numbers.extend(self.former.iter().filter_map(marked));
        }
        let copies = self.backups.iter().filter(|_| with_copies);
        for cluster in std::iter::once(&self.cluster).chain(copies) {
            numbers.push(cluster.status.attempt);
            numbers.extend([cluster.resolve, cluster.status.resolved].into_iter().flatten().map(|(_, n)| n));
            numbers.extend(cluster.secrets.iter().flatten().map(|secret| secret.attempt));
        }
        numbers.into_iter().min().unwrap_or_default().saturating_sub(1).max(0)
    }
}

impl Canon<'_> {
    fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    fn flags(&mut self, flags: &[bool]) {
        self.bytes.extend(flags.iter().map(|flag| u8::from(*flag)));
    }

    fn count(&mut self, count: usize) {
        self.byte(u8::try_from(count).unwrap());
    }

    fn number(&mut self, number: i64) {
        self.bytes.extend(number.to_le_bytes());
    }

    /// A number that is only compared with others of its sort.
    fn attempt(&mut self, attempt: i64) {
        self.number(attempt - self.shift);
    }

    fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.byte(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn id(&mut self, id: Id) {
        let known = self.ids.iter().position(|known| *known == id);
        let index = known.unwrap_or_else(|| {
            self.ids.push(id);
            self.ids.len() - 1
        });
        self.count(index);
    }

    /// A time, no further back than that.
    fn time(&mut self, time: i64, back: i64) {
        self.number((time - self.world.now).max(-back));
    }

    fn world(&mut self, with_copies: bool) {
        let world = self.world;
        // A value that a person made up is not like the others.
        self.id(super::world::EDITED);
        self.flags(&[world.deleting, world.gone, world.outage, world.refused, world.braked, world.relied_on]);
        self.flags(&[world.handled, world.cut_in_creation, world.begun, world.alone, world.ended_late]);
        self.count(world.dependents);
        self.cluster(&world.cluster);
        self.count(world.objects.len());
        world.objects.iter().for_each(|object| self.object(object));
        self.memory();
        if world.relied_on {
            let overlap = i64::try_from(world.cluster.rotation.overlap().as_secs()).unwrap();
            self.count(world.read.len());
            for read in &world.read {
                self.id(read.id);
                self.time(read.last, overlap);
                self.maybe(read.expires_at, |canon, end| canon.time(end, 0));
            }
        }
        self.maybe(world.standing.as_deref(), Self::standing);
        if with_copies {
            self.flags(&[world.rebuilt]);
            self.count(world.backups.len());
            world.backups.iter().for_each(|cluster| self.cluster(cluster));
            self.count(world.former.len());
            world.former.iter().for_each(|object| self.object(object));
        }
    }

    fn memory(&mut self) {
        let (memory, visible) = (&self.world.memory, self.visible_after());
        let absence = i64::try_from(ABSENCE.as_secs()).unwrap();
        self.maybe(memory.missing, |canon, since| canon.time(since, absence.max(visible)));
        // Exactly: it is compared with the dates of tokens as well.
        self.maybe(memory.outage, |canon, since| canon.time(since, LONG_AGO));
        self.maybe(memory.made, |canon, made| canon.time(made, visible));
        // One that status knows of, or that is of another attempt, says nothing more.
        let status = &self.world.cluster.status;
        let outcome = memory.outcome.filter(|(attempt, _)| status.open && *attempt == status.attempt);
        self.maybe(outcome, |canon, (_, made)| canon.id(made));
        // The share of this resource is none, so it does not matter when a renewal was seen to be due.
        if self.world.setting.hourly > 0 {
            self.number(self.world.now.rem_euclid(60));
            self.count(memory.recreations.len());
            for counted in &memory.recreations {
                self.time(counted.at.as_second(), 2 * 3600);
                self.number(i64::from(counted.count));
            }
        }
    }

    fn visible_after(&self) -> i64 {
        i64::try_from(self.world.setting.powers.visible_after.as_secs()).unwrap()
    }

    fn cluster(&mut self, cluster: &Cluster) {
        let Cluster { finalizer, platform_held, status, secrets, policy, rotation, take_over, style, rotate, resolve } =
            cluster;
        self.flags(&[*finalizer, *platform_held, *take_over, policy.may_adopt, policy.may_delete]);
        self.bytes.extend([policy.adoption as u8, policy.deletion as u8, policy.drift as u8]);
        self.maybe(policy.external_id.as_ref(), |canon, id| canon.id(id.parse().unwrap()));
        for length in [rotation.lifetime, rotation.every, rotation.overlap] {
            self.maybe(length, |canon, length| canon.number(i64::try_from(length.as_secs()).unwrap()));
        }
        self.number(i64::from(*style));
        self.maybe(*rotate, |canon, request| canon.number(i64::from(request)));
        self.answer(*resolve);
        self.status(status);
        for secret in secrets {
            self.maybe(secret.as_ref(), Self::secret);
        }
    }

    fn answer(&mut self, answer: Option<(bool, i64)>) {
        self.maybe(answer, |canon, (adopt, attempt)| {
            canon.flags(&[adopt]);
            canon.attempt(attempt);
        });
    }

    fn status(&mut self, status: &Status) {
        let Status {
            id,
            observed,
            adopted,
            attempt,
            open,
            given_up,
            left_behind,
            rotated,
            resolved,
            digests,
            ready_since,
        } = status;
        self.maybe(*id, Self::id);
        self.flags(&[*observed, *adopted, *open]);
        self.attempt(*attempt);
        self.number(*given_up);
        self.count(left_behind.len());
        for id in left_behind {
            self.id(*id);
        }
        self.maybe(*rotated, |canon, request| canon.number(i64::from(request)));
        self.answer(*resolved);
        for digest in digests {
            self.maybe(*digest, Self::id);
        }
        let visible = self.visible_after();
        self.maybe(*ready_since, |canon, since| canon.time(since, visible));
    }

    fn secret(&mut self, secret: &Secret) {
        let Secret {
            label,
            collected,
            style,
            external_id,
            value,
            derived,
            next,
            attempt,
            issued_at,
            expires_at,
            previous,
            rotated_for,
        } = secret;
        self.byte(*label as u8);
        self.flags(&[*collected, *derived]);
        self.number(i64::from(*style));
        for id in [external_id, value, next, previous] {
            self.maybe(*id, Self::id);
        }
        self.attempt(*attempt);
        self.time(*issued_at, LONG_AGO);
        self.maybe(*expires_at, |canon, end| canon.time(end, LONG_AGO));
        self.maybe(*rotated_for, |canon, request| canon.number(i64::from(request)));
    }

    fn object(&mut self, object: &Object) {
        let Object { id, mark, made, stored, used, whose, drifted, shown_from, issued_at, expires_at, password } =
            object;
        self.id(*id);
        match mark {
            Mark::None => self.byte(0),
            Mark::Ours => self.byte(1),
            Mark::Other => self.byte(2),
            Mark::Former => self.byte(3),
            Mark::Attempt(attempt) => {
                self.byte(4);
                self.attempt(*attempt);
            }
        }
        self.byte(*whose as u8);
        self.flags(&[*made, *stored, *used, *drifted]);
        self.time(*shown_from, 0);
        // It is copied into the Secret in the pass that makes it, and looked at no more.
        if self.world.standing.is_some() {
            self.time(*issued_at, LONG_AGO);
        }
        self.maybe(*expires_at, |canon, end| canon.time(end, 0));
        self.maybe(*password, Self::id);
    }

    fn standing(&mut self, standing: &Standing) {
        let Standing { why, steps, applied, draft, plan, resolved, read, deleting } = standing;
        self.byte(*why as u8);
        self.flags(&[*applied, *resolved, *deleting]);
        self.count(steps.len());
        for step in steps {
            self.step(step);
        }
        let Draft { status, record, unstored: _ } = draft;
        self.status(status);
        self.maybe(*record, Self::id);
        self.cluster(read);
        match &plan.verdict {
            Verdict::Settled { how, .. } => self.bytes.extend([0, *how as u8]),
            Verdict::Held(..) => self.byte(1),
            Verdict::Hidden(..) => self.byte(2),
            Verdict::Gone => self.byte(3),
        }
    }

    fn step(&mut self, step: &Step<Change>) {
        let (sort, slot, id) = match step {
            Step::AddFinalizer => (0, None, None),
            Step::HoldPlatform => (1, None, None),
            Step::Generate(slot) => (2, Some(slot), None),
            Step::RecordAttempt(attempt) => return self.numbered(3, *attempt),
            Step::StartOver(attempt) => return self.numbered(4, *attempt),
            Step::ProveWritable(slot) => (5, Some(slot), None),
            Step::Create { attempt, previous } => {
                self.byte(6);
                self.maybe(*attempt, Self::attempt);
                return self.maybe(previous.as_ref(), |canon, id| canon.id(id.parse().unwrap()));
            }
            Step::Update { id, change } => {
                self.flags(&[change.mark, change.fields]);
                (7, None, Some(id))
            }
            Step::Refresh(slot) => (8, Some(slot), None),
            Step::Publish(slot) => (9, Some(slot), None),
            Step::Renew { id, slot } => (10, Some(slot), Some(id)),
            Step::Stage(slot) => (11, Some(slot), None),
            Step::Push { id, slot } => (12, Some(slot), Some(id)),
            Step::Promote(slot) => (13, Some(slot), None),
            Step::Revoke(id) => (14, None, Some(id)),
            Step::CountDeletion => (15, None, None),
            Step::Delete(id) => (16, None, Some(id)),
            Step::Release(id) => (17, None, Some(id)),
            Step::ReleaseSecret(slot) => (18, Some(slot), None),
            Step::AttachSecret(slot) => (19, Some(slot), None),
            Step::RemoveFinalizer => (20, None, None),
            Step::RemoveTwin { id, of } => {
                self.byte(21);
                self.id(of.parse().unwrap());
                return self.id(id.parse().unwrap());
            }
        };
        self.byte(sort);
        self.maybe(slot, |canon, slot| canon.count(*slot));
        self.maybe(id, |canon, id| canon.id(id.parse().unwrap()));
    }

    fn numbered(&mut self, sort: u8, attempt: i64) {
        self.byte(sort);
        self.attempt(attempt);
    }
}
