//! Calls that the page does not show: tried, remembered, and never believed without proof.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::platform::Ended;

/// With a clock that shows so many seconds.
fn fixture_in_time() -> (Fixture, Arc<AtomicI64>) {
    let (time, admin) = (Arc::new(AtomicI64::new(0)), Scripted::default());
    let read = Arc::clone(&time);
    let clock = Clock::reading(move || Timestamp::from_second(1_800_000_000 + read.load(Ordering::Relaxed)).unwrap());
    let platform = Rockfish::new(Some(admin.origin(ADMIN, &clock)), None, None, clock);
    (Fixture { platform, admin, public: Scripted::default() }, time)
}

const UNSUPPORTED: Result<Vec<OrganizationRecord>, FaultKind> = Err(FaultKind::Unsupported);

#[tokio::test]
async fn a_404_is_absence_only_once_the_server_has_shown_an_object() {
    let fixture = fixture();
    let look = async |id: &str| fixture.organizations(by_id(id)).await.map_err(|error| error.kind);
    assert_eq!(fixture.of(Capability::OrganizationRead), Support::Unknown);
    assert_eq!(look("gone").await, UNSUPPORTED);
    assert_eq!(fixture.of(Capability::OrganizationRead), Support::Unsupported);

    let there = format!("GET /organization/{ORGANIZATION}");
    fixture.admin.on(&there, 200, &shown_organization(ORGANIZATION, "internal"));
    assert_eq!(look(ORGANIZATION).await, Ok(vec![OrganizationRecord::unseen(ORGANIZATION, "internal")]));
    assert_eq!(fixture.of(Capability::OrganizationRead), Support::Supported);
    assert_eq!(look("gone").await, Ok(vec![]));
    assert_eq!(fixture.of(Capability::UserRead), Support::Unknown, "each kind for itself");
}

#[tokio::test]
async fn a_server_that_says_that_it_has_no_such_call_is_asked_once() {
    for status in [405, 501] {
        let fixture = fixture();
        fixture.admin.otherwise(status, &[], "");
        for _ in 0..2 {
            assert_eq!(fixture.organizations(by_id("a")).await.unwrap_err().kind, FaultKind::Unsupported);
            assert_eq!(fixture.users(by_id("b")).await.unwrap_err().kind, FaultKind::Unsupported);
            assert_eq!(fixture.users(by_name("c")).await.unwrap_err().kind, FaultKind::Unsupported);
            assert_eq!(fixture.tokens(by_id("d")).await.unwrap_err().kind, FaultKind::Unsupported);
            for deleted in delete_all(&fixture).await {
                assert_eq!(deleted.unwrap_err().kind, FaultKind::Unsupported);
            }
        }
        let asked = [
            "GET /organization/a".to_owned(),
            "GET /user/b".to_owned(),
            "GET /user".to_owned(),
            "GET /token/d".to_owned(),
            format!("DELETE /organization/{ORGANIZATION}"),
            format!("DELETE /organization/{ORGANIZATION}/user/{USER}"),
            format!("DELETE /token/{TOKEN}"),
        ];
        assert_eq!(fixture.admin.calls(), asked);
        for capability in [
            Capability::OrganizationRead,
            Capability::OrganizationDelete,
            Capability::UserRead,
            Capability::UserDelete,
            Capability::TokenRevoke,
        ] {
            assert_eq!(fixture.of(capability), Support::Unsupported, "{capability:?}");
        }
    }
}

async fn delete_all(fixture: &Fixture) -> [Result<Ended, Error>; 3] {
    [
        Backend::<Organization>::delete(&fixture.platform, &(), ORGANIZATION).await,
        Backend::<User>::delete(&fixture.platform, &scope(), USER).await,
        Backend::<Token>::delete(&fixture.platform, &of(), TOKEN).await,
    ]
}

#[tokio::test]
async fn a_server_that_knows_none_of_it_is_never_believed_to_have_deleted() {
    let fixture = fixture();
    for deleted in delete_all(&fixture).await {
        assert_eq!(deleted.unwrap_err().kind, FaultKind::Unsupported);
    }
    for capability in [Capability::OrganizationDelete, Capability::UserDelete, Capability::TokenRevoke] {
        assert_eq!(fixture.of(capability), Support::Unsupported, "{capability:?}");
    }
}

#[tokio::test]
async fn a_deletion_that_found_nothing_is_done_where_the_server_shows_what_is_there() {
    let (fixture, time) = fixture_in_time();
    fixture.admin.on("GET /token/other", 200, &shown_token("other", USER));
    let delete = async || Backend::<Token>::delete(&fixture.platform, &of(), TOKEN).await.map_err(|error| error.kind);
    assert_eq!(delete().await, Err(FaultKind::Unsupported), "nothing is proved yet");
    assert_eq!(fixture.of(Capability::TokenRevoke), Support::Unsupported);
    fixture.tokens(by_id("other")).await.unwrap();
    assert_eq!(fixture.of(Capability::TokenRevoke), Support::Unknown, "it is worth a try again");
    assert_eq!(delete().await, Ok(Ended::Absent));

    fixture.admin.on(&format!("GET /token/{TOKEN}"), 200, &shown_token(TOKEN, USER));
    assert_eq!(delete().await, Err(FaultKind::Unavailable(None)), "it is still there: one of two answers lied, or");
    time.store(30, Ordering::Relaxed);
    assert_eq!(delete().await, Err(FaultKind::Unsupported), "the call is not");
    fixture.admin.text(&format!("DELETE /token/{TOKEN}"), 204, &[], "");
    assert_eq!(delete().await, Err(FaultKind::Unsupported), "and is not tried again");
    assert_eq!(fixture.of(Capability::TokenRevoke), Support::Unsupported);
}

