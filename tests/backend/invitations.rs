//! `org-operator backend invitations`, and what is told of an invitation nowhere else.

use serde_json::{Value, json};

use crate::process::{Start, client};
use crate::rockit::{LINK, PASSPHRASE, PRIVATE_KEY, admin_token, create, logs_in, open};

impl Start {
    async fn listed(&self, arguments: &[&str]) -> String {
        let output = self.invitations(arguments).await;
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) async fn links(&self, arguments: &[&str]) -> Vec<String> {
        let listed: Vec<Value> =
            serde_json::from_str(&self.listed(&[&["--output=json"], arguments].concat()).await).unwrap();
        listed.iter().map(|one| one["link"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn they_are_listed_while_it_runs_and_their_link_enables_the_account() {
    let start = Start::new().with("--dialect=rockit");
    let backend = start.run().await;
    assert_eq!(start.listed(&[]).await.lines().count(), 1, "the head alone");
    let password = create(&backend, "ExampleOrg", "admin@example.org").await.unwrap();
    create(&backend, "OtherOrg", "other@example.org").await;

    let table = start.listed(&[]).await;
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["EMAIL", "ORGANIZATION", "USERNAME", "CREATED", "SENT", "LINK"]);
    assert_eq!(rows[1][..3], ["admin@example.org", "ExampleOrg", "adminUser"]);
    assert_eq!(rows[2][..3], ["other@example.org", "OtherOrg", "adminUser"]);
    assert_eq!((rows.len(), rows[1][4]), (3, "-"));
    let links = start.links(&[]).await;
    assert_eq!(links, [rows[1][5], rows[2][5]]);
    assert!(links[0].starts_with(&format!("{}/invitations/", backend.url("rockit"))), "{links:?}");

    assert!(!logs_in(&backend, "ExampleOrg", &password).await, "nobody has opened the link");
    assert_eq!(open(&links[0]).await, 200);
    assert!(logs_in(&backend, "ExampleOrg", &password).await);
    assert_eq!(open(&links[0]).await, 404);
    assert_eq!(start.links(&[]).await, [&*links[1]]);
    backend.stop().await;
    assert_eq!(start.links(&[]).await, [&*links[1]], "it need not run");
    let again = start.run().await;
    again.stop().await;
}

#[tokio::test]
async fn links_begin_with_what_the_backend_is_called_outside() {
    let start = Start::new().with("--dialect=rockit").with("--rockit-public-url=https://edge.example.org/");
    let backend = start.run().await;
    create(&backend, "ExampleOrg", "admin@example.org").await;
    let links = start.links(&[]).await;
    assert!(links[0].starts_with("https://edge.example.org/invitations/"), "{links:?}");
    let links = start.links(&["--rockit-public-url=https://other.example.org"]).await;
    assert!(links[0].starts_with("https://other.example.org/invitations/"), "{links:?}");
    backend.stop().await;
}

#[tokio::test]
async fn a_directory_that_is_none_is_said_and_none_is_made() {
    let start = Start::new();
    let output = start.invitations(&[]).await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let database = start.data().join("rockit/directory.sqlite");
    assert!(text.starts_with(&format!("org-operator: cannot read the database {}: ", database.display())), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(!start.data().exists());
}

/// At the level `trace`, whatever was sent or answered.
#[tokio::test]
async fn nothing_secret_is_in_the_log() {
    let start = Start::new().with("--dialect=rockit");
    let backend = start.run().await;
    let rockit = backend.url("rockit").to_owned();
    let mut secrets =
        vec![admin_token(&backend), backend.kept("rockit/admin-secret"), backend.kept("rockit/operator-key")];
    secrets.extend([PASSPHRASE, LINK, &PRIVATE_KEY[..40]].map(str::to_owned));
    secrets.push(create(&backend, "ExampleOrg", "admin@example.org").await.unwrap());
    let link = start.links(&[]).await.remove(0);
    secrets.push(link.rsplit('/').next().unwrap().to_owned());
    // As it is, as somebody types it, and where it is not.
    let (base, code) = link.split_once("/invitations/").unwrap();
    for wrong in [format!("{base}/Invitations/{code}"), format!("{base}//invitations/{code}/"), format!("{link}/x")] {
        assert_eq!(open(&wrong).await, 404, "{wrong}");
    }
    let spelled = format!("{base}/%69nvitations/{code}");
    for wrong in [spelled, format!("{rockit}/{PASSPHRASE}"), format!("{rockit}/be/v2/{LINK}")] {
        assert_eq!(open(&wrong).await, 404, "{wrong}");
    }
    assert_eq!(open(&link).await, 200);

    let password = secrets[6].clone();
    let login = json!({ "orgname": "ExampleOrg", "username": "adminUser", "password": password });
    let session = client().post(format!("{rockit}/be/v1/login")).json(&login).send().await.unwrap();
    let session = session.json::<Value>().await.unwrap()["sessionToken"].as_str().unwrap().to_owned();
    let asked = client().post(format!("{rockit}/be/v1/auth")).header("x-rockit-besession-token", &session).body("{}");
    let token = asked.send().await.unwrap().json::<Value>().await.unwrap()["authToken"].as_str().unwrap().to_owned();
    // Requests that are refused, with secrets where they do not belong.
    let query = format!("{rockit}/adm/v1/orgs?token={token}");
    assert_ne!(client().post(query).bearer_auth(&session).body(password).send().await.unwrap().status(), 200);
    let asked = client().delete(format!("{rockit}/be/v1/orgs/ExampleOrg?prune=true"));
    let operator = backend.kept("rockit/operator-key");
    let deleted = asked.header("x-rockit-beauth-token", operator).send().await.unwrap();
    assert_eq!(deleted.status(), 200);
    secrets.extend([session, token]);

    let deleted = backend.log().event("request", |event| event["method"] == "DELETE").await;
    assert_eq!(
        (&deleted["dialect"], &deleted["path"], &deleted["status"], &deleted["level"]),
        (&json!("rockit"), &json!("/be/v1/orgs/ExampleOrg"), &json!(200), &json!("INFO"))
    );
    let text = backend.stop().await;
    for secret in secrets {
        assert!(secret.len() > 10 && !text.contains(&secret), "in the log: {secret}\n{text}");
    }
}
