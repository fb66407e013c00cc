//! The served dialects over real HTTP, each test on a directory and a port of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rockfish;
mod rockit;
mod served;
