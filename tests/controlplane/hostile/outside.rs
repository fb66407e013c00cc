//! What others have, and what of it may be told.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use org_operator::domain::entity::{OfUser, OrganizationRecord, TokenRecord, UserRecord};
use org_operator::embedded::Directory;
use serde_json::{Value, json};

use super::super::support::{Cluster, Operator, plane};
use super::moves::{Given, Objects};
use super::scene::Scene;

/// What a namespace holds that is anybody's business.
const KINDS: [&str; 7] = ["Platform", "Organization", "User", "Token", "Secret", "ConfigMap", "ServiceAccount"];

/// Words of the API that stand in manifests, too common to give anybody away.
const COMMON: [&str; 5] = ["Adopt", "Adopted", "IfExists", "Report", "Delete"];

/// A text shorter than this gives nobody away.
const TELLING: usize = 5;

/// Everything in a namespace, with resource versions, and how many events tell of what.
#[derive(Debug, PartialEq)]
pub(crate) struct Namespace {
    objects: BTreeMap<String, Value>,
    events: Vec<(String, String, String, String)>,
}

impl Namespace {
    /// Reads it.
    pub(crate) async fn of(cluster: &Cluster) -> Self {
        let mut objects = BTreeMap::new();
        for kind in KINDS {
            for object in cluster.list(kind).await {
                objects.insert(format!("{kind} {}", object["metadata"]["name"]), object);
            }
        }
        let own = cluster.get("Namespace", cluster.namespace()).await.unwrap();
        objects.insert("Namespace".to_owned(), own);
        Self { objects, events: cluster.events().await }
    }

    /// What is another way than it was.
    pub(crate) fn differences(&self, before: &Self) -> Vec<String> {
        let names: BTreeSet<_> = self.objects.keys().chain(before.objects.keys()).collect();
        let mut all = Vec::new();
        for name in names {
            let (was, is) = (before.object(name), self.object(name));
            if was != is {
                let told =
                    |object: &Value| json!([object["metadata"]["resourceVersion"], object["spec"], object["status"]]);
                all.push(format!("{name} was {:#}\nand is {:#}", told(was), told(is)));
            }
        }
        all.extend(self.events.iter().filter(|event| !before.events.contains(event)).map(|event| format!("{event:?}")));
        all
    }

    fn object(&self, name: &str) -> &Value {
        self.objects.get(name).unwrap_or(&Value::Null)
    }

