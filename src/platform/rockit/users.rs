//! Users of one organisation, for an account in it.

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{Rockit, answer, as_account, check_name};
use crate::domain::entity::{
    Created, InOrganization, Lookup, NewUser, Page, Record as _, User, UserChange, UserRecord, UserType,
};
use crate::domain::fault::FaultKind;
use crate::platform::http::{Call, Effect, Reply};
use crate::platform::{Backend, Ended, Error};

/// How many users a part of a list asks for. A server may give fewer.
const PAGE: usize = 100;

impl Rockit {
    /// The user with that name.
    pub(super) async fn user(
        &self,
        operation: &str,
        organization: &str,
        username: &str,
    ) -> Result<Option<UserRecord>, Error> {
        let account = self.account(operation, organization)?;
        let call = Call::new(operation, Effect::Reads, Method::GET, ["be", "v1", "users", username])
            .wants([StatusCode::NOT_FOUND]);
        match self.send(as_account(call, account)).await {
            // A name that nobody can have.
            Err(error) if error.kind == FaultKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(reply) if reply.status.is_success() => answer::user(&reply, username).map(Some),
            Ok(reply) => answer::absent(&reply).map(|()| None),
        }
    }

    /// Changes the members of the user's that are in `change`, and gives the reply. 404 is the caller's.
    pub(super) async fn patch_user(
        &self,
        operation: &str,
        organization: &str,
        change: &Map<String, Value>,
        wanted: &[StatusCode],
    ) -> Result<Reply, Error> {
        let account = self.account(operation, organization)?;
        let call = Call::new(operation, Effect::Repeatable, Method::PATCH, ["be", "v1", "users"]).json(change)?;
        self.send(as_account(call.wants(wanted.iter().copied()), account)).await
    }
}

#[async_trait]
impl Backend<User> for Rockit {
    /// By username, which is the id. There are no owner marks.
    async fn find(&self, scope: &InOrganization, lookup: &Lookup) -> Result<Vec<UserRecord>, Error> {
        match lookup {
            Lookup::Id(name) | Lookup::Name(name) => {
                Ok(self.user("find User", &scope.organization_id, name).await?.into_iter().collect())
            }
            Lookup::Owner(_) => Ok(Vec::new()),
        }
    }

    /// A part begins at an offset. Which parts the server gives is not public, so a part that is not full need not be the
    /// last: an empty one is, and one that begins as the part before, which is what a server gives that knows no offset.
    async fn list(&self, scope: &InOrganization, from: Option<&str>) -> Result<Page<UserRecord>, Error> {
        let operation = "list Users";
        let account = self.account(operation, &scope.organization_id)?;
        let (offset, before) = from.and_then(|from| from.split_once(' ')).unwrap_or(("0", ""));
        let call = Call::new(operation, Effect::Reads, Method::GET, ["be", "v1", "users"])
            .query("offset", offset)
            .query("limit", PAGE.to_string());
        let records = answer::users(&self.send(as_account(call, account)).await?)?;
        let next = match records.first() {
            None => None,
            Some(first) if first.username == before => return Ok(Page { records: Vec::new(), next: None }),
            Some(first) => {
                let offset = offset.parse::<usize>().unwrap_or_default().saturating_add(records.len());
                Some(format!("{offset} {}", first.username))
            }
        };
        Ok(Page { records, next })
    }

    /// A person is invited by e-mail and has no password before. A machine has a label, for which its name is taken; its API
    /// key is the one-time value, where the reply has it.
    async fn create(&self, new: NewUser) -> Result<Created<User>, Error> {
        let operation = "create User";
        let account = self.account(operation, &new.organization_id)?;
        let refused = |kind, message: String| Error::new(kind, operation, message);
        check_name(&new.username).map_err(|rule| refused(FaultKind::Invalid, format!("username: {rule}")))?;
        check(operation, new.permissions.is_some(), false)?;
        if new.password.is_some() {
            let message = "initialPassword: ROCKIT sends an invitation, and takes none: leave it out";
            return Err(refused(FaultKind::Unsupported, message.to_owned()));
        }
        let named = new.email.is_some() || new.first_name.is_some() || new.last_name.is_some();
        let roles = new.roles.clone().unwrap_or_default();
        let body = match (new.user_type, &new.email) {
            (UserType::Person, None) => {
                let message = "email: ROCKIT sends the invitation there: give one";
                return Err(refused(FaultKind::Invalid, message.to_owned()));
            }
            (UserType::Person, Some(email)) => json!({
                "username": new.username,
                "email": email,
                "firstname": new.first_name.clone().unwrap_or_default(),
                "surname": new.last_name.clone().unwrap_or_default(),
                "roles": roles,
            }),
            (UserType::Machine, _) if named => {
                let message = "email, firstName, lastName: a machine has none on ROCKIT: leave them out";
                return Err(refused(FaultKind::Unsupported, message.to_owned()));
            }
            (UserType::Machine, _) => json!({ "username": new.username, "label": new.username, "roles": roles }),
        };
        let call = Call::new(operation, Effect::Creates, Method::POST, ["be", "v1", "users"]).json(&body)?;
        let reply = self.send(as_account(call, account)).await?;
        let key =
            if reply.status == StatusCode::NO_CONTENT { None } else { answer::value(&reply, &self.api_key_member)? };
        let mut record = UserRecord {
            user_type: new.user_type,
            email: new.email,
            first_name: new.first_name,
            last_name: new.last_name,
            roles: Some(roles),
            ..UserRecord::unseen(&new.username, &new.username)
        };
        record.roles.iter_mut().for_each(|roles| roles.sort());
        Ok(Created { record, one_time: key.filter(|_| new.user_type == UserType::Machine), unfinished: false })
    }

    async fn update(&self, scope: &InOrganization, id: &str, change: &UserChange) -> Result<UserRecord, Error> {
        let operation = "update User";
        check(operation, change.permissions.is_some(), matches!(change.owner, Some(Some(_))))?;
        let UserChange { email, first_name, last_name, roles, .. } = change.clone();
        let changed = [
            ("email", email.clone().map(Value::from)),
            ("firstname", first_name.clone().map(Value::from)),
            ("surname", last_name.clone().map(Value::from)),
            ("roles", roles.clone().map(Value::from)),
        ];
        let mut body: Map<String, Value> =
            changed.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        // A mark that is to be taken off was never there.
        if !body.is_empty() {
            body.insert("username".to_owned(), id.into());
            self.patch_user(operation, &scope.organization_id, &body, &[]).await?;
        }
        Ok(UserRecord { email, first_name, last_name, roles, ..UserRecord::unseen(id, id) })
    }

    async fn delete(&self, scope: &InOrganization, id: &str) -> Result<Ended, Error> {
        let operation = "delete User";
        let account = self.account(operation, &scope.organization_id)?;
        let call = Call::new(operation, Effect::Repeatable, Method::DELETE, ["be", "v1", "users", id])
            .wants([StatusCode::NOT_FOUND]);
        match self.send(as_account(call, account)).await {
            // A name that nobody can have.
            Err(error) if error.kind == FaultKind::NotFound => Ok(Ended::Absent),
            sent => answer::gone(&sent?),
        }
    }
}

/// Refuses what a user cannot have.
fn check(operation: &str, permissions: bool, mark: bool) -> Result<(), Error> {
    let refused =
        [(permissions, "tyk.permissions: only Tyk has them: leave them out"), (mark, "ROCKIT keeps no owner marks")];
    match refused.into_iter().find(|(given, _)| *given) {
        None => Ok(()),
        Some((_, message)) => Err(Error::new(FaultKind::Unsupported, operation, message)),
    }
}
