//! What outlives a pass: a cluster with one resource and its Secrets, a platform, and what a process remembers.

use std::fmt;

use super::engine::Engine;
use super::standing::Standing;
use crate::domain::brake::Counted;
use crate::domain::entity::Kind;
use crate::domain::plan::{Late, Policy, Powers, Source};
use crate::domain::policy::{AdoptionPolicy, DeletionPolicy, DriftPolicy};
use crate::domain::rotation::Rotation;

pub(super) type Id = u32;

/// The value that a person writes into a Secret: none of the platform's.
pub(super) const EDITED: Id = 0;

/// Which resource it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// An organisation with neither key pair nor administrator.
    Bare,
    /// An organisation with both; the platform gets the key pair or does not.
    Full(bool),
    Machine,
    Person,
    Token,
}

impl Shape {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Bare | Self::Full(_) => Kind::Organization,
            Self::Machine | Self::Person => Kind::User,
            Self::Token => Kind::Token,
        }
    }

    /// How many Secrets it may have.
    pub(super) fn secrets(self) -> usize {
        match self {
            Self::Bare | Self::Machine => 0,
            Self::Full(_) => 2,
            Self::Person | Self::Token => 1,
        }
    }

    pub(super) fn source(self) -> Source {
        match self {
            Self::Token => Source::ShownOnce,
            Self::Person => Source::Settable,
            _ => Source::Generated,
        }
    }

    pub(super) fn late(self, slot: usize) -> Late {
        match (self, slot) {
            (Self::Person, _) => Late::LeaveOut,
            (Self::Full(true), 0) => Late::GenerateForOurs,
            (Self::Full(false), 0) => Late::Generate,
            _ => Late::Never,
        }
    }
}

/// Whether there is the Platform that the resource refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    There,
    /// It is being deleted, and waits for what was made on it.
    Leaving,
    Gone,
}

/// What never changes in a run.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) shape: Shape,
    pub(super) powers: Powers,
    /// Two objects may have one name.
    pub(super) shared_names: bool,
    /// It says whether a value logs in.
    pub(super) tries: bool,
    /// How much may be made again in an hour; 0 for any number.
    pub(super) hourly: i32,
}

/// A mark on an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    Ours,
    Attempt(i64),
    Other,
    /// Of the owner whom the manifest may name.
    Former,
}

/// Whose an object is in truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Us,
    /// Ours, and nobody can know: the platform keeps no marks and its answer was lost, or a person said otherwise.
    Lost,
    Stranger,
}

#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all their combinations are met")]
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) id: Id,
    pub(super) mark: Mark,
    /// We made it.
    pub(super) made: bool,
    /// It was in the Secret.
    pub(super) stored: bool,
    /// Status recorded it.
    pub(super) used: bool,
    pub(super) whose: Whose,
    pub(super) drifted: bool,
    pub(super) shown_from: i64,
    pub(super) issued_at: i64,
    pub(super) expires_at: Option<i64>,
    pub(super) password: Option<Id>,
}

/// Whose a Secret says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Ours,
    Claimed,
    Foreign,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Secret {
    pub(super) label: Label,
    pub(super) collected: bool,
    /// Of which manifest its labels are.
    pub(super) style: u32,
    pub(super) external_id: Option<Id>,
    /// A token's value is its id.
    pub(super) value: Option<Id>,
    /// What can be derived is as it was written.
    pub(super) derived: bool,
    pub(super) next: Option<Id>,
    pub(super) attempt: i64,
    pub(super) issued_at: i64,
    pub(super) expires_at: Option<i64>,
    pub(super) previous: Option<Id>,
    pub(super) rotated_for: Option<u32>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Status {
    pub(super) id: Option<Id>,
    pub(super) observed: bool,
    pub(super) adopted: bool,
    pub(super) attempt: i64,
    pub(super) open: bool,
    pub(super) given_up: i64,
    pub(super) left_behind: Vec<Id>,
    pub(super) rotated: Option<u32>,
    pub(super) resolved: Option<(bool, i64)>,
    /// The values that were in the Secrets.
    pub(super) digests: Vec<Option<Id>>,
    pub(super) ready_since: Option<i64>,
}

impl Status {
    /// Of a resource that nobody has looked at.
    pub(super) fn new(secrets: usize) -> Self {
        Self {
            id: None,
            observed: false,
            adopted: false,
            attempt: 0,
            open: false,
            given_up: 0,
            left_behind: Vec::new(),
            rotated: None,
            resolved: None,
            digests: vec![None; secrets],
            ready_since: None,
        }
    }
}

/// What etcd holds of it.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub(super) finalizer: bool,
    pub(super) platform_held: bool,
    pub(super) status: Status,
    pub(super) secrets: Vec<Option<Secret>>,
    pub(super) policy: Policy,
    pub(super) rotation: Rotation,
    pub(super) take_over: bool,
    pub(super) style: u32,
    pub(super) rotate: Option<u32>,
    /// Adopt, or start over; and which attempt.
    pub(super) resolve: Option<(bool, i64)>,
}

/// What a process remembers.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub(super) missing: Option<i64>,
    pub(super) outage: Option<i64>,
    pub(super) due: Option<i64>,
    pub(super) made: Option<i64>,
    pub(super) recreations: Vec<Counted>,
    /// What came of an attempt, until status says it.
    pub(super) outcome: Option<(i64, Id)>,
}

