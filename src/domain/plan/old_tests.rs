//! The rules of the plan, one row each: given, when, then. The properties that hold over all of them are in
//! `plan_properties`.

use super::*;

type Change = &'static str;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A new Organization with nothing anywhere, that may do everything.
fn organization() -> Facts<Change> {
    Facts {
        kind: Kind::Organization,
        name: "acme".to_owned(),
        deleting: false,
        finalizer: false,
        platform_held: false,
        reachable: true,
        policy: Policy {
            adoption: AdoptionPolicy::Never,
            may_adopt: true,
            deletion: DeletionPolicy::Delete,
            may_delete: true,
            drift: DriftPolicy::Correct,
            external_id: None,
        },
        recorded_id: None,
        missing_since: None,
        candidates: Vec::new(),
        slots: Vec::new(),
        attempt: 0,
        dependents: 0,
    }
}

/// One that has been made and reported.
fn made() -> Facts<Change> {
    Facts {
        finalizer: true,
        platform_held: true,
        recorded_id: Some("1".to_owned()),
        candidates: vec![candidate("1", Ownership::Ours)],
        ..organization()
    }
}

fn token() -> Facts<Change> {
    Facts {
        kind: Kind::Token,
        finalizer: true,
        platform_held: true,
        slots: vec![slot(Source::ShownOnce, SlotState::Absent)],
        ..organization()
    }
}

fn candidate(id: &str, ownership: Ownership) -> Candidate<Change> {
    Candidate { id: id.to_owned(), ownership, change: None }
}

fn slot(source: Source, state: SlotState) -> Slot {
    Slot {
        secret: "secret".to_owned(),
        source,
        state,
        collected: true,
        written: false,
        on_adoption: OnAdoption::Unavailable,
    }
}

fn whole(external_id: Option<&str>) -> SlotState {
    SlotState::Ours { external_id: external_id.map(str::to_owned), complete: true }
}

fn steps(facts: &Facts<Change>) -> Vec<Step<Change>> {
    plan(facts, at(1000)).steps
}

fn reason(facts: &Facts<Change>) -> Option<Reason> {
    let plan = plan(facts, at(1000));
    match plan.verdict {
        Verdict::Held(state, _) => {
            assert_eq!(plan.steps, [], "what is held does nothing");
            assert!(!state.message.is_empty());
            Some(state.reason)
        }
        _ => None,
    }
}

#[test]
fn a_new_object_is_cleaned_up_for_before_it_is_made() {
    assert_eq!(steps(&organization()), [Step::AddFinalizer, Step::HoldPlatform, Step::Create { attempt: None }]);
}

#[test]
fn a_value_of_our_own_is_in_its_secret_before_the_platform_sees_it() {
    let facts = Facts {
        slots: vec![slot(Source::Generated, SlotState::Absent), slot(Source::Generated, whole(None))],
        ..organization()
    };
    let expected = [Step::AddFinalizer, Step::HoldPlatform, Step::Generate(0), Step::Create { attempt: None }];
    assert_eq!(steps(&facts), expected, "the Secret that is there is used as it is");
}

#[test]
fn a_value_shown_once_is_minted_after_its_secret_is_proved_and_its_attempt_recorded() {
    let expected = [Step::ProveWritable(0), Step::RecordAttempt(1), Step::Create { attempt: Some(1) }];
    assert_eq!(steps(&token()), expected);
}

#[test]
fn a_token_that_was_minted_and_not_stored_is_revoked_before_the_next() {
    let facts = Facts { attempt: 2, candidates: vec![candidate("lost", Ownership::OurAttempt(2))], ..token() };
    let expected = [
        Step::Revoke("lost".to_owned()),
        Step::ProveWritable(0),
        Step::RecordAttempt(3),
        Step::Create { attempt: Some(3) },
    ];
    assert_eq!(steps(&facts), expected);
}

#[test]
fn a_token_of_an_attempt_that_is_not_recorded_is_not_revoked_and_its_number_not_used_again() {
    let facts = Facts { attempt: 1, candidates: vec![candidate("newer", Ownership::OurAttempt(5))], ..token() };
    let expected = [Step::ProveWritable(0), Step::RecordAttempt(6), Step::Create { attempt: Some(6) }];
    assert_eq!(steps(&facts), expected);
}

#[test]
fn the_token_in_the_secret_stays_and_its_lost_twin_goes() {
    let facts = Facts {
        attempt: 2,
        recorded_id: Some("kept".to_owned()),
        candidates: vec![candidate("lost", Ownership::OurAttempt(1)), candidate("kept", Ownership::OurAttempt(2))],
        slots: vec![slot(Source::ShownOnce, whole(Some("kept")))],
        ..token()
    };
    assert_eq!(steps(&facts), [Step::Revoke("lost".to_owned())]);
}

#[test]
fn what_is_as_it_should_be_needs_nothing() {
    let plan = plan(&made(), at(1000));
    assert_eq!(plan.steps, []);
    assert_eq!(plan.verdict, Verdict::Settled { id: Some("1".to_owned()), adopted: false });
}

