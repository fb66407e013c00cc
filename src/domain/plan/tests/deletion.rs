//! What is done on the platform, and what is left to the cluster, when a resource is deleted.

use super::*;

const ORGANIZATION: Kind = Kind::Organization;

fn deleted(kind: Kind) -> Facts<Change> {
    made(kind).deleting()
}

fn retained(facts: Facts<Change>) -> Facts<Change> {
    facts.deleting().policy(|policy| policy.deletion = DeletionPolicy::Retain)
}

/// The platform has not answered since then.
fn unreachable(facts: Facts<Change>, since: Option<Timestamp>) -> Facts<Change> {
    let outage = State::new(Reason::PlatformUnavailable, "no connection");
    facts.shows_nothing().with(|facts| (facts.outage, facts.outage_since) = (Some(outage), since))
}

fn cannot_delete(facts: Facts<Change>) -> Facts<Change> {
    facts.powers(|powers| powers.deletes = false)
}

/// A Token whose one before, `a`, still works.
fn overlapping() -> Facts<Change> {
    token().shows("a", Ownership::OurAttempt(1)).says(|said| said.previous = Some("a".to_owned()))
}

/// A Token whose edited Secret names one without our mark as the one before.
fn misled() -> Facts<Change> {
    token().shows("x", Ownership::Unmarked).says(|said| said.previous = Some("x".to_owned()))
}

/// A Token whose one before still works, on a platform that keeps no marks and shows what is asked for by id.
fn overlapping_without_marks() -> Facts<Change> {
    let unmarked = token().shows_nothing().shows("b", Ownership::Unmarked).shows("a", Ownership::Unmarked);
    unmarked.says(|said| said.previous = Some("a".to_owned())).powers(|powers| powers.marks = false)
}

fn secret(state: SlotState, collected: bool) -> Slot {
    Slot { collected, ..slot(Source::Generated, state) }
}

/// The steps that delete those, and let the resource go.
fn gone(ids: &[&str]) -> Vec<Step<Change>> {
    ids.iter().map(|id| delete(id)).chain([Step::RemoveFinalizer]).collect()
}

/// The steps that take our mark off that, and let the resource go.
fn let_go(id: &str) -> Vec<Step<Change>> {
    vec![release(id), Step::RemoveFinalizer]
}

#[test]
fn what_is_ours_goes_and_nothing_else() {
    let user = |ownership| begun(Kind::User).shows("1", ownership).deleting();
    let go = Verdict::Gone;
    check([
        ("never begun", new(Kind::User).deleting(), vec![], go.clone()),
        ("recorded", deleted(Kind::User), gone(&["1"]), go.clone()),
        ("recorded, its mark taken off", user(Ownership::Unmarked).recorded("1"), gone(&["1"]), go.clone()),
        ("recorded, marked by another since", user(Ownership::Other).recorded("1"), gone(&[]), go.clone()),
        ("recorded, offered by another", user(Ownership::Offered).recorded("1"), gone(&[]), go.clone()),
        ("created and not recorded any more", user(Ownership::Ours), gone(&["1"]), go.clone()),
        ("nobody's, of that name", user(Ownership::Unmarked), gone(&[]), go.clone()),
        ("gone already", deleted(Kind::User).shows_nothing(), gone(&[]), go),
    ]);
}

#[test]
fn an_organisation_goes_last_counted_and_only_where_its_namespace_may() {
    let counted = || vec![Step::CountDeletion, delete("1"), Step::RemoveFinalizer];
    let used = |facts: Facts<Change>| facts.with(|facts| facts.dependents = 2);
    let forbidden = |facts: Facts<Change>| facts.policy(|policy| policy.may_delete = false);
    let braked = |facts: Facts<Change>| facts.with(|facts| facts.braked = true);
    let absent = || deleted(ORGANIZATION).shows_nothing();
    check([
        ("counted before it is deleted", deleted(ORGANIZATION), counted(), Verdict::Gone),
        ("with Users and Tokens", used(deleted(ORGANIZATION)), vec![], held(Reason::DependentsExist)),
        ("with Users, gone already", used(absent()), vec![], held(Reason::DependentsExist)),
        ("without the grant", forbidden(deleted(ORGANIZATION)), vec![], held(Reason::NotPermitted)),
        ("without the grant, gone already", forbidden(absent()), gone(&[]), Verdict::Gone),
        ("while the brake holds", braked(deleted(ORGANIZATION)), vec![], held(Reason::DeletionHeld)),
        ("while the brake holds, gone already", braked(absent()), gone(&[]), Verdict::Gone),
        ("users are not counted", braked(deleted(Kind::User)), gone(&["1"]), Verdict::Gone),
        ("their namespace may delete them", forbidden(deleted(Kind::User)), gone(&["1"]), Verdict::Gone),
        (
            "dependents are said before the grant",
            used(forbidden(deleted(ORGANIZATION))),
            vec![],
            held(Reason::DependentsExist),
        ),
        (
            "the grant is said before the brake",
            braked(forbidden(deleted(ORGANIZATION))),
            vec![],
            held(Reason::NotPermitted),
        ),
    ]);
    let said = "waits for 2 Users and Tokens of this organisation to be deleted first";
    assert_eq!(message(&used(deleted(ORGANIZATION))), said);
    assert!(message(&forbidden(deleted(ORGANIZATION))).contains("allowedNamespaces.permissions: [Delete]"));
    assert!(message(&braked(deleted(ORGANIZATION))).contains("org-operator.dev/resume-deletions-at"));
}

