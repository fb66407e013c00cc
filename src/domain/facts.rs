//! What is known about one object when its plan is made: what the manifest asks for and what was observed.

use std::time::Duration;

use jiff::Timestamp;

use super::condition::State;
use super::entity::Kind;
use super::naming::Ownership;
use super::policy::{AdoptionPolicy, DeletionPolicy, DriftPolicy};
use super::request::Resolve;
use super::rotation::{Rotation, Share};

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
    /// Why the platform could not be asked: then no candidate means nothing. Only what is being deleted is planned for
    /// without an answer.
    pub outage: Option<State>,
    /// Since when this process has known that.
    pub outage_since: Option<Timestamp>,
    /// Why this namespace may not use the Platform (any more).
    pub refused: Option<State>,
    /// Why nothing new is made in its parent for now: an Organization or a User that is not as its manifest says, or gone.
    pub parent: Option<State>,
    /// What the manifest asks for, and what the Platform grants.
    pub policy: Policy,
    /// What the platform can do.
    pub powers: Powers,
    /// The id that status records.
    pub recorded_id: Option<String>,
    /// When the object was last made, as far as is known.
    pub made_at: Option<Timestamp>,
    /// Since when the recorded id has been missing on the platform, as far as this process saw.
    pub missing_since: Option<Timestamp>,
    /// What the platform showed: by id, by owner mark, by name.
    pub candidates: Vec<Candidate<C>>,
    /// The Secrets that belong to it.
    pub slots: Vec<Slot>,
    /// The last recorded attempt.
    pub attempt: i64,
    /// Nobody knows what came of that attempt.
    pub attempt_open: bool,
    /// The last attempt of those that are given up: what one of them made may have been in use.
    pub given_up: i64,
    /// Resources that refer to it and are still there.
    pub dependents: usize,
    /// A person's answer to the last attempt.
    pub resolve: Option<Resolve>,
    /// A new credential is asked for.
    pub rotate: bool,
    /// One more object that vanished may be made again now.
    pub may_recreate: bool,
    /// The Platform's brake on deletions holds.
    pub braked: bool,
    /// What is known about a Token's credential.
    pub token: TokenFacts,
    /// Ids on the platform that are given up: they live and cannot, or must not, be revoked by us.
    pub left_behind: Vec<String>,
}

/// The choices of the manifest and the grants of the Platform.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// What a platform can do with objects of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "a table of capabilities")]
pub struct Powers {
    /// It keeps our owner mark, so that what we made is found again whatever happened.
    pub marks: bool,
    /// It can remove one; for a token: revoke it.
    pub deletes: bool,
    /// It can replace a user's one key by another.
    pub renews: bool,
    /// How long a new object may stay invisible.
    pub visible_after: Duration,
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
    /// Paths of the manifest's fields in which it differs.
    pub drift: Vec<&'static str>,
    /// Another resource of this cluster that stands for it already.
    pub rival: Option<Rival>,
    /// The slots whose Secret would not be as the manifest says if this is the object.
    pub stale: Vec<usize>,
    /// The platform shows the key that it has.
    pub shows_key: bool,
    /// The slots that lack only a value that the platform shows again, or that hold an older one.
    pub shown_again: Vec<usize>,
}

/// Another resource that stands for the same object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rival {
    /// One of the same namespace.
    Named(String),
    /// One of another namespace, whose name is nobody's business.
    Elsewhere,
}

/// A Secret that belongs to the object.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Its name.
    pub secret: String,
    /// Where its values come from.
    pub source: Source,
    /// The answer to the creation shows a value that goes in here, alone or beside those that are made.
    pub shown: bool,
    /// What is there.
    pub state: SlotState,
    /// The platform's id of the object that its values belong to, where it says so. One that says nothing was made ahead of
    /// an object.
    pub made_for: Option<String>,
    /// It has an owner reference, and so is collected when the resource goes.
    pub collected: bool,
    /// Status says that it was written before.
    pub written: bool,
    /// What to do when there is no Secret and there was none, but the object is there.
    pub late: Late,
    /// What to do, other than restoring the Secret, when its value cannot be had again.
    pub remedy: &'static str,
}

/// What to do about a Secret that was never written for an object that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// The platform does not know the value, so one can be made now.
    Generate,
    /// As that, but an object that was taken over has a value that cannot be had.
    GenerateForOurs,
    /// It is made only with the object or on request, and one that was taken over goes without.
    LeaveOut,
    /// It is made only with the object.
    Never,
}

/// Where the values of a Secret come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The operator makes them, before the platform sees them.
    Generated,
    /// As that, and the platform lets it be set again.
    Settable,
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
    Ours(Content),
    /// A Secret whose labels name this resource, of an earlier one: restored or copied. It is this resource's if its
    /// values belong to the same object.
    Claimed {
        /// The id on the platform that its values belong to, where it says so.
        external_id: Option<String>,
        /// Whether its values are whole.
        content: Content,
    },
}

/// Whether the values of a Secret are whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// All keys are there, as the operator wrote them.
    Whole,
    /// What is missing or was edited can be derived again.
    Mendable,
    /// A value is missing or was edited that cannot be had again.
    Broken,
    /// A next password lies beside the current one: the platform may or may not know it.
    Staged,
}

/// What is known about a Token's credential.
#[derive(Clone, Debug, Default)]
pub struct TokenFacts {
    /// When it is to be renewed.
    pub rotation: Rotation,
    /// Where in its period.
    pub share: Share,
    /// What the Secret says, where it is one that can be believed.
    pub credential: Option<Credential>,
    /// Since when this process has known that its renewal is due.
    pub due_since: Option<Timestamp>,
    /// On platforms where a user has one key: what is known of it.
    pub shared: Option<SharedKey>,
}

/// The one key of a user, which the User's Secret holds and each Token publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedKey {
    /// The id of the key in the User's Secret; `None`: it holds none.
    pub id: Option<String>,
}

/// A credential as its Secret describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The platform's id.
    pub id: String,
    /// The attempt that minted it.
    pub attempt: i64,
    /// When it was minted.
    pub issued_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// The id of the one before it.
    pub previous: Option<String>,
    /// Its value is the one that the platform showed.
    pub sound: bool,
}

impl Credential {
    /// Whether the id that the Secret names can be believed, given whose the platform says that it is: whoever edits the
    /// value may have edited the id as well, and that proves nothing without our mark.
    pub fn is_believed(&self, ownership: Option<Ownership>) -> bool {
        self.sound || matches!(ownership, Some(Ownership::OurAttempt(_)))
    }
}
