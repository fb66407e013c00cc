//! What to do about one object, decided from facts alone.
//!
//! [`plan`] is the only place where the operator chooses. It gets [`Facts`], what the manifest asks for and what was
//! observed, and answers with [`Step`]s in order and what is then true. The steps hold all the data they need; whoever
//! executes them makes no choices, may stop after any of them, and plans again from what is then there.
//!
//! The order of the steps is the crash safety: a finalizer before anything that would have to be cleaned up, a Secret
//! of our own making before the platform sees its value, a recorded attempt and a proof that the Secret can be written
//! before a value is minted that is shown only once, the new credential in its Secret before the old one is revoked.
//!
//! [`identity`] says which object it is, [`presence`] what an organisation or a user needs, [`token`] what a token needs,
//! [`shared`] what it needs where a user has one key, [`twins`] what is there once too often, [`removal`] what is to be done
//! at the end.

use std::time::Duration;

use jiff::Timestamp;

use super::condition::{Reason, State};
use super::entity::Kind;
use super::fault::Requeue;

pub use super::facts::{
    Candidate, Content, Credential, Facts, Late, Policy, Powers, Rival, SharedKey, Slot, SlotState, Source, TokenFacts,
};

mod identity;
mod presence;
pub(crate) mod removal;
mod shared;
mod token;
mod twins;

/// How long an object has to stay away before it counts as gone: platforms show new objects late.
pub const ABSENCE: Duration = Duration::from_secs(30);

/// How long a deletion waits for its platform before it says what it leaves there.
pub const PATIENCE: Duration = Duration::from_mins(15);

/// One thing to do. Each is idempotent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<C> {
    /// Put our finalizer on the resource.
    AddFinalizer,
    /// Put our finalizer on the Platform.
    HoldPlatform,
    /// Make the values of this slot and create its Secret; one that is there already wins.
    Generate(usize),
    /// Write into status that attempt n begins, failing if the resource changed since it was read.
    RecordAttempt(i64),
    /// Write into status that what was made before is given up, and that attempt n begins.
    StartOver(i64),
    /// Prove by a dry-run that the Secret of this slot can be written.
    ProveWritable(usize),
    /// Create the object; where that shows a value once, store it in the same breath.
    Create {
        /// The attempt that this creation belongs to, where one is recorded.
        attempt: Option<i64>,
        /// The credential that this one takes the place of and that goes on working for a while.
        previous: Option<String>,
    },
    /// Change the object.
    Update {
        /// The platform's id.
        id: String,
        /// What to change.
        change: C,
    },
    /// Bring the Secret of this slot to what the manifest says now. Its values stay; what can be derived is put back.
    Refresh(usize),
    /// Write the value that is in use into the Secret of this slot: what the platform shows again, or what lies in the
    /// Secret of the user whose one key it is.
    Publish(usize),
    /// Have the platform replace the one key of the user with that id, and write the new one into the Secret of this slot.
    Renew {
        /// The platform's id of the user.
        id: String,
        /// The slot.
        slot: usize,
    },
    /// Lay a next password into the Secret of this slot, beside the current one.
    Stage(usize),
    /// Give the platform the next password of this slot.
    Push {
        /// The platform's id of the user.
        id: String,
        /// The slot.
        slot: usize,
    },
    /// Make the next password of this slot the current one.
    Promote(usize),
    /// Revoke a token: minted and never stored, or rotated out.
    Revoke(String),
    /// Write into the Platform's status that one more organisation is about to be deleted; fails when the brake holds.
    CountDeletion,
    /// Remove the object from the platform.
    Delete(String),
    /// Remove from the platform what an attempt of this resource made beside the object that status records; fails unless
    /// status still records that one.
    RemoveTwin {
        /// The platform's id of it.
        id: String,
        /// The platform's id of the object that stays.
        of: String,
    },
    /// Take our owner mark off the object.
    Release(String),
    /// Let the Secret of this slot outlive the resource.
    ReleaseSecret(usize),
    /// Give the Secret of this slot an owner reference, so that it goes with the resource.
    AttachSecret(usize),
    /// Take our finalizer off the resource.
    RemoveFinalizer,
}

/// Steps, and what is true when they are done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<C> {
    /// In this order.
    pub steps: Vec<Step<C>>,
    /// What then holds.
    pub verdict: Verdict,
    /// Fields of the manifest in which the platform differs and is left to. `None`: nothing new is known.
    pub drift: Option<Vec<&'static str>>,
    /// Ids on the platform that are given up, all of them.
    pub left_behind: Vec<String>,
    /// When the next act is due, where one is planned.
    pub next: Option<Timestamp>,
}

