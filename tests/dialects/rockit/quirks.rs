//! Servers that differ.

use org_operator::embedded::dialect::Quirk;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{Rockit, call, is_success, listen, new_organization};

#[tokio::test]
async fn without_the_admin_password_the_link_shows_one() {
    let rockit = Rockit::new(&[Quirk::RockitWithoutAdminPassword]).await;
    let created = rockit.create(&new_organization("ExampleOrg")).await;
    is_success(&created, json!({"message": "organization created"}));
    let invitation = rockit.invitation("ExampleOrg", "adminUser").await;
    let opened = rockit.open(&invitation).await;
    let password = opened.member("password");
    assert_eq!(rockit.session("ExampleOrg", "adminUser", &password).await.status, StatusCode::OK);
}

#[tokio::test]
async fn in_maintenance_every_call_is_answered_with_the_known_reply() {
    let rockit = Rockit::new(&[Quirk::RockitMaintenance]).await;
    for (method, path) in [
        (Method::POST, "/adm/v1/orgs"),
        (Method::POST, "/adm/v1/ping"),
        (Method::DELETE, "/be/v1/orgs/ExampleOrg?prune=true"),
        (Method::GET, "/be/v1/users"),
        (Method::GET, "/invitations/a/b"),
        (Method::GET, "/"),
    ] {
        let answer = rockit.listener.send(method, path, &[], None).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.header("retry-after"), Some("900"));
        let message = answer.member("message");
        assert_eq!(
            answer.json(),
            json!({"status": "failed", "error": "maintenance", "message": message, "retryAfter": "900"})
        );
    }
}

#[tokio::test]
async fn a_late_server_shows_new_users_after_a_while_but_serves_them_at_once() {
    let rockit = Rockit::new(&[]).await;
    let administrator = rockit.administrator("ExampleOrg").await;
    let robot = rockit.machine(&administrator, "ExampleOrg", "robot", json!(["Administrators"])).await;
    for (seconds, shown) in [(29, false), (30, true)] {
        let late = listen(&rockit.data, seconds, &[Quirk::Late]).await;
        let one = call(&late, &robot, Method::GET, "/be/v1/users/robot", None).await;
        assert_eq!(one.status, if shown { StatusCode::OK } else { StatusCode::NOT_FOUND }, "{seconds}");
        let list = call(&late, &robot, Method::GET, "/be/v1/users", None).await.json();
        let count = if shown { 2 } else { 0 };
        assert_eq!((list["users"].as_array().unwrap().len(), &list["total"]), (count, &json!(count)), "{seconds}");
    }
    let late = listen(&rockit.data, 0, &[Quirk::Late]).await;
    let deleted = call(&late, &robot, Method::DELETE, "/be/v1/users/adminUser", None).await;
    is_success(&deleted, json!({"message": "user deleted"}));
}
