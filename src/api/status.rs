//! What the statuses of Organizations, Users and Tokens have in common, and the conditions that follow from a status
//! alone.

use jiff::Timestamp;

use super::condition::ObjectStatus;
use super::{OrganizationStatus, PlatformStatus, TokenStatus, UserStatus};
use crate::domain::condition::Extra;
use crate::domain::naming;
use crate::domain::policy::Origin;
use crate::domain::rotation;

/// How many attempts' marks are kept: what one before those made, and the platform shows only now, is named and left alone.
const MARKS: usize = 16;

/// The status of a resource that stands for an object on a platform.
pub trait ManagedStatus: ObjectStatus {
    /// The platform's id.
    fn external_id(&self) -> Option<&str>;
    /// Records the platform's id, or gives it up.
    fn set_external_id(&mut self, id: Option<String>);
    /// Whether that is an id that status recorded for this resource.
    fn knows(&self, id: &str) -> bool {
        self.external_id() == Some(id)
    }
    /// Records how the object came about.
    fn set_origin(&mut self, _: Origin) {}
    /// The id of the one key in its Secret.
    fn key_id(&self) -> Option<&str> {
        None
    }
    /// The last recorded attempt; 0 before the first.
    fn attempt(&self) -> i64;
    /// Whether nobody knows what came of it.
    fn attempt_open(&self) -> bool;
    /// Records an attempt.
    fn set_attempt(&mut self, attempt: i64, open: bool);
    /// The last answer by `resolve` that was acted on.
    fn last_handled_resolve(&self) -> Option<&str>;
    /// Records an answer by `resolve`.
    fn set_last_handled_resolve(&mut self, value: String);
    /// The last request for a new credential that was acted on.
    fn last_handled_rotate_at(&self) -> Option<&str> {
        None
    }
    /// Records a request for a new credential.
    fn set_last_handled_rotate_at(&mut self, _: Option<String>) {}
    /// Records in which fields the platform differs.
    fn set_drift(&mut self, _: Vec<String>) {}
    /// When the credential was made.
    fn issued_at(&self) -> Option<Timestamp> {
        None
    }
    /// The last attempt of those whose objects are given up, though they may have been in use.
    fn given_up(&self) -> i64 {
        0
    }
    /// Gives up what all attempts up to now have made.
    fn give_up(&mut self) {}
    /// What the last attempts that are not given up write on what they make.
    fn attempt_marks(&self) -> &[String] {
        &[]
    }
    /// What the attempt of that number writes.
    fn attempt_mark(&self, number: i64) -> Option<&str> {
        let mut marks = self.attempt_marks().iter().map(String::as_str);
        marks.rfind(|mark| naming::attempt_number(mark) == Some(number))
    }
    /// Records what the next attempt writes.
    fn mark_attempt(&mut self, _: String) {}
    /// Ids of tokens that are given up, and of organisations that may be twins.
    fn left_behind(&self) -> &[String] {
        &[]
    }
    /// Records them.
    fn set_left_behind(&mut self, _: Vec<String>) {}
}

macro_rules! managed_status {
    ($status:ty { $($more:tt)* }) => {
        impl ManagedStatus for $status {
            fn external_id(&self) -> Option<&str> {
                self.external_id.as_deref()
            }
            fn set_external_id(&mut self, id: Option<String>) {
                self.external_id = id;
            }
            fn attempt(&self) -> i64 {
                self.attempt.unwrap_or_default()
            }
            fn attempt_open(&self) -> bool {
                self.attempt_open
            }
            fn set_attempt(&mut self, attempt: i64, open: bool) {
                self.attempt = (attempt != 0).then_some(attempt);
                self.attempt_open = open;
            }
            fn last_handled_resolve(&self) -> Option<&str> {
                self.last_handled_resolve.as_deref()
            }
            fn set_last_handled_resolve(&mut self, value: String) {
                self.last_handled_resolve = Some(value);
            }
            $($more)*
        }
    };
}