#[tokio::test]
async fn where_deletions_are_known_to_work_what_is_absent_is_deleted() {
    let fixture = fixture();
    fixture.admin.text(&format!("DELETE /organization/{ORGANIZATION}"), 204, &[], "");
    fixture.admin.text(&format!("DELETE /organization/{ORGANIZATION}/user/{USER}"), 204, &[], "");
    fixture.admin.text(&format!("DELETE /token/{TOKEN}"), 204, &[], "");
    for deleted in delete_all(&fixture).await {
        deleted.unwrap();
    }
    for capability in [Capability::OrganizationDelete, Capability::UserDelete, Capability::TokenRevoke] {
        assert_eq!(fixture.of(capability), Support::Supported, "{capability:?}");
    }
    Backend::<Organization>::delete(&fixture.platform, &(), "gone").await.unwrap();
    Backend::<User>::delete(&fixture.platform, &scope(), "gone").await.unwrap();
    Backend::<Token>::delete(&fixture.platform, &of(), "gone").await.unwrap();
}

#[tokio::test]
async fn of_a_user_only_the_membership_is_ended() {
    let fixture = fixture();
    let user = format!("GET /user/{USER}");
    fixture.admin.on(&user, 200, &shown_user(USER, "info@rockfish.ai"));
    let delete = async || Backend::<User>::delete(&fixture.platform, &scope(), USER).await.map_err(|error| error.kind);
    assert_eq!(delete().await, Err(FaultKind::Unsupported), "the user is there; of the membership nothing is known");
    assert_eq!(fixture.of(Capability::UserDelete), Support::Unknown, "another's may be found");
    fixture.admin.text(&user, 404, &[], "");
    assert_eq!(delete().await, Ok(Ended::Absent), "who is gone is no member");
    let sent = fixture.admin.calls();
    assert!(!sent.contains(&format!("DELETE /user/{USER}")), "{sent:?}");
}

#[tokio::test]
async fn lists_are_bare_arrays_and_names_are_found_in_them() {
    let fixture = fixture();
    assert_eq!(fixture.organizations(by_name("internal")).await.unwrap_err().kind, FaultKind::Unsupported);
    assert_eq!(fixture.of(Capability::OrganizationList), Support::Unsupported);

    let organizations = json!([
        shown_organization("a", "internal"),
        shown_organization("b", "other"),
        shown_organization("c", "internal"),
    ]);
    fixture.admin.on("GET /organization", 200, &organizations);
    let found = fixture.organizations(by_name("internal")).await.unwrap();
    assert_eq!(found.iter().map(|found| found.id.as_str()).collect::<Vec<_>>(), ["a", "c"], "names are shared");
    assert_eq!(fixture.of(Capability::OrganizationList), Support::Supported);
    let page = Backend::<Organization>::list(&fixture.platform, &(), None).await.unwrap();
    assert_eq!((page.records.len(), page.next), (3, None));

    fixture.admin.on("GET /user", 200, &json!([shown_user("u", "Jo@Example.org"), shown_user("v", "x@example.org")]));
    let found = fixture.users(by_name("jo@example.org")).await.unwrap();
    assert_eq!(found.iter().map(|found| found.id.as_str()).collect::<Vec<_>>(), ["u"]);

    let tokens = json!([shown_token("t", USER), shown_token("s", "other"), { "id": "nobody's" }]);
    fixture.admin.on("GET /token", 200, &tokens);
    let page = Backend::<Token>::list(&fixture.platform, &of(), None).await.unwrap();
    assert_eq!(page.records, [TokenRecord { id: "t".to_owned(), owner: None, issued_at: None, expires_at: None }]);
}

#[tokio::test]
async fn ten_thousand_objects_fit_into_a_list_and_a_hundred_megabytes_do_not() {
    let fixture = fixture();
    let id = |n: u32| format!("{n:022}");
    let all: Vec<Value> = (0..10_000).map(|n| shown_organization(&id(n), &"n".repeat(253))).collect();
    fixture.admin.on("GET /organization", 200, &Value::Array(all));
    let page = Backend::<Organization>::list(&fixture.platform, &(), None).await.unwrap();
    assert_eq!(page.records.len(), 10_000);
    fixture.admin.text("GET /organization", 200, &[], &"x".repeat(100 * 1024 * 1024));
    let error = Backend::<Organization>::list(&fixture.platform, &(), None).await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Unavailable(None));
}

