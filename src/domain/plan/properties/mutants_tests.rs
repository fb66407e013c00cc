//! Engines that are broken on purpose: the search and the storms have to find each.

use super::engine::Engine;
use super::search::{Bounds, Search};
use super::search_tests::SEED;
use super::starts::{Family, families};
use super::storms::Storm;
use super::world::World;

/// A small search: each break shows within one fault.
const BOUNDS: Bounds = Bounds { faults: 1, states: 6_000, seed: SEED };

/// How many storms are tried.
const STORMS: u64 = 50_000;

/// Whether the search finds it in each family that should find it, and whether storms do.
fn is_caught(engine: Engine, by_storms: bool, should: impl Fn(&World) -> bool) {
    let families = families();
    let world = |family: &Family| family.worlds[0].clone();
    let meant: Vec<&Family> = families.iter().filter(|family| should(&world(family))).collect();
    assert!(!meant.is_empty());
    for family in meant {
        let found = Search::new(family, engine, BOUNDS).run();
        assert!(found.failure.is_some(), "{engine:?} is not caught by the search of {}", family.name);
    }
    let caught = (0..STORMS).any(|number| Storm::new(&families, engine, SEED + number).blow().is_err());
    assert_eq!(caught, by_storms, "{engine:?} by storms");
}

fn is_token(world: &World) -> bool {
    world.is_token()
}

#[test]
fn what_is_stored_after_its_status_is_caught() {
    let has_value = |world: &World| world.setting.shape.secrets() > 0;
    is_caught(Engine::StoresAfterStatus, true, has_value);
}

#[test]
fn what_is_minted_before_its_attempt_is_recorded_is_caught() {
    is_caught(Engine::MintsBeforeRecording, true, |world| is_token(world) || !world.setting.powers.marks);
}

#[test]
fn what_is_revoked_before_the_next_is_stored_is_caught() {
    is_caught(Engine::RevokesBeforeStoring, true, is_token);
}

#[test]
fn what_is_deleted_by_its_name_is_caught() {
    // Where names are not shared and no mark tells, a stranger's is there only if ours never was.
    let strange = |world: &World| {
        let setting = &world.setting;
        world.is_token() || setting.powers.marks || setting.shared_names
    };
    is_caught(Engine::DeletesByName, true, strange);
}

#[test]
fn a_creation_that_is_sent_again_when_it_timed_out_is_caught() {
    // Where one has a name to itself, the second is refused; one that carries no mark, or is shown late, is lost either way.
    let twins = |world: &World| {
        let setting = &world.setting;
        let shows = setting.powers.marks && setting.powers.visible_after.is_zero();
        shows && (world.is_token() || setting.shared_names)
    };
    is_caught(Engine::RetriesTimedOut, true, twins);
}

/// Two may be made where one has no name to itself. Where reads are late, each carries the mark of its attempt, and the one
/// that status does not record is removed or named.
fn makes_twins(world: &World) -> bool {
    let setting = &world.setting;
    setting.shared_names && setting.powers.marks && setting.powers.visible_after.is_zero()
}

#[test]
fn a_pass_that_does_not_wait_for_the_call_of_the_one_before_is_caught() {
    is_caught(Engine::JoinsNoCall, true, makes_twins);
}

#[test]
fn a_process_that_goes_on_though_another_one_leads_is_caught() {
    is_caught(Engine::HasNoFence, false, makes_twins);
}
