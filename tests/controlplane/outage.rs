//! Platforms that fail, and calls that take long. The operator runs inside the test here, on a platform with a switch.

use std::time::Duration;

use org_operator::domain::capability::Capability;
use org_operator::domain::fault::FaultKind;
use serde_json::{Value, json};

use super::support::{Inside, Options, PATIENCE, condition, eventually};

/// Long enough for everything at rest to be looked at several times.
const SEVERAL_RESYNCS: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_flips_nothing_that_is_settled() {
    let inside = Inside::start().await;
    inside.organization("settled", json!({ "admin": { "username": "boss", "email": "b@acme.example" } })).await;
    inside
        .cluster
        .apply("{kind: User, metadata: {name: robot}, spec: {organizationRef: {name: settled}, type: Machine}}")
        .await;
    inside.cluster.apply("{kind: Token, metadata: {name: robot}, spec: {userRef: {name: robot}}}").await;
    let settled = [("Organization", "settled"), ("User", "robot"), ("Token", "robot")];
    for (kind, name) in settled {
        inside.reason(kind, name, "Succeeded").await;
    }
    // The first membership made the default project, which the next look finds.
    tokio::time::sleep(SEVERAL_RESYNCS).await;

    for (number, (fault, reason)) in [
        (FaultKind::Unavailable(None), "PlatformUnavailable"),
        (FaultKind::TimedOut, "TimedOut"),
        (FaultKind::Forbidden, "CredentialRejected"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut before = Vec::new();
        for (kind, name) in settled {
            before.push(inside.version(kind, name).await);
        }
        inside.platform.set(Some(fault));
        inside.reason("Platform", "embedded", reason).await;
        let new = format!("new-{number}");
        inside.organization(&new, json!({})).await;
        let waiting = inside.reason("Organization", &new, reason).await;
        assert_eq!(condition(&waiting, "Reconciling")["status"], "True", "{waiting:#}");
        tokio::time::sleep(SEVERAL_RESYNCS).await;
        for ((kind, name), version) in settled.into_iter().zip(before) {
            let object = inside.cluster.get(kind, name).await.unwrap();
            assert_eq!(object["metadata"]["resourceVersion"], version, "{fault:?}: written\n{object:#}");
            assert_eq!(condition(&object, "Ready")["status"], "True");
        }
        inside.platform.set(None);
        inside.reason("Platform", "embedded", "Succeeded").await;
        inside.reason("Organization", &new, "Succeeded").await;
    }
}

/// The deadline gives a condition; the call goes on, the next pass waits for that one, and nothing is made twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_hangs_is_joined_and_not_repeated() {
    let inside = Inside::start().await;
    let closed = inside.platform.gate.write().await;
    inside.organization("slow", json!({})).await;
    let waiting = says(&inside, "slow", &["1 s", "creating on the platform"]).await;
    assert_eq!(condition(&waiting, "Reconciling")["status"], "True");
    let version = &waiting["metadata"]["resourceVersion"];
    tokio::time::sleep(SEVERAL_RESYNCS).await;
    assert_eq!(inside.creations(), 1, "the call was repeated");
    assert_eq!(inside.version("Organization", "slow").await, *version, "it says so once");
    drop(closed);
    let ready = inside.reason("Organization", "slow", "Succeeded").await;
    assert_eq!(inside.creations(), 1);
    let found = inside.directory.organizations_by_name("slow").await.unwrap();
    let ids: Vec<&str> = found.iter().map(|organization| organization.id.as_str()).collect();
    assert_eq!(ids, [ready["status"]["externalID"].as_str().unwrap()]);
}

/// Waits until an Organization says what takes so long; on a busy machine that may be an earlier step at first.
async fn says(inside: &Inside, name: &str, words: &[&str]) -> Value {
    let said = |object: &Value| {
        let ready = condition(object, "Ready");
        let message = ready["message"].as_str().unwrap_or_default();
        ready["reason"] == "Progressing" && words.iter().all(|word| message.contains(word))
    };
    inside.wait("Organization", name, "says what takes so long", said).await
}

