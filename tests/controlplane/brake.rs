//! Deletions that should not happen at once, or cannot: held by the brake, left behind, and what vanished by itself.

use std::time::Duration;

use jiff::Timestamp;
use org_operator::domain::capability::Capability;
use org_operator::domain::fault::FaultKind;
use serde_json::{Value, json};

use super::support::{
    Cluster, Contents, Inside, Operator, Options, PATIENCE, condition, eventually, is_ready, namespace,
};

const RESUME: &str = "org-operator.dev/resume-deletions-at";
const RECONCILE: &str = "org-operator.dev/reconcile-requested-at";
const RESOLVE: &str = "org-operator.dev/resolve";

/// Several looks at everything, at one each second.
const SEVERAL_RESYNCS: Duration = Duration::from_secs(4);

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

async fn organizations(operator: &Operator, cluster: &Cluster, names: &[&str]) {
    for name in names {
        let spec = json!({ "platformRef": { "name": "embedded" }, "deletionPolicy": "Delete" });
        cluster.apply_one(&json!({ "kind": "Organization", "metadata": { "name": name }, "spec": spec })).await;
    }
    for name in names {
        operator.wait_ready(cluster, "Organization", name).await;
    }
}

/// The names of the organisations that are still there, once that many are and all of them are held.
async fn held(operator: &Operator, cluster: &Cluster, count: usize) -> Vec<String> {
    let found = eventually(format!("{count} deletions are held"), PATIENCE, async || {
        let all = cluster.list("Organization").await;
        let says = |object: &Value| condition(object, "Ready")["reason"].clone();
        if all.len() == count && all.iter().all(|object| says(object) == "DeletionHeld") {
            Ok(all.iter().map(|object| text(&object["metadata"]["name"])).collect())
        } else {
            Err(format!("{:?}", all.iter().map(|o| (o["metadata"]["name"].clone(), says(o))).collect::<Vec<_>>()))
        }
    });
    found.await.unwrap_or_else(|error| panic!("{error}\n{}", operator.log_tail()))
}

/// How many deletions the Platform has counted within the hour.
fn counted(platform: &Value) -> i64 {
    let counted = platform["status"]["deletions"]["counted"].as_array();
    counted.into_iter().flatten().map(|minute| minute["count"].as_i64().unwrap()).sum()
}

#[tokio::test]
async fn more_deletions_than_allowed_are_held_until_somebody_lets_them_go() {
    let namespace = namespace("brake");
    let mut operator = Operator::start(&[&namespace], &["--resync=1s"]).await;
    let cluster = Cluster::of(&namespace).await;
    let limited = "{kind: Platform, metadata: {name: embedded}, spec: {embedded: {}, limits: {deletionsPerHour: 2}}}";
    cluster.apply(limited).await;
    let names = ["one", "two", "three", "four", "five"];
    organizations(&operator, &cluster, &names).await;
    for name in names {
        cluster.delete("Organization", name).await;
    }
    let waiting = held(&operator, &cluster, 3).await;
    for name in &waiting {
        let object = cluster.get("Organization", name).await.unwrap();
        assert_eq!(condition(&object, "Reconciling")["reason"], "DeletionHeld", "{object:#}");
        assert!(condition(&object, "Stalled").is_null(), "{object:#}");
        assert!(text(&condition(&object, "Ready")["message"]).contains(RESUME), "{object:#}");
    }
    let holds = |platform: &Value| condition(platform, "DeletionsHeld")["status"] == "True";
    let platform = operator.wait(&cluster, "Platform", "embedded", "says that it holds", holds).await;
    let said = condition(&platform, "DeletionsHeld");
    assert_eq!(
        (&said["reason"], condition(&platform, "Ready")["status"].as_str()),
        (&json!("TooManyDeletions"), Some("True"))
    );
    assert_eq!(counted(&platform), 2, "{platform:#}");

    tokio::time::sleep(SEVERAL_RESYNCS).await;
    operator.stop().await;
    let left: Vec<_> = Contents::read(&operator).await.organizations.into_iter().map(|found| found.name).collect();
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(waiting.iter().all(|name| left.contains(name)), "{left:?} and not {waiting:?}");
    operator.run().await;
    tokio::time::sleep(SEVERAL_RESYNCS).await;
    assert_eq!(held(&operator, &cluster, 3).await, waiting, "a restart lets none go");

    // Who wants one out of the way can leave the organisation there.
    let kept = &waiting[0];
    cluster.patch("Organization", kept, json!({ "spec": { "deletionPolicy": "Retain" } })).await;
    operator.wait_gone(&cluster, "Organization", kept).await;
    held(&operator, &cluster, 2).await;
    cluster.annotate("Platform", "embedded", RESUME, json!("first")).await;
    for name in &waiting[1..] {
        operator.wait_gone(&cluster, "Organization", name).await;
    }
    let free = |platform: &Value| {
        platform["status"]["lastHandledResumeDeletionsAt"] == "first" && condition(platform, "DeletionsHeld").is_null()
    };
    operator.wait(&cluster, "Platform", "embedded", "holds no more", free).await;

    // The same word does not open it twice.
    let more = ["six", "seven", "eight", "nine"];
    organizations(&operator, &cluster, &more).await;
    for name in more {
        cluster.delete("Organization", name).await;
    }
    operator.wait(&cluster, "Platform", "embedded", "holds again", holds).await;
    tokio::time::sleep(SEVERAL_RESYNCS).await;
    let waiting = cluster.list("Organization").await.len();
    assert!(waiting >= 2, "{waiting} are held");
    cluster.apply(limited).await;
    cluster.annotate("Platform", "embedded", RESUME, json!("first")).await;
    operator.restart().await;
    tokio::time::sleep(SEVERAL_RESYNCS).await;
    assert_eq!(held(&operator, &cluster, waiting).await.len(), waiting);
    cluster.annotate("Platform", "embedded", RESUME, json!("second")).await;
    let fewer = eventually("some go", PATIENCE, async || {
        let left = cluster.list("Organization").await.len();
        if left < waiting { Ok(()) } else { Err(left) }
    });
    fewer.await.unwrap();
    operator.stop().await;
    let contents = Contents::read(&operator).await;
    assert_eq!(contents.organization(kept).owner, None, "it was let go");
}

