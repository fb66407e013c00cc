//! What comes to an end by somebody else's hand or by time alone: a Platform that is another one now, a grant that is
//! withdrawn, a token that is not renewed.

use std::fs;

use org_operator::domain::fault::FaultKind;
use serde_json::{Value, json};

use super::support::{
    Cluster, Contents, Inside, Operator, Options, PATIENCE, condition, eventually, is_ready, namespace,
};

const PLATFORM: &str = "{kind: Platform, metadata: {name: embedded}, spec: {embedded: {}}}";

/// Another data directory is another platform, in which nothing that was made in the first is looked for or made again.
#[tokio::test]
async fn a_platform_that_is_another_one_now_gets_nothing() {
    let namespace = namespace("changed");
    let mut operator = Operator::start(&[&namespace], &[]).await;
    let cluster = Cluster::of(&namespace).await;
    cluster.apply(PLATFORM).await;
    cluster.apply("{kind: Organization, metadata: {name: acme}, spec: {platformRef: {name: embedded}}}").await;
    let made = operator.wait_ready(&cluster, "Organization", "acme").await;
    operator.stop().await;
    let elsewhere = operator.data_dir().with_extension("elsewhere");
    fs::rename(operator.data_dir(), &elsewhere).unwrap();
    operator.run().await;

    let held = operator.wait_reason(&cluster, "Organization", "acme", "PlatformChanged").await;
    assert_eq!(condition(&held, "Stalled")["reason"], "PlatformChanged", "{held:#}");
    assert_eq!(held["status"]["externalID"], made["status"]["externalID"]);
    operator.stop().await;
    assert_eq!(Contents::read(&operator).await.organizations, [], "nothing was made again");

    fs::remove_dir_all(operator.data_dir()).unwrap();
    fs::rename(&elsewhere, operator.data_dir()).unwrap();
    operator.run().await;
    let back = operator.wait_ready(&cluster, "Organization", "acme").await;
    assert_eq!(back["status"]["externalID"], made["status"]["externalID"]);
}

/// A namespace that may not use the Platform any more gets no new token, and what was rotated out is revoked all the same.
#[tokio::test]
async fn a_withdrawn_grant_still_lets_credentials_be_revoked() {
    let (first, second) = (namespace("granted"), namespace("granted"));
    let operator = Operator::start(&[&first, &second], &["--resync=1s"]).await;
    let (owner, tenant) = (Cluster::of(&first).await, Cluster::of(&second).await);
    owner
        .apply("{kind: Platform, metadata: {name: embedded}, spec: {embedded: {}, allowedNamespaces: {from: All}}}")
        .await;
    let reference = json!({ "name": "embedded", "namespace": first });
    let organization = json!({ "platformRef": reference });
    tenant.apply_one(&json!({ "kind": "Organization", "metadata": { "name": "acme" }, "spec": organization })).await;
    tenant
        .apply(
            "{kind: User, metadata: {name: ci}, spec: {organizationRef: {name: acme}, type: Machine}}
---
{kind: Token, metadata: {name: ci}, spec: {userRef: {name: ci}, rotation: {every: 1h, overlap: 15s}}}",
        )
        .await;
    operator.wait_all_ready(&tenant, 3).await;
    let old = tenant.value("ci-token", "token").await;
    let request = json!({ "metadata": { "annotations": { "org-operator.dev/rotate-requested-at": "now" } } });
    tenant.patch("Token", "ci", request).await;
    let rotated = operator
        .wait(&tenant, "Token", "ci", "is rotated", |object| object["status"]["previous"]["externalID"].is_string())
        .await;
    let new = tenant.value("ci-token", "token").await;
    assert!(operator.is_active(&old).await && operator.is_active(&new).await, "within the overlap");

    owner.patch("Platform", "embedded", json!({ "spec": { "allowedNamespaces": { "from": "Same" } } })).await;
    operator.wait_reason(&tenant, "Token", "ci", "NamespaceNotAllowed").await;
    let request = json!({ "metadata": { "annotations": { "org-operator.dev/rotate-requested-at": "again" } } });
    tenant.patch("Token", "ci", request).await;
    let revoked = eventually("the one before is revoked", PATIENCE, async || {
        if operator.is_active(&old).await { Err("it is active") } else { Ok(()) }
    });
    revoked.await.unwrap();
    assert!(operator.is_active(&new).await, "the current one is not touched");
    let held = operator.wait_reason(&tenant, "Token", "ci", "NamespaceNotAllowed").await;
    assert_eq!(held["status"]["externalID"], rotated["status"]["externalID"], "none was minted");

    tenant.delete("Token", "ci").await;
    operator.wait_gone(&tenant, "Token", "ci").await;
    assert!(!operator.is_active(&new).await);
}

