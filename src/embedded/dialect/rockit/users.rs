//! Users of the caller's organisation: persons and machines.

use axum::Json;
use axum::extract::{Query, State};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::admin::{email, label, name};
use super::caller::{Caller, Member, Path};
use super::organizations::Parameters;
use super::refusal::Refusal;
use super::shown::{USER_MEMBERS, success, success_with, user};
use super::{Face, ROCKIT, Served};
use crate::domain::entity::{NewUser, OfUser, UserRecord, UserType};
use crate::embedded::dialect::body::{BodyError, Members, Unfit};
use crate::embedded::{Attributes, MemberChange, NewCredentials, Part, Rights, UserParticulars, UserPatch};

type Body = Result<Members, BodyError>;

/// How many users a list has at most if nothing is said: the vendor's number.
const PAGE: u64 = 10;

/// The most that can be asked for.
const LONGEST_PAGE: u64 = 100;

const ABSENT: Refusal = Refusal::NotFound("there is no such user");

/// Creates a person, who is invited, or a machine, whose key is in the reply. A machine has a `label` and no `email`.
pub(super) async fn create(State(face): Served, caller: Caller, body: Body) -> Result<Json<Value>, Refusal> {
    let member = caller.with(Rights::CREATE)?;
    let mut body = body?;
    let username = name(&mut body, "username")?;
    let is_machine = body.has("label") && !body.has("email");
    let mut new = NewUser {
        idempotency_key: String::new(),
        organization_id: member.organization().to_owned(),
        user_type: if is_machine { UserType::Machine } else { UserType::Person },
        username,
        email: None,
        first_name: None,
        last_name: None,
        roles: None,
        permissions: None,
        owner: String::new(),
        password: None,
    };
    let mut attributes = Attributes::new();
    if is_machine {
        attributes.insert("label".to_owned(), label(&mut body, "label")?.into());
    } else {
        new.email = Some(email(&mut body)?);
        new.first_name = Some(label(&mut body, "firstname")?);
        new.last_name = Some(label(&mut body, "surname")?);
        if body.has("title") {
            attributes.insert("title".to_owned(), label(&mut body, "title")?.into());
        }
    }
    let roles = body.texts("roles")?.ok_or_else(|| Unfit::new("roles", "give it: it is missing"))?;
    may_give(&face, &member, &roles).await?;
    new.roles = Some(roles);
    let particulars = UserParticulars { attributes, access_key: is_machine, ..UserParticulars::default() };
    let now = face.serving.clock.now();
    let (_, key) = face.serving.directory.create_user_with(&ROCKIT, new, particulars, now).await?;
    Ok(with_key("user created", key.as_ref()))
}

fn with_key(message: &str, key: Option<&SecretString>) -> Json<Value> {
    match key {
        Some(key) => success_with(message, [("apiKey", json!(key.expose_secret()))]),
        None => success(message),
    }
}

async fn may_give(face: &Face, member: &Member, roles: &[String]) -> Result<(), Refusal> {
    member.may_give(roles, &face.serving.directory.roles_of(member.organization()).await?)
}

pub(super) async fn one(
    State(face): Served,
    caller: Caller,
    Path(username): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let member = caller.with(Rights::READ)?;
    let record = existing(&face, &member, &username).await?;
    let document = face.serving.directory.user_document(&record.id, face.serving.seen()).await?.ok_or(ABSENT)?;
    Ok(success_with("user", [("user", user(record, &document).into())]))
}

/// A part of the users, the oldest first.
pub(super) async fn list(State(face): Served, caller: Caller, parameters: Parameters) -> Result<Json<Value>, Refusal> {
    let member = caller.with(Rights::READ)?;
    let Query(parameters) = parameters.map_err(|_| Unfit::new("offset", "give the parameters as name=value"))?;
    let wanted = Wanted::read(&parameters)?;
    let directory = &face.serving.directory;
    let part = Part { seen: face.serving.seen(), skip: wanted.offset, limit: Some(wanted.limit) };
    let (documents, total) = directory.user_documents(member.organization(), part).await?;
    let mut users = Vec::new();
    for document in documents {
        // One who has gone meanwhile is left out.
        if let Some(record) = directory.user(member.organization(), &document.id).await? {
            users.push(Value::Object(wanted.fields_of(user(record, &document))));
        }
    }
    Ok(success_with("users", [("users", users.into()), ("total", total.into())]))
}

