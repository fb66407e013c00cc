//! The switches, and a command line that is wrong.

use serde_json::{Value, json};

use crate::process::{Backend, Start, client};
use crate::rockit::{admin_token, create, logs_in};

#[tokio::test]
async fn each_turns_its_own_dialect() {
    let start = Start::new().with("--quirk=rockit-maintenance").with("--quirk=rockfish-as-documented");
    let backend = start.run().await;
    let url = format!("{}/adm/v1/ping", backend.url("rockit"));
    let answer = client().post(url).header("x-rockit-admin-token", admin_token(&backend)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "900"));
    let listed = client().get(format!("{}/organization", backend.url("rockfish-admin"))).send().await.unwrap();
    assert_eq!(listed.status(), 405);
    assert_eq!(client().get(format!("{}/hello", backend.url("tyk"))).send().await.unwrap().status(), 200);
    backend.stop().await;
}

#[tokio::test]
async fn a_late_server_shows_a_new_object_later() {
    let start = Start::new().with("--dialect=rockfish").with("--quirk=late");
    let listed = async |backend: &Backend| {
        let url = format!("{}/organization", backend.url("rockfish-admin"));
        client().get(url).send().await.unwrap().json::<Vec<Value>>().await.unwrap().len()
    };
    let backend = start.clone().with("--late=1h").run().await;
    let url = format!("{}/organization", backend.url("rockfish-admin"));
    let made = client().post(&url).json(&json!({ "name": "internal" })).send().await.unwrap();
    assert_eq!((made.status().as_u16(), listed(&backend).await), (201, 0));
    backend.stop().await;
    // The next process has started later than a millisecond after.
    let backend = start.with("--late=1ms").run().await;
    assert_eq!(listed(&backend).await, 1);
    backend.stop().await;
}

#[tokio::test]
async fn without_the_administrators_password_the_link_gives_one() {
    let start = Start::new().with("--dialect=rockit");
    let backend = start.run().await;
    assert!(!create(&backend, "ExampleOrg", "admin@example.org").await.unwrap().is_empty());
    backend.stop().await;
    let backend = start.clone().with("--quirk=rockit-without-admin-password").run().await;
    assert_eq!(create(&backend, "OtherOrg", "other@example.org").await, None);
    let links = start.links(&[]).await;
    let [told, untold] = [&links[0], &links[1]];
    let opened = async |link: &str| client().post(link).send().await.unwrap().json::<Value>().await.unwrap();
    // Of an organisation that was made when passwords were told.
    let base = backend.url("rockit");
    let here = |link: &str| format!("{base}/invitations/{}", link.split_once("/invitations/").unwrap().1);
    assert_eq!(opened(&here(told)).await["password"], Value::Null);
    let password = opened(&here(untold)).await["password"].as_str().unwrap().to_owned();
    assert!(logs_in(&backend, "OtherOrg", &password).await);
    backend.stop().await;
}

#[tokio::test]
async fn a_command_line_that_is_wrong_is_told_what_is_right() {
    for (arguments, sentence) in [
        (&["--quirk=slow"][..], "possible values: tyk-hides-keys, rockfish-as-documented"),
        (&["--dialect=grafana"], "possible values: tyk, rockfish, rockit"),
        (&["--late=5"], "write a duration such as 10m or 90s"),
        (&["--rate-limit=0"], "--rate-limit"),
        (&["--connection-limit=0"], "write a number from 1 to 1000000"),
        (&["--rockit-public-url=edge.example.org"], "write https://HOST"),
        (&["--rockit-public-url=https://edge.example.org/?a"], "write https://HOST"),
        (&["--smtp-url=smtp://127.0.0.1:25"], "--smtp-from"),
        (&["--smtp-url=smtp://127.0.0.1:25", "--smtp-from=edge"], "write an address such as"),
        (&["--tls-cert-file=a.pem"], "--tls-key-file"),
        (&["--tyk-admin-secret=hunter2"], "--tyk-admin-secret-file"),
    ] {
        let start = arguments.iter().fold(Start::new(), |start, argument| start.with(*argument));
        let text = start.misused().await;
        assert!(text.contains(sentence), "{arguments:?}: {text}\ndoes not say: {sentence}");
        assert!(!start.data().exists());
    }
}

#[tokio::test]
async fn the_help_shows_no_password_that_is_in_a_url() {
    let start = Start::new().env("ORG_OPERATOR_SMTP_URL", "smtp://edge:hunter2@mail.example.org");
    let start = start.env("ORG_OPERATOR_ROCKIT_PUBLIC_URL", "https://edge:hunter2@edge.example.org");
    for (arguments, variable) in
        [(&[][..], "ORG_OPERATOR_SMTP_URL"), (&["invitations"], "ORG_OPERATOR_ROCKIT_PUBLIC_URL")]
    {
        let text = start.help(arguments).await;
        assert!(text.contains(variable) && !text.contains("hunter2"), "{text}");
    }
}
