//! Which object on the platform is this resource's.

use super::*;

const ORGANIZATION: Kind = Kind::Organization;
const USER: Kind = Kind::User;

fn if_exists(policy: &mut Policy) {
    policy.adoption = AdoptionPolicy::IfExists;
}

fn without_grant(policy: &mut Policy) {
    policy.may_adopt = false;
}

/// An organisation that the manifest names by the platform's id, which is there.
fn named_by_id(ownership: Ownership) -> Facts<Change> {
    named_by_absent_id().shows("9", ownership)
}

fn named_by_absent_id() -> Facts<Change> {
    begun(ORGANIZATION).policy(if_exists).policy(|policy| policy.external_id = Some("9".to_owned()))
}

/// One that is recorded, and was seen to be away often enough.
fn gone(kind: Kind) -> Facts<Change> {
    made(kind).away(ago(30))
}

/// A creation without an answer, on a platform that keeps no mark.
fn unanswered(kind: Kind) -> Facts<Change> {
    let open = |facts: &mut Facts<Change>| (facts.attempt, facts.attempt_open) = (3, true);
    begun(kind).powers(|powers| powers.marks = false).with(open)
}

#[test]
fn a_new_object_is_made_after_what_cleans_it_up_is_there() {
    let all = vec![Step::AddFinalizer, Step::HoldPlatform, create()];
    check([
        ("nothing is there", new(ORGANIZATION), all, makes(How::Created)),
        ("the finalizers are there", begun(USER), vec![create()], makes(How::Created)),
        (
            "the Platform is held by others already",
            new(USER).with(|facts| facts.platform_held = true),
            vec![Step::AddFinalizer, create()],
            makes(How::Created),
        ),
        (
            "a platform that keeps no mark: the attempt is recorded first",
            begun(ORGANIZATION).powers(|powers| powers.marks = false),
            vec![Step::RecordAttempt(1), create_as(1)],
            makes(How::Created),
        ),
    ]);
}

#[test]
fn the_recorded_id_is_the_object_unless_somebody_else_has_marked_it_since() {
    let recorded = |ownership| begun(ORGANIZATION).recorded("1").shows("1", ownership);
    check([
        ("as it was left", made(ORGANIZATION), vec![], is("1", How::Known)),
        ("its mark was taken off", recorded(Ownership::Unmarked), vec![], is("1", How::Known)),
        ("it is another's", recorded(Ownership::Other), vec![], held(Reason::OwnedElsewhere)),
        ("it was taken over and keeps its mark", recorded(Ownership::Offered), vec![], is("1", How::Known)),
        ("no grant is needed any more", made(USER).policy(without_grant), vec![], is("1", How::Known)),
        (
            "a finalizer that was taken off comes back",
            made(USER).with(|f| f.finalizer = false),
            vec![Step::AddFinalizer],
            is("1", How::Known),
        ),
    ]);
}

#[test]
fn an_id_in_the_manifest_is_that_object_and_no_other() {
    let with_name = |facts: Facts<Change>| facts.shows("1", Ownership::Ours);
    check([
        ("nobody's is taken over", named_by_id(Ownership::Unmarked), vec![], is("9", How::Adopted)),
        ("ours is resumed", named_by_id(Ownership::Ours), vec![], is("9", How::Known)),
        ("another's is left alone", named_by_id(Ownership::Other), vec![], held(Reason::OwnedElsewhere)),
        ("unless it is offered", named_by_id(Ownership::Offered), vec![], is("9", How::TakenOver)),
        (
            "not without the grant",
            named_by_id(Ownership::Unmarked).policy(without_grant),
            vec![],
            held(Reason::NotPermitted),
        ),
        ("what is not there is never made", named_by_absent_id(), vec![], held(Reason::ExternalIDNotFound)),
        (
            "our mark on another changes nothing",
            with_name(named_by_id(Ownership::Unmarked)),
            vec![],
            is("9", How::Adopted),
        ),
        ("nor is that one taken instead", with_name(named_by_absent_id()), vec![], held(Reason::ExternalIDNotFound)),
    ]);
    let said = "the platform has no Organization with the id 9 that spec.externalID names";
    assert_eq!(message(&named_by_absent_id()), said);
}

