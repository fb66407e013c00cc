//! `org-operator backend` as its users meet it: the program itself, on free ports and a data directory of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says that it failed by panicking")]

mod credentials;
mod ends;
mod excerpts;
mod invitations;
mod limits;
mod listeners;
mod mail;
mod process;
mod quirks;
mod rockit;
