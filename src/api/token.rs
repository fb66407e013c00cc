//! Token: a credential of a user, kept in a Secret and renewed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::core::Rule;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{PlatformRecord, SecretTarget, condition, rule};
use crate::domain::policy::DeletionPolicy;

/// A credential that a user should have.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "org-operator.dev",
    version = "v1alpha1",
    kind = "Token",
    plural = "tokens",
    shortname = "orgt",
    category = "org-operator",
    namespaced,
    status = "TokenStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "A Token is a credential of a User. Its value is written to a Secret under the key token, and renewed there before it ends. Deleting the resource revokes it, unless deletionPolicy says Retain.",
    validation = rule::name_fits_label(),
    selectable = ".spec.userRef.name",
    printcolumn(name = "READY", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#, description = "True once a valid token is in the Secret"),
    printcolumn(name = "REASON", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#, description = "Why it is or is not ready, in a word"),
    printcolumn(name = "USER", type_ = "string", json_path = ".spec.userRef.name", description = "The User whose credential it is"),
    printcolumn(name = "SECRET", type_ = "string", json_path = ".status.secretName", description = "The Secret with the token"),
    printcolumn(name = "ROTATES", type_ = "string", json_path = ".status.rotateAt", description = "When a new token takes its place"),
    printcolumn(name = "EXPIRES", type_ = "string", json_path = ".status.expiresAt", description = "When the token ends"),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "EXTERNAL-ID", type_ = "string", json_path = ".status.externalID", description = "The platform's id", priority = 1),
    printcolumn(name = "MESSAGE", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].message"#, description = "Why it is or is not ready, in a sentence", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rotation_fits_lifetime(),
    validation = rule::secret_name_fixed(),
    validation = rule::secret_type_fixed(),
)]
pub struct TokenSpec {
    /// The User whose credential it is, in this namespace. Cannot be changed later.
    #[x_kube(validation = rule::unchanged("userRef", "make another Token"))]
    pub user_ref: UserRef,
    /// How long a token is valid, `10m` to `87600h`, where the platform can let tokens end (capability `TokenExpiry`).
    /// Without `rotation` it is renewed when two thirds are over. Left out: it does not end. May change at any time.
    /// Example: `720h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = rule::duration(), validation = rule::duration_between("10m", "87600h"))]
    pub lifetime: Option<String>,
    /// When a new token takes the place of the old one. Left out: only where `lifetime` asks for it, or on request by
    /// the annotation `org-operator.dev/rotate-requested-at`. May change at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<TokenRotation>,
    /// What happens on the platform when this resource is deleted. `Delete`: the token is revoked. `Retain`: it goes on
    /// working. Default `Delete`. May change at any time; `Retain` lets a resource go whose deletion is stuck.
    #[serde(default = "delete")]
    pub deletion_policy: DeletionPolicy,
    /// The Secret with `token`, by default `<name of this resource>-token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretTarget>,
}

impl Default for TokenSpec {
    /// All that the API server fills in, and the token of no user.
    fn default() -> Self {
        Self { user_ref: UserRef::default(), lifetime: None, rotation: None, deletion_policy: delete(), secret: None }
    }
}

/// A token that is no longer in any manifest is a token that nobody remembers.
fn delete() -> DeletionPolicy {
    DeletionPolicy::Delete
}

/// A token must live until its successor has taken over, or consumers fail between the two. Without `overlap` it is the
/// operator's: a tenth of `every`, at most 24 hours.
fn rotation_fits_lifetime() -> Rule {
    let every = "duration(self.rotation.every).getSeconds()";
    let guard = |text| format!("!({})", rule::is_duration(text));
    Rule::new(format!(
        "!has(self.lifetime) || !has(self.rotation) \
         || {} || {} || (has(self.rotation.overlap) && {}) \
         || {every} + (has(self.rotation.overlap) ? duration(self.rotation.overlap).getSeconds() \
         : ({every} / 10 < 86400 ? {every} / 10 : 86400)) <= duration(self.lifetime).getSeconds()",
        guard("self.lifetime"),
        guard("self.rotation.every"),
        guard("self.rotation.overlap"),
    ))
    .message("rotation.every plus overlap must fit into lifetime")
}

/// Which User of this namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserRef {
    /// Name of the User, which is in this namespace.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = rule::dns_subdomain("a User's name"))]
    pub name: String,
}

/// When a new token takes the place of the old one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = overlap_is_shorter())]
pub struct TokenRotation {
    /// Age at which a new token is made, `10m` to `87600h`. A part of it, up to a tenth and drawn once per token, is
    /// taken off, so that many tokens of one age are not renewed at one moment. May change at any time. Example: `168h`.
    #[schemars(length(max = 24))]
    #[x_kube(validation = rule::duration(), validation = rule::duration_between("10m", "87600h"))]
    pub every: String,
    /// How long the old token goes on working beside the new one, `0s` to `8760h`. Left out: a tenth of `every`, at most
    /// 24 hours. Only where a user can have several tokens (capability `TokensPerUser`). May change at any time.
    /// Example: `24h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = rule::duration(), validation = rule::duration_between("0s", "8760h"))]
    pub overlap: Option<String>,
}

/// Otherwise there would be more than two tokens at a time.
fn overlap_is_shorter() -> Rule {
    Rule::new(format!(
        "!has(self.overlap) || !({}) || !({}) || duration(self.overlap) < duration(self.every)",
        rule::is_duration("self.overlap"),
        rule::is_duration("self.every"),
    ))
    .message("overlap must be shorter than every")
}

/// What the operator did for a Token. The value itself is only in the Secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = condition::status_default()))]
pub struct TokenStatus {
    /// Generation of the resource that this status speaks about; -1 before the operator's first visit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready` is always there. `Reconciling`, `Stalled`, `Paused`, `Expiring` and `LeftBehind` are there only while
    /// True.
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
    /// The Platform that the token was made on, recorded so that it can be revoked when User and Organization are gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<PlatformRecord>,
    /// The platform's id of the organisation, recorded so that the token can be revoked when User and
    /// Organization are gone.
    #[serde(rename = "organizationID", skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// The platform's id of the user, recorded so that the token can be revoked when User and
    /// Organization are gone.
    #[serde(rename = "userID", skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The platform's id of the token; no part of its value.
    #[serde(rename = "externalID", skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Name of the Secret with the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
    /// SHA-256 over the operator's keys in that Secret; tells whether somebody edited it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_digest: Option<String>,
    /// When the token was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Time>,
    /// When the token ends; not there if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// When a new token takes its place; not there if none will.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotate_at: Option<Time>,
    /// The token before this one, until it is revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousToken>,
    /// Number of the last attempt to make a token; recorded before the request is sent, where the platform would not
    /// tell afterwards. Messages that ask for `org-operator.dev/resolve` name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<i64>,
    /// True while nobody knows what came of that attempt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub attempt_open: bool,
    /// The platform's ids of tokens that live and that the operator cannot revoke, or must not because it does not know
    /// whether they are in use. The condition `LeftBehind` says what to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<String>,
}

/// The token before the current one. Its value is kept nowhere: the id is enough to revoke it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviousToken {
    /// The platform's id of it.
    #[serde(rename = "externalID")]
    pub external_id: String,
    /// When it is revoked.
    pub revoke_at: Time,
}