#[test]
fn a_token_goes_with_all_that_its_attempts_minted() {
    let others = || token().shows("theirs", Ownership::Other).deleting();
    let unknown = || token().shows("x", Ownership::OurAttempt(9)).with(|f| f.left_behind = vec!["x".to_owned()]);
    let unrecorded = || new_token().shows("lost", Ownership::OurAttempt(1)).deleting();
    let stored = |sound| {
        let only_stored = token().shows_nothing().shows("b", Ownership::Unmarked).says(|said| said.sound = sound);
        only_stored.deleting().with(|facts| facts.recorded_id = None)
    };
    let go = Verdict::Gone;
    check([
        ("one", token().deleting(), gone(&["b"]), go.clone()),
        ("the one before it too", overlapping().deleting(), gone(&["b", "a"]), go.clone()),
        ("on a platform without marks too", overlapping_without_marks().deleting(), gone(&["b", "a"]), go.clone()),
        ("minted and never stored", unrecorded(), gone(&["lost"]), go.clone()),
        ("even what was left behind carries our mark", unknown().deleting(), gone(&["b", "x"]), go.clone()),
        ("stored, neither marked nor recorded: an edited id", stored(true), gone(&[]), go.clone()),
        ("an edited Secret proves nothing", stored(false), gone(&[]), go.clone()),
        ("and cannot name another as the one before", misled().deleting(), gone(&["b"]), go.clone()),
        ("another resource's stays", others(), gone(&["b"]), go),
    ]);
}

#[test]
fn what_is_retained_loses_its_mark_and_keeps_its_secrets() {
    let retained_made = |kind| retained(made(kind));
    let used = retained_made(ORGANIZATION).with(|facts| (facts.dependents, facts.braked) = (3, true));
    let kept = retained_made(ORGANIZATION).policy(|policy| policy.may_delete = false);
    let secrets = retained_made(ORGANIZATION)
        .holds(secret(SlotState::Ours(Content::Broken), true))
        .holds(secret(SlotState::Foreign, false))
        .holds(secret(claimed(Some("1"), Content::Whole), false))
        .holds(secret(SlotState::Absent, false));
    let with_secrets = vec![release("1"), Step::ReleaseSecret(0), Step::RemoveFinalizer];
    let of = |ownership| retained(begun(Kind::User).recorded("1").shows("1", ownership));
    let go = Verdict::Gone;
    check([
        ("a user", retained_made(Kind::User), let_go("1"), go.clone()),
        ("an organisation in use, whatever the brake", used, let_go("1"), go.clone()),
        ("without the grant to delete", kept, let_go("1"), go.clone()),
        ("its own Secrets and no others", secrets, with_secrets, go.clone()),
        ("offline", unreachable(retained_made(Kind::User), None), gone(&[]), go.clone()),
        ("where the platform cannot delete", cannot_delete(retained_made(Kind::User)), let_go("1"), go.clone()),
        ("without a mark", of(Ownership::Unmarked), gone(&[]), go.clone()),
        ("another's by now", of(Ownership::Other), gone(&[]), go.clone()),
        ("never begun", retained(new(Kind::User)), vec![], go),
    ]);
}

