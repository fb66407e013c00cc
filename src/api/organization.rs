//! Organization: an organisation on a platform.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{PlatformRecord, SecretKeyRef, SecretTarget, condition, rule};
use crate::domain::key::KeyEncoding;
use crate::domain::policy::{AdoptionPolicy, DeletionPolicy, DriftPolicy, Origin};

const OTHER_ORGANIZATION: &str = "make another Organization";

/// An organisation that should exist on a platform.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "org-operator.dev",
    version = "v1alpha1",
    kind = "Organization",
    plural = "organizations",
    shortname = "org",
    category = "org-operator",
    namespaced,
    status = "OrganizationStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "An Organization is an organisation (a tenant, a customer) on a platform, with its first administrator and its key pair. Unless deletionPolicy says Delete, the organisation stays on the platform when this resource goes.",
    validation = rule::name_fits_label(),
    printcolumn(name = "READY", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#, description = "True once all that the manifest asks for is there"),
    printcolumn(name = "REASON", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#, description = "Why it is or is not ready, in a word"),
    printcolumn(name = "PLATFORM", type_ = "string", json_path = ".status.platform.name", description = "The Platform that it was made on"),
    printcolumn(name = "EXTERNAL-NAME", type_ = "string", json_path = ".status.externalName", description = "Name on the platform"),
    printcolumn(name = "EXTERNAL-ID", type_ = "string", json_path = ".status.externalID", description = "The platform's id"),
    printcolumn(name = "DELETION", type_ = "string", json_path = ".spec.deletionPolicy", description = "What happens on the platform when this resource goes"),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "ORIGIN", type_ = "string", json_path = ".status.origin", description = "Whether the operator created it or took it over", priority = 1),
    printcolumn(name = "FINGERPRINT", type_ = "string", json_path = ".status.keyPair.fingerprint", description = "Fingerprint of the public key", priority = 1),
    printcolumn(name = "MESSAGE", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].message"#, description = "Why it is or is not ready, in a sentence", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rule::not_removed("platformRef", "an organisation stays on the platform that it was made on"),
    validation = rule::not_added_or_removed("externalName", OTHER_ORGANIZATION),
    validation = rule::not_removed("externalID", "the resource would lose the object that it stands for"),
    validation = rule::external_id_needs_adoption(),
    validation = rule::not_added_or_removed("admin", "it is only used when the organisation is created; make a User instead"),
    validation = rule::not_removed("keyPair", "the organisation may be using it"),
    validation = Rule::new("!has(self.rockit) || !has(self.tyk)")
        .message("give rockit or tyk, whichever the Platform is, not both"),
)]
pub struct OrganizationSpec {
    /// The Platform to make the organisation on. Left out: the operator's default Platform, where one is set. The
    /// Platform that was used is recorded in status and never changes. May be added later, then not changed or removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rule::unchanged("platformRef", "an organisation stays on the platform that it was made on"))]
    pub platform_ref: Option<PlatformRef>,
    /// Name of the organisation on the platform. Left out: the name of this resource (on ROCKIT with `_` for `-` and
    /// `.`). Tyk takes any text, other platforms are stricter. Cannot be added, changed or removed later. Example:
    /// `Acme Ltd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(
        validation = rule::unchanged("externalName", OTHER_ORGANIZATION),
        validation = rule::printable("externalName"),
    )]
    pub external_name: Option<String>,
    /// The platform's id of an organisation that exists: take over exactly this one and never create. Goes with
    /// `adoptionPolicy: IfExists`. Needed where names are not unique (Tyk) or cannot be looked up (Rockfish). May be
    /// added later, then not changed or removed. Example: `5f9b3c1e8d1b4a0001c0ffee`.
    #[serde(rename = "externalID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rule::unchanged("externalID", OTHER_ORGANIZATION))]
    pub external_id: Option<String>,
    /// What to do with an organisation of that name that is on the platform already. `Never`: leave it alone and say
    /// `AlreadyExists`. `IfExists`: take it over, where the Platform grants it. Default `Never`. May change at any time.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,
    /// What happens on the platform when this resource is deleted. `Retain`: the organisation stays, and so do its
    /// Secrets, unless the namespace goes too. `Delete`: the organisation is removed with everything in it, which cannot
    /// be undone. Default `Retain`. May change at any time; `Retain` lets a resource go whose deletion is stuck.
    #[serde(default = "retain")]
    pub deletion_policy: DeletionPolicy,
    /// What to do when the platform differs from this manifest. `Correct`: put it back. `Report`: write nothing to the
    /// platform after creation or adoption and list the differences in `status.drift`. Default `Correct`. May change at
    /// any time.
    #[serde(default)]
    pub drift_policy: DriftPolicy,
    /// Name for people, where the platform keeps one (embedded, ROCKIT). Left out: not touched. May change at any time.
    /// Example: `Acme Ltd, Berlin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    #[x_kube(validation = rule::printable("displayName"))]
    pub display_name: Option<String>,
    /// The first administrator, made together with the organisation. ROCKIT requires it, embedded takes it; elsewhere
    /// make a User. Cannot be added, changed or removed later, but for the labels, annotations and template of `secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<OrganizationAdmin>,
    /// An RSA key pair of the organisation, kept as a Secret. `keyPair: {}` generates one. ROCKIT requires it and gets
    /// it at creation. Left out: none. May be added later, then not removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_pair: Option<KeyPair>,
    /// Settings that only ROCKIT has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rockit: Option<RockitOrganization>,
    /// Settings that only Tyk has, merged into the organisation's document: what is left out is not touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tyk: Option<TykOrganization>,
}

