//! What holds over all plans: a model of resource, Secrets, platform and process is driven by the shipped plan and by random
//! happenings, passes are cut off anywhere, and whatever happened, it converges, plans nothing more, and nothing is there
//! twice or touched that is not ours.

use proptest::prelude::*;

use super::{Plan, Verdict};
use crate::domain::condition::{Reason, State};
use crate::domain::policy::{AdoptionPolicy, DeletionPolicy};
use crate::domain::rotation::Rotation;
use happen::{Happening, alone, anything, renewable, token, world};
use look::Change;
use world::{Label, Mark, Object, Shape, Whose, World};

mod act;
mod canon;
mod engine;
mod happen;
mod look;
mod moves;
mod mutants_tests;
mod pass;
mod search;
mod search_tests;
mod standing;
mod starts;
mod storms;
mod storms_tests;
mod twins;
mod world;

/// How many passes it may take.
const PASSES: usize = 16;

impl World {
    /// Undisturbed passes until there is nothing to do; the last plan, or `None` when the resource is gone.
    fn settle(&mut self) -> Option<Plan<Change>> {
        self.outage = false;
        for _ in 0..PASSES {
            let plan = self.pass()?;
            if self.gone {
                return None;
            }
            if plan.steps.is_empty() && is_final(&plan) {
                let again = self.pass()?;
                if again == plan {
                    return Some(plan);
                }
            }
            self.wait(Self::pause(&plan));
        }
        self.breaks("it does not come to rest");
        self.pass()
    }

    /// Whether the state is one in which an object says that.
    fn explains(&self, reason: Reason) -> bool {
        let (cluster, powers) = (&self.cluster, self.setting.powers);
        let has = |test: fn(&Object) -> bool| self.objects.iter().any(test);
        let secret = |label: Label| cluster.secrets.iter().flatten().any(|secret| secret.label == label);
        match reason {
            Reason::NamespaceNotAllowed => self.refused,
            Reason::SecretConflict => secret(Label::Foreign) || secret(Label::Claimed),
            Reason::AlreadyExists => {
                cluster.policy.adoption == AdoptionPolicy::Never && has(|o| !matches!(o.mark, Mark::Ours))
            }
            Reason::OwnedElsewhere => has(|o| matches!(o.mark, Mark::Other | Mark::Former)),
            Reason::Ambiguous => self.objects.len() > 1,
            Reason::NotPermitted => !cluster.policy.may_adopt || !cluster.policy.may_delete,
            Reason::OutcomeUnknown => cluster.status.open && !powers.marks,
            Reason::ValueUnavailable => !self.is_token() && self.setting.shape.secrets() > 0,
            Reason::ExternalIDNotFound => {
                let id = cluster.status.id.is_some_and(|id| self.object(id).is_none());
                (id || self.is_token()) && (self.is_organization() || self.setting.hourly > 0)
            }
            Reason::DependentsExist => self.dependents > 0,
            Reason::DeletionHeld => self.braked,
            Reason::LeftBehind => !powers.deletes || (cluster.status.open && !powers.marks),
            _ => false,
        }
    }

    /// What must be so when all that the manifest asks for is said to be there.
    fn check_settled(&self) -> Result<(), TestCaseError> {
        let ours = self.ours();
        let id = self.cluster.status.id.unwrap();
        prop_assert!(self.object(id).is_some(), "settled on what is not there");
        if !self.is_token() {
            let alone = ours.iter().all(|other| *other == id || !self.is_proved_twin(*other));
            prop_assert!(ours.contains(&id) && alone, "{:?} are ours, and {} is recorded", ours, id);
            let stored = self.cluster.secrets.first().and_then(|stored| stored.as_ref());
            if let Some(stored) = stored.filter(|_| self.setting.shape == Shape::Person && !self.handled) {
                prop_assert_eq!(
                    stored.value,
                    self.object(id).unwrap().password,
                    "the password in the Secret is another"
                );
            }
            return Ok(());
        }
        // Where no value can be tried, one that somebody wrote into a restored Secret is believed.
        let believed = self.handled && !self.setting.tries;
        prop_assert!(believed || self.current() == Some(id), "the Secret holds another");
        let secret = self.cluster.secrets[0].as_ref().unwrap();
        let overlap = i64::try_from(self.cluster.rotation.overlap().as_secs()).unwrap();
        let lives = self.now < secret.issued_at + overlap;
        for other in ours.into_iter().filter(|other| *other != id) {
            let left = self.cluster.status.left_behind.contains(&other);
            let shown = self.object(other).unwrap().shown_from <= self.now;
            prop_assert!(left || !shown || (secret.previous == Some(other) && lives), "{other} is one too many");
        }
        Ok(())
    }

