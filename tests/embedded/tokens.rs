//! Tokens: minting, expiry, revocation, and whom they authenticate.

use org_operator::domain::entity::{Kind, OfUser, TokenChange, UserType};
use org_operator::embedded::{DirectoryError, OPERATOR, Principal};
use secrecy::ExposeSecret;

use crate::fixture::{Fixture, at, new_token, of};

#[tokio::test]
async fn a_minted_token_authenticates_its_user() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = fixture.user(&organization, "ci").await;
    let of = of(&organization, &user);
    let mut new = new_token("k", &of);
    new.expires_at = Some(at(3600));
    let minted = fixture.directory.mint_token(&OPERATOR, new, at(10)).await.unwrap();
    let (record, value) = (minted.record, minted.one_time.unwrap());
    assert_eq!((record.issued_at, record.expires_at), (Some(at(10)), Some(at(3600))));
    assert_eq!(record.owner.as_deref(), Some("owner of the token"));
    assert_eq!(
        fixture.directory.authenticate(&value, at(11)).await.unwrap(),
        Some(Principal {
            user_id: user.id,
            organization_id: organization.id,
            username: "ci".to_owned(),
            user_type: UserType::Machine,
            roles: vec!["Users".to_owned()],
            token_id: Some(record.id.clone()),
        })
    );
    assert_eq!(fixture.directory.token(&of, &record.id, at(11)).await.unwrap(), Some(record.clone()));
    assert_eq!(fixture.directory.tokens(&of, at(11)).await.unwrap(), [record]);
    assert!(!format!("{:?}", fixture.directory).contains(value.expose_secret()));
}

#[tokio::test]
async fn the_value_is_nowhere_in_the_database() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = fixture.user(&organization, "ci").await;
    let (id, value) = fixture.token(&organization, &user).await;
    let path = fixture.path();
    fixture.directory.close().await;
    let signature = value.expose_secret().rsplit('.').next().unwrap();
    let bytes = std::fs::read(path.join("directory.sqlite")).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&id), "the search finds what is there");
    assert!(!holds(signature));
}

#[tokio::test]
async fn a_token_ends_at_its_second_and_not_before() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = fixture.user(&organization, "ci").await;
    let of = of(&organization, &user);
    let mut new = new_token("k", &of);
    // Cut to whole seconds, as the claim is.
    new.expires_at = Some(at(100) + jiff::SignedDuration::from_millis(900));
    let minted = fixture.directory.mint_token(&OPERATOR, new, at(0)).await.unwrap();
    let (id, value) = (minted.record.id, minted.one_time.unwrap());
    assert_eq!(minted.record.expires_at, Some(at(100)));
    for (now, live) in
        [(at(0), true), (at(100) - jiff::SignedDuration::from_millis(1), true), (at(100), false), (at(101), false)]
    {
        assert_eq!(fixture.authenticates(&value, now).await, live, "{now}");
        assert_eq!(fixture.directory.token(&of, &id, now).await.unwrap().is_some(), live, "{now}");
        assert_eq!(fixture.directory.tokens(&of, now).await.unwrap().len(), usize::from(live), "{now}");
    }
    for end in [at(0), at(-1), at(0) + jiff::SignedDuration::from_millis(999)] {
        let mut past = new_token("", &of);
        past.expires_at = Some(end);
        let refused = fixture.directory.mint_token(&OPERATOR, past, at(0)).await;
        assert!(matches!(refused, Err(DirectoryError::Invalid { .. })), "{end}: {refused:?}");
    }
}

