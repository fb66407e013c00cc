//! The life of a token: renewed by time, on request and when its Secret is lost, and at no moment without one that works.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use jiff::Timestamp;
use kube::runtime::{WatchStreamExt as _, watcher};
use org_operator::domain::entity::OfUser;
use org_operator::embedded::Directory;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::support::{
    Cluster, Contents, Inside, Operator, Options, PATIENCE, Refusal, Writes, condition, eventually, is_ready, namespace,
};

const ROTATE: &str = "org-operator.dev/rotate-requested-at";

const MACHINE: &str = "
kind: Platform
metadata: {name: embedded}
spec: {embedded: {}}
---
kind: Organization
metadata: {name: acme}
spec: {platformRef: {name: embedded}}
---
kind: User
metadata: {name: ci}
spec: {organizationRef: {name: acme}, type: Machine}
";

/// How much faster than real time the fast clock of the ten rotations runs: one takes four seconds.
const SPEED: u32 = 150;
const OVERLAP: Duration = Duration::from_mins(5);
const ROTATIONS: usize = 10;
/// A consumer that had to wait longer than that for the API server would prove nothing.
const LONGEST: Duration = Duration::from_mins(3);
/// Several looks at everything, at one each second.
const SEVERAL_RESYNCS: Duration = Duration::from_secs(3);

/// An operator that looks at everything each second, and a Token of a machine that is Ready.
async fn started(prefix: &str, spec: &Value) -> (Operator, Cluster) {
    let namespace = namespace(prefix);
    let operator = Operator::start(&[&namespace], &["--resync=1s"]).await;
    let cluster = Cluster::of(&namespace).await;
    cluster.apply(MACHINE).await;
    token(&cluster, spec, &json!({})).await;
    operator.wait_all_ready(&cluster, 4).await;
    (operator, cluster)
}

async fn token(cluster: &Cluster, spec: &Value, annotations: &Value) {
    let mut spec = spec.clone();
    spec["userRef"] = json!({ "name": "ci" });
    let metadata = json!({ "name": "ci", "annotations": annotations });
    cluster.apply_one(&json!({ "kind": "Token", "metadata": metadata, "spec": spec })).await;
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn time(value: &Value) -> Timestamp {
    text(value).parse().unwrap()
}

fn id(token: &Value) -> String {
    text(&token["status"]["externalID"])
}

/// Waits until the Token is Ready with another token than that.
async fn renewed(operator: &Operator, cluster: &Cluster, old: &str) -> Value {
    let new = |token: &Value| is_ready(token) && token["status"]["externalID"] != old;
    let token = operator.wait(cluster, "Token", "ci", "has a new token", new).await;
    let secret = cluster.get("Secret", "ci-token").await.unwrap();
    assert_eq!(secret["metadata"]["annotations"]["org-operator.dev/external-id"], token["status"]["externalID"]);
    assert!(operator.is_active(&cluster.value("ci-token", "token").await).await, "{token:#}");
    token
}

/// Every version of a Token that the API server shows, from now on.
struct Versions(Arc<Mutex<Vec<Value>>>, tokio::task::JoinHandle<()>);

impl Versions {
    fn of(cluster: &Cluster) -> Self {
        let all = Arc::new(Mutex::new(Vec::new()));
        let seen = all.clone();
        let watch = watcher(cluster.api("Token"), watcher::Config::default()).applied_objects();
        let watching = watch.for_each(move |token| {
            seen.lock().unwrap().push(serde_json::to_value(token.unwrap()).unwrap());
            futures::future::ready(())
        });
        Self(all, tokio::spawn(watching))
    }

    /// The ids of the tokens, in their order.
    fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.0.lock().unwrap().iter().map(id).collect();
        ids.dedup();
        ids
    }
}

impl Drop for Versions {
    fn drop(&mut self) {
        self.1.abort();
    }
}

/// The ids of the machine's live tokens.
async fn live(inside: &Inside, of: &OfUser) -> Vec<String> {
    let tokens = inside.directory.tokens(of, inside.clock.now()).await.unwrap();
    tokens.into_iter().map(|token| token.id).collect()
}

async fn authenticates(inside: &Inside, value: &str, now: Timestamp) -> bool {
    inside.directory.authenticate(&SecretString::from(value), now).await.unwrap().is_some()
}

