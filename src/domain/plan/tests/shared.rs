//! A user's one key: how the User comes by it, and what its Tokens do with it.

use super::*;
use crate::domain::rotation::Rotation;

/// A Token on a platform with one key per user; the User's Secret holds that key.
fn of_one_key(facts: Facts<Change>, key: Option<&str>) -> Facts<Change> {
    facts
        .powers(|powers| powers.marks = false)
        .with(|facts| facts.token.shared = Some(SharedKey { id: key.map(str::to_owned) }))
}

/// One that publishes the key `b` and is whole.
fn publishes() -> Facts<Change> {
    let facts = of_one_key(token(), Some("b"));
    facts.last(|found| found.ownership = Ownership::Unmarked)
}

fn asked(facts: Facts<Change>) -> Facts<Change> {
    facts.with(|facts| facts.rotate = true)
}

fn without_secret(facts: Facts<Change>) -> Facts<Change> {
    facts.with(|facts| {
        facts.token.credential = None;
        facts.slots[0].state = SlotState::Absent;
    })
}

fn every(hours: u64) -> Rotation {
    Rotation { every: Some(Duration::from_hours(hours)), ..Rotation::default() }
}

#[test]
fn a_token_publishes_the_key_of_its_user() {
    let publish = || vec![Step::Publish(0)];
    let foreign = begun(Kind::Token).holds(slot(Source::ShownOnce, SlotState::Foreign));
    check([
        ("the first time", of_one_key(new_token(), Some("b")), publish(), is("b", How::Created)),
        ("a request with it is answered", asked(of_one_key(new_token(), Some("b"))), publish(), is("b", How::Created)),
        ("it has it", publishes(), vec![], is("b", How::Known)),
        ("the User has another one", of_one_key(publishes(), Some("c")), publish(), is("c", How::Restored)),
        ("its Secret is gone", without_secret(publishes()), publish(), is("b", How::Restored)),
        ("its Secret was edited", publishes().says(|said| said.sound = false), publish(), is("b", How::Restored)),
        (
            "what the manifest adds has changed",
            publishes().last(|found| found.stale = vec![0]),
            vec![Step::Refresh(0)],
            is("b", How::Known),
        ),
        (
            "a reset without an answer: what the User has counts",
            publishes().with(|facts| facts.attempt_open = true),
            vec![],
            is("b", How::Known),
        ),
        (
            "the User has none",
            of_one_key(publishes(), None),
            vec![],
            held_until(Reason::DependencyNotReady, Requeue::Poll),
        ),
        (
            "somebody else's Secret",
            of_one_key(foreign, Some("b")),
            vec![],
            held_until(Reason::SecretConflict, Requeue::Poll),
        ),
    ]);
}

#[test]
fn renewing_replaces_it_without_an_overlap() {
    let old = publishes().rotates(every(1)).says(|said| said.issued_at = Some(ago(2 * HOUR)));
    check([
        ("asked for", asked(publishes()), mint(3, None), makes(How::Rotated)),
        ("asked for while its Secret is gone", asked(without_secret(publishes())), mint(3, None), makes(How::Rotated)),
        ("due", old, mint(3, None), makes(How::Rotated)),
        ("not due", publishes().rotates(every(9)), vec![], is("b", How::Known)),
        (
            "the User has a newer one: that is the answer",
            of_one_key(asked(publishes()), Some("c")),
            vec![Step::Publish(0)],
            is("c", How::Restored),
        ),
    ]);
}

#[test]
fn its_end_replaces_it_once_more() {
    let ends = || publishes().deleting();
    check([
        ("it is revoked", ends(), vec![delete("b"), Step::RemoveFinalizer], Verdict::Gone),
        ("it cannot be", ends().powers(|powers| powers.deletes = false), vec![], held(Reason::LeftBehind)),
    ]);
}

/// A User whose Secret holds a password that was made and a key that the creation shows.
fn login(state: SlotState) -> Facts<Change> {
    let both = Slot { shown: true, ..slot(Source::Settable, state) };
    begun(Kind::User).powers(|powers| powers.marks = false).holds(both)
}