    fn check(&self, plan: Option<&Plan<Change>>) -> Result<(), TestCaseError> {
        prop_assert_eq!(&self.broken, &None);
        match plan.map(|plan| &plan.verdict) {
            None | Some(Verdict::Gone) => prop_assert!(self.gone),
            Some(Verdict::Held(state, _) | Verdict::Hidden(state, _)) => {
                prop_assert!(self.explains(state.reason), "{:?} is not explained", state);
            }
            Some(Verdict::Settled { .. }) => self.check_settled()?,
        }
        Ok(())
    }
}

impl World {
    /// What is wrong with a state, whatever led to it and whatever follows.
    fn is_wrong(&self) -> Option<String> {
        let (status, cluster) = (&self.cluster.status, &self.cluster);
        let recorded = status.id.and_then(|id| self.object(id)).filter(|object| object.made);
        if self.is_token() && !self.handled && recorded.is_some_and(|object| !object.stored) {
            return Some("status names a token that no Secret ever held".to_owned());
        }
        let sound = self.relied_on && !self.deleting && !self.gone;
        let object = recorded.filter(|object| sound && object.password.is_some())?;
        let secret = cluster.secrets.first()?.as_ref();
        let known = secret.is_some_and(|secret| [secret.value, secret.next].contains(&object.password));
        (!known).then(|| "the value that the platform has is in no Secret".to_owned())
    }

    /// What is wrong with a world that undisturbed passes led to.
    fn is_at_rest(&self, plan: Option<&Plan<Change>>) -> Result<(), String> {
        self.check(plan).map_err(|error| error.to_string())?;
        let (powers, undecided) = (&self.setting.powers, self.cut_in_creation && !self.setting.powers.marks);
        if !self.gone {
            let ready = matches!(plan, Some(Plan { verdict: Verdict::Settled { .. }, .. }));
            let may_wait = undecided || (self.deleting && !powers.deletes);
            let done = ready && !self.deleting;
            return if done || may_wait || !self.alone { Ok(()) } else { Err("it is not Ready in the end".to_owned()) };
        }
        // What somebody brings back after it was deleted, or hides when it is to be, stays.
        let known = self.alone || !self.ended_late;
        if known { self.leaves_nothing() } else { Ok(()) }
    }

    /// What has gone left nothing that was to be deleted.
    fn leaves_nothing(&self) -> Result<(), String> {
        // What carries another owner's mark stays, that of one who gave it up included.
        let ours = |object: &&Object| object.whose == Whose::Us && object.mark != Mark::Former;
        let deletes = self.cluster.policy.deletion == DeletionPolicy::Delete && self.begun;
        // Where nobody else had a hand in it, what is not shown yet is waited for; but not the token of a renewal that was
        // not answered, which is shown late beside the one that is known. No platform does both.
        let powers = &self.setting.powers;
        let renewed = self.is_token() && powers.marks && !powers.visible_after.is_zero();
        if renewed && self.ended_late {
            return Ok(());
        }
        let seen = |object: &&Object| (self.alone && !renewed) || object.shown_from <= self.now;
        let left = self.objects.iter().filter(ours).find(seen);
        match left.filter(|_| deletes) {
            Some(left) => Err(format!("{left:?} is left, and no resource stands for it")),
            None => Ok(()),
        }
    }
}

fn is_final(plan: &Plan<Change>) -> bool {
    let waits = |state: &State| matches!(state.reason, Reason::Progressing | Reason::Deleting);
    !matches!(&plan.verdict, Verdict::Held(state, _) | Verdict::Hidden(state, _) if waits(state))
}

