//! Organisations.

use serde_json::json;

use super::*;
use crate::domain::entity::{Lookup, NewAdmin, OrganizationChange};
use crate::domain::fault::FaultKind;
use crate::platform::AdminApi;

fn settings() -> TykSettings {
    TykSettings {
        cname: Some("jive.ly".to_owned()),
        cname_enabled: Some(true),
        developer_quota: Some(7),
        hybrid_enabled: Some(false),
        sso_enabled: Some(true),
    }
}

#[tokio::test]
async fn one_is_made_with_its_mark_and_settings_and_found_by_all_three() {
    let scene = Scene::new();
    let made =
        scene.organizations().create(NewOrganization { tyk: settings(), ..organization("Jively") }).await.unwrap();
    let record = made.record;
    assert_eq!((record.name.as_str(), record.owner.as_deref()), ("Jively", Some("cluster/team/Jively")));
    assert_eq!((&record.tyk, record.partial, made.one_time.is_none()), (&settings(), false, true));
    assert_eq!(
        scene.world().organizations,
        [json!({
            "id": record.id,
            "owner_name": "Jively",
            "org_options_meta": { "org-operator.dev/owner": "cluster/team/Jively" },
            "cname": "jive.ly",
            "cname_enabled": true,
            "developer_quota": 7,
            "hybrid_enabled": false,
            "sso_enabled": true,
        })]
    );
    scene.organization("other").await;
    let lookups = [
        Lookup::Id(record.id.clone()),
        Lookup::Name("Jively".to_owned()),
        Lookup::Owner("cluster/team/Jively".to_owned()),
    ];
    for lookup in lookups {
        assert_eq!(
            scene.organizations().find(&(), &lookup).await.unwrap(),
            std::slice::from_ref(&record),
            "{lookup:?}"
        );
    }
    for absent in ["", ".", "..", "a/b", "5f0000000000000000000000", "Jively", "cluster/team/Jivel"] {
        for lookup in [Lookup::Id(absent.to_owned()), Lookup::Owner(absent.to_owned())] {
            assert_eq!(scene.organizations().find(&(), &lookup).await.unwrap(), [], "{lookup:?}");
        }
    }
}

