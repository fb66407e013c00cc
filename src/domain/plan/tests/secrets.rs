//! What becomes of the Secrets of an organisation or a user: whose they are, and whether their values are whole.

use super::*;

const PROVE: Step<Change> = Step::ProveWritable(0);
const GENERATE: Step<Change> = Step::Generate(0);
const REFRESH: Step<Change> = Step::Refresh(0);
const CONTENTS: [Content; 4] = [Content::Whole, Content::Mendable, Content::Broken, Content::Staged];

fn ours(content: Content) -> SlotState {
    SlotState::Ours(content)
}

fn generated(state: SlotState) -> Slot {
    slot(Source::Generated, state)
}

/// An object that is still to be made, and its Secret.
fn to_make(state: SlotState) -> Facts<Change> {
    begun(Kind::Organization).holds(generated(state))
}

/// An object that was made and recorded together with its Secret.
fn recorded(state: SlotState) -> Facts<Change> {
    made(Kind::Organization).holds(Slot { written: true, late: Late::Generate, ..generated(state) })
}

/// An object that is there before its resource: about to be adopted.
fn to_adopt(state: SlotState, late: Late) -> Facts<Change> {
    let facts = begun(Kind::User).shows("1", Ownership::Unmarked).holds(Slot { late, ..generated(state) });
    facts.policy(|policy| policy.adoption = AdoptionPolicy::IfExists)
}

/// Its Secret is not as the manifest says: changed labels, or the marks of an earlier resource.
fn stale(facts: Facts<Change>) -> Facts<Change> {
    facts.last(|found| found.stale = vec![0])
}

fn conflict() -> Verdict {
    held_until(Reason::SecretConflict, Requeue::Poll)
}

fn unavailable() -> Verdict {
    held_until(Reason::ValueUnavailable, Requeue::Poll)
}

fn known() -> Verdict {
    is("1", How::Known)
}

#[test]
fn a_value_of_our_own_is_in_its_secret_before_the_platform_sees_it() {
    let made = || makes(How::Created);
    let used = || vec![create(), REFRESH];
    check([
        ("no Secret", to_make(SlotState::Absent), vec![PROVE, GENERATE, create(), REFRESH], made()),
        ("one of an earlier pass is used as it is", to_make(ours(Content::Whole)), used(), made()),
        (
            "what can be derived is put back first",
            to_make(ours(Content::Mendable)),
            vec![REFRESH, create(), REFRESH],
            made(),
        ),
        ("one with a next password", to_make(ours(Content::Staged)), used(), made()),
        ("one without its value is never completed", to_make(ours(Content::Broken)), vec![], unavailable()),
        ("somebody else's", to_make(SlotState::Foreign), vec![], conflict()),
        (
            "with two, both come first",
            to_make(ours(Content::Whole)).holds(slot(Source::Settable, SlotState::Absent)),
            vec![Step::Generate(1), create(), REFRESH, Step::Refresh(1)],
            made(),
        ),
        (
            "finalizers before all",
            to_make(SlotState::Absent).with(|f| f.finalizer = false),
            vec![Step::AddFinalizer, PROVE, GENERATE, create(), REFRESH],
            made(),
        ),
    ]);
    let said = "the value that belongs into the Secret acme-secret is missing or was edited, and cannot be had again: \
                restore that Secret from a backup, or delete it: a new value is made with the object";
    assert_eq!(message(&to_make(ours(Content::Broken))), said);
}

#[test]
fn a_secret_that_claims_to_be_ours_before_the_first_creation_was_planted() {
    for content in CONTENTS {
        for id in [None, Some("1")] {
            check([("planted", to_make(claimed(id, content)), vec![], conflict())]);
        }
    }
    let said = "the Secret acme-secret is not this Organization's and is left as it is: delete it, or choose another name \
                for ours";
    assert_eq!(message(&to_make(claimed(None, Content::Whole))), said);
}

#[test]
fn a_value_shown_once_is_made_after_its_attempt_is_recorded_and_its_secret_proved() {
    let shown_once = |state| begun(Kind::User).holds(slot(Source::ShownOnce, state));
    check([
        ("no Secret", shown_once(SlotState::Absent), mint(1, None), makes(How::Created)),
        ("a copied one is written over", shown_once(claimed(None, Content::Whole)), mint(1, None), makes(How::Created)),
        ("somebody else's is not", shown_once(SlotState::Foreign), vec![], conflict()),
        (
            "beside one of our own",
            to_make(SlotState::Absent).holds(slot(Source::ShownOnce, SlotState::Absent)),
            vec![PROVE, GENERATE, Step::ProveWritable(1), Step::RecordAttempt(1), create_as(1), REFRESH],
            makes(How::Created),
        ),
    ]);
}

