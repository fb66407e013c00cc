//! `/admin/users` and `/api/users`.

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{As, Server, error, ok, text};
use crate::fixture::{Fixture, at};

const NEVER: &str = "0001-01-01T00:00:00Z";

#[tokio::test]
async fn a_creation_shows_the_whole_user_and_the_key() {
    let fixture = Fixture::new().await;
    let server = Server::new(&fixture).await;
    let organization = server.organization("Example").await;
    let body = json!({
        "id": "ffffffffffffffffffffffff", "access_key": "chosen", "org_id": organization, "first_name": "Jason",
        "last_name": "Jasonson", "email_address": "Jason@JasonSon.com", "active": true, "password": "correct horse",
        "group_id": "g", "user_permissions": {"IsAdmin": "admin", "apis": "read"}, "password_max_days": 90,
        "created_at": NEVER, "password_updated": NEVER, "unknown": 1,
    });
    let made = server.done(As::Admin, "POST", "/admin/users", body).await;
    let (id, key) = (text(&made["Meta"]["id"]), text(&made["Message"]));
    assert_eq!((id.len(), key.len()), (24, 32));
    assert_ne!(id, "ffffffffffffffffffffffff");
    let whole = json!({
        "id": id, "org_id": organization, "first_name": "Jason", "last_name": "Jasonson",
        "email_address": "jason@jasonson.com", "active": true, "access_key": key, "group_id": "g",
        "user_permissions": {"IsAdmin": "admin", "apis": "read"}, "created_at": at(0).to_string(),
        "last_login_date": NEVER, "password_updated": at(0).to_string(), "password_max_days": 90,
    });
    assert_eq!(made, ok(key, whole.clone()));
    let path = format!("/users/{id}");
    assert_eq!(server.get(As::Admin, &format!("/admin{path}")).await, whole);
    assert_eq!(server.get(As::User(key), &format!("/api{path}")).await, whole);
    assert_eq!(
        server.get(As::User(&format!("bearer {key}")), "/api/users").await,
        json!({"users": [whole], "pages": 1})
    );
    assert!(fixture.logs_in("Example", "jason@jasonson.com", "correct horse").await);

    let least = json!({"org_id": organization, "email_address": "least@example.org"});
    let made = server.done(As::Admin, "POST", "/admin/users", least).await;
    let key = text(&made["Message"]);
    let whole = json!({
        "id": made["Meta"]["id"], "org_id": organization, "first_name": "", "last_name": "",
        "email_address": "least@example.org", "active": false, "access_key": key, "group_id": "",
        "user_permissions": {}, "created_at": at(0).to_string(), "last_login_date": NEVER, "password_updated": NEVER,
        "password_max_days": 0,
    });
    assert_eq!(made["Meta"], whole);
    server.refused(As::User(key), "GET", "/api/users", Value::Null, 401, "Not authorised").await;
}

