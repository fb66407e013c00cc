//! User: a person or a machine in an organisation.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlatformRecord, SecretTarget, condition, rule};
use crate::domain::entity::UserType;
use crate::domain::policy::{AdoptionPolicy, DeletionPolicy, DriftPolicy, Origin};

const OTHER_USER: &str = "make another User";

/// A person or a machine that should exist in an organisation.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "org-operator.dev",
    version = "v1alpha1",
    kind = "User",
    plural = "users",
    shortname = "orgu",
    category = "org-operator",
    namespaced,
    status = "UserStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "A User is a person or a machine in an organisation. What the user logs in with is written to a Secret. Unless deletionPolicy says Retain, the user is removed from the platform when this resource goes.",
    validation = rule::name_fits_label(),
    selectable = ".spec.organizationRef.name",
    printcolumn(name = "READY", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#, description = "True once all that the manifest asks for is there"),
    printcolumn(name = "REASON", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#, description = "Why it is or is not ready, in a word"),
    printcolumn(name = "ORGANIZATION", type_ = "string", json_path = ".spec.organizationRef.name", description = "The Organization that the user is in"),
    printcolumn(name = "TYPE", type_ = "string", json_path = ".spec.type", description = "Person or Machine"),
    printcolumn(name = "SECRET", type_ = "string", json_path = ".status.secretName", description = "The Secret with the user's credential"),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "EXTERNAL-ID", type_ = "string", json_path = ".status.externalID", description = "The platform's id", priority = 1),
    printcolumn(name = "EMAIL", type_ = "string", json_path = ".spec.email", description = "E-mail address", priority = 1),
    printcolumn(name = "MESSAGE", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].message"#, description = "Why it is or is not ready, in a sentence", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.type != 'Person' || has(self.email)").message("a Person needs an email"),
    validation = Rule::new("self.type == 'Person' || !has(self.initialPassword)")
        .message("initialPassword is for a Person: leave it out, a Machine uses tokens"),
    validation = rule::not_added_or_removed("username", OTHER_USER),
    validation = rule::not_removed("externalID", "the resource would lose the object that it stands for"),
    validation = rule::external_id_needs_adoption(),
    validation = rule::secret_name_fixed(),
    validation = rule::secret_type_fixed(),
)]
pub struct UserSpec {
    /// The Organization that the user is in, in this namespace. Cannot be changed later.
    #[x_kube(validation = rule::unchanged("organizationRef", OTHER_USER))]
    pub organization_ref: OrganizationRef,
    /// `Person`: somebody who logs in with a password or an invitation, and needs an `email`. `Machine`: a program that
    /// uses tokens. Cannot be changed later.
    #[serde(rename = "type")]
    #[x_kube(validation = rule::unchanged("type", OTHER_USER))]
    pub type_: UserType,
    /// Login name on the platform. Left out: the name of this resource (on ROCKIT with `_` for `-` and `.`). Tyk and
    /// Rockfish know users by `email` only. Cannot be added, changed or removed later. Example: `ada`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(
        validation = rule::unchanged("username", OTHER_USER),
        validation = rule::printable("username"),
    )]
    pub username: Option<String>,
    /// E-mail address. A Person needs one; on Tyk and Rockfish a Machine does too. May change at any time, where the
    /// platform can change it. Example: `ada@acme.example`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 254))]
    #[x_kube(validation = rule::email(), validation = rule::printable("email"))]
    pub email: Option<String>,
    /// First name. Left out: not touched on the platform. May change at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    #[x_kube(validation = rule::printable("firstName"))]
    pub first_name: Option<String>,
    /// Last name. Left out: not touched on the platform. May change at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    #[x_kube(validation = rule::printable("lastName"))]
    pub last_name: Option<String>,
    /// The user's roles in the organisation, whole, by the platform's own names: `Administrators` on ROCKIT and the
    /// embedded directory, `Admin` on Rockfish and Tyk. `[]` takes all roles away; left out, roles are not touched. May
    /// change at any time. Example: `[Administrators]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub roles: Option<Vec<String>>,
    /// Settings that only Tyk has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tyk: Option<TykUser>,
    /// Whether a Person gets a password from the operator. `Generate`: yes, and it is written to the Secret. `None`: no.
    /// Left out: where the platform lets a password be set and sends no invitation. May change at any
    /// time, but only acts when the user is created: later a password is reset by the annotation
    /// `org-operator.dev/rotate-requested-at` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "InitialPassword")]
    pub initial_password: Option<InitialPassword>,
    /// The Secret with `username` and `password` (Person) and `token` (where creating the user returned one), by default
    /// `<name of this resource>-credentials`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretTarget>,
    /// The platform's id of a user that exists: take over exactly this one and never create. Goes with
    /// `adoptionPolicy: IfExists`. May be added later, then not changed or removed.
    #[serde(rename = "externalID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rule::unchanged("externalID", OTHER_USER))]
    pub external_id: Option<String>,
    /// What to do with a user of that name that is on the platform already. `Never`: leave it alone and say
    /// `AlreadyExists`. `IfExists`: take it over, where the Platform grants it. Default `Never`. May change at any time.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,
    /// What happens on the platform when this resource is deleted. `Delete`: the user is removed and can no longer log
    /// in. `Retain`: the user stays. Default `Delete`. May change at any time; `Retain` lets a resource go whose deletion
    /// is stuck.
    #[serde(default = "delete")]
    pub deletion_policy: DeletionPolicy,
    /// What to do when the platform differs from this manifest. `Correct`: put it back. `Report`: write nothing to the
    /// platform after creation or adoption and list the differences in `status.drift`. Default `Correct`. May change at
    /// any time.
    #[serde(default)]
    pub drift_policy: DriftPolicy,
}

