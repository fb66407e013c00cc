//! Organisations that were there before: taken over without a word to their platform, watched, and put right.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use org_operator::domain::entity::{NewOrganization, NewUser, OrganizationChange, TykSettings, UserChange, UserType};
use org_operator::embedded::{Directory, OPERATOR};
use serde_json::{Value, json};

use super::support::{Cluster, Contents, Inside, Operator, PATIENCE, condition, eventually, is_ready, namespace};

/// As many as a platform team has that moves to manifests.
const MANY: usize = 200;
/// Several looks at everything, at one each second.
const SEVERAL_RESYNCS: Duration = Duration::from_secs(3);

/// An organisation that nobody has marked; its id.
pub(super) async fn existing(directory: &Directory, name: &str, display_name: &str) -> String {
    let new = NewOrganization {
        idempotency_key: String::new(),
        name: name.to_owned(),
        display_name: Some(display_name.to_owned()),
        owner: "somebody".to_owned(),
        admin: None,
        key_pair: None,
        link: None,
        tyk: TykSettings::default(),
    };
    let made = directory.create_organization(&OPERATOR, new, Timestamp::now()).await.unwrap();
    let unmarked = OrganizationChange { owner: Some(None), ..OrganizationChange::default() };
    directory.update_organization(&made.id, unmarked).await.unwrap();
    made.id
}

/// A person in it whom nobody has marked; the id.
async fn person(directory: &Directory, organization_id: &str, username: &str) -> String {
    let text = |text: &str| Some(text.to_owned());
    let new = NewUser {
        idempotency_key: String::new(),
        organization_id: organization_id.to_owned(),
        user_type: UserType::Person,
        username: username.to_owned(),
        email: Some(format!("{username}@before.example")),
        first_name: text("Ada"),
        last_name: text("Lovelace"),
        roles: Some(vec!["Viewers".to_owned()]),
        permissions: None,
        owner: "somebody".to_owned(),
        password: None,
    };
    let made = directory.create_user(&OPERATOR, new, Timestamp::now()).await.unwrap();
    let unmarked = UserChange { owner: Some(None), ..UserChange::default() };
    directory.update_user(organization_id, &made.id, unmarked).await.unwrap();
    made.id
}

fn manifest(name: &str, id: &str, spec: &Value) -> Value {
    let mut manifest = json!({
        "kind": "Organization", "metadata": { "name": name },
        "spec": { "platformRef": { "name": "embedded" }, "externalID": id, "adoptionPolicy": "IfExists" },
    });
    for (field, value) in spec.as_object().unwrap() {
        manifest["spec"][field] = value.clone();
    }
    manifest
}

#[tokio::test]
async fn two_hundred_organisations_are_taken_over_and_let_go_without_a_write() {
    let namespace = namespace("adopted");
    let mut operator = Operator::prepare(&[&namespace], &[]);
    let directory = Directory::open(&operator.data_dir()).await.unwrap();
    let mut manifests = Vec::new();
    for number in 0..MANY {
        let display_name = format!("Customer number {number}");
        let id = existing(&directory, &format!("Customer {number}"), &display_name).await;
        person(&directory, &id, "ada").await;
        let spec = json!({ "displayName": display_name, "driftPolicy": "Report", "deletionPolicy": "Retain" });
        manifests.push(manifest(&format!("customer-{number}"), &id, &spec));
    }
    let before = Contents::of(&directory, Timestamp::now()).await;
    directory.close().await;

    operator.run().await;
    let cluster = Cluster::of(&namespace).await;
    cluster.apply("{kind: Platform, metadata: {name: embedded}, spec: {embedded: {}}}").await;
    operator.wait_ready(&cluster, "Platform", "embedded").await;
    let began = Instant::now();
    for manifest in &manifests {
        cluster.apply_one(manifest).await;
    }
    let applied = began.elapsed();
    operator.wait_all_ready(&cluster, MANY + 1).await;
    println!("{MANY} organisations: applied in {applied:?}, taken over in {:?}", began.elapsed());
    for object in cluster.list("Organization").await {
        let status = &object["status"];
        assert_eq!((&status["origin"], &status["externalID"]), (&json!("Adopted"), &object["spec"]["externalID"]));
        assert_eq!((&status["drift"], condition(&object, "Drifted")), (&Value::Null, &Value::Null), "{object:#}");
    }

    let began = Instant::now();
    for manifest in &manifests {
        cluster.delete("Organization", manifest["metadata"]["name"].as_str().unwrap()).await;
    }
    cluster.delete("Platform", "embedded").await;
    operator.wait_all_gone(&cluster).await;
    println!("let go in {:?}", began.elapsed());
    let requests = operator.platform_requests(&format!("{namespace}/embedded")).await;
    println!("requests to the platform: {requests:?}");
    let found = requests.get("find").copied().unwrap_or_default();
    assert!(usize::try_from(found).unwrap() >= MANY, "they are not all counted: {requests:?}");
    let reads = ["find", "probe"];
    assert!(requests.keys().all(|operation| reads.contains(&operation.as_str())), "{requests:?}");
    assert!(cluster.list("Secret").await.is_empty());
    operator.stop().await;
    assert!(Contents::read(&operator).await == before, "the directory is not as it was");
}

