//! Users and their memberships.

use async_trait::async_trait;
use http::Method;
use serde_json::json;

use super::shown::{Shown as _, ShownUser};
use super::{Rockfish, send};
use crate::domain::entity::{
    Created, InOrganization, Lookup, NewUser, Page, Record as _, User, UserChange, UserRecord,
};
use crate::domain::fault::FaultKind;
use crate::platform::http::{Call, Effect};
use crate::platform::{Backend, Ended, Error};

/// The one role that the page shows; without it a member has none.
const ADMIN: &str = "Admin";

#[async_trait]
impl Backend<User> for Rockfish {
    /// By id, or by e-mail address where users can be listed, whatever the case of its letters: two addresses that differ
    /// only in that are one mailbox nearly everywhere. Users are global, so the organisation does not matter. There are no
    /// owner marks.
    async fn find(&self, _: &InOrganization, lookup: &Lookup) -> Result<Vec<UserRecord>, Error> {
        let operation = "find User";
        let found: Vec<ShownUser> = match lookup {
            Lookup::Id(id) => self.users.get(self.admin(operation)?, operation, id).await?.into_iter().collect(),
            Lookup::Name(email) => {
                let mut all: Vec<ShownUser> = self.users.all(self.admin(operation)?, operation).await?;
                all.retain(|user| user.email.eq_ignore_ascii_case(email));
                all
            }
            Lookup::Owner(_) => Vec::new(),
        };
        Ok(found.into_iter().map(ShownUser::record).collect())
    }

    /// A list of users is of all organisations and does not show who is in which: taken for the members of one, it would
    /// put everybody into it.
    async fn list(&self, _: &InOrganization, _: Option<&str>) -> Result<Page<UserRecord>, Error> {
        let message = "Rockfish does not show which users are in an organisation";
        Err(Error::new(FaultKind::Unsupported, "list Users", message))
    }

    /// Creates the user, who is in no organisation then: the membership follows by an update with its roles. The initial
    /// token is the one-time value.
    async fn create(&self, new: NewUser) -> Result<Created<User>, Error> {
        let operation = "create User";
        let Some(email) = &new.email else {
            let message = "email: Rockfish knows users by it alone: give one, for a machine too";
            return Err(Error::new(FaultKind::Invalid, operation, message));
        };
        let asks_for_more = UserChange {
            first_name: new.first_name.clone(),
            last_name: new.last_name.clone(),
            roles: new.roles.clone(),
            permissions: new.permissions.clone(),
            ..UserChange::default()
        };
        check(operation, &asks_for_more)?;
        if new.password.is_some() {
            let message = "initialPassword: Rockfish documents no call that sets one: leave it out";
            return Err(Error::new(FaultKind::Unsupported, operation, message));
        }
        let call = Call::new(operation, Effect::Creates, Method::POST, ["user"]).json(&json!({ "email": email }))?;
        let reply = match (&self.admin, &self.public, &self.invite) {
            (Some(admin), ..) => send(admin, call).await?,
            (None, Some(public), Some(invite)) => send(public, call.query("invite", invite.clone())).await?,
            (None, ..) => {
                let message = "give the Platform's rockfish.adminURL, or url with inviteCodeSecretRef";
                return Err(Error::new(FaultKind::Unsupported, operation, message));
            }
        };
        let mut made: ShownUser = reply.json()?;
        if !made.has_id() {
            return Err(reply.strange("answered with an id that no object can have"));
        }
        let one_time = made.token.take();
        let record = UserRecord { user_type: new.user_type, ..made.record() };
        Ok(Created { record, one_time, unfinished: true })
    }

    /// Makes the user a member with these roles, whole. An address or a name cannot be changed. Where the platform does not
    /// show the address it has, the one of the manifest is taken for that: a changed one is not noticed then.
    async fn update(&self, scope: &InOrganization, id: &str, change: &UserChange) -> Result<UserRecord, Error> {
        let operation = "update User";
        check(operation, change)?;
        let mut record = match &change.email {
            Some(email) => self.known_by(operation, id, email).await?,
            None => UserRecord::unseen(id, ""),
        };
        if let Some(roles) = &change.roles {
            let admin = self.admin.as_ref().ok_or_else(|| {
                let message = "only the admin API makes a user a member of an organisation: give the Platform's \
                               rockfish.adminURL, or let an Admin of the organisation add the user";
                Error::new(FaultKind::Unsupported, operation, message)
            })?;
            let path = ["organization", &scope.organization_id, "user", id];
            let call = Call::new(operation, Effect::Repeatable, Method::PUT, path);
            send(admin, call.json(&json!({ "roles": roles }))?).await?;
            record.roles = Some(roles.clone());
        }
        Ok(record)
    }

    /// Ends the membership, and with it the user's access to the organisation, and lets the user be. Users are global:
    /// deleting one would take away their access to other organisations, other tenants' maybe, and what they own there,
    /// and no call shows whether they have any.
    async fn delete(&self, scope: &InOrganization, id: &str) -> Result<Ended, Error> {
        let operation = "delete User";
        let path = ["organization", &scope.organization_id, "user", id];
        self.users.detach::<ShownUser>(self.admin(operation)?, operation, id, path).await
    }
}

impl Rockfish {
    /// The user with that id, who has to have that address as far as the platform shows it.
    async fn known_by(&self, operation: &str, id: &str, email: &str) -> Result<UserRecord, Error> {
        let shown: Result<Option<ShownUser>, Error> = match &self.admin {
            Some(admin) => self.users.get(admin, operation, id).await,
            None => Err(Error::new(FaultKind::Unsupported, operation, "only the admin API reads users")),
        };
        let (kind, message) = match shown {
            Ok(Some(user)) if user.email.eq_ignore_ascii_case(email) => return Ok(user.record()),
            Err(error) if error.kind == FaultKind::Unsupported => {
                return Ok(UserRecord { email: Some(email.to_owned()), ..UserRecord::unseen(id, email) });
            }
            Err(error) => return Err(error),
            Ok(Some(_)) => {
                (FaultKind::Unsupported, "email: Rockfish documents no call that changes a user's: make another User")
            }
            Ok(None) => (FaultKind::NotFound, "the platform does not have that user"),
        };
        Err(Error::new(kind, operation, message))
    }
}

/// Refuses what a user cannot have.
fn check(operation: &str, asked: &UserChange) -> Result<(), Error> {
    let refused = [
        (asked.first_name.is_some(), "firstName: Rockfish's users have no names: leave it out"),
        (asked.last_name.is_some(), "lastName: Rockfish's users have no names: leave it out"),
        (asked.permissions.is_some(), "tyk.permissions: only Tyk has them: leave them out"),
        (matches!(asked.owner, Some(Some(_))), "Rockfish keeps no owner marks"),
    ];
    if let Some((_, message)) = refused.into_iter().find(|(given, _)| *given) {
        return Err(Error::new(FaultKind::Unsupported, operation, message));
    }
    match asked.roles.iter().flatten().find(|role| *role != ADMIN) {
        None => Ok(()),
        Some(role) => {
            let message = format!("roles: {role} is none of Rockfish's: write [Admin] or []");
            Err(Error::new(FaultKind::Invalid, operation, message))
        }
    }
}
