//! What is done, on which platform: the state that it begins from, and what a person then does.

mod manifests;
mod pair;
mod planted;
mod twins;

use std::time::Duration;

use org_operator::embedded::dialect::Quirk;
use serde_json::{Value, json};

use crate::oracle::Expected;
use crate::settle::settle;
use crate::sim::api::Api;
use crate::sim::platform::Kind;
use crate::sim::server::Server;
use crate::sim::{Kept, World};
use manifests::Manifests;

pub(crate) use manifests::{NAMESPACE, PLATFORMS};
pub(crate) use pair::{OTHER, other, pairs};
pub(crate) use planted::{BYSTANDER, STRANGERS, bystander, rockit_account_again};

/// What a person does.
#[derive(Clone)]
pub(crate) enum Deed {
    Apply(Value),
    Delete(&'static str, &'static str),
    /// Somebody else's hand at the platform, or what the operator is to find there.
    Plant(fn(&World)),
    /// Waits until all is as it should be.
    Settle,
}

/// Something that is done.
pub(crate) struct Scenario {
    pub(crate) platform: Kind,
    pub(crate) name: &'static str,
    pub(crate) quirk: Option<Quirk>,
    pub(crate) before: Vec<Deed>,
    pub(crate) act: Vec<Deed>,
}

/// How long a server that shows new objects late takes.
pub(crate) const LATE: Duration = Duration::from_secs(45);

impl Scenario {
    /// As a command names it.
    pub(crate) fn label(&self) -> String {
        format!("{}/{}", self.platform.as_str(), self.name)
    }

    /// What is expected once it is done, beside what its resources say.
    pub(crate) fn expected(&self, unanswered: bool) -> Expected {
        Expected {
            platform: self.platform,
            twins: usize::from(self.name.ends_with("-twin")),
            retained: usize::from(self.name == "organization-retain"),
            unanswered,
            minted: 0,
        }
    }

    /// Brings a world to the state that it begins from, and puts it aside.
    pub(crate) fn prepare(&self, server: &Server) -> Kept {
        let mut world = World::new(server, self.quirk, LATE, None);
        self.raise(&mut world).unwrap_or_else(|error| panic!("{} could not be prepared: {error}", self.label()));
        world.keep()
    }

    /// Brings an empty world to the state that it begins from.
    pub(crate) fn raise(&self, world: &mut World) -> Result<(), String> {
        let manifests = Manifests(self.platform);
        for manifest in manifests.surroundings() {
            world.api.apply(manifest)?;
        }
        planted::bystander(world);
        for deed in self.before.iter().chain([&Deed::Settle]) {
            world.deed(deed)?;
        }
        Ok(())
    }

    /// The world that a plan begins from; reads of its platform may be late.
    pub(crate) fn begin(&self, server: &Server, kept: &Kept, late: Option<Duration>) -> World {
        let quirk = self.quirk.or(late.map(|_| Quirk::Late));
        World::new(server, quirk, late.unwrap_or(LATE), Some(kept))
    }
}

impl Deed {
    /// Does it, where nothing but the API server is needed for it.
    pub(crate) fn on(&self, api: &Api) -> Result<(), String> {
        match self {
            Self::Apply(manifest) => api.apply(manifest.clone()).map(drop),
            Self::Delete(kind, name) => {
                let namespace = if *kind == "Namespace" { "" } else { NAMESPACE };
                api.delete(kind, namespace, name);
                Ok(())
            }
            Self::Plant(_) | Self::Settle => Err("it needs more than the API server".to_owned()),
        }
    }
}

impl World {
    /// Does it.
    pub(crate) fn deed(&mut self, deed: &Deed) -> Result<(), String> {
        match deed {
            Deed::Plant(plant) => plant(self),
            Deed::Settle => settle(self)?,
            Deed::Apply(_) | Deed::Delete(..) => deed.on(&self.api)?,
        }
        Ok(())
    }
}

/// What a storm comes over, and what a person has at hand to make it again.
pub(crate) struct Shore {
    pub(crate) scenario: Scenario,
    pub(crate) surroundings: Vec<Value>,
    /// Parents before what hangs on them.
    pub(crate) resources: Vec<Value>,
}

