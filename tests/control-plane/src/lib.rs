//! A real Kubernetes control plane (etcd, kube-apiserver, kube-controller-manager) for the tests and the demo.
//!
//! A test asks for [`ControlPlane::shared`] and separates itself from the others by namespace. The plane's programs run
//! under a supervisor process (`control-plane up`) that ends when the test process does, however that ends.
//!
//! Linux only: children that die with their parent are the Linux kernel's.

mod account;
mod audit;
mod bound;
mod certificates;
mod child;
pub mod cli;
mod demo;
mod files;
mod interrupt;
mod kubeconfig;
mod owner;
mod pins;
mod plane;
mod programs;
mod progress;
mod supervisor;
mod toolchain;

pub use audit::{AuditEvent, audit_events};
pub use owner::{ControlPlane, Error};
