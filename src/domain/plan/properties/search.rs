//! A search through all states of a family of worlds: breadth-first by the number of faults, and within it by the number of
//! moves, so that the first failure is a short one.
//!
//! Passes, time and an owner's requests are free: what they lead to is searched to its end before the next fault. Every
//! state is checked, and from every state undisturbed passes have to come to rest.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::engine::Engine;
use super::happen::Happening;
use super::moves::Move;
use super::starts::Family;
use super::world::World;
use super::{PASSES, is_final};

/// How far a search goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// At most so many faults on a path.
    pub(super) faults: usize,
    /// At most so many states of each family; what is searched of the last level is then chosen by the seed.
    pub(super) states: usize,
    pub(super) seed: u64,
}

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) states: usize,
    pub(super) plans: u64,
    /// How many states there are by the number of faults that they took.
    pub(super) levels: Vec<usize>,
    /// All states of all levels were visited.
    pub(super) complete: bool,
    pub(super) failure: Option<Failure>,
}

/// A path that leads to what must not be.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) why: String,
    /// The number of the world in its family, and of each move among those of its state.
    pub(super) path: Vec<usize>,
    pub(super) told: String,
}

/// How a state was reached.
#[derive(Clone, Copy)]
struct Step {
    from: u32,
    number: u16,
}

pub(super) struct Search<'a> {
    family: &'a Family,
    engine: Engine,
    bounds: Bounds,
    steps: Vec<Step>,
    /// States with what may come back.
    seen: HashSet<u128>,
    /// States as a plan sees them: those that are counted.
    distinct: HashSet<u128>,
    /// States from which it comes to rest.
    resting: HashSet<u128>,
    found: Found,
}

/// A state whose moves are still to be made.
struct Open {
    world: World,
    step: u32,
}

/// All moves of a state, the free ones first.
fn moves(world: &World, last: bool) -> (Vec<Move>, usize) {
    let mut moves = world.free_moves();
    let free = moves.len();
    if !last {
        moves.extend(world.faults());
    }
    (moves, free)
}

impl<'a> Search<'a> {
    pub(super) fn new(family: &'a Family, engine: Engine, bounds: Bounds) -> Self {
        let (steps, found) = (Vec::new(), Found { complete: true, ..Found::default() });
        let (seen, distinct, resting) = (HashSet::new(), HashSet::new(), HashSet::new());
        Self { family, engine, bounds, steps, seen, distinct, resting, found }
    }

    pub(super) fn run(mut self) -> Found {
        let mut level = Vec::new();
        for (number, world) in self.family.worlds.iter().enumerate() {
            let world = World { engine: self.engine, ..world.clone() };
            let step = Step { from: u32::MAX, number: u16::try_from(number).unwrap() };
            self.visit(world, step, 0, &mut level);
        }
        for faults in 0..=self.bounds.faults {
            self.found.levels.resize(faults + 1, 0);
            self.close(&mut level, faults);
            if faults == self.bounds.faults || self.found.failure.is_some() {
                break;
            }
            level = self.fail(level, faults);
        }
        self.found.states = self.distinct.len();
        self.found
    }

    /// Each level has its part of the bound, of which the faults that lead to it may take three quarters.
    fn is_over(&mut self, level: usize, faulty: bool) -> bool {
        let part = self.bounds.states / (self.bounds.faults + 1);
        let full = self.distinct.len() >= part * (level + 1) - if faulty { part / 4 } else { 0 };
        self.found.complete &= !full;
        full || self.found.failure.is_some()
    }

    /// Makes all free moves, until they lead to nothing new.
    fn close(&mut self, level: &mut Vec<Open>, faults: usize) {
        let mut next = 0;
        while next < level.len() && !self.is_over(faults, false) {
            let (moves, _) = moves(&level[next].world, true);
            for (number, what) in moves.into_iter().enumerate() {
                let Open { world, step } = &level[next];
                let (mut world, step) = (world.clone(), Step { from: *step, number: u16::try_from(number).unwrap() });
                world.go(what);
                self.visit(world, step, faults, level);
            }
            next += 1;
        }
    }

    /// Makes all faults.
    fn fail(&mut self, mut level: Vec<Open>, faults: usize) -> Vec<Open> {
        shuffle(&mut level, self.bounds.seed);
        let mut next = Vec::new();
        for Open { world, step } in level {
            if self.is_over(faults + 1, true) {
                break;
            }
            let (moves, free) = moves(&world, false);
            for (number, what) in moves.into_iter().enumerate().skip(free) {
                let (mut world, step) = (world.clone(), Step { from: step, number: u16::try_from(number).unwrap() });
                world.go(what);
                self.visit(world, step, faults + 1, &mut next);
            }
        }
        next
    }

