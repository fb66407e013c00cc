//! What holds over all plans: a model of resource, Secrets and platform is driven by random events, passes are cut off
//! after any step, and whatever happened, it converges, a second plan is empty, and nothing is there twice.

use proptest::prelude::*;

use super::*;

/// What may happen between and during passes.
#[derive(Clone, Debug)]
enum Happening {
    /// A pass that is cut off after so many steps, before its status is written, unless it has fewer.
    Pass(usize),
    /// A person deletes a Secret.
    LoseSecret(usize),
    /// The object goes from the platform by another hand.
    Vanish,
    /// An object of that name, of nobody or of somebody else, comes to be on the platform.
    Appear(bool),
    /// A person edits the object on the platform.
    Drift,
    /// The platform goes, and comes back.
    Outage,
    /// Time passes.
    Wait,
    /// The resource is deleted.
    Delete,
}

#[derive(Clone, Debug)]
struct Object {
    id: u32,
    ownership: Ownership,
    drifted: bool,
}

/// Everything that outlives a pass.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all their combinations are met")]
struct World {
    kind: Kind,
    policy: Policy,
    now: i64,
    // The resource.
    deleting: bool,
    gone: bool,
    finalizer: bool,
    platform_held: bool,
    recorded_id: Option<u32>,
    attempt: i64,
    written: bool,
    collected: bool,
    reachable: bool,
    left_offline: bool,
    missing_since: Option<i64>,
    // Its Secrets: the token's id, or a password's presence.
    secrets: Vec<Option<u32>>,
    // The platform.
    objects: Vec<Object>,
    next_id: u32,
    // What must never happen.
    broken: Option<&'static str>,
}

impl World {
    fn new(kind: Kind, slots: usize, deletion: DeletionPolicy, adoption: AdoptionPolicy) -> Self {
        let policy = Policy {
            adoption,
            may_adopt: true,
            deletion,
            may_delete: true,
            drift: DriftPolicy::Correct,
            external_id: None,
        };
        Self {
            kind,
            policy,
            now: 0,
            deleting: false,
            gone: false,
            finalizer: false,
            platform_held: false,
            recorded_id: None,
            attempt: 0,
            written: false,
            collected: deletion == DeletionPolicy::Delete,
            reachable: true,
            left_offline: false,
            missing_since: None,
            secrets: vec![None; slots],
            objects: Vec::new(),
            next_id: 1,
            broken: None,
        }
    }

    fn source(&self) -> Source {
        if self.kind == Kind::Token { Source::ShownOnce } else { Source::Generated }
    }

    fn recorded(&self) -> Option<u32> {
        if self.kind == Kind::Token { self.secrets[0] } else { self.recorded_id }
    }

    fn facts(&mut self) -> Facts<()> {
        let recorded = self.recorded();
        let there = recorded.is_some_and(|id| self.objects.iter().any(|object| object.id == id));
        let missing_since = self.missing_since;
        self.missing_since = (recorded.is_some() && !there).then(|| missing_since.unwrap_or(self.now));
        // An object under its recorded id is the only one that the shell asks for; a token's marks are always asked.
        let visible =
            |object: &&Object| self.reachable && (!there || recorded == Some(object.id) || self.kind == Kind::Token);
        Facts {
            kind: self.kind,
            name: "acme".to_owned(),
            deleting: self.deleting,
            finalizer: self.finalizer,
            platform_held: self.platform_held,
            reachable: self.reachable,
            policy: self.policy.clone(),
            recorded_id: recorded.map(|id| id.to_string()),
            missing_since: missing_since.filter(|_| !there).map(|since| Timestamp::from_second(since).unwrap()),
            candidates: self
                .objects
                .iter()
                .filter(visible)
                .map(|object| Candidate {
                    id: object.id.to_string(),
                    ownership: object.ownership,
                    // A token is replaced, never changed.
                    change: (self.kind != Kind::Token && (object.drifted || object.ownership == Ownership::Unmarked))
                        .then_some(()),
                })
                .collect(),
            slots: self
                .secrets
                .iter()
                .map(|value| Slot {
                    secret: "secret".to_owned(),
                    source: self.source(),
                    state: match value {
                        Some(id) => SlotState::Ours { external_id: Some(id.to_string()), complete: true },
                        None => SlotState::Absent,
                    },
                    collected: self.collected,
                    written: self.written,
                    on_adoption: if self.kind == Kind::User { OnAdoption::LeaveOut } else { OnAdoption::Unavailable },
                })
                .collect(),
            attempt: self.attempt,
            dependents: 0,
        }
    }

