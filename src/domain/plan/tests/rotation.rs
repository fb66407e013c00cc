//! When a token is replaced, by which steps, and what becomes of the ones before.

use super::*;

/// An hour in seconds before now is when the token was minted; it is renewed at that age.
fn due() -> Rotation {
    Rotation { every: Some(hours(1)), overlap: Some(Duration::from_mins(30)), ..Rotation::default() }
}

fn every(period: u64) -> Rotation {
    Rotation { every: Some(hours(period)), ..Rotation::default() }
}

/// Minted so long ago.
fn aged(rotation: Rotation, seconds: i64) -> Facts<Change> {
    token().rotates(rotation).says(|said| said.issued_at = Some(ago(seconds)))
}

/// As that, and the one before it, `a`, still lives.
fn followed(rotation: Rotation, seconds: i64) -> Facts<Change> {
    aged(rotation, seconds).shows("a", Ownership::OurAttempt(1)).says(|said| said.previous = Some("a".to_owned()))
}

/// The same on a platform without marks, which shows those whose ids are known.
fn without_marks(facts: Facts<Change>) -> Facts<Change> {
    let unmark = |found: &mut Candidate<Change>| found.ownership = Ownership::Unmarked;
    facts.powers(|powers| powers.marks = false).with(|facts| facts.candidates.iter_mut().for_each(unmark))
}

fn cannot_revoke(facts: Facts<Change>) -> Facts<Change> {
    facts.powers(|powers| powers.deletes = false)
}

fn left(facts: Facts<Change>, id: &str) -> Facts<Change> {
    facts.with(|facts| facts.left_behind.push(id.to_owned()))
}

/// The Secret is gone, or not whole.
fn without_secret(facts: Facts<Change>) -> Facts<Change> {
    facts.with(|facts| facts.token.credential = None)
}

fn kept() -> Verdict {
    is("b", How::Known)
}

fn rotated() -> Verdict {
    makes(How::Rotated)
}

#[test]
fn a_token_is_minted_with_its_attempt_recorded_and_its_secret_proved() {
    let all = [vec![Step::AddFinalizer, Step::HoldPlatform], mint(1, None)].concat();
    let new = new_token().with(|facts| (facts.finalizer, facts.platform_held) = (false, false));
    let foreign = new_token().with(|facts| facts.slots[0].state = SlotState::Foreign);
    check([
        ("a new one", new, all, makes(How::Created)),
        ("after two attempts", new_token().with(|facts| facts.attempt = 2), mint(3, None), makes(How::Created)),
        ("into a Secret that is somebody else's", foreign, vec![], held_until(Reason::SecretConflict, Requeue::Poll)),
        ("one that is there needs nothing", token(), vec![], kept()),
        ("but its finalizer", token().with(|facts| facts.finalizer = false), vec![Step::AddFinalizer], kept()),
    ]);
}

#[test]
fn a_token_is_replaced_when_it_is_due() {
    let life = |hours_| Rotation { lifetime: Some(hours(hours_)), ..Rotation::default() };
    let replaced = || mint(3, Some("b"));
    let ends = |facts: Facts<Change>, seconds| facts.says(|said| said.expires_at = Some(ahead(seconds)));
    check([
        ("a second before its age", aged(every(100), 100 * HOUR - 1), vec![], kept()),
        ("at its age", aged(every(100), 100 * HOUR), replaced(), rotated()),
        ("before two thirds of its life", aged(life(30), 20 * HOUR - 1), vec![], kept()),
        ("at two thirds of its life", aged(life(30), 20 * HOUR), replaced(), rotated()),
        (
            "at two thirds of the life that the platform gave",
            ends(aged(life(30), 2 * HOUR), HOUR),
            replaced(),
            rotated(),
        ),
        ("the age goes before the life", ends(aged(every(100), 20 * HOUR), 10 * HOUR), vec![], kept()),
        ("never, where nothing is asked for", aged(Rotation::default(), 99_999 * HOUR), vec![], kept()),
        (
            "never, where nobody knows its age",
            token().rotates(due()).says(|said| said.issued_at = None),
            vec![],
            kept(),
        ),
        ("on request, at any age", aged(every(100), 0).with(|facts| facts.rotate = true), replaced(), rotated()),
    ]);
    let next = |facts| plan(&facts, now()).next;
    assert_eq!(next(aged(every(100), HOUR)), Some(ahead(99 * HOUR)), "the date is planned");
    assert_eq!(next(aged(Rotation::default(), HOUR)), None);
}

