//! What the operator tells about itself: log lines on stderr, and metrics for Prometheus.

mod logs;
mod metrics;

pub use logs::{LogFormat, TelemetryError, init};
pub use metrics::{CONTENT_TYPE, Metrics, ReconcileResult, SecretWrite};