/// An organisation that was let go may be another namespace's by now: who had it makes nothing in it any more, and may only
/// end what is its own there.
#[tokio::test]
async fn a_former_owner_makes_nothing_in_an_organisation_any_more() {
    let namespace = namespace("former");
    let mut operator = Operator::start(&[&namespace], &["--resync=1s"]).await;
    let cluster = Cluster::of(&namespace).await;
    cluster.apply(PLATFORM).await;
    cluster.apply("{kind: Organization, metadata: {name: acme}, spec: {platformRef: {name: embedded}}}").await;
    cluster
        .apply(
            "{kind: User, metadata: {name: ci}, spec: {organizationRef: {name: acme}, type: Machine}}
---
{kind: Token, metadata: {name: ci}, spec: {userRef: {name: ci}}}",
        )
        .await;
    operator.wait_all_ready(&cluster, 4).await;
    let made = cluster.get("Token", "ci").await.unwrap();
    let value = cluster.value("ci-token", "token").await;
    cluster.delete("Organization", "acme").await;
    operator.wait_gone(&cluster, "Organization", "acme").await;

    cluster.patch("User", "ci", json!({ "spec": { "roles": ["Administrators"] } })).await;
    cluster.annotate("Token", "ci", "org-operator.dev/rotate-requested-at", json!("now")).await;
    for kind in ["User", "Token"] {
        let held = operator.wait_reason(&cluster, kind, "ci", "DependencyNotReady").await;
        let message = condition(&held, "Ready")["message"].as_str().unwrap().to_owned();
        assert!(message.contains("the Organization acme"), "{message}");
    }
    let held = cluster.get("Token", "ci").await.unwrap();
    assert_eq!(held["status"]["externalID"], made["status"]["externalID"], "none was minted");
    assert!(operator.is_active(&value).await, "what it has is not taken away");

    cluster.delete("Token", "ci").await;
    operator.wait_gone(&cluster, "Token", "ci").await;
    assert!(!operator.is_active(&value).await);
    operator.stop().await;
    assert_eq!(Contents::read(&operator).await.organization("acme").user("ci").roles, ["Users"]);
}

/// An outage flips nothing that is settled; but what has ended is not Ready, and that it will end is said before.
#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_said_to_expire_and_then_to_have_expired() {
    let inside = Inside::with(Options::fast(60)).await;
    inside.organization("acme", json!({})).await;
    inside
        .cluster
        .apply(
            "{kind: User, metadata: {name: ci}, spec: {organizationRef: {name: acme}, type: Machine}}
---
{kind: Token, metadata: {name: ci}, spec: {userRef: {name: ci}, lifetime: 20m}}",
        )
        .await;
    let made = inside.wait("Token", "ci", "is Ready", is_ready).await;
    inside.platform.set(Some(FaultKind::Unavailable(None)));

    let is_expiring = |object: &Value| condition(object, "Expiring")["status"] == "True";
    let expiring = inside.wait("Token", "ci", "says Expiring", is_expiring).await;
    assert_eq!(condition(&expiring, "Expiring")["reason"], "RenewalFailed");
    assert!(is_ready(&expiring), "it works still: {expiring:#}");
    let expired = inside.reason("Token", "ci", "Expired").await;
    assert_eq!(condition(&expired, "Reconciling")["reason"], "Expired", "{expired:#}");
    let events = inside.cluster.events().await;
    let warned =
        |reason: &str| events.iter().filter(|(type_, found, ..)| type_ == "Warning" && found == reason).count();
    assert_eq!((warned("RenewalFailed"), warned("Expired")), (1, 1), "{events:?}");

    inside.platform.set(None);
    inside.cluster.annotate("Token", "ci", "org-operator.dev/reconcile-requested-at", json!("now")).await;
    let renewed = inside.wait("Token", "ci", "is Ready again", is_ready).await;
    assert_ne!(renewed["status"]["externalID"], made["status"]["externalID"]);
    assert!(condition(&renewed, "Expiring").is_null(), "{renewed:#}");
}
