//! Users.

use org_operator::domain::capability::{Capability, Support};
use org_operator::domain::entity::{Kind, Lookup, NewUser, User, UserChange, UserRecord, UserType};
use org_operator::domain::fault::FaultKind;
use org_operator::platform::{Backend, Error, Shown};
use secrecy::ExposeSecret as _;

use super::tokens::logs_in;
use super::{able, everything, ids, refused};
use crate::subject::{Org, Platform, Subject, mark};

async fn find(org: &Org, lookup: Lookup) -> Result<Vec<UserRecord>, Error> {
    Backend::<User>::find(&*org.api, &org.scope(), &lookup).await
}

async fn update(org: &Org, id: &str, change: &UserChange) -> Result<UserRecord, Error> {
    Backend::<User>::update(&*org.api, &org.scope(), id, change).await
}

async fn delete(org: &Org, id: &str) -> Result<(), Error> {
    Backend::<User>::delete(&*org.api, &org.scope(), id).await.map(drop)
}

/// Somebody is found by id, by username and by mark, with all that was asked for.
pub(crate) async fn are_found(subject: &Subject) {
    let org = subject.organization("Alpha").await;
    let ada = subject.person(&org, "ada").await;
    let (ci, _) = subject.machine(&org, "ci").await;
    subject.settle();
    for (made, word) in [(&ada, "ada"), (&ci, "ci")] {
        let lookups = [Lookup::Id(made.id.clone()), Lookup::Name(subject.username(word))];
        for lookup in lookups {
            let Some(found) = able(&*org.api, Capability::UserRead, find(&org, lookup).await) else { continue };
            assert_eq!((ids(&found), &*found[0].username), (vec![&*made.id], &*subject.username(word)));
            assert_eq!(found[0].owner, org.api.marks(Kind::User).then(|| mark(&subject.username(word))));
            if let Some(roles) = &found[0].roles {
                assert_eq!(*roles, [subject.admin_role()]);
            }
        }
        let marked = find(&org, Lookup::Owner(mark(&subject.username(word)))).await.unwrap();
        assert_eq!(ids(&marked), if org.api.marks(Kind::User) { vec![&*made.id] } else { Vec::new() });
    }
    let is = |record: &UserRecord| (record.email.clone(), record.first_name.clone(), record.last_name.clone());
    let person = subject.new_person(&org, "ada");
    if let Ok(found) = find(&org, Lookup::Id(ada.id.clone())).await {
        assert_eq!(is(&found[0]), (person.email, person.first_name, person.last_name));
    }
    // What a user may do lies in no role of the directory's there.
    if subject.variant.platform != Platform::Tyk {
        assert_eq!(subject.members_called(&org, "ada").await[0].roles, Some(vec![subject.admin_role()]));
    }
}

/// Who is not there is nobody, and a member of one organisation is none of another.
pub(crate) async fn that_are_absent_are_no_error(subject: &Subject) {
    let (org, other) = (subject.organization("Alpha").await, subject.organization("Beta").await);
    let ada = subject.person(&org, "ada").await;
    let _ = find(&org, Lookup::Id(ada.id.clone())).await;
    for (org, lookup) in [
        (&org, Lookup::Id(subject.absent_id(Kind::User))),
        (&org, Lookup::Name(subject.username("nobody"))),
        (&org, Lookup::Name("ad".to_owned())),
        (&other, Lookup::Id(ada.id.clone())),
        (&other, Lookup::Name(subject.username("ada"))),
    ] {
        // Users are of no organisation there.
        if org.id == other.id && subject.variant.platform == Platform::Rockfish {
            continue;
        }
        if let Some(found) = able(&*org.api, Capability::UserRead, find(org, lookup.clone()).await) {
            assert_eq!(found, [], "{lookup:?}");
        }
    }
    assert_eq!(find(&org, Lookup::Owner(mark("nobody"))).await.unwrap(), []);
}

