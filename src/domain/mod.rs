//! What the operator decides, as plain data: no client, no clock, no randomness, no custom resource.
//!
//! Everything that could differ between two runs (time, ids, passwords, replies) comes in as an argument, so each rule
//! here is a table in a test.

pub mod annotation;
pub mod brake;
pub mod capability;
pub mod condition;
pub mod entity;
pub mod facts;
pub mod fault;
pub mod key;
pub mod naming;
pub mod plan;
pub mod policy;
pub mod request;
pub mod rotation;
