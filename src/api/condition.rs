//! The part of status that all kinds have: `observedGeneration`, `conditions`, the answered reconcile request.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::{Value, json};

/// The condition that every object has from its first moment.
pub const READY: &str = "Ready";

/// The transition time of a condition that no operator has written.
pub(super) const NEVER: &str = "1970-01-01T00:00:00Z";

/// What status is before the operator has seen an object. Without it tools that wait (`kubectl wait`, kstatus in Flux,
/// Argo CD) take an object without conditions for a finished one; the generation -1 is never the real one, and `kubectl
/// get` says that no operator is at work. It holds nothing that is only there while True: server-side apply cannot take
/// away a condition that the API server put there.
pub(super) fn status_default() -> Value {
    json!({
        "observedGeneration": -1,
        "conditions": [{
            "type": READY,
            "status": "Unknown",
            "reason": "Pending",
            "message": "waiting for org-operator",
            "lastTransitionTime": NEVER,
        }],
    })
}

/// What the status of every kind has, so that one reconcile serves all kinds.
pub trait ObjectStatus {
    /// Generation of the resource that this status speaks about; -1 before the first visit.
    fn observed_generation(&self) -> Option<i64>;
    /// Records the generation that this status speaks about.
    fn set_observed_generation(&mut self, generation: Option<i64>);
    /// The conditions.
    fn conditions(&self) -> &[Condition];
    /// The conditions, to change.
    fn conditions_mut(&mut self) -> &mut Vec<Condition>;
    /// The last answered value of the annotation that asks for a reconcile.
    fn last_handled_reconcile_at(&self) -> Option<&str>;
    /// Records an answered request.
    fn set_last_handled_reconcile_at(&mut self, request: Option<String>);

    /// What others go by and may change while it is Ready: what tells one value of its credential from another; the
    /// default project.
    fn value_in_use(&self) -> Option<&str>;

    /// The condition of that type.
    fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions().iter().find(|c| c.type_ == type_)
    }
}

macro_rules! object_status {
    ($($status:ty => |$self:ident| $value:expr),+) => {$(
        impl ObjectStatus for $status {
            fn value_in_use(&self) -> Option<&str> {
                let $self = self;
                $value
            }
            fn observed_generation(&self) -> Option<i64> {
                self.observed_generation
            }
            fn set_observed_generation(&mut self, generation: Option<i64>) {
                self.observed_generation = generation;
            }
            fn conditions(&self) -> &[Condition] {
                &self.conditions
            }
            fn conditions_mut(&mut self) -> &mut Vec<Condition> {
                &mut self.conditions
            }
            fn last_handled_reconcile_at(&self) -> Option<&str> {
                self.last_handled_reconcile_at.as_deref()
            }
            fn set_last_handled_reconcile_at(&mut self, request: Option<String>) {
                self.last_handled_reconcile_at = request;
            }
        }
    )+};
}

object_status!(
    super::PlatformStatus => |_status| None,
    super::OrganizationStatus => |status| status.default_project_id.as_deref(),
    super::UserStatus => |status| status.key_id.as_deref(),
    super::TokenStatus => |status| status.external_id.as_deref()
);