#[tokio::test]
async fn a_setting_that_is_left_out_is_not_sent() {
    let scene = Scene::new();
    let made = scene.organization("acme").await;
    let sent = scene.world().organizations[0].clone();
    let expected = json!({
        "id": made.id,
        "owner_name": "acme",
        "org_options_meta": { "org-operator.dev/owner": "cluster/team/acme" },
    });
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn what_another_shows_is_read_whatever_it_is() {
    let scene = Scene::new();
    let strange = [
        json!({ "id": "1", "owner_name": "null", "org_options_meta": null, "apis": null }),
        json!({ "id": "2", "owner_name": "text", "org_options_meta": "x", "sso_enabled": true }),
        json!({ "id": "3", "owner_name": "number", "org_options_meta": { "org-operator.dev/owner": 5 } }),
        json!({ "id": "4", "owner_name": "empty", "org_options_meta": { "org-operator.dev/owner": "" } }),
    ];
    scene.world().organizations.extend(strange);
    let all = scene.organizations().list(&(), None).await.unwrap();
    assert_eq!(all.next, None);
    let names: Vec<_> = all.records.iter().map(|record| record.name.as_str()).collect();
    assert_eq!(names, ["null", "text", "number", "empty"]);
    assert!(all.records.iter().all(|record| record.owner.is_none()));
    assert_eq!(all.records[1].tyk.sso_enabled, Some(true));
    assert_eq!(all.records[0].tyk.cname.as_deref(), Some(""));
    assert_eq!(scene.organizations().list(&(), Some("2")).await.unwrap().records, []);
}

#[tokio::test]
async fn several_may_have_one_name() {
    let scene = Scene::new();
    for id in ["1", "2"] {
        scene.world().organizations.push(json!({ "id": id, "owner_name": "acme" }));
    }
    let found = scene.organizations().find(&(), &Lookup::Name("acme".to_owned())).await.unwrap();
    assert_eq!(found.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
}

#[tokio::test]
async fn a_name_that_is_taken_is_not_given_twice() {
    let scene = Scene::new();
    // After the client has looked: what counts is a list that is asked for then.
    assert_eq!(scene.organizations().list(&(), None).await.unwrap().records, []);
    scene.world().organizations.push(json!({ "id": "1", "owner_name": "acme" }));
    let refused = scene.organizations().create(organization("acme")).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::AlreadyExists);
    assert_eq!(scene.world().organizations.len(), 1);
}

#[tokio::test]
async fn of_two_that_are_made_at_once_under_one_name_one_is_refused() {
    let scene = Scene::new();
    let other = NewOrganization { owner: "cluster/other/acme".to_owned(), ..organization("acme") };
    let (one, two) =
        tokio::join!(scene.organizations().create(organization("acme")), scene.organizations().create(other));
    let refused: Vec<_> = [one, two].into_iter().filter_map(Result::err).map(|error| error.kind).collect();
    assert_eq!(refused, [FaultKind::AlreadyExists]);
    assert_eq!(scene.world().organizations.len(), 1);
    // The name is nobody's any more once it is given or refused.
    scene.world().organizations.clear();
    scene.organization("acme").await;
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_is_looked_for_and_not_repeated() {
    for fault in [
        Fault::LosesAnswer,
        Fault::DoesAndAnswers(502, "<html>bad gateway</html>"),
        Fault::DoesAndAnswers(200, "<html>login</html>"),
        Fault::DoesAndAnswers(200, r#"{"Status":"Error","Message":"x","Meta":null}"#),
        Fault::DoesAndAnswers(200, r#"{"Status":"OK","Message":"Org created","Meta":null}"#),
        Fault::DoesAndAnswers(200, r#"{"Status":"OK","Message":"Org created","Meta":""}"#),
        Fault::DoesAndAnswers(200, r#"{"Status":"OK","Mess"#),
    ] {
        let scene = Scene::new();
        scene.world().faults.push((Method::POST, "/organisations/", fault.clone()));
        let lost = scene.organizations().create(organization("acme")).await.unwrap_err();
        assert_eq!(lost.kind, FaultKind::OutcomeUnknown, "{fault:?}");
        // The next pass sees it, without waiting for a list to grow old.
        let owner = Lookup::Owner("cluster/team/acme".to_owned());
        let found = scene.organizations().find(&(), &owner).await.unwrap();
        assert_eq!(found.len(), 1, "{fault:?}");
        // And one that did not look is given what is there.
        let again = scene.organizations().create(organization("acme")).await.unwrap();
        assert_eq!(again.record, found[0]);
        assert_eq!(scene.world().organizations.len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn one_that_was_made_and_cannot_be_shown_is_made_all_the_same() {
    let scene = Scene::new();
    scene.world().faults.push((Method::GET, "/organisations/5f000001", Fault::LosesAnswer));
    scene.world().faults.push((Method::GET, "1", Fault::Answers(503, "")));
    let made = scene.organizations().create(NewOrganization { tyk: settings(), ..organization("acme") }).await.unwrap();
    assert_eq!((made.record.name.as_str(), &made.record.tyk), ("acme", &settings()));
    assert_eq!(scene.world().organizations[0]["id"], made.record.id.as_str());
    scene.world().faults.clear();
    let found = scene.organizations().find(&(), &Lookup::Id(made.record.id.clone())).await.unwrap();
    assert_eq!(found, [made.record]);
}

#[tokio::test]
async fn a_change_leaves_everything_else_as_it_was() {
    let scene = Scene::new();
    let before = json!({
        "id": "o1",
        "owner_name": "Jively",
        "cname": "jive.ly",
        "cname_enabled": true,
        "apis": [{ "api_human_name": "TEST", "api_id": "f4e4" }],
        "ui": { "nav": { "x": [1, 2.5, null] } },
        "org_options_meta": { "theirs": { "a": 1 } },
        "open_policy": { "enabled": true, "rules": "package x" },
        "of_a_later_version": "kept",
    });
    scene.world().organizations.push(before.clone());
    let mark =
        OrganizationChange { owner: Some(Some("cluster/team/acme".to_owned())), ..OrganizationChange::default() };
    let changed = scene.organizations().update(&(), "o1", &mark).await.unwrap();
    assert_eq!(changed.owner.as_deref(), Some("cluster/team/acme"));
    let mut expected = before.clone();
    expected["org_options_meta"]["org-operator.dev/owner"] = "cluster/team/acme".into();
    assert_eq!(scene.world().organizations, [expected.clone()]);

    let change = OrganizationChange { tyk: settings(), ..OrganizationChange::default() };
    let changed = scene.organizations().update(&(), "o1", &change).await.unwrap();
    assert_eq!(changed.tyk, settings());
    for (name, value) in [("developer_quota", json!(7)), ("sso_enabled", json!(true))] {
        expected[name] = value;
    }
    assert_eq!(scene.world().organizations, [expected]);

    let release = OrganizationChange { owner: Some(None), ..OrganizationChange::default() };
    let released = scene.organizations().update(&(), "o1", &release).await.unwrap();
    assert_eq!(released.owner, None);
    assert_eq!(scene.world().organizations[0]["org_options_meta"], before["org_options_meta"]);
    // What the client remembers is what it wrote.
    let found = scene.organizations().find(&(), &Lookup::Name("Jively".to_owned())).await.unwrap();
    assert_eq!(found, [released]);
}

#[tokio::test]
async fn nothing_is_sent_where_nothing_differs() {
    let scene = Scene::new();
    let made = scene.organizations().create(NewOrganization { tyk: settings(), ..organization("acme") }).await.unwrap();
    let writes = scene.world().writes();
    for change in [
        OrganizationChange::default(),
        OrganizationChange { tyk: settings(), owner: Some(made.record.owner.clone()), ..OrganizationChange::default() },
    ] {
        let record = scene.organizations().update(&(), &made.record.id, &change).await.unwrap();
        assert_eq!(record, made.record);
    }
    scene.world().organizations[0]["org_options_meta"] = Value::Null;
    let release = OrganizationChange { owner: Some(None), ..OrganizationChange::default() };
    scene.organizations().update(&(), &made.record.id, &release).await.unwrap();
    assert_eq!(scene.world().writes(), writes);
}

#[tokio::test]
async fn one_that_is_not_there_is_not_changed_and_deleting_it_is_done() {
    let scene = Scene::new();
    let change = OrganizationChange { tyk: settings(), ..OrganizationChange::default() };
    for id in ["5f0000000000000000000000", "..", ""] {
        let refused = scene.organizations().update(&(), id, &change).await.unwrap_err();
        assert_eq!(refused.kind, FaultKind::NotFound);
        scene.organizations().delete(&(), id).await.unwrap();
    }
    let made = scene.organization("acme").await;
    scene.organizations().delete(&(), &made.id).await.unwrap();
    assert_eq!(scene.world().organizations, [] as [Value; 0]);
    assert_eq!(scene.organizations().find(&(), &Lookup::Id(made.id.clone())).await.unwrap(), []);
    scene.organizations().delete(&(), &made.id).await.unwrap();
}

#[tokio::test]
async fn a_deletion_that_fails_is_told_from_one_that_is_done() {
    let scene = Scene::new();
    let made = scene.organization("acme").await;
    let refused = r#"{"Status":"Error","Message":"Could not delete the org","Meta":null}"#;
    scene.world().faults.push((Method::DELETE, "", Fault::Answers(400, refused)));
    let failed = scene.organizations().delete(&(), &made.id).await.unwrap_err();
    assert_eq!(failed.kind, FaultKind::Unavailable(None));
    scene.world().faults.push((Method::DELETE, "", Fault::DoesAndAnswers(400, refused)));
    scene.organizations().delete(&(), &made.id).await.unwrap();
    assert_eq!(scene.organizations().list(&(), None).await.unwrap().records, []);
}

#[tokio::test]
async fn what_a_dashboard_has_not_is_refused() {
    let scene = Scene::new();
    let admin = NewAdmin {
        username: "jo".to_owned(),
        email: "jo@example.org".to_owned(),
        first_name: None,
        last_name: None,
        password: None,
    };
    for new in [
        NewOrganization { admin: Some(admin), ..organization("acme") },
        NewOrganization { display_name: Some("Acme".to_owned()), ..organization("acme") },
    ] {
        assert_eq!(scene.organizations().create(new).await.unwrap_err().kind, FaultKind::Unsupported);
    }
    let change = OrganizationChange { display_name: Some("Acme".to_owned()), ..OrganizationChange::default() };
    assert_eq!(scene.organizations().update(&(), "1", &change).await.unwrap_err().kind, FaultKind::Unsupported);
    assert_eq!(scene.world().asked, [""; 0]);
}

#[tokio::test]
async fn the_credential_is_tried_by_a_call_that_changes_nothing() {
    let scene = Scene::new();
    let message = scene.tyk.probe().await.unwrap();
    assert_eq!(message, "the admin secret was accepted by GET /admin/organisations");
    assert_eq!(scene.world().asked, ["GET /admin/organisations?p=1"]);
    scene.world().faults.push((Method::GET, "", Fault::Answers(401, "")));
    assert_eq!(scene.tyk.probe().await.unwrap_err().kind, FaultKind::Unauthenticated);
    for (status, body) in [(200, "<html>"), (200, r#"{"Status":"Error"}"#), (200, "{}"), (404, "404 page not found")] {
        scene.world().faults.push((Method::GET, "", Fault::Answers(status, body)));
        let error = scene.tyk.probe().await.unwrap_err();
        assert_eq!(error.kind, FaultKind::Unavailable(None), "{body}");
        assert!(error.message.contains("is the Platform's URL the admin API's?"), "{error}");
    }
}
