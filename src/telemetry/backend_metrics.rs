//! Metrics of the served dialects, all with the prefix `org_operator_backend_`.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::metrics::{Histograms, REQUEST_BOUNDS, Word};

/// The methods that have a series of their own; a client may invent others without end.
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// What became of sending an invitation (label `result`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// The mail server took it.
    Sent,
    /// The mail server refused it, for now or for good.
    Refused,
    /// The mail server could not be reached, or not be spoken to.
    Unreachable,
}

impl Delivery {
    const ALL: [Self; 3] = [Self::Sent, Self::Refused, Self::Unreachable];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDialect {
    dialect: Word,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    dialect: Word,
    method: Word,
    status: Word,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDelivery {
    result: Word,
}

/// All metrics of a process that serves dialects. Recording is cheap and never fails.
#[derive(Debug)]
pub struct BackendMetrics {
    registry: Registry,
    requests: Family<OfRequest, Counter>,
    request_durations: Histograms<OfDialect>,
    connections: Family<OfDialect, Gauge>,
    invitations: Family<OfDelivery, Counter>,
}

impl BackendMetrics {
    /// Metrics that have counted nothing.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("org_operator_backend"),
            requests: Family::default(),
            request_durations: Family::new_with_constructor(REQUEST_BOUNDS),
            connections: Family::default(),
            invitations: Family::default(),
        };
        for result in Delivery::ALL {
            drop(metrics.invitations.get_or_create(&of_delivery(result)));
        }
        let registry = &mut metrics.registry;
        registry.register("requests", "Requests answered, by dialect, method and class", metrics.requests.clone());
        registry.register_with_unit(
            "request_duration",
            "Time until a request was answered",
            Unit::Seconds,
            metrics.request_durations.clone(),
        );
        registry.register("connections", "Connections that are open", metrics.connections.clone());
        registry.register("invitations", "Invitations given to the mail server", metrics.invitations.clone());
        registry.register("build", "The version that runs", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        metrics
    }

    /// A request was answered with that status code. The dialect is a word of the code; a method that HTTP does not
    /// define is counted as `other`.
    pub fn request(&self, dialect: &'static str, method: &str, status: u16, took: Duration) {
        let method = Word(METHODS.into_iter().find(|known| *known == method).unwrap_or("other"));
        let dialect = Word(dialect);
        self.requests.get_or_create(&OfRequest { dialect, method, status: Word(class(status)) }).inc();
        self.request_durations.get_or_create(&OfDialect { dialect }).observe(took.as_secs_f64());
    }

    /// A connection was opened.
    pub fn connected(&self, dialect: &'static str) {
        self.connections.get_or_create(&OfDialect { dialect: Word(dialect) }).inc();
    }

    /// A connection was closed.
    pub fn disconnected(&self, dialect: &'static str) {
        self.connections.get_or_create(&OfDialect { dialect: Word(dialect) }).dec();
    }

    /// An invitation was given to the mail server, or was not.
    pub fn invitation(&self, result: Delivery) {
        self.invitations.get_or_create(&of_delivery(result)).inc();
    }

    /// All metrics in the text format of `OpenMetrics` 1.0 ([`CONTENT_TYPE`](super::CONTENT_TYPE)).
    pub fn encode(&self) -> String {
        let mut page = String::new();
        // Writing to a String cannot fail; were it to, the closing `# EOF` is missing and a scraper refuses the page.
        let _ = text::encode(&mut page, &self.registry);
        page
    }
}

impl Default for BackendMetrics {
    fn default() -> Self {
        Self::new()
    }
}

fn of_delivery(result: Delivery) -> OfDelivery {
    OfDelivery { result: Word(result.as_str()) }
}

const fn class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_is_there_under_its_name_and_no_label_grows_with_what_clients_send() {
        let metrics = BackendMetrics::new();
        metrics.request("tyk", "POST", 200, Duration::from_millis(30));
        metrics.request("tyk", "BREW", 404, Duration::from_millis(30));
        metrics.request("tyk", "STEEP", 405, Duration::from_millis(30));
        metrics.connected("rockit");
        metrics.connected("rockit");
        metrics.disconnected("rockit");
        metrics.invitation(Delivery::Sent);
        let page = metrics.encode();
        let version = env!("CARGO_PKG_VERSION");
        for wanted in [
            r#"org_operator_backend_requests_total{dialect="tyk",method="POST",status="2xx"} 1"#,
            r#"org_operator_backend_requests_total{dialect="tyk",method="other",status="4xx"} 2"#,
            r#"org_operator_backend_request_duration_seconds_bucket{le="0.025",dialect="tyk"} 0"#,
            r#"org_operator_backend_request_duration_seconds_bucket{le="0.05",dialect="tyk"} 3"#,
            r#"org_operator_backend_connections{dialect="rockit"} 1"#,
            r#"org_operator_backend_invitations_total{result="sent"} 1"#,
            r#"org_operator_backend_invitations_total{result="refused"} 0"#,
            &format!(r#"org_operator_backend_build_info{{version="{version}"}} 1"#),
            "# EOF",
        ] {
            assert!(page.lines().any(|line| line == wanted), "{wanted} is missing in\n{page}");
        }
    }
}
