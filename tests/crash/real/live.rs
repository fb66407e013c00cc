//! A world in real time, in which the operator is a process.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::gate::Gate;
use super::part::Part;
use super::plane::Plane;
use super::process::{LOOK, Operator, UP};
use crate::plan;
use crate::scenario::{self, Deed, LATE, Scenario};
use crate::settle::{answer, changes, unsettled};
use crate::sim::World;
use crate::sim::platform::Kind;
use crate::sim::server::Server;
use crate::sim::time::Time;

/// How long nothing is written before it counts as quiet: a look at everything, and some more.
const QUIET: Duration = Duration::from_millis(1500);
/// How often all that is there is looked at.
const GLANCE: Duration = Duration::from_millis(50);
/// How long nothing happens before a person does what is asked.
const ASKED: Duration = Duration::from_secs(3);
/// How long it may take until all is settled. What was not found is missed twice, half a minute apart.
const LIMIT: Duration = Duration::from_mins(3);

/// The world, and the process in it.
pub(crate) struct Live<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) world: World,
    pub(crate) operator: Operator,
    gate: Gate,
}

impl<'a> Live<'a> {
    /// A world that has come to where the scenario begins; the process runs in it.
    pub(crate) fn begin(server: &Server, scenario: &'a Scenario) -> Result<Self, String> {
        let part = Part::new(Plane::shared());
        let mut world = World::real(server, scenario.quirk, LATE, part.clone(), Time::real());
        let gate = Gate::open(&world);
        for manifest in scenario::shore(scenario.platform).surroundings {
            world.api.apply(at(&gate, &manifest))?;
        }
        scenario::bystander(&world);
        let embedded = scenario.platform == Kind::Embedded;
        // The process keeps its directory to itself.
        let planted = |deed: &&Deed| embedded && matches!(deed, Deed::Plant(_));
        for deed in scenario.before.iter().filter(planted) {
            world.deed(deed)?;
        }
        let directory = embedded.then(|| world.lend().to_owned());
        let operator = Operator::new(&part, &gate, directory);
        let mut live = Self { scenario, world, operator, gate };
        live.operator.start();
        live.operator.says(UP)?;
        for deed in scenario.before.iter().filter(|deed| !planted(deed)).chain([&Deed::Settle]) {
            match deed {
                Deed::Settle => live.settle()?,
                deed => live.world.deed(deed)?,
            }
        }
        Ok(live)
    }

    /// Does what the scenario is about.
    pub(crate) fn act(&mut self) -> Result<(), String> {
        self.scenario.act.iter().try_for_each(|deed| self.world.deed(deed))
    }

    /// Waits until all is settled and quiet. A process that is to be dead is killed, and another started.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        let (began, mut seen, mut since) = (Instant::now(), changes(&self.world), Instant::now());
        loop {
            if self.world.wire.has_crashed() {
                self.kill()?;
                self.operator.start();
            }
            if let Some(status) = self.operator.exited() {
                return Err(format!("the process ended with {status}"));
            }
            let now = changes(&self.world);
            if now != seen {
                (seen, since) = (now, Instant::now());
                self.world.changed();
            }
            let still = unsettled(&self.world);
            match &still {
                None if since.elapsed() >= QUIET && self.operator.is_up() => return Ok(()),
                // It asks for nothing more: then it dies at rest.
                Some(_) if since.elapsed() >= ASKED && !self.world.wire.is_played() => {
                    self.world.wire.play(&[]);
                    self.kill()?;
                    self.operator.start();
                    since = Instant::now();
                }
                Some(_) if since.elapsed() >= ASKED => answer(&mut self.world),
                _ => {}
            }
            if began.elapsed() > LIMIT {
                return Err(format!("it does not come to rest: {}", still.unwrap_or_else(|| "it writes".to_owned())));
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// SIGKILL. What it had sent and is not under way any more is lost with it.
    fn kill(&mut self) -> Result<(), String> {
        self.operator.kill();
        let began = Instant::now();
        while self.gate.in_flight() > 0 {
            if began.elapsed() > LIMIT {
                return Err("its requests outlive it".to_owned());
            }
            std::thread::sleep(LOOK);
        }
        self.world.wire.revive();
        Ok(())
    }

    /// What has to hold in the end. The process ends in good order before.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        self.operator.terminate();
        self.operator.ends()?;
        if self.scenario.platform == Kind::Embedded {
            self.world.take_back();
        }
        if let [wrong, ..] = &self.world.wire.forbidden()[..] {
            return Err(wrong.clone());
        }
        plan::check(&self.world, self.scenario, true)
    }

    /// All that was asked, and the end of the log.
    pub(crate) fn story(&self) -> String {
        format!("{}\nthe log ends:\n{}", plan::story(&self.world), self.operator.log_tail())
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        self.operator.kill();
        // Whoever panics has reason enough.
        if !std::thread::panicking() {
            self.world.close();
        }
    }
}

/// With the addresses of that gate.
fn at(gate: &Gate, manifest: &Value) -> Value {
    let named =
        |text: String, (host, url): &(&str, String)| text.replace(&format!("\"http://{host}\""), &format!("\"{url}\""));
    let text = gate.platforms.iter().fold(manifest.to_string(), named);
    serde_json::from_str(&text).expect("a manifest")
}
