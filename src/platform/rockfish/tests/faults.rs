//! What can go wrong, on every call.

use super::*;
use crate::platform::in_memory::faults;

/// Every call that sends something: its name, whether it creates, and what comes of it.
async fn every_call(fixture: &dyn Fn() -> Fixture) -> Vec<(&'static str, bool, Result<(), Error>)> {
    let (organizations, users, tokens) = (fixture(), fixture(), fixture());
    let all = [
        ("find Organization", false, organizations.organizations(by_id(ORGANIZATION)).await.map(drop)),
        ("find User", false, users.users(by_name("info@rockfish.ai")).await.map(drop)),
        ("find Token", false, tokens.tokens(by_id(TOKEN)).await.map(drop)),
        ("list Organizations", false, Backend::<Organization>::list(&fixture().platform, &(), None).await.map(drop)),
        ("list Tokens", false, Backend::<Token>::list(&fixture().platform, &of(), None).await.map(drop)),
        (
            "create Organization",
            true,
            Backend::<Organization>::create(&fixture().platform, new_organization()).await.map(drop),
        ),
        ("create User", true, Backend::<User>::create(&fixture().platform, new_user()).await.map(drop)),
        ("create Token", true, Backend::<Token>::create(&fixture().platform, new_token()).await.map(drop)),
        ("update User", false, fixture().update_user(roles(&[])).await.map(drop)),
        (
            "delete Organization",
            false,
            Backend::<Organization>::delete(&fixture().platform, &(), ORGANIZATION).await.map(drop),
        ),
        ("delete User", false, Backend::<User>::delete(&fixture().platform, &scope(), USER).await.map(drop)),
        ("delete Token", false, Backend::<Token>::delete(&fixture().platform, &of(), TOKEN).await.map(drop)),
        ("probe", false, fixture().platform.probe().await.map(drop)),
        (
            "default project",
            false,
            fixture().platform.default_project(ORGANIZATION, &[USER.to_owned()]).await.map(drop),
        ),
        ("authenticate", false, fixture().platform.authenticates(&of(), &VALUE.into()).await.map(drop)),
    ];
    all.into_iter().collect()
}

#[tokio::test]
async fn a_fault_means_the_same_on_every_call() {
    for fault in faults() {
        let broken = || {
            let fixture = fixture();
            fixture.admin.otherwise(fault.status, fault.headers, fault.body);
            fixture.public.otherwise(fault.status, fault.headers, fault.body);
            fixture
        };
        for (call, creates, outcome) in every_call(&broken).await {
            let error = outcome.expect_err(call);
            let expected = if creates { fault.creation } else { fault.repeatable };
            assert_eq!(error.kind, expected, "{call} answered {}: {error}", fault.status);
            assert!(fault.body.is_empty() || !error.to_string().contains(fault.body), "{error}");
        }
    }
}

#[tokio::test]
async fn a_refused_credential_is_said_on_every_call() {
    for (status, kind) in [(401, FaultKind::Unauthenticated), (403, FaultKind::Forbidden)] {
        let broken = || {
            let fixture = fixture();
            fixture.admin.otherwise(status, &[], "");
            fixture
        };
        for (call, _, outcome) in every_call(&broken).await.into_iter().filter(|(call, ..)| *call != "authenticate") {
            assert_eq!(outcome.expect_err(call).kind, kind, "{call}");
        }
    }
}

#[tokio::test]
async fn what_is_cut_off_or_another_object_may_have_happened_if_it_creates() {
    let other = r#"{"id":"other","name":"x","email":"x@example.org","token":"x"}"#;
    let cases = [("{\"id\":\"3p0LSg", true), ("[1]", true), ("", true), (other, false)];
    for (body, creations_too) in cases {
        let broken = || {
            let fixture = fixture();
            fixture.admin.otherwise(200, &[], body);
            fixture.public.otherwise(200, &[], body);
            fixture
        };
        for (call, creates, outcome) in every_call(&broken).await {
            // A success without a body that is needed is one, and so is any array of organisations.
            let needs_none = call.starts_with("delete") || call == "update User";
            if needs_none || (creates && !creations_too) || (call == "authenticate" && body == "[1]") {
                outcome.unwrap();
            } else {
                let expected = if creates { FaultKind::OutcomeUnknown } else { FaultKind::Unavailable(None) };
                assert_eq!(outcome.expect_err(call).kind, expected, "{call}: {body}");
            }
        }
    }
}

#[tokio::test]
async fn an_id_that_means_something_in_a_path_is_not_taken() {
    for id in ["", ".", "../x", "a/b", "a?b", "a%2fb", &"a".repeat(65)] {
        let fixture = fixture();
        let body = json!({ "id": id, "name": "internal", "email": "info@rockfish.ai", "token": "x" });
        fixture.admin.otherwise(201, &[], &body.to_string());
        let made = [
            Backend::<Organization>::create(&fixture.platform, new_organization()).await.map(drop),
            Backend::<User>::create(&fixture.platform, new_user()).await.map(drop),
            Backend::<Token>::create(&fixture.platform, new_token()).await.map(drop),
        ];
        for outcome in made {
            assert_eq!(outcome.unwrap_err().kind, FaultKind::OutcomeUnknown, "{id}");
        }
    }
}

#[tokio::test]
async fn no_reply_sends_the_operator_elsewhere() {
    let fixture = fixture();
    let id = "3p0LSgObZv9pU9t6wu14hf";
    let body = json!({ "id": id, "name": "internal", "self": "http://169.254.169.254/latest" });
    let elsewhere = [("location", "http://elsewhere.example/organization/x")];
    fixture.admin.text("POST /organization", 201, &elsewhere, &body.to_string());
    let made = Backend::<Organization>::create(&fixture.platform, new_organization()).await.unwrap();
    fixture.admin.seen();
    fixture.organizations(by_id(&made.record.id)).await.unwrap_err();
    assert_eq!(fixture.admin.calls(), [format!("GET /organization/{id}"), "GET /organization".to_owned()]);
}

#[tokio::test]
async fn no_secret_is_in_what_is_printed() {
    let fixture = invite_only();
    fixture.public.otherwise(500, &[], VALUE);
    let printed = format!("{:?}", fixture.platform);
    let error = Backend::<User>::create(&fixture.platform, new_user()).await.unwrap_err();
    let refused = fixture.platform.authenticates(&of(), &VALUE.into()).await.unwrap_err();
    for text in [printed, format!("{error:?} {error}"), format!("{refused:?} {refused}")] {
        assert!(!text.contains("aefah2Ef") && !text.contains(VALUE), "{text}");
    }
}
