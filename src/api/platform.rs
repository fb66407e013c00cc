//! Platform: where an admin API is, and who may use it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SecretKeyRef, Support, condition, rule};

const OTHER_PLATFORM: &str = "make another Platform";

/// Where the admin API of a platform is, the credential for it, and which namespaces may use it.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "org-operator.dev",
    version = "v1alpha1",
    kind = "Platform",
    plural = "platforms",
    shortname = "orgp",
    category = "org-operator",
    namespaced,
    status = "PlatformStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "A Platform says where the admin API of a multi-tenant platform is, which credential opens it and which namespaces may make organisations on it. Deleting one is accepted at once and done when the last object made on it has gone.",
    validation = rule::name_fits_label(),
    printcolumn(name = "READY", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#, description = "True once the credential was accepted"),
    printcolumn(name = "REASON", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#, description = "Why it is or is not ready, in a word"),
    printcolumn(name = "TYPE", type_ = "string", json_path = ".status.type", description = "Kind of platform"),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.url", description = "Where the platform is"),
    printcolumn(name = "NAMESPACES", type_ = "string", json_path = ".spec.allowedNamespaces.from", description = "Which namespaces may use it", priority = 1),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "MESSAGE", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].message"#, description = "Why it is or is not ready, in a sentence", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("[has(self.embedded), has(self.tyk), has(self.rockfish), has(self.rockit)].exists_one(given, given)")
        .message("give exactly one of embedded, tyk, rockfish and rockit"),
    validation = Rule::new("has(self.embedded) == has(oldSelf.embedded) && has(self.tyk) == has(oldSelf.tyk) \
        && has(self.rockfish) == has(oldSelf.rockfish) && has(self.rockit) == has(oldSelf.rockit)")
        .message(format!("the kind of platform cannot change: {OTHER_PLATFORM}").as_str()),
    validation = Rule::new("self.insecure || !( \
        (has(self.tyk) && self.tyk.url.startsWith('http://')) \
        || (has(self.rockit) && self.rockit.url.startsWith('http://')) \
        || (has(self.rockfish) && has(self.rockfish.adminURL) && self.rockfish.adminURL.startsWith('http://')) \
        || (has(self.rockfish) && has(self.rockfish.url) && self.rockfish.url.startsWith('http://')))")
        .message("an http:// URL needs insecure: true, because credentials would cross the network in the clear"),
)]
pub struct PlatformSpec {
    /// The operator's own directory of organisations, users and tokens: `embedded: {}`. There is one per operator, and
    /// all Platforms of this kind share it. Give exactly one of `embedded`, `tyk`, `rockfish` and `rockit`; the choice
    /// cannot change later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedded: Option<EmbeddedPlatform>,
    /// A Tyk Dashboard. The choice cannot change later; what is in it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tyk: Option<TykPlatform>,
    /// A Rockfish Data Platform. The choice cannot change later; what is in it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rockfish: Option<RockfishPlatform>,
    /// A ROCKIT Edge gateway. The choice cannot change later; what is in it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rockit: Option<RockitPlatform>,
    /// Which certificate authorities to trust for the platform's certificate. Left out: those of the operator's image.
    /// Verification cannot be switched off. May change at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<PlatformTls>,
    /// Allows `http://` URLs, over which credentials travel readable for everybody on the way. Default `false`. May
    /// change at any time.
    #[serde(default)]
    pub insecure: bool,
    /// How long the operator waits for the answer to one request, `1s` to `30s`. Default `5s`. May change at any time.
    #[serde(default = "default_timeout")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = rule::duration(), validation = rule::duration_between("1s", "30s"))]
    pub timeout: String,
    /// How hard the operator may use this platform. `embedded` is exempt, but for `deletionsPerHour`: what is deleted
    /// there cannot be brought back either. May change at any time.
    #[serde(default)]
    pub limits: PlatformLimits,
    /// Which namespaces may make objects on this Platform, and what else they may do. Default: this namespace only. May
    /// change at any time; a grant that is withdrawn deletes nothing and never stops Users and Tokens from being revoked.
    #[serde(default)]
    pub allowed_namespaces: AllowedNamespaces,
}

impl PlatformSpec {
    /// The kind of platform; `None` only for a spec that the API server would refuse.
    pub fn platform_type(&self) -> Option<PlatformType> {
        match (&self.embedded, &self.tyk, &self.rockfish, &self.rockit) {
            (Some(_), None, None, None) => Some(PlatformType::Embedded),
            (None, Some(_), None, None) => Some(PlatformType::Tyk),
            (None, None, Some(_), None) => Some(PlatformType::Rockfish),
            (None, None, None, Some(_)) => Some(PlatformType::Rockit),
            _ => None,
        }
    }
}

