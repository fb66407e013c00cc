//! Where a search begins: every setting, each with every policy.

use std::time::Duration;

use super::moves::BEGINNING;
use super::world::{Setting, Shape, World};
use crate::domain::entity::Kind;
use crate::domain::plan::Powers;
use crate::domain::policy::{AdoptionPolicy, DeletionPolicy};

/// The settings of renewal, by number: on request alone, with an overlap, with an end, without an overlap.
const ROTATIONS: [usize; 4] = [0, 1, 2, 3];

/// Worlds that differ in nothing but policies, so that one state may be reached from several.
pub(super) struct Family {
    /// What they have in common.
    pub(super) name: String,
    pub(super) worlds: Vec<World>,
}

fn family(setting: &Setting, rotation: usize) -> Family {
    let adoptions: &[AdoptionPolicy] = match setting.shape {
        Shape::Token => &[AdoptionPolicy::Never],
        _ => &[AdoptionPolicy::Never, AdoptionPolicy::IfExists],
    };
    let policies = adoptions
        .iter()
        .flat_map(|adoption| [DeletionPolicy::Delete, DeletionPolicy::Retain].map(|deletion| (*adoption, deletion)));
    let worlds = policies.map(|(adoption, deletion)| {
        let mut world = World::new(setting.clone(), deletion, adoption);
        world.now = BEGINNING;
        world.relied_on = true;
        world.rotate_by(rotation);
        world
    });
    let Setting { shape, powers, shared_names, tries, hourly } = setting;
    let Powers { marks, deletes, visible_after, .. } = powers;
    let name = format!(
        "{shape:?} marks={marks} deletes={deletes} late={} shared_names={shared_names} tries={tries} hourly={hourly} rotation={rotation}",
        visible_after.as_secs()
    );
    Family { name, worlds: worlds.collect() }
}

/// All of them, always in the same order.
pub(super) fn families() -> Vec<Family> {
    let mut families = Vec::new();
    let on_off = [true, false];
    for (marks, deletes, late) in on_off
        .into_iter()
        .flat_map(|marks| on_off.into_iter().flat_map(move |deletes| [0, 90].map(|late| (marks, deletes, late))))
    {
        let powers = Powers { marks, deletes, renews: true, visible_after: Duration::from_secs(late) };
        for shape in [Shape::Bare, Shape::Full(true), Shape::Full(false), Shape::Machine, Shape::Person] {
            // Where names are shared and reads are late, only the marks of attempts tell twins apart.
            let told = marks && shape.kind() == Kind::Organization;
            for shared_names in [false, true].into_iter().filter(|shared| !shared || late == 0 || told) {
                // How much may be made again in an hour is asked for users alone.
                let hourly = i32::from(shape == Shape::Machine);
                families.push(family(&Setting { shape, powers, shared_names, tries: true, hourly }, 0));
            }
        }
        for (tries, rotation) in on_off.into_iter().flat_map(|tries| ROTATIONS.map(|rotation| (tries, rotation))) {
            let hourly = i32::from(rotation == 1);
            let shape = Shape::Token;
            families.push(family(&Setting { shape, powers, shared_names: false, tries, hourly }, rotation));
        }
    }
    families
}
