//! Roles.

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::admin::name;
use super::caller::{Caller, Path};
use super::refusal::Refusal;
use super::shown::{role, success, success_with};
use super::{ADMINISTRATORS, Face, Served};
use crate::embedded::dialect::body::{BodyError, Members, Unfit};
use crate::embedded::{Rights, RoleOutcome, RoleRecord};

type Body = Result<Members, BodyError>;

const ABSENT: Refusal = Refusal::NotFound("there is no such role");

pub(super) async fn list(State(face): Served, caller: Caller) -> Result<Json<Value>, Refusal> {
    let member = caller.with(Rights::READ)?;
    let roles = face.serving.directory.roles_of(member.organization()).await?;
    Ok(success_with("roles", [("roles", roles.iter().map(role).collect())]))
}

pub(super) async fn one(State(face): Served, caller: Caller, Path(name): Path<String>) -> Result<Json<Value>, Refusal> {
    let member = caller.with(Rights::READ)?;
    let found = existing(&face, member.organization(), &name).await?;
    Ok(success_with("role", [("role", role(&found))]))
}

pub(super) async fn create(State(face): Served, caller: Caller, body: Body) -> Result<Json<Value>, Refusal> {
    let member = caller.with(Rights::CREATE)?;
    let new = wanted(body?)?;
    member.may_handle(new.rights)?;
    done(face.serving.directory.create_role(member.organization(), new).await?)?;
    Ok(success("role created"))
}

pub(super) async fn change(State(face): Served, caller: Caller, body: Body) -> Result<Json<Value>, Refusal> {
    let member = caller.with(Rights::UPDATE)?;
    let new = wanted(body?)?;
    not_administrators(&new.name)?;
    member.may_handle(new.rights)?;
    member.may_handle(existing(&face, member.organization(), &new.name).await?.rights)?;
    done(face.serving.directory.update_role(member.organization(), new).await?)?;
    Ok(success("role modified"))
}

pub(super) async fn delete(
    State(face): Served,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let member = caller.with(Rights::DELETE)?;
    not_administrators(&name)?;
    member.may_handle(existing(&face, member.organization(), &name).await?.rights)?;
    done(face.serving.directory.delete_role(member.organization(), &name).await?)?;
    Ok(success("role deleted"))
}

/// The role that a body asks for.
fn wanted(mut body: Members) -> Result<RoleRecord, Refusal> {
    let name = name(&mut body, "name")?;
    let rights = body.integer("permissions")?.and_then(Rights::from_bits);
    let rule = "give a sum of create 1, read 2, update 4, delete 8 and execute 16";
    let rights = rights.ok_or_else(|| Unfit::new("permissions", rule))?;
    Ok(RoleRecord { name, rights })
}

/// Every organisation has `Administrators` with all rights, so it stays so.
fn not_administrators(name: &str) -> Result<(), Refusal> {
    if name == ADMINISTRATORS {
        return Err(Unfit::new("name", "Administrators stays as it is").into());
    }
    Ok(())
}

async fn existing(face: &Face, organization: &str, name: &str) -> Result<RoleRecord, Refusal> {
    let roles = face.serving.directory.roles_of(organization).await?;
    roles.into_iter().find(|role| role.name == name).ok_or(ABSENT)
}

fn done(outcome: RoleOutcome) -> Result<(), Refusal> {
    match outcome {
        RoleOutcome::Done => Ok(()),
        RoleOutcome::Absent => Err(ABSENT),
        RoleOutcome::Exists => Err(Refusal::Exists("a role of this name exists")),
        RoleOutcome::InUse => Err(Unfit::new("name", "users have this role: take it from them first").into()),
    }
}
