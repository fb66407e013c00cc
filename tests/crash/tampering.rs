//! What happens beside requests from the deed on, and what is done to a world behind its back once all is settled.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api_server::Snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::event::{CUTTING, Event, Point, Spoil};
use crate::harm::{Before, ask_for_passwords};
use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::settle::settle;
use crate::sim::api::Api;
use crate::sim::platform::Kind;
use crate::sim::{Wanted, World, back_up};

/// How long an operator lives before the deed, where it has seen everything before.
const SEEN: Duration = Duration::from_secs(5);
/// When watches are begun anew where an event was not told: nothing but a list shows what it was about.
const RELIST: Duration = Duration::from_mins(10);

/// Does the deed, now or while an operator lives, and has happen what happens from then on.
pub(crate) fn begin(world: &mut World, scenario: &Scenario, plan: &Plan, tampering: &Tampering) -> Result<(), String> {
    let start = {
        let (api, wire, agenda, time) =
            (world.api.clone(), world.wire.clone(), world.agenda.clone(), world.time.clone());
        let (plan, cluster, platform) = (plan.clone(), tampering.cluster.clone(), tampering.platform.clone());
        let forgotten = world.twins.as_ref().map(|twins| twins.forgotten.clone()).unwrap_or_default();
        let files = world.path().to_owned();
        move || {
            wire.play(&plan.script);
            for event in plan.events {
                let (api, agenda, time) = (api.clone(), agenda.clone(), time.clone());
                match event {
                    Event::Freeze(kind, at, seconds) => wire.at(at, move || {
                        api.freeze(&kind);
                        let until = time.now() + Duration::from_secs(seconds);
                        agenda.add(until, move || api.thaw(&kind));
                    }),
                    Event::Drop(number) => {
                        api.drop_event(number);
                        agenda.add(time.now() + RELIST, move || gone(&api));
                    }
                    Event::Cut(at) => wire.at(at, move || api.cut_watches()),
                    Event::CutAlways => {
                        for second in 0..CUTTING.as_secs() {
                            let api = api.clone();
                            agenda.add(time.now() + Duration::from_secs(second), move || api.cut_watches());
                        }
                    }
                    Event::Gone(at, at_once) => {
                        api.refuse_forgotten(at_once);
                        wire.at(at, move || gone(&api));
                    }
                    Event::Cluster(Point::Request(at), _) => {
                        let cluster = Arc::clone(&cluster);
                        wire.at(at, move || put(&cluster, api.snapshot()));
                    }
                    Event::SetBack(to, at, back) => {
                        let (before, now, forgotten) = (Slot::default(), api.clone(), forgotten.clone());
                        let kept = Arc::clone(&before);
                        wire.at(to, move || put(&kept, api.snapshot()));
                        wire.at(at, move || {
                            forgotten.note(&now);
                            let snapshot = before.lock().unwrap_or_else(PoisonError::into_inner).take();
                            set_back(&now, &snapshot.expect("a snapshot"), back);
                        });
                    }
                    Event::Platform(Point::Request(at)) => {
                        let (platform, files): (_, PathBuf) = (Arc::clone(&platform), files.clone());
                        wire.at(at, move || put(&platform, back_up(&files)));
                    }
                    _ => {}
                }
            }
        }
    };
    if !plan.events.contains(&Event::Live) {
        for deed in &scenario.act {
            world.deed(deed)?;
        }
        start();
        return Ok(());
    }
    let (api, act) = (world.api.clone(), scenario.act.clone());
    world.agenda.add(world.time.now() + SEEN, move || {
        start();
        for deed in act {
            deed.on(&api).expect("a deed that the API server takes");
        }
    });
    Ok(())
}

/// A watch that was told of everything there was does not know of what somebody else writes elsewhere.
fn gone(api: &Api) {
    api.put(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "elsewhere", "namespace": "default" },
    }));
    api.compact();
    api.cut_watches();
}