managed_status!(OrganizationStatus {
    fn set_origin(&mut self, origin: Origin) {
        self.origin = Some(origin);
    }
    fn set_drift(&mut self, drift: Vec<String>) {
        self.drift = drift;
    }
    fn given_up(&self) -> i64 {
        self.given_up_attempt.unwrap_or_default()
    }
    fn give_up(&mut self) {
        self.given_up_attempt = self.attempt;
        self.attempt_marks.clear();
    }
    fn attempt_marks(&self) -> &[String] {
        &self.attempt_marks
    }
    fn mark_attempt(&mut self, mark: String) {
        self.attempt_marks.push(mark);
        let over = self.attempt_marks.len().saturating_sub(MARKS);
        self.attempt_marks.drain(..over);
    }
    fn left_behind(&self) -> &[String] {
        &self.left_behind
    }
    fn set_left_behind(&mut self, ids: Vec<String>) {
        self.left_behind = ids;
    }
});

managed_status!(UserStatus {
    fn set_origin(&mut self, origin: Origin) {
        self.origin = Some(origin);
    }
    fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }
    fn last_handled_rotate_at(&self) -> Option<&str> {
        self.last_handled_rotate_at.as_deref()
    }
    fn set_last_handled_rotate_at(&mut self, value: Option<String>) {
        self.last_handled_rotate_at = value;
    }
    fn set_drift(&mut self, drift: Vec<String>) {
        self.drift = drift;
    }
});

managed_status!(TokenStatus {
    fn knows(&self, id: &str) -> bool {
        let previous = self.previous.as_ref().map(|previous| previous.external_id.as_str());
        [self.external_id.as_deref(), previous].contains(&Some(id))
    }
    fn last_handled_rotate_at(&self) -> Option<&str> {
        self.last_handled_rotate_at.as_deref()
    }
    fn set_last_handled_rotate_at(&mut self, value: Option<String>) {
        self.last_handled_rotate_at = value;
    }
    fn issued_at(&self) -> Option<Timestamp> {
        self.issued_at.as_ref().map(|time| time.0)
    }
    fn left_behind(&self) -> &[String] {
        &self.left_behind
    }
    fn set_left_behind(&mut self, ids: Vec<String>) {
        self.left_behind = ids;
    }
});

/// The conditions that follow from a status alone, whatever came of the last pass.
pub trait Extras {
    /// Those that are True at `now`.
    fn extras(&self, _: Timestamp) -> Vec<Extra> {
        Vec::new()
    }
    /// Whether what was made is over at `now`, so that nothing can be Ready any more.
    fn has_ended(&self, _: Timestamp) -> bool {
        false
    }
    /// When one of these changes next by time alone: whatever else happens, somebody has to look then.
    fn next_change(&self, _: Timestamp) -> Option<Timestamp> {
        None
    }
}

fn drifted(drift: &[String]) -> Vec<Extra> {
    if drift.is_empty() {
        return Vec::new();
    }
    let message = format!(
        "the platform differs from the manifest in {}: change one of the two, or set driftPolicy: Correct",
        drift.join(", ")
    );
    vec![Extra { type_: "Drifted", reason: "DriftDetected", warns: false, message }]
}

impl Extras for PlatformStatus {
    fn extras(&self, _: Timestamp) -> Vec<Extra> {
        if !self.deletions.as_ref().is_some_and(|deletions| deletions.held) {
            return Vec::new();
        }
        let message = "more organisations were to be deleted within an hour than limits.deletionsPerHour allows: further \
                       ones wait; let them go on with the annotation org-operator.dev/resume-deletions-at";
        vec![Extra { type_: "DeletionsHeld", reason: "TooManyDeletions", warns: true, message: message.to_owned() }]
    }
}