/// A key pair that takes longer than the deadline: its turn comes, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_key_pair_is_waited_for() {
    let inside = Inside::start().await;
    let closed = inside.keys.write().await;
    inside.organization("keyed", json!({ "keyPair": {} })).await;
    let waiting = says(&inside, "keyed", &["generating the key pair"]).await;
    tokio::time::sleep(SEVERAL_RESYNCS).await;
    assert_eq!(
        inside.version("Organization", "keyed").await,
        waiting["metadata"]["resourceVersion"],
        "it says so once"
    );
    assert_eq!(inside.creations(), 0, "the Secret comes first");
    drop(closed);
    let ready = inside.reason("Organization", "keyed", "Succeeded").await;
    assert_eq!(inside.creations(), 1);
    let public = inside.cluster.value("keyed-keypair", "public.pem").await;
    assert_eq!(ready["status"]["keyPair"]["publicKey"], public.as_str());
}

/// What only the platform knows about names; nothing is called for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_the_platform_does_not_take() {
    let inside = Inside::start().await;
    inside.organization("named", json!({ "externalName": "forbidden" })).await;
    let stalled = inside.reason("Organization", "named", "InvalidSpec").await;
    let message = condition(&stalled, "Stalled")["message"].as_str().unwrap();
    assert_eq!(message, "externalName: choose a name that is not forbidden");
    tokio::time::sleep(SEVERAL_RESYNCS).await;
    assert_eq!(inside.version("Organization", "named").await, stalled["metadata"]["resourceVersion"]);
    assert_eq!(inside.creations(), 0);
}

/// Where no mark tells what came of a creation, this process knows: whatever keeps its report from being written (a
/// manifest that changes meanwhile, a deadline), nobody is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_could_not_be_reported_is_not_forgotten() {
    let without = &[Capability::OwnerMark];
    let options = Options { deadline: Duration::from_secs(2), without, ..Options::default() };
    let inside = Inside::with(options).await;
    // Held within the deadline and beyond it.
    for (name, held) in [("changed", Duration::from_millis(700)), ("overdue", Duration::from_secs(4))] {
        let closed = inside.platform.gate.write().await;
        let creations = inside.creations();
        inside.organization(name, json!({})).await;
        eventually("the creation is begun", PATIENCE, async || {
            if inside.creations() > creations { Ok(()) } else { Err("not yet") }
        })
        .await
        .unwrap();
        inside.cluster.annotate("Organization", name, "example.org/changed", json!("meanwhile")).await;
        tokio::time::sleep(held).await;
        drop(closed);
        inside.reason("Organization", name, "Succeeded").await;
        assert_eq!(inside.directory.organizations_by_name(name).await.unwrap().len(), 1, "{name}");
    }
}

/// Whoever applies manifests again while an organisation goes makes users that nothing was begun for: they wait for the next
/// organisation of that name, and do not hold the one that goes.
#[tokio::test]
async fn what_waits_for_the_next_organisation_does_not_hold_the_one_that_goes() {
    let inside = Inside::start().await;
    inside.organization("acme", json!({ "deletionPolicy": "Delete" })).await;
    inside.reason("Organization", "acme", "Succeeded").await;
    inside.platform.set(Some(FaultKind::Unavailable(None)));
    inside.cluster.delete("Organization", "acme").await;
    inside.reason("Organization", "acme", "PlatformUnavailable").await;
    inside
        .cluster
        .apply("{kind: User, metadata: {name: ci}, spec: {organizationRef: {name: acme}, type: Machine}}")
        .await;
    inside.reason("User", "ci", "DependencyNotReady").await;
    inside.platform.set(None);
    eventually("the organisation is gone", PATIENCE, async || {
        if inside.cluster.get("Organization", "acme").await.is_none() { Ok(()) } else { Err("it is there") }
    })
    .await
    .unwrap();
    assert_eq!(inside.directory.organizations_by_name("acme").await.unwrap().len(), 0);
}
