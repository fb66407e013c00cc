//! What cannot be done as it is written, or not yet: the reason, the sentence, one write of the status and no more, and
//! the way out.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::support::{Cluster, Operator, condition, namespace};

const PLATFORM: &str = "{kind: Platform, metadata: {name: embedded}, spec: {embedded: {}}}";

/// How long the writes of an object that waits are counted. Everything is looked at again each second.
const WATCHED: Duration = Duration::from_secs(4);

/// A namespace with an embedded Platform that is Ready, and an operator for it.
async fn ready(extra: &[&str]) -> (Operator, Cluster) {
    let namespace = namespace("refused");
    let operator = Operator::start(&[&namespace], extra).await;
    let cluster = Cluster::of(&namespace).await;
    cluster.apply(PLATFORM).await;
    operator.wait_ready(&cluster, "Platform", "embedded").await;
    (operator, cluster)
}

/// Waits until the object says that, and that it is `Stalled` or `Reconciling`, with a message that has these parts.
async fn says(
    operator: &Operator,
    cluster: &Cluster,
    (kind, name): (&str, &str),
    reason: &str,
    weight: &str,
    parts: &[&str],
) {
    let object = operator.wait_reason(cluster, kind, name, reason).await;
    let ready = condition(&object, "Ready");
    assert_eq!(
        (&ready["status"], &condition(&object, weight)["status"]),
        (&json!("False"), &json!("True")),
        "{object:#}"
    );
    let other = if weight == "Stalled" { "Reconciling" } else { "Stalled" };
    assert!(condition(&object, other).is_null(), "{object:#}");
    let message = ready["message"].as_str().unwrap();
    for part in parts {
        assert!(message.contains(part), "{kind} {name}: {message}\ndoes not say: {part}");
    }
}

/// What is referred to and not there is named, and its arrival is enough: nothing is looked at again by itself for ten
/// minutes here.
#[tokio::test]
async fn what_is_not_there_yet_is_waited_for_by_watch() {
    let namespace = namespace("refused");
    let operator = Operator::start(&[&namespace], &[]).await;
    let cluster = Cluster::of(&namespace).await;
    cluster
        .apply(
            "{kind: Token, metadata: {name: later}, spec: {userRef: {name: robot}}}
---
{kind: User, metadata: {name: robot}, spec: {organizationRef: {name: acme}, type: Machine}}
---
{kind: Organization, metadata: {name: acme}, spec: {platformRef: {name: embedded}}}
---
{kind: Organization, metadata: {name: nowhere}, spec: {}}",
        )
        .await;
    let wait = "DependencyNotReady";
    says(&operator, &cluster, ("Token", "later"), wait, "Reconciling", &["the User robot"]).await;
    says(&operator, &cluster, ("User", "robot"), wait, "Reconciling", &["the Organization acme"]).await;
    says(&operator, &cluster, ("Organization", "acme"), wait, "Reconciling", &["the Platform embedded is not there"])
        .await;
    says(&operator, &cluster, ("Organization", "nowhere"), "InvalidSpec", "Stalled", &["platformRef", "default"]).await;
    let mark = operator.mark(&namespace);
    tokio::time::sleep(WATCHED).await;
    assert_eq!(operator.writes_since(&namespace, mark).total(), 0);

    let began = Instant::now();
    cluster.apply(PLATFORM).await;
    for (kind, name) in [("Organization", "acme"), ("User", "robot"), ("Token", "later")] {
        operator.wait_ready(&cluster, kind, name).await;
    }
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
}