#[test]
fn of_a_retained_token_the_one_in_use_stays_and_what_nobody_uses_is_revoked() {
    let end = [Step::ReleaseSecret(0), Step::RemoveFinalizer];
    let then = |steps: &[Step<Change>]| [steps, &end].concat();
    let unrecorded = || token().shows("x", Ownership::OurAttempt(9));
    let edited = || token().says(|said| (said.id, said.sound) = ("z".to_owned(), false));
    let left = || overlapping().with(|facts| facts.left_behind = vec!["a".to_owned()]);
    let kept_both = || then(&[release("b"), release("a")]);
    check_left([
        ("the one in use", retained(token()), then(&[release("b")]), &[]),
        ("the one before it", retained(overlapping()), then(&[release("b"), revoke("a")]), &[]),
        ("on a platform without marks", retained(overlapping_without_marks()), then(&[revoke("a")]), &[]),
        ("where nothing can be revoked", cannot_delete(retained(overlapping())), kept_both(), &[]),
        ("of an attempt that nobody recorded", retained(unrecorded()), then(&[release("b"), release("x")]), &[]),
        ("named as left behind", retained(left()), then(&[release("b"), release("a")]), &["a"]),
        ("whose Secret names one without our mark", retained(misled()), then(&[release("b")]), &[]),
        ("whose Secret was edited", retained(edited()), then(&[release("b")]), &[]),
    ]);
}

#[test]
fn the_secrets_of_what_is_deleted_go_with_it() {
    let with = |state, collected| deleted(Kind::User).holds(secret(state, collected));
    let whole = || SlotState::Ours(Content::Whole);
    let attached = vec![delete("1"), Step::AttachSecret(0), Step::RemoveFinalizer];
    let go = Verdict::Gone;
    check([
        ("one without an owner that would take it along", with(whole(), false), attached, go.clone()),
        ("one with", with(whole(), true), gone(&["1"]), go.clone()),
        ("somebody else's", with(SlotState::Foreign, false), gone(&["1"]), go.clone()),
        ("one that only claims to be ours", with(claimed(Some("1"), Content::Whole), false), gone(&["1"]), go.clone()),
        ("none", with(SlotState::Absent, false), gone(&["1"]), go),
    ]);
}

#[test]
fn what_the_platform_cannot_delete_is_named_until_somebody_lets_it_go() {
    let left = |facts: Facts<Change>| facts.with(|facts| facts.left_behind = vec!["x".to_owned()]);
    let without_marks = |facts: Facts<Change>| facts.powers(|powers| powers.marks = false);
    let stuck = || held(Reason::LeftBehind);
    let nothing = || cannot_delete(deleted(Kind::User).shows_nothing());
    check([
        ("a user", cannot_delete(deleted(Kind::User)), vec![], stuck()),
        ("nothing is there", nothing(), gone(&[]), Verdict::Gone),
        (
            "what was left behind before, where none can say that it ended",
            without_marks(left(nothing())),
            vec![],
            stuck(),
        ),
        ("what was left behind before and ended", left(nothing()), gone(&[]), Verdict::Gone),
        (
            "another's",
            cannot_delete(begun(Kind::User).shows("1", Ownership::Other).deleting()),
            gone(&[]),
            Verdict::Gone,
        ),
    ]);
    let said = |ids, kind| {
        format!(
            "the platform cannot delete it, so this is still there: the {kind} acme ({ids}); remove it there and patch \
             deletionPolicy to Retain, which lets this resource go at once"
        )
    };
    assert_eq!(message(&cannot_delete(deleted(Kind::User))), said("1", "User"));
    let tokens = || cannot_delete(overlapping().deleting());
    assert_eq!(message(&tokens()), said("b, a", "Token"));
    assert_eq!(message(&left(tokens())), said("b, a, x", "Token"));
    assert_eq!(message(&left(tokens().shows("x", Ownership::OurAttempt(1)))), said("b, a, x", "Token"));
    assert_eq!(message(&without_marks(left(nothing()))), said("x", "User"));
}

#[test]
fn what_may_have_been_made_and_carries_no_mark_is_left_to_a_person() {
    let open = |facts: Facts<Change>| facts.with(|facts| (facts.attempt, facts.attempt_open) = (2, true));
    let unanswered = |facts: Facts<Change>| open(facts).powers(|powers| powers.marks = false).deleting();
    let again = || unanswered(begun(Kind::User).recorded("1"));
    let stuck = || held(Reason::LeftBehind);
    check([
        ("the first", unanswered(begun(Kind::User)), vec![], stuck()),
        ("one of that name is there", unanswered(begun(Kind::User).shows("2", Ownership::Unmarked)), vec![], stuck()),
        ("made again after it had vanished", again(), vec![], stuck()),
        ("a token, of which the last is gone", unanswered(begun(Kind::Token).recorded("a")), vec![], stuck()),
        ("a person looked", again().answered(Resolve::StartOver), gone(&[]), Verdict::Gone),
        ("the answer came", again().with(|facts| facts.attempt_open = false), gone(&[]), Verdict::Gone),
        ("what vanished is there again", again().shows("1", Ownership::Unmarked), gone(&["1"]), Verdict::Gone),
        ("a mark would tell", again().powers(|powers| powers.marks = true), gone(&[]), Verdict::Gone),
    ]);
}

