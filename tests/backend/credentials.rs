//! The credentials of the admin APIs.

use std::os::unix::fs::PermissionsExt as _;

use crate::process::{Start, client};

const MADE: [(&str, &str); 3] =
    [("tyk", "tyk/admin-secret"), ("rockfish", "rockfish/invite-code"), ("rockit", "rockit/admin-secret")];

#[tokio::test]
async fn they_are_made_once_for_this_user_alone_and_never_printed() {
    let start = Start::new();
    let first = start.run().await;
    let made: Vec<String> = MADE.iter().map(|(_, file)| first.kept(file)).collect();
    for ((dialect, file), secret) in MADE.iter().zip(&made) {
        let path = start.data().join(file);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
        assert!(secret.len() >= 32, "{file}");
        let said = first
            .log()
            .event("no credential was given: one was made and is in this file", |event| event["dialect"] == *dialect)
            .await;
        assert_eq!(said["file"], path.to_str().unwrap());
    }
    let mut text = first.stop().await;

    let second = start.run().await;
    let kept: Vec<String> = MADE.iter().map(|(_, file)| second.kept(file)).collect();
    assert_eq!(kept, made);
    assert!(second.log().events("no credential was given: one was made and is in this file").is_empty());
    text += &second.stop().await;
    for secret in &made {
        assert!(!text.contains(secret), "a credential is in the log");
    }
}

/// Creates a user on Rockfish's public API with that invite code.
async fn invited(url: &str, code: &str) -> u16 {
    let body = serde_json::json!({ "email": "howdy@rockfish.ai" });
    client().post(format!("{url}/user?invite={code}")).json(&body).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn they_come_from_a_file_or_from_the_environment_and_the_file_wins() {
    let start = Start::new().with("--dialect=rockfish").env("ORG_OPERATOR_ROCKFISH_INVITE_CODE", "from-environment");
    let backend = start.run().await;
    assert_eq!(invited(backend.url("rockfish"), "from-environment").await, 201);
    let mut text = backend.stop().await;
    assert!(!start.data().join("rockfish/invite-code").exists(), "none is made where one is given");

    let file = start.file("code", "from-file\n");
    let start = start.with(format!("--rockfish-invite-code-file={file}"));
    let backend = start.run().await;
    assert_eq!(invited(backend.url("rockfish"), "from-file").await, 201);
    assert_ne!(invited(backend.url("rockfish"), "from-environment").await, 201);
    text += &backend.stop().await;
    assert!(!text.contains("from-file") && !text.contains("from-environment"), "{text}");
}

#[tokio::test]
async fn one_that_cannot_be_used_is_said() {
    let start = Start::new().with("--dialect=rockit");
    let missing = start.path("missing");
    let line = start.clone().with(format!("--rockit-admin-secret-file={}", missing.display())).refused().await;
    assert!(line.contains("cannot read admin secret from ") && line.contains("missing"), "{line}");
    let line = start.clone().env("ORG_OPERATOR_ROCKIT_ADMIN_SECRET", "no base64!").refused().await;
    assert!(line.contains("ORG_OPERATOR_ROCKIT_ADMIN_SECRET has no admin secret in it"), "{line}");
    assert!(line.contains("openssl rand -base64 32") && !line.contains("no base64!"), "{line}");
    // Nothing that failed holds the directory.
    start.run().await.stop().await;
}
