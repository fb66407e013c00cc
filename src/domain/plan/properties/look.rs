//! What is seen of a world: facts, as the shell makes them.

use jiff::Timestamp;

use super::world::{Label, Mark, Object, Secret, Shape, Status, World};
use crate::domain::brake;
use crate::domain::condition::{Reason, State};
use crate::domain::entity::Kind;
use crate::domain::naming::Ownership;
use crate::domain::plan::{Candidate, Content, Credential, Facts, Slot, SlotState, Source, TokenFacts};
use crate::domain::policy::DeletionPolicy;
use crate::domain::request::Resolve;
use crate::domain::rotation::Share;

/// A change of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) mark: bool,
    pub(super) fields: bool,
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn track(since: &mut Option<i64>, is_so: bool, now: i64) -> Option<Timestamp> {
    let known = since.filter(|_| is_so);
    *since = is_so.then(|| known.unwrap_or(now));
    known.map(at)
}

impl World {
    /// The slots that the manifest asks for now.
    pub(super) fn slots(&self) -> usize {
        let status = &self.cluster.status;
        let wanted = match self.setting.shape {
            Shape::Person => !status.adopted || status.digests[0].is_some() || self.cluster.rotate != status.rotated,
            _ => true,
        };
        if wanted { self.setting.shape.secrets() } else { 0 }
    }

    pub(super) fn ownership(&self, object: &Object) -> Ownership {
        match object.mark {
            _ if !self.setting.powers.marks => Ownership::Unmarked,
            Mark::None => Ownership::Unmarked,
            Mark::Ours => Ownership::Ours,
            Mark::Attempt(n) => Ownership::OurAttempt(n),
            Mark::Former if self.cluster.take_over && !self.is_token() => Ownership::Offered,
            Mark::Other | Mark::Former => Ownership::Other,
        }
    }

    fn shown(&self, id: Option<u32>) -> Option<&Object> {
        self.object(id?).filter(|object| object.shown_from <= self.now)
    }

    /// What the platform shows by id, by mark and by name.
    fn lookup(&self, draft: &Status) -> Vec<Object> {
        let shown = || self.objects.iter().filter(|object| object.shown_from <= self.now);
        let marked = |object: &&Object| matches!(self.ownership(object), Ownership::Ours | Ownership::OurAttempt(_));
        let mut found: Vec<Object> = Vec::new();
        if self.is_token() {
            let stored = self.cluster.secrets[0].as_ref();
            let ids = [draft.id, stored.and_then(|s| s.external_id), stored.and_then(|s| s.previous)];
            found.extend(shown().filter(marked).cloned());
            let named: Vec<&Object> = ids.into_iter().filter_map(|id| self.shown(id)).collect();
            for object in named {
                if !found.iter().any(|known| known.id == object.id) {
                    found.push(object.clone());
                }
            }
            return found;
        }
        if let Some(object) = self.shown(draft.id) {
            let mut found = vec![object.clone()];
            found.extend(shown().filter(|other| other.id != object.id && self.may_be_twin(other)).cloned());
            return found;
        }
        found.extend(shown().filter(marked).cloned());
        if !self.deleting {
            let external = self.cluster.policy.external_id.as_ref().map(|id| id.parse::<u32>().unwrap());
            let named = shown().filter(|object| external.is_none_or(|id| object.id == id));
            let more: Vec<Object> = named.filter(|o| !found.iter().any(|known| known.id == o.id)).cloned().collect();
            found.extend(more);
        }
        found
    }

    fn candidate(&self, object: &Object, slots: usize) -> Candidate<Change> {
        let ownership = self.ownership(object);
        let (fields, unmarked) = (object.drifted && !self.is_token(), ownership == Ownership::Unmarked);
        let to_be_marked = unmarked || (ownership == Ownership::Offered && !self.is_token());
        let change = Change { mark: self.setting.powers.marks && to_be_marked, fields };
        let stale = (0..slots).filter(|slot| self.is_stale(*slot, object.id)).collect();
        Candidate {
            id: object.id.to_string(),
            ownership,
            change: (change.mark || change.fields).then_some(change),
            drift: if fields { vec!["spec.email"] } else { Vec::new() },
            rival: None,
            stale,
            shows_key: false,
            shown_again: Vec::new(),
        }
    }

