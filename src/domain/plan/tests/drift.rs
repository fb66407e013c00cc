//! What happens when the platform differs from the manifest.

use super::*;

/// The platform has another display name.
fn differing(kind: Kind) -> Facts<Change> {
    let facts = begun(kind).recorded("1").differs("1", Ownership::Ours, "display name");
    facts.last(|found| found.drift = vec!["spec.displayName"])
}

fn report(policy: &mut Policy) {
    policy.drift = DriftPolicy::Report;
}

/// Nobody's, and to be taken over.
fn adopted() -> Facts<Change> {
    let facts = begun(Kind::User).differs("1", Ownership::Unmarked, "mark and roles");
    facts.last(|found| found.drift = vec!["spec.roles"]).policy(|policy| policy.adoption = AdoptionPolicy::IfExists)
}

#[test]
fn what_differs_is_put_back_or_only_reported() {
    type Row = (&'static str, Facts<Change>, Vec<Step<Change>>, Option<Vec<&'static str>>);
    let organization = || differing(Kind::Organization);
    let rows: [Row; 7] = [
        ("nothing differs", made(Kind::Organization), vec![], Some(vec![])),
        ("Correct puts it back", organization(), vec![update("1", "display name")], Some(vec![])),
        ("Report says it", organization().policy(report), vec![], Some(vec!["spec.displayName"])),
        ("Report says nothing where nothing differs", made(Kind::User).policy(report), vec![], Some(vec![])),
        ("Correct marks what it adopts", adopted(), vec![update("1", "mark and roles")], Some(vec![])),
        ("Report writes nothing, not even the mark", adopted().policy(report), vec![], Some(vec!["spec.roles"])),
        ("what is held says nothing new", organization().shows_nothing().policy(report), vec![], None),
    ];
    for (sentence, given, steps, drift) in rows {
        let plan = plan(&given, now());
        assert_eq!((plan.steps, plan.drift), (steps, drift), "{sentence}");
    }
}

#[test]
fn a_new_object_is_made_whole_even_where_differences_are_only_reported() {
    let given = new(Kind::User).policy(report);
    let steps = vec![Step::AddFinalizer, Step::HoldPlatform, create()];
    check([("Report", given, steps, makes(How::Created))]);
}

#[test]
fn the_secrets_are_brought_up_to_date_whatever_the_platform_differs_in() {
    let whole = || slot(Source::Generated, SlotState::Ours(Content::Whole));
    let both = || differing(Kind::Organization).holds(whole()).last(|found| found.stale = vec![0]);
    let (refresh, update) = (Step::Refresh(0), update("1", "display name"));
    check([
        ("Correct: the Secret first", both(), vec![refresh.clone(), update], is("1", How::Known)),
        ("Report: a Secret is not the platform's", both().policy(report), vec![refresh], is("1", How::Known)),
    ]);
}

#[test]
fn a_token_that_lost_its_mark_gets_it_back() {
    let unmarked = begun(Kind::Token).recorded("b").differs("b", Ownership::Unmarked, "mark");
    let unmarked = unmarked.with(|facts| (facts.slots, facts.token, facts.attempt) = (token().slots, token().token, 2));
    check([
        ("its mark was taken off", unmarked.clone(), vec![update("b", "mark")], is("b", How::Known)),
        (
            "the mark first, then the changed labels",
            unmarked.last(|found| found.stale = vec![0]),
            vec![update("b", "mark"), Step::Refresh(0)],
            is("b", How::Known),
        ),
        ("it has it", token(), vec![], is("b", How::Known)),
    ]);
}
