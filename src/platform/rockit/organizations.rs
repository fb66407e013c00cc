//! Organisations.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::{BackendCredential, Rockit, answer, as_account, check_name};
use crate::domain::entity::{
    Created, Lookup, NewOrganization, Organization, OrganizationChange, OrganizationRecord, Page, Record as _,
};
use crate::domain::fault::FaultKind;
use crate::platform::http::{Call, Effect, Exposed};
use crate::platform::{Backend, Ended, Error};

/// The body of the vendor's page.
#[derive(Serialize)]
struct Body<'a> {
    name: &'a str,
    label: &'a str,
    username: &'a str,
    email: &'a str,
    firstname: &'a str,
    surname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dxorglnk: Option<Exposed<'a>>,
    #[serde(rename = "orgPrivPemB64")]
    private_pem: Exposed<'a>,
    #[serde(rename = "orgPrivPW")]
    passphrase: Exposed<'a>,
}

#[async_trait]
impl Backend<Organization> for Rockit {
    /// An organisation cannot be read. With an account in it, that the account is accepted shows that it is there; nothing
    /// shows that it is not. There are no owner marks.
    async fn find(&self, (): &(), lookup: &Lookup) -> Result<Vec<OrganizationRecord>, Error> {
        let operation = "find Organization";
        let name = match lookup {
            Lookup::Id(name) | Lookup::Name(name) => name,
            Lookup::Owner(_) => return Ok(Vec::new()),
        };
        let unreadable = |message: &str| Error::new(FaultKind::Unsupported, operation, message);
        let Some(account) = self.acting.as_ref().filter(|account| account.organization == *name) else {
            return Err(unreadable("ROCKIT documents no call that reads an organisation"));
        };
        let call = Call::new(operation, Effect::Reads, Method::GET, ["be", "v1", "users"])
            .query("limit", "1")
            .wants([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN]);
        let reply = self.send(as_account(call, account)).await?;
        if reply.status == StatusCode::UNAUTHORIZED {
            return Err(unreadable(
                "the platform does not accept the organisation's account, which does not tell whether the organisation \
                 is there: ROCKIT documents no call that reads one",
            ));
        }
        // Who may not list users has been recognised all the same.
        if reply.status.is_success() {
            answer::users(&reply)?;
        }
        Ok(vec![OrganizationRecord::unseen(name, name)])
    }

    async fn list(&self, (): &(), _: Option<&str>) -> Result<Page<OrganizationRecord>, Error> {
        let message = "ROCKIT documents no call that lists organisations";
        Err(Error::new(FaultKind::Unsupported, "list Organizations", message))
    }

    /// The label is the display name, else the name. First and last name of the administrator and the passphrase are sent
    /// empty where there is none, because the page's request has them all.
    async fn create(&self, new: NewOrganization) -> Result<Created<Organization>, Error> {
        let operation = "create Organization";
        let invalid = |message: String| Error::new(FaultKind::Invalid, operation, message);
        check_name(&new.name).map_err(|rule| invalid(format!("externalName: {rule}")))?;
        let admin =
            new.admin.ok_or_else(|| invalid("admin: ROCKIT makes one with the organisation: give it".to_owned()))?;
        check_name(&admin.username).map_err(|rule| invalid(format!("admin.username: {rule}")))?;
        let key_pair = new
            .key_pair
            .ok_or_else(|| invalid("keyPair: ROCKIT gets one with the organisation: give it".to_owned()))?;
        if admin.password.is_some() {
            let message = "the administrator's password is the platform's to make";
            return Err(Error::new(FaultKind::Unsupported, operation, message));
        }
        let pem = SecretString::from(STANDARD.encode(key_pair.private_pem.expose_secret()));
        let passphrase = key_pair.passphrase.unwrap_or_default();
        let body = Body {
            name: &new.name,
            label: new.display_name.as_deref().unwrap_or(&new.name),
            username: &admin.username,
            email: &admin.email,
            firstname: admin.first_name.as_deref().unwrap_or_default(),
            surname: admin.last_name.as_deref().unwrap_or_default(),
            dxorglnk: new.link.as_ref().map(Exposed),
            private_pem: Exposed(&pem),
            passphrase: Exposed(&passphrase),
        };
        let call = Call::new(operation, Effect::Creates, Method::POST, ["adm", "v1", "orgs"]).json(&body)?;
        let reply = self.send(self.as_admin(call, operation)?).await?;
        answer::success(&reply)?;
        let record = OrganizationRecord {
            display_name: Some(body.label.to_owned()),
            ..OrganizationRecord::unseen(&new.name, &new.name)
        };
        // Newer servers send an invitation alone.
        let one_time = answer::value(&reply, "adminPW")?;
        Ok(Created { record, one_time, unfinished: false })
    }

    /// Nothing of an organisation can be changed by a call that is documented. A mark that is to be taken off was never
    /// there.
    async fn update(&self, (): &(), id: &str, change: &OrganizationChange) -> Result<OrganizationRecord, Error> {
        if *change == OrganizationChange::default()
            || *change == (OrganizationChange { owner: Some(None), ..OrganizationChange::default() })
        {
            return Ok(OrganizationRecord::unseen(id, id));
        }
        let message = "ROCKIT documents no call that changes an organisation";
        Err(Error::new(FaultKind::Unsupported, "update Organization", message))
    }

    /// Prunes, with all data: what the call does without `prune` is not public, so it is never sent without.
    async fn delete(&self, (): &(), id: &str) -> Result<Ended, Error> {
        let operation = "delete Organization";
        let backend = self.backend.as_ref().ok_or_else(|| {
            let message = "ROCKIT deletes an organisation for a backend account: give the Platform's \
                           rockit.backendTokenSecretRef or rockit.account";
            Error::new(FaultKind::Unsupported, operation, message)
        })?;
        let call = Call::new(operation, Effect::Repeatable, Method::DELETE, ["be", "v1", "orgs", id])
            .query("prune", "true")
            .wants([StatusCode::NOT_FOUND, StatusCode::BAD_REQUEST]);
        match self.send(as_backend(call, backend)).await {
            // A name that none can have.
            Err(error) if error.kind == FaultKind::NotFound => Ok(Ended::Absent),
            sent => answer::pruned(&sent?),
        }
    }
}

/// A call with the Platform's backend credential.
pub(super) fn as_backend(call: Call, backend: &BackendCredential) -> Call {
    match backend {
        BackendCredential::Token(token) => call.header("x-rockit-beauth-token", token.clone()),
        BackendCredential::Account(account) => as_account(call, account),
    }
}
