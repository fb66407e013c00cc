//! What the operator does with Kubernetes objects that are not its own resources.

pub mod fenced;
pub mod image;
pub mod lease;
pub mod owner;
pub mod secret;
pub mod template;
