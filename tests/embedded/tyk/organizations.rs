//! `/admin/organisations`.

use serde_json::{Value, json};

use super::{As, Server, ok, text};
use crate::fixture::Fixture;

const PATH: &str = "/admin/organisations";

/// The organisation of the vendor's page.
fn jively() -> Value {
    json!({
        "id": "54b53d3aeba6db5c35000002",
        "owner_name": "Jively",
        "cname": "jive.ly",
        "cname_enabled": true,
        "apis": [
            {"api_human_name": "Nitrous Test", "api_id": "39d2c98be05c424371c600bd8b3e2242"},
            {"api_human_name": "TEST", "api_id": "f4e4f4d8568a48464b7d4088b16a2b1f"},
            {"api_human_name": "Test", "api_id": "bc2f8cfb7ab241504d9f3574fe407499"},
        ],
    })
}

/// An organisation with every member there is, and one that nobody knows.
fn all() -> Value {
    json!({
        "owner_name": "All", "owner_slug": "all", "cname": "all.example", "cname_enabled": false, "apis": [],
        "developer_count": 5, "developer_quota": 10, "hybrid_enabled": true, "sso_enabled": true,
        "event_options": {"key_event": {"email": "a@example.org", "webhook": "", "redis": true}},
        "org_options_meta": {"mark": {"deep": [1, null]}}, "open_policy": {"enabled": true, "rules": "allow"},
        "additional_permissions": {"a": "b"}, "ui": {"languages": {}, "nav": {"x": "y"}}, "unknown": {"kept": [true]},
    })
}

