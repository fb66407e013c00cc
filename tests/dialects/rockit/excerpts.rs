//! The exchanges of the vendor's pages "Create Organization" and "Delete Organization", member by member.

use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{Rockit, is_success, is_unauthorized, new_organization, operator_account, operator_token};

#[tokio::test]
async fn create_organization() {
    let rockit = Rockit::new(&[]).await;
    let created = rockit.create(&new_organization("ExampleOrg")).await;
    assert_eq!(created.header("content-type"), Some("application/json"));
    let password = created.member("adminPW");
    assert!(password.len() > 13, "no shorter than the page's");
    is_success(&created, json!({"message": "organization created", "adminPW": password}));

    let found = rockit.data.directory.organizations_by_name("ExampleOrg").await.unwrap().remove(0);
    assert_eq!(found.display_name.as_deref(), Some("Example Organization"));
    let admin = rockit.data.directory.users_by_name(&found.id, "adminUser").await.unwrap().remove(0);
    assert_eq!(admin.roles.unwrap(), ["Administrators"]);
    assert_eq!(
        (admin.email.as_deref(), admin.first_name.as_deref(), admin.last_name.as_deref()),
        (Some("admin@example.org"), Some("John"), Some("Doe"))
    );

    let invitation = rockit.invitation("ExampleOrg", "adminUser").await;
    assert_eq!((&*invitation.email, invitation.sent_at), ("admin@example.org", None));
    is_unauthorized(&rockit.session("ExampleOrg", "adminUser", &password).await);
    for method in [Method::HEAD, Method::GET, Method::GET] {
        let looked = rockit.listener.send(method, invitation.path().expose_secret(), &[], None).await;
        assert_eq!((looked.status, looked.header("referrer-policy")), (StatusCode::OK, Some("no-referrer")));
        assert_eq!(looked.header("content-type"), Some("text/html; charset=utf-8"));
        let secrets = [invitation.code.expose_secret(), &*invitation.id, &*password];
        assert!(secrets.iter().all(|secret| !looked.text.contains(secret)), "{}", looked.text);
        assert!(looked.text.is_empty() || looked.text.contains(r#"<form method="post">"#), "{}", looked.text);
    }
    is_unauthorized(&rockit.session("ExampleOrg", "adminUser", &password).await);
    is_success(
        &rockit.open(&invitation).await,
        json!({"message": "account enabled", "orgname": "ExampleOrg", "username": "adminUser"}),
    );
    assert_eq!(rockit.session("ExampleOrg", "adminUser", &password).await.status, StatusCode::OK);
    assert_eq!(rockit.open(&invitation).await.status, StatusCode::NOT_FOUND, "it was opened");
}

#[tokio::test]
async fn the_link_of_an_invitation_wants_its_code() {
    let rockit = Rockit::new(&[]).await;
    let password = rockit.create(&new_organization("ExampleOrg")).await.member("adminPW");
    let invitation = rockit.invitation("ExampleOrg", "adminUser").await;
    let code = invitation.code.expose_secret();
    for path in [
        format!("/invitations/{}/x", invitation.id),
        format!("/invitations/{}/{}", invitation.id, &code[1..]),
        format!("/invitations/x/{code}"),
        format!("/invitations/{}/", invitation.id),
    ] {
        let opened = rockit.listener.send(Method::POST, &path, &[], None).await;
        assert_eq!(opened.status, StatusCode::NOT_FOUND, "{path}");
    }
    is_unauthorized(&rockit.session("ExampleOrg", "adminUser", &password).await);
}

#[tokio::test]
async fn delete_organization() {
    for by in [operator_token(), operator_account()] {
        let rockit = Rockit::new(&[]).await;
        let administrator = rockit.administrator("ExampleOrg").await;
        let other = rockit.administrator("Other_Org").await;
        let deleted = rockit.call(&by, Method::DELETE, "/be/v1/orgs/ExampleOrg?prune=true", None).await;
        assert_eq!(deleted.header("content-type"), Some("application/json"));
        is_success(&deleted, json!({"message": "organization deleted"}));
        is_unauthorized(&rockit.read(&administrator, "/be/v1/users").await);
        assert_eq!(rockit.read(&other, "/be/v1/users").await.status, StatusCode::OK);
        let again = rockit.create(&new_organization("ExampleOrg")).await;
        assert_eq!(again.status, StatusCode::OK, "the name is free");
    }
}