#[tokio::test]
async fn what_is_refused_has_the_tables_code_and_text_and_changes_nothing() {
    let fixture = Fixture::new().await;
    let server = Server::new(&fixture).await;
    let organization = server.organization("Example").await;
    let (admin, other) = (server.admin(&organization).await, server.user(&organization, "jo@x.org", json!({})).await);
    let admin_key = As::User(text(&admin["access_key"]));
    let rows = fixture.rows().await;
    let id = text(&other["id"]);
    let (own, of_admin) = (format!("/api/users/{id}"), format!("/admin/users/{id}"));
    let (gone, gone_admin) = ("/api/users/54bd0ad9ff4329b88985aafb", "/admin/users/54bd0ad9ff4329b88985aafb");
    let reset = format!("{own}/actions/reset");
    let gone_action = |action: &str| format!("{gone}/actions/{action}");
    let taken = json!({"org_id": organization, "email_address": "ADMIN@example.org"});
    let (malformed, exists) = ("Request body malformed", "User email already exists for this Org");
    let (no_detail, nobody, no_id) = ("Could not retrieve user detail", "User not found", "Invalid user id");
    for (caller, method, path, body, status, message) in [
        (As::Admin, "POST", "/admin/users", Value::Null, 500, "Failed to read response body, body empty"),
        (As::Admin, "POST", "/admin/users", taken.clone(), 403, exists),
        (As::Admin, "POST", "/admin/users", json!({"email_address": "new@x.org"}), 403, "Organisation not found"),
        (As::Admin, "POST", "/admin/users", json!({"org_id": organization}), 403, malformed),
        (As::Admin, "POST", "/admin/users", json!({"email_address": 1}), 403, malformed),
        (As::Admin, "POST", "/admin/users", json!({"user_permissions": {"IsAdmin": true}}), 403, malformed),
        (As::Admin, "GET", gone_admin, Value::Null, 404, no_detail),
        (As::Admin, "GET", "/admin/users/nonsense", Value::Null, 404, no_detail),
        (As::Admin, "PUT", gone_admin, json!({}), 404, nobody),
        (As::Admin, "PUT", &of_admin, taken.clone(), 403, exists),
        (As::Admin, "PUT", &of_admin, json!([]), 403, malformed),
        (As::Admin, "PUT", &of_admin, json!({"email_address": ""}), 403, malformed),
        (As::Admin, "PUT", &of_admin, Value::Null, 500, "Failed to read response body, body empty"),
        (admin_key, "POST", "/api/users", taken.clone(), 403, exists),
        (admin_key, "POST", "/api/users", Value::Null, 400, malformed),
        (admin_key, "POST", "/api/users", json!({}), 400, malformed),
        (admin_key, "GET", gone, Value::Null, 404, no_detail),
        (admin_key, "GET", "/api/users/nonsense", Value::Null, 400, no_id),
        (admin_key, "PUT", gone, json!({}), 404, nobody),
        (admin_key, "PUT", &own, taken, 403, exists),
        (admin_key, "PUT", &own, json!({"email_address": ""}), 400, malformed),
        (admin_key, "DELETE", gone, Value::Null, 404, nobody),
        (admin_key, "DELETE", "/api/users/nonsense", Value::Null, 400, no_id),
        (admin_key, "POST", &reset, json!({"new_password": ""}), 403, malformed),
        (admin_key, "POST", &reset, Value::Null, 403, malformed),
        (admin_key, "POST", &gone_action("reset"), json!({"new_password": "x"}), 403, nobody),
        (admin_key, "PUT", &gone_action("key/reset"), Value::Null, 404, nobody),
        (admin_key, "PUT", "/api/users/nonsense/actions/key/reset", Value::Null, 400, no_id),
        (admin_key, "PUT", &gone_action("revoke"), Value::Null, 400, nobody),
    ] {
        server.refused(caller, method, path, body, status, message).await;
    }
    assert_eq!(fixture.rows().await, rows);
    assert_eq!(server.get(As::Admin, &of_admin).await, other);
}

#[tokio::test]
async fn only_an_administrator_does_more_than_look_at_themselves() {
    let fixture = Fixture::new().await;
    let server = Server::new(&fixture).await;
    let organization = server.organization("Example").await;
    let admin = server.admin(&organization).await;
    let rows = fixture.rows().await;
    for permissions in [json!({}), json!({"IsAdmin": "read"}), json!({"isadmin": "admin", "users": "write"})] {
        let user = server.user(&organization, "jo@example.org", permissions).await;
        let key = As::User(text(&user["access_key"]));
        let of = |user: &Value, rest: &str| format!("/api/users/{}{rest}", text(&user["id"]));
        assert_eq!(server.get(key, &of(&user, "")).await, user);
        for (method, path) in [
            ("GET", "/api/users".to_owned()),
            ("POST", "/api/users".to_owned()),
            ("GET", of(&admin, "")),
            ("GET", "/api/users/54bd0ad9ff4329b88985aafb".to_owned()),
            ("PUT", of(&user, "")),
            ("DELETE", of(&user, "")),
            ("DELETE", of(&admin, "")),
            ("POST", of(&admin, "/actions/reset")),
            ("PUT", of(&admin, "/actions/key/reset")),
            ("PUT", of(&admin, "/actions/revoke")),
        ] {
            let body = json!({"email_address": "new@example.org", "user_permissions": {"IsAdmin": "admin"}});
            server.refused(key, method, &path, body, 403, "Access disallowed").await;
        }
        assert_eq!(server.get(key, &of(&user, "")).await, user);
        server.done(As::User(text(&admin["access_key"])), "DELETE", &of(&user, ""), Value::Null).await;
    }
    assert_eq!(fixture.rows().await, rows);
}