impl Default for OrganizationSpec {
    /// All that the API server fills in, and nothing else.
    fn default() -> Self {
        Self {
            platform_ref: None,
            external_name: None,
            external_id: None,
            adoption_policy: AdoptionPolicy::default(),
            deletion_policy: retain(),
            drift_policy: DriftPolicy::default(),
            display_name: None,
            admin: None,
            key_pair: None,
            rockit: None,
            tyk: None,
        }
    }
}

/// Deleting an organisation cannot be undone, so it takes a word.
fn retain() -> DeletionPolicy {
    DeletionPolicy::Retain
}

/// Which Platform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlatformRef {
    /// Name of the Platform.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = rule::dns_subdomain("a Platform's name"))]
    pub name: String,
    /// Namespace of the Platform, whose `allowedNamespaces` must include this one. Left out: this namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = rule::dns_subdomain("a namespace's name"))]
    pub namespace: Option<String>,
}

/// The first administrator of an organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rule::not_added_or_removed("firstName", "it is only used when the organisation is created"),
    validation = rule::not_added_or_removed("lastName", "it is only used when the organisation is created"),
    validation = rule::secret_name_fixed(),
    validation = rule::secret_type_fixed(),
)]
pub struct OrganizationAdmin {
    /// Login name. Cannot be changed later. Example: `acme_admin`.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(
        validation = rule::unchanged("username", "it is only used when the organisation is created"),
        validation = rule::printable("username"),
    )]
    pub username: String,
    /// E-mail address; ROCKIT sends the invitation there. Cannot be changed later. Example: `admin@acme.example`.
    #[schemars(length(max = 254))]
    #[x_kube(
        validation = rule::unchanged("email", "it is only used when the organisation is created"),
        validation = rule::email(),
        validation = rule::printable("email"),
    )]
    pub email: String,
    /// First name. Cannot be added, changed or removed later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    #[x_kube(
        validation = rule::unchanged("firstName", "it is only used when the organisation is created"),
        validation = rule::printable("firstName"),
    )]
    pub first_name: Option<String>,
    /// Last name. Cannot be added, changed or removed later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    #[x_kube(
        validation = rule::unchanged("lastName", "it is only used when the organisation is created"),
        validation = rule::printable("lastName"),
    )]
    pub last_name: Option<String>,
    /// The Secret with `username` and `password`, by default `<name of this resource>-admin`. There is none where the
    /// platform invites by e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretTarget>,
}

/// The key pair of an organisation: generated, or imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rule::not_added_or_removed("import", "a key pair cannot be replaced by another"),
    validation = Rule::new("!has(self.__import__) || !has(self.secret)")
        .message("an imported key pair stays in its own Secret: leave secret out"),
    validation = rule::secret_name_fixed(),
    validation = rule::secret_type_fixed(),
)]
pub struct KeyPair {
    /// Length of a generated key in bits: 2048, 3072 or 4096. Default `4096`. Cannot be changed later.
    #[serde(default = "default_size")]
    #[schemars(extend("enum" = [2048, 3072, 4096]))]
    #[x_kube(validation = rule::unchanged("size", "a key pair cannot be replaced by another"))]
    pub size: i32,
    /// How a generated private key is written; both forms are encrypted with the generated passphrase. `PKCS1`: PEM as
    /// `ssh-keygen -m PEM` writes it. `PKCS8`: PEM with PBES2 and PBKDF2. Default `PKCS1`. Cannot be changed later.
    #[serde(default)]
    #[x_kube(validation = rule::unchanged("encoding", "a key pair cannot be replaced by another"))]
    pub encoding: KeyEncoding,
    /// Use a key that is there already instead of generating one; `size` and `encoding` are then ignored. Cannot be
    /// added, changed or removed later.
    #[serde(rename = "import", skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rule::unchanged("import", "a key pair cannot be replaced by another"))]
    pub import: Option<KeyPairImport>,
    /// The Secret with `private.pem`, `public.pem` and `passphrase`, by default `<name of this resource>-keypair`. Not
    /// with `import`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretTarget>,
}

