//! Which credential goes where, and what is proved of it.

use jsonwebtoken::{DecodingKey, Validation};

use super::*;

fn with_key(server: &Scripted, secret: &str) -> Rockit {
    let origin = server.origin("https://rockit.example", &Clock::system());
    let admin = AdminCredential::Key { secret: secret.into(), name: "org-operator".to_owned() };
    Rockit::new(origin, admin, None, "apiKey".to_owned())
}

#[tokio::test]
async fn a_minted_token_says_the_name_and_nothing_else() {
    for secret in [ADMIN_KEY, "a2V5IG9mIHRoZSBhZG1pbiBBUEk", "a2V5IG9mIHRoZSBhZG1pbiBBUEk=\n"] {
        let server = Scripted::default();
        server.on("POST /adm/v1/orgs", 200, &created());
        Backend::<Organization>::create(&with_key(&server, secret), new_organization()).await.unwrap();
        let sent = server.seen();
        let token = sent[0].header("x-rockit-admin-token");
        assert!(sent[0].headers["x-rockit-admin-token"].is_sensitive());

        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        let key = DecodingKey::from_secret(b"key of the admin API");
        let read = jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap();
        assert_eq!(read.claims, json!({ "username": "org-operator" }));
        assert_eq!(serde_json::to_value(&read.header).unwrap(), json!({ "alg": "HS256", "typ": "JWT" }));
    }
}

#[tokio::test]
async fn an_admin_key_that_is_no_base64_is_a_wrong_credential_and_is_not_shown() {
    for secret in ["not base64!", "", "  \n"] {
        let server = Scripted::default();
        let platform = with_key(&server, secret);
        let error = Backend::<Organization>::create(&platform, new_organization()).await.unwrap_err();
        assert_eq!(error.kind, FaultKind::Unauthenticated);
        assert!(error.message.contains("adminKeySecretRef") && !error.message.contains("not base64!"), "{error}");
        assert_eq!(platform.probe().await.unwrap_err().kind, FaultKind::Unauthenticated);
        assert!(server.seen().is_empty());
    }
}

#[tokio::test]
async fn a_probe_pings_and_says_what_that_does_not_prove() {
    let server = Scripted::default();
    let platform = rockit(&server, None);
    assert_eq!(platform.probe().await.unwrap_err().kind, FaultKind::Unavailable(None), "neither ping is there");
    server.seen();

    server.text("POST /srv/v1/ping", 200, &[], "pong");
    let said = platform.probe().await.unwrap();
    assert!(said.contains("POST /srv/v1/ping") && said.contains("no call is documented"), "{said}");
    let sent = server.seen();
    assert_eq!(
        sent.iter().map(|sent| sent.call.as_str()).collect::<Vec<_>>(),
        ["POST /adm/v1/ping", "POST /srv/v1/ping"]
    );
    assert!(sent.iter().all(|sent| sent.header("x-rockit-admin-token") == "admin-token"));

    server.on("POST /adm/v1/ping", 200, &json!({ "status": "success" }));
    assert!(platform.probe().await.unwrap().contains("POST /adm/v1/ping"));
    server.on("POST /adm/v1/ping", 401, &json!({ "status": "failed", "error": "unauthorized" }));
    assert_eq!(platform.probe().await.unwrap_err().kind, FaultKind::Unauthenticated);
    server.text("POST /adm/v1/ping", 200, &[], "<html>");
    assert_eq!(platform.probe().await.unwrap_err().kind, FaultKind::Unavailable(None));
}

#[tokio::test]
async fn a_backend_credential_is_tried_by_listing_users() {
    let server = Scripted::default();
    server.on("POST /adm/v1/ping", 200, &json!({ "status": "success" }));
    let platform = rockit(&server, Some(BackendCredential::Account(account())));
    server.on("GET /be/v1/users?limit=1", 200, &json!([]));
    assert!(platform.probe().await.unwrap().contains("proved by GET /be/v1/users"));
    assert_eq!(server.seen()[1].header("x-rockit-api-key"), "account-key");
    for refusal in [401, 403] {
        server.on("GET /be/v1/users?limit=1", refusal, &json!({}));
        assert!(platform.probe().await.unwrap().contains("not proved"), "it is for deleting, not for listing");
    }
    server.on("GET /be/v1/users?limit=1", 500, &json!({}));
    assert_eq!(platform.probe().await.unwrap_err().kind, FaultKind::Unavailable(None));
}

