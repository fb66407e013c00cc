//! The name of one of several operators.

use uuid::Uuid;

/// A name that no other process has: the pod's or the machine's, and a random part.
pub(super) fn identity(pod: Option<&str>) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = pod.filter(|pod| !pod.is_empty()).unwrap_or(host.trim());
    format!("{}_{}", if name.is_empty() { "org-operator" } else { name }, Uuid::new_v4())
}
