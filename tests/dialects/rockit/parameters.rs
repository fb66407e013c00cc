//! Wrong credentials and wrong parameters of the two documented calls, and the pings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use org_operator::embedded::dialect::rockit;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    Credential, OPERATOR_SECRET, PRIVATE_KEY, Rockit, admin_token, is_invalid, is_refused, is_success, is_unauthorized,
    new_organization, operator_token, part,
};
use crate::served::Listener;

#[tokio::test]
async fn an_admin_token_has_a_username_and_nothing_else_and_the_right_signature() {
    let rockit = Rockit::new(&[]).await;
    let good = admin_token(&json!({"username": "root"}));
    let parts: Vec<&str> = good.split('.').collect();
    let other = jsonwebtoken::encode(
        &jsonwebtoken::Header::default(),
        &json!({"username": "root"}),
        &jsonwebtoken::EncodingKey::from_secret(b"another key"),
    )
    .unwrap();
    let bad = [
        admin_token(&json!({})),
        admin_token(&json!({"username": 17})),
        admin_token(&json!({"username": "root", "exp": 4_000_000_000_i64})),
        admin_token(&json!({"name": "root"})),
        other,
        format!("{}.{}.{}", parts[0], part(&json!({"username": "toor"})), parts[2]),
        format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), parts[1]),
        String::new(),
        "x".to_owned(),
    ];
    let body = new_organization("ExampleOrg").to_string();
    for token in &bad {
        for path in ["/adm/v1/orgs", "/adm/v1/ping", "/srv/v1/ping"] {
            let headers = [("x-rockit-admin-token", &**token)];
            is_unauthorized(&rockit.listener.send(Method::POST, path, &headers, Some(&body)).await);
        }
    }
    is_unauthorized(&rockit.listener.send(Method::POST, "/adm/v1/orgs", &[], Some(&body)).await);
    let wrong_header = [("x-rockit-beauth-token", &*good)];
    is_unauthorized(&rockit.listener.send(Method::POST, "/adm/v1/orgs", &wrong_header, Some(&body)).await);
    assert!(rockit.data.directory.organizations(None, 9).await.unwrap().is_empty());

    let headers = [("x-rockit-admin-token", &*good)];
    for path in ["/adm/v1/ping", "/srv/v1/ping"] {
        let answer = rockit.listener.send(Method::POST, path, &headers, Some("{}")).await;
        is_success(&answer, json!({"message": "pong"}));
    }
}

#[tokio::test]
async fn a_secret_that_is_no_base64_opens_nothing() {
    let rockit = Rockit::new(&[]).await;
    for secret in ["", "not base64!"] {
        let listener = Listener::new(rockit::router(rockit.data.serving(0, secret, &[]), None)).await;
        let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
        let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &json!({"username": "root"}), &key).unwrap();
        let headers = [("x-rockit-admin-token", &*token)];
        is_unauthorized(&listener.send(Method::POST, "/adm/v1/ping", &headers, None).await);
    }
}