#[test]
fn a_secret_of_ours_is_kept_as_the_manifest_says() {
    let pushed = || vec![Step::Push { id: "1".to_owned(), slot: 0 }, Step::Promote(0)];
    check([
        ("whole", recorded(ours(Content::Whole)), vec![], known()),
        ("whole, with changed labels", stale(recorded(ours(Content::Whole))), vec![REFRESH], known()),
        ("what can be derived is missing", recorded(ours(Content::Mendable)), vec![REFRESH], known()),
        ("as that, with changed labels", stale(recorded(ours(Content::Mendable))), vec![REFRESH], known()),
        ("a value is missing or edited", recorded(ours(Content::Broken)), vec![], unavailable()),
        ("a next password that the platform may know", recorded(ours(Content::Staged)), pushed(), known()),
        ("the Secret was deleted", recorded(SlotState::Absent), vec![], unavailable()),
        ("somebody else's has its name", recorded(SlotState::Foreign), vec![], conflict()),
    ]);
    let said = "the value that belongs into the Secret acme-secret is missing or was edited, and cannot be had again: \
                restore that Secret from a backup, or ask for a new one";
    assert_eq!(message(&recorded(SlotState::Absent)), said);
    assert_eq!(message(&recorded(ours(Content::Broken))), said);
}

#[test]
fn a_restored_or_copied_secret_is_taken_up_where_its_values_belong_to_the_same_object() {
    let resumed = |state| begun(Kind::Organization).shows("1", Ownership::Ours).holds(generated(state));
    let adopted = |state| to_adopt(state, Late::Never);
    let same = |content| claimed(Some("1"), content);
    let (other, nobody) = (claimed(Some("2"), Content::Whole), claimed(None, Content::Whole));
    for (given, how) in
        [(&recorded as &dyn Fn(SlotState) -> _, How::Known), (&resumed, How::Known), (&adopted, How::Adopted)]
    {
        check([
            ("its labels are not ours yet", stale(given(same(Content::Whole))), vec![REFRESH], is("1", how)),
            ("what can be derived is put back", given(same(Content::Mendable)), vec![REFRESH], is("1", how)),
            ("its value is not whole", given(same(Content::Broken)), vec![], unavailable()),
            ("it is of another object", stale(given(other.clone())), vec![], conflict()),
            ("it does not say of which", stale(given(nobody.clone())), vec![], conflict()),
            ("it is somebody else's", given(SlotState::Foreign), vec![], conflict()),
        ]);
    }
}

#[test]
fn a_secret_that_was_made_ahead_is_not_the_value_of_an_object_that_was_found_and_taken_over() {
    let ahead = |late| to_adopt(ours(Content::Whole), late);
    let of = |facts: Facts<Change>, id: &str| facts.with(|facts| facts.slots[0].made_for = Some(id.to_owned()));
    let adopted = || is("1", How::Adopted);
    check([
        ("made ahead by a pass that was cut off", ahead(Late::LeaveOut), vec![], unavailable()),
        ("made for another object", of(ahead(Late::LeaveOut), "2"), vec![], unavailable()),
        ("of this one: adopted before its resource was lost", of(ahead(Late::LeaveOut), "1"), vec![], adopted()),
        ("the platform never gets it", ahead(Late::Generate), vec![], adopted()),
        ("an answer that nobody asked for", ahead(Late::LeaveOut).answered(Resolve::Adopt), vec![], unavailable()),
    ]);
    let said = message(&ahead(Late::LeaveOut));
    assert!(said.ends_with("or delete it, which was made ahead and never used"), "{said}");
}

