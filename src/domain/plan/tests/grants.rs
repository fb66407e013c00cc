//! A namespace that may not use the Platform, or not any more: nothing is made for it, and what is to be revoked is revoked.

use super::*;

fn refused(facts: Facts<Change>) -> Facts<Change> {
    facts.with(|facts| facts.refused = Some(State::new(Reason::NamespaceNotAllowed, "not allowed here")))
}

fn not_allowed() -> Verdict {
    held_until(Reason::NamespaceNotAllowed, Requeue::Poll)
}

/// A Token that was rotated an hour ago; the one before, `a`, works for as long as the overlap lasts.
fn rotated(overlap: u64) -> Facts<Change> {
    let facts = token().shows("a", Ownership::OurAttempt(1)).says(|said| said.previous = Some("a".to_owned()));
    facts.rotates(Rotation { every: Some(hours(1)), overlap: Some(hours(overlap)), ..Rotation::default() })
}

#[test]
fn a_refused_namespace_gets_no_organisation_and_no_user() {
    for kind in [Kind::Organization, Kind::User] {
        let generated = || slot(Source::Generated, SlotState::Absent);
        check([
            ("a new one", refused(new(kind).holds(generated())), vec![], not_allowed()),
            ("one to adopt", refused(begun(kind).shows("1", Ownership::Offered)), vec![], not_allowed()),
            ("one that is there", refused(made(kind)), vec![], not_allowed()),
            (
                "what differs stays so",
                refused(begun(kind).differs("1", Ownership::Ours, "name")),
                vec![],
                not_allowed(),
            ),
            ("one that vanished", refused(made(kind).away(ago(30))), vec![], not_allowed()),
            ("the grant is back", made(kind), vec![], is("1", How::Known)),
        ]);
    }
    assert_eq!(message(&refused(new(Kind::User))), "not allowed here");
}

#[test]
fn a_refused_namespace_gets_no_token_and_what_is_to_end_ends() {
    let lost = || token().with(|facts| facts.token.credential = None);
    let both = |facts: Facts<Change>| facts.shows("lost", Ownership::OurAttempt(1));
    check([
        ("a new one", refused(new_token()), vec![], not_allowed()),
        ("one that works goes on working", refused(token()), vec![], not_allowed()),
        ("none in its place when it is due", refused(rotated(2)), vec![], not_allowed()),
        ("none when it is asked for", refused(token().with(|facts| facts.rotate = true)), vec![], not_allowed()),
        ("the one before, when the overlap is over", refused(rotated(1)), vec![revoke("a")], not_allowed()),
        ("one that was never stored", refused(both(token())), vec![revoke("lost")], not_allowed()),
        ("one whose value is lost may be in use", refused(lost()), vec![], not_allowed()),
        ("its lost twin is not", refused(both(lost())), vec![revoke("lost")], not_allowed()),
        (
            "one that vanished is not made again",
            refused(both(token().away(ago(30)))),
            vec![revoke("lost")],
            not_allowed(),
        ),
    ]);
}

#[test]
fn a_refused_namespace_is_told_what_cannot_be_revoked() {
    check_left([
        ("minted by nobody knows whom", refused(new_token().shows("x", Ownership::OurAttempt(1))), vec![], &["x"]),
        ("the platform cannot revoke", refused(rotated(1)).powers(|powers| powers.deletes = false), vec![], &["a"]),
        ("the platform can", refused(rotated(1)), vec![revoke("a")], &[]),
    ]);
}

#[test]
fn a_withdrawn_grant_never_keeps_what_is_deleted_but_an_organisation() {
    let gone = |id| vec![delete(id), Step::RemoveFinalizer];
    let forbidden = |facts: Facts<Change>| refused(facts.deleting()).policy(|policy| policy.may_delete = false);
    check([
        ("a user", forbidden(made(Kind::User)), gone("1"), Verdict::Gone),
        ("a token", forbidden(token()), gone("b"), Verdict::Gone),
        ("an organisation", forbidden(made(Kind::Organization)), vec![], held(Reason::NotPermitted)),
    ]);
}
