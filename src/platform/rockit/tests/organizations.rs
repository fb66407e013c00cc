//! The exchanges of the vendor's pages, member by member.

use super::*;
use crate::domain::entity::OrganizationChange;

#[tokio::test]
async fn an_organisation_is_created_as_the_page_shows_it() {
    let server = Scripted::default();
    server.on("POST /adm/v1/orgs", 200, &created());
    let made = Backend::<Organization>::create(&rockit(&server, None), new_organization()).await.unwrap();
    let expected = OrganizationRecord {
        display_name: Some("Example Organization".to_owned()),
        ..OrganizationRecord::unseen("ExampleOrg", "ExampleOrg")
    };
    assert_eq!(made.record, expected);
    assert_eq!(made.one_time.unwrap().expose_secret(), ":0-)IrG:kLDvr2");
    assert!(!made.unfinished);
    let sent = server.seen();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].header("x-rockit-admin-token"), "admin-token");
    assert_eq!(sent[0].header("content-type"), "application/json");
    let body = json!({
        "name": "ExampleOrg",
        "label": "Example Organization",
        "username": "adminUser",
        "email": "admin@example.org",
        "firstname": "John",
        "surname": "Doe",
        "dxorglnk": "dxorglnk.ExampleOrg.jAhjafhdsaAS....",
        "orgPrivPemB64": "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQo=",
        "orgPrivPW": "examplePrivateKeyPassword",
    });
    assert_eq!(sent[0].body, body);
}

#[tokio::test]
async fn what_the_manifest_leaves_out_is_empty_and_the_link_is_left_out() {
    let server = Scripted::default();
    server.on("POST /adm/v1/orgs", 200, &json!({ "status": "success", "message": "organization created" }));
    let mut new = NewOrganization { display_name: None, link: None, ..new_organization() };
    let admin = new.admin.as_mut().unwrap();
    (admin.first_name, admin.last_name) = (None, None);
    new.key_pair.as_mut().unwrap().passphrase = None;
    let made = Backend::<Organization>::create(&rockit(&server, None), new).await.unwrap();
    assert!(made.one_time.is_none(), "a newer server sends an invitation alone");
    let sent = server.seen();
    let body = &sent[0].body;
    assert_eq!((&body["label"], &body["firstname"], &body["surname"]), (&json!("ExampleOrg"), &json!(""), &json!("")));
    assert_eq!((&body["orgPrivPW"], body.get("dxorglnk")), (&json!(""), None));
}