const MACHINE: &str = "
kind: User
metadata: {name: robot}
spec: {organizationRef: {name: acme}, type: Machine}
---
kind: Token
metadata: {name: robot}
spec: {userRef: {name: robot}}
";

/// An organisation, a machine and its token; the ids of the last two.
async fn machine(inside: &Inside) -> [(&'static str, String); 2] {
    inside.organization("acme", json!({})).await;
    inside.cluster.apply(MACHINE).await;
    let token = inside.wait("Token", "robot", "becomes Ready", is_ready).await;
    let user = inside.cluster.get("User", "robot").await.unwrap();
    [("Token", text(&token["status"]["externalID"])), ("User", text(&user["status"]["externalID"]))]
}

/// Waits until the deletion is given up, and returns what it says.
async fn left_behind(inside: &Inside, kind: &str, name: &str) -> String {
    let left = inside.reason(kind, name, "LeftBehind").await;
    assert_eq!(condition(&left, "Stalled")["reason"], "LeftBehind", "{left:#}");
    text(&condition(&left, "Ready")["message"])
}

async fn gone(inside: &Inside, kind: &str, name: &str) {
    let gone = eventually(format!("{kind} {name} goes"), PATIENCE, async || {
        inside.cluster.get(kind, name).await.map_or(Ok(()), |object| Err(format!("{object:#}")))
    });
    gone.await.unwrap();
}

/// What the platform has no call for is named, and a person says that it may stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_platform_cannot_delete_is_left_behind_by_name() {
    const WITHOUT: &[Capability] = &[Capability::TokenRevoke, Capability::UserDelete];
    let inside = Inside::with(Options { without: WITHOUT, ..Options::default() }).await;
    let made = machine(&inside).await;
    let before = Contents::of(&inside.directory, Timestamp::now()).await;
    for (kind, id) in &made {
        inside.cluster.delete(kind, "robot").await;
        let message = left_behind(&inside, kind, "robot").await;
        assert!(message.contains(id) && message.contains("Retain"), "{message}");
        let version = inside.version(kind, "robot").await;
        tokio::time::sleep(SEVERAL_RESYNCS).await;
        assert_eq!(inside.version(kind, "robot").await, version, "written again and again");
        let keep = json!({ "spec": { "deletionPolicy": "Retain" } });
        inside.cluster.patch(kind, "robot", keep).await;
        gone(&inside, kind, "robot").await;
    }
    let after = Contents::of(&inside.directory, Timestamp::now()).await;
    assert_eq!(after.unmarked(), before.unmarked(), "nothing was tried");
}

/// A platform that is away for a moment says nothing about what it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_outage_holds_a_deletion_and_no_more() {
    let inside = Inside::start().await;
    machine(&inside).await;
    inside.platform.set(Some(FaultKind::Unavailable(None)));
    for kind in ["Token", "User"] {
        inside.cluster.delete(kind, "robot").await;
        let waits = ["DependencyNotReady", "PlatformUnavailable"];
        let waiting = |object: &Value| waits.iter().any(|reason| condition(object, "Reconciling")["reason"] == *reason);
        inside.wait(kind, "robot", "waits for the platform", waiting).await;
        tokio::time::sleep(SEVERAL_RESYNCS).await;
        let object = inside.cluster.get(kind, "robot").await.unwrap();
        assert!(waiting(&object) && condition(&object, "Stalled").is_null(), "{object:#}");
    }
    inside.platform.set(None);
    for kind in ["Token", "User"] {
        gone(&inside, kind, "robot").await;
    }
}

