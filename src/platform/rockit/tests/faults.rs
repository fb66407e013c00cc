//! What can go wrong, on every call.

use super::*;
use crate::platform::in_memory::faults;

/// Every call that sends something: its name, whether it creates, and what comes of it.
async fn every_call(server: &dyn Fn() -> Scripted) -> Vec<(&'static str, bool, Result<(), Error>)> {
    let platform = || rockit(&server(), Some(backend()));
    let acts = || acting(&server());
    vec![
        ("create Organization", true, Backend::<Organization>::create(&platform(), new_organization()).await.map(drop)),
        ("delete Organization", false, Backend::<Organization>::delete(&platform(), &(), "ExampleOrg").await.map(drop)),
        ("find Organization", false, find_organization(acts().as_ref(), by_name("ExampleOrg")).await.map(drop)),
        ("find User", false, find_user(acts().as_ref(), by_id("jane")).await.map(drop)),
        ("list Users", false, Backend::<User>::list(acts().as_ref(), &scope(), None).await.map(drop)),
        ("create User", true, Backend::<User>::create(acts().as_ref(), new_user(UserType::Machine)).await.map(drop)),
        ("update User", false, Backend::<User>::update(acts().as_ref(), &scope(), "jane", &roles(&[])).await.map(drop)),
        ("delete User", false, Backend::<User>::delete(acts().as_ref(), &scope(), "jane").await.map(drop)),
        ("delete Token", false, Backend::<Token>::delete(acts().as_ref(), &of(), "key-0").await.map(drop)),
        ("probe", false, platform().probe().await.map(drop)),
        ("authenticate", false, platform().authenticates(&of(), &"machine-key".into()).await.map(drop)),
    ]
}

fn answering(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Scripted {
    let server = Scripted::default();
    server.otherwise(status, headers, body);
    server
}

#[tokio::test]
async fn a_fault_means_the_same_on_every_call() {
    for fault in faults() {
        for (call, creates, outcome) in every_call(&|| answering(fault.status, fault.headers, fault.body)).await {
            let error = outcome.expect_err(call);
            let expected = match (call, fault.status) {
                // What refuses `resetCreds` cannot revoke.
                ("delete Token", 400) => FaultKind::Unsupported,
                _ if creates => fault.creation,
                _ => fault.repeatable,
            };
            assert_eq!(error.kind, expected, "{call} answered {}: {error}", fault.status);
        }
    }
}

#[tokio::test]
async fn maintenance_is_said_and_waited_out_on_every_call() {
    let body = json!({
        "status": "failed",
        "error": "maintenance",
        "message": "down until noon",
        "retryAfter": "900",
    });
    let quarter = FaultKind::Unavailable(Some(Duration::from_mins(15)));
    for (call, _, outcome) in every_call(&|| answering(503, &[("retry-after", "900")], &body.to_string())).await {
        let error = outcome.expect_err(call);
        assert_eq!(error.kind, quarter, "{call}");
        assert_eq!(error.message, "the platform is under maintenance (status 503)", "{call}");
    }
    // Without its word it is any other outage.
    let server = answering(503, &[("retry-after", "900")], "");
    let error = find_user(acting(&server).as_ref(), by_id("jane")).await.unwrap_err();
    assert_eq!((error.kind, error.message.contains("maintenance")), (quarter, false));
}

#[tokio::test]
async fn under_maintenance_a_gateway_is_left_alone() {
    let server = answering(503, &[("retry-after", "900")], r#"{"status":"failed","error":"maintenance"}"#);
    let platform = rockit(&server, None);
    let acts = platform.acting_as(&account()).unwrap();
    find_user(acts.as_ref(), by_id("jane")).await.unwrap_err();
    server.seen();
    let error = find_user(acts.as_ref(), by_id("jane")).await.unwrap_err();
    assert!(matches!(error.kind, FaultKind::Unavailable(Some(_))), "{error}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_success_that_says_that_it_failed_is_none() {
    let unavailable = FaultKind::Unavailable(None);
    let cases = [
        ("maintenance", unavailable, unavailable),
        ("item-exists", FaultKind::AlreadyExists, FaultKind::AlreadyExists),
        ("invalid-param", FaultKind::Invalid, FaultKind::Invalid),
        ("unauthorized", FaultKind::Unauthenticated, FaultKind::Unauthenticated),
        ("whatever", unavailable, FaultKind::OutcomeUnknown),
    ];
    for (word, repeatable, creation) in cases {
        let body = json!({ "status": "failed", "error": word, "message": "no" }).to_string();
        for (call, creates, outcome) in every_call(&|| answering(200, &[], &body)).await {
            let error = outcome.expect_err(call);
            assert_eq!(error.kind, if creates { creation } else { repeatable }, "{call}: {word}");
            assert!(!error.to_string().contains("whatever"), "{error}");
        }
    }
}

#[tokio::test]
async fn what_is_cut_off_may_have_happened_if_it_creates() {
    for body in ["", "{\"status\":\"succ", "[1"] {
        for (call, creates, outcome) in every_call(&|| answering(200, &[], body)).await {
            let done = ["update User", "delete User", "delete Token"];
            if done.contains(&call) {
                outcome.expect(call);
            } else {
                let expected = if creates { FaultKind::OutcomeUnknown } else { FaultKind::Unavailable(None) };
                assert_eq!(outcome.expect_err(call).kind, expected, "{call}: {body}");
            }
        }
    }
}

#[tokio::test]
async fn a_refused_credential_is_said() {
    let not_so = ["find Organization", "authenticate"];
    for (status, kind) in [(401, FaultKind::Unauthenticated), (403, FaultKind::Forbidden)] {
        for (call, _, outcome) in every_call(&|| answering(status, &[], "")).await {
            if !not_so.contains(&call) {
                assert_eq!(outcome.expect_err(call).kind, kind, "{call}");
            }
        }
    }
}

#[tokio::test]
async fn a_refused_parameter_is_named_in_our_own_words() {
    let body = json!({ "status": "failed", "error": "invalid-param", "message": "no: orgPrivPW", "param": "surname" });
    let platform = rockit(&answering(400, &[], &body.to_string()), None);
    let error = Backend::<Organization>::create(&platform, new_organization()).await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Invalid);
    assert_eq!(error.message, "the platform refuses the parameter surname (status 400)");
    let body = json!({ "status": "failed", "error": "invalid-param", "message": "surname is bad" });
    let platform = rockit(&answering(400, &[], &body.to_string()), None);
    let error = Backend::<Organization>::create(&platform, new_organization()).await.unwrap_err();
    assert_eq!(error.message, "the platform refuses what was asked (status 400)");
}
