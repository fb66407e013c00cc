//! Deletion storms: resources, their Secrets, the Platform and what it needs, and namespaces are deleted in some order and
//! made again, with the platform down, up and flapping, and the operator killed. Then a person brings everything back.

use std::fmt::Write as _;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Told, carry_out};
use crate::NIGHTLY;
use crate::oracle::{self, Expected};
use crate::plan;
use crate::scenario::{NAMESPACE, PLATFORMS, Shore, rockit_account_again, shore};
use crate::settle::{KINDS, Watch, ready, unsettled};
use crate::sim::fault::Fault;
use crate::sim::platform::Kind;
use crate::sim::process::{Halt, Leases, Process};
use crate::sim::server::Server;
use crate::sim::stop::Stop;
use crate::sim::weather::Weather;
use crate::sim::wire::Wire;
use crate::sim::{Kept, LeftBehind, World};

/// How many storms there are on each platform, and at night.
const STORMS: u64 = 75;
const AT_NIGHT: u64 = 500;
/// How long it may take until all is at rest.
const LIMIT: Duration = Duration::from_hours(2);
/// How often a person looks.
const TICK: Duration = Duration::from_secs(5);
/// How long nobody looks after an operator that died.
const RESTART: Duration = Duration::from_secs(2);
/// How long a person waits for a namespace or a Platform that does not go, before each step.
const PATIENCE: Duration = Duration::from_mins(20);

/// What happens.
#[derive(Clone, Debug)]
pub(crate) enum Gust {
    Delete(&'static str, &'static str),
    /// Some Secret of the tenant's, by chance.
    DeleteSecret(usize),
    /// As when the definition of the kind is deleted.
    DeleteAll(&'static str),
    DeletePlatform,
    DeleteCredentials,
    DeleteNamespace(&'static str),
    /// All that is not there is made again.
    Again,
    Weather(Weather),
    Kill,
}

/// A gust, and when: at that request, or after that time.
type When = (Gust, usize, bool, Duration);

struct Storm<'a> {
    shore: &'a Shore,
    gusts: Vec<When>,
    /// Which resources a person wants in the end.
    wanted: [bool; 4],
    weather: Weather,
    wires: Vec<Wire>,
    /// Since when a namespace is going.
    going: Option<Timestamp>,
    /// Nothing is wanted any more.
    given_up: bool,
    /// What does not go is let go.
    let_go: bool,
    /// What was in the Secrets that were deleted.
    backups: Vec<Value>,
}

/// Blows over every platform whose name begins so.
pub(crate) fn storms(prefix: &str) -> bool {
    let platforms: Vec<Kind> = Kind::ALL
        .into_iter()
        .filter(|kind| prefix.starts_with(kind.as_str()) || kind.as_str().starts_with(prefix))
        .collect();
    let server = Server::start();
    let shores: Vec<(Shore, Kept)> = platforms
        .into_iter()
        .map(|platform| {
            let shore = shore(platform);
            let kept = shore.scenario.prepare(&server);
            (shore, kept)
        })
        .collect();
    let count = if std::env::var_os(NIGHTLY).is_some() { AT_NIGHT } else { STORMS };
    let plans: Vec<(usize, u64)> =
        (0..count).flat_map(|seed| (0..shores.len()).map(move |shore| (shore, seed))).collect();
    carry_out("storms", &plans, |server, (shore, seed)| {
        let (shore, kept) = &shores[*shore];
        blow(server, shore, kept, *seed, false)
    })
    .1
}

/// Blows once more.
pub(crate) fn replay(words: &[String]) -> bool {
    let [platform, seed] = words else { panic!("replay storm PLATFORM SEED") };
    let platform = Kind::ALL.into_iter().find(|kind| kind.as_str() == platform).expect("a platform");
    let (server, shore) = (Server::start(), shore(platform));
    let kept = shore.scenario.prepare(&server);
    let told = blow(&server, &shore, &kept, seed.parse().expect("a number"), true);
    let (label, story) = told.wrong.unwrap_or_default();
    println!("{label}\n{story}");
    story.starts_with("None")
}

fn blow(server: &Server, shore: &Shore, kept: &Kept, seed: u64, tell: bool) -> Told<()> {
    let world = shore.scenario.begin(server, kept, None);
    let label = format!("storm {} {seed}", shore.scenario.platform.as_str());
    blow_over(world, shore, seed, tell, label)
}

/// What happens in the storm of that seed.
pub(crate) fn gusts(seed: u64) -> Vec<Gust> {
    let mut chance = Rng::with_seed(seed);
    let count = chance.usize(3..12);
    (0..count).map(|_| when(&mut chance).0).collect()
}

/// Blows over a world that has come to where it begins.
pub(crate) fn blow_over(mut world: World, shore: &Shore, seed: u64, tell: bool, label: String) -> Told<()> {
    let mut storm = Storm::new(shore, seed);
    let error = storm.carry_out(&mut world).err();
    let wrong = (tell || error.is_some()).then(|| {
        let mut account = error.unwrap_or_else(|| "None".to_owned());
        let _ = writeln!(account, "\n{:?}\nwanted {:?}, asked {:?}", storm.gusts, storm.wanted, world.asked);
        for wire in &storm.wires {
            let _ = writeln!(account, "--- an operator\n{}", plan::told(wire));
        }
        account.push_str(&plan::story(&world));
        (label, account)
    });
    world.close();
    Told { value: (), wrong }
}

impl<'a> Storm<'a> {
    fn new(shore: &'a Shore, seed: u64) -> Self {
        let mut chance = Rng::with_seed(seed);
        let count = chance.usize(3..12);
        let gusts = (0..count).map(|_| when(&mut chance)).collect();
        let organization = chance.u8(..4) > 0;
        let robot = organization && chance.bool();
        let wanted = [organization, robot, organization && chance.bool(), robot && chance.bool()];
        let (weather, wires) = (Weather::Up, Vec::new());
        Self { shore, gusts, wanted, weather, wires, going: None, given_up: false, let_go: false, backups: Vec::new() }
    }