fn set_back(api: &Api, snapshot: &Snapshot, back: bool) {
    if back { api.restore_back(snapshot) } else { api.restore(snapshot) }
}

type Slot<T> = Arc<Mutex<Option<T>>>;

fn put<T>(slot: &Slot<T>, value: T) {
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
}

/// What is done to a world behind its back once all is settled.
pub(crate) struct Tampering {
    events: Vec<Event>,
    restart: bool,
    cluster: Slot<Snapshot>,
    platform: Slot<TempDir>,
}

impl Tampering {
    /// What of a plan that is; backups from before the deed are made at once.
    pub(crate) fn of(plan: &Plan, world: &World, kind: Kind) -> Self {
        let is = |event: &&Event| matches!(event, Event::Cluster(..) | Event::Platform(_) | Event::Spoil(_));
        let events: Vec<Event> = plan.events.iter().filter(is).cloned().collect();
        let (cluster, platform) = (Slot::default(), Slot::default());
        for event in &events {
            match event {
                Event::Cluster(Point::Before, _) => put(&cluster, world.api.snapshot()),
                Event::Platform(Point::Before) => put(&platform, world.back_up()),
                _ => {}
            }
        }
        // The embedded platform's files are the operator's own process's.
        let own = kind == Kind::Embedded && events.iter().any(|event| matches!(event, Event::Platform(_)));
        Self { events, restart: own || plan.events.contains(&Event::Restart), cluster, platform }
    }

    /// Lets all settle, does it, and lets all come to rest. Whether something was done.
    pub(crate) fn carry_out(self, world: &mut World, scenario: &Scenario) -> Result<bool, String> {
        if self.events.is_empty() {
            settle(world)?;
            return Ok(false);
        }
        let before = Rc::new(RefCell::new(None));
        let (restart, kept) = (self.restart, Rc::clone(&before));
        let restores = self.events.iter().any(|event| !matches!(event, Event::Spoil(_)));
        let tamper = move |world: &mut World| {
            *kept.borrow_mut() = Some(Before::of(world));
            for event in &self.events {
                self.tamper(world, event);
            }
            world.wanted = Wanted::Explained;
        };
        if restart {
            settle(world)?;
            tamper(world);
        } else {
            world.then.push_back(Box::new(tamper));
        }
        settle(world)?;
        let before = before.borrow_mut().take().ok_or("nothing was done")?;
        before.check(world, !restores)?;
        if restores {
            // People apply again what they have, and do what they are asked.
            world.wanted = Wanted::Answered;
            for deed in &scenario.act {
                world.deed(deed)?;
            }
            let answered = |error| format!("after people did what they were asked: {error}");
            settle(world).map_err(answered)?;
            if ask_for_passwords(world) {
                settle(world).map_err(answered)?;
            }
            before.check(world, true).map_err(answered)?;
        }
        Ok(true)
    }

    fn tamper(&self, world: &mut World, event: &Event) {
        match event {
            Event::Cluster(_, back) => {
                world.was_restored = true;
                let slot = self.cluster.lock().unwrap_or_else(PoisonError::into_inner);
                let snapshot = slot.as_ref().expect("a snapshot");
                set_back(&world.api, snapshot, *back);
            }
            Event::Platform(_) => {
                let slot = self.platform.lock().unwrap_or_else(PoisonError::into_inner);
                world.restore_platform(slot.as_ref().map(TempDir::path));
            }
            Event::Spoil(spoil) => {
                let [kind, namespace, name] = &spoil.object;
                let object = world.api.get(kind, namespace, name).expect("an object to be spoilt");
                let other = another(world, spoil);
                world.api.put(spoil.apply(object, other.as_ref()).expect("something to spoil"));
            }
            _ => {}
        }
    }
}

/// What a field may be swapped with: the object that the other organisation has in its place.
pub(crate) fn another(world: &World, Spoil { object: [kind, namespace, name], .. }: &Spoil) -> Option<Value> {
    world.api.get(kind, namespace, &crate::scenario::other(name))
}
