//! The choices a manifest makes about an object's beginning and end. The words are the API's own (`kubectl explain`
//! prints these comments), so the custom resources use these types as they are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to do with an object of that name that is on the platform already and does not carry our owner mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AdoptionPolicy {
    /// Never touch it: the resource says `AlreadyExists`.
    #[default]
    Never,
    /// Take it over, where the Platform grants it.
    IfExists,
}

/// What happens on the platform when the resource goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// The object stays on the platform, and its Secrets stay in the cluster.
    Retain,
    /// The object is removed from the platform. For an organisation that is everything in it, and cannot be undone.
    Delete,
}

/// What happens when the platform differs from the manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DriftPolicy {
    /// What the manifest says is put back.
    #[default]
    Correct,
    /// Nothing is written to the platform; the difference is reported in status.
    Report,
}

/// How an object came under the operator's care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Origin {
    /// The operator created it.
    Created,
    /// It was there before and was taken over.
    Adopted,
}