#[tokio::test]
async fn what_rockit_needs_and_is_not_there_is_said_before_anything_is_sent() {
    let server = Scripted::default();
    let with_admin = |change: fn(&mut NewAdmin)| {
        let mut new = new_organization();
        change(new.admin.as_mut().unwrap());
        new
    };
    let cases = [
        (FaultKind::Invalid, "admin", NewOrganization { admin: None, ..new_organization() }),
        (FaultKind::Invalid, "keyPair", NewOrganization { key_pair: None, ..new_organization() }),
        (FaultKind::Invalid, "externalName", NewOrganization { name: "a-b".to_owned(), ..new_organization() }),
        (FaultKind::Invalid, "admin.username", with_admin(|admin| admin.username = "a.b".to_owned())),
        (FaultKind::Unsupported, "password", with_admin(|admin| admin.password = Some("secret".into()))),
    ];
    for (kind, word, new) in cases {
        let error = Backend::<Organization>::create(&rockit(&server, None), new).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(word), "{error}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn an_organisation_is_pruned_with_the_platforms_backend_credential_only() {
    let server = Scripted::default();
    let call = "DELETE /be/v1/orgs/ExampleOrg?prune=true";
    server.on(call, 200, &json!({ "status": "success", "message": "organization deleted" }));
    let delete = async |platform: &Rockit| Backend::<Organization>::delete(platform, &(), "ExampleOrg").await;

    delete(&rockit(&server, Some(backend()))).await.unwrap();
    let sent = server.seen();
    assert_eq!((sent[0].call.as_str(), sent[0].header("x-rockit-beauth-token")), (call, "backend-token"));
    assert_eq!((sent[0].header("x-rockit-admin-token"), sent.len()), ("", 1));

    delete(&rockit(&server, Some(BackendCredential::Account(account())))).await.unwrap();
    let sent = server.seen();
    assert_eq!(sent[0].header("x-rockit-orgname"), "ExampleOrg");
    assert_eq!(sent[0].header("x-rockit-username"), "operator");
    assert_eq!(sent[0].header("x-rockit-api-key"), "account-key");

    let error = delete(&rockit(&server, None)).await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Unsupported);
    assert!(error.message.contains("rockit.account"), "{error}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn an_organisation_is_gone_where_the_api_itself_says_so_and_not_where_a_gateway_does() {
    let server = Scripted::default();
    let platform = rockit(&server, Some(backend()));
    let call = "DELETE /be/v1/orgs/ExampleOrg?prune=true";
    server.on(call, 404, &json!({ "status": "failed", "error": "item-not-found" }));
    Backend::<Organization>::delete(&platform, &(), "ExampleOrg").await.unwrap();
    for gateway in ["", "404 page not found", "<html>", r#"{"message":"no Route matched with those values"}"#] {
        server.text(call, 404, &[], gateway);
        let error = Backend::<Organization>::delete(&platform, &(), "ExampleOrg").await.unwrap_err();
        assert_eq!(error.kind, FaultKind::Unavailable(None), "{gateway}");
    }
    server.on(call, 400, &json!({ "status": "failed", "error": "invalid-param", "param": "ORG_NAME" }));
    Backend::<Organization>::delete(&platform, &(), "ExampleOrg").await.unwrap();
    server.on(call, 400, &json!({ "status": "failed", "error": "invalid-param", "param": "prune" }));
    let error = Backend::<Organization>::delete(&platform, &(), "ExampleOrg").await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Invalid);
    assert!(error.message.contains("Retain"), "{error}");
    server.on(call, 200, &json!({}));
    let error = Backend::<Organization>::delete(&platform, &(), "ExampleOrg").await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Unavailable(None), "what does not say success is none");
}

#[tokio::test]
async fn an_organisation_cannot_be_read_and_its_account_shows_that_it_is_there() {
    let server = Scripted::default();
    let alone = rockit(&server, None);
    for lookup in [by_id("ExampleOrg"), by_name("ExampleOrg")] {
        assert_eq!(find_organization(&alone, lookup).await.unwrap_err().kind, FaultKind::Unsupported);
    }
    assert_eq!(find_organization(&alone, Lookup::Owner("mark".to_owned())).await.unwrap(), []);
    assert_eq!(Backend::<Organization>::list(&alone, &(), None).await.unwrap_err().kind, FaultKind::Unsupported);
    assert!(server.seen().is_empty());

    let acts = acting(&server);
    let there = vec![OrganizationRecord::unseen("ExampleOrg", "ExampleOrg")];
    for (status, found) in [(200, Ok(there.clone())), (403, Ok(there)), (401, Err(FaultKind::Unsupported))] {
        server.on("GET /be/v1/users?limit=1", status, &json!([]));
        let looked = find_organization(acts.as_ref(), by_name("ExampleOrg")).await.map_err(|error| error.kind);
        assert_eq!(looked, found, "{status}");
    }
    server.seen();
    let other = find_organization(acts.as_ref(), by_name("Other")).await.unwrap_err();
    assert_eq!(other.kind, FaultKind::Unsupported, "it has no say in another");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn nothing_of_an_organisation_changes() {
    let platform = rockit(&Scripted::default(), None);
    let update = async |change| Backend::<Organization>::update(&platform, &(), "ExampleOrg", &change).await;
    let named = OrganizationChange { display_name: Some("x".to_owned()), ..OrganizationChange::default() };
    assert_eq!(update(named).await.unwrap_err().kind, FaultKind::Unsupported);
    let released = OrganizationChange { owner: Some(None), ..OrganizationChange::default() };
    assert_eq!(update(released).await.unwrap().id, "ExampleOrg");
}