#[test]
fn drift_is_put_back_unless_it_is_only_to_be_reported() {
    let mut facts = made();
    facts.candidates[0].change = Some("display name");
    assert_eq!(steps(&facts), [Step::Update { id: "1".to_owned(), change: "display name" }]);
    facts.policy.drift = DriftPolicy::Report;
    assert_eq!(steps(&facts), []);
}

#[test]
fn which_object_it_is() {
    let found = |candidates: &[(&str, Ownership)], change: fn(&mut Facts<Change>)| {
        let mut facts = Facts {
            candidates: candidates.iter().map(|(id, ownership)| candidate(id, *ownership)).collect(),
            ..organization()
        };
        change(&mut facts);
        facts
    };
    let take_over = |facts: &mut Facts<Change>| facts.policy.adoption = AdoptionPolicy::IfExists;
    let by_id = |facts: &mut Facts<Change>| facts.policy.external_id = Some("9".to_owned());
    let (none, ours, other) = (Ownership::Unmarked, Ownership::Ours, Ownership::Other);
    let cases: [(&str, Facts<Change>, Result<bool, Reason>); 9] = [
        ("our mark is resumed, whatever the policy", found(&[("1", ours)], |_| ()), Ok(false)),
        ("our mark wins over others of that name", found(&[("2", none), ("1", ours)], |_| ()), Ok(false)),
        ("somebody else's is left alone", found(&[("1", other)], take_over), Err(Reason::OwnedElsewhere)),
        ("nobody's is left alone by default", found(&[("1", none)], |_| ()), Err(Reason::AlreadyExists)),
        ("nobody's is taken over where asked for", found(&[("1", none)], take_over), Ok(true)),
        (
            "but not without the grant",
            found(&[("1", none)], |facts| {
                facts.policy.adoption = AdoptionPolicy::IfExists;
                facts.policy.may_adopt = false;
            }),
            Err(Reason::NotPermitted),
        ),
        (
            "several of a name are not chosen from",
            found(&[("1", none), ("2", none)], take_over),
            Err(Reason::Ambiguous),
        ),
        ("an id in the manifest that is not there", found(&[], by_id), Err(Reason::ExternalIDNotFound)),
        (
            "a recorded id that somebody else has marked since",
            found(&[("1", other)], |facts| facts.recorded_id = Some("1".to_owned())),
            Err(Reason::OwnedElsewhere),
        ),
    ];
    for (case, facts, expected) in cases {
        match expected {
            Err(expected) => assert_eq!(reason(&facts), Some(expected), "{case}"),
            Ok(taken) => match plan(&facts, at(1000)).verdict {
                Verdict::Settled { id: Some(id), adopted } => {
                    assert_eq!((id.as_str(), adopted), ("1", taken), "{case}");
                }
                other => panic!("{case}: {other:?}"),
            },
        }
    }
}

#[test]
fn what_vanished_is_looked_for_twice_and_an_organisation_is_never_made_again_alone() {
    let gone = |kind, missing_since| Facts { kind, missing_since, candidates: Vec::new(), ..made() };
    let long_ago = Some(at(1000 - 31));
    let cases = [
        (gone(Kind::Organization, None), Some(Reason::Progressing)),
        (gone(Kind::Organization, Some(at(999))), Some(Reason::Progressing)),
        (gone(Kind::Organization, long_ago), Some(Reason::ExternalIDNotFound)),
        (gone(Kind::User, Some(at(999))), Some(Reason::Progressing)),
        (gone(Kind::User, long_ago), None),
    ];
    for (facts, expected) in cases {
        assert_eq!(reason(&facts), expected, "{:?} missing since {:?}", facts.kind, facts.missing_since);
    }
    assert_eq!(steps(&gone(Kind::User, long_ago)), [Step::Create { attempt: None }]);
}

#[test]
fn what_came_back_under_another_id_is_known_by_our_mark() {
    let facts = Facts { kind: Kind::User, candidates: vec![candidate("2", Ownership::Ours)], ..made() };
    let plan = plan(&facts, at(1000));
    assert_eq!(plan.steps, []);
    assert_eq!(plan.verdict, Verdict::Settled { id: Some("2".to_owned()), adopted: false });
}

#[test]
fn a_secret_that_is_not_ours_is_not_touched_and_nothing_else_is_done() {
    for mut facts in [organization(), made(), token()] {
        facts.slots = vec![slot(Source::Generated, SlotState::Foreign)];
        assert_eq!(reason(&facts), Some(Reason::SecretConflict));
    }
}