    fn start(&mut self, world: &mut World) -> Process {
        // It has not to wait for the Lease of the one before, and so meets what that left fresh.
        let leases = Leases::new(world);
        let process = Process::start(world, &leases, "operator", false);
        process.wire.weather(self.weather.clone());
        self.wires.push(process.wire.clone());
        process
    }

    fn carry_out(&mut self, world: &mut World) -> Result<(), String> {
        world.left_behind = LeftBehind::IsRemoved;
        let mut operator = self.start(world);
        for (gust, request, applied, limit) in self.gusts.clone() {
            let stop = if applied { Stop::Applied } else { Stop::Hold };
            operator.wire.play(&[(request, Fault::Stop(stop))]);
            if operator.go(world, limit, TICK.min(limit), |_| false) == Halt::Ended {
                return Err("the operator ended by itself".to_owned());
            }
            if let Gust::Kill = gust {
                operator.end(world);
                world.time.pass(RESTART);
                operator = self.start(world);
                continue;
            }
            self.happen(world, &operator, &gust);
            operator.wire.play(&[]);
            operator.wire.standstill().resume();
        }
        self.weather = Weather::Up;
        operator.wire.weather(Weather::Up);
        operator.wire.play(&[]);
        let mut watch = Watch::new(world);
        let halt = operator.go(world, LIMIT, TICK, |world| {
            let changed = self.bring_back(world);
            watch.look(world) && !changed
        });
        self.wires.pop();
        if halt != Halt::Seen {
            return Err(format!("it does not come to rest: {halt:?}: {}", unsettled(world).unwrap_or_default()));
        }
        operator.end(world);
        self.check(world)
    }