/// What part of a list is wanted.
struct Wanted {
    offset: u64,
    limit: u64,
    /// Empty: all.
    fields: Vec<String>,
}

impl Wanted {
    fn read(parameters: &[(String, String)]) -> Result<Self, Unfit> {
        let mut wanted = Self { offset: 0, limit: PAGE, fields: Vec::new() };
        for (name, value) in parameters {
            match name.as_str() {
                "offset" => wanted.offset = value.parse().map_err(|_| Unfit::new("offset", "give a number"))?,
                "limit" => {
                    let number = value.parse().ok().filter(|number| (1..=LONGEST_PAGE).contains(number));
                    wanted.limit = number.ok_or_else(|| Unfit::new("limit", "give a number from 1 to 100"))?;
                }
                "fields[]" | "fields" if USER_MEMBERS.contains(&value.as_str()) => wanted.fields.push(value.clone()),
                "fields[]" | "fields" => return Err(Unfit::new("fields[]", "name members of a user")),
                _ => {}
            }
        }
        Ok(wanted)
    }

    fn fields_of(&self, mut user: Map<String, Value>) -> Map<String, Value> {
        if !self.fields.is_empty() {
            user.retain(|name, _| self.fields.contains(name));
        }
        user
    }
}

/// Changes the user that the body names; what it leaves out is not touched.
pub(super) async fn change(State(face): Served, caller: Caller, body: Body) -> Result<Json<Value>, Refusal> {
    let member = caller.with(Rights::UPDATE)?;
    let mut body = body?;
    let username = name(&mut body, "username")?;
    let record = existing(&face, &member, &username).await?;
    let of = handled(&face, &member, &record).await?;
    let is_machine = record.user_type == UserType::Machine;
    let patch = patch(&mut body, is_machine)?;
    let roles = body.texts("roles")?;
    let credentials = match body.flag("resetCreds")? {
        false => None,
        true if is_machine => Some(NewCredentials::AccessKey),
        true => Some(NewCredentials::Invitation),
    };
    if let Some(roles) = &roles {
        may_give(&face, &member, roles).await?;
    }
    let change = MemberChange { patch, roles, credentials };
    let key = face.serving.directory.change_member(&ROCKIT, &of, change, face.serving.clock.now()).await?;
    Ok(with_key("user modified", key.as_ref()))
}

/// What of a person or a machine is to be changed; a member that only the other kind has is refused.
fn patch(body: &mut Members, is_machine: bool) -> Result<UserPatch, Unfit> {
    let mut patch = UserPatch::default();
    for member in ["email", "firstname", "surname", "title", "label"] {
        if !body.has(member) {
            continue;
        }
        if is_machine != (member == "label") {
            let rule = if is_machine { "a machine has none" } else { "a person has none" };
            return Err(Unfit::new(member, rule));
        }
        match member {
            "email" => patch.email = Some(email(body)?),
            "firstname" => patch.first_name = Some(label(body, member)?),
            "surname" => patch.last_name = Some(label(body, member)?),
            _ => {
                patch.attributes.insert(member.to_owned(), label(body, member)?.into());
            }
        }
    }
    Ok(patch)
}

pub(super) async fn delete(
    State(face): Served,
    caller: Caller,
    Path(username): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let member = caller.with(Rights::DELETE)?;
    let record = existing(&face, &member, &username).await?;
    let of = handled(&face, &member, &record).await?;
    face.serving.directory.delete_user(&of.organization_id, &of.user_id).await?;
    Ok(success("user deleted"))
}

async fn existing(face: &Face, member: &Member, username: &str) -> Result<UserRecord, Refusal> {
    let found = face.serving.directory.users_by_name(member.organization(), username).await?;
    found.into_iter().next().ok_or(ABSENT)
}

/// The user, if they have no more rights than who handles them.
async fn handled(face: &Face, member: &Member, record: &UserRecord) -> Result<OfUser, Refusal> {
    let rights = face.serving.directory.rights(member.organization(), &record.id).await?;
    member.may_handle(rights)?;
    Ok(OfUser { organization_id: member.organization().to_owned(), user_id: record.id.clone() })
}
