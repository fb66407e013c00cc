//! Types that more than one kind uses: references, the description of an output Secret, durations.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::rule;

/// One key of a Secret in the same namespace as the resource that refers to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct SecretKeyRef {
    /// Name of the Secret. It is always read from the namespace of this resource.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rule::dns_subdomain("a Secret's name"))]
    pub name: String,
    /// Key in the Secret's data whose value is used.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rule::secret_key())]
    pub key: String,
}

/// How the Secret that the operator writes looks. Changes of labels, annotations and template reach the Secret without
/// a new credential being made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretTarget {
    /// Name of the Secret. Left out, the operator names it after this resource and says so in status. A Secret of that
    /// name that is not the operator's is never overwritten: the resource then says `SecretConflict`. Cannot be added,
    /// changed or removed later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rule::dns_subdomain("a Secret's name"))]
    pub name: Option<String>,
    /// Type of the Secret, for example `Opaque` or `kubernetes.io/basic-auth`. Kubernetes asks for certain keys with
    /// some types: add them with `template`. Not allowed: the types that Kubernetes itself takes for credentials of the
    /// cluster, `kubernetes.io/service-account-token` and `bootstrap.kubernetes.io/token`. Cannot be changed later.
    #[serde(rename = "type", default = "opaque")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("!(self in ['kubernetes.io/service-account-token', 'bootstrap.kubernetes.io/token'])")
        .message("a Secret of this type is a credential of the cluster itself: choose another type"))]
    pub type_: String,
    /// Labels for the Secret, beside the operator's own. The labels of this resource are never copied. May change at
    /// any time. Not allowed: `app.kubernetes.io/instance` (Argo CD would prune the Secret) and `org-operator.dev/...`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 16, "additionalProperties" = text_of(63)))]
    #[x_kube(validation = rule::label_keys("labels"))]
    #[x_kube(validation = Rule::new("self.all(k, self[k].matches('^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$'))")
        .message("a label's value consists of letters, digits, -, _ and . and begins and ends with a letter or a digit"))]
    #[x_kube(validation = Rule::new("!('app.kubernetes.io/instance' in self)")
        .message("leave app.kubernetes.io/instance out of labels: Argo CD would take the Secret for one of its own and prune it"))]
    #[x_kube(validation = Rule::new("self.all(k, !k.startsWith('org-operator.dev/'))")
        .message("labels of org-operator.dev/ are the operator's own: leave them out"))]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations for the Secret, for example for Reloader or a reflector. May change at any time. Not allowed:
    /// `org-operator.dev/...`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 16, "additionalProperties" = text_of(8192)))]
    #[x_kube(validation = rule::label_keys("annotations"))]
    #[x_kube(validation = Rule::new("self.all(k, !k.startsWith('org-operator.dev/'))")
        .message("annotations of org-operator.dev/ are the operator's own: leave them out"))]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Further keys of the Secret, each a minijinja text, for consumers that want the value in a form of their own:
    /// `config.json: '{"token": {{ token | tojson }}}'`. The raw keys (`token`, `password`, `private.pem` and so on) are
    /// always written as well. Variables: `token`, `tokenID`, `expiresAt`, `username`, `email`, `password`, `userID`,
    /// `organizationID`, `organizationName`, `projectID`, `platformURL`, `platformType` and, for key pairs,
    /// `privateKey`, `publicKey`, `passphrase`, `fingerprint`. Filters: `tojson`, `b64encode`, `urlencode`. Beside them
    /// there are texts in quotes, `~`, comparisons with `and`, `or` and `not`, and `{% if %}`; neither loops nor files. A
    /// variable that does not exist and an empty result are errors. May change at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 16, "additionalProperties" = text_of(8192)))]
    #[x_kube(validation = Rule::new("self.all(k, k.matches('^[-._a-zA-Z0-9]{1,253}$'))")
        .message("a key of template becomes a key of the Secret: it consists of letters, digits, -, _ and ."))]
    #[x_kube(validation = Rule::new("self.all(k, self[k] != '')")
        .message(r#"a template must not be empty; in a Helm chart write {{ "{{ token }}" }}, so that Helm leaves {{ token }} to the operator"#))]
    #[x_kube(validation = Rule::new("self.all(k, !(k in ['token', 'username', 'password', 'password.next', 'private.pem', 'public.pem', 'passphrase']))")
        .message("token, username, password, password.next, private.pem, public.pem and passphrase are the operator's own keys: choose another key for the template"))]
    pub template: Option<BTreeMap<String, String>>,
}

/// The schema of a map's values. Derived limits reach the items of lists, not the values of maps.
fn text_of(most: usize) -> Value {
    json!({"type": "string", "maxLength": most})
}

/// What a Secret's type is where nothing else is said, as Kubernetes has it.
fn opaque() -> String {
    "Opaque".to_owned()
}

impl Default for SecretTarget {
    fn default() -> Self {
        Self { name: None, type_: opaque(), labels: None, annotations: None, template: None }
    }
}

/// A Platform as an object was made on it. Later changes of a default or of a URL never move the object: they are
/// compared with this record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlatformRecord {
    /// Namespace of the Platform.
    pub namespace: String,
    /// Name of the Platform.
    pub name: String,
    /// Kind of platform.
    #[serde(rename = "type")]
    pub type_: super::PlatformType,
    /// URL of its admin API when this object was made; `embedded:` and the id of the directory for the embedded one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
}

/// A text that is not a duration of the API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a duration in hours, minutes or seconds, such as 720h (30 days) or 90m")]
pub struct InvalidDuration {
    /// What was written.
    pub text: String,
}

/// The length of a duration as manifests write it (`720h`, `1h30m`, `90s`). The API server lets nothing else through,
/// so an error means that the object was stored by an older definition.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    let invalid = || InvalidDuration { text: text.to_owned() };
    // The parser knows more (`2h 5min ago`, `PT1H`, `500ms`): the API offers three units of one letter each.
    let offered = |b: &u8| b.is_ascii_digit() || matches!(b, b'h' | b'm' | b's');
    let two_letters = |pair: &[u8]| pair.iter().all(u8::is_ascii_alphabetic);
    if !text.as_bytes().iter().all(offered) || text.as_bytes().windows(2).any(two_letters) {
        return Err(invalid());
    }
    let parsed: SignedDuration = text.parse().map_err(|_| invalid())?;
    Duration::try_from(parsed).map_err(|_| invalid())
}