#[tokio::test]
async fn a_token_of_another_user_is_not_there() {
    let fixture = fixture();
    fixture.admin.on("GET /token/a", 200, &shown_token("a", USER));
    fixture.admin.on("GET /token/b", 200, &shown_token("b", "other"));
    fixture.admin.on("GET /token/c", 200, &json!({ "id": "c" }));
    for (id, there) in [("a", true), ("b", false), ("c", true)] {
        assert_eq!(fixture.tokens(by_id(id)).await.unwrap().len(), usize::from(there), "{id}");
    }
    assert_eq!(fixture.tokens(by_name("a")).await.unwrap(), []);
    assert_eq!(fixture.tokens(Lookup::Owner("owner".to_owned())).await.unwrap(), []);
}

#[tokio::test]
async fn an_address_that_was_changed_is_refused_where_the_platform_shows_the_one_it_has() {
    let fixture = fixture();
    let member = format!("PUT /organization/{ORGANIZATION}/user/{USER}");
    fixture.admin.text(&member, 204, &[], "");
    let change = |email: &str| UserChange { email: Some(email.to_owned()), ..roles(&["Admin"]) };

    // Reads are not proved: the manifest's address is taken for the one that is there.
    let record = fixture.update_user(change("info@rockfish.ai")).await.unwrap();
    assert_eq!((record.email.as_deref(), record.partial), (Some("info@rockfish.ai"), true));

    fixture.admin.on(&format!("GET /user/{USER}"), 200, &shown_user(USER, "Info@rockfish.ai"));
    fixture.update_user(change("info@rockfish.ai")).await.unwrap();
    fixture.admin.seen();
    let error = fixture.update_user(change("new@rockfish.ai")).await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Unsupported);
    assert!(error.message.contains("email"), "{error}");
    assert_eq!(fixture.admin.calls(), [format!("GET /user/{USER}")], "and nothing is changed");

    fixture.admin.text(&format!("GET /user/{USER}"), 404, &[], "");
    assert_eq!(fixture.update_user(change("info@rockfish.ai")).await.unwrap_err().kind, FaultKind::NotFound);
}

#[tokio::test]
async fn what_a_list_shows_tells_absence_from_a_call_that_is_not_there() {
    let all = |ids: &[&str]| json!(ids.iter().map(|id| shown_organization(id, id)).collect::<Vec<_>>());
    let look = async |listed: Value, read: bool| {
        let fixture = fixture();
        fixture.admin.on("GET /organization", 200, &listed);
        if read {
            fixture.admin.on("GET /organization/other", 200, &shown_organization("other", "other"));
        }
        let found = fixture.organizations(by_id("gone")).await.map_err(|error| error.kind);
        (found, fixture.of(Capability::OrganizationRead))
    };
    assert_eq!(look(all(&["other"]), true).await, (Ok(vec![]), Support::Supported), "another one can be read");
    assert_eq!(look(all(&["other"]), false).await, (UNSUPPORTED, Support::Unsupported), "none can be read");
    assert_eq!(look(all(&["other", "gone"]), true).await.0, UNSUPPORTED, "it is in the list");
    assert_eq!(look(all(&[]), true).await.0, Ok(vec![]), "there is none at all");
}

#[tokio::test]
async fn what_a_list_told_goes_for_a_while() {
    let (fixture, time) = fixture_in_time();
    fixture.admin.on("GET /user", 200, &json!([]));
    let look = async |second| {
        time.store(second, Ordering::Relaxed);
        let found = fixture.users(by_id("gone")).await.unwrap();
        (found, fixture.admin.calls().len())
    };
    assert_eq!(look(0).await, (vec![], 2));
    assert_eq!(look(24).await, (vec![], 1));
    assert_eq!(look(30).await, (vec![], 2), "before it is looked for again, another list is asked for");
}

#[tokio::test]
async fn a_success_that_says_that_it_failed_is_none() {
    let member = format!("PUT /organization/{ORGANIZATION}/user/{USER}");
    let end = format!("DELETE /organization/{ORGANIZATION}/user/{USER}");
    for said in [
        json!({ "error": "x" }),
        json!({ "Errors": [] }),
        json!({ "status": "failed" }),
        json!({ "Status": "Error", "status": "ok" }),
        json!({ "status": 500 }),
        json!({ "success": false }),
    ] {
        let fixture = fixture();
        fixture.admin.on(&member, 200, &said);
        fixture.admin.on(&end, 200, &said);
        assert_eq!(fixture.update_user(roles(&[])).await.unwrap_err().kind, FaultKind::Unavailable(None), "{said}");
        let ended = Backend::<User>::delete(&fixture.platform, &scope(), USER).await;
        assert_eq!(ended.unwrap_err().kind, FaultKind::Unavailable(None), "{said}");
    }
    for said in [json!({}), json!({ "status": "success" }), json!({ "status": 200 }), json!({ "ok": true })] {
        let fixture = fixture();
        fixture.admin.on(&member, 200, &said);
        fixture.update_user(roles(&[])).await.unwrap();
    }
}
