//! Sessions: what a login is worth for a while.

use org_operator::embedded::{Principal, Session};
use secrecy::{ExposeSecret as _, SecretString};

use crate::fixture::{Fixture, at, new_admin, new_organization};

async fn logged_in(fixture: &Fixture) -> Principal {
    let mut new = new_organization("k", "Example");
    new.admin = Some(new_admin("correct horse"));
    fixture.directory.create_organization(&org_operator::embedded::OPERATOR, new, at(0)).await.unwrap();
    fixture.directory.login("Example", "admin", "correct horse".into()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_session_is_of_its_kind_and_ends_at_its_time() {
    let fixture = Fixture::new().await;
    let who = logged_in(&fixture).await;
    let directory = &fixture.directory;
    for (kind, other) in [(Session::Login, Session::Access), (Session::Access, Session::Login)] {
        let value = directory.open_session(kind, &who, at(60)).await.unwrap().unwrap();
        assert_eq!(directory.session(kind, &value, at(59)).await.unwrap().as_ref(), Some(&who));
        assert_eq!(directory.session(kind, &value, at(60)).await.unwrap(), None);
        assert_eq!(directory.session(other, &value, at(59)).await.unwrap(), None, "{other:?}");
        assert_eq!(directory.authenticate(&value, at(59)).await.unwrap(), None, "it is no token");
    }
}

#[tokio::test]
async fn a_session_ends_with_the_password_the_membership_and_the_user() {
    let fixture = Fixture::new().await;
    let who = logged_in(&fixture).await;
    let directory = &fixture.directory;
    let value = directory.open_session(Session::Access, &who, at(60)).await.unwrap().unwrap();
    let live = async || directory.session(Session::Access, &value, at(1)).await.unwrap().is_some();
    assert!(live().await);
    directory.set_password(&who.organization_id, &who.user_id, "battery staple".into()).await.unwrap();
    assert!(!live().await);
    let again = directory.open_session(Session::Access, &who, at(60)).await.unwrap().unwrap();
    directory.delete_user(&who.organization_id, &who.user_id).await.unwrap();
    assert!(directory.session(Session::Access, &again, at(1)).await.unwrap().is_none());
    assert!(directory.open_session(Session::Access, &who, at(60)).await.unwrap().is_none());
}

#[tokio::test]
async fn what_was_changed_or_comes_from_elsewhere_is_no_session() {
    let fixture = Fixture::new().await;
    let who = logged_in(&fixture).await;
    let other = Fixture::new().await;
    let stranger = logged_in(&other).await;
    let (own, foreign) = (
        fixture.directory.open_session(Session::Access, &who, at(60)).await.unwrap().unwrap(),
        other.directory.open_session(Session::Access, &stranger, at(60)).await.unwrap().unwrap(),
    );
    let parts: Vec<&str> = own.expose_secret().split('.').collect();
    let foreign_parts: Vec<&str> = foreign.expose_secret().split('.').collect();
    for wrong in [
        foreign.expose_secret().to_owned(),
        format!("{}.{}.{}", parts[0], foreign_parts[1], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        String::new(),
        "a.b.c".to_owned(),
    ] {
        let answer = fixture.directory.session(Session::Access, &SecretString::from(wrong.clone()), at(1)).await;
        assert_eq!(answer.unwrap(), None, "{wrong}");
    }
}
