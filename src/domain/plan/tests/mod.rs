//! The rules of the plan as tables: what is given, what is done, what is true then. The properties that hold over all of
//! them are in [`super::properties`].

use std::time::Duration;

use super::*;
use crate::domain::naming::Ownership;
use crate::domain::policy::{AdoptionPolicy, DeletionPolicy, DriftPolicy};
use crate::domain::request::Resolve;
use crate::domain::rotation::{Rotation, Share};

mod deletion;
mod drift;
mod grants;
mod identity;
mod requests;
mod rotation;
mod secrets;
mod shared;
mod twins;

type Change = &'static str;

const HOUR: i64 = 3600;

fn now() -> Timestamp {
    Timestamp::from_second(100_000_000).unwrap()
}

/// So many seconds before now.
fn ago(seconds: i64) -> Timestamp {
    ahead(-seconds)
}

/// So many seconds after now.
fn ahead(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() + seconds).unwrap()
}

fn hours(hours: u64) -> Duration {
    Duration::from_hours(hours)
}

/// A new resource with nothing anywhere, that may do everything, on a platform that can do everything.
fn new(kind: Kind) -> Facts<Change> {
    Facts {
        kind,
        name: "acme".to_owned(),
        deleting: false,
        finalizer: false,
        platform_held: false,
        outage: None,
        outage_since: None,
        refused: None,
        policy: Policy {
            adoption: AdoptionPolicy::Never,
            may_adopt: true,
            deletion: DeletionPolicy::Delete,
            may_delete: true,
            drift: DriftPolicy::Correct,
            external_id: None,
        },
        powers: Powers { marks: true, deletes: true, renews: true, visible_after: Duration::ZERO },
        recorded_id: None,
        made_at: None,
        missing_since: None,
        parent: None,
        candidates: Vec::new(),
        slots: Vec::new(),
        attempt: 0,
        attempt_open: false,
        given_up: 0,
        dependents: 0,
        resolve: None,
        rotate: false,
        may_recreate: true,
        braked: false,
        token: TokenFacts::default(),
        left_behind: Vec::new(),
    }
}

/// One whose finalizers are set, and of which nothing else is known.
fn begun(kind: Kind) -> Facts<Change> {
    Facts { finalizer: true, platform_held: true, ..new(kind) }
}

/// One that has been made as `1`, recorded and marked.
fn made(kind: Kind) -> Facts<Change> {
    begun(kind).recorded("1").shows("1", Ownership::Ours)
}

/// A Token whose credential is still to be minted.
fn new_token() -> Facts<Change> {
    begun(Kind::Token).holds(slot(Source::ShownOnce, SlotState::Absent))
}

/// A Token whose second attempt minted `b`, an hour ago, and whose Secret is whole.
fn token() -> Facts<Change> {
    let whole = SlotState::Ours(Content::Whole);
    let facts = begun(Kind::Token).recorded("b").shows("b", Ownership::OurAttempt(2));
    let facts = facts.holds(Slot { written: true, ..slot(Source::ShownOnce, whole) });
    facts.with(|facts| (facts.attempt, facts.token.credential) = (2, Some(credential())))
}

/// What its Secret says.
fn credential() -> Credential {
    let issued_at = Some(ago(HOUR));
    Credential { id: "b".to_owned(), attempt: 2, issued_at, expires_at: None, previous: None, sound: true }
}

fn slot(source: Source, state: SlotState) -> Slot {
    let secret = "acme-secret".to_owned();
    let (remedy, shown) = ("ask for a new one", source == Source::ShownOnce);
    Slot { secret, source, shown, state, made_for: None, collected: true, written: false, late: Late::Never, remedy }
}

/// A Secret of an earlier resource of this name, whose values belong to the object with that id.
fn claimed(external_id: Option<&str>, content: Content) -> SlotState {
    SlotState::Claimed { external_id: external_id.map(str::to_owned), content }
}

impl Facts<Change> {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn recorded(self, id: &str) -> Self {
        self.with(|facts| facts.recorded_id = Some(id.to_owned()))
    }

    /// The platform shows an object that is as the manifest says.
    fn shows(self, id: &str, ownership: Ownership) -> Self {
        let candidate = Candidate {
            id: id.to_owned(),
            ownership,
            change: None,
            drift: Vec::new(),
            rival: None,
            stale: Vec::new(),
            shows_key: false,
            shown_again: Vec::new(),
        };
        self.with(|facts| facts.candidates.push(candidate))
    }

    /// The platform shows one that is not.
    fn differs(self, id: &str, ownership: Ownership, change: Change) -> Self {
        self.shows(id, ownership).last(|found| found.change = Some(change))
    }

    /// Changes what the platform shows last.
    fn last(self, change: impl FnOnce(&mut Candidate<Change>)) -> Self {
        self.with(|facts| change(facts.candidates.last_mut().unwrap()))
    }

    /// The platform shows nothing.
    fn shows_nothing(self) -> Self {
        self.with(|facts| facts.candidates.clear())
    }

