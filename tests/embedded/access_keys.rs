//! Access keys: giving, showing, replacing and revoking the one secret of a member.

use org_operator::domain::entity::{Kind, OfUser};
use org_operator::embedded::{DirectoryError, OPERATOR};
use secrecy::{ExposeSecret as _, SecretString};

use crate::fixture::{Fixture, at, of};

async fn holder(fixture: &Fixture, value: &SecretString) -> Option<String> {
    let found = fixture.directory.authenticate_access_key(value).await.unwrap();
    found.map(|principal| principal.user_id)
}

async fn shown(fixture: &Fixture, of: &OfUser) -> Option<String> {
    let shown = fixture.directory.access_key(of).await.unwrap();
    shown.map(|value| value.expose_secret().to_owned())
}

#[tokio::test]
async fn a_key_is_shown_again_until_it_is_replaced_or_revoked() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = fixture.user(&organization, "jo").await;
    let of = of(&organization, &user);
    assert_eq!(shown(&fixture, &of).await, None);

    let first = fixture.directory.renew_access_key(&of).await.unwrap();
    let text = first.expose_secret().to_owned();
    assert_eq!(text.len(), 32);
    assert!(text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{text}");
    let principal = fixture.directory.authenticate_access_key(&first).await.unwrap().unwrap();
    assert_eq!((&*principal.username, &principal.organization_id), ("jo", &organization.id));
    assert_eq!((principal.roles, principal.token_id), (vec!["Users".to_owned()], None));

    let fixture = fixture.reopen().await;
    assert_eq!(shown(&fixture, &of).await, Some(text.clone()));
    assert_eq!(holder(&fixture, &first).await, Some(user.id.clone()));

    let second = fixture.directory.renew_access_key(&of).await.unwrap();
    assert_eq!(holder(&fixture, &first).await, None, "replaced");
    assert_eq!(holder(&fixture, &second).await, Some(user.id.clone()));

    fixture.directory.revoke_access_key(&of).await.unwrap();
    assert_eq!((shown(&fixture, &of).await, holder(&fixture, &second).await), (None, None), "revoked");
    fixture.directory.revoke_access_key(&of).await.unwrap();

    let third = fixture.directory.renew_access_key(&of).await.unwrap();
    assert_eq!(holder(&fixture, &third).await, Some(user.id.clone()));
    for ended in [&first, &second] {
        assert_ne!(third.expose_secret(), ended.expose_secret());
        assert_eq!(holder(&fixture, ended).await, None);
    }
}

#[tokio::test]
async fn a_key_ends_with_its_member_and_does_not_come_back() {
    let fixture = Fixture::new().await;
    let (one, two) = (fixture.organization("One").await, fixture.organization("Two").await);
    let user = fixture.user(&one, "jo").await;
    fixture.directory.add_member(&OPERATOR, &two.id, &user.id, None, at(1)).await.unwrap();
    let (in_one, in_two) = (of(&one, &user), of(&two, &user));
    let here = fixture.directory.renew_access_key(&in_one).await.unwrap();
    let there = fixture.directory.renew_access_key(&in_two).await.unwrap();
    assert_ne!(here.expose_secret(), there.expose_secret());

    fixture.directory.delete_user(&one.id, &user.id).await.unwrap();
    assert_eq!(holder(&fixture, &here).await, None);
    assert_eq!(holder(&fixture, &there).await, Some(user.id.clone()), "of another organisation");
    let refused = fixture.directory.renew_access_key(&in_one).await.unwrap_err();
    assert!(matches!(refused, DirectoryError::NotFound { kind: Kind::User, .. }), "{refused:?}");

    fixture.directory.add_member(&OPERATOR, &one.id, &user.id, None, at(2)).await.unwrap();
    let again = fixture.directory.renew_access_key(&in_one).await.unwrap();
    assert_ne!(again.expose_secret(), here.expose_secret());
    assert_eq!(holder(&fixture, &here).await, None, "back again");

    fixture.directory.prune_organization(&two.id).await.unwrap();
    assert_eq!(holder(&fixture, &there).await, None, "pruned");
}

#[tokio::test]
async fn nobody_is_found_by_what_is_no_key_or_while_disabled() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = fixture.user(&organization, "jo").await;
    let key = fixture.directory.renew_access_key(&of(&organization, &user)).await.unwrap();
    let digest: String = fixture.value("SELECT digest FROM access_keys").await;
    let upper = key.expose_secret().to_uppercase();
    for wrong in ["", "null", &digest, &key.expose_secret()[1..], &upper] {
        assert_eq!(holder(&fixture, &wrong.into()).await, None, "{wrong}");
    }
    fixture.execute("UPDATE users SET enabled = FALSE").await;
    assert_eq!(holder(&fixture, &key).await, None, "disabled");
}

#[tokio::test]
async fn a_row_that_another_signing_key_made_gives_nothing() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = fixture.user(&organization, "jo").await;
    let of = of(&organization, &user);
    let key = fixture.directory.renew_access_key(&of).await.unwrap();
    // The digest alone does not make a key: the value has to be this directory's for that serial.
    fixture.execute("UPDATE access_keys SET serial = serial + 1").await;
    assert_eq!(holder(&fixture, &key).await, None);
}

#[tokio::test]
async fn the_value_does_not_reach_the_disk() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = fixture.user(&organization, "jo").await;
    let key = fixture.directory.renew_access_key(&of(&organization, &user)).await.unwrap();
    let digest: String = fixture.value("SELECT digest FROM access_keys").await;
    let path = fixture.path();
    fixture.directory.close().await;
    let mut seen_digest = false;
    for entry in std::fs::read_dir(path).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        seen_digest |= holds(&digest);
        assert!(!holds(key.expose_secret()));
    }
    assert!(seen_digest, "the search finds what is there");
}
