//! Technical administrators, kept as Secrets in the Platform's own namespace: not the tenant's to read, and not gone with
//! the tenant's namespace.

use std::collections::BTreeMap;

use async_trait::async_trait;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt;
use secrecy::{ExposeSecret, SecretString};

use crate::api::Platform;
use crate::api::annotation::{
    FIELD_MANAGER, LABEL_KIND, LABEL_MANAGED_BY, LABEL_NAME, SECRET_EXTERNAL_ID, SECRET_ISSUED_AT, SECRET_OWNER_UID,
    SECRET_PLATFORM_URL,
};
use crate::clock::Clock;
use crate::controller::describe;
use crate::domain::entity::Kind;
use crate::domain::fault::FaultKind;
use crate::domain::naming;
use crate::kubernetes::image::{Applied, SecretImage};
use crate::kubernetes::secret::{SecretError, SecretStore, StoredSecret, Values};
use crate::platform::{Error, Keeper, TechnicalAdmin};

/// Keys of the Secret.
const USER_ID: &str = "userID";
const EMAIL: &str = "email";
const TOKEN: &str = "token";

/// Keeps them for one Platform.
#[derive(Debug)]
pub(super) struct SecretKeeper {
    secrets: SecretStore,
    namespace: String,
    platform: String,
    uid: String,
    /// Where the Dashboard is: a restored copy of it has organisations of the same ids.
    url: String,
    owner: OwnerReference,
    clock: Clock,
}

impl SecretKeeper {
    pub(super) fn new(secrets: SecretStore, platform: &Platform, url: String, clock: Clock) -> Self {
        Self {
            secrets,
            namespace: platform.namespace().unwrap_or_default(),
            platform: platform.name_any(),
            uid: platform.uid().unwrap_or_default(),
            url,
            owner: describe::owner(platform),
            clock,
        }
    }

    /// Whether a Secret of that name is the operator's own: another Platform of this namespace may be the same Dashboard.
    fn is_ours(&self, stored: &StoredSecret, organization_id: &str) -> bool {
        let is = |found: Option<&String>, value: &str| found.is_some_and(|found| found == value);
        is(stored.labels.get(LABEL_MANAGED_BY), FIELD_MANAGER)
            && is(stored.labels.get(LABEL_KIND), Kind::Platform.as_str())
            && is(stored.annotations.get(SECRET_EXTERNAL_ID), organization_id)
            && is(stored.annotations.get(SECRET_PLATFORM_URL), &self.url)
    }

    fn image(&self, name: String, organization_id: &str, admin: &TechnicalAdmin) -> SecretImage {
        let text = |pairs: &[(&str, String)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
        };
        SecretImage {
            namespace: self.namespace.clone(),
            name,
            type_: "Opaque".to_owned(),
            labels: text(&[
                (LABEL_MANAGED_BY, FIELD_MANAGER.to_owned()),
                (LABEL_KIND, Kind::Platform.as_str().to_owned()),
                (LABEL_NAME, self.platform.clone()),
            ]),
            annotations: text(&[
                (SECRET_OWNER_UID, self.uid.clone()),
                (SECRET_EXTERNAL_ID, organization_id.to_owned()),
                (SECRET_PLATFORM_URL, self.url.clone()),
                (SECRET_ISSUED_AT, self.clock.now().to_string()),
            ]),
            owner: Some(self.owner.clone()),
            values: Values::from([
                (USER_ID.to_owned(), SecretString::from(admin.user_id.as_str())),
                (EMAIL.to_owned(), SecretString::from(admin.email.as_str())),
                (TOKEN.to_owned(), admin.key.clone()),
            ]),
            applied: Applied::default(),
            dropped: &[],
            outdated: &[],
        }
    }
}

#[async_trait]
impl Keeper for SecretKeeper {
    async fn technical_admin(&self, organization_id: &str) -> Result<Option<TechnicalAdmin>, Error> {
        let name = naming::technical_admin_secret(organization_id);
        let stored = self.secrets.get(&self.namespace, &name).await.map_err(|error| failed("read", &name, error))?;
        Ok(stored.filter(|stored| self.is_ours(stored, organization_id)).and_then(|stored| {
            let value = |key| stored.values.get(key).filter(|value| !value.expose_secret().is_empty());
            Some(TechnicalAdmin {
                user_id: value(USER_ID)?.expose_secret().to_owned(),
                email: value(EMAIL)?.expose_secret().to_owned(),
                key: value(TOKEN)?.clone(),
            })
        }))
    }

    async fn keep(&self, organization_id: &str, admin: &TechnicalAdmin) -> Result<(), Error> {
        let name = naming::technical_admin_secret(organization_id);
        let failed = |error| failed("keep", &name, error);
        let image = self.image(name.clone(), organization_id, admin);
        match self.secrets.get(&self.namespace, &name).await.map_err(failed)? {
            None => self.secrets.create(&image, false).await.map(drop).map_err(failed),
            Some(stored) if self.is_ours(&stored, organization_id) => {
                self.secrets.replace(&image, &stored, false).await.map(drop).map_err(failed)
            }
            Some(_) => Err(failed(SecretError::AlreadyExists)),
        }
    }
}

fn failed(doing: &str, name: &str, error: SecretError) -> Error {
    let message = match &error {
        SecretError::AlreadyExists => {
            format!(
                "the Secret {name} in the Platform's namespace is not the operator's, or another Dashboard's: delete it, or give that \
             Dashboard's Platform another namespace"
            )
        }
        _ => format!("the Secret {name} in the Platform's namespace cannot be read or written"),
    };
    Error::new(FaultKind::Unavailable(None), format!("{doing} the technical administrator"), message).with_source(error)
}
