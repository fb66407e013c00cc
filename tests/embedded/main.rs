//! The embedded directory as its callers see it, each test on a data directory of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access_keys;
mod durability;
mod fixture;
mod http;
mod invitations;
mod logins;
mod memberships;
mod model;
mod opening;
mod organizations;
mod prune;
mod sequences;
mod sessions;
mod tokens;
mod tyk;
mod users;
