//! Deletion storms: the resource, its Secrets, its namespace, its definition and its Platform are deleted in some order,
//! with the platform down, up and between both, and the same name is made again meanwhile.

use std::fmt::Write as _;

use super::engine::Engine;
use super::happen::Happening;
use super::is_final;
use super::pass::{Cut, End};
use super::standing::Why;
use super::starts::Family;
use super::world::{Label, Memory, Place, Status, Whose, World};
use crate::domain::policy::DeletionPolicy;

/// What happens in a storm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Gust {
    Happens(Happening),
    /// A call hangs, in that step.
    Hangs(usize, bool),
    /// The resource is deleted.
    Delete,
    /// Its namespace is, with all Secrets.
    Namespace,
    /// The definition of its kind is, and all Secrets that somebody deletes with it.
    Definition,
    Platform,
    /// The Platform is made again, if it is gone.
    PlatformAgain,
    /// The resource is made again, if it is gone.
    Again,
}

/// Numbers that are always the same for the same seed (splitmix64).
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(count).unwrap()).unwrap()
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// A storm: where it begins, and what happens.
pub(super) struct Storm {
    pub(super) world: World,
    pub(super) family: String,
    pub(super) gusts: Vec<Gust>,
}

impl Storm {
    /// The storm of that number.
    pub(super) fn new(families: &[Family], engine: Engine, seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let family = &families[numbers.below(families.len())];
        let world = &family.worlds[numbers.below(family.worlds.len())];
        let world = World { engine, relied_on: false, alone: false, ..world.clone() };
        let mut gusts = vec![Gust::Happens(Happening::Pass); numbers.below(4)];
        let count = 6 + numbers.below(20);
        gusts.extend((0..count).map(|_| gust(&mut numbers)));
        Self { world, family: family.name.clone(), gusts }
    }

    /// What is wrong after it, or on the way.
    pub(super) fn blow(&self) -> Result<(), String> {
        let mut world = self.world.clone();
        for gust in &self.gusts {
            world.storm(*gust)?;
        }
        world.calm()
    }

    /// The storm in words.
    pub(super) fn told(&self) -> String {
        let (mut text, mut world) = (String::new(), self.world.clone());
        let _ = writeln!(text, "{}\n   {world:?}", self.family);
        for gust in &self.gusts {
            let result = world.storm(*gust);
            let _ = writeln!(text, "-> {gust:?}\n   {:?} gone {} {world:?} {result:?}", world.place, world.gone);
            if result.is_err() {
                return text;
            }
        }
        let calm = world.calm();
        let _ = writeln!(text, "calm: {calm:?}\n   {world:?}");
        text
    }
}

fn gust(numbers: &mut Numbers) -> Gust {
    let ends = [End::Crash, End::Again, End::Refused, End::Busy, End::Unknown, End::NotStored];
    match numbers.below(30) {
        0..6 => Gust::Happens(Happening::Pass),
        6..9 => {
            let (step, applied, end) = (numbers.below(8), numbers.below(2) == 0, numbers.one(&ends));
            Gust::Happens(Happening::Cut(Cut { step, applied, end }))
        }
        9 => Gust::Hangs(numbers.below(6), numbers.below(2) == 0),
        10..13 => Gust::Happens(Happening::Wait(numbers.one(&[1, 20, 40, 100, 900, 3600]))),
        13..15 => Gust::Delete,
        15 => Gust::Namespace,
        16 => Gust::Definition,
        17 => Gust::Platform,
        18..20 => Gust::PlatformAgain,
        20..22 => Gust::Happens(Happening::Lose(numbers.below(2))),
        22..25 => Gust::Again,
        25..27 => Gust::Happens(Happening::Outage),
        27 => Gust::Happens(Happening::Deletion(numbers.one(&[DeletionPolicy::Delete, DeletionPolicy::Retain]))),
        28 => Gust::Happens(Happening::Restart),
        _ => Gust::Happens(Happening::Rotate),
    }
}

impl World {
    fn storm(&mut self, gust: Gust) -> Result<(), String> {
        let was_gone = self.gone;
        match gust {
            Gust::Again if self.gone => self.again(),
            Gust::PlatformAgain if self.place == Place::Gone => self.place = Place::There,
            Gust::Platform => self.delete_platform(),
            _ if self.gone => {}
            Gust::Delete => self.delete(),
            Gust::Namespace => {
                self.delete();
                self.terminating = true;
                self.lose_all();
            }
            Gust::Definition => {
                self.delete();
                self.lose_all();
            }
            Gust::Hangs(step, applied) => {
                self.join();
                self.stand_still(step, applied, Why::Hangs);
            }
            Gust::Happens(happening) => self.undergo(happening),
            Gust::Again | Gust::PlatformAgain => {}
        }
        if self.place == Place::Leaving && !self.cluster.finalizer {
            self.leave();
        }
        if self.gone && !was_gone {
            self.leaves_nothing()?;
        }
        self.stored.clear();
        self.broken.clone().map_or(Ok(()), Err)
    }

    fn delete(&mut self) {
        if !self.deleting {
            (self.deleting, self.begun) = (true, self.cluster.finalizer);
        }
    }

    fn lose_all(&mut self) {
        for slot in 0..self.cluster.secrets.len() {
            self.undergo(Happening::Lose(slot));
        }
    }

    fn delete_platform(&mut self) {
        if self.place == Place::There {
            self.place = Place::Leaving;
            if !self.cluster.platform_held {
                self.leave();
            }
        }
    }

    fn leave(&mut self) {
        (self.place, self.cluster.platform_held) = (Place::Gone, false);
    }

    /// The same name, as another resource: what the former one left is nobody's, or says so itself.
    fn again(&mut self) {
        self.cluster.status = Status::new(self.cluster.secrets.len());
        self.cluster.finalizer = false;
        self.change_uid();
        (self.gone, self.deleting, self.begun, self.terminating) = (false, false, false, false);
        let recreations = std::mem::take(&mut self.memory.recreations);
        self.memory = Memory { recreations, ..Memory::default() };
        self.read.clear();
        for stored in self.cluster.secrets.iter_mut().flatten().filter(|stored| stored.label == Label::Ours) {
            (stored.label, stored.collected, stored.rotated_for) = (Label::Claimed, false, None);
        }
        for object in self.objects.iter_mut().filter(|object| object.whose == Whose::Us) {
            object.whose = Whose::Lost;
        }
    }

    /// All is brought back, and it has to come to rest.
    fn calm(&mut self) -> Result<(), String> {
        self.go_on();
        (self.outage, self.refused, self.braked, self.dependents) = (false, false, false, 0);
        if self.place == Place::Leaving && !self.cluster.finalizer {
            self.leave();
        }
        if self.place == Place::Gone {
            self.place = Place::There;
        }
        let was_gone = self.gone;
        let plan = self.settle();
        // A Platform that is leaving takes nothing new, and waits for what carries the finalizer.
        if plan.is_none() && !self.gone && self.place == Place::Leaving && !self.deleting {
            return self.broken.clone().map_or(Ok(()), Err);
        }
        if self.gone && !was_gone {
            self.leaves_nothing()?;
        }
        if plan.as_ref().is_some_and(|plan| !is_final(plan)) {
            return Err("it does not come to rest".to_owned());
        }
        self.check(plan.as_ref()).map_err(|error| error.to_string())
    }
}