    fn is_stale(&self, slot: usize, id: u32) -> bool {
        let Some(secret) = self.cluster.secrets[slot].as_ref().filter(|secret| secret.label != Label::Foreign) else {
            return false;
        };
        secret.label != Label::Ours
            || secret.style != self.cluster.style
            || secret.external_id != Some(id)
            || secret.collected != (self.cluster.policy.deletion == DeletionPolicy::Delete)
            || !secret.derived
    }

    fn content(&self, slot: usize, secret: &Secret, draft: &Status) -> Content {
        if secret.next.is_some() {
            return Content::Staged;
        }
        let same_object = secret.external_id.is_none() || draft.id.is_none() || secret.external_id == draft.id;
        let answered = secret.rotated_for.is_none() || secret.rotated_for == draft.rotated;
        let vouches = secret.label == Label::Ours && same_object && answered;
        let recorded = self.cluster.status.digests[slot];
        let derivable = secret.derived || self.setting.shape == Shape::Person || slot == 1 || recorded.is_some();
        let intact = recorded.filter(|_| vouches).is_none_or(|recorded| secret.value == Some(recorded));
        match secret.value {
            Some(_) if intact && secret.derived => Content::Whole,
            Some(_) if intact && derivable => Content::Mendable,
            _ => Content::Broken,
        }
    }

    fn state(&self, slot: usize, draft: &Status) -> SlotState {
        match &self.cluster.secrets[slot] {
            None => SlotState::Absent,
            Some(secret) => match secret.label {
                Label::Foreign => SlotState::Foreign,
                Label::Ours => SlotState::Ours(self.content(slot, secret, draft)),
                Label::Claimed => SlotState::Claimed {
                    external_id: secret.external_id.map(|id| id.to_string()),
                    content: self.content(slot, secret, draft),
                },
            },
        }
    }

    fn credential(&self, draft: &Status) -> Option<Credential> {
        let secret = self.cluster.secrets[0].as_ref().filter(|secret| secret.label != Label::Foreign)?;
        let (id, ours) = (secret.external_id?, secret.label == Label::Ours);
        let whole = self.content(0, secret, draft) == Content::Whole;
        let proved = ours && (draft.id == Some(id) || self.deleting);
        let logs_in = || {
            let live = secret.value == Some(id) && self.object(id).is_some();
            !self.deleting && if self.setting.tries { live } else { ours }
        };
        let sound = whole && (proved || logs_in());
        (ours || sound).then(|| Credential {
            id: id.to_string(),
            attempt: secret.attempt,
            issued_at: Some(at(secret.issued_at)),
            expires_at: secret.expires_at.map(at),
            previous: secret.previous.map(|id| id.to_string()),
            sound,
        })
    }

    fn token_facts(&mut self, draft: &Status) -> TokenFacts {
        if !self.is_token() {
            return TokenFacts::default();
        }
        let (rotation, share, now) = (self.cluster.rotation, Share::default(), self.now);
        let credential = self.credential(draft);
        let due = credential.as_ref().is_some_and(|credential| {
            let issued = credential.issued_at.unwrap();
            rotation.rotate_at(share, issued, credential.expires_at).is_some_and(|due| due <= at(now))
        });
        let due_since = track(&mut self.memory.due, due, now).or(due.then(|| at(now)));
        TokenFacts { rotation, share, credential, due_since, shared: None }
    }

