//! What people ask for by annotation: each request is acted on once, and an answer counts only for its own question.

use super::*;

/// The annotation's value, as it is read into the facts.
fn annotated(facts: Facts<Change>, value: &str) -> Facts<Change> {
    facts.with(|facts| facts.resolve = Resolve::answering(value, facts.attempt))
}

/// An organisation that vanished after its second attempt.
fn vanished() -> Facts<Change> {
    made(Kind::Organization).away(ago(30)).with(|facts| facts.attempt = 2)
}

/// A token whose minting nobody answered, on a platform without marks.
fn unanswered() -> Facts<Change> {
    let open = |facts: &mut Facts<Change>| (facts.attempt, facts.attempt_open) = (2, true);
    new_token().powers(|powers| powers.marks = false).with(open)
}

/// A person whose password the platform lets be set.
fn person() -> Facts<Change> {
    made(Kind::User).holds(Slot { written: true, ..slot(Source::Settable, SlotState::Ours(Content::Whole)) })
}

fn requested(facts: Facts<Change>) -> Facts<Change> {
    facts.with(|facts| facts.rotate = true)
}

#[test]
fn start_over_counts_for_the_attempt_that_the_message_names() {
    let not_found = || held(Reason::ExternalIDNotFound);
    let anew = vec![Step::StartOver(3), create()];
    let never_begun = || vanished().with(|facts| facts.attempt = 0);
    check([
        ("the number in the message", annotated(vanished(), "start-over/2"), anew, makes(How::Recreated)),
        ("an older one, forgotten in Git", annotated(vanished(), "start-over/1"), vec![], not_found()),
        ("one to come", annotated(vanished(), "start-over/3"), vec![], not_found()),
        ("no number", annotated(vanished(), "start-over"), vec![], not_found()),
        ("another word", annotated(vanished(), "adopt/2"), vec![], not_found()),
        (
            "no attempt was ever recorded",
            annotated(never_begun(), "start-over/0"),
            vec![Step::StartOver(1), create()],
            makes(How::Recreated),
        ),
    ]);
    assert!(message(&vanished()).ends_with("org-operator.dev/resolve=start-over/2"));
    assert!(message(&never_begun()).ends_with("org-operator.dev/resolve=start-over/0"));
}

#[test]
fn start_over_does_nothing_to_what_is_there() {
    let answered = |facts: Facts<Change>| facts.answered(Resolve::StartOver);
    check([
        ("an organisation", answered(made(Kind::Organization)), vec![], is("1", How::Known)),
        ("a user", answered(made(Kind::User)), vec![], is("1", How::Known)),
        ("a token", answered(token()), vec![], is("b", How::Known)),
        ("a new one is made as ever", answered(begun(Kind::User)), vec![create()], makes(How::Created)),
    ]);
}

#[test]
fn a_token_whose_minting_nobody_answered_is_minted_again_only_by_a_persons_decision() {
    let unknown = || held(Reason::OutcomeUnknown);
    check([
        ("nobody decided", unanswered(), vec![], unknown()),
        ("adopt: its value is lost", annotated(unanswered(), "adopt/2"), vec![], unknown()),
        ("start over, for an older attempt", annotated(unanswered(), "start-over/1"), vec![], unknown()),
        ("start over", annotated(unanswered(), "start-over/2"), mint(3, None), makes(How::Recreated)),
        ("the answer came", unanswered().with(|f| f.attempt_open = false), mint(3, None), makes(How::Created)),
        ("the mark tells", unanswered().powers(|p| p.marks = true), mint(3, None), makes(How::Created)),
    ]);
    let said = "the platform did not answer the creation of the token and cannot say whether there is one: its value is \
                lost either way; revoke it there if you can, and make another with the annotation \
                org-operator.dev/resolve=start-over/2";
    assert_eq!(message(&unanswered()), said);
}

#[test]
fn a_requested_rotation_happens_once() {
    check([
        ("asked for", requested(token()), mint(3, Some("b")), makes(How::Rotated)),
        ("answered", token(), vec![], is("b", How::Known)),
        (
            "of one to be minted for the first time: that one is new",
            requested(new_token()),
            mint(1, None),
            makes(How::Created),
        ),
        (
            "of one whose value is lost: that one is replaced",
            requested(token().with(|facts| facts.token.credential = None)),
            mint(3, Some("b")),
            makes(How::Restored),
        ),
    ]);
}

#[test]
fn a_persons_password_is_reset_only_by_request() {
    let push = Step::Push { id: "1".to_owned(), slot: 0 };
    let generated = |facts: Facts<Change>| facts.with(|facts| facts.slots[0].source = Source::Generated);
    check([
        ("asked for", requested(person()), vec![Step::Stage(0), push, Step::Promote(0)], is("1", How::Known)),
        ("answered", person(), vec![], is("1", How::Known)),
        ("where it cannot be set, nothing", generated(requested(person())), vec![], is("1", How::Known)),
        ("without a Secret, nothing", requested(made(Kind::User)), vec![], is("1", How::Known)),
        ("an organisation has none", requested(made(Kind::Organization)), vec![], is("1", How::Known)),
    ]);
}