    fn ours(&self) -> usize {
        let ours = |object: &&Object| matches!(object.ownership, Ownership::Ours | Ownership::OurAttempt(_));
        self.objects.iter().filter(ours).count()
    }

    fn remove(&mut self, id: &str) {
        let recorded = self.recorded();
        self.objects.retain(|object| {
            let hit = object.id.to_string() == id;
            if hit && object.ownership == Ownership::Other {
                self.broken = Some("somebody else's object was deleted");
            }
            if hit && object.ownership == Ownership::Unmarked && recorded != Some(object.id) {
                self.broken = Some("nobody's object was deleted");
            }
            !hit
        });
    }

    fn step(&mut self, step: &Step<()>) {
        let guarded = self.finalizer && self.platform_held;
        match step {
            Step::AddFinalizer => self.finalizer = true,
            Step::HoldPlatform => self.platform_held = true,
            Step::Generate(slot) => {
                self.secrets[*slot] = self.secrets[*slot].or(Some(0));
            }
            Step::RecordAttempt(attempt) => self.attempt = *attempt,
            Step::Create { attempt } => {
                if !guarded {
                    self.broken = Some("something was made that nothing would clean up");
                }
                if self.source() == Source::Generated && self.secrets.iter().any(Option::is_none) {
                    self.broken = Some("the platform saw a value that no Secret holds");
                }
                if attempt.is_some_and(|attempt| attempt != self.attempt) {
                    self.broken = Some("a value was minted that no attempt is recorded for");
                }
                let ownership = attempt.map_or(Ownership::Ours, Ownership::OurAttempt);
                self.objects.push(Object { id: self.next_id, ownership, drifted: false });
                self.next_id += 1;
            }
            Step::Update { id, .. } => {
                for object in self.objects.iter_mut().filter(|object| object.id.to_string() == *id) {
                    (object.ownership, object.drifted) = (Ownership::Ours, false);
                }
            }
            Step::Revoke(id) => {
                if self.secrets[0].is_some_and(|stored| stored.to_string() == *id) {
                    self.broken = Some("the token in the Secret was revoked");
                }
                self.remove(id);
            }
            Step::Delete(id) => self.remove(id),
            Step::Release(id) => {
                for object in self.objects.iter_mut().filter(|object| object.id.to_string() == *id) {
                    object.ownership = Ownership::Unmarked;
                }
            }
            Step::ProveWritable(_) | Step::ReleaseSecret(_) => {}
            Step::AttachSecret(_) => self.collected = true,
            Step::DetachSecret(_) => self.collected = false,
            Step::RemoveFinalizer => {
                (self.finalizer, self.gone) = (false, true);
                self.left_offline = !self.reachable;
            }
        }
        if self.ours() > 1 {
            self.broken = Some("two of one were there at once");
        }
    }

    /// A pass that ends after `limit` steps. The Secret of a minted value is written in the same breath as the value,
    /// but the process can die in between: with `limit` at the creation itself it does.
    fn pass(&mut self, limit: usize) -> Plan<()> {
        // A pass without an answer ends before it plans, but for one that deletes.
        if !self.reachable && !self.deleting {
            return Plan { steps: Vec::new(), verdict: Verdict::Gone };
        }
        let facts = self.facts();
        let plan = plan(&facts, Timestamp::from_second(self.now).unwrap());
        for (index, step) in plan.steps.iter().enumerate() {
            if index >= limit {
                return plan;
            }
            self.step(step);
            let stored = index + 1 < limit;
            if matches!(step, Step::Create { attempt: Some(_) }) && stored {
                self.secrets[0] = Some(self.next_id - 1);
            }
        }
        if limit > plan.steps.len() {
            match &plan.verdict {
                Verdict::Settled { id, .. } => {
                    let created = self.next_id - 1;
                    self.recorded_id = Some(id.as_ref().map_or(created, |id| id.parse().unwrap()));
                    self.written = self.secrets.iter().all(Option::is_some);
                }
                Verdict::Gone => self.gone = true,
                Verdict::Held(..) => {}
            }
        }
        plan
    }

