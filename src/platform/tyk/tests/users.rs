//! Users.

use serde_json::json;

use super::dashboard::Paging;
use super::*;
use crate::domain::entity::{Lookup, UserChange};
use crate::domain::fault::FaultKind;
use crate::platform::AdminApi;

fn permissions(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(name, level)| ((*name).to_owned(), (*level).to_owned())).collect()
}

#[tokio::test]
async fn one_is_made_with_what_was_asked_for_and_its_key_is_shown() {
    let scene = Scene::new();
    let scope = InOrganization { organization_id: scene.organization("acme").await.id };
    let new = NewUser {
        last_name: Some("Doe".to_owned()),
        permissions: Some(permissions(&[("apis", "write")])),
        password: Some("correct horse".into()),
        ..user(&scope, "Jo@Example.org")
    };
    let made = scene.users().create(new).await.unwrap();
    let kept = scene.world().users[0].clone();
    let key = made.one_time.unwrap();
    assert_eq!(
        kept,
        json!({
            "id": made.record.id,
            "org_id": scope.organization_id,
            "first_name": "Jo",
            "last_name": "Doe",
            "email_address": "jo@example.org",
            "active": true,
            "password": "correct horse",
            "user_permissions": { "IsAdmin": "admin", "apis": "write" },
            "access_key": key.expose_secret(),
        })
    );
    let record = made.record;
    assert_eq!((record.username.as_str(), record.email.as_deref()), ("jo@example.org", Some("jo@example.org")));
    assert_eq!((record.first_name.as_deref(), record.last_name.as_deref()), (Some("Jo"), Some("Doe")));
    assert_eq!(record.roles.as_deref(), Some(&["Admin".to_owned()][..]));
    assert_eq!(record.permissions["apis"], "write");

    let lookups = [Lookup::Id(record.id.clone()), Lookup::Name("JO@example.ORG".to_owned())];
    for lookup in lookups {
        assert_eq!(scene.users().find(&scope, &lookup).await.unwrap(), std::slice::from_ref(&record), "{lookup:?}");
    }
    assert_eq!(scene.users().list(&scope, None).await.unwrap().records, std::slice::from_ref(&record));
    for lookup in [Lookup::Id("..".to_owned()), Lookup::Name("jo".to_owned()), Lookup::Owner("cluster".to_owned())] {
        assert_eq!(scene.users().find(&scope, &lookup).await.unwrap(), [], "{lookup:?}");
    }
}

#[tokio::test]
async fn an_id_that_is_shown_as_the_digits_of_its_digits_is_understood() {
    let scene = Scene::new();
    scene.world().doubles_ids = true;
    let (scope, of, _) = scene.with_user().await;
    assert_eq!(scene.world().users[0]["id"], of.user_id.as_str());
    let found = scene.users().find(&scope, &Lookup::Id(of.user_id.clone())).await.unwrap();
    assert_eq!(found.len(), 1);
    let technical = scene.kept.of(&scope.organization_id).unwrap();
    assert_eq!(scene.world().technical()[0]["id"], technical.user_id.as_str());
}