#[tokio::test]
async fn every_parameter_that_is_missing_or_wrong_is_named() {
    let rockit = Rockit::new(&[]).await;
    let certificate = STANDARD.encode("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let not_pem = STANDARD.encode("hunter2");
    let wrong: &[(&str, &[Value])] = &[
        ("name", &[json!("a"), json!("a-b"), json!("a.b"), json!("x".repeat(51)), json!("é_é"), json!("")]),
        ("label", &[json!(""), json!(" a"), json!("a\u{202e}b")]),
        ("username", &[json!("a"), json!("admin.user"), json!("x".repeat(51))]),
        ("email", &[json!(""), json!("nobody"), json!("@x"), json!("a@")]),
        ("firstname", &[json!("")]),
        ("surname", &[json!("\n")]),
        ("dxorglnk", &[json!(""), json!(" ")]),
        ("orgPrivPemB64", &[json!("?"), json!(""), json!(not_pem), json!(certificate)]),
        ("orgPrivPW", &[json!(""), json!("hunter2")]),
    ];
    for (member, values) in wrong {
        let mut missing = new_organization("ExampleOrg");
        missing.as_object_mut().unwrap().remove(*member);
        is_invalid(&rockit.create(&missing).await, member);
        for value in values.iter().chain(&[json!(17), json!(null), json!([])]) {
            let mut body = new_organization("ExampleOrg");
            body[*member] = value.clone();
            let refused = rockit.create(&body).await;
            is_invalid(&refused, member);
            assert!(!refused.text.contains("hunter2"), "{}", refused.text);
        }
    }
    let token = admin_token(&json!({"username": "root"}));
    let headers = [("x-rockit-admin-token", &*token)];
    for body in ["", "{", "[]", "\"hunter2\""] {
        let refused = rockit.listener.send(Method::POST, "/adm/v1/orgs", &headers, Some(body)).await;
        is_invalid(&refused, "body");
    }
    let long = format!("{{\"name\": \"{}\"}}", "x".repeat(1024 * 1024));
    let refused = rockit.listener.send(Method::POST, "/adm/v1/orgs", &headers, Some(&long)).await;
    is_refused(&refused, StatusCode::PAYLOAD_TOO_LARGE, "too-large");
    assert!(rockit.data.directory.organizations(None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn names_at_their_limits_are_taken_once() {
    let rockit = Rockit::new(&[]).await;
    for name in ["ab", "A_9", &"x".repeat(50)] {
        assert_eq!(rockit.create(&new_organization(name)).await.status, StatusCode::OK, "{name}");
        let refused = rockit.create(&new_organization(name)).await;
        is_refused(&refused, StatusCode::CONFLICT, "item-exists");
        assert!(refused.json().get("adminPW").is_none());
    }
    assert_eq!(rockit.create(&new_organization("AB")).await.status, StatusCode::OK, "another name");
}

#[tokio::test]
async fn a_key_whose_base64_is_broken_into_lines_is_read() {
    let rockit = Rockit::new(&[]).await;
    let lines: Vec<String> =
        PRIVATE_KEY.as_bytes().chunks(76).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
    let mut body = new_organization("ExampleOrg");
    body["orgPrivPemB64"] = json!(lines.join("\n"));
    assert_eq!(rockit.create(&body).await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_prune_or_without_the_organisation_nothing_is_deleted() {
    let rockit = Rockit::new(&[]).await;
    rockit.administrator("ExampleOrg").await;
    for query in ["", "?prune", "?prune=", "?prune=false", "?prune=TRUE", "?purge=true"] {
        let path = format!("/be/v1/orgs/ExampleOrg{query}");
        is_invalid(&rockit.call(&operator_token(), Method::DELETE, &path, None).await, "prune");
    }
    for name in ["Nowhere", "exampleorg", "a-b"] {
        let path = format!("/be/v1/orgs/{name}?prune=true");
        is_invalid(&rockit.call(&operator_token(), Method::DELETE, &path, None).await, "ORG_NAME");
    }
    assert_eq!(rockit.data.directory.organizations(None, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_wrong_backend_credential_deletes_nothing_and_learns_nothing() {
    let rockit = Rockit::new(&[]).await;
    let administrator = rockit.administrator("ExampleOrg").await;
    let machine = rockit.machine(&administrator, "ExampleOrg", "robot", json!(["Administrators"])).await;
    let Credential::Machine { key, .. } = &machine else { panic!() };
    let account = |organization: &str, username: &str, key: &str| Credential::Machine {
        organization: organization.to_owned(),
        username: username.to_owned(),
        key: key.to_owned(),
    };
    for by in [
        Credential::Token(String::new()),
        Credential::Token("x".to_owned()),
        Credential::Token(key.clone()),
        Credential::Token(admin_token(&json!({"username": "root"}))),
        account("Other", "robot", key),
        account("ExampleOrg", "adminUser", key),
        account("ExampleOrg", "robot", "x"),
        account("ExampleOrg", "robot", ""),
        account("platform", "operator", key),
        account("ExampleOrg", "operator", OPERATOR_SECRET),
    ] {
        for path in ["/be/v1/orgs/ExampleOrg?prune=true", "/be/v1/orgs/Nowhere?prune=true", "/be/v1/orgs/ExampleOrg"] {
            is_unauthorized(&rockit.call(&by, Method::DELETE, path, None).await);
        }
        is_unauthorized(&rockit.read(&by, "/be/v1/users").await);
    }
    for headers in [&[][..], &[("x-rockit-orgname", "ExampleOrg"), ("x-rockit-api-key", key)][..]] {
        let path = "/be/v1/orgs/ExampleOrg?prune=true";
        is_unauthorized(&rockit.listener.send(Method::DELETE, path, headers, None).await);
    }
    assert_eq!(rockit.read(&machine, "/be/v1/users").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_served_is_said_so() {
    let rockit = Rockit::new(&[]).await;
    is_refused(&rockit.listener.get("/adm/v1/nothing").await, StatusCode::NOT_FOUND, "item-not-found");
    let answer = rockit.listener.get("/adm/v1/orgs").await;
    is_refused(&answer, StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed");
    rockit.data.directory.close().await;
    let answer = rockit.create(&new_organization("ExampleOrg")).await;
    is_refused(&answer, StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
}