/// What holds when a plan's steps are done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All that the manifest asks for is there.
    Settled {
        /// The platform's id; `None` when the steps create it.
        id: Option<String>,
        /// How this plan came by it.
        how: How,
    },
    /// Not yet, or not without somebody's help.
    Held(State, Requeue),
    /// It was made a moment ago and the platform does not show it yet: what was said of it before stays true.
    Hidden(State, Requeue),
    /// Nothing is left, and the resource may go.
    Gone,
}

/// How a plan comes by its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It was this resource's before.
    Known,
    /// It is made.
    Created,
    /// It is made again: it had gone from the platform, or a person decided so.
    Recreated,
    /// It was there and was nobody's.
    Adopted,
    /// It was there and another operator's, who gave it up.
    TakenOver,
    /// A new credential takes the place of one that is due.
    Rotated,
    /// A new credential takes the place of one whose value was lost.
    Restored,
}

impl<C> Plan<C> {
    fn settled(facts: &Facts<C>, steps: Vec<Step<C>>, id: Option<String>, how: How) -> Self {
        let verdict = Verdict::Settled { id, how };
        Self { steps, verdict, drift: None, left_behind: facts.left_behind.clone(), next: None }
    }

    fn held(facts: &Facts<C>, state: State, requeue: Requeue) -> Self {
        let verdict = Verdict::Held(state, requeue);
        Self { steps: Vec::new(), verdict, drift: None, left_behind: facts.left_behind.clone(), next: None }
    }

    fn stalled(facts: &Facts<C>, reason: Reason, message: impl Into<String>) -> Self {
        Self::held(facts, State::new(reason, message), Requeue::Resync)
    }

    fn gone(facts: &Facts<C>, steps: Vec<Step<C>>) -> Self {
        Self { steps, verdict: Verdict::Gone, drift: None, left_behind: facts.left_behind.clone(), next: None }
    }
}

impl<C> Facts<C> {
    fn candidate(&self, id: &str) -> Option<&Candidate<C>> {
        self.candidates.iter().find(|candidate| candidate.id == id)
    }

    /// Whether it was made so lately that the platform may not show it yet. Where nobody knows any more when that was (the
    /// process was started since, and the object says no more that it is Ready), it has to be away for as long.
    fn may_be_invisible(&self, now: Timestamp) -> bool {
        // A token that is renewed becomes Ready no second time: its Secret says when it was made.
        let issued_at = self.token.credential.as_ref().and_then(|credential| credential.issued_at);
        let since = self.made_at.max(issued_at).or(self.missing_since).unwrap_or(now);
        let visible_after = self.powers.visible_after;
        !visible_after.is_zero() && now < super::rotation::later(since, visible_after)
    }

    /// Whether the recorded object was seen to be away twice, far enough apart.
    fn is_gone(&self, now: Timestamp) -> bool {
        let away = self.missing_since.map(|since| now.duration_since(since).unsigned_abs());
        away.is_some_and(|away| away >= ABSENCE) && !self.may_be_invisible(now)
    }
}

/// Decides.
pub fn plan<C: Clone>(facts: &Facts<C>, now: Timestamp) -> Plan<C> {
    match (facts.deleting, facts.kind) {
        (true, _) => removal::removal(facts, now),
        (false, Kind::Token) => match &facts.token.shared {
            Some(key) => shared::presence(facts, key, now),
            None => token::presence(facts, now),
        },
        (false, _) => presence::presence(facts, now),
    }
}

/// Finalizers first: whatever follows may have to be cleaned up.
fn holds<C>(facts: &Facts<C>) -> Vec<Step<C>> {
    let mut steps = Vec::new();
    // Its own first: a Platform that is being deleted counts those that carry it.
    if !facts.finalizer {
        steps.push(Step::AddFinalizer);
    }
    if !facts.platform_held {
        steps.push(Step::HoldPlatform);
    }
    steps
}

fn conflict<C>(facts: &Facts<C>, slot: &Slot) -> Plan<C> {
    let message = format!(
        "the Secret {} is not this {}'s and is left as it is: delete it, or choose another name for ours",
        slot.secret, facts.kind
    );
    // Nobody watches Secrets, and the one of a resource of this name that was deleted just now goes by itself.
    Plan::held(facts, State::new(Reason::SecretConflict, message), Requeue::Poll)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod properties;
