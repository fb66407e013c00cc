//! The imperative shell: one generic reconcile for all kinds.
//!
//! resolve references -> validate into a [`managed::Desired`] -> observe the platform and the Secrets -> plan (pure,
//! [`crate::domain::plan`]) -> act -> report. Deletion is the same way with other steps.

pub mod absences;
pub mod account;
pub mod act;
mod attempt;
pub mod backoff;
pub mod brake;
pub mod cache;
pub mod connection;
pub mod context;
pub mod credential;
pub mod describe;
pub mod finalizer;
pub mod grant;
pub mod import;
pub mod in_flight;
pub mod input;
pub mod judge;
pub mod lookup;
pub mod managed;
pub mod namespaces;
pub mod note;
pub mod observe;
pub mod organization;
mod organization_check;
mod organization_manifest;
pub mod outcome;
pub mod pass;
pub mod platform;
pub mod recent;
pub mod reconcile;
pub mod relist;
pub mod report;
pub mod resolve;
pub mod shared;
pub mod slot;
pub mod stop;
pub mod store;
pub mod token;
pub mod twins;
pub mod user;
mod user_manifest;
pub mod watch;

pub use context::{Context, Settings};
