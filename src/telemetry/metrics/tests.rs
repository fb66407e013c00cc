//! What a scraper sees.

use super::*;

fn line<'a>(page: &'a str, start: &str) -> Option<&'a str> {
    page.lines().find(|line| line.starts_with(start))
}

fn has(metrics: &Metrics, expected: &[&str]) {
    let page = metrics.encode();
    for wanted in expected {
        assert!(page.lines().any(|line| line == *wanted), "{wanted} is missing in\n{page}");
    }
}

#[test]
fn every_family_is_there_under_its_name() {
    let metrics = Metrics::new();
    metrics.reconciled(Kind::User, ReconcileResult::Settled, Duration::from_millis(30));
    metrics.reconciled(Kind::User, ReconcileResult::Settled, Duration::from_millis(30));
    metrics.became_ready(Kind::Token, Duration::from_secs(2));
    metrics.platform_request("acme/edge", "create", "ok", Duration::from_millis(7));
    metrics.platform_request("acme/edge", "create", "timed_out", Duration::from_secs(5));
    metrics.platform_up("acme/edge", true);
    metrics.secret_write(SecretWrite::Conflict);
    metrics.key_pool_size(2);
    let version = env!("CARGO_PKG_VERSION");
    has(
        &metrics,
        &[
            r#"org_operator_reconcile_total{kind="User",result="settled"} 2"#,
            r#"org_operator_reconcile_duration_seconds_bucket{le="0.025",kind="User"} 0"#,
            r#"org_operator_reconcile_duration_seconds_bucket{le="0.05",kind="User"} 2"#,
            r#"org_operator_reconcile_duration_seconds_count{kind="User"} 2"#,
            r#"org_operator_time_to_ready_seconds_sum{kind="Token"} 2.0"#,
            r#"org_operator_platform_requests_total{platform="acme/edge",operation="create",outcome="ok"} 1"#,
            r#"org_operator_platform_requests_total{platform="acme/edge",operation="create",outcome="timed_out"} 1"#,
            r#"org_operator_platform_request_duration_seconds_count{platform="acme/edge",operation="create"} 2"#,
            r#"org_operator_platform_up{platform="acme/edge"} 1"#,
            r#"org_operator_secret_writes_total{result="conflict"} 1"#,
            "org_operator_key_pool_size 2",
            &format!(r#"org_operator_build_info{{version="{version}"}} 1"#),
            "# EOF",
        ],
    );
}

#[test]
fn known_series_start_at_zero() {
    let metrics = Metrics::new();
    has(
        &metrics,
        &[
            r#"org_operator_reconcile_total{kind="Organization",result="failed"} 0"#,
            r#"org_operator_secret_writes_total{result="created"} 0"#,
            "org_operator_key_pool_size 0",
        ],
    );
    let page = metrics.encode();
    assert_eq!(page.lines().filter(|line| line.starts_with("org_operator_reconcile_total{")).count(), 16);
}

#[test]
fn a_platform_goes_down_and_up_and_away() {
    let metrics = Metrics::new();
    metrics.platform_up("acme/edge", false);
    has(&metrics, &[r#"org_operator_platform_up{platform="acme/edge"} 0"#]);
    metrics.platform_up("acme/edge", true);
    has(&metrics, &[r#"org_operator_platform_up{platform="acme/edge"} 1"#]);
    metrics.platform_gone("acme/edge");
    assert_eq!(line(&metrics.encode(), "org_operator_platform_up{"), None);
    metrics.platform_gone("acme/never");
}

#[test]
fn what_was_counted_of_a_platform_stays_when_it_goes() {
    let metrics = Metrics::new();
    metrics.platform_request("acme/edge", "delete", "ok", Duration::from_millis(7));
    metrics.platform_up("acme/edge", true);
    metrics.platform_up("acme/other", true);
    metrics.platform_gone("acme/edge");
    has(
        &metrics,
        &[
            r#"org_operator_platform_requests_total{platform="acme/edge",operation="delete",outcome="ok"} 1"#,
            r#"org_operator_platform_request_duration_seconds_count{platform="acme/edge",operation="delete"} 1"#,
            r#"org_operator_platform_up{platform="acme/other"} 1"#,
        ],
    );
}

#[test]
fn names_that_need_escaping_stay_one_label() {
    let metrics = Metrics::new();
    metrics.platform_up("a\"b\\c\nd/x", true);
    has(&metrics, &[r#"org_operator_platform_up{platform="a\"b\\c\nd/x"} 1"#]);
}
