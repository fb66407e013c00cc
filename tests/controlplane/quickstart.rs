//! `examples/quickstart.yaml` and its life: what comes out of it works, and stops working when its resource goes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use super::support::{Cluster, Operator, namespace, plane, quickstart};

/// An operator, and the quickstart in a namespace of its own.
async fn started(extra: &[&str]) -> (Operator, Cluster) {
    let namespace = namespace("quickstart");
    let operator = Operator::start(&[&namespace], extra).await;
    let cluster = Cluster::of(&namespace).await;
    for manifest in quickstart() {
        cluster.apply_one(&manifest).await;
    }
    operator.wait_all_ready(&cluster, 5).await;
    (operator, cluster)
}

/// What a program that must be there and succeed prints.
fn tool(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| {
        panic!("{program} cannot be run ({error}): install it with `apt-get install openssl openssh-client`")
    });
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The type and the key of a line in OpenSSH's format; a comment may follow.
fn without_comment(line: &str) -> Vec<&str> {
    line.split_whitespace().take(2).collect()
}

#[tokio::test]
async fn its_key_pair_opens_with_its_passphrase() {
    let (_operator, cluster) = started(&[]).await;
    let pair = cluster.secret("acme-keypair").await.unwrap();
    assert_eq!(pair.keys().collect::<Vec<_>>(), ["passphrase", "private.pem", "public.pem"]);
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (private, public) = (file("private.pem", &pair["private.pem"]), file("public.pem", &pair["public.pem"]));
    let passphrase = &pair["passphrase"];

    let password = format!("pass:{passphrase}");
    assert_eq!(tool("openssl", &["pkey", "-in", &private, "-passin", &password, "-pubout"]), pair["public.pem"]);
    let text = tool("openssl", &["pkey", "-pubin", "-in", &public, "-noout", "-text"]);
    assert!(text.contains("(4096 bit)"), "{text}");

    let derived = tool("ssh-keygen", &["-y", "-P", passphrase, "-f", &private]);
    let published = tool("ssh-keygen", &["-i", "-m", "PKCS8", "-f", &public]);
    assert_eq!(without_comment(&derived), without_comment(&published));
    let listed = tool("ssh-keygen", &["-l", "-f", &file("public", &published)]);
    let fingerprint = listed.split_whitespace().nth(1).unwrap();

    let organization = cluster.get("Organization", "acme").await.unwrap();
    let status = &organization["status"]["keyPair"];
    assert_eq!(status["fingerprint"], fingerprint);
    assert_eq!(status["publicKey"], pair["public.pem"].as_str());
    assert_eq!(status["secretName"], "acme-keypair");
    let secret = cluster.get("Secret", "acme-keypair").await.unwrap();
    assert_eq!(secret["metadata"]["annotations"]["org-operator.dev/fingerprint"], fingerprint);
}

#[tokio::test]
async fn its_secrets_say_whose_they_are() {
    let (_operator, cluster) = started(&[]).await;
    let url = cluster.get("Platform", "embedded").await.unwrap()["status"]["url"].clone();
    let token = cluster.get("Token", "ci").await.unwrap();
    let expected = [
        ("acme-keypair", "Organization", "acme", vec!["passphrase", "private.pem", "public.pem"]),
        ("acme-admin", "Organization", "acme", vec!["password", "username"]),
        ("ada-credentials", "User", "ada", vec!["password", "username"]),
        ("ci-token", "Token", "ci", vec!["token"]),
    ];
    assert_eq!(cluster.list("Secret").await.len(), expected.len(), "a Secret more, or one less");
    for (name, kind, owner, keys) in expected {
        let secret: Secret = cluster.typed().get(name).await.unwrap();
        assert_eq!(secret.data.unwrap().keys().collect::<Vec<_>>(), keys, "{name}");
        assert_eq!(secret.type_.as_deref(), Some("Opaque"), "{name}");
        let labels = secret.metadata.labels.unwrap();
        let labels: Vec<_> = labels.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
        let wanted = [
            ("app.kubernetes.io/managed-by", "org-operator"),
            ("org-operator.dev/kind", kind),
            ("org-operator.dev/name", owner),
        ];
        assert_eq!(labels, wanted, "{name}");
        assert_eq!(
            json!(secret.metadata.annotations.as_ref().unwrap()["org-operator.dev/platform-url"]),
            url,
            "{name}"
        );
        let owners = secret.metadata.owner_references.unwrap();
        let [reference] = owners.as_slice() else { panic!("{name} has the owners {owners:?}") };
        let object = cluster.get(kind, owner).await.unwrap();
        assert_eq!(
            (reference.kind.as_str(), json!(reference.uid)),
            (kind, object["metadata"]["uid"].clone()),
            "{name}"
        );
        assert_eq!(reference.api_version, "org-operator.dev/v1alpha1", "{name}");
        assert_eq!((reference.controller, reference.block_owner_deletion), (Some(true), Some(false)), "{name}");
    }
    let secret = cluster.get("Secret", "ci-token").await.unwrap();
    let annotations = &secret["metadata"]["annotations"];
    assert_eq!(annotations["org-operator.dev/external-id"], token["status"]["externalID"]);
    assert_eq!(annotations["org-operator.dev/issued-at"], token["status"]["issuedAt"]);
}