    fn holds(self, slot: Slot) -> Self {
        self.with(|facts| facts.slots.push(slot))
    }

    fn policy(self, change: impl FnOnce(&mut Policy)) -> Self {
        self.with(|facts| change(&mut facts.policy))
    }

    fn powers(self, change: impl FnOnce(&mut Powers)) -> Self {
        self.with(|facts| change(&mut facts.powers))
    }

    fn rotates(self, rotation: Rotation) -> Self {
        self.with(|facts| facts.token.rotation = rotation)
    }

    /// Changes what the Token's Secret says.
    fn says(self, change: impl FnOnce(&mut Credential)) -> Self {
        self.with(|facts| change(facts.token.credential.as_mut().unwrap()))
    }

    fn answered(self, resolve: Resolve) -> Self {
        self.with(|facts| facts.resolve = Some(resolve))
    }

    fn deleting(self) -> Self {
        self.with(|facts| facts.deleting = true)
    }

    /// Away since then, as far as was seen.
    fn away(self, since: Timestamp) -> Self {
        self.shows_nothing().with(|facts| facts.missing_since = Some(since))
    }
}

/// A row of a table.
type Row = (&'static str, Facts<Change>, Vec<Step<Change>>, Verdict);

/// The sentence, what is given, what is done, what is true then.
fn check<const N: usize>(rows: [Row; N]) {
    for (sentence, given, steps, verdict) in rows {
        let plan = plan(&given, now());
        assert_eq!(plan.steps, steps, "{sentence}");
        // What it says in words is for the rows that are about words.
        let said = match (&plan.verdict, verdict) {
            (Verdict::Held(said, _), Verdict::Held(state, requeue)) => {
                Verdict::Held(State { message: said.message.clone(), ..state }, requeue)
            }
            (Verdict::Hidden(said, _), Verdict::Hidden(state, requeue)) => {
                Verdict::Hidden(State { message: said.message.clone(), ..state }, requeue)
            }
            (_, verdict) => verdict,
        };
        assert_eq!(plan.verdict, said, "{sentence}");
        assert_eq!(plan.left_behind, given.left_behind, "{sentence}");
    }
}

/// A row about what is left behind.
type RowLeft = (&'static str, Facts<Change>, Vec<Step<Change>>, &'static [&'static str]);

/// The sentence, what is given, what is done, what is left behind then.
fn check_left<const N: usize>(rows: [RowLeft; N]) {
    for (sentence, given, steps, left_behind) in rows {
        let plan = plan(&given, now());
        assert_eq!(plan.steps, steps, "{sentence}");
        assert_eq!(plan.left_behind, left_behind, "{sentence}");
    }
}

/// What a plan that does nothing says.
fn message(facts: &Facts<Change>) -> String {
    match plan(facts, now()).verdict {
        Verdict::Held(state, _) => state.message,
        verdict => panic!("{verdict:?}"),
    }
}

/// It is there under that id.
fn is(id: &str, how: How) -> Verdict {
    Verdict::Settled { id: Some(id.to_owned()), how }
}

/// The steps make it.
fn makes(how: How) -> Verdict {
    Verdict::Settled { id: None, how }
}

/// It waits for a change, or for the regular resync.
fn held(reason: Reason) -> Verdict {
    held_until(reason, Requeue::Resync)
}

fn held_until(reason: Reason, requeue: Requeue) -> Verdict {
    Verdict::Held(State::new(reason, ""), requeue)
}

/// It was made so lately that what was said of it stays true.
fn hidden() -> Verdict {
    Verdict::Hidden(State::new(Reason::Progressing, ""), Requeue::After(ABSENCE))
}

/// It is seen to be away, and is looked for again.
fn looks_again() -> Verdict {
    held_until(Reason::Progressing, Requeue::After(ABSENCE))
}

fn create() -> Step<Change> {
    Step::Create { attempt: None, previous: None }
}

fn create_as(attempt: i64) -> Step<Change> {
    Step::Create { attempt: Some(attempt), previous: None }
}

/// What minting takes, in order; the one that is replaced goes on working.
fn mint(attempt: i64, previous: Option<&str>) -> Vec<Step<Change>> {
    let previous = previous.map(str::to_owned);
    vec![Step::ProveWritable(0), Step::RecordAttempt(attempt), Step::Create { attempt: Some(attempt), previous }]
}

/// Revokes one first.
fn revoke_and(id: &str, then: Vec<Step<Change>>) -> Vec<Step<Change>> {
    let mut steps = vec![revoke(id)];
    steps.extend(then);
    steps
}

fn update(id: &str, change: Change) -> Step<Change> {
    Step::Update { id: id.to_owned(), change }
}

fn revoke(id: &str) -> Step<Change> {
    Step::Revoke(id.to_owned())
}

fn delete(id: &str) -> Step<Change> {
    Step::Delete(id.to_owned())
}

fn release(id: &str) -> Step<Change> {
    Step::Release(id.to_owned())
}