impl Default for PlatformSpec {
    /// All that the API server fills in, and no platform.
    fn default() -> Self {
        Self {
            embedded: None,
            tyk: None,
            rockfish: None,
            rockit: None,
            tls: None,
            insecure: false,
            timeout: default_timeout(),
            limits: PlatformLimits::default(),
            allowed_namespaces: AllowedNamespaces::default(),
        }
    }
}

fn default_timeout() -> String {
    "5s".to_owned()
}

/// The operator's own directory. It has no settings here: its data directory is the operator's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EmbeddedPlatform {}

/// A Tyk Dashboard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TykPlatform {
    /// Base URL of the Dashboard, for example `https://dashboard.tyk.svc:3000`.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = rule::url())]
    pub url: String,
    /// The Dashboard's admin secret (`admin-auth`). Tyk's charts keep it under the key `AdminSecret`, so a Platform in
    /// Tyk's own namespace can use that Secret as it is.
    pub admin_secret_ref: SecretKeyRef,
}

/// A Rockfish Data Platform: the admin API, or the public API with an invite code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.adminURL) || (has(self.url) && has(self.inviteCodeSecretRef))")
    .message("give adminURL, or url with inviteCodeSecretRef"))]
pub struct RockfishPlatform {
    /// URL of the admin API, for example `http://rockfish.data.svc:8085` (with `insecure: true`).
    #[serde(rename = "adminURL", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = rule::url())]
    pub admin_url: Option<String>,
    /// URL of the public API, for example `https://rockfish.example.com`. Consumers get it as `platformURL` in templates.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = rule::url())]
    pub url: Option<String>,
    /// Invite code with which users are made where there is no admin API; needs `url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invite_code_secret_ref: Option<SecretKeyRef>,
}

/// A ROCKIT Edge gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.adminTokenSecretRef) != has(self.adminKeySecretRef)")
        .message("give exactly one of adminTokenSecretRef (a ready token) and adminKeySecretRef (the secret that tokens are made with)"),
    validation = Rule::new("!has(self.backendTokenSecretRef) || !has(self.account)")
        .message("give backendTokenSecretRef or account, not both"),
)]
pub struct RockitPlatform {
    /// URL of the Edge gateway, without `/adm` or `/be`, for example `https://edge.example.com`.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = rule::url())]
    pub url: String,
    /// A ready admin token, sent as `x-rockit-admin-token`. Give this or `adminKeySecretRef`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_token_secret_ref: Option<SecretKeyRef>,
    /// The admin secret (base64) from which the operator makes admin tokens of its own. Give this or
    /// `adminTokenSecretRef`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_key_secret_ref: Option<SecretKeyRef>,
    /// The `username` in tokens made with `adminKeySecretRef`. Default `org-operator`.
    #[serde(default = "default_admin_name")]
    #[schemars(length(min = 1, max = 253))]
    pub admin_name: String,
    /// A ready backend token, sent as `x-rockit-beauth-token`. It or `account` is needed to delete organisations; with
    /// neither, `capabilities` in status shows `OrganizationDelete` as Unsupported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend_token_secret_ref: Option<SecretKeyRef>,
    /// A machine account that may delete organisations, instead of `backendTokenSecretRef`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<RockitPlatformAccount>,
    /// The member of the answer to a new machine user that holds its API key. The vendor's public pages do not name it;
    /// where it is another one, Users of the type Machine say so. Default `apiKey`.
    #[serde(default = "default_api_key_member")]
    #[schemars(length(min = 1, max = 253))]
    pub api_key_member: String,
}

impl Default for RockitPlatform {
    fn default() -> Self {
        Self {
            url: String::new(),
            admin_token_secret_ref: None,
            admin_key_secret_ref: None,
            admin_name: default_admin_name(),
            backend_token_secret_ref: None,
            account: None,
            api_key_member: default_api_key_member(),
        }
    }
}

fn default_api_key_member() -> String {
    "apiKey".to_owned()
}

fn default_admin_name() -> String {
    "org-operator".to_owned()
}

/// A machine account on ROCKIT that may delete organisations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RockitPlatformAccount {
    /// Organisation of the account, sent as `x-rockit-orgname`.
    #[schemars(length(min = 1, max = 253))]
    pub organization: String,
    /// Name of the account, sent as `x-rockit-username`.
    #[schemars(length(min = 1, max = 253))]
    pub username: String,
    /// API key of the account, sent as `x-rockit-api-key`.
    pub api_key_secret_ref: SecretKeyRef,
}

/// Trusted certificate authorities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.caBundle) != has(self.caSecretRef)")
    .message("give exactly one of caBundle and caSecretRef"))]