    /// The facts, with the status that the pass begins with.
    pub(super) fn facts(&mut self, draft: &Status) -> Facts<Change> {
        let (slots, now) = (self.slots(), self.now);
        let down = self.is_down();
        let records = if down { Vec::new() } else { self.lookup(draft) };
        let outage = down.then(|| State::new(Reason::PlatformUnavailable, "down"));
        let token = self.token_facts(draft);
        let recorded_id = draft.id.map(|id| id.to_string());
        let candidates: Vec<Candidate<Change>> = records.iter().map(|object| self.candidate(object, slots)).collect();
        let away = if self.deleting { is_away_for_good } else { is_missing };
        let missing = !down && away(&token, recorded_id.as_deref(), &candidates, draft.open);
        let request = self.cluster.resolve.filter(|request| draft.resolved != Some(*request));
        let answered = |secret: &Secret| secret.label != Label::Foreign && secret.rotated_for == self.cluster.rotate;
        let answered = self.cluster.secrets.iter().take(slots).flatten().any(answered);
        Facts {
            kind: self.kind(),
            name: "acme".to_owned(),
            deleting: self.deleting,
            finalizer: self.cluster.finalizer,
            platform_held: self.cluster.platform_held,
            outage_since: track(&mut self.memory.outage, down, now),
            outage,
            refused: (self.refused && !self.deleting).then(|| State::new(Reason::NamespaceNotAllowed, "no grant")),
            parent: None,
            policy: self.cluster.policy.clone(),
            powers: self.setting.powers,
            made_at: self.memory.made.max(self.cluster.status.ready_since).map(at),
            missing_since: track(&mut self.memory.missing, missing, now),
            recorded_id,
            candidates,
            slots: (0..slots).map(|slot| self.slot(slot, draft)).collect(),
            attempt: draft.attempt,
            attempt_open: draft.open,
            given_up: draft.given_up,
            dependents: if self.kind() == Kind::Organization { self.dependents } else { 0 },
            resolve: request
                .filter(|(_, attempt)| *attempt == draft.attempt)
                .map(|(adopt, _)| if adopt { Resolve::Adopt } else { Resolve::StartOver }),
            rotate: self.cluster.rotate.is_some() && !answered && draft.rotated != self.cluster.rotate,
            may_recreate: brake::count(&self.memory.recreations, self.setting.hourly, at(now)).is_some(),
            braked: self.braked,
            token,
            left_behind: draft.left_behind.iter().map(ToString::to_string).collect(),
        }
    }

    fn slot(&self, slot: usize, draft: &Status) -> Slot {
        Slot {
            secret: format!("secret-{slot}"),
            source: self.setting.shape.source(),
            shown: self.setting.shape.source() == Source::ShownOnce,
            state: self.state(slot, draft),
            made_for: self.cluster.secrets[slot]
                .as_ref()
                .and_then(|secret| secret.external_id.map(|id| id.to_string())),
            collected: self.cluster.secrets[slot].as_ref().is_some_and(|secret| secret.collected),
            written: self.cluster.status.digests[slot].is_some(),
            late: self.setting.shape.late(slot),
            remedy: "start anew",
        }
    }
}

/// Whether anything that is known is not shown, or nothing is known and none carries our mark.
fn is_away_for_good(token: &TokenFacts, recorded: Option<&str>, candidates: &[Candidate<Change>], _: bool) -> bool {
    let stored =
        token.credential.as_ref().filter(|credential| credential.sound).map(|credential| credential.id.as_str());
    let mut known = recorded.into_iter().chain(stored).peekable();
    match known.peek() {
        Some(_) => known.any(|id| !candidates.iter().any(|found| found.id == id)),
        None => !candidates.iter().any(|found| matches!(found.ownership, Ownership::Ours | Ownership::OurAttempt(_))),
    }
}

/// Whether what the resource stands for is not shown: what a believed Secret names, else what status records.
fn is_missing(token: &TokenFacts, recorded: Option<&str>, candidates: &[Candidate<Change>], open: bool) -> bool {
    let shown = |id: &str| candidates.iter().find(|found| found.id == id);
    match &token.credential {
        Some(credential) if credential.sound => shown(&credential.id).is_none(),
        Some(credential)
            if shown(&credential.id).is_some_and(|found| matches!(found.ownership, Ownership::OurAttempt(_))) =>
        {
            false
        }
        // What an attempt without an answer may have made counts as away.
        _ => recorded.map_or(open && candidates.is_empty(), |id| shown(id).is_none()),
    }
}