#[tokio::test]
async fn a_machines_key_logs_in_where_it_reads_its_own_user() {
    let server = Scripted::default();
    let platform = rockit(&server, None);
    let value = "machine-key".into();
    let call = "GET /be/v1/users/ci_bot";
    server.on(call, 200, &json!({ "username": "ci_bot", "label": "CI" }));
    assert_eq!(platform.authenticates(&of(), &value).await.unwrap(), Some(key_id(&value)));
    let sent = server.seen();
    assert_eq!(sent[0].header("x-rockit-orgname"), "ExampleOrg");
    assert_eq!(sent[0].header("x-rockit-username"), "ci_bot");
    assert_eq!(sent[0].header("x-rockit-api-key"), "machine-key");

    server.on(call, 404, &json!({}));
    assert_eq!(platform.authenticates(&of(), &value).await.unwrap(), None);
    server.text(call, 404, &[], "404 page not found");
    assert_eq!(platform.authenticates(&of(), &value).await.unwrap_err().kind, FaultKind::Unavailable(None));
    for refusal in [401, 403] {
        server.on(call, refusal, &json!({}));
        let error = platform.authenticates(&of(), &value).await.unwrap_err();
        assert_eq!(error.kind, FaultKind::Unsupported, "a right may be missing");
    }
    server.on(call, 200, &json!({ "username": "other" }));
    assert_eq!(platform.authenticates(&of(), &value).await.unwrap_err().kind, FaultKind::Unavailable(None));
    server.seen();
    assert_eq!(platform.authenticates(&of(), &"line\nbreak".into()).await.unwrap(), None);
    assert!(server.seen().is_empty());
}

#[test]
fn names_become_rockits_where_they_are_not() {
    let platform = rockit(&Scripted::default(), None);
    for kind in [Kind::Organization, Kind::User] {
        assert_eq!(platform.default_name(kind, "team-a.example"), "team_a_example");
        for good in ["ab", "A_9", &"a".repeat(50)] {
            assert_eq!(platform.check_name(kind, good), Ok(()), "{good}");
        }
        for bad in ["", "a", "a-b", "a.b", "a b", "ä_", &"a".repeat(51)] {
            let rule = platform.check_name(kind, bad).unwrap_err();
            assert_eq!(rule, "ROCKIT takes 2 to 50 letters, digits and underscores", "{bad}");
        }
    }
    assert_eq!(platform.default_name(Kind::Token, "ci-token"), "ci-token");
    assert!(platform.needs(Need::Admin) && platform.needs(Need::KeyPair) && !platform.needs(Need::Email));
}

#[test]
fn what_it_can_do_depends_on_its_credentials() {
    let server = Scripted::default();
    let of = |platform: &dyn AdminApi, capability| platform.capabilities().of(capability) == Support::Supported;
    let (alone, full) = (rockit(&server, None), rockit(&server, Some(backend())));
    let acts = acting(&server);
    for (capability, expected) in [
        (Capability::OrganizationDelete, [false, true, true]),
        (Capability::DisplayName, [true; 3]),
        (Capability::OrganizationAdmin, [true; 3]),
        (Capability::KeyPairPush, [true; 3]),
        (Capability::Roles, [true; 3]),
        (Capability::UserRead, [false, false, true]),
        (Capability::UserUpdate, [false, false, true]),
        (Capability::UserDelete, [false, false, true]),
        (Capability::OrganizationRead, [false; 3]),
        (Capability::OwnerMark, [false; 3]),
        (Capability::TokensPerUser, [false; 3]),
    ] {
        assert_eq!([of(&alone, capability), of(&full, capability), of(acts.as_ref(), capability)], expected);
    }
    assert_eq!(full.capabilities().of(Capability::TokenRevoke), Support::Unsupported);
    assert_eq!(acts.capabilities().of(Capability::TokenRevoke), Support::Unknown);
    assert_eq!(acts.url(), "https://rockit.example");
}

#[test]
fn no_secret_is_in_what_is_printed() {
    let server = Scripted::default();
    let platforms =
        format!("{:?} {:?} {:?}", rockit(&server, Some(backend())), acting(&server), with_key(&server, ADMIN_KEY));
    for secret in ["admin-token", "backend-token", "account-key", ADMIN_KEY] {
        assert!(!platforms.contains(secret), "{platforms}");
    }
}