#[tokio::test]
async fn the_exchanges_of_the_vendors_page() {
    let fixture = Fixture::new().await;
    let server = Server::new(&fixture).await;
    let request = r#"{ "owner_name": "Jively", "cname": "jive.ly", "cname_enabled": true }"#;

    let (status, created) = server.text(As::Admin, "POST", "/admin/organisations/", request).await;
    let id = text(&serde_json::from_str::<Value>(&created).unwrap()["Meta"]).to_owned();
    assert_eq!((status, created), (200, format!(r#"{{"Status":"OK","Message":"Org created","Meta":"{id}"}}"#)));
    assert_eq!(id.len(), 24);
    assert!(id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')), "{id}");
    let path = format!("{PATH}/{id}");
    let given = json!({"id": id, "owner_name": "Jively", "cname": "jive.ly", "cname_enabled": true});
    assert_eq!(server.get(As::Admin, &path).await, given);

    let (status, updated) = server.text(As::Admin, "PUT", &path, request).await;
    assert_eq!((status, &*updated), (200, r#"{"Status":"OK","Message":"Org updated","Meta":""}"#));
    let (status, deleted) = server.text(As::Admin, "DELETE", &path, "").await;
    assert_eq!((status, &*deleted), (200, r#"{"Status":"OK","Message":"Org deleted","Meta":""}"#));

    let imported = server.done(As::Admin, "POST", &format!("{PATH}/import"), jively()).await;
    assert_eq!(imported, ok("Org imported", json!("54b53d3aeba6db5c35000002")));
    assert_eq!(server.get(As::Admin, &format!("{PATH}/54b53d3aeba6db5c35000002")).await, jively());
    assert_eq!(server.get(As::Admin, PATH).await, json!({"organisations": [jively()], "pages": 1}));
}

#[tokio::test]
async fn what_is_refused_has_the_tables_code_and_text_and_changes_nothing() {
    let fixture = Fixture::new().await;
    let server = Server::new(&fixture).await;
    server.done(As::Admin, "POST", &format!("{PATH}/import"), jively()).await;
    let there = format!("{PATH}/54b53d3aeba6db5c35000002");
    let rows = fixture.rows().await;

    let gone = format!("{PATH}/54b53d3aeba6db5c35000003");
    let name = json!({"owner_name": "Other"});
    let (malformed, not_there) = ("Request body malformed", "Could not retrieve org detail");
    for (method, path, body, status, message) in [
        ("POST", PATH, Value::Null, 500, "Failed to read response body, body empty"),
        ("PUT", &there, Value::Null, 500, "Failed to read request body, body empty"),
        ("POST", "/admin/organisations/import", Value::Null, 500, "Failed to read response body, body empty"),
        ("GET", &gone, Value::Null, 404, not_there),
        ("GET", "/admin/organisations/nonsense%FF", Value::Null, 404, not_there),
        ("PUT", &gone, name.clone(), 404, not_there),
        ("DELETE", &gone, Value::Null, 404, not_there),
        ("POST", "/admin/organisations/import", jively(), 403, "Failed to save new Org object to DB"),
        ("POST", "/admin/organisations/import", name, 403, malformed),
        ("POST", "/admin/organisations/import", json!({"id": "54b53d"}), 403, malformed),
        ("POST", PATH, json!([]), 403, malformed),
        ("POST", PATH, json!({"owner_name": 1}), 403, malformed),
        ("POST", PATH, json!({"owner_name": "a\u{202e}b"}), 403, malformed),
        ("POST", PATH, json!({"cname_enabled": "yes"}), 403, malformed),
        ("POST", PATH, json!({"apis": [{"api_id": 1}]}), 403, malformed),
        ("POST", PATH, json!({"developer_quota": "10"}), 403, malformed),
        ("POST", PATH, json!({"event_options": {"x": {"redis": 1}}}), 403, malformed),
        ("POST", PATH, json!({"org_options_meta": []}), 403, malformed),
        ("POST", PATH, json!({"open_policy": {"enabled": 1}}), 403, malformed),
        ("POST", PATH, json!({"additional_permissions": {"x": 1}}), 403, malformed),
        ("POST", PATH, json!({"ui": "x"}), 403, malformed),
        ("PUT", &there, json!({"owner_name": false}), 403, malformed),
        ("POST", PATH, json!({"owner_name": "x".repeat(1 << 20)}), 413, "Request body too large"),
    ] {
        server.refused(As::Admin, method, path, body, status, message).await;
    }
    for cut in ["{", " ", "null", r#"{"owner_name":"a"} x"#] {
        let (status, body) = server.text(As::Admin, "POST", PATH, cut).await;
        assert_eq!((status, &*body), (403, r#"{"Status":"Error","Message":"Request body malformed","Meta":null}"#));
    }
    assert_eq!(fixture.rows().await, rows);
    assert_eq!(server.get(As::Admin, &there).await, jively());
}

#[tokio::test]
async fn a_replacement_keeps_nothing_but_the_id() {
    let fixture = Fixture::new().await;
    let server = Server::new(&fixture).await;
    let id = text(&server.done(As::Admin, "POST", PATH, all()).await["Meta"]).to_owned();
    let path = format!("{PATH}/{id}");
    let shown = |mut document: Value| {
        document["id"] = json!(id);
        document
    };
    assert_eq!(server.get(As::Admin, &path).await, shown(all()));

    // In each row what is put, and what is shown then.
    for (put, wanted) in [
        (json!({"owner_name": "Other", "id": "ffffffffffffffffffffffff"}), json!({"owner_name": "Other"})),
        (all(), all()),
        (json!({"owner_name": "Nulls", "apis": null, "cname": null}), json!({"owner_name": "Nulls", "apis": null})),
        (json!({}), json!({"owner_name": ""})),
        (jively(), jively()),
    ] {
        assert_eq!(server.done(As::Admin, "PUT", &path, put).await, ok("Org updated", json!("")));
        assert_eq!(server.get(As::Admin, &path).await, shown(wanted));
    }
    let found = fixture.directory.organizations_by_name("Jively").await.unwrap();
    assert_eq!(found.into_iter().map(|found| found.id).collect::<Vec<_>>(), [id], "the directory has the name too");
}

#[tokio::test]
async fn a_name_may_be_given_twice_and_an_id_of_the_body_is_not_heeded() {
    let fixture = Fixture::new().await;
    let server = Server::new(&fixture).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(text(&server.done(As::Admin, "POST", PATH, jively()).await["Meta"]).to_owned());
    }
    assert_ne!(ids[0], ids[1]);
    assert!(!ids.iter().any(|id| jively()["id"] == **id), "{ids:?}");
    let mut wanted = jively();
    wanted["id"] = json!(ids[0]);
    assert_eq!(server.get(As::Admin, &format!("{PATH}/{}", ids[0])).await, wanted);
}

#[tokio::test]
async fn a_page_has_ten_and_none_hides_what_is_past_it() {
    let fixture = Fixture::new().await;
    assert_eq!(
        Server::new(&fixture).await.get(As::Admin, PATH).await,
        json!({"organisations": [], "pages": 0}),
        "an empty list is no error"
    );
    let mut made = Vec::new();
    for seconds in 0..23 {
        let server = Server::with(&fixture, seconds, &[], super::SECRET).await;
        made.push(server.organization(&format!("Organisation {seconds}")).await);
    }
    let server = Server::new(&fixture).await;
    for (query, wanted) in [
        ("", &made[..10]),
        ("?p=1", &made[..10]),
        ("?p=2", &made[10..20]),
        ("?p=3", &made[20..]),
        ("?p=4", &[]),
        ("?p=18446744073709551615", &made[..10]),
        ("?p=9223372036854775807", &[]),
        ("?p=x", &made[..10]),
        ("?p=0", &made[..]),
        ("?p=-1", &made[..]),
        ("?other=2", &made[..10]),
    ] {
        let page = server.get(As::Admin, &format!("{PATH}/{query}")).await;
        let ids: Vec<_> = page["organisations"].as_array().unwrap().iter().map(|one| text(&one["id"])).collect();
        assert_eq!(ids, wanted, "{query}");
        assert_eq!(page["pages"], 3, "{query}");
    }
}

#[tokio::test]
async fn a_deleted_organisation_takes_its_users_and_their_keys_along() {
    let fixture = Fixture::new().await;
    let server = Server::new(&fixture).await;
    let (goes, stays) = (server.organization("Goes").await, server.organization("Stays").await);
    let (lost, kept) = (server.admin(&goes).await, server.admin(&stays).await);
    server.done(As::Admin, "DELETE", &format!("{PATH}/{goes}"), Value::Null).await;
    let path = format!("/admin/users/{}", text(&lost["id"]));
    server.refused(As::Admin, "GET", &path, Value::Null, 404, "Could not retrieve user detail").await;
    let key = As::User(text(&lost["access_key"]));
    server.refused(key, "GET", "/api/users", Value::Null, 401, "Not authorised").await;
    assert_eq!(server.get(As::User(text(&kept["access_key"])), "/api/users").await["users"], json!([kept]));
}