#[test]
fn every_token_has_its_own_share_of_the_last_tenth() {
    // This uid's share is a half.
    let shared = |seconds| aged(every(100), seconds).with(|facts| facts.token.share = Share::of("uid-4077"));
    check([
        ("a second before", shared(95 * HOUR - 1), vec![], kept()),
        ("a twentieth early", shared(95 * HOUR), mint(3, Some("b")), rotated()),
        ("another has another", aged(every(100), 95 * HOUR), vec![], kept()),
    ]);
}

#[test]
fn a_backlog_is_spread_over_a_minute() {
    let shared = |facts: Facts<Change>| facts.with(|facts| facts.token.share = Share::of("uid-4077"));
    let noticed = |seconds| {
        let late = aged(every(10), 30 * HOUR).with(|facts| facts.token.due_since = Some(ago(seconds)));
        shared(late)
    };
    let ending = noticed(0).says(|said| said.expires_at = Some(ahead(60)));
    let replaced = || mint(3, Some("b"));
    check([
        ("noticed just now", noticed(0), vec![], kept()),
        ("its half of the minute is over", noticed(30), replaced(), rotated()),
        ("it would end meanwhile", ending, replaced(), rotated()),
        ("it came due while somebody looked", shared(aged(every(10), 9 * HOUR + 1859)), replaced(), rotated()),
        ("asked for", noticed(0).with(|facts| facts.rotate = true), replaced(), rotated()),
    ]);
    assert_eq!(plan(&noticed(0), now()).next, Some(ahead(30)));
}

#[test]
fn the_one_before_goes_on_working_until_the_overlap_is_over() {
    let overlap = |overlap| Rotation { overlap: Some(hours(overlap)), ..every(100) };
    let revoked = || vec![revoke("a")];
    let named = |seconds| aged(every(100), seconds).says(|said| said.previous = Some("a".to_owned()));
    let edited = named(10 * HOUR).shows("a", Ownership::Unmarked);
    check([
        ("a second before", followed(overlap(5), 5 * HOUR - 1), vec![], kept()),
        ("at its end", followed(overlap(5), 5 * HOUR), revoked(), kept()),
        ("a tenth of the period by default", followed(every(100), 10 * HOUR - 1), vec![], kept()),
        ("a tenth is over", followed(every(100), 10 * HOUR), revoked(), kept()),
        ("an hour, where only a request rotates", followed(Rotation::default(), HOUR - 1), vec![], kept()),
        ("the hour is over", followed(Rotation::default(), HOUR), revoked(), kept()),
        ("on a platform without marks", without_marks(followed(Rotation::default(), HOUR - 1)), vec![], kept()),
        ("on a platform without marks, over", without_marks(followed(Rotation::default(), HOUR)), revoked(), kept()),
        ("it has gone by itself", named(10 * HOUR), vec![], kept()),
        ("an edited Secret names one without our mark", edited, vec![], kept()),
    ]);
    let next = |facts| plan(&facts, now()).next;
    assert_eq!(next(followed(overlap(5), HOUR)), Some(ahead(4 * HOUR)), "its end is planned");
    assert_eq!(next(followed(overlap(5), 5 * HOUR)), Some(ahead(95 * HOUR)), "then the next renewal");
    assert_eq!(next(named(HOUR)), Some(ahead(99 * HOUR)), "nothing is to be revoked any more");
}

#[test]
fn without_an_overlap_the_one_before_ends_when_the_new_one_is_stored() {
    let none = Rotation { overlap: Some(Duration::ZERO), ..every(1) };
    let then_revoked = |id: &str| [mint(3, Some(id)), vec![revoke(id)]].concat();
    check_left([
        ("due", aged(none, HOUR), then_revoked("b"), &[]),
        ("its value is lost", without_secret(aged(none, 0)), then_revoked("b"), &[]),
        ("it cannot be revoked", cannot_revoke(aged(none, HOUR)), mint(3, Some("b")), &["b"]),
        ("with an overlap it stays", aged(due(), HOUR), mint(3, Some("b")), &[]),
    ]);
}

