//! Tokens and passwords.

use std::time::Duration;

use org_operator::domain::capability::{Capability, Support};
use org_operator::domain::entity::{Created, Kind, Lookup, NewToken, NewUser, OfUser, Token, TokenRecord};
use org_operator::domain::fault::FaultKind;
use org_operator::embedded::dialect::Quirk;
use org_operator::platform::{AdminApi, Backend, Error, key_id};
use secrecy::SecretString;

use super::{able, everything, ids, refused};
use crate::subject::{Org, Platform, Subject, new_token};

async fn create(org: &Org, of: &OfUser, attempt: &str) -> Result<Created<Token>, Error> {
    Backend::<Token>::create(&*org.api, new_token(of, attempt)).await
}

async fn find(org: &Org, of: &OfUser, lookup: Lookup) -> Result<Vec<TokenRecord>, Error> {
    Backend::<Token>::find(&*org.api, of, &lookup).await
}

async fn delete(org: &Org, of: &OfUser, id: &str) -> Result<(), Error> {
    Backend::<Token>::delete(&*org.api, of, id).await.map(drop)
}

/// As what a value is seen to log in. Where nothing tells a wrong value from a missing right it is not seen to.
pub(super) async fn logs_in(org: &Org, of: &OfUser, value: &SecretString) -> Option<String> {
    match org.api.authenticates(of, value).await {
        Err(error) if error.kind == FaultKind::Unsupported => None,
        found => found.unwrap(),
    }
}

/// Whether the platform makes tokens for users at all.
fn makes_tokens(subject: &Subject) -> bool {
    subject.variant.platform != Platform::Rockit && subject.variant.quirk != Some(Quirk::TykHidesKeys)
}

/// Several live beside each other, or one takes the place of the one before.
pub(crate) async fn are_several_or_one(subject: &Subject) {
    let org = subject.organization("Alpha").await;
    let (ci, shown) = subject.machine(&org, "ci").await;
    subject.settle();
    let of = org.of(&ci.id);
    if !makes_tokens(subject) {
        refused(create(&org, &of, "1").await, FaultKind::Unsupported);
        assert!(logs_in(&org, &of, &shown.unwrap()).await.is_some(), "nothing was ended");
        return;
    }
    let (first, second) = (create(&org, &of, "1").await.unwrap(), create(&org, &of, "2").await.unwrap());
    subject.settle();
    let values = [first.one_time.unwrap(), second.one_time.unwrap()];
    let several = org.api.capabilities().of(Capability::TokensPerUser) == Support::Supported;
    assert_ne!(first.record.id, second.record.id);
    assert_eq!(logs_in(&org, &of, &values[0]).await, several.then(|| first.record.id.clone()));
    assert_eq!(logs_in(&org, &of, &values[1]).await, Some(second.record.id.clone()));
    if let Some(shown) = shown {
        assert_eq!(logs_in(&org, &of, &shown).await.is_some(), several);
    }
    if let Some(key) = org.api.key(&of).await.ok().flatten() {
        assert_eq!(key_id(&key), second.record.id);
    }
    let again = create(&org, &of, "2").await.map(|made| made.record.id);
    match subject.variant.platform {
        Platform::Embedded => assert_eq!(again.unwrap(), second.record.id),
        _ => assert_ne!(again.unwrap(), second.record.id),
    }
}

/// They are found and listed without their values, as far as the platform shows them; revoked ones are not.
pub(crate) async fn are_found_and_listed(subject: &Subject) {
    let org = subject.organization("Alpha").await;
    let (ci, _) = subject.machine(&org, "ci").await;
    subject.settle();
    let of = org.of(&ci.id);
    let made = if makes_tokens(subject) { create(&org, &of, "1").await.unwrap().record.id } else { "key-1".to_owned() };
    subject.settle();
    let listed = everything::<Token, _>(&*org.api, &of).await;
    let listed = able(&*org.api, Capability::TokenList, listed);
    if let Some(listed) = &listed {
        assert!(ids(listed).contains(&&*made), "{listed:?}");
    }
    match find(&org, &of, Lookup::Id(made.clone())).await {
        Ok(found) => {
            assert_eq!(ids(&found), [&*made]);
            let absent = Lookup::Id(subject.absent_id(Kind::Token));
            assert_eq!(find(&org, &of, absent).await.unwrap(), []);
        }
        Err(error) => assert_eq!(error.kind, FaultKind::Unsupported, "{error:?}"),
    }
    let marked = find(&org, &of, Lookup::Owner("suite/namespace/token".to_owned())).await.unwrap();
    assert_eq!(ids(&marked), if org.api.marks(Kind::Token) { vec![&*made] } else { Vec::new() });
    assert_eq!(find(&org, &of, Lookup::Owner("suite/namespace/tok".to_owned())).await.unwrap(), []);
}

