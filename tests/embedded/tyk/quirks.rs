//! Servers that differ.

use org_operator::embedded::dialect::Quirk;
use serde_json::{Value, json};

use super::{As, LATE, SECRET, Server, text};
use crate::fixture::Fixture;

#[tokio::test]
async fn where_keys_are_hidden_each_sees_only_their_own() {
    let fixture = Fixture::new().await;
    let server = Server::with(&fixture, 0, &[Quirk::TykHidesKeys], SECRET).await;
    let organization = server.organization("Example").await;
    let admin = server.admin(&organization).await;
    let made = server.user(&organization, "jo@example.org", json!({})).await;
    assert_eq!(text(&made["access_key"]).len(), 32, "the creation shows it");
    let (key, own_key) = (As::User(text(&admin["access_key"])), As::User(text(&made["access_key"])));
    let mut hidden = made.clone();
    hidden["access_key"] = json!("");

    let path = format!("/users/{}", text(&made["id"]));
    assert_eq!(server.get(As::Admin, &format!("/admin{path}")).await, hidden);
    assert_eq!(server.get(key, &format!("/api{path}")).await, hidden);
    assert_eq!(server.get(own_key, &format!("/api{path}")).await, made);
    let users = server.get(key, "/api/users?p=-1").await["users"].take();
    let users = users.as_array().unwrap();
    assert!(users.contains(&admin) && users.contains(&hidden), "{users:?}");
    let updated = server.done(As::Admin, "PUT", &format!("/admin{path}"), json!({"active": true})).await;
    assert_eq!(updated, super::ok("User updated", hidden));
}

#[tokio::test]
async fn what_is_shown_late_is_there_all_the_same() {
    let fixture = Fixture::new().await;
    let late = i64::try_from(LATE.as_secs()).unwrap();
    let server = Server::with(&fixture, 0, &[Quirk::Late], SECRET).await;
    let organization = server.organization("Example").await;
    let admin = server.admin(&organization).await;
    let key = As::User(text(&admin["access_key"]));
    let (of_organization, of_user) =
        (format!("/admin/organisations/{organization}"), format!("/users/{}", text(&admin["id"])));

    for (seconds, is_shown) in [(0, false), (late - 1, false), (late, true)] {
        let server = Server::with(&fixture, seconds, &[Quirk::Late], SECRET).await;
        let status = if is_shown { 200 } else { 404 };
        for (caller, path) in [
            (As::Admin, of_organization.clone()),
            (As::Admin, format!("/admin{of_user}")),
            (key, format!("/api{of_user}")),
        ] {
            assert_eq!(server.call(caller, "GET", &path, Value::Null).await.0, status, "{seconds} s: {path}");
        }
        let organizations = server.get(As::Admin, "/admin/organisations?p=-1").await;
        let users = server.get(key, "/api/users").await;
        for (list, shown) in [(&organizations, "organisations"), (&users, "users")] {
            let count = usize::from(is_shown);
            assert_eq!((list[shown].as_array().unwrap().len(), &list["pages"]), (count, &json!(count)), "{seconds} s");
        }
        let again = json!({"org_id": organization, "email_address": "admin@example.org"});
        server.refused(As::Admin, "POST", "/admin/users", again, 403, "User email already exists for this Org").await;
        server.done(As::Admin, "PUT", &of_organization, json!({"owner_name": "Other"})).await;
    }
}
