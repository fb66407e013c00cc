//! The Tyk Dashboard's dialect over real HTTP. The vendor's tables and pages are the cases.

mod organizations;
mod quirks;
mod users;

use std::time::Duration;

use org_operator::clock::Clock;
use org_operator::embedded::dialect::{Quirk, Serving, tyk};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Method, RequestBuilder, redirect};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::fixture::{Fixture, at};

const SECRET: &str = "12345";

/// How long new objects stay hidden with [`Quirk::Late`].
const LATE: Duration = Duration::from_secs(30);

/// The dialect on a port of its own, at a time that stands still.
struct Server {
    base: String,
    client: Client,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a request shows.
#[derive(Clone, Copy)]
enum As<'a> {
    Nobody,
    Admin,
    User(&'a str),
}

impl Server {
    async fn new(fixture: &Fixture) -> Self {
        Self::with(fixture, 0, &[], SECRET).await
    }

    async fn with(fixture: &Fixture, seconds: i64, quirks: &[Quirk], secret: &str) -> Self {
        let serving = Serving {
            directory: fixture.directory.clone(),
            clock: Clock::stopped(at(seconds)),
            secret: secret.into(),
            quirks: quirks.iter().copied().collect(),
            late: LATE,
            base: None,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async { axum::serve(listener, tyk::router(serving)).await.unwrap() });
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap();
        Self { base, client, task }
    }

    fn request(&self, caller: As<'_>, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, format!("{}{path}", self.base));
        match caller {
            As::Nobody => request,
            As::Admin => request.header("admin-auth", SECRET),
            As::User(key) => request.header(AUTHORIZATION, key),
        }
    }

