//! What is known about one object when its plan is made: what the manifest asks for and what was observed.

use jiff::Timestamp;

use super::entity::Kind;
use super::naming::Ownership;
use super::policy::{AdoptionPolicy, DeletionPolicy, DriftPolicy};

/// What is known about one object. `C` is the platform's change type of its kind.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all their combinations are met")]
pub struct Facts<C> {
    /// Its kind.
    pub kind: Kind,
    /// Its name on the platform, for messages.
    pub name: String,
    /// The resource is being deleted.
    pub deleting: bool,
    /// The resource carries our finalizer.
    pub finalizer: bool,
    /// The Platform carries our finalizer, so that it outlives this object.
    pub platform_held: bool,
    /// The platform was asked. Otherwise no candidate means nothing.
    pub reachable: bool,
    /// What the manifest asks for.
    pub policy: Policy,
    /// The id that is known to be this object's: from status, for a token from its Secret.
    pub recorded_id: Option<String>,
    /// Since when the recorded id has been missing on the platform, as far as this process saw.
    pub missing_since: Option<Timestamp>,
    /// What the platform showed: by id, by owner mark, by name.
    pub candidates: Vec<Candidate<C>>,
    /// The Secrets that belong to it.
    pub slots: Vec<Slot>,
    /// The last recorded attempt at something shown once.
    pub attempt: i64,
    /// Resources that refer to it and are still there.
    pub dependents: usize,
}

/// The choices of the manifest and the grants of the Platform.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Take over an unmarked object of that name?
    pub adoption: AdoptionPolicy,
    /// May this namespace take over?
    pub may_adopt: bool,
    /// What happens on the platform at the end.
    pub deletion: DeletionPolicy,
    /// May this namespace delete organisations?
    pub may_delete: bool,
    /// What happens when the platform differs.
    pub drift: DriftPolicy,
    /// The object to take over, by the platform's id.
    pub external_id: Option<String>,
}

/// An object that the platform showed.
#[derive(Clone, Debug)]
pub struct Candidate<C> {
    /// The platform's id.
    pub id: String,
    /// Whose it is.
    pub ownership: Ownership,
    /// What would make it as the manifest says; `None` where it is so already.
    pub change: Option<C>,
}

/// A Secret that belongs to the object.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Its name.
    pub secret: String,
    /// Where its values come from.
    pub source: Source,
    /// What is there.
    pub state: SlotState,
    /// It has an owner reference, and so is collected when the resource goes.
    pub collected: bool,
    /// Status says that it was written before.
    pub written: bool,
    /// What to do about it when the object is taken over and the Secret is not there.
    pub on_adoption: OnAdoption,
}

/// What to do about a Secret that is not there when its object is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnAdoption {
    /// The platform has a value that cannot be had: say so.
    Unavailable,
    /// It is made only for an object that the operator creates.
    LeaveOut,
}

/// Where the values of a Secret come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The operator makes them, before the platform sees them.
    Generated,
    /// The platform shows them once, in the answer to the creation.
    ShownOnce,
}

/// What lies under the Secret's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotState {
    /// Nothing.
    Absent,
    /// A Secret that is not this resource's.
    Foreign,
    /// This resource's Secret.
    Ours {
        /// The id on the platform that its values belong to, where it says so.
        external_id: Option<String>,
        /// All keys are there and not empty.
        complete: bool,
    },
}