#[tokio::test]
async fn what_its_secrets_hold_works_until_the_resource_goes() {
    let (operator, cluster) = started(&[]).await;
    let (token, password) =
        (cluster.value("ci-token", "token").await, cluster.value("ada-credentials", "password").await);
    let known = operator.introspect(&token, &token).await.unwrap();
    assert_eq!((&known["active"], &known["username"]), (&json!(true), &json!("ci")));
    assert_eq!(known["token_id"], cluster.get("Token", "ci").await.unwrap()["status"]["externalID"]);
    let ada = operator.login("acme", "ada", &password).await.unwrap();
    assert_eq!(ada["roles"], json!(["Administrators"]));
    let admin = cluster.value("acme-admin", "password").await;
    assert!(operator.login("acme", &cluster.value("acme-admin", "username").await, &admin).await.is_some());
    assert!(operator.login("acme", "ada", &admin).await.is_none(), "another's password is no password");

    cluster.apply("{kind: Token, metadata: {name: other}, spec: {userRef: {name: ci}}}").await;
    operator.wait_ready(&cluster, "Token", "other").await;
    let other = cluster.value("other-token", "token").await;
    assert_eq!(operator.introspect(&other, &token).await.unwrap()["active"], true);

    cluster.delete("Token", "ci").await;
    operator.wait_gone(&cluster, "Token", "ci").await;
    operator.wait_gone(&cluster, "Secret", "ci-token").await;
    assert_eq!(operator.introspect(&other, &token).await.unwrap(), json!({ "active": false }));
    assert!(!operator.is_active(&token).await);
    assert!(operator.is_active(&other).await, "only the deleted one is revoked");

    cluster.delete("User", "ada").await;
    operator.wait_gone(&cluster, "User", "ada").await;
    assert!(operator.login("acme", "ada", &password).await.is_none());
}

#[tokio::test]
async fn it_tells_each_creation_once() {
    let (_operator, cluster) = started(&["--resync=1s"]).await;
    let created = |kind: &str, name: &str| ("Normal".into(), "Created".into(), kind.to_owned(), name.to_owned());
    let expected =
        [created("Organization", "acme"), created("Token", "ci"), created("User", "ada"), created("User", "ci")];
    // The last event is written after the status that was waited for.
    let all = super::support::eventually("the events are written", super::support::PATIENCE, async || {
        let events = cluster.events().await;
        if events.len() >= expected.len() { Ok(events) } else { Err(format!("{events:?}")) }
    });
    assert_eq!(all.await.unwrap(), expected);
}

/// The cells of kubectl's table, by column.
fn table(cluster: &Cluster, resource: &str, wide: bool) -> Vec<Vec<(String, String)>> {
    let output = if wide { "wide" } else { "" };
    let text = plane().run(["get", resource, "--namespace", cluster.namespace(), "-o", output]).unwrap();
    let mut lines = text.lines();
    let header = lines.next().unwrap();
    // Columns are as wide as their widest cell and start where their heads do.
    let starts: Vec<usize> = (0..header.len())
        .filter(|&at| !header[at..].starts_with(' ') && (at == 0 || header[..at].ends_with(' ')))
        .collect();
    let cell = |line: &str, index: usize| {
        let end = starts.get(index + 1).map_or(line.len(), |&next| next.min(line.len()));
        line[starts[index].min(line.len())..end].trim().to_owned()
    };
    lines.map(|line| (0..starts.len()).map(|index| (cell(header, index), cell(line, index))).collect()).collect()
}

fn heads(table: &[Vec<(String, String)>]) -> Vec<&str> {
    table[0].iter().map(|(head, _)| head.as_str()).collect()
}

fn cell<'a>(row: &'a [(String, String)], column: &str) -> &'a str {
    row.iter().find(|(head, _)| head == column).map_or_else(|| panic!("no column {column}"), |(_, cell)| cell)
}

