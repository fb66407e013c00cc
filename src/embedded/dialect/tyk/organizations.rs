//! `/admin/organisations`.
//!
//! An organisation is kept as it was given, members that nobody knows included, and shown so: with its id, its
//! `owner_name` and what was given. The vendor's page shows one with five members, the vendor's description of the API
//! one with all, and it requires none of them; so a member that was never given, or given as `null` where the types do
//! not allow that, is left out here.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::access::{Admin, Id};
use super::paging::{Page, pages};
use super::reply::{Body, Meta, Refusal, ok, read};
use super::{Serving, TYK, id};
use crate::domain::entity::{NewOrganization, TykSettings};
use crate::embedded::documents::{Attributes, OrganizationDocument, OrganizationParticulars};
use crate::embedded::error::DirectoryError;

/// The members that are never `null`.
const NEVER_NULL: [&str; 11] = [
    "id",
    "owner_name",
    "owner_slug",
    "cname",
    "cname_enabled",
    "developer_count",
    "developer_quota",
    "hybrid_enabled",
    "sso_enabled",
    "open_policy",
    "ui",
];

/// The types of the members, as the vendor's description of the API has them.
#[derive(Deserialize)]
#[expect(dead_code, reason = "a document is kept as it was given; only whether its members have these types is asked")]
struct Types {
    id: Option<String>,
    owner_name: Option<String>,
    owner_slug: Option<String>,
    cname: Option<String>,
    cname_enabled: Option<bool>,
    apis: Option<Vec<ApiTypes>>,
    developer_count: Option<i64>,
    developer_quota: Option<i64>,
    hybrid_enabled: Option<bool>,
    sso_enabled: Option<bool>,
    event_options: Option<BTreeMap<String, EventTypes>>,
    org_options_meta: Option<Attributes>,
    open_policy: Option<PolicyTypes>,
    additional_permissions: Option<BTreeMap<String, String>>,
    ui: Option<Attributes>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "as above")]
struct ApiTypes {
    api_human_name: Option<String>,
    api_id: Option<String>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "as above")]
struct EventTypes {
    email: Option<String>,
    webhook: Option<String>,
    redis: Option<bool>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "as above")]
struct PolicyTypes {
    enabled: Option<bool>,
    rules: Option<String>,
}

/// What a request says of an organisation.
struct Given {
    id: Option<String>,
    owner_name: String,
    rest: Attributes,
}

impl Given {
    fn read(body: Body, empty: Refusal) -> Result<Self, Refusal> {
        let mut rest: Attributes = read(body, empty, Refusal::MALFORMED)?;
        Types::deserialize(&Value::Object(rest.clone())).map_err(|_| Refusal::MALFORMED)?;
        rest.retain(|name, value| !value.is_null() || !NEVER_NULL.contains(&name.as_str()));
        let mut text = |name| match rest.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        Ok(Self { id: text("id"), owner_name: text("owner_name").unwrap_or_default(), rest })
    }

    async fn create(self, serving: &Serving, id: Option<String>) -> Result<String, DirectoryError> {
        let new = NewOrganization {
            idempotency_key: String::new(),
            name: self.owner_name,
            display_name: None,
            owner: String::new(),
            admin: None,
            key_pair: None,
            link: None,
            tyk: TykSettings::default(),
        };
        let particulars = OrganizationParticulars { id, attributes: self.rest };
        let made = serving.directory.create_organization_with(&TYK, new, particulars, serving.clock.now()).await?;
        Ok(made.id)
    }
}

fn shown(document: OrganizationDocument) -> Attributes {
    let mut members = document.attributes;
    members.insert("id".to_owned(), document.id.into());
    members.insert("owner_name".to_owned(), document.name.into());
    members
}

#[derive(Serialize)]
pub(super) struct List {
    organisations: Vec<Attributes>,
    pages: u64,
}

pub(super) async fn list(_: Admin, page: Page, State(serving): State<Serving>) -> Result<Json<List>, Refusal> {
    let (found, all) = serving.directory.organization_documents(page.part(serving.seen())).await?;
    Ok(Json(List { organisations: found.into_iter().map(shown).collect(), pages: pages(all) }))
}

/// The id is the server's own: one in the body is not heeded.
pub(super) async fn create(_: Admin, State(serving): State<Serving>, body: Body) -> Result<Response, Refusal> {
    let made = Given::read(body, Refusal::EMPTY)?.create(&serving, None).await?;
    Ok(ok("Org created", Meta::Text(made)))
}

/// As a creation, with the id of the body. Our own decisions: one without an id, or with one that is not 24 hexadecimal
/// digits, is malformed, and one whose id is taken is refused and changes nothing.
pub(super) async fn import(_: Admin, State(serving): State<Serving>, body: Body) -> Result<Response, Refusal> {
    let given = Given::read(body, Refusal::EMPTY)?;
    let id = given.id.as_deref().and_then(id).ok_or(Refusal::MALFORMED)?;
    let made = given.create(&serving, Some(id)).await.map_err(|error| match error {
        DirectoryError::AlreadyExists { .. } => Refusal::NOT_IMPORTED,
        error => error.into(),
    })?;
    Ok(ok("Org imported", Meta::Text(made)))
}

pub(super) async fn show(_: Admin, Id(id): Id, State(serving): State<Serving>) -> Result<Json<Attributes>, Refusal> {
    let found = serving.directory.organization_document(&id, serving.seen()).await?;
    Ok(Json(shown(found.ok_or(Refusal::NO_ORGANIZATION)?)))
}

/// The whole document is replaced: what the body leaves out is gone, `apis` included. Only the id stays.
pub(super) async fn replace(
    _: Admin,
    Id(id): Id,
    State(serving): State<Serving>,
    body: Body,
) -> Result<Response, Refusal> {
    let given = Given::read(body, Refusal::EMPTY_REPLACEMENT)?;
    let replaced = serving.directory.replace_organization_document(&TYK, &id, given.owner_name, &given.rest).await;
    replaced.map_err(|error| match error {
        DirectoryError::NotFound { .. } => Refusal::NO_ORGANIZATION,
        error => error.into(),
    })?;
    Ok(ok("Org updated", Meta::Text(String::new())))
}

pub(super) async fn delete(_: Admin, Id(id): Id, State(serving): State<Serving>) -> Result<Response, Refusal> {
    let not_deleted = |error: DirectoryError| {
        tracing::warn!(error = &error as &dyn std::error::Error, "the directory could not delete an organisation");
        Refusal::NOT_DELETED
    };
    let found = serving.directory.organization(&id).await.map_err(not_deleted)?;
    found.ok_or(Refusal::NO_ORGANIZATION)?;
    serving.directory.prune_organization(&id).await.map_err(not_deleted)?;
    Ok(ok("Org deleted", Meta::Text(String::new())))
}