#[test]
fn a_secret_that_was_never_written_is_made_late_only_where_the_platform_does_not_have_the_value() {
    let adopted = |late| to_adopt(SlotState::Absent, late);
    let resumed =
        |late| begun(Kind::User).shows("1", Ownership::Ours).holds(Slot { late, ..generated(SlotState::Absent) });
    let recorded = |late| resumed(late).recorded("1");
    let by_id = |late| resumed(late).policy(|policy| policy.external_id = Some("1".to_owned()));
    let by_policy = |late| resumed(late).policy(|policy| policy.adoption = AdoptionPolicy::IfExists);
    let late = || vec![PROVE, GENERATE, REFRESH];
    check([
        ("nobody else's value: adopted", adopted(Late::Generate), late(), is("1", How::Adopted)),
        ("nobody else's value: resumed", resumed(Late::Generate), late(), known()),
        ("nobody else's value: asked for later", recorded(Late::Generate), late(), known()),
        ("a key pair that the platform got: adopted", adopted(Late::GenerateForOurs), vec![], unavailable()),
        ("a key pair that the platform got: resumed", resumed(Late::GenerateForOurs), vec![], unavailable()),
        ("a key pair: asked for later", recorded(Late::GenerateForOurs), late(), known()),
        ("a person's password: adopted, only they know it", adopted(Late::LeaveOut), vec![], is("1", How::Adopted)),
        ("a person's password: resumed, it was lost", resumed(Late::LeaveOut), vec![], unavailable()),
        ("a person's password: resumed after an adoption by id", by_id(Late::LeaveOut), vec![], known()),
        ("a person's password: resumed, and it may have been adopted", by_policy(Late::LeaveOut), vec![], known()),
        ("a person's password: left out before", recorded(Late::LeaveOut), vec![], known()),
        ("the administrator's: adopted", adopted(Late::Never), vec![], unavailable()),
        ("the administrator's: resumed", resumed(Late::Never), vec![], unavailable()),
        ("the administrator's: recorded", recorded(Late::Never), vec![], unavailable()),
    ]);
}

#[test]
fn one_that_was_taken_over_has_no_value_that_only_its_former_owner_knew() {
    let offered =
        |late| begun(Kind::User).shows("1", Ownership::Offered).holds(Slot { late, ..generated(SlotState::Absent) });
    check([
        ("a person's password", offered(Late::LeaveOut), vec![], is("1", How::TakenOver)),
        ("a key pair that the platform got", offered(Late::GenerateForOurs), vec![], unavailable()),
    ]);
}

#[test]
fn one_that_is_made_again_keeps_the_values_of_its_secret_and_gets_what_is_missing() {
    let vanished = |state| recorded(state).away(ago(30)).with(|facts| facts.kind = Kind::User);
    let decided = |state| vanished(state).with(|facts| facts.kind = Kind::Organization).answered(Resolve::StartOver);
    let again = || makes(How::Recreated);
    check([
        ("a user", vanished(ours(Content::Whole)), vec![create(), REFRESH], again()),
        (
            "a user whose Secret went too",
            vanished(SlotState::Absent),
            vec![PROVE, GENERATE, create(), REFRESH],
            again(),
        ),
        ("a user, and a copied Secret", vanished(claimed(Some("1"), Content::Whole)), vec![], conflict()),
        ("an organisation", decided(ours(Content::Whole)), vec![Step::StartOver(1), create(), REFRESH], again()),
        (
            "an organisation whose Secret went too",
            decided(SlotState::Absent),
            vec![PROVE, GENERATE, Step::StartOver(1), create(), REFRESH],
            again(),
        ),
        ("an organisation whose Secret was edited", decided(ours(Content::Broken)), vec![], unavailable()),
    ]);
}

#[test]
fn a_next_password_is_stored_before_it_is_set_and_current_when_the_platform_has_it() {
    let person = |state, written| {
        let slot = Slot { late: Late::LeaveOut, written, ..slot(Source::Settable, state) };
        made(Kind::User).holds(slot).with(|facts| facts.rotate = true)
    };
    let steps = |skipped| {
        let push = Step::Push { id: "1".to_owned(), slot: 0 };
        [Step::Stage(0), push, Step::Promote(0)].into_iter().skip(skipped).collect()
    };
    let unasked = |facts: Facts<Change>| facts.with(|facts| facts.rotate = false);
    check([
        ("asked for", person(ours(Content::Whole), true), steps(0), known()),
        ("the value was lost", person(ours(Content::Broken), true), steps(0), known()),
        ("the Secret was deleted", person(SlotState::Absent, true), steps(0), known()),
        ("there was none: the person was adopted", person(SlotState::Absent, false), steps(0), known()),
        ("it is laid there already: no third one", person(ours(Content::Staged), true), steps(1), known()),
        ("it is laid there and the request gone", unasked(person(ours(Content::Staged), true)), steps(1), known()),
        ("a restored Secret", person(claimed(Some("1"), Content::Whole), true), steps(0), known()),
        ("somebody else's is not used for it", person(SlotState::Foreign, true), vec![], conflict()),
        ("nor one of another person", person(claimed(Some("2"), Content::Whole), true), vec![], conflict()),
        ("not asked for", unasked(person(ours(Content::Whole), true)), vec![], known()),
        ("not asked for, and lost", unasked(person(SlotState::Absent, true)), vec![], unavailable()),
    ]);
}
