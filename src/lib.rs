//! `org-operator`: organisations, their users and their tokens from YAML.
//!
//! A functional core in an imperative shell. A module imports only from those left of it, which
//! `tests/architecture.rs` holds:
//!
//! ```text
//! domain <- clock, fence, keys, telemetry <- embedded <- platform, kubernetes <- api <- controller <- server <- cli <- main
//! ```

pub mod api;
pub mod cli;
pub mod clock;
pub mod controller;
pub mod domain;
pub mod embedded;
pub mod fence;
pub mod keys;
pub mod kubernetes;
pub mod platform;
pub mod server;
pub mod telemetry;