#[tokio::test]
async fn another_organisation_is_out_of_reach() {
    let fixture = Fixture::new().await;
    let server = Server::new(&fixture).await;
    let (here, there) = (server.organization("Here").await, server.organization("There").await);
    // The same address in both, which is one user in each.
    let (admin, stranger) = (server.admin(&here).await, server.admin(&there).await);
    assert_ne!(admin["id"], stranger["id"]);
    let key = As::User(text(&admin["access_key"]));
    let path = format!("/api/users/{}", text(&stranger["id"]));
    for (method, action, status, message) in [
        ("GET", "", 404, "Could not retrieve user detail"),
        ("PUT", "", 404, "User not found"),
        ("DELETE", "", 404, "User not found"),
        ("POST", "/actions/reset", 403, "User not found"),
        ("PUT", "/actions/key/reset", 404, "User not found"),
        ("PUT", "/actions/revoke", 400, "User not found"),
    ] {
        let body = json!({"new_password": "x", "active": false});
        server.refused(key, method, &format!("{path}{action}"), body, status, message).await;
    }
    assert_eq!(server.get(key, "/api/users?p=-1").await, json!({"users": [admin], "pages": 1}));
    let new = json!({"org_id": there, "email_address": "new@example.org"});
    let made = server.done(key, "POST", "/api/users", new).await;
    let made = server.get(As::Admin, &format!("/admin/users/{}", text(&made["Meta"]))).await;
    assert_eq!(made["org_id"], json!(here), "the caller's, whatever the body says");
    assert_eq!(server.get(As::Admin, &format!("/admin/users/{}", text(&stranger["id"]))).await, stranger);
}

#[tokio::test]
async fn an_update_touches_what_it_names_only() {
    let fixture = Fixture::new().await;
    let server = Server::new(&fixture).await;
    let organization = server.organization("Example").await;
    let admin = server.admin(&organization).await;
    let mut wanted = server.user(&organization, "jo@example.org", json!({"IsAdmin": "admin"})).await;
    let (id, key) = (text(&wanted["id"]).to_owned(), text(&wanted["access_key"]).to_owned());
    for (change, shown) in [
        (json!({}), json!({})),
        (json!({"first_name": "Joan", "password_max_days": 7}), json!({"first_name": "Joan", "password_max_days": 7})),
        (json!({"email_address": "JOAN@example.org"}), json!({"email_address": "joan@example.org"})),
        (json!({"user_permissions": {"apis": "write"}}), json!({"user_permissions": {"apis": "write"}})),
        (json!({"id": "x", "org_id": "", "access_key": "x", "created_at": NEVER}), json!({})),
        (json!({"password": "correct horse"}), json!({"password_updated": at(0).to_string()})),
        (json!({"password": "", "group_id": "g"}), json!({"group_id": "g"})),
        (json!({"active": false, "last_name": ""}), json!({"active": false, "last_name": ""})),
    ] {
        wanted.as_object_mut().unwrap().extend(shown.as_object().unwrap().clone());
        let updated = server.done(As::Admin, "PUT", &format!("/admin/users/{id}"), change).await;
        assert_eq!(updated, ok(&key, wanted.clone()));
        assert_eq!(server.get(As::Admin, &format!("/admin/users/{id}")).await, wanted);
        let logs_in = fixture.logs_in("Example", "joan@example.org", "correct horse").await;
        assert_eq!(logs_in, wanted["password_updated"] != NEVER && wanted["active"] == true);
    }
    let own = As::User(text(&admin["access_key"]));
    let updated = server.done(own, "PUT", &format!("/api/users/{id}"), json!({"active": true})).await;
    assert_eq!(updated, ok("User updated", Value::Null));
    assert!(fixture.logs_in("Example", "joan@example.org", "correct horse").await, "the address is the login name");
}