    /// The status and the body as it is.
    async fn text(&self, caller: As<'_>, method: &str, path: &str, body: &str) -> (u16, String) {
        // A form, because real callers send JSON under it.
        let request = self.request(caller, method, path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let response = request.body(body.to_owned()).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn call(&self, caller: As<'_>, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, text) = self.text(caller, method, path, &body).await;
        (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{method} {path}: {error}: {text}")))
    }

    /// The body of a 200.
    async fn done(&self, caller: As<'_>, method: &str, path: &str, body: Value) -> Value {
        let (status, reply) = self.call(caller, method, path, body).await;
        assert_eq!(status, 200, "{method} {path}: {reply}");
        reply
    }

    async fn get(&self, caller: As<'_>, path: &str) -> Value {
        self.done(caller, "GET", path, Value::Null).await
    }

    async fn refused(&self, caller: As<'_>, method: &str, path: &str, body: Value, status: u16, message: &str) {
        let (got, reply) = self.call(caller, method, path, body.clone()).await;
        assert_eq!((got, reply), (status, error(message)), "{method} {path} {body}");
    }

    /// The id of a new organisation.
    async fn organization(&self, name: &str) -> String {
        let reply = self.done(As::Admin, "POST", "/admin/organisations", json!({"owner_name": name})).await;
        reply["Meta"].as_str().unwrap().to_owned()
    }

    /// A new active user, as the reply shows it.
    async fn user(&self, organization: &str, email: &str, permissions: Value) -> Value {
        let body = json!({
            "org_id": organization, "email_address": email, "active": true, "user_permissions": permissions,
            "first_name": "Jo", "last_name": "Doe",
        });
        let mut reply = self.done(As::Admin, "POST", "/admin/users", body).await;
        reply["Meta"].take()
    }

    async fn admin(&self, organization: &str) -> Value {
        self.user(organization, "admin@example.org", json!({"IsAdmin": "admin"})).await
    }
}

fn error(message: &str) -> Value {
    json!({"Status": "Error", "Message": message, "Meta": null})
}

fn ok(message: &str, meta: impl Into<Value>) -> Value {
    json!({"Status": "OK", "Message": message, "Meta": meta.into()})
}

/// A member of a reply that is a text.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

#[tokio::test]
async fn every_call_needs_its_credential() {
    let fixture = Fixture::new().await;
    let server = Server::new(&fixture).await;
    let organization = server.organization("Example").await;
    let admin = server.admin(&organization).await;
    let key = text(&admin["access_key"]);
    let rows = fixture.rows().await;
    let id = text(&admin["id"]);
    for (method, path) in [
        ("GET", "/admin/organisations".to_owned()),
        ("POST", "/admin/organisations".to_owned()),
        ("POST", "/admin/organisations/import".to_owned()),
        ("GET", format!("/admin/organisations/{organization}")),
        ("PUT", format!("/admin/organisations/{organization}")),
        ("DELETE", format!("/admin/organisations/{organization}")),
        ("POST", "/admin/users".to_owned()),
        ("GET", format!("/admin/users/{id}")),
        ("PUT", format!("/admin/users/{id}")),
        ("GET", "/api/users".to_owned()),
        ("POST", "/api/users".to_owned()),
        ("GET", format!("/api/users/{id}")),
        ("PUT", format!("/api/users/{id}")),
        ("DELETE", format!("/api/users/{id}")),
        ("POST", format!("/api/users/{id}/actions/reset")),
        ("PUT", format!("/api/users/{id}/actions/key/reset")),
        ("PUT", format!("/api/users/{id}/actions/revoke")),
    ] {
        let foreign = if path.starts_with("/admin") { As::User(key) } else { As::Admin };
        for caller in [As::Nobody, foreign, As::User(SECRET), As::User("Bearer "), As::User("")] {
            server.refused(caller, method, &path, json!({"owner_name": "x"}), 401, "Not authorised").await;
        }
        for wrong in ["", "1234", "123456", "12346", key] {
            let request = server.request(As::Nobody, method, &path).header("admin-auth", wrong);
            assert_eq!(request.send().await.unwrap().status(), 401, "{method} {path} {wrong:?}");
        }
        let (status, _) = server.text(As::Nobody, method, &path, "{").await;
        assert_eq!(status, 401, "{method} {path}: before its body is judged");
    }
    assert_eq!(fixture.rows().await, rows);

    let open = Server::with(&fixture, 0, &[], "").await;
    let request = open.request(As::Nobody, "GET", "/admin/organisations").header("admin-auth", "");
    assert_eq!(request.send().await.unwrap().status(), 401, "a secret that is not set lets nobody in");
}

#[tokio::test]
async fn every_path_is_served_with_a_slash_at_its_end_and_any_content_type() {
    let fixture = Fixture::new().await;
    let server = Server::new(&fixture).await;
    for slash in ["", "/"] {
        for content_type in ["application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense"] {
            let path = format!("/admin/organisations{slash}");
            let request = server.request(As::Admin, "POST", &path).header(CONTENT_TYPE, content_type);
            let status = request.body(r#"{"owner_name":"Example"}"#).send().await.unwrap().status();
            assert_eq!(status, 200, "{path} {content_type}");
        }
        let organization = server.organization("Example").await;
        let admin = server.admin(&organization).await;
        let user = server.user(&organization, "user@example.org", json!({})).await;
        let (key, id) = (As::User(text(&admin["access_key"])), text(&user["id"]));
        for (caller, method, path, body) in [
            (As::Nobody, "GET", "/hello".to_owned(), Value::Null),
            (As::Admin, "GET", "/admin/organisations".to_owned(), Value::Null),
            (As::Admin, "GET", format!("/admin/organisations/{organization}"), Value::Null),
            (As::Admin, "PUT", format!("/admin/organisations/{organization}"), json!({"owner_name": "Other"})),
            (As::Admin, "GET", format!("/admin/users/{id}"), Value::Null),
            (As::Admin, "PUT", format!("/admin/users/{id}"), json!({})),
            (key, "GET", "/api/users".to_owned(), Value::Null),
            (key, "POST", "/api/users".to_owned(), json!({"email_address": "new@example.org"})),
            (key, "GET", format!("/api/users/{id}"), Value::Null),
            (key, "PUT", format!("/api/users/{id}"), json!({})),
            (key, "POST", format!("/api/users/{id}/actions/reset"), json!({"new_password": "correct horse"})),
            (key, "PUT", format!("/api/users/{id}/actions/key/reset"), Value::Null),
            (key, "PUT", format!("/api/users/{id}/actions/revoke"), Value::Null),
            (key, "DELETE", format!("/api/users/{id}"), Value::Null),
            (As::Admin, "DELETE", format!("/admin/organisations/{organization}"), Value::Null),
        ] {
            server.done(caller, method, &format!("{path}{slash}"), body).await;
        }
        let import = json!({"id": format!("{:0<24}", slash.len()), "owner_name": "Imported"});
        server.done(As::Admin, "POST", &format!("/admin/organisations/import{slash}"), import).await;
        let head = server.request(As::Nobody, "HEAD", &format!("/hello{slash}")).send().await.unwrap();
        assert_eq!(head.status(), 200);
    }
}

#[tokio::test]
async fn what_is_not_served_is_said_in_the_same_envelope() {
    let fixture = Fixture::new().await;
    let server = Server::new(&fixture).await;
    for (method, path, status, message) in [
        ("GET", "/", 404, "Not found"),
        ("GET", "/admin/policies", 404, "Not found"),
        ("GET", "/admin/users", 405, "Method not allowed"),
        ("DELETE", "/admin/users/54bd0ad9ff4329b88985aafb", 405, "Method not allowed"),
        ("PATCH", "/admin/organisations", 405, "Method not allowed"),
        ("POST", "/hello", 405, "Method not allowed"),
    ] {
        server.refused(As::Admin, method, path, Value::Null, status, message).await;
    }
    let (status, body) = server.text(As::Nobody, "GET", "/nowhere", "").await;
    assert_eq!((status, &*body), (404, r#"{"Status":"Error","Message":"Not found","Meta":null}"#));
}

#[tokio::test]
async fn a_failure_of_the_directory_is_said() {
    let fixture = Fixture::new().await;
    let server = Server::new(&fixture).await;
    let organization = server.organization("Example").await;
    let admin = server.admin(&organization).await;
    fixture.directory.close().await;
    let path = format!("/admin/organisations/{organization}");
    server.refused(As::Admin, "DELETE", &path, Value::Null, 400, "Could not delete the org").await;
    for (caller, method, path) in [
        (As::Admin, "GET", "/admin/organisations"),
        (As::Admin, "POST", "/admin/organisations"),
        (As::Admin, "GET", "/admin/users/54bd0ad9ff4329b88985aafb"),
        (As::User(text(&admin["access_key"])), "GET", "/api/users"),
    ] {
        let body = json!({"owner_name": "Other"});
        server.refused(caller, method, path, body, 500, "The server cannot answer now").await;
    }
}
