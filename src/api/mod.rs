//! The custom resources of `org-operator.dev/v1alpha1`: the contract with whoever writes the YAML.
//!
//! The doc comments of specs and statuses are what `kubectl explain` prints, so they address that reader: what a field
//! means, its default, an example, whether it can change. Rules that one object can break are CEL in the definitions
//! (`rule.rs`); rules across objects are conditions.

// KubeSchema copies each struct, `pub` included, into a function of its own, where `pub` reaches nobody.
#![allow(unreachable_pub)]

mod condition;
mod definition;
mod organization;
mod platform;
mod rule;
mod shared;
mod status;
#[cfg(test)]
mod tests;
mod token;
mod user;

pub use crate::domain::annotation;
pub use crate::domain::annotation::*;
pub use crate::domain::capability::Support;
pub use condition::{ObjectStatus, READY};
pub use definition::{crd_files, crds, crds_yaml};
pub use organization::*;
pub use platform::*;
pub use shared::*;
pub use status::{Extras, ManagedStatus};
pub use token::*;
pub use user::*;

/// API group of all kinds.
pub const GROUP: &str = "org-operator.dev";
/// The version that is served and stored.
pub const VERSION: &str = "v1alpha1";
