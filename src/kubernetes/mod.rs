//! What the operator does with Kubernetes objects that are not its own resources.

pub mod owner;
pub mod secret;
pub mod template;