/// Platforms that this version does not speak to.
#[tokio::test]
async fn a_platform_without_its_secret_or_an_answer_says_so() {
    let (operator, cluster) = ready(&["--resync=1s"]).await;
    cluster
        .apply(
            "{kind: Platform, metadata: {name: tyk}, spec: {tyk: {url: 'https://tyk.example', adminSecretRef: {name: t, key: k}}}}
---
{kind: Platform, metadata: {name: rockfish}, spec: {rockfish: {adminURL: 'https://rockfish.example'}}}
---
{kind: Platform, metadata: {name: rockit}, spec: {rockit: {url: 'https://rockit.example', adminTokenSecretRef: {name: t, key: k}}}}
---
{kind: Organization, metadata: {name: good}, spec: {platformRef: {name: embedded}}}",
        )
        .await;
    let mut quiet = Vec::new();
    for (platform, reason, part, waits_with) in [
        ("tyk", "SecretNotFound", "the Secret t is not there", "DependencyNotReady"),
        ("rockfish", "PlatformUnavailable", "no connection", "PlatformUnavailable"),
        ("rockit", "SecretNotFound", "the Secret t is not there", "DependencyNotReady"),
    ] {
        says(&operator, &cluster, ("Platform", platform), reason, "Reconciling", &[part]).await;
        let manifest = format!(
            "{{kind: Organization, metadata: {{name: on-{platform}}}, spec: {{platformRef: {{name: {platform}}}}}}}"
        );
        cluster.apply(&manifest).await;
        let named = format!("the Platform {platform} is not Ready: {reason}");
        let parts = [if waits_with == reason { part } else { &named }];
        says(&operator, &cluster, ("Organization", &format!("on-{platform}")), waits_with, "Reconciling", &parts).await;
        quiet.extend([format!("platforms/{platform}"), format!("organizations/on-{platform}")]);
    }
    operator.wait_ready(&cluster, "Organization", "good").await;
    cluster
        .apply("{kind: Organization, metadata: {name: misplaced}, spec: {platformRef: {name: embedded}, tyk: {}}}")
        .await;
    says(
        &operator,
        &cluster,
        ("Organization", "misplaced"),
        "InvalidSpec",
        "Stalled",
        &["tyk", "leave this section out"],
    )
    .await;
    quiet.push("organizations/misplaced".to_owned());
    operator.written_once(&cluster, WATCHED, &quiet.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

/// What only the platform can judge.
#[tokio::test]
async fn what_the_platform_refuses() {
    let (operator, cluster) = ready(&["--resync=1s"]).await;
    cluster.apply("{kind: Organization, metadata: {name: acme}, spec: {platformRef: {name: embedded}}}").await;
    operator.wait_ready(&cluster, "Organization", "acme").await;
    cluster
        .apply("{kind: User, metadata: {name: king}, spec: {organizationRef: {name: acme}, type: Machine, roles: [Kings]}}")
        .await;
    says(&operator, &cluster, ("User", "king"), "InvalidSpec", "Stalled", &["Kings"]).await;
    tokio::time::sleep(WATCHED).await;
    // The finalizer comes before the call that is refused; the call is made again each second, and nothing is written.
    assert_eq!(operator.writes(cluster.namespace()).of("users/king"), ["finalizer", "status"]);

    cluster.patch("User", "king", json!({ "spec": { "roles": ["Administrators"] } })).await;
    operator.wait_ready(&cluster, "User", "king").await;
}

/// Somebody else's Secret is not touched, and what has to go into one of that name is not made.
#[tokio::test]
async fn a_secret_that_is_not_ours() {
    let (operator, cluster) = ready(&["--resync=1s"]).await;
    cluster.make_secret("acme-admin", &[("password", "theirs"), ("other", "thing")]).await;
    cluster.make_secret("robot-token", &[("token", "theirs")]).await;
    let before = (cluster.get("Secret", "acme-admin").await, cluster.get("Secret", "robot-token").await);
    cluster
        .apply(
            "{kind: Organization, metadata: {name: acme}, spec: {platformRef: {name: embedded}, admin: {username: boss, email: b@acme.example}}}
---
{kind: Organization, metadata: {name: other}, spec: {platformRef: {name: embedded}}}
---
{kind: User, metadata: {name: robot}, spec: {organizationRef: {name: other}, type: Machine}}",
        )
        .await;
    operator.wait_ready(&cluster, "User", "robot").await;
    cluster.apply("{kind: Token, metadata: {name: robot}, spec: {userRef: {name: robot}}}").await;
    says(&operator, &cluster, ("Organization", "acme"), "SecretConflict", "Stalled", &["acme-admin"]).await;
    says(&operator, &cluster, ("Token", "robot"), "SecretConflict", "Stalled", &["robot-token"]).await;
    operator.written_once(&cluster, WATCHED, &["organizations/acme", "tokens/robot"]).await;
    let after = (cluster.get("Secret", "acme-admin").await, cluster.get("Secret", "robot-token").await);
    assert_eq!(after, before);

    cluster.delete("Secret", "acme-admin").await;
    cluster.delete("Secret", "robot-token").await;
    operator.wait_ready(&cluster, "Organization", "acme").await;
    operator.wait_ready(&cluster, "Token", "robot").await;
    let password = cluster.value("acme-admin", "password").await;
    assert!(operator.login("acme", "boss", &password).await.is_some());
    assert!(operator.is_active(&cluster.value("robot-token", "token").await).await);
}

fn openssl(arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).output().expect("install openssl: apt-get install openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A key pair of the user's own: taken if it is good, else the condition says what is wrong with it.
#[tokio::test]
async fn imported_key_pairs() {
    let (operator, cluster) = ready(&["--resync=1s"]).await;
    let good = openssl(&["genrsa", "-aes128", "-traditional", "-passout", "pass:right", "2048"]);
    let values = [
        ("good", good.as_str()),
        ("right", "right"),
        ("wrong", "not it"),
        ("weak", &openssl(&["genrsa", "1024"])),
        ("curve", &openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])),
        ("noise", "this is no key"),
    ];
    cluster.make_secret("keys", &values).await;
    let organization = |name: &str, secret: &str, key: &str, passphrase: Option<&str>| {
        let mut import = json!({ "privateKeySecretRef": { "name": secret, "key": key } });
        if let Some(key) = passphrase {
            import["passphraseSecretRef"] = json!({ "name": "keys", "key": key });
        }
        json!({
            "kind": "Organization", "metadata": { "name": name },
            "spec": { "platformRef": { "name": "embedded" }, "keyPair": { "import": import } },
        })
    };
    let refused = [
        (organization("other-passphrase", "keys", "good", Some("wrong")), "InvalidKeyPair", "passphrase"),
        (organization("no-passphrase", "keys", "good", None), "InvalidKeyPair", "passphrase"),
        (organization("short", "keys", "weak", None), "InvalidKeyPair", "1024"),
        (organization("curve", "keys", "curve", None), "InvalidKeyPair", "RSA"),
        (organization("noise", "keys", "noise", None), "InvalidKeyPair", "key noise of the Secret keys"),
        (organization("no-key", "keys", "absent", None), "SecretNotFound", "the key absent"),
        (organization("no-secret", "later", "key", Some("right")), "SecretNotFound", "the Secret later"),
    ];
    for (manifest, ..) in &refused {
        cluster.apply_one(manifest).await;
    }
    cluster.apply_one(&organization("good", "keys", "good", Some("right"))).await;
    for (manifest, reason, part) in &refused {
        let weight = if *reason == "SecretNotFound" { "Reconciling" } else { "Stalled" };
        let name = manifest["metadata"]["name"].as_str().unwrap();
        says(&operator, &cluster, ("Organization", name), reason, weight, &[part]).await;
    }
    let ready = operator.wait_ready(&cluster, "Organization", "good").await;
    let pair = &ready["status"]["keyPair"];
    assert!(pair["fingerprint"].as_str().unwrap().starts_with("SHA256:"), "{pair}");
    assert_eq!(pair["secretName"], "keys");
    assert!(cluster.secret("good-keypair").await.is_none(), "an imported key pair stays in its own Secret");
    let names: Vec<String> = refused
        .iter()
        .map(|(manifest, ..)| format!("organizations/{}", manifest["metadata"]["name"].as_str().unwrap()))
        .collect();
    operator.written_once(&cluster, WATCHED, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;

    // Nobody tells the operator: it looks every ten seconds.
    cluster.make_secret("later", &[("key", &good)]).await;
    operator.wait_ready(&cluster, "Organization", "no-secret").await;
}
