//! Credentials, maintenance, and what is shown late.

use std::time::Duration;

use org_operator::domain::condition::Reason;
use org_operator::domain::entity::{Lookup, NewUser, Organization, User};
use org_operator::domain::fault::{FaultKind, Requeue};
use org_operator::embedded::dialect::Quirk;
use org_operator::platform::{Backend, Error};
use secrecy::SecretString;

use super::{ids, refused};
use crate::operations::{Operation, Target};
use crate::subject::{Credential, PATIENCE, Platform, Subject, over_http};

/// The credential is tried by a call that changes nothing; with a wrong one nothing at all is done.
pub(crate) async fn is_proved_by_the_credential(subject: &Subject) {
    let rows = subject.rows().await;
    assert!(!subject.api.probe().await.unwrap().is_empty());
    let stranger = subject.stranger();
    match subject.variant.platform {
        Platform::Embedded => {}
        // The admin API takes no credential; the public one an invite code, which no call tries without using it.
        Platform::Rockfish => {
            let public = subject.public.as_ref().map(|listener| listener.address.clone());
            for (credential, expected) in
                [(Credential::Wrong, Some(FaultKind::Unauthenticated)), (Credential::Right, None)]
            {
                let api = subject.client(credential, &over_http(PATIENCE), [None, public.clone()]);
                api.probe().await.unwrap();
                assert_eq!(subject.rows().await, rows);
                let new = NewUser { roles: None, ..subject.new_person_in("", "howdy") };
                let made = Backend::<User>::create(&*api, new).await;
                assert_eq!(made.as_ref().err().map(|error| error.kind), expected);
                refused(
                    Backend::<Organization>::create(&*api, subject.new_organization("Alpha")).await,
                    FaultKind::Unsupported,
                );
            }
            return;
        }
        Platform::Tyk | Platform::Rockit => {
            refused(stranger.probe().await, FaultKind::Unauthenticated);
            let made = Backend::<Organization>::create(&*stranger, subject.new_organization("Alpha")).await;
            refused(made, FaultKind::Unauthenticated);
            let deleted = Backend::<Organization>::delete(
                &*stranger,
                &(),
                &subject.absent_id(org_operator::domain::entity::Kind::Organization),
            )
            .await;
            refused(deleted, FaultKind::Unauthenticated);
        }
    }
    assert_eq!(subject.rows().await, rows);
}

/// What was just made is shown when the client says that it is by then, and until then its absence is no error.
pub(crate) async fn comes_late_and_is_no_error_before(subject: &Subject) {
    let late = subject.variant.quirk == Some(Quirk::Late);
    let made = subject.create(subject.new_organization("Alpha")).await.unwrap().record;
    let lookups = [Lookup::Id(made.id.clone()), Lookup::Name("Alpha".to_owned())];
    let restarted = subject.restarted();
    for lookup in &lookups {
        match Backend::<Organization>::find(&*restarted, &(), lookup).await {
            Ok(found) => assert_eq!(ids(&found), if late { Vec::new() } else { vec![&*made.id] }),
            // A call that is not documented has to be seen to work before its 404 means anything.
            Err(error) => assert_eq!(error.kind, FaultKind::Unsupported),
        }
    }
    subject.resync();
    for lookup in &lookups {
        match Backend::<Organization>::find(&*restarted, &(), lookup).await {
            Ok(found) => assert_eq!(ids(&found), [&*made.id]),
            Err(error) => assert_eq!(error.kind, FaultKind::Unsupported),
        }
    }
    assert_eq!(subject.organizations_called("Alpha").await, 1);
}

/// In maintenance every call says until when, and none is sent before.
pub(crate) async fn rests_in_maintenance(subject: &Subject) {
    let rows = subject.rows().await;
    let target = Target {
        organization: "Alpha".to_owned(),
        organization_name: "Alpha".to_owned(),
        user: "ada".to_owned(),
        username: "ada".to_owned(),
        token: "key-0".to_owned(),
        value: SecretString::from("key"),
        word: "new".to_owned(),
    };
    let account = org_operator::platform::Account {
        organization: "Alpha".to_owned(),
        username: "account".to_owned(),
        key: "key".into(),
    };
    let mut waited = 0;
    for operation in Operation::ALL {
        let api = subject.restarted().acting_as(&account).unwrap();
        let Err(error) = operation.run(subject, &*api, &target).await else { continue };
        let sent = subject.exchanges().len();
        if error.kind == FaultKind::Unsupported {
            assert_eq!(sent, 0, "{operation:?}");
            continue;
        }
        let pause = Duration::from_mins(15);
        assert_eq!(error.kind, FaultKind::Unavailable(Some(pause)), "{operation:?}");
        assert_eq!(error.kind.outcome(), (Reason::PlatformUnavailable, Requeue::NotBefore(pause)));
        let again: Error = operation.run(subject, &*api, &target).await.unwrap_err();
        assert!(matches!(again.kind, FaultKind::Unavailable(Some(left)) if left <= pause), "{again:?}");
        assert_eq!((sent, subject.exchanges().len()), (1, 0), "{operation:?}");
        waited += 1;
    }
    assert!(waited > 8, "{waited}");
    assert_eq!(subject.rows().await, rows);
}
