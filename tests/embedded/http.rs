//! The HTTP face: introspection and login.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use org_operator::clock::Clock;
use org_operator::domain::entity::UserType;
use org_operator::embedded::OPERATOR;
use org_operator::embedded::http;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::fixture::{Fixture, at, new_token, new_user, of};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn router(fixture: &Fixture, seconds: i64) -> Router {
    http::router(fixture.directory.clone(), Clock::stopped(at(seconds)))
}

async fn post(
    router: &Router,
    path: &str,
    authorization: Option<&str>,
    content_type: &str,
    body: String,
) -> (StatusCode, Value) {
    let mut request = Request::post(path).header("content-type", content_type);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let response = router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
    if response.status() == StatusCode::UNAUTHORIZED && path == "/oauth2/introspect" {
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
    }
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 16).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn introspect(router: &Router, caller: &SecretString, token: &str) -> (StatusCode, Value) {
    let caller = format!("Bearer {}", caller.expose_secret());
    post(router, "/oauth2/introspect", Some(&caller), FORM, format!("token={token}")).await
}

#[tokio::test]
async fn a_live_token_of_the_callers_organisation_is_described() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let caller = fixture.user(&organization, "caller").await;
    let (_, caller) = fixture.token(&organization, &caller).await;
    let machine = fixture.user(&organization, "ci").await;
    let mut new = new_token("k", &of(&organization, &machine));
    new.expires_at = Some(at(600));
    let minted = fixture.directory.mint_token(&OPERATOR, new, at(5)).await.unwrap();
    let value = minted.one_time.unwrap();

    let (status, body) = introspect(&router(&fixture, 10), &caller, value.expose_secret()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        body,
        json!({
            "active": true, "token_type": "Bearer", "sub": machine.id, "client_id": "ci", "username": "ci",
            "iss": "org-operator", "iat": at(5).as_second(), "nbf": at(5).as_second(), "exp": at(600).as_second(),
            "token_id": minted.record.id, "org_id": organization.id,
        })
    );
    let (status, body) = introspect(&router(&fixture, 600), &caller, value.expose_secret()).await;
    assert_eq!((status, body), (StatusCode::OK, json!({"active": false})), "expired");

    let mut person = new_user("p", &organization.id, "jo");
    person.user_type = UserType::Person;
    let person = fixture.directory.create_user(&OPERATOR, person, at(0)).await.unwrap();
    let (_, of_person) = fixture.token(&organization, &person).await;
    let (_, body) = introspect(&router(&fixture, 10), &caller, of_person.expose_secret()).await;
    assert_eq!((&body["username"], &body["client_id"], &body["exp"]), (&json!("jo"), &Value::Null, &Value::Null));
}

#[tokio::test]
async fn everything_else_is_only_inactive() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = fixture.user(&organization, "caller").await;
    let (_, caller) = fixture.token(&organization, &user).await;
    let (revoked_id, revoked) = fixture.token(&organization, &user).await;
    fixture.directory.revoke_token(&of(&organization, &user), &revoked_id, at(1)).await.unwrap();
    let elsewhere = fixture.organization("Elsewhere").await;
    let stranger = fixture.user(&elsewhere, "stranger").await;
    let (_, foreign) = fixture.token(&elsewhere, &stranger).await;
    let router = router(&fixture, 10);
    for token in ["", "x", "a.b.c", revoked.expose_secret(), foreign.expose_secret()] {
        let answer = introspect(&router, &caller, token).await;
        assert_eq!(answer, (StatusCode::OK, json!({"active": false})), "{token}");
    }
}