/// A token that a consumer read from the Secret.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) id: Id,
    pub(super) last: i64,
    pub(super) expires_at: Option<i64>,
}

#[derive(Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all their combinations are met")]
pub(super) struct World {
    pub(super) setting: Setting,
    pub(super) now: i64,
    pub(super) cluster: Cluster,
    pub(super) backups: Vec<Cluster>,
    pub(super) memory: Memory,
    pub(super) objects: Vec<Object>,
    pub(super) last_id: Id,
    pub(super) deleting: bool,
    pub(super) gone: bool,
    pub(super) outage: bool,
    pub(super) place: Place,
    /// Its namespace is being deleted, and takes nothing new.
    pub(super) terminating: bool,
    pub(super) refused: bool,
    pub(super) braked: bool,
    pub(super) dependents: usize,
    /// How many plans were made.
    pub(super) plans: u64,
    /// Tokens that were stored.
    pub(super) stored: Vec<Id>,
    /// How many passwords were made the current one.
    pub(super) promoted: usize,
    /// No other hand was at the platform, the Secret or the settings: consumers get what they were promised.
    pub(super) relied_on: bool,
    /// Another hand was at a Secret.
    pub(super) handled: bool,
    /// A creation was cut off while it was on its way.
    pub(super) cut_in_creation: bool,
    /// It carried our finalizer when it was deleted.
    pub(super) begun: bool,
    /// Nothing happened to it but passes that were cut off.
    pub(super) alone: bool,
    /// A pass that stands still.
    pub(super) standing: Option<Box<Standing>>,
    /// One that stood still goes on.
    pub(super) late: bool,
    /// One that stood still let the resource go.
    pub(super) ended_late: bool,
    /// The cluster was set back.
    pub(super) rebuilt: bool,
    /// The platform at the time of the last backup.
    pub(super) former: Vec<Object>,
    /// What carries the plans out, and how it is broken.
    pub(super) engine: Engine,
    /// The tokens that consumers read, the latest last.
    pub(super) read: Vec<Read>,
    /// What must never be.
    pub(super) broken: Option<String>,
}

/// What a reader of a failure needs first; the backups would drown it.
impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, cluster, objects, deleting, outage, .. } = self;
        write!(f, "{setting:?} {cluster:?} {objects:?} deleting {deleting} outage {outage} at {}", self.now)
    }
}

impl World {
    pub(super) fn new(setting: Setting, deletion: DeletionPolicy, adoption: AdoptionPolicy) -> Self {
        let secrets = setting.shape.secrets();
        let policy = Policy {
            adoption: if setting.shape == Shape::Token { AdoptionPolicy::Never } else { adoption },
            may_adopt: true,
            deletion,
            may_delete: true,
            drift: DriftPolicy::Correct,
            external_id: None,
        };
        let cluster = Cluster {
            finalizer: false,
            platform_held: false,
            status: Status::new(secrets),
            secrets: vec![None; secrets],
            policy,
            rotation: Rotation::default(),
            take_over: false,
            style: 0,
            rotate: None,
            resolve: None,
        };
        Self {
            setting,
            now: 1_000_000_000,
            cluster,
            backups: Vec::new(),
            memory: Memory::default(),
            objects: Vec::new(),
            last_id: 100,
            deleting: false,
            gone: false,
            outage: false,
            place: Place::There,
            terminating: false,
            refused: false,
            braked: false,
            dependents: 0,
            plans: 0,
            stored: Vec::new(),
            promoted: 0,
            relied_on: false,
            handled: false,
            cut_in_creation: false,
            begun: false,
            alone: true,
            standing: None,
            late: false,
            ended_late: false,
            rebuilt: false,
            former: Vec::new(),
            engine: Engine::Shipped,
            read: Vec::new(),
            broken: None,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.setting.shape.kind()
    }

    /// The platform cannot be asked.
    pub(super) fn is_down(&self) -> bool {
        self.outage || self.place == Place::Gone
    }

    pub(super) fn is_token(&self) -> bool {
        self.setting.shape == Shape::Token
    }

    /// A number that nothing had before: of an object or of a value.
    pub(super) fn fresh(&mut self) -> Id {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn object(&self, id: Id) -> Option<&Object> {
        self.objects.iter().find(|object| object.id == id)
    }

    pub(super) fn object_mut(&mut self, id: Id) -> Option<&mut Object> {
        self.objects.iter_mut().find(|object| object.id == id)
    }

    /// Our objects that somebody can know of.
    pub(super) fn ours(&self) -> Vec<Id> {
        self.objects.iter().filter(|object| object.whose == Whose::Us).map(|object| object.id).collect()
    }

    /// The token in the Secret, if there is one whose value logs in.
    pub(super) fn current(&self) -> Option<Id> {
        let secret = self.cluster.secrets.first()?.as_ref()?;
        let value =
            secret.value.filter(|value| secret.label != Label::Foreign && secret.external_id == Some(*value))?;
        self.object(value).map(|object| object.id)
    }

    /// Only the first is kept: what follows from it says nothing new.
    pub(super) fn breaks(&mut self, what: impl Into<String>) {
        self.broken.get_or_insert_with(|| what.into());
    }

    /// Time passes; tokens end.
    pub(super) fn wait(&mut self, seconds: i64) {
        self.now += seconds;
        let now = self.now;
        self.objects.retain(|object| object.expires_at.is_none_or(|end| end > now));
    }
}