impl Default for KeyPair {
    fn default() -> Self {
        Self { size: default_size(), encoding: KeyEncoding::default(), import: None, secret: None }
    }
}

fn default_size() -> i32 {
    4096
}

/// Where an existing key is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyPairImport {
    /// The private key: RSA of at least 2048 bits, PEM, PKCS#1 or PKCS#8, encrypted or not.
    pub private_key_secret_ref: SecretKeyRef,
    /// What the private key is encrypted with. Left out: it is not encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase_secret_ref: Option<SecretKeyRef>,
}

/// What only ROCKIT has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RockitOrganization {
    /// The `dxorglnk` that ROCKIT gets when the organisation is created. May change at any time, without effect later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dxorglnk_secret_ref: Option<SecretKeyRef>,
    /// A machine account in this organisation with which its users are managed. Without it Users of this organisation
    /// are `Unsupported`. May change at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<RockitOrganizationAccount>,
}

/// A machine account in an organisation on ROCKIT.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RockitOrganizationAccount {
    /// Name of the account, sent as `x-rockit-username`.
    #[schemars(length(min = 1, max = 253))]
    pub username: String,
    /// API key of the account, sent as `x-rockit-api-key`.
    pub api_key_secret_ref: SecretKeyRef,
}

/// What only Tyk has. Each may change at any time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TykOrganization {
    /// Host name of the organisation's developer portal (`cname`). Example: `portal.acme.example`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub cname: Option<String>,
    /// Whether `cname` is used (`cname_enabled`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cname_enabled: Option<bool>,
    /// How many developers the portal admits (`developer_quota`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub developer_quota: Option<i64>,
    /// Whether gateways of a hybrid installation may use the organisation (`hybrid_enabled`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hybrid_enabled: Option<bool>,
    /// Whether users may log in by single sign-on (`sso_enabled`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sso_enabled: Option<bool>,
}

/// What the operator did for an Organization.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = condition::status_default()))]
pub struct OrganizationStatus {
    /// Generation of the resource that this status speaks about; -1 before the operator's first visit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready` is always there. `Reconciling`, `Stalled`, `Paused`, `Drifted` and `LeftBehind` are there only while True.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The last value of `org-operator.dev/reconcile-requested-at` or `reconcile.fluxcd.io/requestedAt` that was acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// The last value of `org-operator.dev/resolve` that was acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_resolve: Option<String>,
    /// The Platform that the organisation was made on. It stays, whatever default changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<PlatformRecord>,
    /// The platform's id.
    #[serde(rename = "externalID", skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Name on the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_name: Option<String>,
    /// `Created` by the operator, or `Adopted`: it was there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Origin")]
    pub origin: Option<Origin>,
    /// The project that the first membership made, on platforms with projects.
    #[serde(rename = "defaultProjectID", skip_serializing_if = "Option::is_none")]
    pub default_project_id: Option<String>,
    /// The key pair in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_pair: Option<KeyPairStatus>,
    /// Name of the Secret with the first administrator's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_secret_name: Option<String>,
    /// SHA-256 over the operator's keys in that Secret; tells whether somebody edited it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_secret_digest: Option<String>,
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
    /// The last of the attempts whose organisation was given up: a person decided to start over, or it was found under
    /// another id. What they made may have been in use and is never removed as a twin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_up_attempt: Option<i64>,
    /// What the last of the attempts that are not given up write on the organisation that they make, after the uid in its
    /// owner mark: a number and a value that is drawn anew for each. Only what carries one of them is ever removed as a twin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempt_marks: Vec<String>,
    /// The platform's ids of organisations of the same name that may be twins of this one: a request to create it may have
    /// been carried out twice, and the platform keeps no mark to tell, or this resource made them before the cluster was set
    /// back. The condition `LeftBehind` says what to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<String>,
}

/// The key pair in use. Nothing in it is secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyPairStatus {
    /// Fingerprint of the public key: `SHA256:` and the digest in base64.
    pub fingerprint: String,
    /// The public key, PEM (SubjectPublicKeyInfo).
    pub public_key: String,
    /// Name of the Secret with the private key; for an imported key pair the one that it was read from.
    pub secret_name: String,
    /// SHA-256 over the operator's keys in that Secret; tells whether somebody edited it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_digest: Option<String>,
}
