//! The Secrets that come out: as the manifest wants them at any time, with the same credential in them, and what becomes
//! of one that somebody edits.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::support::{Cluster, Contents, Operator, PATIENCE, condition, eventually, is_ready, namespace};

const ROTATE: &str = "org-operator.dev/rotate-requested-at";
/// Several looks at everything, at one each second.
const SEVERAL_RESYNCS: Duration = Duration::from_secs(3);

/// The Secrets of the manifests, each with its resource, its own keys, and a template for it.
const SECRETS: [(&str, &str, &str, &[&str], &str); 4] = [
    (
        "acme-keypair",
        "Organization",
        "acme",
        &["passphrase", "private.pem", "public.pem"],
        "{{ privateKey }}{{ publicKey }}{{ passphrase }} {{ fingerprint }}",
    ),
    (
        "acme-admin",
        "Organization",
        "acme",
        &["password", "username"],
        r#"{"user": {{ username | tojson }}, "password": {{ password | tojson }}, "of": {{ organizationID | tojson }}}"#,
    ),
    (
        "ada-credentials",
        "User",
        "ada",
        &["password", "username"],
        "LOGIN={{ username }}:{{ password }}\nEMAIL={{ email | urlencode }}\nID={{ userID }}\n",
    ),
    (
        "ci-token",
        "Token",
        "ci",
        &["token"],
        "{{ platformType }} {{ organizationName }} {{ tokenID }} {{ token | b64encode }}",
    ),
];

/// What the template of a Secret makes of its values and of what status says.
fn expected(secret: &str, values: &BTreeMap<String, String>, status: &Value) -> String {
    let of = |key: &str| values[key].as_str();
    let said = |value: &Value| value.as_str().unwrap().to_owned();
    match secret {
        "acme-keypair" => {
            let fingerprint = said(&status["keyPair"]["fingerprint"]);
            format!("{}{}{} {fingerprint}", of("private.pem"), of("public.pem"), of("passphrase"))
        }
        "acme-admin" => {
            let id = said(&status["externalID"]);
            format!(r#"{{"user": "boss", "password": {}, "of": "{id}"}}"#, json!(of("password")))
        }
        "ada-credentials" => {
            let id = said(&status["externalID"]);
            format!("LOGIN=ada:{}\nEMAIL=ada%40acme.example\nID={id}\n", of("password"))
        }
        _ => format!("Embedded Acme Ltd {} {}", said(&status["externalID"]), STANDARD.encode(of("token"))),
    }
}

/// How a Secret is to look; three ways, the last of which is none.
fn target(way: usize, template: &str) -> Value {
    match way {
        0 => json!({
            "labels": { "team": "blue" }, "annotations": { "example.org/note": "one" },
            "template": { "first": template },
        }),
        1 => json!({ "labels": { "team": "green", "tier": "gold" }, "template": { "second": template } }),
        _ => Value::Null,
    }
}

/// An organisation with all that has a Secret; `targets` are in the order of [`SECRETS`].
async fn apply(cluster: &Cluster, targets: [Value; 4]) {
    let [pair, admin, person, token] = targets;
    let mut manifests = [
        json!({ "kind": "Platform", "spec": { "embedded": {} } }),
        json!({ "kind": "Organization", "spec": {
            "platformRef": { "name": "embedded" }, "externalName": "Acme Ltd", "keyPair": { "size": 2048, "secret": pair },
            "admin": { "username": "boss", "email": "boss@acme.example", "secret": admin },
        } }),
        json!({ "kind": "User", "spec": {
            "organizationRef": { "name": "acme" }, "type": "Person", "email": "ada@acme.example", "secret": person,
        } }),
        json!({ "kind": "User", "spec": { "organizationRef": { "name": "acme" }, "type": "Machine" } }),
        json!({ "kind": "Token", "spec": { "userRef": { "name": "ci" }, "secret": token } }),
    ];
    for (manifest, name) in manifests.iter_mut().zip(["embedded", "acme", "ada", "ci", "ci"]) {
        manifest["metadata"] = json!({ "name": name });
        for path in ["/spec", "/spec/keyPair", "/spec/admin"] {
            if let Some(Value::Object(section)) = manifest.pointer_mut(path) {
                section.retain(|_, value| !value.is_null());
            }
        }
        cluster.apply_one(manifest).await;
    }
}

/// The same without any wishes, by an operator that looks at everything each second.
async fn started(prefix: &str) -> (Operator, Cluster) {
    let namespace = namespace(prefix);
    let operator = Operator::start(&[&namespace], &["--resync=1s"]).await;
    let cluster = Cluster::of(&namespace).await;
    apply(&cluster, SECRETS.map(|_| Value::Null)).await;
    operator.wait_all_ready(&cluster, 5).await;
    (operator, cluster)
}

/// What is not the operator's own of a map of labels or annotations.
fn others(map: &Value) -> Value {
    let mut map = map.as_object().cloned().unwrap_or_default();
    map.retain(|name, _| !name.starts_with("org-operator.dev/") && name != "app.kubernetes.io/managed-by");
    Value::Object(map)
}

fn encoded(text: &str) -> String {
    STANDARD.encode(text)
}

/// Waits until a Secret has those values; others of it do not matter.
async fn has(operator: &Operator, cluster: &Cluster, secret: &str, wanted: &BTreeMap<String, String>) {
    let same = eventually(format!("{secret} is as it was"), PATIENCE, async || {
        let found = cluster.secret(secret).await.unwrap_or_default();
        let missing: Vec<_> = wanted.iter().filter(|(key, value)| found.get(*key) != Some(value)).collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("{:?}", missing.iter().map(|(key, _)| key).collect::<Vec<_>>()))
        }
    });
    same.await.unwrap_or_else(|error| panic!("{error}\n{}", operator.log_tail()));
}

