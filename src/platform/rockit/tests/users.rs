//! Users and keys, for an organisation's account.

use super::*;
use crate::platform::Ended;

const USERS: &str = "POST /be/v1/users";

#[tokio::test]
async fn a_person_is_created_with_the_documented_members_for_the_account() {
    let server = Scripted::default();
    server.on(USERS, 200, &json!({ "status": "success", "apiKey": "nobody's" }));
    let made = Backend::<User>::create(acting(&server).as_ref(), new_user(UserType::Person)).await.unwrap();
    assert_eq!((made.record.id.as_str(), made.record.username.as_str()), ("jane", "jane"));
    assert_eq!(made.record.roles.unwrap(), ["Administrators", "Viewers"]);
    assert!(made.record.partial && made.one_time.is_none(), "a person has no key");
    let sent = server.seen();
    assert_eq!(sent[0].header("x-rockit-orgname"), "ExampleOrg");
    assert_eq!(sent[0].header("x-rockit-username"), "operator");
    assert_eq!(sent[0].header("x-rockit-api-key"), "account-key");
    assert_eq!((sent[0].header("x-rockit-admin-token"), sent[0].header("x-rockit-beauth-token")), ("", ""));
    let body = json!({
        "username": "jane",
        "email": "jane@example.org",
        "firstname": "Jane",
        "surname": "",
        "roles": ["Viewers", "Administrators"],
    });
    assert_eq!(sent[0].body, body);
}

#[tokio::test]
async fn a_machines_key_is_read_under_the_name_that_the_setting_gives() {
    let replies = [
        (json!({ "status": "success", "apiKey": "k" }), "apiKey", Some("k")),
        (json!({ "status": "success", "user": { "username": "ci_bot", "apiKey": "k" } }), "apiKey", Some("k")),
        (json!({ "status": "success", "key": "k" }), "key", Some("k")),
        (json!({ "status": "success", "key": "k" }), "apiKey", None),
        (json!({ "status": "success", "apiKey": "" }), "apiKey", None),
        (json!({ "status": "success", "apiKey": 7 }), "apiKey", None),
    ];
    for (reply, member, expected) in replies {
        let server = Scripted::default();
        server.on(USERS, 200, &reply);
        let origin = server.origin("https://rockit.example", &Clock::system());
        let platform = Rockit::new(origin, AdminCredential::Token("t".into()), None, member.to_owned());
        let acts = platform.acting_as(&account()).unwrap();
        let made = Backend::<User>::create(acts.as_ref(), new_user(UserType::Machine)).await.unwrap();
        assert_eq!(made.one_time.as_ref().map(ExposeSecret::expose_secret), expected, "{reply}");
        assert_eq!(made.record.user_type, UserType::Machine);
        let body = json!({ "username": "ci_bot", "label": "ci_bot", "roles": ["Viewers", "Administrators"] });
        assert_eq!(server.seen()[0].body, body);
    }
}