#[test]
fn what_carries_our_mark_is_resumed_whatever_the_policies_say() {
    let ours = || begun(USER).shows("1", Ownership::Ours);
    check([
        ("a creation whose report was cut off", ours(), vec![], is("1", How::Known)),
        ("without the grant to adopt", ours().policy(without_grant), vec![], is("1", How::Known)),
        ("beside others of that name", ours().shows("2", Ownership::Unmarked), vec![], is("1", How::Known)),
        (
            "after a creation whose answer was lost",
            ours().with(|facts| (facts.attempt, facts.attempt_open) = (1, true)),
            vec![],
            is("1", How::Known),
        ),
        (
            "not where another resource of this cluster has it",
            ours().last(|found| found.rival = Some(Rival::Elsewhere)),
            vec![],
            held(Reason::NameConflict),
        ),
    ]);
}

#[test]
fn by_its_name_an_object_is_taken_over_only_where_the_manifest_and_the_platform_allow_it() {
    let found = |ownership| begun(USER).differs("1", ownership, "mark");
    let taken = || vec![update("1", "mark")];
    check([
        ("nobody's, by default", found(Ownership::Unmarked), vec![], held(Reason::AlreadyExists)),
        ("nobody's, with IfExists", found(Ownership::Unmarked).policy(if_exists), taken(), is("1", How::Adopted)),
        (
            "nobody's, without the grant",
            found(Ownership::Unmarked).policy(if_exists).policy(without_grant),
            vec![],
            held(Reason::NotPermitted),
        ),
        ("another's, by default", found(Ownership::Other), vec![], held(Reason::OwnedElsewhere)),
        ("another's, with IfExists", found(Ownership::Other).policy(if_exists), vec![], held(Reason::OwnedElsewhere)),
        (
            "a dead cluster's that is named: no policy is needed",
            found(Ownership::Offered),
            taken(),
            is("1", How::TakenOver),
        ),
        ("but the grant is", found(Ownership::Offered).policy(without_grant), vec![], held(Reason::NotPermitted)),
        (
            "several",
            found(Ownership::Unmarked).shows("2", Ownership::Unmarked).policy(if_exists),
            vec![],
            held(Reason::Ambiguous),
        ),
    ]);
}

#[test]
fn what_is_adopted_has_its_finalizers_first() {
    let given = new(ORGANIZATION).differs("1", Ownership::Unmarked, "mark").policy(if_exists);
    let steps = vec![Step::AddFinalizer, Step::HoldPlatform, update("1", "mark")];
    check([("nothing was begun", given, steps, is("1", How::Adopted))]);
}

#[test]
fn a_refusal_says_what_to_do() {
    let found = |ownership| begun(ORGANIZATION).shows("1", ownership);
    let several = found(Ownership::Unmarked).shows("2", Ownership::Unmarked);
    let cases = [
        (
            found(Ownership::Unmarked),
            "acme is there already: choose another name, or take it over with adoptionPolicy: IfExists",
        ),
        (
            found(Ownership::Offered).policy(without_grant),
            "this namespace may not take over an existing Organization: the Platform's owner grants that with \
             allowedNamespaces.permissions: [Adopt]",
        ),
        (found(Ownership::Other), "acme is there already and carries another owner's mark: choose another name"),
        (found(Ownership::Other).recorded("1"), "1 carries another owner's mark now: it is left alone"),
        (several, "several objects on the platform are named acme: choose one by spec.externalID (1, 2)"),
    ];
    for (facts, expected) in cases {
        assert_eq!(message(&facts), expected);
    }
}

#[test]
fn another_resource_that_has_the_object_is_named_only_within_the_namespace() {
    let rival = |rival| begun(ORGANIZATION).policy(if_exists).shows("1", Ownership::Unmarked).last(|f| f.rival = rival);
    let (named, elsewhere) = (rival(Some(Rival::Named("first".to_owned()))), rival(Some(Rival::Elsewhere)));
    assert_eq!(message(&named), "the Organization first stands for acme already: choose another name");
    assert_eq!(
        message(&elsewhere),
        "an Organization of another namespace stands for acme already: choose another name"
    );
    check([
        ("one of this namespace", named, vec![], held(Reason::NameConflict)),
        ("one of another", elsewhere, vec![], held(Reason::NameConflict)),
        ("none", rival(None), vec![], is("1", How::Adopted)),
    ]);
}

