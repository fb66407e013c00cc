//! Where it listens, and what is served there besides the dialects.

use std::net::TcpListener;

use rcgen::{CertificateParams, KeyPair};
use reqwest::Certificate;
use serde_json::{Value, json};

use crate::process::{Backend, Start, client};

async fn text(url: String) -> (u16, String) {
    let answer = client().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn every_dialect_has_its_listener_and_ours_has_probes_and_metrics() {
    let backend = Start::new().run().await;
    assert_eq!(backend.listeners(), ["own", "rockfish", "rockfish-admin", "rockit", "tyk"]);
    let own = backend.url("own").to_owned();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(text(format!("{own}{path}")).await, (200, "ok\n".to_owned()), "{path}");
    }
    let asked = client().get(format!("{}/organization", backend.url("rockfish-admin"))).send().await.unwrap();
    assert_eq!(asked.json::<Value>().await.unwrap(), json!([]));
    let (_, page) = text(format!("{own}/metrics")).await;
    for line in [
        r#"org_operator_backend_requests_total{dialect="rockfish",method="GET",status="2xx"} 1"#,
        r#"org_operator_backend_request_duration_seconds_count{dialect="rockfish"} 1"#,
        r#"org_operator_backend_invitations_total{result="sent"} 0"#,
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is missing in\n{page}");
    }
    // A vendor's server has none of these.
    for listener in ["rockfish", "rockfish-admin", "rockit", "tyk"] {
        assert_eq!(text(format!("{}/metrics", backend.url(listener))).await.0, 404, "{listener}");
    }
    backend.stop().await;
}

#[tokio::test]
async fn only_the_dialects_that_were_named_are_served() {
    let start = Start::new().with("--dialect=rockfish");
    let backend = start.run().await;
    assert_eq!(backend.listeners(), ["own", "rockfish", "rockfish-admin"]);
    assert_eq!(text(format!("{}/tyk/login", backend.url("own"))).await.0, 404);
    backend.stop().await;
    let made: Vec<_> = std::fs::read_dir(start.data()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(made, ["rockfish"]);
}

#[tokio::test]
async fn a_port_in_use_is_said_with_the_flag_that_chooses_another() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["tyk-listen", "rockfish-admin-listen", "rockfish-listen", "rockit-listen", "listen"] {
        let line = Start::new().with(format!("--{flag}={address}")).refused().await;
        assert!(line.starts_with(&format!("cannot listen on {address}: choose another --{flag}: ")), "{line}");
    }
}

#[tokio::test]
async fn a_data_directory_in_use_is_refused_in_one_clear_line() {
    let start = Start::new();
    let backend = start.run().await;
    let line = start.refused().await;
    let directory = start.data().join("tyk");
    let said = format!(
        "the data directory {} is in use by another process: stop that one, or name another data directory",
        directory.display()
    );
    assert_eq!(line, said);
    // The first one did not notice.
    assert_eq!(text(format!("{}/readyz", backend.url("own"))).await.0, 200);
    backend.stop().await;
}