/// The members of one organisation are listed, and nobody else.
pub(crate) async fn are_listed(subject: &Subject) {
    let (org, other) = (subject.organization("Alpha").await, subject.organization("Beta").await);
    let ada = subject.person(&org, "ada").await;
    let (ci, _) = subject.machine(&org, "ci").await;
    subject.person(&other, "bob").await;
    subject.settle();
    let listed = everything::<User, _>(&*org.api, &org.scope()).await;
    // Who is in which organisation is not shown there.
    if subject.variant.platform == Platform::Rockfish {
        return refused(listed, FaultKind::Unsupported);
    }
    let mut found = able(&*org.api, Capability::UserRead, listed).unwrap();
    // The administrator that creating the organisation made, and the account that is at work here.
    found.retain(|user| !["adminUser", "account"].contains(&&*user.username));
    let mut expected = [&*ada.id, &*ci.id];
    expected.sort_unstable();
    let mut found = ids(&found);
    found.sort_unstable();
    assert_eq!(found, expected);
}

/// Who is there is not made again.
pub(crate) async fn are_made_once(subject: &Subject) {
    let org = subject.organization("Alpha").await;
    let ada = subject.person(&org, "ada").await;
    let again = subject.add(&org, subject.new_person(&org, "ada")).await;
    let stranger =
        NewUser { owner: mark("stranger"), idempotency_key: "stranger".to_owned(), ..subject.new_person(&org, "ada") };
    match subject.variant.platform {
        Platform::Embedded => {
            assert_eq!(again.unwrap().0.id, ada.id);
            refused(subject.add(&org, stranger).await, FaultKind::AlreadyExists);
        }
        Platform::Tyk | Platform::Rockit => {
            refused(again, FaultKind::AlreadyExists);
            refused(subject.add(&org, stranger).await, FaultKind::AlreadyExists);
        }
        Platform::Rockfish => {
            assert_ne!(again.unwrap().0.id, ada.id);
            assert_eq!(subject.users_called(&org, "ada").await.len(), 2);
            return;
        }
    }
    assert_eq!(subject.users_called(&org, "ada").await.len(), 1);
    // Another organisation has its own.
    let other = subject.organization("Beta").await;
    subject.person(&other, "ada").await;
    assert_eq!(subject.users_called(&other, "ada").await.len(), 1);
}

/// What creating somebody shows is what the platform says that it shows, and it logs in.
pub(crate) async fn show_their_credential_once(subject: &Subject) {
    let org = subject.organization("Alpha").await;
    for (new, user_type) in
        [(subject.new_person(&org, "ada"), UserType::Person), (subject.new_machine(&org, "ci"), UserType::Machine)]
    {
        let (made, shown) = subject.add(&org, new).await.unwrap();
        assert_eq!(shown.is_some(), org.api.shows(Shown::UserToken(user_type)), "{user_type:?}");
        if let Some(shown) = shown {
            assert!(logs_in(&org, &org.of(&made.id), &shown).await.is_some(), "{user_type:?}");
            let wrong = format!("{}x", shown.expose_secret()).into();
            assert_eq!(logs_in(&org, &org.of(&made.id), &wrong).await, None);
        }
    }
}