#[tokio::test]
async fn labels_annotations_and_templates_follow_the_manifest_and_the_credential_stays() {
    let namespace = namespace("wishes");
    let mut operator = Operator::start(&[&namespace], &["--resync=1s"]).await;
    let cluster = Cluster::of(&namespace).await;
    let mut first: BTreeMap<&str, (BTreeMap<String, String>, Value)> = BTreeMap::new();
    for (way, labels, annotations, added) in [
        (0, json!({ "team": "blue" }), json!({ "example.org/note": "one" }), Some("first")),
        (1, json!({ "team": "green", "tier": "gold" }), json!({}), Some("second")),
        (2, json!({}), json!({}), None),
    ] {
        apply(&cluster, SECRETS.map(|(.., template)| target(way, template))).await;
        operator.wait_all_ready(&cluster, 5).await;
        for (name, kind, resource, own, _) in SECRETS {
            let status = cluster.get(kind, resource).await.unwrap()["status"].clone();
            let secret = cluster.get("Secret", name).await.unwrap();
            let mut values = cluster.secret(name).await.unwrap();
            let id = secret["metadata"]["annotations"]["org-operator.dev/external-id"].clone();
            assert_eq!(id, status["externalID"], "{name}");
            let foreign = if way == 0 { json!({}) } else { json!({ "example.org/foreign": "theirs" }) };
            for (map, wanted) in [("labels", &labels), ("annotations", &annotations)] {
                let mut wanted = wanted.clone();
                wanted.as_object_mut().unwrap().extend(foreign.as_object().unwrap().clone());
                assert_eq!(others(&secret["metadata"][map]), wanted, "{name}, way {way}: {map}");
            }
            assert_eq!(values.remove("theirs").is_some(), way > 0, "{name}, way {way}");
            let rendered = added.map(|key| values.remove(key).unwrap_or_else(|| panic!("{name} has no {key}")));
            assert_eq!(values.keys().collect::<Vec<_>>(), own, "{name}, way {way}");
            assert_eq!(rendered, added.map(|_| expected(name, &values, &status)), "{name}, way {way}");
            let known = first.entry(name).or_insert_with(|| (values.clone(), id.clone()));
            assert!((values, id) == *known, "{name}, way {way}: another credential");
            // What others put on it is theirs.
            let foreign = json!({ "example.org/foreign": "theirs" });
            let theirs = json!({
                "metadata": { "labels": foreign, "annotations": foreign }, "stringData": { "theirs": "yes" },
            });
            cluster.patch("Secret", name, theirs).await;
        }
    }
    for (kind, name) in [("Token", "ci"), ("User", "ada"), ("Organization", "acme")] {
        for reason in ["Rotated", "SecretRestored", "Recreated"] {
            assert_eq!(cluster.event_count(reason, kind, name).await, 0, "{kind} {name}: {reason}");
        }
    }
    let mark = operator.mark(&namespace);
    tokio::time::sleep(SEVERAL_RESYNCS).await;
    assert_eq!(operator.writes_since(&namespace, mark).total(), 0, "{}", operator.log_tail());
    operator.stop().await;
    let contents = Contents::read(&operator).await;
    assert_eq!(contents.tokens(), [first["ci-token"].1.as_str().unwrap()]);
}

