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
    Both,
    /// Neither.
    Nobody,
    /// The server would take it, and the client refuses what no person can tell apart.
    Server,
    /// No rule is documented, so the client knows none and the server says it.
    Client,
}

use Taken::{Both, Client, Nobody, Server};

fn names(platform: Platform) -> Vec<(String, Taken)> {
    let own = |names: &[(&str, Taken)]| names.iter().map(|(name, taken)| ((*name).to_owned(), *taken)).collect();
    let mut all: Vec<(String, Taken)> = match platform {
        Platform::Rockit => own(&[
            ("ab", Both),
            ("A_9", Both),
            ("__", Both),
            ("", Nobody),
            ("a", Nobody),
            ("a-b", Nobody),
            ("a.b", Nobody),
            ("a b", Nobody),
            ("äb", Nobody),
            ("ab\n", Nobody),
            ("a/b", Nobody),
            ("..", Nobody),
        ]),
        _ => own(&[
            ("a", Both),
            ("Example Organisation", Both),
            ("müller & söhne", Both),
            ("日本語 🦀", Both),
            ("a/b", Both),
            ("..", Both),
            ("?x=1#y%2F", Both),
            (r#"{"$ne": "\"}"#, Both),
            ("' OR 1=1 --", Both),
        ]),
    };
    match platform {
        Platform::Rockit => all.extend([("x".repeat(50), Both), ("x".repeat(51), Nobody)]),
        Platform::Embedded => {
            all.extend(own(&[("", Nobody), ("a\nb", Nobody), (" a", Nobody), ("a\u{202e}b", Nobody)]));
        }
        Platform::Tyk => all.extend(own(&[("a\nb", Nobody), ("", Server), ("  ", Server)])),
        Platform::Rockfish => all.extend(own(&[("", Client), ("a\nb", Client), (" a", Client)])),
    }
    if platform != Platform::Rockit {
        all.push(("ü".repeat(253), Both));
    }
    all
}

/// A name is taken or refused by client and server alike, and what was taken is found under exactly that name.
pub(crate) async fn of_organizations(subject: &Subject) {
    let api = &*subject.api;
    for (name, taken) in names(subject.variant.platform) {
        let checked = api.check_name(Kind::Organization, &name);
        assert_eq!(checked.is_ok(), matches!(taken, Both | Client), "{name:?}: {checked:?}");
        if taken != Both {
            assert_eq!(subject.try_elsewhere(&name).await.is_ok(), taken == Server, "{name:?}");
        }
        if taken == Server {
            continue;
        }
        let made = subject.create(subject.new_organization(&name)).await;
        if taken != Both {
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
            ("a@b".to_owned(), Both),
            ("ü@example.org".to_owned(), Both),
            ("a+b/c?d#e@example.org".to_owned(), Both),
            (long, Both),
        ]
        .into()
    } else {
        names(subject.variant.platform)
    };
    for (name, taken) in names {
        let checked = org.api.check_name(Kind::User, &name);
        assert_eq!(checked.is_ok(), taken == Both, "{name:?}: {checked:?}");
        let machine = subject.new_machine(&org, "word");
        let (username, email) = (name.clone(), emails.then(|| name.clone()));
        let new = NewUser { idempotency_key: format!("user {name}"), username, email, ..machine };
        let made = Backend::<User>::create(&*org.api, new).await;
        if taken != Both {
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
