//! Names at their limits.

use org_operator::domain::entity::{Kind, Lookup, NewUser, Organization, User};
use org_operator::domain::fault::FaultKind;
use org_operator::platform::Backend;

use super::refused;
use crate::subject::{Platform, Subject};

/// Who takes a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// Client and server.
    ByBoth,
    /// Neither.
    ByNobody,
    /// The server would take it, and the client refuses what no person can tell apart.
    ByServer,
    /// No rule is documented, so the client knows none and the server says it.
    ByClient,
}

use Taken::{ByBoth, ByClient, ByNobody, ByServer};

fn names(platform: Platform) -> Vec<(String, Taken)> {
    let own = |names: &[(&str, Taken)]| names.iter().map(|(name, taken)| ((*name).to_owned(), *taken)).collect();
    let mut all: Vec<(String, Taken)> = match platform {
        Platform::Rockit => own(&[
            ("ab", ByBoth),
            ("A_9", ByBoth),
            ("__", ByBoth),
            ("", ByNobody),
            ("a", ByNobody),
            ("a-b", ByNobody),
            ("a.b", ByNobody),
            ("a b", ByNobody),
            ("äb", ByNobody),
            ("ab\n", ByNobody),
            ("a/b", ByNobody),
            ("..", ByNobody),
        ]),
        _ => own(&[
            ("a", ByBoth),
            ("Example Organisation", ByBoth),
            ("müller & söhne", ByBoth),
            ("日本語 🦀", ByBoth),
            ("a/b", ByBoth),
            ("..", ByBoth),
            ("?x=1#y%2F", ByBoth),
            (r#"{"$ne": "\"}"#, ByBoth),
            ("' OR 1=1 --", ByBoth),
        ]),
    };
    match platform {
        Platform::Rockit => all.extend([("x".repeat(50), ByBoth), ("x".repeat(51), ByNobody)]),
        Platform::Embedded => {
            all.extend(own(&[("", ByNobody), ("a\nb", ByNobody), (" a", ByNobody), ("a\u{202e}b", ByNobody)]))
        }
        Platform::Tyk => all.extend(own(&[("a\nb", ByNobody), ("", ByServer), ("  ", ByServer)])),
        Platform::Rockfish => all.extend(own(&[("", ByClient), ("a\nb", ByClient), (" a", ByClient)])),
    }
    if platform != Platform::Rockit {
        all.push(("ü".repeat(253), ByBoth));
    }
    all
}

/// A name is taken or refused by client and server alike, and what was taken is found under exactly that name.
pub(crate) async fn of_organizations(subject: &Subject) {
    let api = &*subject.api;
    for (name, taken) in names(subject.variant.platform) {
        let checked = api.check_name(Kind::Organization, &name);
        assert_eq!(checked.is_ok(), matches!(taken, ByBoth | ByClient), "{name:?}: {checked:?}");
        if taken != ByBoth {
            assert_eq!(subject.try_elsewhere(&name).await.is_ok(), taken == ByServer, "{name:?}");
        }
        if taken == ByServer {
            continue;
        }
        let made = subject.create(subject.new_organization(&name)).await;
        if taken != ByBoth {
            refused(made, FaultKind::Invalid);
            assert_eq!(subject.organizations_called(&name).await, 0, "{name:?}");
            continue;
        }
        let made = made.unwrap().record;
        assert_eq!(made.name, name);
        assert_eq!(subject.organizations_called(&name).await, 1, "{name:?}");
        subject.settle();
        if let Ok(found) = Backend::<Organization>::find(api, &(), &Lookup::Name(name.clone())).await {
            assert_eq!(found.iter().map(|one| (&*one.name, &*one.id)).collect::<Vec<_>>(), [(&*name, &*made.id)]);
        }
    }
}

/// The same for users, where they have usernames; else for their e-mail addresses.
pub(crate) async fn of_users(subject: &Subject) {
    let org = subject.organization("Alpha").await;
    let emails = matches!(subject.variant.platform, Platform::Tyk | Platform::Rockfish);
    let names = if emails {
        let long = format!("{}@{}.example.org", "x".repeat(64), "y".repeat(63));
        [
            ("a@b".to_owned(), ByBoth),
            ("ü@example.org".to_owned(), ByBoth),
            ("a+b/c?d#e@example.org".to_owned(), ByBoth),
            (long, ByBoth),
        ]
        .into()
    } else {
        names(subject.variant.platform)
    };
    for (name, taken) in names {
        let checked = org.api.check_name(Kind::User, &name);
        assert_eq!(checked.is_ok(), taken == ByBoth, "{name:?}: {checked:?}");
        let machine = subject.new_machine(&org, "word");
        let (username, email) = (name.clone(), emails.then(|| name.clone()));
        let new = NewUser { idempotency_key: format!("user {name}"), username, email, ..machine };
        let made = Backend::<User>::create(&*org.api, new).await;
        if taken != ByBoth {
            refused(made, FaultKind::Invalid);
            continue;
        }
        let made = made.unwrap().record;
        assert_eq!(made.username, name);
        subject.settle();
        if let Ok(found) = Backend::<User>::find(&*org.api, &org.scope(), &Lookup::Name(name.clone())).await {
            assert_eq!(found.iter().map(|one| (&*one.username, &*one.id)).collect::<Vec<_>>(), [(&*name, &*made.id)]);
        }
    }
}
