//! Sessions: 24 hours, and auth tokens of 5 minutes.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{Credential, Rockit, call, is_invalid, is_success, is_unauthorized, listen, new_organization};
use crate::served::Listener;

async fn auth(listener: &Listener, session: &str) -> crate::served::Answer {
    listener.send(Method::POST, "/be/v1/auth", &[("x-rockit-besession-token", session)], Some("{}")).await
}

#[tokio::test]
async fn a_session_lasts_a_day_and_an_auth_token_five_minutes() {
    let rockit = Rockit::new(&[]).await;
    let password = rockit.create(&new_organization("ExampleOrg")).await.member("adminPW");
    rockit.open(&rockit.invitation("ExampleOrg", "adminUser").await).await;
    let session = rockit.session("ExampleOrg", "adminUser", &password).await;
    let session_token = session.member("sessionToken");
    is_success(&session, json!({"message": "logged in", "sessionToken": session_token}));
    let authenticated = rockit.auth(&session_token).await;
    let token = authenticated.member("authToken");
    is_success(&authenticated, json!({"message": "authenticated", "authToken": token}));

    let by = Credential::Token(token);
    for (seconds, is_live) in [(299, true), (300, false)] {
        let later = listen(&rockit.data, seconds, &[]).await;
        let status = call(&later, &by, Method::GET, "/be/v1/users", None).await.status;
        assert_eq!(status == StatusCode::OK, is_live, "{seconds}");
    }
    for (seconds, is_live) in [(86_399, true), (86_400, false)] {
        let later = listen(&rockit.data, seconds, &[]).await;
        assert_eq!(auth(&later, &session_token).await.status == StatusCode::OK, is_live, "{seconds}");
    }
}

#[tokio::test]
async fn neither_token_passes_for_the_other() {
    let rockit = Rockit::new(&[]).await;
    let administrator = rockit.administrator("ExampleOrg").await;
    let Credential::Token(token) = &administrator else { panic!() };
    is_unauthorized(&rockit.auth(token).await);
    is_unauthorized(&rockit.auth("").await);
    is_unauthorized(&rockit.listener.post("/be/v1/auth", json!({})).await);
    let password = rockit.create(&new_organization("Other")).await.member("adminPW");
    rockit.open(&rockit.invitation("Other", "adminUser").await).await;
    let session = rockit.session("Other", "adminUser", &password).await.member("sessionToken");
    is_unauthorized(&rockit.read(&Credential::Token(session), "/be/v1/users").await);
}

#[tokio::test]
async fn a_wrong_login_is_told_nothing_more() {
    let rockit = Rockit::new(&[]).await;
    let password = rockit.create(&new_organization("ExampleOrg")).await.member("adminPW");
    rockit.open(&rockit.invitation("ExampleOrg", "adminUser").await).await;
    let mut answers = Vec::new();
    for (organization, username, password) in [
        ("ExampleOrg", "adminUser", "wrong"),
        ("ExampleOrg", "nobody", &*password),
        ("Nowhere", "adminUser", &*password),
        ("ExampleOrg", "adminUser", ""),
    ] {
        let answer = rockit.session(organization, username, password).await;
        is_unauthorized(&answer);
        answers.push(answer.text);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let all = json!({"orgname": "ExampleOrg", "username": "adminUser", "password": password});
    for member in ["orgname", "username", "password"] {
        let mut body = all.clone();
        body.as_object_mut().unwrap().remove(member);
        is_invalid(&rockit.listener.post("/be/v1/login", body).await, member);
    }
}

#[tokio::test]
async fn a_session_ends_with_the_account() {
    let rockit = Rockit::new(&[]).await;
    let administrator = rockit.administrator("ExampleOrg").await;
    let robot = rockit.machine(&administrator, "ExampleOrg", "robot", json!(["Administrators"])).await;
    assert_eq!(rockit.read(&administrator, "/be/v1/users").await.status, StatusCode::OK);
    let body = json!({"username": "adminUser", "resetCreds": true});
    rockit.call(&robot, Method::PATCH, "/be/v1/users", Some(body)).await;
    is_unauthorized(&rockit.read(&administrator, "/be/v1/users").await);
}

#[tokio::test]
async fn more_logins_than_are_served_at_once_are_sent_away() {
    let rockit = Rockit::new(&[]).await;
    let logins = (0..60).map(|_| rockit.session("Nowhere", "nobody", "x"));
    let answers = futures::future::join_all(logins).await;
    let busy: Vec<_> = answers.iter().filter(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).collect();
    let refused = answers.iter().filter(|answer| answer.status == StatusCode::UNAUTHORIZED).count();
    assert!(refused >= 32 && !busy.is_empty() && refused + busy.len() == 60, "{refused} and {}", busy.len());
    assert!(busy.iter().all(|answer| answer.header("retry-after") == Some("1")));
    is_unauthorized(&rockit.session("Nowhere", "nobody", "x").await);
}
