//! Pruning an organisation.

use org_operator::domain::entity::{Kind, Record as _};
use org_operator::embedded::{DirectoryError, OPERATOR};

use crate::fixture::{Fixture, INVITING, at, new_admin, new_organization, new_token, new_user, of};

#[tokio::test]
async fn it_leaves_no_row_in_any_table() {
    let fixture = Fixture::new().await;
    let stays = fixture.organization("Stays").await;
    let member = fixture.user(&stays, "member").await;
    let (_, kept_token) = fixture.token(&stays, &member).await;
    let before = fixture.rows().await;

    let mut new = new_organization("k", "Goes");
    new.admin = Some(new_admin("secret"));
    let goes = fixture.directory.create_organization(&INVITING, new, at(0)).await.unwrap();
    let user = fixture.user(&goes, "user").await;
    let (_, lost_token) = fixture.token(&goes, &user).await;
    let (revoked, _) = fixture.token(&goes, &user).await;
    fixture.directory.revoke_token(&of(&goes, &user), &revoked, at(1)).await.unwrap();
    fixture.directory.renew_access_key(&of(&goes, &user)).await.unwrap();
    // One who is in both: the user stays, what they had here goes.
    let shared = fixture.directory.add_member(&OPERATOR, &goes.id, &member.id, None, at(0)).await.unwrap();
    let (_, shared_token) = fixture.token(&goes, &shared).await;
    for (table, rows) in fixture.rows().await {
        let earlier = before.iter().find(|(name, _)| *name == table).unwrap().1;
        let grows = !["meta", "_sqlx_migrations"].contains(&&*table);
        assert_eq!(rows > earlier, grows, "the organisation has something in {table}");
    }

    fixture.directory.prune_organization(&goes.id).await.unwrap();

    assert_eq!(fixture.rows().await, before);
    let directory = &fixture.directory;
    assert_eq!(directory.organization(&goes.id).await.unwrap(), None);
    assert!(!fixture.authenticates(&lost_token, at(2)).await);
    assert!(!fixture.authenticates(&shared_token, at(2)).await);
    assert!(!fixture.logs_in("Goes", "admin", "secret").await);
    assert!(fixture.authenticates(&kept_token, at(2)).await);
    assert_eq!(directory.user(stays.id(), member.id()).await.unwrap(), Some(member));

    directory.prune_organization(&goes.id).await.unwrap();
    directory.prune_organization("never there").await.unwrap();
    assert_eq!(fixture.rows().await, before);
}

#[tokio::test]
async fn afterwards_nothing_can_be_made_in_it_and_its_name_is_free() {
    let fixture = Fixture::new().await;
    let goes = fixture.organization("Goes").await;
    let user = fixture.user(&goes, "user").await;
    fixture.directory.prune_organization(&goes.id).await.unwrap();
    let rows = fixture.rows().await;
    let directory = &fixture.directory;

    let refused = directory.create_user(&OPERATOR, new_user("k", &goes.id, "late"), at(0)).await;
    assert!(matches!(refused, Err(DirectoryError::NotFound { kind: Kind::Organization, .. })), "{refused:?}");
    let refused = directory.mint_token(&OPERATOR, new_token("k", &of(&goes, &user)), at(0)).await;
    assert!(matches!(refused, Err(DirectoryError::NotFound { kind: Kind::User, .. })), "{refused:?}");
    assert_eq!(directory.users(&goes.id, None, 10).await.unwrap(), []);
    assert_eq!(fixture.rows().await, rows);

    let again = fixture.organization("Goes").await;
    assert_ne!(again.id, goes.id);
}