#[test]
fn gone_is_what_was_seen_to_be_away_twice_and_not_just_after_its_making() {
    let slow = |made: i64| {
        gone(USER).powers(|p| p.visible_after = Duration::from_secs(90)).with(|f| f.made_at = Some(ago(made)))
    };
    let again = || (vec![create()], makes(How::Recreated));
    check([
        ("seen once", made(USER).shows_nothing(), vec![], looks_again()),
        ("again, too soon", made(USER).away(ago(29)), vec![], looks_again()),
        ("again, 30 seconds later", gone(USER), again().0, again().1),
        ("made 89 seconds ago, where 90 may pass", slow(89), vec![], hidden()),
        ("made 90 seconds ago", slow(90), vec![Step::RecordAttempt(1), create_as(1)], makes(How::Recreated)),
        (
            "made just now by another's clock, where what is made is shown at once",
            slow(-1).powers(|powers| powers.visible_after = Duration::ZERO),
            again().0,
            again().1,
        ),
        (
            "restored under another id, by our mark: at once, an organisation too",
            made(ORGANIZATION).shows_nothing().shows("2", Ownership::Ours),
            vec![],
            is("2", How::Known),
        ),
        ("as that, when it counts as gone", gone(USER).shows("2", Ownership::Ours), vec![], is("2", How::Known)),
    ]);
}

#[test]
fn a_creation_without_an_answer_is_waited_for_where_its_mark_may_be_shown_late() {
    let late = |seconds| {
        let facts = begun(ORGANIZATION).powers(|powers| powers.visible_after = Duration::from_secs(90));
        facts.with(|facts| {
            (facts.attempt, facts.attempt_open) = (1, true);
            facts.missing_since = Some(ago(seconds));
        })
    };
    let again = || vec![Step::RecordAttempt(2), create_as(2)];
    check([
        ("looked for the first time", late(0).with(|f| f.missing_since = None), vec![], looks_again()),
        ("89 seconds later", late(89), vec![], looks_again()),
        ("it is shown", late(30).shows("1", Ownership::Ours), vec![], is("1", How::Known)),
        ("90 seconds later", late(90), again(), makes(How::Created)),
        (
            "where everything is shown at once",
            late(0).powers(|powers| powers.visible_after = Duration::ZERO),
            vec![create()],
            makes(How::Created),
        ),
    ]);
}

#[test]
fn nothing_new_is_made_in_a_parent_that_is_not_as_it_should_be() {
    let bereft = |facts: Facts<Change>| {
        let state = State::new(Reason::DependencyNotReady, "the Organization acme is not Ready yet");
        facts.with(|facts| facts.parent = Some(state))
    };
    let waits = || held_until(Reason::DependencyNotReady, Requeue::Poll);
    let decided = || gone(USER).answered(Resolve::StartOver);
    let lost = || token().away(ago(30)).with(|facts| facts.made_at = None);
    let due = || token().with(|facts| facts.rotate = true);
    check([
        ("a user", bereft(begun(USER)), vec![], waits()),
        ("one that vanished", bereft(gone(USER)), vec![], waits()),
        ("one that vanished, and a person decided", bereft(decided()), vec![], waits()),
        ("one that may be there still is looked for", bereft(made(USER).shows_nothing()), vec![], looks_again()),
        ("one that is there stays", bereft(made(USER)), vec![], is("1", How::Known)),
        ("a token", bereft(new_token()), vec![], waits()),
        ("one that vanished", bereft(lost()), vec![], waits()),
        ("one that is there is renewed all the same", bereft(due()), mint(3, Some("b")), makes(How::Rotated)),
    ]);
}