#[tokio::test]
async fn kubectl_answers_the_common_questions() {
    let (_operator, cluster) = started(&[]).await;
    let platforms = table(&cluster, "orgp", true);
    assert_eq!(heads(&platforms), ["NAME", "READY", "REASON", "TYPE", "URL", "NAMESPACES", "AGE", "MESSAGE"]);
    assert_eq!((cell(&platforms[0], "READY"), cell(&platforms[0], "TYPE")), ("True", "Embedded"));

    let organizations = table(&cluster, "org", false);
    let columns = ["NAME", "READY", "REASON", "PLATFORM", "EXTERNAL-NAME", "EXTERNAL-ID", "DELETION", "AGE"];
    assert_eq!(heads(&organizations), columns);
    let id = cluster.get("Organization", "acme").await.unwrap()["status"]["externalID"].clone();
    let row = &organizations[0];
    let shown =
        ["NAME", "READY", "REASON", "PLATFORM", "EXTERNAL-NAME", "EXTERNAL-ID", "DELETION"].map(|head| cell(row, head));
    assert_eq!(shown, ["acme", "True", "Succeeded", "embedded", "acme", id.as_str().unwrap(), "Delete"]);
    let wide = table(&cluster, "org", true);
    assert_eq!(cell(&wide[0], "ORIGIN"), "Created");
    assert!(cell(&wide[0], "FINGERPRINT").starts_with("SHA256:"));

    let users = table(&cluster, "orgu", false);
    assert_eq!(heads(&users), ["NAME", "READY", "REASON", "ORGANIZATION", "TYPE", "SECRET", "AGE"]);
    let of = |row: &[(String, String)]| {
        ["NAME", "READY", "ORGANIZATION", "TYPE", "SECRET"].map(|head| cell(row, head).to_owned())
    };
    assert_eq!(of(&users[0]), ["ada", "True", "acme", "Person", "ada-credentials"]);
    assert_eq!(of(&users[1]), ["ci", "True", "acme", "Machine", ""]);

    let tokens = table(&cluster, "orgt", false);
    assert_eq!(heads(&tokens), ["NAME", "READY", "REASON", "USER", "SECRET", "ROTATES", "EXPIRES", "AGE"]);
    assert_eq!(
        (cell(&tokens[0], "USER"), cell(&tokens[0], "SECRET"), cell(&tokens[0], "EXPIRES")),
        ("ci", "ci-token", "")
    );

    let arguments = ["wait", "--for=condition=Ready", "--timeout=20s", "org-operator", "--all", "--namespace"];
    let waited = plane().run(arguments.into_iter().chain([cluster.namespace()])).unwrap();
    assert_eq!(waited.lines().filter(|line| line.ends_with("condition met")).count(), 5, "{waited}");
}

#[tokio::test]
async fn kubectl_explains_the_fields() {
    let explain = |path: &str| plane().run(["explain", path]).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    let spec = explain("organization.spec");
    for field in ["platformRef", "externalName", "keyPair", "admin", "deletionPolicy", "adoptionPolicy", "driftPolicy"]
    {
        assert!(spec.contains(&format!(" {field} <")), "{field} is not in {spec}");
    }
    assert!(spec.contains("ENUM: Retain Delete") || spec.contains("enum: Retain, Delete"), "{spec}");
    // Words that only the types' doc comments have.
    assert!(explain("users.spec.deletionPolicy").contains("the user is removed and can no longer log in"));
    assert!(explain("organizations.org-operator.dev").contains("GROUP: org-operator.dev"));
}

#[tokio::test]
async fn without_an_operator_it_says_so() {
    let cluster = Cluster::of(&namespace("alone")).await;
    for manifest in quickstart() {
        let fresh = cluster.apply_one(&manifest).await;
        let status = &fresh["status"];
        assert_eq!(status["observedGeneration"], -1, "{fresh}");
        let conditions = status["conditions"].as_array().unwrap();
        let [ready] = conditions.as_slice() else { panic!("{conditions:?}") };
        let said = ["type", "status", "reason", "message"].map(|field| &ready[field]);
        assert_eq!(said, ["Ready", "Unknown", "Pending", "waiting for org-operator"], "{fresh}");
    }
    let organizations = table(&cluster, "org", false);
    assert_eq!((cell(&organizations[0], "READY"), cell(&organizations[0], "REASON")), ("Unknown", "Pending"));
}

/// No value that a Secret holds is anywhere else: neither in what the operator logs nor in what it says of objects.
#[tokio::test]
async fn no_value_is_logged_or_shown() {
    let (operator, cluster) = started(&[]).await;
    let mut shown = operator.log();
    for kind in ["Platform", "Organization", "User", "Token"] {
        shown += &Value::Array(cluster.list(kind).await).to_string();
    }
    shown += &fs::read_to_string(Path::new(plane().audit_log())).unwrap();
    for (secret, key) in [
        ("acme-keypair", "passphrase"),
        ("acme-keypair", "private.pem"),
        ("acme-admin", "password"),
        ("ada-credentials", "password"),
        ("ci-token", "token"),
    ] {
        let value = cluster.value(secret, key).await;
        let distinctive = value.lines().max_by_key(|line| line.len()).unwrap();
        assert!(distinctive.len() >= 16, "{secret} {key} is too short to be looked for");
        assert!(!shown.contains(distinctive), "the {key} of {secret} is shown");
    }
}
