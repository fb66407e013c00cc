//! Conditions by the Kubernetes API conventions and kstatus: `Ready` always; `Reconciling` and `Stalled` only while
//! True and never both; messages stable, `lastTransitionTime` moved only when a status flips.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// Why an object is or is not ready: the `reason` of its conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the words are the API's own, and `Reason::weight` groups them")]
pub enum Reason {
    Succeeded,
    Progressing,
    DependencyNotReady,
    SecretNotFound,
    SecretAccessDenied,
    SecretWriteFailed,
    PlatformUnavailable,
    RateLimited,
    TimedOut,
    CredentialRejected,
    Expired,
    Deleting,
    DependentsExist,
    DeletionHeld,
    InvalidSpec,
    Unsupported,
    NamespaceNotAllowed,
    NotPermitted,
    NameConflict,
    AlreadyExists,
    Ambiguous,
    ExternalIDNotFound,
    OwnedElsewhere,
    PlatformChanged,
    SecretConflict,
    InvalidKeyPair,
    ValueUnavailable,
    OutcomeUnknown,
    LeftBehind,
}

/// What a reason means for the other conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// All that the manifest asks for is there.
    Ready,
    /// Time or somebody else's change heals it.
    Reconciling,
    /// No retry heals it: the manifest, a grant or the platform has to change.
    Stalled,
}

impl Reason {
    /// The word as it stands in the condition.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Progressing => "Progressing",
            Self::DependencyNotReady => "DependencyNotReady",
            Self::SecretNotFound => "SecretNotFound",
            Self::SecretAccessDenied => "SecretAccessDenied",
            Self::SecretWriteFailed => "SecretWriteFailed",
            Self::PlatformUnavailable => "PlatformUnavailable",
            Self::RateLimited => "RateLimited",
            Self::TimedOut => "TimedOut",
            Self::CredentialRejected => "CredentialRejected",
            Self::Expired => "Expired",
            Self::Deleting => "Deleting",
            Self::DependentsExist => "DependentsExist",
            Self::DeletionHeld => "DeletionHeld",
            Self::InvalidSpec => "InvalidSpec",
            Self::Unsupported => "Unsupported",
            Self::NamespaceNotAllowed => "NamespaceNotAllowed",
            Self::NotPermitted => "NotPermitted",
            Self::NameConflict => "NameConflict",
            Self::AlreadyExists => "AlreadyExists",
            Self::Ambiguous => "Ambiguous",
            Self::ExternalIDNotFound => "ExternalIDNotFound",
            Self::OwnedElsewhere => "OwnedElsewhere",
            Self::PlatformChanged => "PlatformChanged",
            Self::SecretConflict => "SecretConflict",
            Self::InvalidKeyPair => "InvalidKeyPair",
            Self::ValueUnavailable => "ValueUnavailable",
            Self::OutcomeUnknown => "OutcomeUnknown",
            Self::LeftBehind => "LeftBehind",
        }
    }

    /// Whether it is good, heals by itself, or needs somebody.
    pub fn weight(self) -> Weight {
        match self {
            Self::Succeeded => Weight::Ready,
            Self::Progressing
            | Self::DependencyNotReady
            | Self::SecretNotFound
            | Self::SecretAccessDenied
            | Self::SecretWriteFailed
            | Self::PlatformUnavailable
            | Self::RateLimited
            | Self::TimedOut
            | Self::CredentialRejected
            | Self::Expired
            | Self::Deleting
            | Self::DependentsExist
            | Self::DeletionHeld => Weight::Reconciling,
            Self::InvalidSpec
            | Self::Unsupported
            | Self::NamespaceNotAllowed
            | Self::NotPermitted
            | Self::NameConflict
            | Self::AlreadyExists
            | Self::Ambiguous
            | Self::ExternalIDNotFound
            | Self::OwnedElsewhere
            | Self::PlatformChanged
            | Self::SecretConflict
            | Self::InvalidKeyPair
            | Self::ValueUnavailable
            | Self::OutcomeUnknown
            | Self::LeftBehind => Weight::Stalled,
        }
    }

    /// Whether reaching this reason is part of the plain way to Ready, and so no reason for a warning event.
    pub fn is_plain(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Progressing | Self::DependencyNotReady | Self::Deleting | Self::DependentsExist
        )
    }
}

/// A reason with its sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The word.
    pub reason: Reason,
    /// What was wrong, where, and what to do. Stable: no times, no request ids.
    pub message: String,
}

impl State {
    /// A state.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// A condition beside Ready that is there only while True: `Drifted`, `Expiring`, `LeftBehind`, `DeletionsHeld`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extra {
    /// Its type.
    pub type_: &'static str,
    /// Its reason.
    pub reason: &'static str,
    /// Somebody has to do something about it.
    pub warns: bool,
    /// What is so, and what to do. Stable, as that of every condition.
    pub message: String,
}