    /// The names of its Secrets.
    fn secrets(&self) -> BTreeSet<String> {
        let secrets = self.objects.values().filter(|object| object["data"].is_object() && object["type"].is_string());
        secrets.map(|secret| secret["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }
}

/// What is on the platform, by the organisation's id.
pub(crate) type Platform = BTreeMap<String, Organization>;

/// An organisation with its members and their live tokens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Organization {
    record: OrganizationRecord,
    members: Vec<(UserRecord, Vec<TokenRecord>)>,
}

impl Organization {
    /// Whether it carries the mark of a resource in that namespace.
    fn is_of(&self, namespace: &str) -> bool {
        self.record.owner.as_ref().is_some_and(|owner| owner.starts_with(&format!("test/{namespace}/")))
    }

    /// Its id, its members' and their tokens'.
    fn ids(&self) -> Vec<String> {
        let members = self.members.iter().flat_map(|(user, tokens)| {
            [user.id.clone()].into_iter().chain(tokens.iter().map(|token| token.id.clone()))
        });
        [self.record.id.clone()].into_iter().chain(members).collect()
    }
}

/// Reads what is on the platform of an operator that does not run.
pub(crate) async fn platform(operator: &Operator) -> Platform {
    let directory = Directory::open(&operator.data_dir()).await.unwrap();
    let mut all = Platform::new();
    for record in directory.organizations(None, 1000).await.unwrap() {
        let mut members = Vec::new();
        for user in directory.users(&record.id, None, 1000).await.unwrap() {
            let of = OfUser { organization_id: record.id.clone(), user_id: user.id.clone() };
            let tokens = directory.tokens(&of, Timestamp::now()).await.unwrap();
            members.push((user, tokens));
        }
        all.insert(record.id.clone(), Organization { record, members });
    }
    directory.close().await;
    all
}

/// That without what the tenant has there.
pub(crate) fn of_others(platform: &Platform, tenant: &str) -> Platform {
    let mut others = platform.clone();
    others.retain(|_, organization| !organization.is_of(tenant));
    others
}

/// The ids of all that.
pub(crate) fn ids(platform: &Platform) -> HashSet<String> {
    platform.values().flat_map(Organization::ids).collect()
}

/// What of others is another way than it was; what is new there is nobody's but the tenant's, or was the tenant's
/// before.
pub(crate) fn changes(before: &Platform, after: &Platform, tenant: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (id, was) in of_others(before, tenant) {
        let now = after.get(&id);
        if now != Some(&was) {
            all.push(format!("on the platform was {was:#?}\nand is {now:#?}"));
        }
    }
    let strange = of_others(after, tenant);
    all.extend(strange.iter().filter(|(id, _)| !before.contains_key(*id)).map(|(_, new)| format!("new is {new:#?}")));
    all
}

/// All that would give somebody away: every text in what they have, but for those that the tenant has in its own too.
pub(crate) async fn telling(scene: &Scene) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for cluster in [&scene.victim, &scene.owner] {
        for (_, object) in Objects::of(cluster).await.iter() {
            texts(&identity(object), &mut all);
        }
    }
    let mut own = BTreeSet::new();
    for (_, object) in Objects::of(&scene.tenant).await.iter() {
        texts(&identity(object), &mut own);
    }
    all.insert(scene.victim.namespace().to_owned());
    // The owner's namespace and its Platforms' names are in everybody's manifests.
    let platforms: Vec<String> = scene
        .owner
        .list("Platform")
        .await
        .iter()
        .map(|platform| platform["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    all.retain(|text| {
        text.len() >= TELLING
            && !own.contains(text)
            && text.parse::<Timestamp>().is_err()
            && !COMMON.contains(&text.as_str())
            && !platforms.contains(text)
            && text != scene.owner.namespace()
    });
    all
}

/// Name, uid, spec, data, and status but for what the conditions say.
fn identity(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let mut status = object["status"].clone();
    status["conditions"] = Value::Null;
    status["capabilities"] = Value::Null;
    json!([metadata["name"], metadata["uid"], object["spec"], object["data"], status])
}

fn texts(value: &Value, all: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            all.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, all)),
        Value::Object(members) => members.values().for_each(|member| texts(member, all)),
        _ => {}
    }
}

/// What of that the tenant's objects and their events say, beyond what the tenant itself wrote in each.
pub(crate) async fn told(scene: &Scene, seen: &Objects, telling: &BTreeSet<String>, given: &Given) -> Vec<String> {
    let mut said: HashMap<(String, String), String> = HashMap::new();
    for (key, object) in seen.iter().filter(|((kind, _), _)| kind != "Secret") {
        said.insert(key.clone(), object["status"].to_string());
    }
    for event in scene.tenant.typed::<Event>().list(&ListParams::default()).await.unwrap() {
        let about = event.regarding.clone().unwrap_or_default();
        // Those about Secrets are the garbage collector's, which quotes what was planted.
        let key = (about.kind.unwrap_or_default(), about.name.unwrap_or_default());
        if key.0 != "Secret" {
            let note = [event.note, event.reason, event.action].into_iter().flatten().collect::<Vec<_>>().join(" ");
            said.entry(key).or_default().push_str(&note);
        }
    }
    let mut all = Vec::new();
    for ((kind, name), text) in &said {
        let written = given.get(&(kind.clone(), name.clone())).map(String::as_str).unwrap_or_default();
        // The names of its Secrets come from its own.
        let own = ["keypair", "admin", "credentials", "token"]
            .iter()
            .fold(written.to_owned(), |own, suffix| format!("{own} {name}-{suffix}"));
        for word in telling.iter().filter(|word| text.contains(*word) && !own.contains(*word)) {
            all.push(format!("{kind} {name} tells {word:?}: {text}"));
        }
    }
    all
}