#[tokio::test]
async fn a_user_of_the_own_organisation_from_creation_to_deletion() {
    let fixture = Fixture::new().await;
    let server = Server::new(&fixture).await;
    let organization = server.organization("Example").await;
    let admin = server.admin(&organization).await;
    let admin = As::User(text(&admin["access_key"]));
    let new = json!({"email_address": "jo@example.org", "active": true});
    let made = server.done(admin, "POST", "/api/users", new).await;
    let id = text(&made["Meta"]);
    assert_eq!(made, ok("User and session have been created", json!(id)));
    let path = format!("/api/users/{id}");
    let act = async |method, action: &str, body| server.done(admin, method, &format!("{path}{action}"), body).await;
    let works = async |key: &str| server.call(As::User(key), "GET", &path, Value::Null).await;

    let first = text(&server.get(admin, &path).await["access_key"]).to_owned();
    assert_eq!(works(&first).await.0, 200);
    assert_eq!(act("PUT", "/actions/key/reset", Value::Null).await, ok("User session renewed", Value::Null));
    let second = text(&server.get(admin, &path).await["access_key"]).to_owned();
    assert_eq!((works(&first).await, works(&second).await.0), ((401, error("Not authorised")), 200));

    assert_eq!(act("PUT", "/actions/revoke", Value::Null).await, ok("User revoked", Value::Null));
    assert_eq!((works(&second).await.0, &server.get(admin, &path).await["access_key"]), (401, &json!("")));
    act("PUT", "/actions/key/reset", Value::Null).await;
    let third = text(&server.get(admin, &path).await["access_key"]).to_owned();
    assert_eq!((works(&second).await.0, works(&third).await.0), (401, 200));

    let password = json!({"new_password": "correct horse"});
    assert_eq!(act("POST", "/actions/reset", password).await, ok("User password updated", Value::Null));
    assert!(fixture.logs_in("Example", "jo@example.org", "correct horse").await);
    assert_eq!(server.get(admin, &path).await["password_updated"], json!(at(0).to_string()));

    assert_eq!(act("DELETE", "", Value::Null).await, ok("User deleted", Value::Null));
    assert_eq!(works(&third).await.0, 401);
    server.refused(admin, "GET", &path, Value::Null, 404, "Could not retrieve user detail").await;
}

#[tokio::test]
async fn users_come_in_pages_too() {
    let fixture = Fixture::new().await;
    let server = Server::new(&fixture).await;
    let organization = server.organization("Example").await;
    let admin = server.admin(&organization).await;
    let key = As::User(text(&admin["access_key"]));
    for number in 0..11 {
        server.user(&organization, &format!("user{number}@example.org"), json!({})).await;
    }
    for (query, count) in [("", 10), ("?p=2", 2), ("?p=3", 0), ("?p=-1", 12)] {
        let page = server.get(key, &format!("/api/users/{query}")).await;
        assert_eq!((page["users"].as_array().unwrap().len(), &page["pages"]), (count, &json!(2)), "{query}");
    }
}

#[tokio::test]
async fn neither_a_password_nor_a_key_reaches_the_disk() {
    let fixture = Fixture::new().await;
    let server = Server::new(&fixture).await;
    let organization = server.organization("Example").await;
    let body = json!({"org_id": organization, "email_address": "jo@example.org", "password": "the-password-itself"});
    let made = server.done(As::Admin, "POST", "/admin/users", body).await;
    let kept: String = fixture.value("SELECT attributes FROM users").await;
    assert_eq!(kept, json!({"password_updated": at(0).to_string()}).to_string());
    let of = org_operator::domain::entity::OfUser {
        organization_id: organization,
        user_id: text(&made["Meta"]["id"]).to_owned(),
    };
    let key = fixture.directory.access_key(&of).await.unwrap().unwrap();
    assert_eq!(key.expose_secret(), text(&made["Message"]));
    let path = fixture.path();
    fixture.directory.close().await;
    for entry in std::fs::read_dir(path).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in ["the-password-itself", key.expose_secret()] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
        }
    }
}
