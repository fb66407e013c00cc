//! What the operator tells about itself: log lines on stderr, and metrics for Prometheus.

mod backend_metrics;
mod logs;
mod metrics;

pub use backend_metrics::{BackendMetrics, Delivery};
pub use logs::{LogFormat, TelemetryError, init, lines};
pub use metrics::{CONTENT_TYPE, Metrics, ReconcileResult, SecretWrite};