/// What differs is listed by the paths of the manifest's fields, and left as it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_reported_and_nothing_written() {
    let inside = Inside::start().await;
    let id = existing(&inside.directory, "Old Ltd", "Old").await;
    let ada = person(&inside.directory, &id, "ada").await;
    let before = Contents::of(&inside.directory, Timestamp::now()).await;
    let report = json!({ "displayName": "New", "driftPolicy": "Report" });
    inside.cluster.apply_one(&manifest("old", &id, &report)).await;
    let spec = json!({
        "organizationRef": { "name": "old" }, "type": "Person", "externalID": ada, "adoptionPolicy": "IfExists",
        "email": "ada@after.example", "firstName": "Ada", "roles": ["Users"], "driftPolicy": "Report",
    });
    inside.cluster.apply_one(&json!({ "kind": "User", "metadata": { "name": "ada" }, "spec": spec })).await;
    for (kind, name, fields) in
        [("Organization", "old", vec!["spec.displayName"]), ("User", "ada", vec!["spec.email", "spec.roles"])]
    {
        let object = inside.wait(kind, name, "becomes Ready", is_ready).await;
        let drifted = condition(&object, "Drifted");
        assert_eq!((&drifted["status"], &drifted["reason"]), (&json!("True"), &json!("DriftDetected")), "{object:#}");
        assert_eq!(object["status"]["drift"], json!(fields), "{object:#}");
        assert_eq!(object["status"]["origin"], "Adopted");
        let message = drifted["message"].as_str().unwrap();
        assert!(fields.iter().all(|field| message.contains(field)), "{message}");
        assert!(!object["status"].to_string().contains("before.example"), "a value is shown");
        inside.cluster.told_once("DriftDetected", kind, name).await;
    }
    let version = inside.version("Organization", "old").await;
    tokio::time::sleep(SEVERAL_RESYNCS).await;
    assert_eq!(Contents::of(&inside.directory, Timestamp::now()).await, before);
    assert_eq!(inside.version("Organization", "old").await, version, "written again and again");

    // It goes away by the platform's hand as well as by the manifest's.
    let change = OrganizationChange { display_name: Some("New".to_owned()), ..OrganizationChange::default() };
    inside.directory.update_organization(&id, change).await.unwrap();
    let same = |object: &Value| condition(object, "Drifted").is_null() && object["status"]["drift"].is_null();
    inside.wait("Organization", "old", "is the same again", same).await;
    let correct = json!({ "spec": { "driftPolicy": "Correct" } });
    inside.cluster.patch("User", "ada", correct).await;
    inside.wait("User", "ada", "is put right", |user| same(user) && is_ready(user)).await;
    let contents = Contents::of(&inside.directory, Timestamp::now()).await;
    let ada = contents.organization("Old Ltd").user("ada");
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(ada.person, [text("ada@after.example"), text("Ada"), text("Lovelace")]);
    assert_eq!(
        (&ada.roles, ada.owner.as_deref().is_some_and(|mark| mark.starts_with("inside/"))),
        (&vec!["Users".to_owned()], true)
    );
    assert_eq!(contents.organization("Old Ltd").owner, None, "Report writes no mark either");
}

/// What somebody changes on the platform is put back where the manifest says something, and is theirs where it does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_corrected_and_what_the_manifest_leaves_out_is_not_touched() {
    let inside = Inside::start().await;
    let id = existing(&inside.directory, "Old Ltd", "Old").await;
    let ada = person(&inside.directory, &id, "ada").await;
    let other = existing(&inside.directory, "Other Ltd", "Other").await;
    inside.cluster.apply_one(&manifest("old", &id, &json!({ "displayName": "New" }))).await;
    inside.cluster.apply_one(&manifest("other", &other, &json!({}))).await;
    let spec = json!({
        "organizationRef": { "name": "old" }, "type": "Person", "adoptionPolicy": "IfExists",
        "email": "ada@after.example", "firstName": "Augusta",
    });
    inside.cluster.apply_one(&json!({ "kind": "User", "metadata": { "name": "ada" }, "spec": spec })).await;
    for (kind, name) in [("Organization", "old"), ("Organization", "other"), ("User", "ada")] {
        let object = inside.wait(kind, name, "becomes Ready", is_ready).await;
        assert_eq!(object["status"]["origin"], "Adopted");
        assert!(condition(&object, "Drifted").is_null(), "{object:#}");
    }
    let display = async |name: &str| {
        Contents::of(&inside.directory, Timestamp::now()).await.organization(name).display_name.clone()
    };
    assert_eq!(
        (display("Old Ltd").await.as_deref(), display("Other Ltd").await.as_deref()),
        (Some("New"), Some("Other"))
    );

    let text = |text: &str| Some(text.to_owned());
    for id in [&id, &other] {
        let change = OrganizationChange { display_name: text("Elsewhere"), ..OrganizationChange::default() };
        inside.directory.update_organization(id, change).await.unwrap();
    }
    let change = UserChange {
        first_name: text("Adele"),
        last_name: text("King"),
        roles: Some(vec!["Administrators".to_owned()]),
        ..UserChange::default()
    };
    inside.directory.update_user(&id, &ada, change).await.unwrap();
    let put_back = eventually("the name is put back", PATIENCE, async || match display("Old Ltd").await.as_deref() {
        Some("New") => Ok(()),
        found => Err(format!("{found:?}")),
    });
    put_back.await.unwrap();
    for (kind, name) in [("Organization", "old"), ("User", "ada")] {
        inside.cluster.told_once("DriftCorrected", kind, name).await;
    }
    let contents = Contents::of(&inside.directory, Timestamp::now()).await;
    let ada = contents.organization("Old Ltd").user("ada");
    assert_eq!(ada.person, [text("ada@after.example"), text("Augusta"), text("King")], "the last name is theirs");
    assert_eq!(ada.roles, ["Administrators"], "so are the roles");
    tokio::time::sleep(SEVERAL_RESYNCS).await;
    assert_eq!(display("Other Ltd").await.as_deref(), Some("Elsewhere"), "the manifest says nothing of it");
    assert_eq!(inside.cluster.event_count("DriftCorrected", "Organization", "other").await, 0);
}
