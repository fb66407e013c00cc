//! Organisations.

use async_trait::async_trait;
use http::Method;
use serde_json::json;

use super::shown::{Shown as _, ShownOrganization};
use super::{Rockfish, send};
use crate::domain::entity::{
    Created, Lookup, NewOrganization, Organization, OrganizationChange, OrganizationRecord, Page, Record as _,
};
use crate::domain::fault::FaultKind;
use crate::platform::http::{Call, Effect};
use crate::platform::{Backend, Ended, Error};

#[async_trait]
impl Backend<Organization> for Rockfish {
    /// By id, or by name where organisations can be listed. There are no owner marks.
    async fn find(&self, (): &(), lookup: &Lookup) -> Result<Vec<OrganizationRecord>, Error> {
        let operation = "find Organization";
        let found: Vec<ShownOrganization> = match lookup {
            Lookup::Id(id) => {
                self.organizations.get(self.admin(operation)?, operation, id).await?.into_iter().collect()
            }
            Lookup::Name(name) => {
                let mut all: Vec<ShownOrganization> = self.organizations.all(self.admin(operation)?, operation).await?;
                all.retain(|organization| organization.name == *name);
                all
            }
            Lookup::Owner(_) => Vec::new(),
        };
        Ok(found.into_iter().map(ShownOrganization::record).collect())
    }

    async fn list(&self, (): &(), _: Option<&str>) -> Result<Page<OrganizationRecord>, Error> {
        let operation = "list Organizations";
        let all: Vec<ShownOrganization> = self.organizations.all(self.admin(operation)?, operation).await?;
        Ok(Page { records: all.into_iter().map(ShownOrganization::record).collect(), next: None })
    }

    async fn create(&self, new: NewOrganization) -> Result<Created<Organization>, Error> {
        let operation = "create Organization";
        let admin = self.admin(operation)?;
        let refused = [
            (new.display_name.is_some(), "displayName: Rockfish has none: leave it out"),
            (new.admin.is_some(), "admin: Rockfish has none: leave it out, and make a User with the role Admin"),
        ];
        if let Some((_, message)) = refused.into_iter().find(|(given, _)| *given) {
            return Err(Error::new(FaultKind::Unsupported, operation, message));
        }
        let call = Call::new(operation, Effect::Creates, Method::POST, ["organization"]);
        let reply = send(admin, call.json(&json!({ "name": new.name }))?).await?;
        let made: ShownOrganization = reply.json()?;
        if !made.has_id() {
            return Err(reply.strange("answered with an id that no object can have"));
        }
        Ok(Created::whole(made.record()))
    }

    /// Nothing of an organisation can be changed by a call that is documented. A mark that is to be taken off was never
    /// there.
    async fn update(&self, (): &(), id: &str, change: &OrganizationChange) -> Result<OrganizationRecord, Error> {
        if *change == OrganizationChange::default()
            || *change == (OrganizationChange { owner: Some(None), ..OrganizationChange::default() })
        {
            return Ok(OrganizationRecord::unseen(id, ""));
        }
        let message = "Rockfish documents no call that changes an organisation";
        Err(Error::new(FaultKind::Unsupported, "update Organization", message))
    }

    async fn delete(&self, (): &(), id: &str) -> Result<Ended, Error> {
        let operation = "delete Organization";
        self.organizations.remove::<ShownOrganization>(self.admin(operation)?, operation, id).await
    }
}