/// An organisation with a person, and a machine with a token, on that platform.
pub(crate) fn shore(platform: Kind) -> Shore {
    let make = Manifests(platform);
    let mut resources = vec![make.organization(), make.machine(), make.person(), make.token()];
    if platform == Kind::Rockfish {
        // Its users are everybody's, and stay when they leave an organisation.
        resources[1]["spec"]["adoptionPolicy"] = json!("IfExists");
        resources[2]["spec"]["adoptionPolicy"] = json!("IfExists");
    }
    let mut before = vec![Deed::Apply(make.organization())];
    if platform == Kind::Rockit {
        before.extend([Deed::Settle, Deed::Plant(planted::rockit_account)]);
    }
    before.extend(resources.iter().cloned().map(Deed::Apply));
    let scenario = Scenario { platform, name: "storm", quirk: None, before, act: vec![] };
    Shore { scenario, surroundings: make.surroundings(), resources }
}

/// All that is done.
pub(crate) fn all() -> Vec<Scenario> {
    Kind::ALL.into_iter().flat_map(of_platform).chain(twins::all()).collect()
}

fn of_platform(platform: Kind) -> Vec<Scenario> {
    let make = Manifests(platform);
    let (organization, person, machine, token) = (make.organization(), make.person(), make.machine(), make.token());
    let apply = |manifests: &[&Value]| -> Vec<Deed> {
        manifests.iter().map(|manifest| Deed::Apply((*manifest).clone())).collect()
    };
    let mut all = Vec::new();
    let mut add = |name: &'static str, before: Vec<Deed>, act: Vec<Deed>| {
        all.push(Scenario { platform, name, quirk: None, before, act });
    };
    let rotate = |manifest: &Value| {
        let mut manifest = manifest.clone();
        manifest["metadata"]["annotations"] = json!({ "org-operator.dev/rotate-requested-at": "now" });
        vec![Deed::Apply(manifest)]
    };
    let with = |manifest: &Value, changes: Value| {
        let mut manifest = manifest.clone();
        for (field, value) in changes.as_object().expect("fields") {
            manifest["spec"][field] = value.clone();
        }
        manifest
    };

    let mut there = apply(&[&organization]);
    if platform == Kind::Rockit {
        // Users of an organisation on ROCKIT are managed for a machine account in it.
        there.extend([Deed::Settle, Deed::Plant(planted::rockit_account)]);
    }
    let and = |manifest: &Value| [there.clone(), apply(&[manifest])].concat();

    add("organization-create", vec![], apply(&[&organization]));
    add("organization-delete", apply(&[&organization]), vec![Deed::Delete("Organization", "acme")]);
    let retained = with(&organization, json!({ "deletionPolicy": "Retain" }));
    add("organization-retain", apply(&[&retained]), vec![Deed::Delete("Organization", "acme")]);
    if let Some(changes) = make.organization_changes() {
        add("organization-update", apply(&[&organization]), apply(&[&with(&organization, changes)]));
        let adopted = with(&organization, json!({ "adoptionPolicy": "IfExists" }));
        add("organization-adopt", vec![Deed::Plant(planted::acme)], apply(&[&adopted]));
    }
    add("person-create", there.clone(), apply(&[&person]));
    add("person-delete", and(&person), vec![Deed::Delete("User", "ada")]);
    if let Some(changes) = make.person_changes() {
        add("person-update", and(&person), apply(&[&with(&person, changes)]));
    }
    if matches!(platform, Kind::Embedded | Kind::Tyk) {
        add("person-rotate", and(&person), rotate(&person));
        add("organization-full", vec![], apply(&[&make.full_organization()]));
    }
    add("machine-create", there.clone(), apply(&[&machine]));
    add("machine-delete", and(&machine), vec![Deed::Delete("User", "robot")]);
    let with_machine = and(&machine);
    add("token-create", with_machine.clone(), apply(&[&token]));
    let with_token = [with_machine, apply(&[&token])].concat();
    if platform != Kind::Rockit {
        add("token-rotate", with_token.clone(), rotate(&token));
    }
    add("token-delete", with_token.clone(), vec![Deed::Delete("Token", "robot")]);
    add("all-delete", with_token.clone(), vec![Deed::Delete("Namespace", NAMESPACE)]);
    if platform != Kind::Rockit {
        add("all-create", vec![], apply(&[&token, &machine, &organization]));
    }
    all
}