#[test]
fn there_are_never_more_than_the_new_one_and_the_one_before() {
    let again = || followed(due(), HOUR).says(|said| said.issued_at = Some(ago(60)));
    let asked = |facts: Facts<Change>| facts.with(|facts| facts.rotate = true);
    let replaced = || revoke_and("a", mint(3, Some("b")));
    check([
        ("rotated twice within the overlap", asked(again()), replaced(), rotated()),
        ("as that, on a platform without marks", asked(without_marks(again())), replaced(), rotated()),
        ("the overlap goes on if not", again(), vec![], kept()),
    ]);
}

#[test]
fn what_was_minted_and_never_stored_is_revoked_before_the_next() {
    let orphan = |facts: Facts<Change>| facts.shows("lost", Ownership::OurAttempt(1));
    let first = || orphan(new_token().with(|facts| (facts.attempt, facts.attempt_open) = (1, true)));
    let of = |ownership| token().shows("x", ownership);
    let third = |facts: &mut Facts<Change>| (facts.attempt, facts.attempt_open) = (3, true);
    let cut_off = || aged(every(1), HOUR).shows("new", Ownership::OurAttempt(3)).with(third);
    check([
        ("the first attempt was cut off", first(), revoke_and("lost", mint(2, None)), makes(How::Created)),
        ("the twin of the one in the Secret", orphan(token()), vec![revoke("lost")], kept()),
        ("when it is due", orphan(aged(every(1), HOUR)), revoke_and("lost", mint(3, Some("b"))), rotated()),
        ("a rotation that was cut off", cut_off(), revoke_and("new", mint(4, Some("b"))), rotated()),
        ("another resource's is not", of(Ownership::Other), vec![], kept()),
        ("nor one that a person made", of(Ownership::Unmarked), vec![], kept()),
    ]);
}

#[test]
fn a_token_of_an_attempt_that_nobody_recorded_is_left_behind_and_its_number_not_used_again() {
    let forgotten = |facts: Facts<Change>| facts.shows("x", Ownership::OurAttempt(7));
    let rebuilt = || forgotten(new_token().with(|facts| facts.attempt = 1));
    let stored_later = token().with(|facts| facts.attempt = 0).shows("a", Ownership::OurAttempt(1));
    check_left([
        ("a cluster rebuilt without its Secrets", rebuilt(), mint(8, None), &["x"]),
        ("it goes on being named", left(rebuilt(), "x"), mint(8, None), &["x"]),
        ("beside one that works", forgotten(token()), vec![], &["x"]),
        ("when that is due", forgotten(aged(every(1), HOUR)), mint(8, Some("b")), &["x"]),
        ("it has gone meanwhile", left(token(), "x"), vec![], &[]),
        ("where nobody can tell, it stays named", left(without_marks(token()), "x"), vec![], &["x"]),
        ("the Secret records an attempt as well as status", stored_later, vec![revoke("a")], &[]),
    ]);
}

#[test]
fn what_cannot_be_revoked_is_named() {
    let orphan = || cannot_revoke(token().shows("lost", Ownership::OurAttempt(1)));
    let over = || followed(Rotation::default(), HOUR);
    check_left([
        ("the one before, when the overlap is over", cannot_revoke(over()), vec![], &["a"]),
        ("as that, on a platform without marks", cannot_revoke(without_marks(over())), vec![], &["a"]),
        ("it is named once", left(cannot_revoke(over()), "a"), vec![], &["a"]),
        ("not while the overlap lasts", cannot_revoke(followed(Rotation::default(), HOUR - 1)), vec![], &[]),
        ("one that was never stored", orphan(), vec![], &["lost"]),
        ("where it can be, it is revoked", over(), vec![revoke("a")], &[]),
    ]);
}