impl Default for UserSpec {
    /// All that the API server fills in, and a Machine of no organisation: the type that needs nothing else.
    fn default() -> Self {
        Self {
            organization_ref: OrganizationRef::default(),
            type_: UserType::Machine,
            username: None,
            email: None,
            first_name: None,
            last_name: None,
            roles: None,
            tyk: None,
            initial_password: None,
            secret: None,
            external_id: None,
            adoption_policy: AdoptionPolicy::default(),
            deletion_policy: delete(),
            drift_policy: DriftPolicy::default(),
        }
    }
}

/// Access that is no longer in any manifest is access that nobody remembers.
fn delete() -> DeletionPolicy {
    DeletionPolicy::Delete
}

/// Which Organization of this namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationRef {
    /// Name of the Organization, which is in this namespace.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = rule::dns_subdomain("an Organization's name"))]
    pub name: String,
}

/// Whether a new person gets a password from the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum InitialPassword {
    /// The operator generates one.
    Generate,
    /// The person has none, or the platform sees to it.
    None,
}

/// What only Tyk has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TykUser {
    /// Tyk's `user_permissions`, merged: what is left out is not touched. The values are `read`, `write`, `deny` and
    /// `admin`. May change at any time. Example: `{apis: write, analytics: read}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 64))]
    pub permissions: Option<BTreeMap<String, TykPermission>>,
}

/// A level of access in Tyk's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TykPermission {
    /// See.
    Read,
    /// See and change.
    Write,
    /// Neither.
    Deny,
    /// All; only `IsAdmin` and `ResetPassword` take it.
    Admin,
}

impl TykPermission {
    /// Tyk's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Deny => "deny",
            Self::Admin => "admin",
        }
    }
}

/// What the operator did for a User.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = condition::status_default()))]
pub struct UserStatus {
    /// Generation of the resource that this status speaks about; -1 before the operator's first visit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready` is always there. `Reconciling`, `Stalled`, `Paused` and `Drifted` are there only while True.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The last value of `org-operator.dev/reconcile-requested-at` or `reconcile.fluxcd.io/requestedAt` that was acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// The last value of `org-operator.dev/rotate-requested-at` that was acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_rotate_at: Option<String>,
    /// The last value of `org-operator.dev/resolve` that was acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_resolve: Option<String>,
    /// The Platform that the user was made on, recorded so that the user can be deleted when the Organization is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<PlatformRecord>,
    /// The platform's id of the organisation, recorded so that the user can be deleted when the
    /// Organization is gone.
    #[serde(rename = "organizationID", skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// The platform's id of the user.
    #[serde(rename = "externalID", skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// `Created` by the operator, or `Adopted`: it was there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Origin")]
    pub origin: Option<Origin>,
    /// Name of the Secret with the user's credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
    /// SHA-256 over the operator's keys in that Secret; tells whether somebody edited it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_digest: Option<String>,
    /// Id of the key in that Secret, where a user has one key and keys have no ids of their own on the platform.
    #[serde(rename = "keyID", skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Paths of the fields in which the platform differs, with `driftPolicy: Report`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<String>,
    /// Number of the last attempt to make the object; recorded before the request is sent, where the platform would not
    /// tell afterwards. Messages that ask for `org-operator.dev/resolve` name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<i64>,
    /// True while nobody knows what came of that attempt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub attempt_open: bool,
}