fn several(happening: impl Strategy<Value = Happening>, most: usize) -> impl Strategy<Value = Vec<Happening>> {
    prop::collection::vec(happening, 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Whatever happened before: left alone it comes to rest, and says why where it is not Ready. On the way nothing is made
    /// twice, nothing that is not ours is touched, and no value is lost.
    #[test]
    fn left_alone_it_comes_to_rest(mut world in world(), happenings in several(anything(), 40)) {
        for happening in happenings {
            world.happen(happening);
            prop_assert_eq!(&world.broken, &None, "after {:?}", happening);
        }
        let plan = world.settle();
        world.check(plan.as_ref())?;
    }

    /// Without another hand in the game it gets to Ready, however often it is cut off.
    #[test]
    fn passes_that_are_cut_off_end_in_ready(mut world in world(), happenings in several(alone(), 20)) {
        for happening in happenings {
            world.happen(happening);
        }
        let plan = world.settle();
        world.check(plan.as_ref())?;
        let undecided = !world.setting.powers.marks && world.cut_in_creation;
        let ready = matches!(plan.map(|plan| plan.verdict), Some(Verdict::Settled { .. }));
        prop_assert!(ready || undecided);
    }

    /// What is deleted is gone, whatever happened before, and what is retained stays.
    #[test]
    fn deletion_leaves_what_it_should(
        mut world in world(),
        happenings in several(anything(), 30),
        after in several(alone(), 6),
        offline in any::<bool>(),
    ) {
        for happening in happenings {
            world.happen(happening);
        }
        (world.deleting, world.outage) = (true, offline);
        let before: Vec<u32> = world.objects.iter().map(|object| object.id).collect();
        let secrets = world.cluster.secrets.iter().flatten().count();
        let named = [world.cluster.status.id, world.current()];
        let (begun, retain) = (world.cluster.finalizer, world.cluster.policy.deletion == DeletionPolicy::Retain);
        for happening in after {
            world.happen(happening);
        }
        if retain {
            world.pass();
            prop_assert!(world.gone, "what is retained waits for nothing");
            prop_assert_eq!(world.cluster.secrets.iter().flatten().count(), secrets);
            if !world.is_token() {
                let still: Vec<u32> = world.objects.iter().map(|object| object.id).collect();
                prop_assert_eq!(still, before);
            }
            let ours = |object: &Object| matches!(object.mark, Mark::Ours | Mark::Attempt(_));
            let marked = world.objects.iter().any(|object| ours(object) && object.shown_from <= world.now);
            prop_assert!(offline || !begun || !marked);
            prop_assert_eq!(&world.broken, &None);
            return Ok(());
        }
        let plan = world.settle();
        world.check(plan.as_ref())?;
        if world.gone && begun {
            let now = world.now;
            let found = |object: &&Object| {
 object.shown_from <= now || (named.contains(&Some(object.id)) && !world.handled)
};
            // What carries another owner's mark stays, that of one who gave it up included.
            let ours = |object: &&Object| object.whose == Whose::Us && object.mark != Mark::Former;
            let left: Vec<_> = world.objects.iter().filter(ours).filter(found).collect();
            prop_assert!(left.is_empty(), "{:?}", left);
            prop_assert!(world.cluster.secrets.iter().flatten().all(|secret| secret.label != Label::Ours));
        }
    }

    /// A consumer that reads the Secret can log in at any time, and with what it read up to the overlap ago.
    #[test]
    fn whoever_reads_the_secret_can_log_in(
        mut world in token(),
        happenings in several(prop_oneof![
            6 => alone(),
            1 => Just(Happening::Rotate),
            1 => Just(Happening::Style),
            1 => Just(Happening::Refuse),
            1 => Just(Happening::Outage),
            1 => Just(Happening::Blink),
            1 => prop::sample::select(vec![1_000, 9_000, 40_000, 90_000]).prop_map(Happening::Wait),
        ], 40),
    ) {
        world.relied_on = true;
        for happening in happenings {
            world.happen(happening);
            prop_assert_eq!(&world.broken, &None, "after {:?}", happening);
        }
    }

    /// A request for a new credential is acted on once, whatever is cut off.
    #[test]
    fn a_request_is_acted_on_once(
        mut world in renewable(),
        requests in prop::collection::vec(several(alone(), 6), 1..5),
    ) {
        world.cluster.rotation = Rotation::default();
        world.setting.hourly = 0;
        let first = world.settle();
        let ready = matches!(first.map(|plan| plan.verdict), Some(Verdict::Settled { .. }));
        prop_assert!(ready);
        let count = |world: &World| if world.is_token() { world.stored.len() } else { world.promoted };
        for happenings in requests {
            let before = count(&world);
            world.happen(Happening::Rotate);
            for happening in happenings {
                world.happen(happening);
            }
            let plan = world.settle();
            world.check(plan.as_ref())?;
            prop_assert_eq!(count(&world), before + 1);
        }
    }
}
