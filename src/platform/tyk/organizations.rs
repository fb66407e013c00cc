//! Organisations.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::{Document, Unchangeable};
use super::envelope::{self, REFUSALS};
use super::listing::Age;
use super::{Tyk, everything};
use crate::domain::entity::{
    Created, Lookup, NewOrganization, Organization, OrganizationChange, OrganizationRecord, Page, TykSettings,
};
use crate::domain::fault::FaultKind;
use crate::domain::naming::OwnerMark;
use crate::platform::http::Effect;
use crate::platform::{Backend, Ended, Error};

/// Where our owner mark is.
const META: &str = "org_options_meta";
/// What it is called there.
const OWNER: &str = "org-operator.dev/owner";

/// As much of an organisation as the operator looks at.
#[derive(Deserialize)]
struct Shown {
    id: String,
    #[serde(default)]
    owner_name: String,
    /// Whatever it is: others keep theirs in it.
    #[serde(default, rename = "org_options_meta")]
    meta: Value,
    #[serde(default)]
    cname: Option<String>,
    #[serde(default)]
    cname_enabled: Option<bool>,
    #[serde(default)]
    developer_quota: Option<i64>,
    #[serde(default)]
    hybrid_enabled: Option<bool>,
    #[serde(default)]
    sso_enabled: Option<bool>,
}

impl From<Shown> for OrganizationRecord {
    fn from(shown: Shown) -> Self {
        let owner = shown.meta.get(OWNER).and_then(Value::as_str).map(str::to_owned);
        Self {
            id: shown.id,
            name: shown.owner_name,
            display_name: None,
            owner: owner.filter(|owner| !owner.is_empty()),
            default_project_id: None,
            tyk: TykSettings {
                cname: Some(shown.cname.unwrap_or_default()),
                cname_enabled: Some(shown.cname_enabled.unwrap_or_default()),
                developer_quota: Some(shown.developer_quota.unwrap_or_default()),
                hybrid_enabled: Some(shown.hybrid_enabled.unwrap_or_default()),
                sso_enabled: Some(shown.sso_enabled.unwrap_or_default()),
            },
            partial: false,
        }
    }
}

fn record(document: &Document) -> OrganizationRecord {
    let text = |name| document.get::<String>(name).unwrap_or_default();
    Shown {
        id: text("id"),
        owner_name: text("owner_name"),
        meta: document.get(META).unwrap_or_default(),
        cname: document.get("cname"),
        cname_enabled: document.get("cname_enabled"),
        developer_quota: document.get("developer_quota"),
        hybrid_enabled: document.get("hybrid_enabled"),
        sso_enabled: document.get("sso_enabled"),
    }
    .into()
}

/// What a creation sends.
#[derive(Serialize)]
struct Sent<'a> {
    owner_name: &'a str,
    org_options_meta: std::collections::BTreeMap<&'static str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cname_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    developer_quota: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hybrid_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sso_enabled: Option<bool>,
}

/// Makes the change; whether there was anything to change. What the change does not name stays.
pub(super) fn merge(document: &mut Document, change: &OrganizationChange) -> Result<bool, Unchangeable> {
    let tyk = &change.tyk;
    let mut changed = document.change("cname", tyk.cname.as_ref())?;
    changed |= document.change("cname_enabled", tyk.cname_enabled.as_ref())?;
    changed |= document.change("developer_quota", tyk.developer_quota.as_ref())?;
    changed |= document.change("hybrid_enabled", tyk.hybrid_enabled.as_ref())?;
    changed |= document.change("sso_enabled", tyk.sso_enabled.as_ref())?;
    let marked = match &change.owner {
        None => return Ok(changed),
        Some(wanted) => {
            let mut meta = document.object(META)?;
            let marked = match wanted {
                Some(mark) => meta.change(OWNER, Some(mark))?,
                None => meta.remove(OWNER),
            };
            marked.then_some(meta)
        }
    };
    if let Some(meta) = marked {
        document.set(META, &meta)?;
        changed = true;
    }
    Ok(changed)
}

/// The names that are being given, so that two who look at the same list do not both find one free.
#[derive(Clone, Debug, Default)]
pub(super) struct Reserved(Arc<Mutex<HashSet<String>>>);