#[tokio::test]
async fn introspection_needs_a_live_token_of_the_callers_own() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = fixture.user(&organization, "caller").await;
    let (id, value) = fixture.token(&organization, &user).await;
    let router = router(&fixture, 10);
    let good = format!("bearer {}", value.expose_secret());
    let body = format!("token={}", value.expose_secret());
    for refused in
        [None, Some(""), Some("Bearer"), Some("Bearer x"), Some(&*format!("Basic {}", value.expose_secret()))]
    {
        let answer = post(&router, "/oauth2/introspect", refused, FORM, body.clone()).await;
        assert_eq!(answer, (StatusCode::UNAUTHORIZED, json!({"error": "invalid_token"})), "{refused:?}");
    }
    let (status, answer) = post(&router, "/oauth2/introspect", Some(&good), FORM, body.clone()).await;
    assert_eq!((status, &answer["active"]), (StatusCode::OK, &json!(true)));
    fixture.directory.revoke_token(&of(&organization, &user), &id, at(1)).await.unwrap();
    let (status, _) = post(&router, "/oauth2/introspect", Some(&good), FORM, body).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_login_answers_who_it_is_and_every_wrong_one_the_same() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let mut new = new_user("k", &organization.id, "jo");
    new.user_type = UserType::Person;
    new.password = Some("correct horse".into());
    let user = fixture.directory.create_user(&OPERATOR, new, at(0)).await.unwrap();
    fixture.user(&organization, "machine").await;
    let router = router(&fixture, 10);
    let login = async |organization: &str, username: &str, password: &str| {
        let body = json!({"organization": organization, "username": username, "password": password});
        post(&router, "/login", None, JSON, body.to_string()).await
    };
    assert_eq!(
        login("Example", "jo", "correct horse").await,
        (StatusCode::OK, json!({"user_id": user.id, "org_id": organization.id, "username": "jo", "roles": ["Users"]}))
    );
    for (organization, username, password) in [
        ("Example", "jo", "wrong"),
        ("Example", "nobody", "correct horse"),
        ("Nowhere", "jo", "correct horse"),
        ("Example", "machine", ""),
    ] {
        let answer = login(organization, username, password).await;
        assert_eq!(
            answer,
            (StatusCode::UNAUTHORIZED, json!({"error": "invalid_credentials"})),
            "{organization}/{username}"
        );
    }
    fixture.directory.prune_organization(&organization.id).await.unwrap();
    assert_eq!(login("Example", "jo", "correct horse").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn bad_requests_are_refused_without_repeating_them() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = fixture.user(&organization, "caller").await;
    let (_, value) = fixture.token(&organization, &user).await;
    let caller = format!("Bearer {}", value.expose_secret());
    let router = router(&fixture, 10);
    let invalid = json!({"error": "invalid_request"});
    for (path, content_type, body, status) in [
        ("/login", JSON, "{".to_owned(), StatusCode::BAD_REQUEST),
        ("/login", JSON, r#"{"organization":"a","username":"b","password":17}"#.to_owned(), StatusCode::BAD_REQUEST),
        ("/login", JSON, r#"{"password":"hunter2"}"#.to_owned(), StatusCode::BAD_REQUEST),
        ("/login", JSON, "x".repeat(20_000), StatusCode::PAYLOAD_TOO_LARGE),
        ("/oauth2/introspect", FORM, "nothing=here".to_owned(), StatusCode::BAD_REQUEST),
        ("/oauth2/introspect", JSON, "{}".to_owned(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("/oauth2/introspect", FORM, format!("token={}", "x".repeat(20_000)), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let answer = post(&router, path, Some(&caller), content_type, body).await;
        assert_eq!(answer, (status, invalid.clone()), "{path} {content_type}");
    }
}

#[tokio::test]
async fn other_methods_are_refused() {
    let fixture = Fixture::new().await;
    for path in ["/login", "/oauth2/introspect"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(&fixture, 0).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
}

#[tokio::test]
async fn a_directory_that_cannot_answer_says_so_for_a_moment_only() {
    let fixture = Fixture::new().await;
    let router = router(&fixture, 0);
    fixture.directory.close().await;
    let body = json!({"organization": "a", "username": "b", "password": "c"}).to_string();
    let (status, body) = post(&router, "/login", None, JSON, body).await;
    assert_eq!((status, body), (StatusCode::SERVICE_UNAVAILABLE, json!({"error": "temporarily_unavailable"})));
}

#[tokio::test]
async fn more_logins_than_are_served_at_once_are_sent_away() {
    let fixture = Fixture::new().await;
    let router = router(&fixture, 0);
    let body = json!({"organization": "a", "username": "b", "password": "c"}).to_string();
    let logins = (0..40).map(|_| post(&router, "/login", None, JSON, body.clone()));
    let answers = futures::future::join_all(logins).await;
    let count = |status| answers.iter().filter(|(answer, _)| *answer == status).count();
    assert_eq!(count(StatusCode::UNAUTHORIZED), 32);
    assert_eq!(count(StatusCode::TOO_MANY_REQUESTS), 8);
    let (status, _) = post(&router, "/login", None, JSON, body).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "there is room again");
}
