//! Secrets stay where they belong.

use super::super::support::{Cluster, KINDS, Operator, plane};
use super::served::Served;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;

/// Keys of Secrets whose values anybody may know.
const PUBLIC: &[&str] = &[
    "username",
    "public.pem",
    "email",
    "userID",
    "TYK_ORG",
    "TYK_MODE",
    "TYK_URL",
    "ROCKFISH_API_URL",
    "ROCKFISH_ORGANIZATION_ID",
    "ROCKFISH_PROJECT_ID",
    "ROCKIT_URL",
    "ROCKIT_ORGNAME",
    "ROCKIT_USERNAME",
];

/// No value that a Secret of the namespace holds now, and none of `former`, is in what the operator or the backend logs,
/// in an object's spec or status, in an event, or in the API server's audit log.
pub(super) async fn nothing_secret_is_shown(
    operator: &Operator,
    served: &Served,
    cluster: &Cluster,
    former: &[(&str, &str)],
) {
    let mut shown = vec![("the operator's log", operator.log()), ("the backend's log", served.log())];
    for kind in KINDS {
        let all = cluster.list(kind).await;
        shown.push(("an object", serde_json::to_string(&all).unwrap()));
    }
    let events = cluster.typed::<Event>().list(&ListParams::default()).await.unwrap();
    shown.push(("an event", serde_json::to_string(&events.items).unwrap()));
    shown.push(("the metrics", operator.metrics().await));
    shown.push(("the audit log", std::fs::read_to_string(plane().audit_log()).unwrap()));
    let mut hidden: Vec<(String, String)> =
        former.iter().map(|(what, value)| ((*what).to_owned(), (*value).to_owned())).collect();
    for secret in cluster.list("Secret").await {
        let name = secret["metadata"]["name"].as_str().unwrap();
        let values = cluster.secret(name).await.unwrap_or_default();
        let own = values.into_iter().filter(|(key, _)| !PUBLIC.contains(&key.as_str()));
        hidden.extend(own.map(|(key, value)| (format!("{key} of {name}"), value)));
    }
    assert!(!hidden.is_empty(), "there is no Secret to look for");
    for (what, value) in hidden {
        let distinctive = value.lines().max_by_key(|line| line.len()).unwrap_or_default();
        assert!(distinctive.len() >= 8, "the {what} is too short to be looked for");
        for (place, text) in &shown {
            assert!(!text.contains(distinctive), "the {what} is in {place}");
        }
    }
}