/// A change is there afterwards, and what it does not name is as it was.
pub(crate) async fn are_changed_only_as_asked(subject: &Subject) {
    let org = subject.organization("Alpha").await;
    let ada = subject.person(&org, "ada").await;
    subject.settle();
    let change = UserChange { first_name: Some("Augusta".to_owned()), ..UserChange::default() };
    let changed = able(&*org.api, Capability::UserUpdate, update(&org, &ada.id, &change).await);
    if changed.is_some() {
        let found = find(&org, Lookup::Id(ada.id.clone())).await.unwrap().remove(0);
        let person = subject.new_person(&org, "ada");
        assert_eq!(found.first_name, change.first_name);
        assert_eq!((&found.email, &found.last_name), (&person.email, &person.last_name));
        assert_eq!((&found.roles, &found.username), (&person.roles, &person.username));
        refused(update(&org, &subject.absent_id(Kind::User), &change).await, FaultKind::NotFound);
    }
    update(&org, &ada.id, &UserChange::default()).await.unwrap();
    let mark_as = |owner| UserChange { owner: Some(owner), ..UserChange::default() };
    if org.api.marks(Kind::User) {
        let marked = update(&org, &ada.id, &mark_as(Some(mark("another")))).await.unwrap();
        assert_eq!(marked.owner, Some(mark("another")));
        assert_eq!(ids(&find(&org, Lookup::Owner(mark("another"))).await.unwrap()), [&*ada.id]);
        update(&org, &ada.id, &mark_as(None)).await.unwrap();
        assert_eq!(find(&org, Lookup::Owner(mark("another"))).await.unwrap(), []);
    } else {
        update(&org, &ada.id, &mark_as(None)).await.unwrap();
    }
}

/// Roles are given and taken, whole.
pub(crate) async fn have_the_roles_that_are_asked_for(subject: &Subject) {
    let org = subject.organization("Alpha").await;
    let none = subject.variant.platform == Platform::Tyk;
    let plain = NewUser {
        roles: Some(Vec::new()),
        // Without any permission a user of Tyk's is an administrator.
        permissions: none.then(|| [("apis".to_owned(), "read".to_owned())].into()),
        ..subject.new_person(&org, "ada")
    };
    let (ada, _) = subject.add(&org, plain).await.unwrap();
    subject.settle();
    let roles = async || match subject.variant.platform {
        // What a user may do lies in no role there.
        Platform::Tyk => find(&org, Lookup::Id(ada.id.clone())).await.unwrap().remove(0).roles.unwrap(),
        _ => subject.members_called(&org, "ada").await.remove(0).roles.unwrap(),
    };
    assert_eq!(roles().await, [""; 0]);
    for wanted in [vec![subject.admin_role()], Vec::new()] {
        let change = UserChange { roles: Some(wanted.clone()), ..UserChange::default() };
        able(&*org.api, Capability::Roles, update(&org, &ada.id, &change).await).unwrap();
        assert_eq!(roles().await, wanted);
    }
    let unknown = UserChange { roles: Some(vec!["Nonsense".to_owned()]), ..UserChange::default() };
    refused(update(&org, &ada.id, &unknown).await, FaultKind::Invalid);
    assert_eq!(roles().await, [""; 0]);
}

/// Who is deleted has no access any more, however often that is asked, and the others keep theirs.
pub(crate) async fn are_deleted_once_and_for_all(subject: &Subject) {
    let org = subject.organization("Alpha").await;
    let ada = subject.person(&org, "ada").await;
    subject.machine(&org, "ci").await;
    subject.settle();
    let _ = find(&org, Lookup::Id(ada.id.clone())).await;
    let deleted = able(&*org.api, Capability::UserDelete, delete(&org, &ada.id).await).is_some();
    assert_eq!(subject.count_members(&org, "ada").await, usize::from(!deleted));
    assert_eq!(subject.count_members(&org, "ci").await, 1);
    if deleted {
        delete(&org, &ada.id).await.unwrap();
        delete(&org, &subject.absent_id(Kind::User)).await.unwrap();
        assert_eq!(org.api.capabilities().of(Capability::UserDelete), Support::Supported);
        // A user of Rockfish's goes on, and is a member of nothing.
        if subject.variant.platform != Platform::Rockfish {
            assert_eq!(find(&org, Lookup::Id(ada.id.clone())).await.unwrap(), []);
            let next = NewUser { idempotency_key: "second".to_owned(), ..subject.new_person(&org, "ada") };
            subject.add(&org, next).await.unwrap();
        }
    }
}