/// The Token on a fast clock, Ready, and whose it is on the platform.
async fn fast(speed: u32, spec: &Value) -> (Inside, Value, OfUser) {
    let inside = Inside::with(Options::fast(speed)).await;
    inside.cluster.apply(MACHINE).await;
    token(&inside.cluster, spec, &json!({})).await;
    let token = inside.wait("Token", "ci", "becomes Ready", is_ready).await;
    let status = &token["status"];
    let of = OfUser { organization_id: text(&status["organizationID"]), user_id: text(&status["userID"]) };
    (inside, token, of)
}

/// Whoever reads the Secret anew before half an overlap has passed never holds a token that does not work.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_rotations_and_no_login_fails() {
    let (inside, _, of) = fast(SPEED, &json!({ "rotation": { "every": "10m", "overlap": "5m" } })).await;
    let versions = Versions::of(&inside.cluster);
    let (mut attempts, mut failures, mut reads, mut most) = (0, 0, 0, 0);
    let mut held: Option<(Timestamp, String)> = None;
    let until = Instant::now() + LONGEST;
    while versions.ids().len() <= ROTATIONS {
        assert!(Instant::now() < until, "{attempts} logins, rotations: {:?}", versions.ids());
        let now = inside.clock.now();
        let fresh = held.as_ref().filter(|(read, _)| now.duration_since(*read).unsigned_abs() < OVERLAP / 2);
        if let Some((_, value)) = fresh {
            failures += usize::from(!authenticates(&inside, value, now).await);
            attempts += 1;
            most = most.max(live(&inside, &of).await.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        } else {
            held = Some((now, inside.cluster.value("ci-token", "token").await));
            reads += 1;
        }
    }
    println!("{attempts} logins over {ROTATIONS} rotations, {reads} reads of the Secret");
    assert!(attempts > 200 && failures == 0, "{failures} of {attempts} failed");
    assert_eq!(most, 2, "the current one and the one before it");

    for token in versions.0.lock().unwrap().iter() {
        assert_eq!(condition(token, "Ready")["status"], "True", "{token:#}");
        for type_ in ["Stalled", "Expiring", "LeftBehind"] {
            assert!(condition(token, type_).is_null(), "{token:#}");
        }
    }
    let end = eventually("the platform and the cluster agree", PATIENCE, async || {
        let token = inside.cluster.get("Token", "ci").await.unwrap();
        let status = &token["status"];
        let secret = inside.cluster.get("Secret", "ci-token").await.unwrap();
        let stored = &secret["metadata"]["annotations"]["org-operator.dev/external-id"];
        let (live, now) = (live(&inside, &of).await, inside.clock.now());
        let mut expected = vec![id(&token)];
        if !status["previous"].is_null() {
            expected.push(text(&status["previous"]["externalID"]));
            let ends = time(&status["issuedAt"]).checked_add(OVERLAP).unwrap();
            assert_eq!(time(&status["previous"]["revokeAt"]), ends, "{token:#}");
        }
        expected.sort();
        let agree = *stored == status["externalID"] && live == expected && time(&status["rotateAt"]) > now;
        if agree { Ok(()) } else { Err(format!("live: {live:?}; {status:#}; the Secret: {stored}")) }
    });
    end.await.unwrap();
    let told = eventually("every rotation is told", PATIENCE, async || {
        let told = inside.cluster.event_count("Rotated", "Token", "ci").await;
        if told >= ROTATIONS { Ok(()) } else { Err(told.to_string()) }
    });
    told.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lifetime_alone_renews_after_two_thirds() {
    let (inside, first, of) = fast(60, &json!({ "lifetime": "10m" })).await;
    let old = inside.cluster.value("ci-token", "token").await;
    let [issued, expires, due] = ["issuedAt", "expiresAt", "rotateAt"].map(|field| time(&first["status"][field]));
    assert_eq!(expires.duration_since(issued).as_secs(), 600, "{first:#}");
    let age = due.duration_since(issued).as_secs();
    assert!((360..=400).contains(&age), "two thirds, less a tenth at most: {age} s");

    let another = |token: &Value| token["status"]["externalID"] != first["status"]["externalID"];
    let second = inside.wait("Token", "ci", "is renewed", another).await;
    assert!(is_ready(&second), "{second:#}");
    let renewed = time(&second["status"]["issuedAt"]);
    assert!(due <= renewed && renewed < expires, "due {due}, renewed {renewed}, ends {expires}");
    // A tenth of the lifetime later, and long before its own end.
    let revoked = eventually("the one before is revoked", PATIENCE, async || {
        let (live, current) = (live(&inside, &of).await, inside.cluster.get("Token", "ci").await.unwrap());
        if live == [id(&current)] { Ok(()) } else { Err(format!("{live:?}")) }
    });
    revoked.await.unwrap();
    assert!(!authenticates(&inside, &old, issued).await, "it has ended, but was not revoked");
}

#[tokio::test]
async fn a_request_is_answered_once_and_never_again() {
    let namespace = namespace("rotate");
    let mut operator = Operator::start(&[&namespace], &["--resync=1s"]).await;
    let cluster = Cluster::of(&namespace).await;
    cluster.apply(MACHINE).await;
    token(&cluster, &json!({}), &json!({ ROTATE: "first" })).await;
    operator.wait_all_ready(&cluster, 4).await;
    let made = cluster.get("Token", "ci").await.unwrap();
    assert_eq!((&made["status"]["lastHandledRotateAt"], &made["status"]["attempt"]), (&json!("first"), &json!(1)));

    let old = cluster.value("ci-token", "token").await;
    cluster.annotate("Token", "ci", ROTATE, json!("second")).await;
    let rotated = renewed(&operator, &cluster, &id(&made)).await;
    let status = &rotated["status"];
    assert_eq!(status["lastHandledRotateAt"], "second");
    assert_eq!(status["previous"]["externalID"], made["status"]["externalID"], "{rotated:#}");
    let overlap = time(&status["previous"]["revokeAt"]).duration_since(time(&status["issuedAt"]));
    assert_eq!(overlap.as_secs(), 3600, "{rotated:#}");
    assert!(operator.is_active(&old).await, "the overlap has only begun");

    // The first membership made it, after the organisation was Ready.
    let has_project = |object: &Value| object["status"]["defaultProjectID"].is_string();
    operator.wait(&cluster, "Organization", "acme", "shows its project", has_project).await;
    let mark = operator.mark(&namespace);
    token(&cluster, &json!({}), &json!({ ROTATE: "second" })).await;
    tokio::time::sleep(SEVERAL_RESYNCS).await;
    operator.restart().await;
    tokio::time::sleep(SEVERAL_RESYNCS).await;
    assert_eq!(operator.writes_since(&namespace, mark), Writes::default(), "{}", operator.log_tail());
    assert_eq!(id(&cluster.get("Token", "ci").await.unwrap()), id(&rotated));
    assert_eq!(cluster.event_count("Rotated", "Token", "ci").await, 1);
}

/// Whatever becomes of the Secret, a token that works is in it again; who still has the one before can go on meanwhile.
#[tokio::test]
async fn an_edited_or_deleted_secret_comes_back_with_a_new_token() {
    const SHORT: Duration = Duration::from_secs(15);
    let rotation = json!({ "rotation": { "every": "24h", "overlap": "15s" } });
    let (operator, cluster) = started("restored", &rotation).await;
    for (number, edited) in [true, false].into_iter().enumerate() {
        let old = cluster.value("ci-token", "token").await;
        let before = cluster.get("Token", "ci").await.unwrap();
        if edited {
            cluster.patch("Secret", "ci-token", json!({ "stringData": { "token": "not a token" } })).await;
        } else {
            cluster.delete("Secret", "ci-token").await;
        }
        let after = renewed(&operator, &cluster, &id(&before)).await;
        assert!(operator.is_active(&old).await, "edited: {edited}; the overlap has only begun");
        let ends = time(&after["status"]["issuedAt"]).checked_add(SHORT).unwrap();
        let revoked = eventually("the old one is revoked", PATIENCE, async || {
            let (now, active) = (Timestamp::now(), operator.is_active(&old).await);
            if active { Err(now) } else { Ok(Timestamp::now()) }
        });
        assert!(revoked.await.unwrap() >= ends, "before the overlap was over");
        assert!(operator.is_active(&cluster.value("ci-token", "token").await).await);
        let told = eventually("it is told", PATIENCE, async || {
            let restored = cluster.event_count("SecretRestored", "Token", "ci").await;
            let told = restored + cluster.event_count("Rotated", "Token", "ci").await;
            if told > number { Ok(()) } else { Err(told) }
        });
        told.await.unwrap();
    }
}

/// Between the platform's answer and the Secret: the old token is in the Secret and works, and the lost one does not stay.
#[tokio::test]
async fn a_kill_in_the_middle_of_a_rotation_costs_nobody_a_token() {
    let (mut operator, cluster) = started("torn", &json!({})).await;
    let before = cluster.get("Token", "ci").await.unwrap();
    let (old, secret) = (id(&before), cluster.get("Secret", "ci-token").await);
    let value = cluster.value("ci-token", "token").await;
    let refusal = Refusal::of_stores(&cluster, "ci-token").await;
    cluster.annotate("Token", "ci", ROTATE, json!("now")).await;
    // Quicker than the audit log: after some seconds it takes the token back and mints another.
    let refused = eventually("the Secret is refused", PATIENCE, async || {
        if operator.log().contains("Secret not written: trying again") { Ok(()) } else { Err(operator.log_tail()) }
    });
    refused.await.unwrap();
    operator.kill();

    let directory = Directory::open(&operator.data_dir()).await.unwrap();
    let now = Timestamp::now();
    let mut lost = Contents::of(&directory, now).await.tokens();
    assert!(directory.authenticate(&SecretString::from(value.as_str()), now).await.unwrap().is_some());
    directory.close().await;
    assert_eq!((lost.len(), lost.contains(&old)), (2, true), "killed between the two");
    lost.retain(|id| *id != old);
    let torn = cluster.get("Token", "ci").await.unwrap();
    assert_eq!(torn["status"]["attempt"], 2, "recorded before it was minted");
    assert_eq!((id(&torn), cluster.get("Secret", "ci-token").await), (old.clone(), secret));

    refusal.lift().await;
    operator.run().await;
    let new = renewed(&operator, &cluster, &old).await;
    assert_eq!(new["status"]["lastHandledRotateAt"], "now");
    assert!(operator.is_active(&value).await, "the overlap has only begun");
    operator.stop().await;
    let mut expected = vec![old, id(&new)];
    expected.sort();
    assert_eq!(Contents::read(&operator).await.tokens(), expected, "{lost:?} was lost");
}

#[tokio::test]
async fn nothing_is_minted_for_a_secret_that_cannot_be_changed() {
    let (mut operator, cluster) = started("locked", &json!({})).await;
    let before = cluster.get("Token", "ci").await.unwrap();
    let (old, secret) = (id(&before), cluster.get("Secret", "ci-token").await);
    let value = cluster.value("ci-token", "token").await;
    let refusal = Refusal::of_all(&cluster, "ci-token").await;
    cluster.annotate("Token", "ci", ROTATE, json!("now")).await;
    let tried = eventually("it is tried again and again", PATIENCE, async || {
        let writes = operator.writes(cluster.namespace());
        let refused = writes.of("secrets/ci-token").into_iter().filter(|write| write.starts_with("dry-run 4")).count();
        if refused >= 3 { Ok(()) } else { Err(format!("{writes:#?}")) }
    });
    tried.await.unwrap();
    assert!(operator.is_active(&value).await);
    operator.stop().await;
    assert_eq!(Contents::read(&operator).await.tokens(), std::slice::from_ref(&old));
    let after = cluster.get("Token", "ci").await.unwrap();
    assert_eq!((id(&after), &after["status"]["attempt"]), (old.clone(), &json!(1)), "an attempt is spent");
    assert_eq!(cluster.get("Secret", "ci-token").await, secret);

    // What was asked for is not forgotten.
    refusal.lift().await;
    operator.run().await;
    let new = renewed(&operator, &cluster, &old).await;
    assert_eq!((&new["status"]["lastHandledRotateAt"], &new["status"]["attempt"]), (&json!("now"), &json!(2)));
    assert!(operator.is_active(&value).await);
}