/// Nothing is made for a template that says nothing, and nothing is lost when one that works is broken.
#[tokio::test]
async fn a_template_that_is_wrong_is_named() {
    let (operator, cluster) = started("templates").await;
    let held = cluster.get("Secret", "ci-token").await.unwrap();
    let value = cluster.value("ci-token", "token").await;
    let wrong = [
        ("misspelt", "TOKEN={{ tokn }}"),
        ("elsewhere", "PASSWORD={{ password }}"),
        ("unclosed", "{{ token"),
        ("nothing", "{# not a word #}"),
        ("filter", "{{ token | rot13 }}"),
    ];
    for (key, template) in wrong {
        let good = "{{ token }}";
        let secret = json!({ "template": { "fine.env": good, key: template } });
        let spec = json!({ "userRef": { "name": "ci" }, "secret": secret });
        cluster.apply_one(&json!({ "kind": "Token", "metadata": { "name": key }, "spec": spec })).await;
        cluster.patch("Token", "ci", json!({ "spec": { "secret": secret } })).await;
        for name in [key, "ci"] {
            let stalled = operator.wait_reason(&cluster, "Token", name, "InvalidSpec").await;
            let message = condition(&stalled, "Stalled")["message"].as_str().unwrap().to_owned();
            assert!(message.contains(key) && message.contains("template"), "{message}");
            assert!(!message.contains("fine.env") && !message.contains(&value), "{message}");
        }
        let fresh = cluster.get("Token", key).await.unwrap();
        assert_eq!((&fresh["status"]["attempt"], &fresh["status"]["externalID"]), (&Value::Null, &Value::Null));
        assert!(cluster.secret(&format!("{key}-token")).await.is_none());
        assert_eq!(cluster.get("Secret", "ci-token").await.unwrap(), held, "{key}");
        let right = json!({ "spec": { "secret": { "template": { key: good } } } });
        cluster.patch("Token", key, right).await;
        operator.wait_ready(&cluster, "Token", key).await;
        assert_eq!(
            cluster.value(&format!("{key}-token"), key).await,
            cluster.value(&format!("{key}-token"), "token").await
        );
        cluster.patch("Token", "ci", json!({ "spec": { "secret": null } })).await;
        operator.wait_ready(&cluster, "Token", "ci").await;
    }
    assert_eq!(cluster.value("ci-token", "token").await, value);
    assert!(operator.is_active(&value).await);

    let secret = json!({ "template": { "pem": "{{ privateKey }}{{ passphras }}" } });
    cluster.patch("Organization", "acme", json!({ "spec": { "keyPair": { "secret": secret } } })).await;
    let stalled = operator.wait_reason(&cluster, "Organization", "acme", "InvalidSpec").await;
    let message = condition(&stalled, "Stalled")["message"].as_str().unwrap();
    assert!(message.contains("pem") && message.contains("passphras"), "{message}");
}

/// What follows from the manifest or from what is left needs nobody.
#[tokio::test]
async fn what_can_be_derived_again_is_put_back() {
    let (operator, cluster) = started("derived").await;
    for (secret, kind, resource, key) in [
        ("ada-credentials", "User", "ada", "username"),
        ("acme-admin", "Organization", "acme", "username"),
        ("acme-keypair", "Organization", "acme", "public.pem"),
    ] {
        let before = cluster.secret(secret).await.unwrap();
        for edit in [Value::Null, json!(encoded("edited"))] {
            cluster.patch("Secret", secret, json!({ "data": { key: edit } })).await;
            has(&operator, &cluster, secret, &before).await;
            operator.wait(&cluster, kind, resource, "stays Ready", is_ready).await;
        }
    }
    let password = cluster.value("ada-credentials", "password").await;
    assert!(operator.login("Acme Ltd", "ada", &password).await.is_some());
}

