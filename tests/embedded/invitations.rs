//! Invitations: the account of a new person waits for the link in their mail.

use std::time::Duration;

use org_operator::domain::entity::UserType;
use org_operator::embedded::{DirectoryError, Invitation, OPERATOR, Opened};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;

use crate::fixture::{Fixture, INVITING, at, new_admin, new_organization, new_user, of};

async fn with_an_admin(fixture: &Fixture) {
    let mut new = new_organization("k", "Example");
    new.admin = Some(new_admin("correct horse"));
    fixture.directory.create_organization(&INVITING, new, at(0)).await.unwrap();
}

#[tokio::test]
async fn the_link_enables_the_account_once_and_another_code_never() {
    let fixture = Fixture::new().await;
    with_an_admin(&fixture).await;
    assert!(!fixture.logs_in("Example", "admin", "correct horse").await, "not before the link is opened");
    let [invitation] = <[_; 1]>::try_from(fixture.directory.invitations().await.unwrap()).unwrap();
    assert_eq!((&*invitation.organization, &*invitation.username), ("Example", "admin"));
    assert_eq!((&*invitation.email, invitation.first_name.as_deref()), ("admin@example.org", Some("Ada")));
    assert_eq!((invitation.created_at, invitation.sent_at), (at(0), None));
    let path = invitation.path();
    assert_eq!(path.expose_secret(), format!("/invitations/{}/{}", invitation.id, invitation.code.expose_secret()));
    assert!(!format!("{invitation:?}").contains(invitation.code.expose_secret()), "the code is not printed");

    let open = async |id: &str, code: &str| {
        fixture.directory.open_invitation(id, &SecretString::from(code), "another".into()).await.unwrap()
    };
    let code = invitation.code.expose_secret();
    for (id, code) in [(&*invitation.id, ""), (&*invitation.id, "x"), (&*invitation.id, &code[1..]), ("other", code)] {
        assert_eq!(open(id, code).await, None, "{id}/{code}");
    }
    assert!(!fixture.logs_in("Example", "admin", "correct horse").await);
    let opened = Opened { organization: "Example".to_owned(), username: "admin".to_owned(), password_set: false };
    assert_eq!(open(&invitation.id, code).await, Some(opened));
    assert!(!fixture.logs_in("Example", "admin", "another").await, "the account had a password");
    assert!(fixture.logs_in("Example", "admin", "correct horse").await);
    assert_eq!(open(&invitation.id, code).await, None, "the second time there is none");
    assert!(fixture.directory.invitations().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_invitation_outlives_the_process_and_keeps_when_it_was_sent() {
    let fixture = Fixture::new().await;
    with_an_admin(&fixture).await;
    let before = fixture.directory.invitations().await.unwrap();
    let fixture = fixture.reopen().await;
    let after = fixture.directory.invitations().await.unwrap();
    assert_eq!(before[0].code.expose_secret(), after[0].code.expose_secret());
    fixture.directory.invitation_sent(&after[0].id, at(7)).await.unwrap();
    fixture.directory.invitation_sent(&after[0].id, at(8)).await.unwrap();
    fixture.directory.invitation_sent("no such", at(8)).await.unwrap();
    let sent = fixture.directory.invitations().await.unwrap();
    assert_eq!(sent[0].sent_at, Some(at(7)), "still there, because nobody opened it");
}

#[tokio::test]
async fn people_with_an_address_are_invited_and_nobody_else() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = async |rules, name: &str, user_type, email: Option<&str>| {
        let mut new = new_user(name, &organization.id, name);
        (new.user_type, new.email) = (user_type, email.map(str::to_owned));
        fixture.directory.create_user(rules, new, at(0)).await.unwrap()
    };
    user(&INVITING, "machine", UserType::Machine, Some("m@example.org")).await;
    user(&INVITING, "nowhere", UserType::Person, None).await;
    user(&OPERATOR, "uninvited", UserType::Person, Some("u@example.org")).await;
    assert!(fixture.directory.invitations().await.unwrap().is_empty());
    let jo = user(&INVITING, "jo", UserType::Person, Some("jo@example.org")).await;
    assert_eq!(fixture.directory.invitations().await.unwrap().len(), 1);
    user(&INVITING, "jo", UserType::Person, Some("jo@example.org")).await;
    assert_eq!(fixture.directory.invitations().await.unwrap().len(), 1, "a repetition invites nobody again");
    fixture.directory.delete_user(&organization.id, &jo.id).await.unwrap();
    assert!(fixture.directory.invitations().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_sender_is_woken_even_if_it_was_not_waiting() {
    let fixture = Fixture::new().await;
    let quick = Duration::from_millis(20);
    assert!(timeout(quick, fixture.directory.invited()).await.is_err(), "nobody was invited");
    with_an_admin(&fixture).await;
    timeout(Duration::from_secs(5), fixture.directory.invited()).await.unwrap();
    assert!(timeout(quick, fixture.directory.invited()).await.is_err(), "woken once");
}

#[tokio::test]
async fn a_sender_is_woken_by_a_caller_who_has_gone() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let mut new = new_user("k", &organization.id, "jo");
    (new.user_type, new.email) = (UserType::Person, Some("jo@example.org".to_owned()));
    let mut creating = Box::pin(fixture.directory.create_user(&INVITING, new, at(0)));
    assert!(futures::poll!(&mut creating).is_pending(), "it is queued");
    drop(creating);
    timeout(Duration::from_secs(5), fixture.directory.invited()).await.unwrap();
    assert_eq!(fixture.directory.invitations().await.unwrap().len(), 1, "not before the commit");
}

#[tokio::test]
async fn who_is_invited_again_has_no_password_and_one_link() {
    let fixture = Fixture::new().await;
    with_an_admin(&fixture).await;
    let organization = fixture.directory.organizations_by_name("Example").await.unwrap().remove(0);
    let admin = fixture.directory.users_by_name(&organization.id, "admin").await.unwrap().remove(0);
    let first = fixture.directory.invitations().await.unwrap().remove(0);
    fixture.directory.invite_again(&of(&organization, &admin), at(5)).await.unwrap();
    let [again] = <[_; 1]>::try_from(fixture.directory.invitations().await.unwrap()).unwrap();
    assert_eq!((again.created_at, again.sent_at), (at(5), None));
    let open = async |invitation: &Invitation| {
        fixture.directory.open_invitation(&invitation.id, &invitation.code, "given".into()).await.unwrap()
    };
    assert_eq!(open(&first).await, None, "the older link is dead");
    assert!(open(&again).await.unwrap().password_set);
    assert!(fixture.logs_in("Example", "admin", "given").await);
    assert!(!fixture.logs_in("Example", "admin", "correct horse").await);

    let machine = fixture.user(&organization, "machine").await;
    let refused = fixture.directory.invite_again(&of(&organization, &machine), at(6)).await;
    assert!(matches!(refused, Err(DirectoryError::NotFound { .. })), "{refused:?}");
}