impl Extras for OrganizationStatus {
    fn extras(&self, _: Timestamp) -> Vec<Extra> {
        let mut extras = drifted(&self.drift);
        if !self.left_behind.is_empty() {
            let message = format!(
                "organisations of the same name that this resource may have made by a request that was carried out twice \
                 or late, or before the cluster was set back, and of which the operator cannot tell whether anybody uses \
                 them: {}; remove on the platform those that are nobody's",
                self.left_behind.join(", ")
            );
            extras.push(Extra { type_: "LeftBehind", reason: "MayBeTwins", warns: true, message });
        }
        extras
    }
}

impl Extras for UserStatus {
    fn extras(&self, _: Timestamp) -> Vec<Extra> {
        drifted(&self.drift)
    }
}

impl Extras for TokenStatus {
    fn extras(&self, now: Timestamp) -> Vec<Extra> {
        let mut extras = Vec::new();
        if self.late_from().is_some_and(|late| late <= now) {
            let message = "the token should have been renewed and was not: the condition Ready, the events and the \
                           operator's log say why";
            extras.push(Extra { type_: "Expiring", reason: "RenewalFailed", warns: true, message: message.to_owned() });
        }
        if !self.left_behind.is_empty() {
            let message = format!(
                "tokens of this user that the operator cannot revoke, or of which it does not know whether they are in \
                 use: {}; revoke them on the platform",
                self.left_behind.join(", ")
            );
            extras.push(Extra { type_: "LeftBehind", reason: "CannotRevoke", warns: true, message });
        }
        extras
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        self.expires_at.as_ref().is_some_and(|end| end.0 <= now)
    }

    fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let end = self.expires_at.as_ref().map(|end| end.0);
        self.late_from().into_iter().chain(end).filter(|change| *change > now).min()
    }
}

impl TokenStatus {
    /// From when on its renewal is late.
    fn late_from(&self) -> Option<Timestamp> {
        let due = self.rotate_at.as_ref()?.0;
        Some(rotation::late_from(due, self.expires_at.as_ref().map(|end| end.0)))
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::api::Deletions;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn types(status: &impl Extras, now: i64) -> Vec<(&'static str, &'static str)> {
        status.extras(at(now)).iter().map(|extra| (extra.type_, extra.reason)).collect()
    }

    #[test]
    fn a_token_is_expiring_once_its_renewal_is_late_and_over_at_its_end() {
        let time = |second| Some(Time(at(second)));
        let status = TokenStatus { rotate_at: time(1000), expires_at: time(4000), ..TokenStatus::default() };
        let expiring = [("Expiring", "RenewalFailed")];
        assert_eq!(types(&status, 1999), []);
        assert_eq!(types(&status, 2000), expiring);
        assert_eq!((status.has_ended(at(3999)), status.has_ended(at(4000))), (false, true));
        // Whatever else happens, somebody looks when one of the two begins.
        let changes = [(0, Some(2000)), (2000, Some(4000)), (4000, None)];
        for (now, next) in changes {
            assert_eq!(status.next_change(at(now)), next.map(at), "after {now}");
        }
        let forever = TokenStatus::default();
        assert_eq!((types(&forever, i64::from(i32::MAX)), forever.next_change(at(0))), (Vec::new(), None));
    }

    #[test]
    fn what_is_left_behind_drifted_or_held_is_a_condition_with_its_names() {
        let token = TokenStatus { left_behind: vec!["a".to_owned(), "b".to_owned()], ..TokenStatus::default() };
        assert_eq!(types(&token, 0), [("LeftBehind", "CannotRevoke")]);
        assert!(token.extras(at(0))[0].message.contains("a, b"));
        let user = UserStatus { drift: vec!["spec.email".to_owned()], ..UserStatus::default() };
        assert_eq!(types(&user, 0), [("Drifted", "DriftDetected")]);
        assert!(user.extras(at(0))[0].message.contains("spec.email") && !user.extras(at(0))[0].warns);
        let held = Deletions { held: true, ..Deletions::default() };
        let platform = PlatformStatus { deletions: Some(held), ..PlatformStatus::default() };
        assert_eq!(types(&platform, 0), [("DeletionsHeld", "TooManyDeletions")]);
        assert_eq!(types(&PlatformStatus::default(), 0), []);
    }
}