#[tokio::test]
async fn what_a_user_cannot_have_is_refused_before_anything_is_sent() {
    let server = Scripted::default();
    let acts = acting(&server);
    let (person, machine) = (|| new_user(UserType::Person), || new_user(UserType::Machine));
    let text = || Some("x@example.org".to_owned());
    let cases = [
        (FaultKind::Invalid, "username", NewUser { username: "ja-ne".to_owned(), ..person() }),
        (FaultKind::Invalid, "email", NewUser { email: None, ..person() }),
        (FaultKind::Unsupported, "initialPassword", NewUser { password: Some("p".into()), ..person() }),
        (FaultKind::Unsupported, "email", NewUser { email: text(), ..machine() }),
        (FaultKind::Unsupported, "lastName", NewUser { last_name: text(), ..machine() }),
        (FaultKind::Unsupported, "tyk", NewUser { permissions: Some([].into()), ..person() }),
        (FaultKind::Unsupported, "ExampleOrg", NewUser { organization_id: "Other".to_owned(), ..person() }),
    ];
    for (kind, word, new) in cases {
        let error = Backend::<User>::create(acts.as_ref(), new).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(word), "{error}");
    }
    let marked = UserChange { owner: Some(Some("mark".to_owned())), ..UserChange::default() };
    let refused = Backend::<User>::update(acts.as_ref(), &scope(), "jane", &marked).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::Unsupported);
    let off = UserChange { owner: Some(None), ..UserChange::default() };
    assert_eq!(Backend::<User>::update(acts.as_ref(), &scope(), "jane", &off).await.unwrap().id, "jane");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn without_the_organisations_account_the_way_to_one_is_said() {
    let server = Scripted::default();
    let platform = rockit(&server, Some(BackendCredential::Account(account())));
    let errors = [
        Backend::<User>::create(&platform, new_user(UserType::Person)).await.unwrap_err(),
        find_user(&platform, by_id("jane")).await.unwrap_err(),
        Backend::<User>::list(&platform, &scope(), None).await.unwrap_err(),
        Backend::<User>::update(&platform, &scope(), "jane", &roles(&[])).await.unwrap_err(),
        Backend::<User>::delete(&platform, &scope(), "jane").await.unwrap_err(),
        Backend::<Token>::delete(&platform, &of(), "key-0").await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind, FaultKind::Unsupported);
        assert!(error.message.contains("spec.rockit.account"), "{error}");
    }
    assert_eq!(find_user(&platform, Lookup::Owner("mark".to_owned())).await.unwrap(), []);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_user_is_read_by_the_members_that_have_the_requests_names() {
    let server = Scripted::default();
    let acts = acting(&server);
    let call = "GET /be/v1/users/jane";
    let jane = json!({
        "username": "jane",
        "email": "jane@example.org",
        "firstname": "Jane",
        "surname": "Doe",
        "roles": ["Viewers", "Administrators"],
        "enabled": true,
    });
    let whole = UserRecord {
        email: Some("jane@example.org".to_owned()),
        first_name: Some("Jane".to_owned()),
        last_name: Some("Doe".to_owned()),
        roles: Some(vec!["Administrators".to_owned(), "Viewers".to_owned()]),
        ..UserRecord::unseen("jane", "jane")
    };
    let machine = UserRecord { user_type: UserType::Machine, ..UserRecord::unseen("jane", "jane") };
    let cases = [
        (jane.clone(), whole.clone()),
        (json!({ "status": "success", "user": jane }), whole),
        (json!({ "status": "success" }), UserRecord::unseen("jane", "jane")),
        (json!({ "username": "jane", "email": 7, "roles": [{ "name": "x" }] }), UserRecord::unseen("jane", "jane")),
        (json!({ "username": "jane", "label": "Jane" }), machine),
    ];
    for (reply, expected) in cases {
        server.on(call, 200, &reply);
        for lookup in [by_id("jane"), by_name("jane")] {
            assert_eq!(find_user(acts.as_ref(), lookup).await.unwrap(), std::slice::from_ref(&expected), "{reply}");
        }
    }
    server.on(call, 200, &json!({ "username": "john" }));
    assert_eq!(find_user(acts.as_ref(), by_id("jane")).await.unwrap_err().kind, FaultKind::Unavailable(None));
    server.on(call, 404, &json!({ "status": "failed", "error": "item-not-found" }));
    assert_eq!(find_user(acts.as_ref(), by_id("jane")).await.unwrap(), []);
    for gateway in ["", "404 page not found", "<html>"] {
        server.text(call, 404, &[], gateway);
        let error = find_user(acts.as_ref(), by_id("jane")).await.unwrap_err();
        assert_eq!(error.kind, FaultKind::Unavailable(None), "{gateway}");
    }
}

/// All users of a list, part by part.
async fn all(platform: &dyn AdminApi) -> Vec<String> {
    let (mut found, mut from) = (Vec::new(), None);
    for _ in 0..1000 {
        let page = Backend::<User>::list(platform, &scope(), from.as_deref()).await.unwrap();
        found.extend(page.records.into_iter().map(|user| user.username));
        match page.next {
            Some(next) => from = Some(next),
            None => return found,
        }
    }
    panic!("a list without an end");
}

#[tokio::test]
async fn a_list_is_read_to_its_end_whatever_parts_the_server_gives() {
    let page = |names: std::ops::Range<usize>| {
        Value::Array(names.map(|n| json!({ "username": format!("user_{n:03}") })).collect())
    };
    // Full parts; parts of ten whatever is asked for; no parts at all.
    for (size, total) in [(100, 230), (10, 35), (500, 35)] {
        let server = Scripted::default();
        for offset in (0..=total).step_by(size) {
            let users = page(offset..total.min(offset + size));
            server.on(
                &format!("GET /be/v1/users?offset={offset}&limit=100"),
                200,
                &json!({ "status": "success", "users": users }),
            );
        }
        server.on(&format!("GET /be/v1/users?offset={total}&limit=100"), 200, &json!([]));
        let found = all(acting(&server).as_ref()).await;
        assert_eq!(found.len(), total);
        assert_eq!(found.first().map(String::as_str), Some("user_000"));
    }
    let server = Scripted::default();
    server.otherwise(200, &[], &page(0..35).to_string());
    assert_eq!(all(acting(&server).as_ref()).await.len(), 35, "a server that knows no offset");

    for strange in ["{}", r#"{"a":[],"b":[]}"#, "7", r#""x""#] {
        server.otherwise(200, &[], strange);
        let error = Backend::<User>::list(acting(&server).as_ref(), &scope(), None).await.unwrap_err();
        assert_eq!(error.kind, FaultKind::Unavailable(None), "{strange}");
    }
}