/// Secrets of the tenant's resources that do not say so: who looks for ours looks by their labels.
pub(crate) fn unlabelled(seen: &Objects) -> Vec<String> {
    let mut all = Vec::new();
    for ((kind, name), object) in seen.iter().filter(|((kind, _), _)| kind != "Secret") {
        let uid = &object["metadata"]["uid"];
        let wanted = [
            ("app.kubernetes.io/managed-by", "org-operator"),
            ("org-operator.dev/kind", kind),
            ("org-operator.dev/name", name),
        ];
        for ((_, secret), found) in
            seen.iter().filter(|(_, found)| found["metadata"]["annotations"]["org-operator.dev/owner-uid"] == *uid)
        {
            let labels = &found["metadata"]["labels"];
            if wanted.iter().any(|(label, value)| labels[label] != *value) {
                all.push(format!("the Secret {secret} of the {kind} {name} has the labels {labels}"));
            }
        }
    }
    all
}

/// Secrets with a value that the operator logged, whosever they are; and lines that a tenant made it log.
pub(crate) async fn logged(scene: &Scene) -> Vec<String> {
    let log = scene.operator.log();
    let forged = log.lines().filter(|line| line.starts_with("FORGED"));
    let mut all: Vec<String> = forged.map(|line| format!("a line of the log is the tenant's: {line}")).collect();
    for cluster in [&scene.owner, &scene.victim, &scene.tenant] {
        for (_, secret) in Objects::of(cluster).await.iter().filter(|((kind, _), _)| kind == "Secret") {
            let name = secret["metadata"]["name"].as_str().unwrap();
            for (key, value) in cluster.secret(name).await.unwrap_or_default() {
                // A key in PEM would be known by any of its lines.
                let mut lines = value.lines().filter(|line| line.len() >= 12 && !line.starts_with("-----"));
                if !["username", "public.pem"].contains(&key.as_str()) && lines.any(|line| log.contains(line)) {
                    all.push(format!("logged: {key} of the Secret {name}"));
                }
            }
        }
    }
    all
}

/// When something was asked, as the API server writes it.
pub(crate) fn now() -> String {
    Timestamp::now().to_string()
}

/// The names of the Secrets that the operator asked for in a namespace since then.
pub(crate) fn secrets_read(operator: &Operator, namespace: &str, since: &str) -> BTreeSet<String> {
    let user = operator.user();
    let read = plane().audit_events(|event| {
        event.user == user
            && event.resource == "secrets"
            && event.namespace == namespace
            && event.received.as_str() >= since
    });
    read.unwrap().into_iter().map(|event| event.name).collect()
}

/// Every Secret that the operator asked for outside of the tenant's namespace and that does not belong to a resource
/// there, and every way of asking but `get`.
pub(crate) fn wrongly_read(scene: &Scene, others: &[(&Cluster, &Namespace)], since: &str) -> Vec<String> {
    let user = scene.operator.user();
    let asked = plane()
        .audit_events(|event| event.user == user && event.resource == "secrets" && event.received.as_str() >= since);
    let fine = |namespace: &str, name: &str, verb: &str| {
        namespace == scene.tenant.namespace()
            || others.iter().any(|(cluster, known)| {
                let belongs = !name.ends_with("-vault") && known.secrets().contains(name);
                cluster.namespace() == namespace && belongs && verb == "get"
            })
    };
    let wrong = asked.unwrap().into_iter().filter(|event| !fine(&event.namespace, &event.name, &event.verb));
    wrong.map(|event| format!("{} {}", event.verb, event.uri)).collect()
}