    fn visit(&mut self, mut world: World, step: Step, faults: usize, level: &mut Vec<Open>) {
        self.found.plans += std::mem::take(&mut world.plans);
        let last = faults == self.bounds.faults;
        let is_distinct = self.distinct.insert(world.fingerprint(false));
        // After the last fault nothing can be brought back any more.
        let is_new = if last { is_distinct } else { self.seen.insert(world.fingerprint(true)) };
        if is_distinct {
            self.found.levels.resize(faults + 1, 0);
            self.found.levels[faults] += 1;
        }
        if !is_new || self.found.failure.is_some() {
            return;
        }
        if last {
            world.backups.clear();
            world.former.clear();
        }
        let number = u32::try_from(self.steps.len()).unwrap();
        self.steps.push(step);
        if let Err(why) = self.check(&world) {
            self.found.failure = Some(self.tell(number, why));
            return;
        }
        level.push(Open { world, step: number });
    }

    fn check(&mut self, world: &World) -> Result<(), String> {
        if let Some(broken) = world.broken.clone().or_else(|| world.is_wrong()) {
            return Err(broken);
        }
        let mut world = world.clone();
        world.go_on();
        world.outage = false;
        let mut trail = Vec::new();
        let checked = self.comes_to_rest(&mut world, &mut trail);
        self.found.plans += world.plans;
        if checked.is_ok() {
            self.resting.extend(trail);
        }
        checked
    }

    /// Undisturbed passes come to rest, or to a state from which they are known to.
    fn comes_to_rest(&self, world: &mut World, trail: &mut Vec<u128>) -> Result<(), String> {
        for _ in 0..PASSES {
            let state = world.fingerprint(false);
            if self.resting.contains(&state) {
                return Ok(());
            }
            trail.push(state);
            let plan = world.pass();
            let Some(plan) = plan.filter(|_| !world.gone) else { return world.is_at_rest(None) };
            if let Some(broken) = world.broken.clone().or_else(|| world.is_wrong()) {
                return Err(format!("on its way to rest: {broken}"));
            }
            if plan.steps.is_empty() && is_final(&plan) {
                let again = world.pass();
                if again.as_ref() == Some(&plan) {
                    return world.is_at_rest(Some(&plan));
                }
            }
            world.wait(World::pause(&plan));
        }
        Err("it does not come to rest".to_owned())
    }

    /// The path to a state, in words and in numbers.
    fn tell(&self, mut step: u32, why: String) -> Failure {
        let mut path = Vec::new();
        while let Some(Step { from, number }) = self.steps.get(usize::try_from(step).unwrap()) {
            path.push(usize::from(*number));
            step = *from;
        }
        path.reverse();
        Failure { why, told: told(self.family, self.engine, &path), path }
    }
}

/// A path in words, with the world that it leads to.
pub(super) fn told(family: &Family, engine: Engine, path: &[usize]) -> String {
    let mut text = String::new();
    let Some((first, rest)) = path.split_first() else { return text };
    let mut world = World { engine, ..family.worlds[*first].clone() };
    let _ = writeln!(text, "{}\n{world:?}", family.name);
    for number in rest {
        let (moves, _) = moves(&world, false);
        let Some(what) = moves.get(*number).copied() else {
            let _ = writeln!(text, "there is no move {number}");
            return text;
        };
        let copy = || {
            let mut copy = world.clone();
            copy.join();
            copy.begin().map(|begun| (begun.plan.steps, begun.plan.verdict))
        };
        let passes = matches!(what, Move::Happens(Happening::Pass | Happening::Cut(_)) | Move::Stands(..));
        if let Some((steps, verdict)) = passes.then(copy).flatten() {
            let _ = writeln!(text, "   plan {steps:?} {verdict:?}");
        }
        world.go(what);
        let _ = writeln!(text, "-> {what:?}\n   {world:?}");
    }
    let _ = writeln!(text, "broken: {:?}", world.broken.clone().or_else(|| world.is_wrong()));
    world.go_on();
    world.outage = false;
    for _ in 0..PASSES {
        let plan = world.pass();
        let said = plan.as_ref().map(|plan| (&plan.steps, &plan.verdict));
        let _ = writeln!(text, "pass {said:?}\n   {world:?} {:?}", world.broken);
        let Some(plan) = plan.filter(|_| !world.gone) else { break };
        if plan.steps.is_empty() && is_final(&plan) {
            break;
        }
        world.wait(World::pause(&plan));
    }
    text
}

/// Always the same order for the same seed.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    for index in (1..items.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let below = u64::try_from(index).unwrap() + 1;
        items.swap(index, usize::try_from((state >> 33) % below).unwrap());
    }
}