#[tokio::test]
async fn a_change_names_the_user_in_the_body_and_what_changes() {
    let server = Scripted::default();
    let acts = acting(&server);
    server.on("PATCH /be/v1/users", 200, &json!({ "status": "success" }));
    let change = UserChange { last_name: Some("Roe".to_owned()), ..roles(&["Viewers"]) };
    let record = Backend::<User>::update(acts.as_ref(), &scope(), "jane", &change).await.unwrap();
    assert_eq!((record.id.as_str(), record.last_name.as_deref()), ("jane", Some("Roe")));
    assert_eq!(record.roles.unwrap(), ["Viewers"]);
    assert_eq!(server.seen()[0].body, json!({ "username": "jane", "surname": "Roe", "roles": ["Viewers"] }));
    server.on("PATCH /be/v1/users", 404, &json!({}));
    let gone = Backend::<User>::update(acts.as_ref(), &scope(), "jane", &change).await.unwrap_err();
    assert_eq!(gone.kind, FaultKind::NotFound);
}

#[tokio::test]
async fn a_user_is_deleted_and_a_gateways_404_is_not_believed() {
    let server = Scripted::default();
    let acts = acting(&server);
    let delete = async || Backend::<User>::delete(acts.as_ref(), &scope(), "jane").await.map_err(|error| error.kind);
    server.on("DELETE /be/v1/users/jane", 200, &json!({ "status": "success" }));
    assert_eq!(delete().await, Ok(Ended::Done));
    server.on("DELETE /be/v1/users/jane", 404, &json!({ "status": "failed", "error": "item-not-found" }));
    assert_eq!(delete().await, Ok(Ended::Absent));
    server.text("DELETE /be/v1/users/jane", 404, &[], "404 page not found");
    assert_eq!(delete().await, Err(FaultKind::Unavailable(None)));
}

#[tokio::test]
async fn a_key_ends_by_resetting_the_machines_credentials_where_the_server_takes_that() {
    let server = Scripted::default();
    let acts = acting(&server);
    let revoke = async || Backend::<Token>::delete(acts.as_ref(), &of(), "key-0").await.map_err(|error| error.kind);
    server.on("PATCH /be/v1/users", 200, &json!({ "status": "success", "apiKey": "new" }));
    assert_eq!(revoke().await, Ok(Ended::Done));
    assert_eq!(server.seen()[0].body, json!({ "username": "ci_bot", "resetCreds": true }));
    assert_eq!(acts.capabilities().of(Capability::TokenRevoke), Support::Supported);

    let server = Scripted::default();
    let acts = acting(&server);
    let revoke = async || Backend::<Token>::delete(acts.as_ref(), &of(), "key-0").await.map_err(|error| error.kind);
    server.on("GET /be/v1/users/ci_bot", 404, &json!({}));
    assert_eq!(revoke().await, Ok(Ended::Absent), "the machine is gone, and its key with it");
    server.on("GET /be/v1/users/ci_bot", 200, &json!({ "username": "ci_bot" }));
    assert_eq!(acts.capabilities().of(Capability::TokenRevoke), Support::Unknown);
    server.text("PATCH /be/v1/users", 400, &[], "");
    assert_eq!(revoke().await, Err(FaultKind::Unsupported));
    assert_eq!(acts.capabilities().of(Capability::TokenRevoke), Support::Unsupported);
    server.text("PATCH /be/v1/users", 405, &[], "");
    assert_eq!(revoke().await, Err(FaultKind::Unsupported));
    server.seen();
    assert_eq!(revoke().await, Err(FaultKind::Unsupported));
    assert!(server.seen().is_empty(), "it is remembered");
    let again = rockit(&server, None);
    assert_eq!(again.acting_as(&account()).unwrap().capabilities().of(Capability::TokenRevoke), Support::Unknown);
}

#[tokio::test]
async fn what_one_account_learned_of_the_server_all_know() {
    let server = Scripted::default();
    let platform = rockit(&server, None);
    server.text("PATCH /be/v1/users", 501, &[], "");
    let first = platform.acting_as(&account()).unwrap();
    Backend::<Token>::delete(first.as_ref(), &of(), "key-0").await.unwrap_err();
    let second = platform.acting_as(&Account { username: "second".to_owned(), ..account() }).unwrap();
    assert_eq!(second.capabilities().of(Capability::TokenRevoke), Support::Unsupported);
}

#[tokio::test]
async fn keys_are_neither_made_nor_shown() {
    let server = Scripted::default();
    let acts = acting(&server);
    let refused = Backend::<Token>::create(acts.as_ref(), new_token()).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::Unsupported);
    assert!(refused.message.contains("resetCreds"), "{refused}");
    let found = Backend::<Token>::find(acts.as_ref(), &of(), &by_id("key-0")).await.unwrap_err();
    assert_eq!(found.kind, FaultKind::Unsupported);
    let listed = Backend::<Token>::list(acts.as_ref(), &of(), None).await.unwrap_err();
    assert_eq!(listed.kind, FaultKind::Unsupported);
    let marked = Backend::<Token>::find(acts.as_ref(), &of(), &Lookup::Owner("mark".to_owned())).await.unwrap();
    assert_eq!(marked, []);
    let password = acts.set_password(&scope(), "jane", "p".into()).await.unwrap_err();
    assert_eq!(password.kind, FaultKind::Unsupported);
    assert!(server.seen().is_empty());
}