/// After a quarter of an hour somebody has to know what is still there; the deletion is not given up for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_outage_is_told_with_what_is_still_there_and_the_deletion_goes_on_after_it() {
    let inside = Inside::with(Options::fast(100)).await;
    let made = machine(&inside).await;
    inside.platform.set(Some(FaultKind::Unavailable(None)));
    for (kind, _) in &made {
        inside.cluster.delete(kind, "robot").await;
    }
    for (kind, id) in &made {
        let message = left_behind(&inside, kind, "robot").await;
        assert!(message.contains(id) && message.contains("Retain"), "{message}");
        let others = made.iter().filter(|(_, other)| other != id);
        assert!(others.into_iter().all(|(_, other)| !message.contains(other)), "{kind}: {message}");
    }
    let contents = Contents::of(&inside.directory, inside.clock.now()).await;
    assert_eq!((contents.organization("acme").users.len(), contents.tokens().len()), (1, 1));
    inside.platform.set(None);
    for (kind, _) in &made {
        gone(&inside, kind, "robot").await;
    }
    let contents = Contents::of(&inside.directory, inside.clock.now()).await;
    assert!(contents.organization("acme").users.is_empty(), "{contents:#?}");
}

/// Removes the organisation on the platform, and waits until the resource says so; the attempt that the message names.
async fn vanished(inside: &Inside, id: &str, word: &str) -> i64 {
    inside.directory.prune_organization(id).await.unwrap();
    inside.cluster.annotate("Organization", "acme", RECONCILE, json!(word)).await;
    let stalled = inside.reason("Organization", "acme", "ExternalIDNotFound").await;
    assert_eq!(condition(&stalled, "Stalled")["reason"], "ExternalIDNotFound", "{stalled:#}");
    let message = text(&condition(&stalled, "Ready")["message"]);
    let (_, rest) = message.split_once(&format!("{RESOLVE}=start-over/")).unwrap_or_else(|| panic!("{message}"));
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    number.parse().unwrap()
}

/// A platform that was emptied is not filled with empty twins: for each organisation somebody has to say so, and what
/// was said counts once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vanished_organisation_is_made_anew_only_by_the_right_word() {
    let inside = Inside::with(Options::fast(20)).await;
    inside.organization("acme", json!({})).await;
    let made = inside.wait("Organization", "acme", "becomes Ready", is_ready).await;
    let first = text(&made["status"]["externalID"]);
    let number = vanished(&inside, &first, "first").await;
    let still = async |answer: Value| {
        tokio::time::sleep(SEVERAL_RESYNCS).await;
        let object = inside.cluster.get("Organization", "acme").await.unwrap();
        assert_eq!(condition(&object, "Ready")["reason"], "ExternalIDNotFound", "{object:#}");
        assert_eq!(object["status"]["lastHandledResolve"], answer);
        assert!(inside.directory.organizations_by_name("acme").await.unwrap().is_empty());
    };
    for wrong in [format!("start-over/{}", number + 1), format!("adopt/{number}"), "start-over".to_owned()] {
        inside.cluster.annotate("Organization", "acme", RESOLVE, json!(wrong)).await;
        still(Value::Null).await;
    }

    let right = format!("start-over/{number}");
    inside.cluster.annotate("Organization", "acme", RESOLVE, json!(right)).await;
    let again = inside.wait("Organization", "acme", "is there again", is_ready).await;
    let second = text(&again["status"]["externalID"]);
    assert_ne!(first, second);
    assert_eq!(again["status"]["lastHandledResolve"], right.as_str());
    let found = inside.directory.organizations_by_name("acme").await.unwrap();
    assert_eq!(found.iter().map(|found| found.id.as_str()).collect::<Vec<_>>(), [second.as_str()]);

    let next = vanished(&inside, &second, "second").await;
    assert_ne!(next, number, "the annotation that was left in place would answer it");
    still(json!(right)).await;
}

/// A user is nothing but what its manifest says, and made again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vanished_machine_is_made_again_with_its_token() {
    let inside = Inside::with(Options::fast(20)).await;
    let made = machine(&inside).await;
    let organization = inside.cluster.get("Organization", "acme").await.unwrap();
    let id = text(&organization["status"]["externalID"]);
    inside.directory.delete_user(&id, &made[1].1).await.unwrap();
    for (kind, old) in made.iter().rev() {
        inside.cluster.annotate(kind, "robot", RECONCILE, json!("now")).await;
        let new = |object: &Value| is_ready(object) && object["status"]["externalID"] != old.as_str();
        inside.wait(kind, "robot", "is there again", new).await;
        inside.cluster.told_once("Recreated", kind, "robot").await;
    }
    let contents = Contents::of(&inside.directory, inside.clock.now()).await;
    let token = inside.cluster.get("Token", "robot").await.unwrap();
    assert_eq!(contents.tokens(), [text(&token["status"]["externalID"])]);
}