/// A name that nobody else gives meanwhile.
struct Reservation {
    all: Reserved,
    name: String,
}

impl Reserved {
    fn take(&self, name: &str) -> Option<Reservation> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.to_owned()).then(|| Reservation { all: self.clone(), name: name.to_owned() })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

impl Tyk {
    /// All organisations.
    async fn all_organizations(&self) -> Result<Vec<OrganizationRecord>, Error> {
        let get = |page| {
            let call = self.admin("list Organizations", Effect::Reads, Method::GET, ["organisations"]);
            self.page(call, page)
        };
        let shown = everything(|shown: &Shown| &shown.id, get).await?;
        Ok(shown.into_iter().map(OrganizationRecord::from).collect())
    }

    /// Looks at the list of organisations.
    async fn look<T>(&self, age: Age, look: impl FnOnce(&[OrganizationRecord]) -> T + Send) -> Result<T, Error> {
        self.organizations.look(age, self.all_organizations(), look).await
    }

    async fn organization(&self, operation: &str, id: &str) -> Result<Option<Document>, Error> {
        let is = |document: &Document| document.get::<String>("id").as_deref() == Some(id);
        self.read(operation, ["organisations", id], is).await
    }

    /// Whether there is such an organisation, asked now.
    pub(super) async fn has_organization(&self, operation: &str, id: &str) -> Result<bool, Error> {
        Ok(self.organization(operation, id).await?.is_some())
    }
}

fn missing(operation: &str) -> Error {
    Error::new(FaultKind::NotFound, operation, "the platform does not have that organisation")
}

fn unsupported(operation: &str, what: &str) -> Error {
    Error::new(FaultKind::Unsupported, operation, format!("a Tyk Dashboard's organisations have no {what}"))
}

#[async_trait]
impl Backend<Organization> for Tyk {
    async fn find(&self, (): &(), lookup: &Lookup) -> Result<Vec<OrganizationRecord>, Error> {
        let those = |is: &dyn Fn(&OrganizationRecord) -> bool, all: &[OrganizationRecord]| {
            all.iter().filter(|record| is(record)).cloned().collect::<Vec<_>>()
        };
        match lookup {
            Lookup::Id(id) => {
                let found = self.look(Age::Recent, |all| those(&|record| record.id == *id, all)).await?;
                if !found.is_empty() {
                    return Ok(found);
                }
                // The list may be from before it was made, or have left it out.
                let found = self.organization("find Organization", id).await?;
                Ok(found.iter().map(record).collect())
            }
            Lookup::Name(name) => self.look(Age::Recent, |all| those(&|record| record.name == *name, all)).await,
            Lookup::Owner(owner) => {
                let marked = |record: &OrganizationRecord| {
                    let rest = record.owner.as_deref().and_then(|mark| mark.strip_prefix(owner.as_str()));
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
                };
                self.look(Age::Recent, |all| those(&marked, all)).await
            }
        }
    }

    async fn list(&self, (): &(), from: Option<&str>) -> Result<Page<OrganizationRecord>, Error> {
        let records = match from {
            // Whoever wants the whole list wants to know what is there that nobody told of.
            None => self.look(Age::Fresh, <[_]>::to_vec).await?,
            // There is one part only.
            Some(_) => Vec::new(),
        };
        Ok(Page { records, next: None })
    }

