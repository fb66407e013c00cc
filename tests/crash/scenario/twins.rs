//! Where names are free, a stranger has the same ones, and only the recorded id tells whose is whose.

use super::manifests::Manifests;
use super::{Deed, Scenario, planted};
use crate::sim::platform::Kind;

/// What is deleted beside a stranger's of the same name.
pub(super) fn all() -> Vec<Scenario> {
    let make = Manifests(Kind::Rockfish);
    let beside = |name: &'static str, made: Vec<Deed>, kind: &'static str, deleted: &'static str| Scenario {
        platform: Kind::Rockfish,
        name,
        quirk: None,
        before: [made, vec![Deed::Settle, Deed::Plant(planted::twin)]].concat(),
        act: vec![Deed::Delete(kind, deleted)],
    };
    let organization = vec![Deed::Apply(make.organization())];
    let person = [organization.clone(), vec![Deed::Apply(make.person())]].concat();
    vec![
        beside("organization-delete-twin", organization, "Organization", "acme"),
        beside("person-delete-twin", person, "User", "ada"),
    ]
}
