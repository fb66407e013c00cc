//! Deletion storms on the real API server: some of them delete namespaces, and some, on a server of their own, definitions.

use super::part::Part;
use super::plane::Plane;
use crate::NIGHTLY;
use crate::families::storms::{Gust, blow_over, gusts};
use crate::families::{Told, carry_out_at_once};
use crate::scenario::{LATE, Shore, shore};
use crate::sim::World;
use crate::sim::platform::Kind;
use crate::sim::server::Server;
use crate::sim::time::Time;

/// How many storms there are, and at night; every third deletes namespaces.
const STORMS: usize = 100;
const STORMS_AT_NIGHT: usize = 300;
/// How many delete definitions, and at night.
const DEFINITIONS: usize = 12;
const AT_NIGHT: usize = 100;
/// How many blow at once: they wait for kube-controller-manager most of the time.
const AT_ONCE: usize = 12;

/// A storm: the platform, and the seed.
type Storm = (Kind, u64);

/// Storms of seeds for which that holds, on all platforms in turn.
fn drawn(count: usize, wanted: impl Fn(&[Gust]) -> bool) -> Vec<Storm> {
    let seeds = (0..).filter(|seed| wanted(&gusts(*seed)));
    seeds.take(count).enumerate().map(|(index, seed)| (Kind::ALL[index % Kind::ALL.len()], seed)).collect()
}

fn of_namespaces(gusts: &[Gust]) -> bool {
    gusts.iter().any(|gust| matches!(gust, Gust::DeleteNamespace(_)))
}

fn of_definitions(gusts: &[Gust]) -> bool {
    gusts.iter().any(|gust| matches!(gust, Gust::DeleteAll(_)))
}

/// On the server that all share.
pub(crate) fn family() -> bool {
    let count = if std::env::var_os(NIGHTLY).is_some() { STORMS_AT_NIGHT } else { STORMS };
    let mut storms = drawn(count / 3, of_namespaces);
    storms.extend(drawn(count - count / 3, |gusts| !of_namespaces(gusts)));
    carry_out_at_once("real-storms", AT_ONCE, &storms, |server, (platform, seed)| {
        blow(server, "storms", Part::new(Plane::shared()), &shore(*platform), *seed, false)
    })
    .1
}

/// On a server of their own, one after the other.
pub(crate) fn definitions() -> bool {
    let count = if std::env::var_os(NIGHTLY).is_some() { AT_NIGHT } else { DEFINITIONS };
    let (storms, plane) = (drawn(count, of_definitions), Plane::another());
    carry_out_at_once("real-definitions", 1, &storms, |server, (platform, seed)| {
        let part = Part::alone(plane);
        part.define();
        part.clear();
        blow(server, "definitions", part, &shore(*platform), *seed, false)
    })
    .1
}

/// Blows once more, and tells its story.
pub(crate) fn replay(family: &str, platform: &str, seed: u64) -> String {
    let platform = Kind::ALL.into_iter().find(|kind| kind.as_str() == platform).expect("a platform");
    let part = if family == "definitions" { Part::alone(Plane::another()) } else { Part::new(Plane::shared()) };
    let told = blow(&Server::start(), family, part, &shore(platform), seed, true);
    told.wrong.map(|(_, story)| story).unwrap_or_default()
}

fn blow(server: &Server, family: &str, part: Part, shore: &Shore, seed: u64, tell: bool) -> Told<()> {
    let label = format!("real {family} {} {seed}", shore.scenario.platform.as_str());
    let mut world = World::real(server, shore.scenario.quirk, LATE, part, Time::from_now());
    if let Err(error) = shore.scenario.raise(&mut world) {
        let story = crate::plan::story(&world);
        world.close();
        return Told { value: (), wrong: Some((label, format!("it could not be prepared: {error}\n{story}"))) };
    }
    world.forget_what_was_asked();
    blow_over(world, shore, seed, tell, label)
}