pub struct PlatformTls {
    /// Certificates of the authorities, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 131_072))]
    #[x_kube(validation = Rule::new("self.contains('-----BEGIN CERTIFICATE-----')")
        .message("caBundle holds certificates in PEM: -----BEGIN CERTIFICATE----- and so on"))]
    pub ca_bundle: Option<String>,
    /// Where the certificates of the authorities are, PEM, for example the key `ca.crt` of a Secret of cert-manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKeyRef>,
}

/// How hard the operator may use a platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PlatformLimits {
    /// Requests per second, 1 to 1000. Default `10`.
    #[schemars(range(min = 1, max = 1000))]
    pub requests_per_second: i32,
    /// Requests at the same time, 1 to 64. Default `4`.
    #[schemars(range(min = 1, max = 64))]
    pub concurrency: i32,
    /// The brake: how many organisations may be deleted on the platform within any 60 minutes before all further
    /// deletions are held until a person releases them with the annotation `org-operator.dev/resume-deletions-at`.
    /// So many Users and Tokens that vanished from the platform are made again within an hour. `0` means no brake.
    /// Default `10`.
    #[schemars(range(min = 0, max = 10_000))]
    pub deletions_per_hour: i32,
}

impl Default for PlatformLimits {
    fn default() -> Self {
        Self { requests_per_second: 10, concurrency: 4, deletions_per_hour: 10 }
    }
}

/// Which namespaces may use a Platform, in the words of the Gateway API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.from == 'Selector') == has(self.selector)")
    .message("selector goes with from: Selector, and only with it"))]
pub struct AllowedNamespaces {
    /// `Same`: only the Platform's own namespace. `All`: every namespace. `Selector`: those whose labels match
    /// `selector`. Default `Same`.
    #[serde(default)]
    pub from: NamespacesFrom,
    /// Labels of the namespaces that may use the Platform; goes with `from: Selector`. For example
    /// `matchLabels: {tenant: "yes"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// What these namespaces may do beyond making new objects. `Adopt`: take over objects that are on the platform
    /// already. `Delete`: delete organisations with all that is in them. Default: neither. The Platform's own namespace
    /// may do both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub permissions: Vec<Permission>,
}

/// Where the namespaces that may use a Platform come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NamespacesFrom {
    /// The Platform's own namespace.
    #[default]
    Same,
    /// Every namespace.
    All,
    /// Those that a label selector matches.
    Selector,
}

/// What a namespace may do on another namespace's Platform beyond creating.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Permission {
    /// Take over objects that are on the platform already.
    Adopt,
    /// Delete organisations on the platform.
    Delete,
}

/// The kinds of platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PlatformType {
    /// The operator's own directory.
    Embedded,
    /// Tyk Dashboard.
    Tyk,
    /// Rockfish Data Platform.
    Rockfish,
    /// ROCKIT Edge.
    Rockit,
}

impl PlatformType {
    /// The word in status, columns and the template variable `platformType`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "Embedded",
            Self::Tyk => "Tyk",
            Self::Rockfish => "Rockfish",
            Self::Rockit => "Rockit",
        }
    }
}

/// What the operator found out about a Platform. Nothing in it moves while nothing happens: counts, budgets and times
/// of the last contact are metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = condition::status_default()))]
pub struct PlatformStatus {
    /// Generation of the Platform that this status speaks about; -1 before the operator's first visit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready` is always there; its message says by which call the credential was proved. `Reconciling` and `Stalled`
    /// are there only while True, so is `DeletionsHeld` (the brake of `limits.deletionsPerHour`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The last value of `org-operator.dev/reconcile-requested-at` or `reconcile.fluxcd.io/requestedAt` that was acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// Kind of platform.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PlatformType")]
    pub type_: Option<PlatformType>,
    /// Where the platform is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What this platform can do. A resource that asks for what is Unsupported says so in its own condition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub capabilities: Vec<CapabilityStatus>,
    /// The last value of `org-operator.dev/resume-deletions-at` that was acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_resume_deletions_at: Option<String>,
    /// Deletions of organisations that count for the brake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletions: Option<Deletions>,
}

/// What a platform can do, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CapabilityStatus {
    /// Name of the capability, for example `OrganizationDelete`.
    pub name: String,
    /// `Unknown` until the first try where only trying tells.
    pub support: Support,
}

/// What the brake of `limits.deletionsPerHour` knows; written before each deletion is sent. Counted by the minute, so
/// that no 60 minutes, whenever they begin, have more deletions than that: one count for each hour would let twice as
/// many through around its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deletions {
    /// Deletions of the last hour before the last deletion, by the minute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted: Vec<DeletionCount>,
    /// True once there were to be more than `limits.deletionsPerHour`: all further ones are held until somebody releases
    /// them with the annotation `org-operator.dev/resume-deletions-at`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
}

/// How many deletions were begun in a minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletionCount {
    /// The minute.
    pub at: Time,
    /// Deletions in it.
    pub count: i32,
}