#[tokio::test]
async fn the_same_key_gives_the_first_token_and_its_value_while_it_lives() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = fixture.user(&organization, "ci").await;
    let other = fixture.user(&organization, "other").await;
    let of_other = of(&organization, &other);
    let of = of(&organization, &user);
    let mint =
        async |of: &OfUser, key: &str, now| fixture.directory.mint_token(&OPERATOR, new_token(key, of), now).await;

    let first = mint(&of, "k", at(0)).await.unwrap();
    let again = mint(&of, "k", at(50)).await.unwrap();
    assert_eq!(again.record, first.record);
    assert_eq!(again.one_time.unwrap().expose_secret(), first.one_time.as_ref().unwrap().expose_secret());
    assert_ne!(mint(&of, "k2", at(0)).await.unwrap().record.id, first.record.id);
    assert_ne!(mint(&of_other, "k", at(0)).await.unwrap().record.id, first.record.id);
    assert_eq!(fixture.directory.tokens(&of, at(0)).await.unwrap().len(), 2);

    fixture.directory.revoke_token(&of, &first.record.id, at(60)).await.unwrap();
    let spent = mint(&of, "k", at(61)).await;
    assert!(matches!(&spent, Err(DirectoryError::Spent { id }) if *id == first.record.id), "{spent:?}");
    assert_eq!(fixture.directory.tokens(&of, at(61)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn values_outlive_a_restart() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = fixture.user(&organization, "ci").await;
    let first =
        fixture.directory.mint_token(&OPERATOR, new_token("k", &of(&organization, &user)), at(0)).await.unwrap();
    let value = first.one_time.unwrap();
    let fixture = fixture.reopen().await;
    assert!(fixture.authenticates(&value, at(1)).await);
    let again =
        fixture.directory.mint_token(&OPERATOR, new_token("k", &of(&organization, &user)), at(5)).await.unwrap();
    assert_eq!(again.one_time.unwrap().expose_secret(), value.expose_secret());
}

#[tokio::test]
async fn what_does_not_authenticate() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = fixture.user(&organization, "ci").await;
    let disabled = fixture.user(&organization, "disabled").await;
    let deleted = fixture.user(&organization, "deleted").await;
    let gone = fixture.organization("Gone").await;
    let homeless = fixture.user(&gone, "homeless").await;

    let (revoked_id, revoked) = fixture.token(&organization, &user).await;
    let (_, live) = fixture.token(&organization, &user).await;
    let (_, of_disabled) = fixture.token(&organization, &disabled).await;
    let (_, of_deleted) = fixture.token(&organization, &deleted).await;
    let (_, of_pruned) = fixture.token(&gone, &homeless).await;
    let all = [&revoked, &live, &of_disabled, &of_deleted, &of_pruned];
    for token in all {
        assert!(fixture.authenticates(token, at(1)).await);
    }

    let directory = &fixture.directory;
    directory.revoke_token(&of(&organization, &user), &revoked_id, at(1)).await.unwrap();
    fixture.execute("UPDATE users SET enabled = FALSE WHERE username = 'disabled'").await;
    directory.delete_user(&organization.id, &deleted.id).await.unwrap();
    directory.prune_organization(&gone.id).await.unwrap();
    assert!(fixture.authenticates(&live, at(2)).await);
    for (why, token) in [
        ("revoked", &revoked),
        ("disabled", &of_disabled),
        ("deleted", &of_deleted),
        ("pruned", &of_pruned),
        ("empty", &"".into()),
        ("no token", &"Bearer".into()),
        ("cut", &live.expose_secret()[..live.expose_secret().len() - 1].into()),
    ] {
        assert!(!fixture.authenticates(token, at(2)).await, "{why}");
    }
    // Another directory has another key.
    let elsewhere = Fixture::new().await;
    assert!(!elsewhere.authenticates(&live, at(2)).await);
}

#[tokio::test]
async fn a_signed_token_whose_row_says_something_else_does_not_authenticate() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = fixture.user(&organization, "ci").await;
    let (_, value) = fixture.token(&organization, &user).await;
    fixture.execute("UPDATE tokens SET issued_at = issued_at + 1000").await;
    assert!(!fixture.authenticates(&value, at(2)).await);
}

#[tokio::test]
async fn the_owner_mark_changes_and_revoking_twice_is_fine() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = fixture.user(&organization, "ci").await;
    let stranger = fixture.user(&organization, "stranger").await;
    let (mine, theirs) = (of(&organization, &user), of(&organization, &stranger));
    let (id, value) = fixture.token(&organization, &user).await;
    let directory = &fixture.directory;

    for owner in [Some("new"), None] {
        let change = TokenChange { owner: Some(owner.map(str::to_owned)) };
        let changed = directory.update_token(&mine, &id, change, at(1)).await.unwrap();
        assert_eq!(changed.owner.as_deref(), owner);
        assert_eq!(directory.token(&mine, &id, at(1)).await.unwrap(), Some(changed));
    }
    let same = directory.update_token(&mine, &id, TokenChange::default(), at(1)).await.unwrap();
    assert_eq!(same.owner, None);

    // Not through another user.
    assert_eq!(directory.token(&theirs, &id, at(1)).await.unwrap(), None);
    let refused = directory.update_token(&theirs, &id, TokenChange::default(), at(1)).await;
    assert!(matches!(refused, Err(DirectoryError::NotFound { kind: Kind::Token, .. })), "{refused:?}");
    directory.revoke_token(&theirs, &id, at(1)).await.unwrap();
    assert!(fixture.authenticates(&value, at(1)).await);

    directory.revoke_token(&mine, &id, at(2)).await.unwrap();
    directory.revoke_token(&mine, &id, at(3)).await.unwrap();
    directory.revoke_token(&mine, "never there", at(3)).await.unwrap();
    let revoked_at: i64 = fixture.value("SELECT revoked_at FROM tokens").await;
    assert_eq!(revoked_at, at(2).as_millisecond(), "the first time counts");
    assert_eq!(directory.token(&mine, &id, at(3)).await.unwrap(), None);
    let refused = directory.update_token(&mine, &id, TokenChange::default(), at(3)).await;
    assert!(matches!(refused, Err(DirectoryError::NotFound { .. })), "{refused:?}");
}