/// The conditions of an object in `state`, given those it had.
pub fn conditions(
    previous: &[Condition],
    state: &State,
    extras: &[Extra],
    paused: bool,
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let weight = state.reason.weight();
    let ready = if weight == Weight::Ready { "True" } else { "False" };
    let mut wanted = vec![("Ready", ready, state.reason.as_str(), state.message.as_str())];
    match weight {
        Weight::Ready => {}
        Weight::Reconciling => wanted.push(("Reconciling", "True", state.reason.as_str(), state.message.as_str())),
        Weight::Stalled => wanted.push(("Stalled", "True", state.reason.as_str(), state.message.as_str())),
    }
    wanted.extend(extras.iter().map(|extra| (extra.type_, "True", extra.reason, extra.message.as_str())));
    let mut out: Vec<Condition> = wanted
        .into_iter()
        .map(|(type_, status, reason, message)| condition(previous, type_, status, reason, message, generation, now))
        .collect();
    if paused {
        out.push(pause(previous, generation, now));
    }
    out
}

/// The conditions of an object about whose readiness nothing new is known: what it said, and the extra ones.
pub fn kept(previous: &[Condition], extras: &[Extra], generation: i64, now: Timestamp) -> Vec<Condition> {
    let said = |c: &&Condition| matches!(c.type_.as_str(), "Ready" | "Reconciling" | "Stalled" | "Paused");
    let mut out: Vec<Condition> = previous.iter().filter(said).cloned().collect();
    out.extend(
        extras
            .iter()
            .map(|extra| condition(previous, extra.type_, "True", extra.reason, &extra.message, generation, now)),
    );
    out
}

/// The conditions of a paused object: what it said before, and that it is paused. Readiness keeps its value, and what
/// said that work is under way is no longer so.
pub fn paused(previous: &[Condition], generation: i64, now: Timestamp) -> Vec<Condition> {
    let mut out: Vec<Condition> =
        previous.iter().filter(|c| c.type_ != "Reconciling" && c.type_ != "Paused").cloned().collect();
    out.push(pause(previous, generation, now));
    out
}

fn pause(previous: &[Condition], generation: i64, now: Timestamp) -> Condition {
    let message = "the annotation org-operator.dev/paused is set: nothing is done until it is taken away";
    condition(previous, "Paused", "True", "Paused", message, generation, now)
}

fn condition(
    previous: &[Condition],
    type_: &str,
    status: &str,
    reason: &str,
    message: &str,
    generation: i64,
    now: Timestamp,
) -> Condition {
    let since = previous
        .iter()
        .find(|c| c.type_ == type_ && c.status == status)
        .map_or_else(|| whole_second(now), |c| c.last_transition_time.clone());
    Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: Some(generation),
        last_transition_time: since,
    }
}

/// The API server keeps whole seconds: what is written must equal what is read back.
fn whole_second(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

/// Whether these conditions say Ready for this generation.
pub fn is_ready(conditions: &[Condition], generation: i64) -> bool {
    conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True" && c.observed_generation == Some(generation))
}

/// The `Ready` condition among them.
pub fn ready(conditions: &[Condition]) -> Option<&Condition> {
    conditions.iter().find(|c| c.type_ == "Ready")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn types(conditions: &[Condition]) -> Vec<(&str, &str)> {
        conditions.iter().map(|c| (c.type_.as_str(), c.status.as_str())).collect()
    }

    #[test]
    fn ready_stands_alone_and_the_others_only_while_true() {
        let good = State::new(Reason::Succeeded, "done");
        assert_eq!(types(&conditions(&[], &good, &[], false, 1, at(1))), [("Ready", "True")]);
        let waiting = State::new(Reason::DependencyNotReady, "waits");
        assert_eq!(
            types(&conditions(&[], &waiting, &[], false, 1, at(1))),
            [("Ready", "False"), ("Reconciling", "True")]
        );
        let stuck = State::new(Reason::InvalidSpec, "wrong");
        assert_eq!(types(&conditions(&[], &stuck, &[], false, 1, at(1))), [("Ready", "False"), ("Stalled", "True")]);
    }

    #[test]
    fn transition_time_moves_only_when_the_status_flips() {
        let first = conditions(&[], &State::new(Reason::InvalidSpec, "a"), &[], false, 1, at(10));
        let second = conditions(&first, &State::new(Reason::DependencyNotReady, "b"), &[], false, 2, at(20));
        assert_eq!(ready(&second).unwrap().last_transition_time.0, at(10));
        assert_eq!(ready(&second).unwrap().observed_generation, Some(2));
        let third = conditions(&second, &State::new(Reason::Succeeded, "c"), &[], false, 2, at(30));
        assert_eq!(ready(&third).unwrap().last_transition_time.0, at(30));
    }

    #[test]
    fn pausing_keeps_readiness_and_drops_the_claim_that_work_is_under_way() {
        let before = conditions(&[], &State::new(Reason::DependencyNotReady, "a"), &[], false, 1, at(10));
        let now = paused(&before, 1, at(20));
        assert_eq!(types(&now), [("Ready", "False"), ("Paused", "True")]);
        assert_eq!(ready(&now), ready(&before));
    }
}