#[test]
fn a_platform_that_does_not_answer_is_waited_for_and_after_15_minutes_named() {
    let since = |seconds| unreachable(deleted(Kind::User), Some(ago(seconds)));
    let waits = || held_until(Reason::PlatformUnavailable, Requeue::Backoff);
    let stuck = || held_until(Reason::LeftBehind, Requeue::Backoff);
    let organization = unreachable(deleted(ORGANIZATION), Some(ago(HOUR)));
    check([
        ("seen now", unreachable(deleted(Kind::User), None), vec![], waits()),
        ("for 14:59", since(899), vec![], waits()),
        ("for 15:00: still tried", since(900), vec![], stuck()),
        ("an organisation", organization, vec![], stuck()),
        ("it is back", deleted(Kind::User), gone(&["1"]), Verdict::Gone),
        ("Retain lets it go", retained(since(HOUR)), gone(&[]), Verdict::Gone),
    ]);
    assert_eq!(message(&since(899)), "no connection");
    let said = |ids, kind| {
        format!(
            "the platform has not answered for 15 minutes, so this is still there: the {kind} acme ({ids}); remove it \
             there and patch deletionPolicy to Retain, which lets this resource go at once"
        )
    };
    let away = |facts: Facts<Change>| unreachable(facts.deleting(), Some(ago(900)));
    assert_eq!(message(&since(900)), said("1", "User"));
    assert_eq!(message(&away(begun(Kind::User))), said("no id is known", "User"));
    assert_eq!(message(&away(token().with(|facts| facts.recorded_id = None))), said("b", "Token"));
    assert_eq!(message(&away(overlapping())), said("b, a", "Token"), "its overlap had not ended");
    let half_an_hour = Rotation { overlap: Some(Duration::from_mins(30)), ..Rotation::default() };
    assert_eq!(message(&away(overlapping().rotates(half_an_hour))), said("b", "Token"), "it was revoked in time");
    assert_eq!(message(&away(token().recorded("a"))), said("a, b", "Token"), "stored, and not recorded yet");
    assert_eq!(message(&away(token()).with(|f| f.left_behind = vec!["x".to_owned()])), said("b, x", "Token"));
}

#[test]
fn what_was_made_a_moment_ago_counts_as_gone_only_when_the_platform_must_show_it() {
    let slow = |facts: Facts<Change>, made: i64| {
        let facts = facts.powers(|powers| powers.visible_after = Duration::from_secs(90)).deleting();
        facts.with(|facts| facts.made_at = Some(ago(made)))
    };
    let hidden = || made(Kind::User).shows_nothing();
    let missed = |made, away| slow(hidden(), made).with(|facts| facts.missing_since = Some(ago(away)));
    let older = || token().shows_nothing().shows("a", Ownership::OurAttempt(1));
    let waits = || held_until(Reason::Deleting, Requeue::After(ABSENCE));
    let at_once = |facts: Facts<Change>| facts.powers(|powers| powers.visible_after = Duration::ZERO);
    let unreported = |missing_since| {
        let facts = slow(begun(Kind::User), 1);
        facts.with(|facts| (facts.made_at, facts.attempt_open, facts.missing_since) = (None, true, missing_since))
    };
    check([
        ("89 seconds ago, where 90 may pass", slow(hidden(), 89), vec![], waits()),
        ("90 seconds ago, seen to be away now", slow(hidden(), 90), vec![], waits()),
        ("for 29 seconds", missed(90, 29), vec![], waits()),
        ("for 30 seconds", missed(90, 30), gone(&[]), Verdict::Gone),
        ("for 30 seconds, and made later", missed(10, 30), vec![], waits()),
        ("shown already", slow(made(Kind::User), 1), gone(&["1"]), Verdict::Gone),
        ("shown at once where it is there", at_once(slow(hidden(), 1)), gone(&[]), Verdict::Gone),
        ("made, and not recorded", slow(begun(Kind::User), 1), vec![], waits()),
        (
            "made, not recorded, shown by its mark",
            slow(begun(Kind::User).shows("1", Ownership::Ours), 1),
            gone(&["1"]),
            Verdict::Gone,
        ),
        ("never made", slow(begun(Kind::User), 1).with(|facts| facts.made_at = None), gone(&[]), Verdict::Gone),
        ("made by a process that has ended: seen to be away now", unreported(None), vec![], waits()),
        ("for 89 seconds", unreported(Some(ago(89))), vec![], waits()),
        ("for 90 seconds", unreported(Some(ago(90))), gone(&[]), Verdict::Gone),
        ("only an older token is shown", slow(older(), 1), vec![], waits()),
        ("Retain waits for nothing", retained(slow(hidden(), 1)), gone(&[]), Verdict::Gone),
    ]);
}
