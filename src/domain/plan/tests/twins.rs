//! What is there beside the object that status records.

use super::*;

const ORGANIZATION: Kind = Kind::Organization;

/// One that attempt `2` made as `1`, recorded, and what attempts up to `given_up` made is given up.
fn attempted(given_up: i64) -> Facts<Change> {
    let facts = begun(ORGANIZATION).recorded("1").shows("1", Ownership::OurAttempt(2));
    facts.with(|facts| (facts.attempt, facts.given_up) = (2, given_up))
}

fn twin(id: &str) -> Vec<Step<Change>> {
    vec![Step::RemoveTwin { id: id.to_owned(), of: "1".to_owned() }]
}

#[test]
fn only_what_an_attempt_of_ours_made_and_nobody_ever_used_is_removed() {
    let with = |ownership| attempted(0).shows("2", ownership);
    let adopted = || made(ORGANIZATION).shows("2", Ownership::OurAttempt(1)).with(|facts| facts.attempt = 2);
    check_left([
        ("it is alone", attempted(0), vec![], &[]),
        ("the same attempt made two", with(Ownership::OurAttempt(2)), twin("2"), &[]),
        ("an attempt that was given no answer came late", with(Ownership::OurAttempt(1)), twin("2"), &[]),
        ("nobody recorded that attempt", with(Ownership::OurAttempt(3)), vec![], &["2"]),
        ("its mark says no attempt of this resource", with(Ownership::Ours), vec![], &[]),
        ("it is nobody's", with(Ownership::Unmarked), vec![], &[]),
        ("it is another's", with(Ownership::Other), vec![], &[]),
        ("it was recorded before", attempted(1).shows("2", Ownership::OurAttempt(1)), vec![], &["2"]),
        ("what is recorded was not made by an attempt", adopted(), vec![], &["2"]),
        (
            "the platform cannot delete",
            with(Ownership::OurAttempt(1)).powers(|powers| powers.deletes = false),
            vec![],
            &["2"],
        ),
        (
            "status does not record any yet",
            with(Ownership::OurAttempt(1)).with(|facts| facts.recorded_id = None),
            vec![],
            &[],
        ),
        ("another resource stands for it", with(Ownership::OurAttempt(1)).last(rivalled), vec![], &[]),
    ]);
}

fn rivalled(found: &mut Candidate<Change>) {
    found.rival = Some(Rival::Elsewhere);
}

#[test]
fn without_marks_a_twin_is_named_and_left_alone() {
    let unmarked = |attempt| {
        let facts = begun(ORGANIZATION).recorded("1").shows("1", Ownership::Unmarked);
        let facts = facts.shows("2", Ownership::Unmarked).powers(|powers| powers.marks = false);
        facts.with(|facts| facts.attempt = attempt)
    };
    check_left([
        ("it may be ours", unmarked(1), vec![], &["2"]),
        ("another resource stands for it", unmarked(1).last(rivalled), vec![], &[]),
        ("this one was there before, and so was that", unmarked(0), vec![], &[]),
        ("it has gone", unmarked(1).with(|f| f.candidates.truncate(1)).with(left), vec![], &[]),
    ]);
}

fn left(facts: &mut Facts<Change>) {
    facts.left_behind = vec!["2".to_owned()];
}

#[test]
fn a_twin_does_not_take_the_place_of_what_is_only_hidden() {
    let shown = |away: Facts<Change>| away.shows("2", Ownership::OurAttempt(2));
    check([
        ("not seen once", shown(attempted(0).shows_nothing()), vec![], looks_again()),
        ("not seen for too short", shown(attempted(0).away(ago(29))), vec![], looks_again()),
        ("it is gone", shown(attempted(0).away(ago(30))), vec![], is("2", How::Known)),
    ]);
}