/// The same, made as `1`.
fn has_login(state: SlotState) -> Facts<Change> {
    let facts = login(state).recorded("1").shows("1", Ownership::Unmarked);
    facts.with(|facts| {
        facts.slots[0].written = true;
        facts.slots[0].made_for = Some("1".to_owned());
    })
}

fn renew() -> Step<Change> {
    Step::Renew { id: "1".to_owned(), slot: 0 }
}

#[test]
fn a_user_gets_a_password_that_is_made_and_a_key_that_is_shown() {
    let whole = || has_login(SlotState::Ours(Content::Whole));
    let push = || Step::Push { id: "1".to_owned(), slot: 0 };
    check([
        (
            "the password first, and its Secret proved",
            login(SlotState::Absent),
            vec![Step::Generate(0), Step::ProveWritable(0), Step::RecordAttempt(1), create_as(1)],
            makes(How::Created),
        ),
        ("begun before", login(SlotState::Ours(Content::Whole)), mint(1, None), makes(How::Created)),
        ("as it was", whole(), vec![], is("1", How::Known)),
        (
            "the platform shows another key",
            whole().last(|found| found.shown_again = vec![0]),
            vec![Step::Publish(0)],
            is("1", How::Known),
        ),
        (
            "both are renewed on request, the key first",
            asked(whole()).last(|found| found.shows_key = true),
            vec![renew(), Step::Stage(0), push(), Step::Promote(0)],
            is("1", How::Known),
        ),
        (
            "the password alone where keys are hidden",
            asked(whole()),
            vec![Step::Stage(0), push(), Step::Promote(0)],
            is("1", How::Known),
        ),
        (
            "a renewal that was cut off goes on",
            asked(has_login(SlotState::Ours(Content::Staged))).last(|found| found.shows_key = true),
            vec![push(), Step::Promote(0)],
            is("1", How::Known),
        ),
        (
            "the key was shown and not stored",
            whole().with(|facts| facts.slots[0].made_for = None),
            vec![],
            held_until(Reason::ValueUnavailable, Requeue::Poll),
        ),
        (
            "the password is lost",
            has_login(SlotState::Absent),
            vec![],
            held_until(Reason::ValueUnavailable, Requeue::Poll),
        ),
    ]);
}

#[test]
fn a_machine_gets_the_key_alone() {
    let machine = |state: SlotState| {
        let facts = begun(Kind::User).powers(|powers| powers.marks = false).holds(slot(Source::ShownOnce, state));
        facts.recorded("1").shows("1", Ownership::Unmarked)
    };
    let renews = || vec![Step::ProveWritable(0), Step::RecordAttempt(1), renew()];
    check([
        ("asked for", asked(machine(SlotState::Ours(Content::Whole))), renews(), is("1", How::Known)),
        ("asked for, and lost", asked(machine(SlotState::Absent)), renews(), is("1", How::Known)),
        (
            "lost, and the platform shows it again",
            machine(SlotState::Absent).last(|found| found.shown_again = vec![0]),
            vec![Step::Publish(0)],
            is("1", How::Known),
        ),
        (
            "lost, and it does not",
            machine(SlotState::Absent),
            vec![],
            held_until(Reason::ValueUnavailable, Requeue::Poll),
        ),
    ]);
}

#[test]
fn what_cannot_be_renewed_is_said_before_anything_is_tried() {
    let unable = |facts: Facts<Change>| facts.powers(|powers| powers.renews = false);
    let timed = publishes().says(|said| said.issued_at = None).with(|facts| facts.token.rotation = every(24));
    let user = made(Kind::User).holds(slot(Source::ShownOnce, SlotState::Ours(Content::Whole)));
    for (case, facts) in [("a request", asked(publishes())), ("a period", timed), ("a User's own", asked(user))] {
        let made = plan(&unable(facts), now());
        assert_eq!(made.steps, vec![], "{case}");
        let Verdict::Held(state, _) = made.verdict else { panic!("{case}: {:?}", made.verdict) };
        assert_eq!(state.reason, Reason::Unsupported, "{case}");
    }
    let made = plan(&unable(publishes()), now());
    assert!(matches!(made.verdict, Verdict::Settled { .. }), "{made:?}");
}