#[test]
fn a_user_that_vanished_is_made_again_as_far_as_the_limit_goes() {
    let many = |facts: Facts<Change>| facts.with(|facts| (facts.may_recreate, facts.attempt) = (false, 2));
    let brake = held_until(Reason::ExternalIDNotFound, Requeue::Backoff);
    let named = |id| gone(USER).policy(if_exists).policy(|policy| policy.external_id = Some(id));
    check([
        ("few did", gone(USER), vec![create()], makes(How::Recreated)),
        ("many did", many(gone(USER)), vec![], brake),
        (
            "many did, and somebody decides",
            many(gone(USER)).answered(Resolve::StartOver),
            vec![create()],
            makes(How::Recreated),
        ),
        ("it was named by id, and so is never made", named("1".to_owned()), vec![], held(Reason::ExternalIDNotFound)),
        ("nobody's has its name now", gone(USER).shows("2", Ownership::Unmarked), vec![], held(Reason::AlreadyExists)),
        (
            "nobody's has its name now, and may be taken",
            gone(USER).shows("2", Ownership::Unmarked).policy(if_exists),
            vec![],
            is("2", How::Adopted),
        ),
    ]);
    let said = "the User 1 is gone from the platform, and so many others are that it may have been emptied or restored: it \
                is made again within the hour, or now with the annotation org-operator.dev/resolve=start-over/2";
    assert_eq!(message(&many(gone(USER))), said);
}

#[test]
fn an_organisation_that_vanished_is_made_again_only_by_a_persons_decision() {
    let third = || gone(ORGANIZATION).with(|facts| facts.attempt = 3);
    let named = third().policy(|policy| policy.external_id = Some("1".to_owned()));
    let not_found = || held(Reason::ExternalIDNotFound);
    let anew = vec![Step::StartOver(4), create()];
    check([
        ("by itself", third(), vec![], not_found()),
        ("the answer to another question", third().answered(Resolve::Adopt), vec![], not_found()),
        ("start over", third().answered(Resolve::StartOver), anew, makes(How::Recreated)),
        ("start over, too soon", made(ORGANIZATION).away(ago(29)).answered(Resolve::StartOver), vec![], looks_again()),
        ("one that is named by id", named.clone().answered(Resolve::StartOver), vec![], not_found()),
    ]);
    let said = "the organisation 1 is gone from the platform and is not made again by itself: restore it there, delete this \
                resource, or make an empty one with the annotation org-operator.dev/resolve=start-over/3";
    assert_eq!(message(&third()), said);
    assert_eq!(message(&named), "the platform has no Organization with the id 1 that spec.externalID names");
}

#[test]
fn a_creation_without_an_answer_is_decided_by_a_person_where_no_mark_tells() {
    let unknown = || held(Reason::OutcomeUnknown);
    let one = || unanswered(ORGANIZATION).shows("1", Ownership::Unmarked);
    let several = || one().shows("2", Ownership::Unmarked);
    let anew = || vec![Step::StartOver(4), Step::Create { attempt: Some(4), previous: None }];
    let (adopt, start_over) = (Resolve::Adopt, Resolve::StartOver);
    check([
        ("none is there", unanswered(ORGANIZATION), vec![], unknown()),
        ("one is there: ours or a stranger's", one().policy(if_exists), vec![], unknown()),
        ("adopt it", one().answered(adopt), vec![], is("1", How::Adopted)),
        (
            "adopt it without a grant: it may be a stranger's",
            one().policy(without_grant).answered(adopt),
            vec![],
            held(Reason::NotPermitted),
        ),
        ("adopt none", unanswered(ORGANIZATION).answered(adopt), vec![], unknown()),
        ("adopt one of several", several().answered(adopt), vec![], held(Reason::Ambiguous)),
        (
            "adopt what another resource has",
            one().last(|found| found.rival = Some(Rival::Elsewhere)).answered(adopt),
            vec![],
            held(Reason::NameConflict),
        ),
        ("start over with none", unanswered(USER).answered(start_over), anew(), makes(How::Recreated)),
        ("start over with one", one().answered(start_over), anew(), makes(How::Recreated)),
        ("the answer came", one().with(|facts| facts.attempt_open = false), vec![], held(Reason::AlreadyExists)),
        ("the mark tells", unanswered(USER).powers(|powers| powers.marks = true), vec![create()], makes(How::Created)),
    ]);
    let said = "the platform did not answer the creation of acme, and cannot say whose an object of that name is: if it is \
                there and yours, take it with the annotation org-operator.dev/resolve=adopt/3; if it is not there, make it \
                with org-operator.dev/resolve=start-over/3";
    assert_eq!(message(&unanswered(ORGANIZATION)), said);
}