/// A revoked one logs in nowhere, however often that is asked, and the others do.
pub(crate) async fn are_revoked_once_and_for_all(subject: &Subject) {
    let org = subject.organization("Alpha").await;
    let (ci, shown) = subject.machine(&org, "ci").await;
    subject.settle();
    let of = org.of(&ci.id);
    let (id, value) = if makes_tokens(subject) {
        let made = create(&org, &of, "1").await.unwrap();
        (made.record.id, made.one_time.unwrap())
    } else {
        let shown = shown.clone().unwrap();
        (key_id(&shown), shown)
    };
    subject.settle();
    let _ = find(&org, &of, Lookup::Id(id.clone())).await;
    let revoked = able(&*org.api, Capability::TokenRevoke, delete(&org, &of, &id).await).is_some();
    assert_eq!(logs_in(&org, &of, &value).await.is_some(), !revoked);
    if !revoked {
        return;
    }
    if subject.variant.platform != Platform::Rockit {
        delete(&org, &of, &id).await.unwrap();
        delete(&org, &of, &subject.absent_id(Kind::Token)).await.unwrap();
    }
    if let Some(shown) = shown.filter(|_| org.api.capabilities().of(Capability::TokensPerUser) == Support::Supported) {
        assert!(logs_in(&org, &of, &shown).await.is_some(), "the initial token goes on");
    }
    let next = org.of(&subject.absent_id(Kind::User));
    let _ = delete(&org, &next, &id).await;
}

/// One with an end ends then.
pub(crate) async fn end_when_they_are_to(subject: &Subject) {
    let org = subject.organization("Alpha").await;
    let (ci, _) = subject.machine(&org, "ci").await;
    subject.settle();
    let of = org.of(&ci.id);
    let expires_at = Some(subject.time.clock().now() + Duration::from_mins(10));
    let new = NewToken { expires_at, ..new_token(&of, "1") };
    let made = Backend::<Token>::create(&*org.api, new).await;
    let Some(made) = able(&*org.api, Capability::TokenExpiry, made) else { return };
    let value = made.one_time.unwrap();
    assert_eq!(logs_in(&org, &of, &value).await, Some(made.record.id.clone()));
    subject.time.pass(Duration::from_mins(10));
    assert_eq!(logs_in(&org, &of, &value).await, None);
    assert_eq!(find(&org, &of, Lookup::Id(made.record.id)).await.unwrap(), []);
}

/// A value is a user's own.
pub(crate) async fn log_in_as_nobody_else(subject: &Subject) {
    let (org, other) = (subject.organization("Alpha").await, subject.organization("Beta").await);
    let (ci, shown) = subject.machine(&org, "ci").await;
    let (cd, _) = subject.machine(&org, "cd").await;
    subject.settle();
    let value = match shown {
        Some(shown) => shown,
        None => create(&org, &org.of(&ci.id), "1").await.unwrap().one_time.unwrap(),
    };
    assert!(logs_in(&org, &org.of(&ci.id), &value).await.is_some());
    assert_eq!(logs_in(&org, &org.of(&cd.id), &value).await, None);
    assert_eq!(logs_in(&org, &org.of(&subject.absent_id(Kind::User)), &value).await, None);
    // Which organisation a token is for is not told there.
    if subject.variant.platform != Platform::Rockfish {
        assert_eq!(logs_in(&other, &other.of(&ci.id), &value).await, None);
    }
    for nonsense in ["", "a.b.c", "x\ny", "é"] {
        assert_eq!(logs_in(&org, &org.of(&ci.id), &nonsense.into()).await, None, "{nonsense:?}");
    }
}

/// A person's password is what it was set to.
pub(crate) async fn passwords_are_set(subject: &Subject) {
    let org = subject.organization("Alpha").await;
    let password = |text: &str| SecretString::from(text);
    let logs_in = async |text: &str| {
        let username = subject.username("ada");
        subject.directory.login("Alpha", &username, password(text)).await.unwrap().is_some()
    };
    let api: &dyn AdminApi = &*org.api;
    let new = NewUser { password: Some(password("correct horse")), ..subject.new_person(&org, "ada") };
    let Some((ada, _)) = able(api, Capability::InitialPassword, subject.add(&org, new).await) else {
        assert_eq!(subject.users_called(&org, "ada").await, [""; 0]);
        let set = api.set_password(&org.scope(), &subject.absent_id(Kind::User), password("battery")).await;
        return refused(set, FaultKind::Unsupported);
    };
    subject.settle();
    assert!(logs_in("correct horse").await);
    for _ in 0..2 {
        api.set_password(&org.scope(), &ada.id, password("battery staple")).await.unwrap();
        assert_eq!((logs_in("correct horse").await, logs_in("battery staple").await), (false, true));
    }
    let absent = subject.absent_id(Kind::User);
    refused(api.set_password(&org.scope(), &absent, password("battery")).await, FaultKind::NotFound);
}
