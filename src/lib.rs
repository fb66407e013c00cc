//! `org-operator`: organisations, their users and their tokens from YAML.
//!
//! A functional core in an imperative shell. A module imports only from those left of it, which
//! `tests/architecture.rs` holds:
//!
//! ```text
//! domain <- keys, telemetry <- embedded <- platform, kubernetes <- api <- controller <- server <- cli <- main
//! ```

pub mod api;
pub mod domain;
pub mod keys;
pub mod embedded;