#[test]
fn a_token_whose_value_is_lost_is_replaced_and_goes_on_working_for_the_overlap() {
    let edited = |id: &str| token().says(|said| (said.id, said.sound) = (id.to_owned(), false));
    let stored_only = || token().with(|facts| facts.recorded_id = None);
    let unsound = |facts: Facts<Change>| facts.says(|said| said.sound = false);
    let restored = || (mint(3, Some("b")), makes(How::Restored));
    check([
        ("the Secret was deleted", without_secret(token()), restored().0, restored().1),
        ("its value was edited", unsound(token()), restored().0, restored().1),
        ("edited before its id was recorded: our mark proves it", unsound(stored_only()), restored().0, restored().1),
        ("edited to name another's token", edited("x").shows("x", Ownership::Other), restored().0, restored().1),
        ("edited to name nobody's", edited("x").shows("x", Ownership::Unmarked), restored().0, restored().1),
        (
            "edited, nothing recorded, nobody's",
            without_marks(unsound(stored_only())),
            mint(3, None),
            makes(How::Created),
        ),
        ("stored and not recorded: nothing is lost", stored_only(), vec![], kept()),
    ]);
}

#[test]
fn a_restored_or_copied_secret_is_taken_up_where_its_value_logs_in() {
    // Which is what makes a credential of it; its attempt is of the time before.
    let copied = |ownership| {
        let facts = new_token().shows("b", ownership).with(|facts| facts.token.credential = Some(credential()));
        facts.with(|facts| facts.slots[0].state = claimed(Some("b"), Content::Whole))
    };
    let not_ours_yet = |facts: Facts<Change>| facts.last(|found| found.stale = vec![0]);
    let dead = || new_token().with(|facts| facts.slots[0].state = claimed(Some("b"), Content::Whole));
    check([
        ("it logs in", not_ours_yet(copied(Ownership::OurAttempt(2))), vec![Step::Refresh(0)], kept()),
        ("released by another cluster", not_ours_yet(copied(Ownership::Unmarked)), vec![Step::Refresh(0)], kept()),
        ("it does not: a new one is minted into it", dead(), mint(1, None), makes(How::Created)),
        (
            "another owner's by its mark is left to that one",
            copied(Ownership::Other),
            mint(3, None),
            makes(How::Created),
        ),
    ]);
}

#[test]
fn a_token_that_vanished_is_made_again_as_far_as_the_limit_goes() {
    let gone = || token().away(ago(30));
    let many = |facts: Facts<Change>| facts.with(|facts| facts.may_recreate = false);
    let slow =
        |made| gone().powers(|p| p.visible_after = Duration::from_secs(90)).with(|f| f.made_at = Some(ago(made)));
    let again = || (mint(3, None), makes(How::Recreated));
    let brake = held_until(Reason::ExternalIDNotFound, Requeue::Backoff);
    check([
        ("seen once", token().shows_nothing(), vec![], looks_again()),
        ("again, too soon", token().away(ago(29)), vec![], looks_again()),
        ("again, 30 seconds later", gone(), again().0, again().1),
        ("with its Secret", without_secret(gone()), again().0, again().1),
        ("minted a moment ago, where it may not be shown yet", slow(89), vec![], looks_again()),
        ("when it must be shown", slow(90), again().0, again().1),
        ("many did", many(gone()), vec![], brake),
        ("many did, and somebody decides", many(gone()).answered(Resolve::StartOver), again().0, again().1),
    ]);
    let said = "the token is gone from the platform, and so much else is that it may have been emptied or restored: a new \
                one is made within the hour, or now with the annotation org-operator.dev/resolve=start-over/2";
    assert_eq!(message(&many(gone())), said);
    assert_eq!(message(&token().shows_nothing()), "b is not on the platform: looking again before anything is done");
}

#[test]
fn a_token_that_has_ended_is_replaced_at_once_however_many_have() {
    let ends = |seconds| token().shows_nothing().says(|said| said.expires_at = Some(ahead(seconds)));
    let many = |facts: Facts<Change>| facts.with(|facts| facts.may_recreate = false);
    let shown = token().rotates(Rotation { lifetime: Some(hours(1)), ..Rotation::default() });
    let noticed = |facts: &mut Facts<Change>| facts.token.due_since = Some(now());
    let shown = shown.says(|said| said.expires_at = Some(now())).with(noticed);
    check([
        ("its end has come", ends(0), mint(3, None), rotated()),
        ("as that, of many", many(ends(-HOUR)), mint(3, None), rotated()),
        ("it vanished before its end", ends(1), vec![], looks_again()),
        ("the platform still shows it", shown, mint(3, Some("b")), rotated()),
    ]);
}

#[test]
fn without_marks_the_one_before_goes_on_working_as_well() {
    check([("due", without_marks(aged(due(), HOUR)), mint(3, Some("b")), rotated())]);
}
