//! Users in more than one organisation, and the end of a membership.

use org_operator::domain::entity::Kind;
use org_operator::embedded::{DirectoryError, OPERATOR};

use crate::fixture::{Fixture, at};

#[tokio::test]
async fn deleting_ends_the_membership_and_the_last_one_takes_the_user() {
    let fixture = Fixture::new().await;
    let one = fixture.organization("One").await;
    let two = fixture.organization("Two").await;
    // The default projects of both are there before, and stay.
    fixture.user(&one, "first").await;
    fixture.user(&two, "first").await;
    let rows = fixture.rows().await;
    let directory = &fixture.directory;

    let user = fixture.user(&one, "jo").await;
    let (_, in_one) = fixture.token(&one, &user).await;
    directory.delete_user(&two.id, &user.id).await.unwrap();
    assert!(directory.user(&one.id, &user.id).await.unwrap().is_some(), "was no member there");

    let there =
        directory.add_member(&OPERATOR, &two.id, &user.id, Some(vec!["Viewers".to_owned()]), at(0)).await.unwrap();
    assert_eq!((there.id.as_str(), there.roles.as_deref().unwrap()), (user.id.as_str(), &["Viewers".to_owned()][..]));
    let (_, in_two) = fixture.token(&two, &there).await;

    directory.delete_user(&one.id, &user.id).await.unwrap();
    assert_eq!(directory.user(&one.id, &user.id).await.unwrap(), None);
    assert!(!fixture.authenticates(&in_one, at(1)).await);
    assert!(fixture.authenticates(&in_two, at(1)).await);

    directory.delete_user(&two.id, &user.id).await.unwrap();
    directory.delete_user(&two.id, &user.id).await.unwrap();
    assert!(!fixture.authenticates(&in_two, at(1)).await);
    assert_eq!(fixture.rows().await, rows);
}

#[tokio::test]
async fn becoming_a_member_again_sets_the_roles() {
    let fixture = Fixture::new().await;
    let one = fixture.organization("One").await;
    let user = fixture.user(&one, "jo").await;
    let again = fixture
        .directory
        .add_member(&OPERATOR, &one.id, &user.id, Some(vec!["Administrators".to_owned()]), at(0))
        .await
        .unwrap();
    assert_eq!(again.roles.unwrap(), ["Administrators"]);
    assert_eq!(again.owner, user.owner);
    let two = fixture.organization("Two").await;
    fixture.user(&two, "jo").await;
    let taken = fixture.directory.add_member(&OPERATOR, &two.id, &user.id, None, at(0)).await;
    assert!(matches!(taken, Err(DirectoryError::AlreadyExists { .. })), "{taken:?}");
    for (organization, id, kind) in
        [(one.id.as_str(), "no such", Kind::User), ("no such", &user.id, Kind::Organization)]
    {
        let refused = fixture.directory.add_member(&OPERATOR, organization, id, None, at(0)).await;
        assert!(matches!(&refused, Err(DirectoryError::NotFound { kind: k, .. }) if *k == kind), "{refused:?}");
    }
}

#[tokio::test]
async fn a_user_of_no_organisation_is_left_alone() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    // As a dialect leaves one whose users come before their memberships.
    fixture
        .execute(
            "INSERT INTO users (id, kind, username, enabled, created_at) \
             VALUES ('early', 'Person', 'early', TRUE, 0)",
        )
        .await;
    let directory = &fixture.directory;
    directory.delete_user(&organization.id, "early").await.unwrap();
    directory.prune_organization(&organization.id).await.unwrap();
    let left: String = fixture.value("SELECT id FROM users").await;
    assert_eq!(left, "early");

    let home = fixture.organization("Home").await;
    let member = directory.add_member(&OPERATOR, &home.id, "early", None, at(0)).await.unwrap();
    assert_eq!((member.username.as_str(), member.owner), ("early", None));
}