#[tokio::test]
async fn a_key_is_taken_from_wherever_it_is_shown() {
    let answers = [
        (r#""Message":"abc123","Meta":{"id":"u","org_id":"ORG","access_key":"abc123"}"#, Some("abc123")),
        (r#""Message":"User created","Meta":{"id":"u","org_id":"ORG","access_key":"abc123"}"#, Some("abc123")),
        (r#""Message":"abc123","Meta":{"id":"u","org_id":"ORG","access_key":""}"#, Some("abc123")),
        (r#""Message":"User created","Meta":{"id":"u","org_id":"ORG"}"#, None),
    ];
    for (answer, key) in answers {
        let scene = Scene::new();
        let scope = InOrganization { organization_id: scene.organization("acme").await.id };
        let answer = format!(r#"{{"Status":"OK",{}}}"#, answer.replace("ORG", &scope.organization_id));
        scene.world().faults.push((Method::POST, "/users", Fault::Answers(200, answer.leak())));
        let made = scene.users().create(user(&scope, "jo@example.org")).await.unwrap();
        assert_eq!(made.one_time.as_ref().map(ExposeSecret::expose_secret), key);
    }
}

#[tokio::test]
async fn what_a_dashboard_cannot_have_is_refused_before_anything_is_sent() {
    let scene = Scene::new();
    let scope = InOrganization { organization_id: scene.organization("acme").await.id };
    let writes = scene.world().writes();
    let new = || user(&scope, "jo@example.org");
    let nobody = InOrganization { organization_id: String::new() };
    let wrong = [
        NewUser { email: None, ..new() },
        NewUser { email: Some(String::new()), ..new() },
        // It would be a user of every organisation.
        user(&nobody, "jo@example.org"),
        NewUser { roles: Some(vec!["Admin".to_owned(), "Owner".to_owned()]), ..new() },
        // It would be an administrator.
        NewUser { roles: Some(Vec::new()), ..new() },
        NewUser { email: Some("Org-Operator-1.cluster@technical-administrator.invalid".to_owned()), ..new() },
    ];
    for new in wrong {
        let refused = scene.users().create(new).await.unwrap_err();
        assert_eq!(refused.kind, FaultKind::Invalid, "{refused}");
    }
    assert_eq!(scene.world().writes(), writes);
    let without_role =
        NewUser { roles: Some(Vec::new()), permissions: Some(permissions(&[("apis", "read")])), ..new() };
    let made = scene.users().create(without_role).await.unwrap();
    assert_eq!(made.record.roles, Some(Vec::new()));
    assert_eq!(scene.world().users[0]["user_permissions"], json!({ "apis": "read" }));
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_from_a_right_that_is_missing() {
    let scene = Scene::new();
    let (scope, ..) = scene.with_user().await;
    let refused = scene.users().create(user(&scope, "JO@example.org")).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::AlreadyExists);
    let cases = [
        (r#"{"Status":"Error","Message":"Request body malformed","Meta":null}"#, FaultKind::Invalid),
        (
            r#"{"Status":"Error","Message":"Failed to update User object to DB","Meta":null}"#,
            FaultKind::Unavailable(None),
        ),
        (r#"{"Status":"Error","Message":"hunter2","Meta":null}"#, FaultKind::Forbidden),
        ("<html>hunter2</html>", FaultKind::Forbidden),
    ];
    for (body, kind) in cases {
        scene.world().faults.push((Method::POST, "/users", Fault::Answers(403, body)));
        let refused = scene.users().create(user(&scope, "bo@example.org")).await.unwrap_err();
        assert_eq!(refused.kind, kind, "{body}");
        assert_eq!(reveals(&refused, &["hunter2", "Request body", "User object", SECRET]), [""; 0]);
    }
    // The same address in another organisation is another user.
    let other = InOrganization { organization_id: scene.organization("other").await.id };
    scene.users().create(user(&other, "jo@example.org")).await.unwrap();
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_or_strange_may_have_happened() {
    for fault in [
        Fault::LosesAnswer,
        Fault::DoesAndAnswers(500, "{}"),
        Fault::DoesAndAnswers(200, r#"{"Status":"OK","Message":"k","Meta":null}"#),
        Fault::DoesAndAnswers(200, r#"{"Status":"OK","Message":"k","Meta":{"id":"","org_id":"o"}}"#),
        Fault::DoesAndAnswers(200, r#"{"Status":"OK","Message":"k","Meta":{"id":"u","org_id":"another"}}"#),
    ] {
        let scene = Scene::new();
        let scope = InOrganization { organization_id: scene.organization("acme").await.id };
        scene.users().list(&scope, None).await.unwrap();
        scene.world().faults.push((Method::POST, "/users", fault.clone()));
        let lost = scene.users().create(user(&scope, "jo@example.org")).await.unwrap_err();
        assert_eq!(lost.kind, FaultKind::OutcomeUnknown, "{fault:?}");
        // Looking decides, and does not use the list from before.
        let found = scene.users().find(&scope, &Lookup::Name("jo@example.org".to_owned())).await.unwrap();
        assert_eq!(found.len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn users_of_other_organisations_are_neither_seen_nor_touched() {
    let scene = Scene::new();
    let (scope, of, _) = scene.with_user().await;
    let other = InOrganization { organization_id: scene.organization("other").await.id };
    let id = of.user_id.as_str();
    for lookup in [Lookup::Id(id.to_owned()), Lookup::Name("jo@example.org".to_owned())] {
        assert_eq!(scene.users().find(&other, &lookup).await.unwrap(), []);
    }
    assert_eq!(scene.users().list(&other, None).await.unwrap().records, []);
    let change = UserChange { first_name: Some("X".to_owned()), ..UserChange::default() };
    assert_eq!(scene.users().update(&other, id, &change).await.unwrap_err().kind, FaultKind::NotFound);
    let refused = scene.tyk.set_password(&other, id, "password".into()).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::NotFound);
    scene.users().delete(&other, id).await.unwrap();
    // A super user is of no organisation.
    scene.world().users.push(json!({ "id": "root", "org_id": "", "email_address": "root@example.org" }));
    let root = Lookup::Id("root".to_owned());
    assert_eq!(scene.users().find(&InOrganization { organization_id: String::new() }, &root).await.unwrap(), []);
    assert_eq!(scene.world().people(), ["jo@example.org", "root@example.org"]);
    assert_eq!(scene.users().list(&scope, None).await.unwrap().records.len(), 1);
}

#[tokio::test]
async fn no_user_is_hidden_however_a_server_pages() {
    for paging in [Paging::AsDocumented, Paging::AllAndCounted, Paging::FirstPage, Paging::Nothing] {
        let scene = Scene::new();
        scene.world().paging = paging;
        let scope = InOrganization { organization_id: scene.organization("acme").await.id };
        for n in 0..25 {
            scene.users().create(user(&scope, &format!("user-{n}@example.org"))).await.unwrap();
        }
        assert_eq!(scene.users().list(&scope, None).await.unwrap().records.len(), 25, "{paging:?}");
    }
}

#[tokio::test]
async fn a_change_leaves_everything_else_as_it_was() {
    let scene = Scene::new();
    let (scope, of, key) = scene.with_user().await;
    {
        let mut world = scene.world();
        let kept = world.user_mut(&of.user_id);
        kept["group_id"] = "g1".into();
        kept["api_model"] = json!({});
        kept["password_max_days"] = 30.into();
        kept["user_permissions"] = json!({ "IsAdmin": "admin", "ResetPassword": "admin", "apis": "read" });
    }
    let mut expected = scene.world().users[0].clone();
    let change = UserChange {
        email: Some("New@Example.org".to_owned()),
        last_name: Some("Doe".to_owned()),
        roles: Some(Vec::new()),
        permissions: Some(permissions(&[("apis", "write")])),
        owner: Some(Some("cluster/team/jo".to_owned())),
        ..UserChange::default()
    };
    let changed = scene.users().update(&scope, &of.user_id, &change).await.unwrap();
    expected["email_address"] = "new@example.org".into();
    expected["last_name"] = "Doe".into();
    expected["user_permissions"] = json!({ "ResetPassword": "admin", "apis": "write" });
    assert_eq!(scene.world().users[0], expected);
    assert_eq!((changed.username.as_str(), changed.roles), ("new@example.org", Some(Vec::new())));
    assert_eq!(expected["access_key"], key.expose_secret());

    let writes = scene.world().writes();
    scene.users().update(&scope, &of.user_id, &change).await.unwrap();
    scene.users().update(&scope, &of.user_id, &UserChange::default()).await.unwrap();
    assert_eq!(scene.world().writes(), writes, "nothing differs");
    let taken = UserChange { email: Some("X@technical-administrator.invalid".to_owned()), ..UserChange::default() };
    scene.users().update(&scope, &of.user_id, &taken).await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_hidden_is_not_overwritten_by_nothing() {
    let scene = Scene::new();
    let (scope, of, key) = scene.with_user().await;
    scene.world().hides_keys = true;
    let change = UserChange { first_name: Some("Joanna".to_owned()), ..UserChange::default() };
    scene.users().update(&scope, &of.user_id, &change).await.unwrap();
    assert_eq!(scene.world().users[0]["first_name"], "Joanna");
    assert_eq!(scene.world().users[0]["access_key"], key.expose_secret());
}

#[tokio::test]
async fn the_last_permission_is_not_taken_away_because_that_would_give_all() {
    let scene = Scene::new();
    let (scope, of, _) = scene.with_user().await;
    let none = UserChange { roles: Some(Vec::new()), ..UserChange::default() };
    let refused = scene.users().update(&scope, &of.user_id, &none).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::Invalid);
    assert!(refused.message.contains("tyk.permissions"), "{refused}");
    assert_eq!(scene.world().users[0]["user_permissions"], json!({ "IsAdmin": "admin" }));
    // One without permissions is shown as what it is.
    for all in [json!({}), Value::Null, json!({ "IsAdmin": "true" })] {
        scene.pass(31);
        scene.world().user_mut(&of.user_id)["user_permissions"] = all;
        let found = scene.users().find(&scope, &Lookup::Id(of.user_id.clone())).await.unwrap();
        assert_eq!(found[0].roles.as_deref(), Some(&["Admin".to_owned()][..]));
    }
    let admin = UserChange { roles: Some(vec!["Admin".to_owned()]), ..UserChange::default() };
    let writes = scene.world().writes();
    scene.users().update(&scope, &of.user_id, &admin).await.unwrap();
    assert_eq!(scene.world().writes(), writes, "the vendor's pages have both words");
}

#[tokio::test]
async fn one_is_deleted_and_deleting_again_is_done() {
    let scene = Scene::new();
    let (scope, of, _) = scene.with_user().await;
    scene.users().create(user(&scope, "bo@example.org")).await.unwrap();
    for _ in 0..2 {
        scene.users().delete(&scope, &of.user_id).await.unwrap();
        assert_eq!(scene.world().people(), ["bo@example.org"]);
        assert_eq!(scene.users().find(&scope, &Lookup::Id(of.user_id.clone())).await.unwrap(), []);
    }
    scene.users().delete(&scope, "..").await.unwrap();
}

#[tokio::test]
async fn a_deletion_that_fails_is_told_from_one_that_is_done() {
    let scene = Scene::new();
    let (scope, of, _) = scene.with_user().await;
    let refused = r#"{"Status":"Error","Message":"x","Meta":null}"#;
    scene.world().faults.push((Method::DELETE, "", Fault::Answers(400, refused)));
    let failed = scene.users().delete(&scope, &of.user_id).await.unwrap_err();
    assert_eq!(failed.kind, FaultKind::Unavailable(None));
    for done in [(400, refused), (404, refused)] {
        scene.world().faults.push((Method::DELETE, "", Fault::DoesAndAnswers(done.0, done.1)));
        scene.users().delete(&scope, &of.user_id).await.unwrap();
        assert_eq!(scene.world().people(), [""; 0]);
        let back = json!({ "id": of.user_id, "org_id": scope.organization_id, "email_address": "jo@example.org" });
        scene.world().users.push(back);
    }
}

#[tokio::test]
async fn a_password_is_set_for_a_member() {
    let scene = Scene::new();
    let (scope, of, key) = scene.with_user().await;
    scene.tyk.set_password(&scope, &of.user_id, "correct horse".into()).await.unwrap();
    assert_eq!(scene.world().users[0]["password"], "correct horse");
    assert_eq!(scene.world().users[0]["access_key"], key.expose_secret());
    let refused = scene.tyk.set_password(&scope, "absent", "correct horse".into()).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::NotFound);
    scene.world().faults.push((Method::POST, "/reset", Fault::Answers(400, "correct horse")));
    let refused = scene.tyk.set_password(&scope, &of.user_id, "correct horse".into()).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::Invalid);
    assert_eq!(reveals(&refused, &["correct", SECRET]), [""; 0]);
}