    fn happen(&mut self, happening: &Happening) {
        if self.gone {
            return;
        }
        match happening {
            Happening::Pass(limit) => drop(self.pass(*limit)),
            Happening::LoseSecret(slot) => {
                if let Some(secret) = self.secrets.get_mut(*slot) {
                    *secret = None;
                }
            }
            Happening::Vanish => {
                self.objects.retain(|object| matches!(object.ownership, Ownership::Other | Ownership::Unmarked));
            }
            Happening::Appear(marked) => {
                let ownership = if *marked { Ownership::Other } else { Ownership::Unmarked };
                self.objects.push(Object { id: self.next_id, ownership, drifted: false });
                self.next_id += 1;
            }
            Happening::Drift => self.objects.iter_mut().for_each(|object| object.drifted = true),
            Happening::Outage => self.reachable = !self.reachable,
            Happening::Wait => self.now += 40,
            Happening::Delete => self.deleting = true,
        }
    }

    /// Undisturbed passes until nothing changes.
    fn settle(&mut self) -> Plan<()> {
        self.reachable = true;
        let mut last = self.pass(usize::MAX);
        for _ in 0..8 {
            if self.gone {
                break;
            }
            self.now += 40;
            last = self.pass(usize::MAX);
        }
        last
    }
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (0usize..9).prop_map(Happening::Pass),
        1 => (0usize..2).prop_map(Happening::LoseSecret),
        1 => Just(Happening::Vanish),
        1 => any::<bool>().prop_map(Happening::Appear),
        1 => Just(Happening::Drift),
        1 => Just(Happening::Outage),
        2 => Just(Happening::Wait),
        1 => Just(Happening::Delete),
    ]
}

fn world() -> impl Strategy<Value = World> {
    let kinds = prop_oneof![
        Just((Kind::Organization, 0)),
        Just((Kind::Organization, 2)),
        Just((Kind::User, 0)),
        Just((Kind::User, 1)),
        Just((Kind::Token, 1)),
    ];
    let deletion = prop_oneof![Just(DeletionPolicy::Delete), Just(DeletionPolicy::Retain)];
    let adoption = prop_oneof![Just(AdoptionPolicy::Never), Just(AdoptionPolicy::IfExists)];
    (kinds, deletion, adoption)
        .prop_map(|((kind, slots), deletion, adoption)| World::new(kind, slots, deletion, adoption))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// No order of events makes two of anything, or deletes what is not ours.
    #[test]
    fn nothing_is_there_twice(mut world in world(), happenings in prop::collection::vec(happening(), 0..30)) {
        for happening in &happenings {
            world.happen(happening);
            prop_assert_eq!(world.broken, None, "after {:?}: {:?}", happening, world);
        }
    }

    /// Left alone, it converges, and then the plan is empty.
    #[test]
    fn the_second_plan_is_empty(mut world in world(), happenings in prop::collection::vec(happening(), 0..30)) {
        for happening in &happenings {
            world.happen(happening);
        }
        let last = world.settle();
        prop_assert_eq!(world.broken, None, "{:?}", world);
        prop_assert!(world.gone || last.steps.is_empty(), "{:?} in {:?}", last, world);
        if let Verdict::Settled { .. } = last.verdict {
            prop_assert_eq!(world.ours(), 1);
            if world.kind == Kind::Token {
                let stored = world.secrets[0];
                prop_assert!(world.objects.iter().any(|object| Some(object.id) == stored), "{:?}", world);
            }
        }
    }

    /// Without another hand in the game it gets to Ready, however often it is cut off.
    #[test]
    fn cut_off_passes_alone_end_in_ready(mut world in world(), limits in prop::collection::vec(0usize..9, 0..20)) {
        for limit in limits {
            world.happen(&Happening::Pass(limit));
        }
        let last = world.settle();
        prop_assert!(matches!(last.verdict, Verdict::Settled { .. }), "{:?} in {:?}", last, world);
        prop_assert_eq!((last.steps.len(), world.ours()), (0, 1));
    }

    /// Deletion leaves nothing that is ours, whatever happened before.
    #[test]
    fn deletion_leaves_nothing(mut world in world(), happenings in prop::collection::vec(happening(), 0..30)) {
        for happening in &happenings {
            world.happen(happening);
        }
        world.deleting = true;
        world.settle();
        prop_assert!(world.gone && !world.finalizer, "{:?}", world);
        prop_assert_eq!(world.broken, None, "{:?}", world);
        // What is retained is let go with the platform down too; only its mark then stays behind.
        let mark_stays = world.left_offline && world.policy.deletion == DeletionPolicy::Retain;
        prop_assert!(world.ours() == 0 || mark_stays, "{:?}", world);
    }
}