    fn happen(&mut self, world: &World, operator: &Process, gust: &Gust) {
        match gust {
            Gust::Delete(kind, name) => {
                world.api.delete(kind, NAMESPACE, name);
            }
            Gust::DeleteSecret(number) => {
                let secrets = world.api.all("Secret");
                let own: Vec<_> = secrets.iter().filter(|one| one["metadata"]["namespace"] == NAMESPACE).collect();
                if let Some(secret) = own.get(number % own.len().max(1)) {
                    world.api.delete("Secret", NAMESPACE, text(&secret["metadata"]["name"]));
                    self.backups.push((*secret).clone());
                }
            }
            Gust::DeleteAll(kind) => {
                if world.api.delete_definition(kind) {
                    return;
                }
                for object in world.api.all(kind) {
                    world.api.delete(kind, text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
                }
            }
            Gust::DeletePlatform => {
                world.api.delete("Platform", PLATFORMS, "platform");
            }
            Gust::DeleteCredentials => {
                world.api.delete("Secret", PLATFORMS, "credentials");
            }
            Gust::DeleteNamespace(name) => {
                world.api.delete("Namespace", "", name);
            }
            Gust::Again => {
                world.api.define();
                for manifest in self.shore.surroundings.iter().chain(&self.shore.resources) {
                    make(world, manifest);
                }
            }
            Gust::Weather(weather) => {
                self.weather = weather.clone();
                operator.wire.weather(weather.clone());
            }
            Gust::Kill => {}
        }
    }

    /// Does what a person does who wants it all to be well again; whether there was something to do.
    fn bring_back(&mut self, world: &World) -> bool {
        let before = world.api.revision();
        world.api.define();
        for manifest in &self.shore.surroundings {
            make(world, manifest);
        }
        // The account went with its organisation, or its Secret with the namespace.
        let refused = |user: &Value| ready(user)["reason"] == "CredentialRejected";
        let account = there(world, "Secret", NAMESPACE, "account").is_some();
        if self.shore.scenario.platform == Kind::Rockit && (!account || world.api.all("User").iter().any(refused)) {
            rockit_account_again(world);
        }
        let held = ["Namespace", "Platform"].iter().flat_map(|kind| world.api.all(kind));
        let going = held.into_iter().any(|one| !one["metadata"]["deletionTimestamp"].is_null());
        self.going = going.then(|| self.going.unwrap_or_else(|| world.time.now()));
        let waited = self.going.map(|since| world.time.now().duration_since(since).unsigned_abs());
        let patience = |times: u32| waited.is_some_and(|waited| waited > PATIENCE * times);
        // A Platform goes when nothing is on it any more, and what it needs cannot be made again in a namespace that is going.
        self.given_up |= patience(1);
        self.let_go |= patience(2);
        // An organisation that is being deleted waits for what hangs on it.
        let ending = world.api.all("Organization").iter().any(|one| !one["metadata"]["deletionTimestamp"].is_null());
        for (manifest, wanted) in self.shore.resources.iter().zip(self.wanted.map(|wanted| wanted && !ending)) {
            let (kind, name) = (text(&manifest["kind"]), text(&manifest["metadata"]["name"]));
            match there(world, kind, NAMESPACE, name) {
                None if wanted && !self.given_up => make(world, manifest),
                Some(mut object) if self.let_go && object["spec"]["deletionPolicy"] != "Retain" => {
                    oracle::remove(world, &object);
                    object["spec"]["deletionPolicy"] = json!("Retain");
                    object.as_object_mut().expect("an object").remove("status");
                    world.api.apply(object).expect("a person may edit");
                }
                Some(object) if (self.given_up || !wanted) && object["metadata"]["deletionTimestamp"].is_null() => {
                    world.api.delete(kind, NAMESPACE, name);
                }
                _ => {}
            }
        }
        restore(&self.backups, world);
        remove_released(world);
        world.api.revision() != before
    }

    fn check(&self, world: &World) -> Result<(), String> {
        let platform = self.shore.scenario.platform;
        let there: Vec<_> = KINDS[1..].iter().map(|kind| world.api.all(kind).len()).collect();
        let count = |wanted: bool| usize::from(wanted && !self.given_up);
        let [organization, robot, ada, token] = self.wanted.map(count);
        if there != [organization, robot + ada, token] {
            return Err(format!(
                "{there:?} Organizations, Users and Tokens are there, and wanted was {:?}",
                self.wanted
            ));
        }
        oracle::check(world, Expected { platform, retained: 0, unanswered: true, twins: 0, minted: 0 })
    }
}

fn when(chance: &mut Rng) -> When {
    let kinds = ["Organization", "User", "Token"];
    let gust = match chance.u8(..32) {
        0..3 => Gust::Delete("Organization", "acme"),
        3..5 => Gust::Delete("User", "robot"),
        5..7 => Gust::Delete("User", "ada"),
        7..9 => Gust::Delete("Token", "robot"),
        9..11 => Gust::DeleteSecret(chance.usize(..16)),
        11 => Gust::DeleteAll(kinds[chance.usize(..3)]),
        12 => Gust::DeletePlatform,
        13 => Gust::DeleteCredentials,
        14 => Gust::DeleteNamespace(NAMESPACE),
        15 => Gust::DeleteNamespace(PLATFORMS),
        16..21 => Gust::Again,
        21..23 => Gust::Weather(Weather::Down),
        23..25 => Gust::Weather(Weather::Flapping(chance.fork())),
        25..28 => Gust::Weather(Weather::Up),
        _ => Gust::Kill,
    };
    let limit = Duration::from_millis([1, 50, 2000, 20_000, 100_000, 1_000_000][chance.usize(..6)]);
    (gust, chance.usize(..30), chance.bool(), limit)
}

fn there(world: &World, kind: &str, namespace: &str, name: &str) -> Option<Value> {
    world.api.get(kind, namespace, name)
}

/// Makes it, if it is not there and its namespace takes it.
fn make(world: &World, manifest: &Value) {
    let metadata = &manifest["metadata"];
    if there(world, text(&manifest["kind"]), text(&metadata["namespace"]), text(&metadata["name"])).is_none() {
        let _ = world.api.apply(manifest.clone());
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What cannot be had again is restored from a backup, as its message says; where it is the backup of what is there.
fn restore(backups: &[Value], world: &World) {
    for organization in refused(world, "ValueUnavailable").filter(|object| object["kind"] == "Organization") {
        let uid = &organization["metadata"]["uid"];
        let is_of = |backup: &&Value| {
            backup["metadata"]["annotations"]["org-operator.dev/owner-uid"] == *uid
                || backup["metadata"]["ownerReferences"][0]["uid"] == *uid
        };
        for backup in backups.iter().rev().filter(is_of) {
            let mut restored = backup.clone();
            let kept = ["name", "namespace", "labels", "annotations"];
            if let Some(metadata) = restored["metadata"].as_object_mut() {
                metadata.retain(|field, _| kept.contains(&field.as_str()));
            }
            make(world, &restored);
        }
    }
}

/// Of what was removed on the platform the Secrets are of no use any more, and in the way of the next one of its name.
fn remove_released(world: &World) {
    for object in refused(world, "SecretConflict") {
        for secret in world.api.all("Secret") {
            let name = text(&secret["metadata"]["name"]);
            if text(&ready(&object)["message"]).contains(&format!("the Secret {name} is not")) {
                world.api.delete("Secret", NAMESPACE, name);
            }
        }
    }
}

/// What says that, and why.
fn refused(world: &World, reason: &str) -> impl Iterator<Item = Value> {
    let all: Vec<Value> = KINDS.iter().flat_map(|kind| world.api.all(kind)).collect();
    all.into_iter().filter(move |object| ready(object)["reason"] == reason)
}