/// A value that only the Secret had is not replaced by another one behind anybody's back.
#[tokio::test]
async fn an_edited_key_pair_is_missed_until_it_is_restored() {
    let (operator, cluster) = started("edited").await;
    let made = cluster.get("Organization", "acme").await.unwrap();
    let before = cluster.get("Secret", "acme-keypair").await.unwrap();
    let restored = json!({
        "kind": "Secret", "type": before["type"], "data": before["data"],
        "metadata": {
            "name": "acme-keypair", "labels": before["metadata"]["labels"],
            "annotations": before["metadata"]["annotations"],
        },
    });
    let spoilt = encoded("this is no key");
    for key in ["private.pem", "passphrase", ""] {
        if key.is_empty() {
            cluster.delete("Secret", "acme-keypair").await;
        } else {
            cluster.patch("Secret", "acme-keypair", json!({ "data": { key: spoilt } })).await;
        }
        let stalled = operator.wait_reason(&cluster, "Organization", "acme", "ValueUnavailable").await;
        let message = condition(&stalled, "Stalled")["message"].as_str().unwrap().to_owned();
        let parts = ["acme-keypair", "restore that Secret", "import"];
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        tokio::time::sleep(SEVERAL_RESYNCS).await;
        let left = cluster.get("Secret", "acme-keypair").await.map(|secret| secret["data"][key].clone());
        assert_eq!(left, (!key.is_empty()).then(|| json!(spoilt)), "somebody else's edit is not ours to undo");
        cluster.apply_one(&restored).await;
        let healed = operator.wait_ready(&cluster, "Organization", "acme").await;
        for field in ["externalID", "keyPair"] {
            assert_eq!(healed["status"][field], made["status"][field], "{key}");
        }
    }
    assert_eq!(cluster.get("Secret", "acme-keypair").await.unwrap()["data"], before["data"]);
}

/// A person's password changes when somebody asks for it, once, and at no other time.
#[tokio::test]
async fn a_password_is_reset_on_request_alone() {
    let (mut operator, cluster) = started("reset").await;
    let first = cluster.value("ada-credentials", "password").await;
    let spoilt = json!({ "data": { "password": encoded("edited") } });
    cluster.patch("Secret", "ada-credentials", spoilt).await;
    let stalled = operator.wait_reason(&cluster, "User", "ada", "ValueUnavailable").await;
    assert!(condition(&stalled, "Stalled")["message"].as_str().unwrap().contains(ROTATE), "{stalled:#}");
    assert!(operator.login("Acme Ltd", "ada", &first).await.is_some(), "nothing is reset by itself");

    let mut known = vec![first];
    for request in ["one", "two"] {
        cluster.annotate("User", "ada", ROTATE, json!(request)).await;
        let answered = |user: &Value| is_ready(user) && user["status"]["lastHandledRotateAt"] == request;
        operator.wait(&cluster, "User", "ada", "has another password", answered).await;
        let values = cluster.secret("ada-credentials").await.unwrap();
        assert_eq!(values.keys().collect::<Vec<_>>(), ["password", "username"]);
        let password = &values["password"];
        assert!(operator.login("Acme Ltd", "ada", password).await.is_some(), "{request}");
        for before in &known {
            assert!(operator.login("Acme Ltd", "ada", before).await.is_none(), "{request}: one before still works");
        }
        known.push(password.clone());
    }
    let mark = operator.mark(cluster.namespace());
    cluster.annotate("User", "ada", ROTATE, json!("two")).await;
    tokio::time::sleep(SEVERAL_RESYNCS).await;
    operator.restart().await;
    tokio::time::sleep(SEVERAL_RESYNCS).await;
    assert_eq!(operator.writes_since(cluster.namespace(), mark).total(), 0, "{}", operator.log_tail());
    assert_eq!(known.last(), Some(&cluster.value("ada-credentials", "password").await));
}
