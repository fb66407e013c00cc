//! No organisation and no user is deleted on a platform but for a resource that is being deleted at that moment, and but
//! for an organisation that an attempt of a resource made beside the one that its status records.

use http::Method;
use jiff::Timestamp;
use org_operator::embedded::{Directory, Part};
use serde_json::Value;

use super::api::Api;
use super::server::Server;
use super::wire::Wire;

/// What the e-mail addresses of Tyk's technical administrators have, who are the operator's own.
const TECHNICAL: &str = "@technical-administrator.invalid";

/// Looks at each deletion before it is carried out.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) api: Api,
    pub(crate) server: Server,
    pub(crate) wire: Wire,
}

/// The kind and the id that a request deletes.
pub(crate) fn deleted<'a>(method: &Method, path: &'a str) -> Option<(&'static str, &'a str)> {
    let mut words = path.trim_matches('/').rsplit('/');
    let (id, plural) = (words.next()?, words.next()?);
    let kind = match plural {
        "organisations" | "organization" | "orgs" => "Organization",
        "users" | "user" => "User",
        _ => return None,
    };
    (method == Method::DELETE).then_some((kind, id))
}

impl Guard {
    /// Records a deletion that nobody meant.
    pub(crate) fn look(&self, directory: &Directory, kind: &str, id: &str) {
        let names = self.names(directory, kind, id);
        // One that has gone already is known by the Secret in which the operator keeps it.
        let kept = || self.api.all("Secret").iter().any(|secret| keeps(secret, id));
        if names.iter().any(|name| name.ends_with(TECHNICAL)) || (kind == "User" && names.is_empty() && kept()) {
            return;
        }
        let meant = self.api.newest(kind).iter().any(|resource| is_meant(resource, id, &names));
        let twin = || kind == "Organization" && self.is_twin(directory, id);
        if !meant && !twin() {
            self.wire.forbid(format!("the {kind} {id} {names:?} was deleted, and no resource of it is being deleted"));
        }
    }

    /// Whether nobody is in it, and the resource whose attempt made it has another one, which is there.
    fn is_twin(&self, directory: &Directory, id: &str) -> bool {
        let resources = self.api.all("Organization");
        let (directory, id) = (directory.clone(), id.to_owned());
        self.server.run(move || async move {
            let all = Part { seen: Timestamp::MAX, skip: 0, limit: None };
            let (there, _) = directory.organization_documents(all).await.expect("organisations");
            let Some(found) = there.iter().find(|organization| organization.id == id) else { return false };
            let is_alone = directory.users(&id, None, 1000).await.expect("users").is_empty();
            let meta = found.attributes.get("org_options_meta");
            let mark = meta.and_then(|meta| meta["org-operator.dev/owner"].as_str()).unwrap_or_default();
            let made_it = |resource: &Value| {
                let (uid, kept) = (resource["metadata"]["uid"].as_str(), resource["status"]["externalID"].as_str());
                let attempt = mark.split_once('#').and_then(|(_, made)| made.split_once('/'));
                let recorded = resource["status"]["attempt"].as_i64().unwrap_or_default();
                let by_it = attempt.is_some_and(|(maker, attempt)| {
                    Some(maker) == uid && attempt.parse::<i64>().is_ok_and(|attempt| attempt <= recorded)
                });
                by_it && kept != Some(id.as_str()) && there.iter().any(|other| Some(other.id.as_str()) == kept)
            };
            is_alone && resources.iter().any(made_it)
        })
    }

    /// What the object is called on the platform.
    fn names(&self, directory: &Directory, kind: &str, id: &str) -> Vec<String> {
        let (directory, id, is_user) = (directory.clone(), id.to_owned(), kind == "User");
        self.server.run(move || async move {
            let mut names = Vec::new();
            for organization in directory.organizations(None, 1000).await.expect("organisations") {
                if !is_user && (organization.id == id || organization.name == id) {
                    names.push(organization.name);
                } else if is_user {
                    let users = directory.users(&organization.id, None, 1000).await.expect("users");
                    let found = users.into_iter().filter(|user| user.id == id || user.username == id);
                    names.extend(found.flat_map(|user| [Some(user.username), user.email]).flatten());
                }
            }
            if is_user {
                let accounts = directory.accounts(Timestamp::MAX).await.expect("accounts");
                names.extend(accounts.into_iter().filter(|found| found.id == id).map(|found| found.email));
            }
            names
        })
    }
}

/// Whether it is the Secret of the technical administrator of that id.
fn keeps(secret: &Value, id: &str) -> bool {
    let value = |key: &str| crate::oracle::value(secret, key).unwrap_or_default();
    value("email").ends_with(TECHNICAL) && value("userID") == id
}

/// Whether the resource is to go, and the object is its own: by the recorded id, or where none was recorded by its name.
fn is_meant(resource: &Value, id: &str, names: &[String]) -> bool {
    let policy = resource["spec"]["deletionPolicy"].as_str();
    let deletes = policy.unwrap_or(if resource["kind"] == "User" { "Delete" } else { "Retain" }) == "Delete";
    let own = match resource["status"]["externalID"].as_str() {
        Some(recorded) => recorded == id,
        None => [&resource["metadata"]["name"], &resource["spec"]["externalName"], &resource["spec"]["email"]]
            .into_iter()
            .any(|name| name.as_str().is_some_and(|name| names.iter().any(|found| found == name))),
    };
    deletes && own && !resource["metadata"]["deletionTimestamp"].is_null()
}