    async fn create(&self, new: NewOrganization) -> Result<Created<Organization>, Error> {
        const OPERATION: &str = "create Organization";
        if new.admin.is_some() {
            return Err(unsupported(OPERATION, "first administrator: make a User"));
        }
        if new.display_name.is_some() {
            return Err(unsupported(OPERATION, "name for people: leave displayName out"));
        }
        let exists = || Error::new(FaultKind::AlreadyExists, OPERATION, "the platform has one of that name already");
        let _reservation = self.reserved.take(&new.name).ok_or_else(exists)?;
        let (ours, taken) = self
            .look(Age::Fresh, |all| {
                let own = OwnerMark::resource(&new.owner);
                let is_ours = |record: &&OrganizationRecord| {
                    record.owner.as_deref().is_some_and(|mark| OwnerMark::resource(mark) == own)
                };
                let ours = all.iter().find(is_ours).cloned();
                (ours, all.iter().any(|record| record.name == new.name))
            })
            .await?;
        // An answer that was lost: it was made.
        if let Some(ours) = ours {
            return Ok(Created::whole(ours));
        }
        if taken {
            return Err(exists());
        }
        let tyk = &new.tyk;
        let sent = Sent {
            owner_name: &new.name,
            org_options_meta: [(OWNER, new.owner.as_str())].into(),
            cname: tyk.cname.as_deref(),
            cname_enabled: tyk.cname_enabled,
            developer_quota: tyk.developer_quota,
            hybrid_enabled: tyk.hybrid_enabled,
            sso_enabled: tyk.sso_enabled,
        };
        let call = self.admin(OPERATION, Effect::Creates, Method::POST, ["organisations"]).slash().wants(REFUSALS);
        let writing = self.organizations.writing();
        let id = envelope::created(&self.origin.send(call.json(&sent)?).await?, self.clock.now())?;
        // It is made, whatever comes of looking at it.
        match self.organization(OPERATION, &id).await {
            Ok(Some(document)) => {
                let record = record(&document);
                writing.wrote(record.clone()).await;
                Ok(Created::whole(record))
            }
            Ok(None) | Err(_) => Ok(Created::whole(OrganizationRecord {
                id,
                name: new.name,
                display_name: None,
                owner: Some(new.owner),
                default_project_id: None,
                tyk: new.tyk,
                partial: false,
            })),
        }
    }

    /// Reads, changes, and replaces what was read: what somebody else changes in between is lost, because the Dashboard
    /// has no call that could prevent it.
    async fn update(&self, (): &(), id: &str, change: &OrganizationChange) -> Result<OrganizationRecord, Error> {
        const OPERATION: &str = "update Organization";
        if change.display_name.is_some() {
            return Err(unsupported(OPERATION, "name for people: leave displayName out"));
        }
        let mut document = self.organization(OPERATION, id).await?.ok_or_else(|| missing(OPERATION))?;
        let writing = self.organizations.writing();
        let changed = merge(&mut document, change).map_err(|error| unchangeable(OPERATION, error))?;
        if changed {
            let path = ["organisations", id];
            let call = self.admin(OPERATION, Effect::Repeatable, Method::PUT, path).wants(REFUSALS).json(&document)?;
            envelope::done(&self.origin.send(call).await?, self.clock.now())?;
            document = self.organization(OPERATION, id).await?.ok_or_else(|| missing(OPERATION))?;
        }
        let record = record(&document);
        writing.wrote(record.clone()).await;
        Ok(record)
    }

    async fn delete(&self, (): &(), id: &str) -> Result<Ended, Error> {
        const OPERATION: &str = "delete Organization";
        self.retire_technical(OPERATION, id).await;
        let wanted = [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND];
        let call = self.admin(OPERATION, Effect::Repeatable, Method::DELETE, ["organisations", id]).wants(wanted);
        let writing = self.organizations.writing();
        let reply = match self.origin.send(call).await {
            Err(error) if error.kind == FaultKind::NotFound => return Ok(Ended::Absent),
            sent => sent?,
        };
        match reply.status {
            StatusCode::NOT_FOUND => {
                envelope::is_absence(&reply)?;
                return Ok(Ended::Absent);
            }
            // The Dashboard's word for a deletion that failed, and no word on why.
            StatusCode::BAD_REQUEST if self.has_organization(OPERATION, id).await? => {
                let message = "the platform could not delete it (status 400)";
                return Err(reply.refusal(FaultKind::Unavailable(None), message));
            }
            StatusCode::BAD_REQUEST => return Ok(Ended::Absent),
            _ => {
                envelope::done(&reply, self.clock.now())?;
            }
        }
        writing.removed(id).await;
        self.forget(id);
        Ok(Ended::Done)
    }
}

/// The error of a document that cannot be changed as asked.
pub(super) fn unchangeable(operation: &str, error: Unchangeable) -> Error {
    let kind = match &error {
        Unchangeable::NotAnObject(_) => FaultKind::Invalid,
        Unchangeable::Unwritable(_) => FaultKind::Unsupported,
    };
    Error::new(kind, operation, "what the platform shows cannot be changed in part").with_source(error)
}