/// A user with a token, who is a member of an organisation.
async fn member(backend: &Backend, organization: &str) -> String {
    let admin = backend.url("rockfish-admin");
    let create = async |path: &str, body: Value| -> Value {
        client().post(format!("{admin}{path}")).json(&body).send().await.unwrap().json().await.unwrap()
    };
    let user = create("/user", json!({ "email": "howdy@rockfish.ai" })).await;
    let path = format!("{admin}/organization/{organization}/user/{}", user["id"].as_str().unwrap());
    assert_eq!(client().put(path).json(&json!({ "roles": [] })).send().await.unwrap().status(), 204);
    let token = create("/token", json!({ "user": user["self"] })).await;
    token["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_dialects_tokens_are_introspected_on_our_own_listener_by_their_own_organisation() {
    let start = Start::new();
    let backend = start.run().await;
    let admin = backend.url("rockfish-admin");
    let mut organizations = Vec::new();
    for name in ["one", "two"] {
        let made = client().post(format!("{admin}/organization")).json(&json!({ "name": name })).send().await.unwrap();
        organizations.push(made.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned());
    }
    let (first, second, other) = (
        member(&backend, &organizations[0]).await,
        member(&backend, &organizations[0]).await,
        member(&backend, &organizations[1]).await,
    );
    let introspect = async |dialect: &str, caller: &str| {
        let url = format!("{}/{dialect}/oauth2/introspect", backend.url("own"));
        let answer = client().post(url).bearer_auth(caller).form(&[("token", &first)]).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, active) = introspect("rockfish", &second).await;
    assert_eq!((status, &active["active"], &active["org_id"]), (200, &json!(true), &json!(organizations[0])));
    assert_eq!(active["iss"], "api");
    assert_eq!(introspect("rockfish", &other).await, (200, json!({ "active": false })));
    assert_eq!(introspect("tyk", &second).await.0, 401, "another dialect's directory does not know it");
    // The token that a new user comes with is of no organisation and serves in those that the user joins.
    let url = format!("{admin}/user");
    let lone = client().post(url).json(&json!({ "email": "lone@rockfish.ai" })).send().await.unwrap();
    let lone = lone.json::<Value>().await.unwrap();
    let initial = lone["token"].as_str().unwrap();
    let url = format!("{}/rockfish/oauth2/introspect", backend.url("own"));
    let ask = async |caller: &str| {
        let answer = client().post(&url).bearer_auth(caller).form(&[("token", initial)]).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["active"].clone()
    };
    assert_eq!((ask(initial).await, ask(&second).await), (json!(true), json!(false)));
    let path = format!("{admin}/organization/{}/user/{}", organizations[0], lone["id"].as_str().unwrap());
    client().put(path).json(&json!({ "roles": [] })).send().await.unwrap().error_for_status().unwrap();
    assert_eq!((ask(initial).await, ask(&second).await, ask(&other).await), (json!(true), json!(true), json!(false)));
    let text = backend.stop().await;
    for token in [first, second, other, initial.to_owned()] {
        assert!(!text.contains(&token), "a token is in the log");
    }
}

#[tokio::test]
async fn an_access_key_is_introspected_as_a_token_is() {
    let start = Start::new().with("--dialect=tyk");
    let backend = start.run().await;
    let (secret, tyk) = (backend.kept("tyk/admin-secret"), backend.url("tyk").to_owned());
    let create = async |path: &str, body: Value| -> Value {
        let asked = client().post(format!("{tyk}{path}")).header("admin-auth", &secret).json(&body);
        asked.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    };
    let mut keys = Vec::new();
    for name in ["one", "two"] {
        let made = create("/admin/organisations", json!({ "owner_name": name })).await;
        let user = json!({
            "org_id": made["Meta"], "email_address": format!("{name}@example.org"), "active": true,
            "first_name": "Jo", "last_name": "Doe", "user_permissions": { "IsAdmin": "admin" },
        });
        let made = create("/admin/users", user).await;
        keys.push((made["Message"].as_str().unwrap().to_owned(), made["Meta"]["org_id"].clone()));
    }
    let url = format!("{}/tyk/oauth2/introspect", backend.url("own"));
    let ask = async |caller: &str| {
        let answer = client().post(&url).bearer_auth(caller).form(&[("token", &keys[0].0)]).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    let own = ask(&keys[0].0).await;
    assert_eq!((&own["active"], &own["org_id"]), (&json!(true), &keys[0].1), "{own}");
    assert_eq!(ask(&keys[1].0).await, json!({ "active": false }));
    let text = backend.stop().await;
    for secret in [&secret, &keys[0].0, &keys[1].0] {
        assert!(!text.contains(secret.as_str()), "a secret is in the log");
    }
}

#[tokio::test]
async fn with_a_certificate_all_speak_tls_and_links_say_so() {
    let start = Start::new();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    let (certificate_file, key_file) =
        (start.file("server.pem", &certificate), start.file("key.pem", &key.serialize_pem()));
    let start = start.with(format!("--tls-cert-file={certificate_file}")).with(format!("--tls-key-file={key_file}"));
    let backend = start.run().await;
    let trusting = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([Certificate::from_pem(certificate.as_bytes()).unwrap()])
        .build()
        .unwrap();
    for listener in backend.listeners() {
        let url = backend.url(listener);
        assert!(url.starts_with("https://"), "{url}");
        trusting.get(format!("{url}/healthz")).send().await.unwrap();
        let plain = client().get(url.replace("https://", "http://")).send().await;
        assert!(plain.is_err(), "{listener} answers in clear: {plain:?}");
    }
    let admin = backend.url("rockfish-admin");
    let made =
        trusting.post(format!("{admin}/organization")).json(&json!({ "name": "internal" })).send().await.unwrap();
    let location = made.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with(&format!("{admin}/organization/")), "{location}");
    assert_eq!(made.json::<Value>().await.unwrap()["self"], location);
    assert_eq!(backend.kept("rockit/public-url"), backend.url("rockit"));
    let text = backend.stop().await;
    assert!(!text.contains("PRIVATE KEY"), "{text}");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_said() {
    let start = Start::new();
    let other = KeyPair::generate().unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&other).unwrap().pem();
    let certificate = start.file("server.pem", &certificate);
    for (name, text) in [("key.pem", key.serialize_pem()), ("none.pem", "no key".to_owned())] {
        let file = start.file(name, &text);
        let start = start.clone().with(format!("--tls-cert-file={certificate}")).with(format!("--tls-key-file={file}"));
        let line = start.refused().await;
        assert!(line.contains("both have to be PEM, and belong together") && line.contains(name), "{line}");
    }
}
