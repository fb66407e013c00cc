//! The operator as a process against a real control plane, with the rights of `charts/org-operator/files/rules.yaml`.
//!
//! All tests of a run share one plane. Each has an operator of its own, with a directory of its own, that watches
//! namespaces of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says that it failed by panicking")]

mod adopted;
mod api_server;
mod brake;
mod conflicts;
mod deletion;
mod ends;
mod examples;
mod fenced;
mod hostile;
mod kept;
mod minted;
mod moved;
mod orders;
mod outage;
mod platforms;
mod process;
mod quickstart;
mod refused;
mod requests;
mod rotation;
mod schema;
mod secrets;
mod support;
mod writes;

/// The rules of the definitions, with no operator at work.
#[tokio::test]
async fn the_api_server_refuses_what_is_wrong_and_accepts_what_is_right() {
    let namespace = support::namespace("schema");
    schema::refuses_and_accepts(support::client().await, &namespace).await;
}
