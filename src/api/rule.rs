//! The rules that the API server checks before anything is stored, each with the sentence that it prints.
//!
//! The words *fixed* (never changes, is never added or removed), *once* (may be added, then stays) and *free* are the
//! contract's. A field's own `self == oldSelf` is only evaluated while the field is there before and after, so a rule
//! of the parent covers adding and removing it.
//!
//! The API server estimates the cost of every rule from the lengths that the schema allows and refuses a definition
//! that could be too dear: every string, list and map that a rule reads has a limit, and no rule takes a string
//! through `orValue()`, which loses the limit.

use kube::core::Rule;

/// Durations are strings, because `30d` and bare numbers mean different things to different people.
const DURATION_SENTENCE: &str = "write a duration in hours, minutes or seconds, such as 720h (30 days) or 90m";

/// At most 999999 hours and so on: whatever this lets through, `duration()` can hold (292 years).
const DURATION_PATTERN: &str = "^([0-9]{1,6}h)?([0-9]{1,7}m)?([0-9]{1,8}s)?$";

/// A value that may not change while it is there.
pub(super) fn unchanged(field: &str, remedy: &str) -> Rule {
    Rule::new("self == oldSelf").message(format!("{field} cannot change: {remedy}").as_str())
}

/// A field's name in CEL, where the language's reserved words are written between underscores.
fn cel_name(field: &str) -> &str {
    match field {
        "import" => "__import__",
        other => other,
    }
}

/// On the parent of an optional fixed field: it may be neither added nor removed.
pub(super) fn not_added_or_removed(field: &str, remedy: &str) -> Rule {
    let name = cel_name(field);
    Rule::new(format!("has(self.{name}) == has(oldSelf.{name})"))
        .message(format!("{field} can be neither added nor removed: {remedy}").as_str())
}

/// On the parent of a field that may be given later: from then on it stays.
pub(super) fn not_removed(field: &str, remedy: &str) -> Rule {
    let name = cel_name(field);
    Rule::new(format!("!has(oldSelf.{name}) || has(self.{name})"))
        .message(format!("{field} cannot be removed: {remedy}").as_str())
}

/// On the parent of a field `secret`: the name that the manifest gives is fixed, whether `secret` itself was there
/// before or not.
pub(super) fn secret_name_fixed() -> Rule {
    Rule::new(
        "has(self.secret) && has(self.secret.name) \
         ? has(oldSelf.secret) && has(oldSelf.secret.name) && self.secret.name == oldSelf.secret.name \
         : !has(oldSelf.secret) || !has(oldSelf.secret.name)",
    )
    .message(
        "secret.name can be neither added, changed nor removed: what reads the Secret would be left with an old value",
    )
    .field_path(".secret")
}

/// On the parent of a field `secret`: the type is fixed, as Kubernetes fixes it on the Secret itself. Leaving `secret`
/// out is `Opaque`, the default.
pub(super) fn secret_type_fixed() -> Rule {
    Rule::new(
        "has(self.secret) \
         ? (has(oldSelf.secret) ? self.secret.type == oldSelf.secret.type : self.secret.type == 'Opaque') \
         : !has(oldSelf.secret) || oldSelf.secret.type == 'Opaque'",
    )
    .message("secret.type cannot change: Kubernetes fixes the type of a Secret when it is created")
    .field_path(".secret")
}

/// On every kind: the resource's name is kept as a label value on its Secrets.
pub(super) fn name_fits_label() -> Rule {
    Rule::new("self.metadata.name.size() <= 63")
        .message("metadata.name must not be longer than 63 characters: it is kept as a label value")
}

/// On a spec with both fields: an id without the policy that allows taking over would be silently ignored.
pub(super) fn external_id_needs_adoption() -> Rule {
    Rule::new("!has(self.externalID) || self.adoptionPolicy == 'IfExists'").message(
        "externalID takes over an object that exists: set adoptionPolicy: IfExists with it, or leave externalID out",
    )
}

/// A duration of the three units.
pub(super) fn duration() -> Rule {
    Rule::new(format!("self != '' && self.matches('{DURATION_PATTERN}')")).message(DURATION_SENTENCE)
}

/// A duration's limits, both included. Says nothing about what is not a duration: [`duration`] does.
pub(super) fn duration_between(least: &str, most: &str) -> Rule {
    Rule::new(format!(
        "self == '' || !self.matches('{DURATION_PATTERN}') \
         || (duration(self) >= duration('{least}') && duration(self) <= duration('{most}'))"
    ))
    .message(format!("give a duration between {least} and {most}").as_str())
}

/// A guard for rules that compute with a duration: `text` is an expression for it.
pub(super) fn is_duration(text: &str) -> String {
    format!("{text} != '' && {text}.matches('{DURATION_PATTERN}')")
}

/// The base URL of an admin API.
pub(super) fn url() -> Rule {
    Rule::new(r"isURL(self) && self.matches('^https?://[^/?#@\\s]+(/[^?#\\s]*)?$')").message(
        "write a URL such as https://admin.example.com: http or https, a host, and neither user, query nor fragment",
    )
}

/// A name on the platform: free text of one line, so that messages and columns stay readable.
pub(super) fn printable(field: &str) -> Rule {
    Rule::new(r"!self.matches('[\\p{C}\\p{Zl}\\p{Zp}]') && !self.matches('^[\\p{Z}]|[\\p{Z}]$')")
        .message(format!("{field} must be printable, in one line and without blanks at its ends").as_str())
}

/// An e-mail address, as far as anybody but its mail server can tell.
pub(super) fn email() -> Rule {
    Rule::new(r"self.matches('^[^@\\s]+@[^@\\s]+$')").message("write an e-mail address such as ada@example.com")
}

/// The name of a Secret or another object whose name is a DNS subdomain.
pub(super) fn dns_subdomain(what: &str) -> Rule {
    Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')").message(
        format!("{what} consists of lower-case letters, digits, - and . and begins and ends with a letter or a digit")
            .as_str(),
    )
}

/// A key of a Secret's data.
pub(super) fn secret_key() -> Rule {
    Rule::new("self.matches('^[-._a-zA-Z0-9]+$')").message("a key of a Secret consists of letters, digits, -, _ and .")
}

/// The keys of labels and annotations, as Kubernetes has them.
pub(super) fn label_keys(field: &str) -> Rule {
    Rule::new(
        "self.all(k, k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",
    )
    .message(
        format!(
            "a key of {field} is a name of at most 63 letters, digits, -, _ and ., such as example.com/team or team"
        )
        .as_str(),
    )
}