#[test]
fn a_value_that_cannot_be_had_again_is_said_and_never_replaced() {
    let lost = |change: fn(&mut Slot)| {
        let mut slot = slot(Source::Generated, SlotState::Absent);
        slot.written = true;
        change(&mut slot);
        Facts { slots: vec![slot], ..made() }
    };
    assert_eq!(reason(&lost(|_| ())), Some(Reason::ValueUnavailable), "the Secret was deleted");
    let cut = |slot: &mut Slot| slot.state = SlotState::Ours { external_id: None, complete: false };
    assert_eq!(reason(&lost(cut)), Some(Reason::ValueUnavailable), "the Secret was cut");
    assert_eq!(steps(&lost(|slot| slot.written = false)), [Step::Generate(0)], "asked for later: it was never there");
}

#[test]
fn a_person_who_is_taken_over_keeps_the_password_that_only_they_know() {
    let mut facts = Facts { kind: Kind::User, candidates: vec![candidate("1", Ownership::Unmarked)], ..organization() };
    facts.policy.adoption = AdoptionPolicy::IfExists;
    facts.slots = vec![slot(Source::Generated, SlotState::Absent)];
    assert_eq!(reason(&facts), Some(Reason::ValueUnavailable));
    facts.slots[0].on_adoption = OnAdoption::LeaveOut;
    assert_eq!(steps(&facts), [Step::AddFinalizer, Step::HoldPlatform]);
}

#[test]
fn what_was_never_begun_goes_at_once() {
    let plan = plan(&Facts { deleting: true, ..organization() }, at(1000));
    assert_eq!((plan.steps, plan.verdict), (Vec::new(), Verdict::Gone));
}

#[test]
fn deleting_removes_what_is_ours_and_only_that() {
    let mut facts = Facts { deleting: true, ..made() };
    assert_eq!(steps(&facts), [Step::Delete("1".to_owned()), Step::RemoveFinalizer]);
    facts.candidates = vec![candidate("1", Ownership::Other)];
    assert_eq!(steps(&facts), [Step::RemoveFinalizer], "somebody else has marked it since");
    facts.recorded_id = None;
    facts.candidates = vec![candidate("1", Ownership::Ours), candidate("2", Ownership::Unmarked)];
    assert_eq!(
        steps(&facts),
        [Step::Delete("1".to_owned()), Step::RemoveFinalizer],
        "created, and not recorded any more"
    );
}

#[test]
fn deleting_a_token_revokes_all_that_its_attempts_minted() {
    let facts = Facts {
        deleting: true,
        candidates: vec![candidate("1", Ownership::OurAttempt(1)), candidate("2", Ownership::OurAttempt(2))],
        ..token()
    };
    assert_eq!(steps(&facts), [Step::Delete("1".to_owned()), Step::Delete("2".to_owned()), Step::RemoveFinalizer]);
}

#[test]
fn an_organisation_is_pruned_last_and_only_where_its_namespace_may() {
    let facts = Facts { deleting: true, ..made() };
    assert_eq!(reason(&Facts { dependents: 2, ..facts.clone() }), Some(Reason::DependentsExist));
    let mut forbidden = facts;
    forbidden.policy.may_delete = false;
    assert_eq!(reason(&forbidden), Some(Reason::NotPermitted));
    forbidden.policy.deletion = DeletionPolicy::Retain;
    assert_eq!(reason(&forbidden), None, "Retain always lets it go");
}

#[test]
fn what_cannot_be_asked_for_is_not_taken_for_gone() {
    let mut facts = Facts { deleting: true, reachable: false, candidates: Vec::new(), ..made() };
    assert_eq!(reason(&facts), Some(Reason::DependencyNotReady));
    facts.policy.deletion = DeletionPolicy::Retain;
    assert_eq!(steps(&facts), [Step::RemoveFinalizer], "Retain lets it go with the platform down too");
}

#[test]
fn the_secrets_of_what_is_retained_have_no_owner_that_could_take_them_along() {
    let mut facts = Facts { slots: vec![slot(Source::Generated, whole(None))], ..made() };
    assert_eq!(steps(&facts), []);
    facts.policy.deletion = DeletionPolicy::Retain;
    assert_eq!(steps(&facts), [Step::DetachSecret(0)]);
    facts.slots[0].collected = false;
    assert_eq!(steps(&facts), []);
    facts.policy.deletion = DeletionPolicy::Delete;
    facts.deleting = true;
    assert_eq!(steps(&facts), [Step::Delete("1".to_owned()), Step::AttachSecret(0), Step::RemoveFinalizer]);
}

#[test]
fn retaining_takes_the_mark_off_and_leaves_the_secrets() {
    let mut facts = Facts { deleting: true, dependents: 3, ..made() };
    facts.policy.deletion = DeletionPolicy::Retain;
    facts.slots = vec![slot(Source::Generated, whole(None)), slot(Source::Generated, SlotState::Foreign)];
    let expected = [Step::Release("1".to_owned()), Step::ReleaseSecret(0), Step::RemoveFinalizer];
    assert_eq!(steps(&facts), expected);
    facts.candidates.clear();
    assert_eq!(steps(&facts), [Step::ReleaseSecret(0), Step::RemoveFinalizer], "offline too");
}
